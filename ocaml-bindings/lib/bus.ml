(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* A connection that threads share. One of those that wait polls for all; what arrives is an answer,
   which its waiter takes, or goes into a queue, out of which whoever turns the loop runs it. *)

type answer = (Value.t list, exn) result

type link =
  | Lost of string
  | Retrying of string
  | Reconnected of string option
  | Over of string

type handler =
  | On_answer of (answer -> unit)  (* runs with the lock: it may only take note *)
  | On_signal of (Raw.message -> unit)
  | On_call of (Raw.message -> Raw.invocation -> unit)
  | On_owner of (string option -> unit)
  | On_link of (link -> unit)

type work = { is_call : bool; run : unit -> unit }

type t = {
  raw : Raw.t;
  lock : Mutex.t;
  turned : Condition.t;  (* somebody has polled, and is done with it *)
  mutable is_polling : bool;
  mutable is_closed : bool;
  mutable failure : int;  (* a negative errno when the connection is over *)
  mutable touch : unit -> unit;  (* what is to be polled for may have changed *)
  mutable next_id : int;
  handlers : (int, handler) Hashtbl.t;
  queue : work Queue.t;
}

let fail name message = raise (Raw.Error { name; message; body = [] })
let dbus_error name = "org.freedesktop.DBus.Error." ^ name
let disconnected message = Raw.Error { name = dbus_error "Disconnected"; message; body = [] }
let closed = disconnected "the connection was closed"

let on_exception =
  ref (fun exn ->
      Printf.eprintf "xcpbus: exception in a callback: %s\n%!" (Printexc.to_string exn))

let locked bus f =
  Mutex.lock bus.lock;
  Fun.protect ~finally:(fun () -> Mutex.unlock bus.lock) f

(* Something that is asked of the library. *)
let operate bus f =
  let result =
    locked bus (fun () ->
        if bus.is_closed then raise closed;
        let result = f bus.raw in
        if bus.is_polling then ignore (Raw.wake bus.raw);
        result)
  in
  bus.touch ();
  result

let is_over bus = bus.is_closed || bus.failure < 0

(* ---- what can call back ---- *)

type subscription = { bus : t; id : int }

(* With the lock. *)
let register bus handler ask =
  let id = bus.next_id in
  bus.next_id <- id + 1;
  Hashtbl.replace bus.handlers id handler;
  (try ask id
   with exn ->
     Hashtbl.remove bus.handlers id;
     raise exn);
  { bus; id }

let subscribe_with bus handler ask =
  operate bus (fun raw -> register bus handler (fun id -> ask raw id))

let cancel { bus; id } =
  locked bus (fun () ->
      Hashtbl.remove bus.handlers id;
      if not bus.is_closed then begin
        Raw.cancel bus.raw id;
        Raw.cancel bus.raw id
      end)

(* ---- events ---- *)

let link_of code message =
  match code with
  | 1 -> Lost message
  | 2 -> Retrying message
  | 3 -> Reconnected (if message = "" then None else Some message)
  | _ -> Over message

(* The text is in the body, too, as its first value. *)
let error_of name message body =
  let body = match body with Value.String _ :: rest -> rest | body -> body in
  Raw.Error { name; message; body }

(* Who cancelled does not want to hear of what is still in the queue. *)
let later ?(is_call = false) bus id f =
  let run () = if locked bus (fun () -> Hashtbl.mem bus.handlers id) then f () in
  Queue.push { is_call; run } bus.queue

let answer bus id f result =
  Hashtbl.remove bus.handlers id;
  f result

let deliver bus event =
  let find id = Hashtbl.find_opt bus.handlers id in
  match event with
  | Raw.Reply (id, body) -> (
      match find id with Some (On_answer f) -> answer bus id f (Ok body) | _ -> ())
  | Raw.Failure (id, name, message, body) -> (
      match find id with
      | Some (On_answer f) -> answer bus id f (Error (error_of name message body))
      | _ -> ())
  | Raw.Signal (id, message) -> (
      match find id with
      | Some (On_signal f) -> later bus id (fun () -> f message)
      | _ -> ())
  | Raw.Call (id, message, invocation) -> (
      match find id with
      | Some (On_call f) -> later ~is_call:true bus id (fun () -> f message invocation)
      | _ -> ())
  | Raw.Owner (id, owner) -> (
      let owner = if owner = "" then None else Some owner in
      match find id with Some (On_owner f) -> later bus id (fun () -> f owner) | _ -> ())
  | Raw.Link (id, code, _, message) -> (
      match find id with
      | Some (On_link f) -> later bus id (fun () -> f (link_of code message))
      | _ -> ())

(* With the lock. *)
let process bus =
  if not (is_over bus) then bus.failure <- Raw.process bus.raw;
  let rec drain () =
    match Raw.take bus.raw with
    | Some event ->
        deliver bus event;
        drain ()
    | None -> ()
  in
  drain ()

(* Without the lock. *)
let dispatch ?(spawn = fun f -> f ()) bus =
  let rec go () =
    match locked bus (fun () -> Queue.take_opt bus.queue) with
    | Some { is_call; run } ->
        let run () = try run () with exn -> !on_exception exn in
        if is_call then spawn run else run ();
        go ()
    | None -> ()
  in
  go ()

(* With the lock: returns when something may have happened, or after timeout_ms (-1: never). *)
let turn ?(timeout_ms = -1) bus =
  if bus.is_polling then Condition.wait bus.turned bus.lock
  else begin
    bus.is_polling <- true;
    Mutex.unlock bus.lock;
    Fun.protect
      ~finally:(fun () ->
        Mutex.lock bus.lock;
        bus.is_polling <- false;
        Condition.broadcast bus.turned)
      (fun () -> Raw.poll bus.raw timeout_ms);
    if not (is_over bus) then process bus
  end

let turn_until bus is_done =
  locked bus (fun () ->
      while not (is_done () || is_over bus) do
        turn bus
      done)

(* ---- life ---- *)

let to_ms seconds = int_of_float (Float.min 2e9 (Float.max 1. (seconds *. 1000.)))

let connect ?address ?(timeout_s = 10.) ?(wait = false) ?(reconnect = true) () =
  let raw = Raw.connect address (to_ms timeout_s) wait in
  if reconnect then Raw.set_reconnect raw true 0;
  {
    raw;
    lock = Mutex.create ();
    turned = Condition.create ();
    is_polling = false;
    is_closed = false;
    failure = 0;
    touch = ignore;
    next_id = 1;
    handlers = Hashtbl.create 16;
    queue = Queue.create ();
  }

let close bus =
  let close_now () =
    bus.is_closed <- true;
    while bus.is_polling do
      ignore (Raw.wake bus.raw);
      Condition.wait bus.turned bus.lock
    done;
    Raw.close bus.raw;
    let waiting = Hashtbl.fold (fun _ handler list -> handler :: list) bus.handlers [] in
    Hashtbl.reset bus.handlers;
    Queue.clear bus.queue;
    List.iter (function On_answer f -> f (Error closed) | _ -> ()) waiting;
    Condition.broadcast bus.turned
  in
  locked bus (fun () -> if not bus.is_closed then close_now ());
  bus.touch ()

let is_connected bus = locked bus (fun () -> (not bus.is_closed) && Raw.is_connected bus.raw)
let unique_name bus = operate bus Raw.unique_name
let address bus = operate bus Raw.address

let set_keepalive bus seconds =
  operate bus (fun raw -> Raw.set_keepalive raw (int_of_float (seconds *. 1000.)))

let flush bus = operate bus (fun raw -> Raw.flush raw 0)

(* ---- calls and signals ---- *)

let target ~destination ~path ~interface name =
  { Raw.destination; at = path; of_interface = interface; name }

let timeout_ms = function None -> 0 | Some seconds -> to_ms seconds

let call_with bus ?timeout_s target body f =
  subscribe_with bus (On_answer f) (fun raw id ->
      Raw.call raw id target (timeout_ms timeout_s) body)

let send bus ~destination ~path ~interface name body =
  operate bus (fun raw -> Raw.send raw (target ~destination ~path ~interface name) body)

let call_async bus ?timeout_s ~destination ~path ~interface name body f =
  let note result = Queue.push { is_call = false; run = (fun () -> f result) } bus.queue in
  call_with bus ?timeout_s (target ~destination ~path ~interface name) body note

let emit bus ~path ~interface name body =
  operate bus (fun raw -> Raw.emit raw path interface name body)

let subscribe bus rule f =
  subscribe_with bus (On_signal f) (fun raw id -> Raw.subscribe raw id rule)

(* ---- names ---- *)

let name_exists = 3

let request_name ?(allow_replacement = false) ?(replace = false) ?(queue = false) bus name =
  let flag is_wanted value = if is_wanted then value else 0 in
  let flags = flag allow_replacement 1 + flag replace 2 + flag (not queue) 4 in
  if operate bus (fun raw -> Raw.request_name raw name flags) = name_exists then
    fail (dbus_error "Failed") (Printf.sprintf "somebody else owns the name %s" name)

let release_name bus name = operate bus (fun raw -> Raw.release_name raw name)

let watch_name bus name f =
  subscribe_with bus (On_owner f) (fun raw id -> Raw.watch_name raw id name)

let on_link bus f = subscribe_with bus (On_link f) Raw.watch_link

(* ---- serving ---- *)

type call = { owner : t; invocation : Raw.invocation }

(* An answer to somebody who is gone is none; what is wrong with the answer itself is told. *)
let reply { owner; invocation } body =
  locked owner (fun () -> Raw.reply invocation body);
  if owner.is_polling then ignore (Raw.wake owner.raw);
  owner.touch ()

let reply_error { owner; invocation } ~name ~message body =
  locked owner (fun () -> Raw.reply_error invocation name message body);
  if owner.is_polling then ignore (Raw.wake owner.raw);
  owner.touch ()

let no_property name = fail (dbus_error "UnknownProperty") name

(* What the stubs call: the answer to a wish to set is what is wrong with it. *)
let property_closure bus get set =
  let ask name = function
    | None -> get name
    | Some value -> (
        try
          set name value;
          Value.String ""
        with exn -> Value.String (Printexc.to_string exn))
  in
  fun name value ->
    try ask name value
    with exn ->
      if not bus.is_closed then !on_exception exn;
      raise exn

let export ?(get = no_property) ?(set = fun name _ -> no_property name) bus ~path interface f =
  let on_call message invocation =
    let call = { owner = bus; invocation } in
    try f message call
    with exn ->
      let message = Printexc.to_string exn in
      (try reply_error call ~name:(dbus_error "Failed") ~message [] with Raw.Error _ -> ());
      raise exn
  in
  subscribe_with bus (On_call on_call) (fun raw id ->
      Raw.export raw id path interface (property_closure bus get set))

let changed bus ~path ~interface name =
  operate bus (fun raw -> Raw.changed raw path interface name)

(* ---- for threads ---- *)

let call bus ?timeout_s ~destination ~path ~interface name body =
  let result = ref None in
  let pending =
    call_with bus ?timeout_s
      (target ~destination ~path ~interface name)
      body
      (fun answer -> result := Some answer)
  in
  (try turn_until bus (fun () -> !result <> None)
   with exn ->
     cancel pending;
     raise exn);
  match !result with
  | Some (Ok body) -> body
  | Some (Error exn) -> raise exn
  | None -> raise (disconnected "the connection is over")

let sleep bus seconds =
  let deadline = Unix.gettimeofday () +. seconds in
  let rec go () =
    let left = deadline -. Unix.gettimeofday () in
    if left > 0. && not (is_over bus) then begin
      let is_mine =
        locked bus (fun () ->
            let is_mine = not bus.is_polling in
            if is_mine then turn ~timeout_ms:(to_ms left) bus;
            is_mine)
      in
      if not is_mine then Thread.delay left;
      go ()
    end
  in
  go ()

let run ?spawn bus =
  let rec go () =
    dispatch ?spawn bus;
    if bus.is_closed then ()
    else if bus.failure < 0 then raise (disconnected "the connection is over")
    else begin
      locked bus (fun () -> if Queue.is_empty bus.queue && not (is_over bus) then turn bus);
      go ()
    end
  in
  go ()
