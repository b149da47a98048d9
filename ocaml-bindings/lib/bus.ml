(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* A connection that threads share. One of those that wait polls for all; what arrives is an answer,
   which its waiter takes, or goes into a queue, out of which whoever turns the loop runs it. *)
include State

(* Runs with the lock. Whoever polls looks again, also if the library has refused it: it may have waited
   for the bus, and read what came meanwhile, which the descriptor does not tell of any more. *)
let locked_touching bus f =
  let result =
    locked bus (fun () ->
        let result = try Ok (f ()) with exn -> Error exn in
        if bus.is_polling then Raw.wake bus.raw;
        result)
  in
  bus.touch ();
  match result with Ok result -> result | Error exn -> raise exn

(* Something that is asked of the library. *)
let operate bus f =
  locked_touching bus (fun () ->
      if bus.is_closed then raise closed;
      f bus.raw)

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

let push bus ?(size = 0) ?invocation run =
  Queue.push { size; invocation; run } bus.queue;
  bus.queue_size <- bus.queue_size + size

(* Who cancelled does not want to hear of what is still in the queue. *)
let later bus ?size ?invocation id f =
  push bus ?size ?invocation (fun () ->
      if locked bus (fun () -> Hashtbl.mem bus.handlers id) then f ())

let report bus exn = push bus (fun () -> !on_exception exn)
let limits_exceeded message = Raw.Error { name = dbus_error "LimitsExceeded"; message; body = [] }
let is_full bus = Queue.length bus.queue >= queue_max || bus.queue_size >= queue_size_max

let refuse_call invocation message =
  Raw.reply_error invocation (dbus_error "LimitsExceeded") message []

let answer bus id f result =
  Hashtbl.remove bus.handlers id;
  f result

let deliver_signal bus id size hear message =
  if not (is_full bus) then later bus ~size id (fun () -> hear message)
  else if not bus.is_dropping then begin
    bus.is_dropping <- true;
    report bus (limits_exceeded "signals are lost: more came than were dealt with")
  end

let deliver_call bus id size f message invocation =
  if is_full bus then refuse_call invocation "the service has too many calls to deal with"
  else later bus ~size ~invocation id (fun () -> f message invocation)

let deliver_owner bus id watcher owner =
  watcher.last <- owner;
  let tell () =
    watcher.is_due <- false;
    watcher.tell watcher.last
  in
  if not watcher.is_due then begin
    watcher.is_due <- true;
    later bus id tell
  end

(* Of a subscription, that is until it was made what who makes it hears. *)
let deliver_refusal bus handler exn =
  match handler with
  | On_signal subscriber when not subscriber.is_told -> subscriber.refusal <- Some exn
  | _ -> report bus exn

let deliver bus event =
  let find id = Hashtbl.find_opt bus.handlers id in
  match event with
  | Raw.Reply (id, body) -> (
      match find id with Some (On_answer f) -> answer bus id f (Ok body) | _ -> ())
  | Raw.Failure (id, name, message, body) -> (
      match find id with
      | Some (On_answer f) -> answer bus id f (Error (error_of name message body))
      | _ -> ())
  | Raw.Signal (id, message, size) -> (
      match find id with
      | Some (On_signal { hear; _ }) -> deliver_signal bus id size hear message
      | _ -> ())
  | Raw.Call (id, message, invocation, size) -> (
      match find id with
      | Some (On_call f) -> deliver_call bus id size f message invocation
      | _ -> ())
  | Raw.Owner (id, owner) -> (
      let owner = if owner = "" then None else Some owner in
      match find id with
      | Some (On_owner watcher) -> deliver_owner bus id watcher owner
      | _ -> ())
  | Raw.Link (id, code, _, message) -> (
      match find id with
      | Some (On_link f) -> later bus id (fun () -> f (link_of code message))
      | _ -> ())
  | Raw.Refused (id, name, message) ->
      Option.iter
        (fun handler -> deliver_refusal bus handler (Raw.Error { name; message; body = [] }))
        (find id)

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

let take_work bus =
  let work = Queue.take_opt bus.queue in
  (match work with
  | Some { size; _ } -> bus.queue_size <- bus.queue_size - size
  | None -> bus.is_dropping <- false);
  work

(* Who cannot start another thread, say, refuses the call. *)
let run_call bus spawn invocation run =
  try spawn run
  with exn ->
    (try locked bus (fun () -> refuse_call invocation (Printexc.to_string exn))
     with Raw.Error _ -> ());
    !on_exception exn

(* Without the lock. *)
let dispatch ?(spawn = fun f -> f ()) bus =
  let rec go () =
    match locked bus (fun () -> take_work bus) with
    | Some { invocation; run; _ } ->
        let run () = try run () with exn -> !on_exception exn in
        (match invocation with
        | Some invocation -> run_call bus spawn invocation run
        | None -> run ());
        go ()
    | None -> ()
  in
  go ()

(* What signal handlers raise meanwhile has to wait until the lock is had. *)
let rec lock_again bus raised =
  match Mutex.lock bus.lock with
  | () -> raised
  | exception exn -> lock_again bus (Some exn)

(* With the lock, before and after: waits until something may have happened, or for timeout_ms. *)
let poll bus timeout_ms =
  bus.is_polling <- true;
  Mutex.unlock bus.lock;
  let raised = match Raw.poll bus.raw timeout_ms with () -> None | exception exn -> Some exn in
  let raised = lock_again bus raised in
  bus.is_polling <- false;
  Condition.broadcast bus.turned;
  Option.iter raise raised

(* With the lock: returns when something may have happened, or after timeout_ms (-1: never). *)
let turn ?(timeout_ms = -1) bus =
  if bus.is_polling then Condition.wait bus.turned bus.lock
  else begin
    poll bus timeout_ms;
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
    pid = Unix.getpid ();
    lock = Mutex.create ();
    turned = Condition.create ();
    is_polling = false;
    is_closed = false;
    failure = 0;
    touch = ignore;
    next_id = 1;
    handlers = Hashtbl.create 16;
    queue = Queue.create ();
    queue_size = 0;
    is_dropping = false;
  }

let close bus =
  let close_now () =
    bus.is_closed <- true;
    while bus.is_polling do
      Raw.wake bus.raw;
      Condition.wait bus.turned bus.lock
    done;
    Raw.close bus.raw;
    let waiting = Hashtbl.fold (fun _ handler list -> handler :: list) bus.handlers [] in
    Hashtbl.reset bus.handlers;
    Queue.clear bus.queue;
    bus.queue_size <- 0;
    List.iter (function On_answer f -> f (Error closed) | _ -> ()) waiting;
    Condition.broadcast bus.turned
  in
  if Unix.getpid () <> bus.pid then Raw.close bus.raw (* nobody else is in it here *)
  else begin
    locked bus (fun () -> if not bus.is_closed then close_now ());
    bus.touch ()
  end

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

(* f runs later, as a callback. *)
let noted bus f result = push bus (fun () -> f result)

let call_async bus ?timeout_s ~destination ~path ~interface name body f =
  call_with bus ?timeout_s (target ~destination ~path ~interface name) body (noted bus f)

let emit bus ~path ~interface name body =
  operate bus (fun raw -> Raw.emit raw path interface name body)

(* ---- for threads: what begins something, and is told the result ---- *)

let wait bus begin_ =
  let result = ref None in
  let pending = begin_ (fun answer -> result := Some answer) in
  (try turn_until bus (fun () -> !result <> None)
   with exn ->
     (try cancel pending with Raw.Error _ -> ());
     raise exn);
  match !result with
  | Some (Ok answer) -> answer
  | Some (Error exn) -> raise exn
  | None -> raise (disconnected "the connection is over")

let call bus ?timeout_s ~destination ~path ~interface name body =
  wait bus (call_with bus ?timeout_s (target ~destination ~path ~interface name) body)

(* ---- signals ---- *)

let the_bus = "org.freedesktop.DBus"

let ping =
  target ~destination:the_bus ~path:"/org/freedesktop/DBus" ~interface:"org.freedesktop.DBus.Peer"
    "Ping"

(* The bus has the rule when it answers what is sent after it. *)
let begin_subscribe ?(made = ref None) bus rule hear f =
  let subscriber = { hear; refusal = None; is_told = false } in
  let subscription =
    subscribe_with bus (On_signal subscriber) (fun raw id -> Raw.subscribe raw id rule)
  in
  made := Some subscription;
  let answer result =
    subscriber.is_told <- true;
    match (result, subscriber.refusal) with
    | Ok _, None -> f (Ok subscription)
    | Error exn, None | _, Some exn ->
        Hashtbl.remove bus.handlers subscription.id;
        if not bus.is_closed then Raw.cancel bus.raw subscription.id;
        f (Error exn)
  in
  match call_with bus ping [] answer with
  | pending -> pending
  | exception exn ->
      cancel subscription;
      raise exn

let subscribe bus rule hear =
  let made = ref None in
  try wait bus (begin_subscribe ~made bus rule hear)
  with exn ->
    (try Option.iter cancel !made with Raw.Error _ -> ());
    raise exn

(* ---- names ---- *)

let name_exists = 3

let outcome name = function
  | Ok [ Value.Uint32 n ] when n = name_exists ->
      let message = Printf.sprintf "somebody else owns the name %s" name in
      Error (Raw.Error { name = dbus_error "Failed"; message; body = [] })
  | Ok _ -> Ok ()
  | Error exn -> Error exn

let begin_request_name ?(allow_replacement = false) ?(replace = false) ?(queue = false) bus name f =
  let flag is_wanted value = if is_wanted then value else 0 in
  let flags = flag allow_replacement 1 + flag replace 2 + flag (not queue) 4 in
  subscribe_with bus
    (On_answer (fun answer -> f (outcome name answer)))
    (fun raw id -> Raw.request_name raw id name flags)

let request_name ?allow_replacement ?replace ?queue bus name =
  wait bus (begin_request_name ?allow_replacement ?replace ?queue bus name)

let begin_release_name bus name f =
  subscribe_with bus
    (On_answer (fun answer -> f (Result.map ignore answer)))
    (fun raw id -> Raw.release_name raw id name)

let release_name bus name = wait bus (begin_release_name bus name)

let watch_name bus name tell =
  subscribe_with bus
    (On_owner { tell; last = None; is_due = false })
    (fun raw id -> Raw.watch_name raw id name)

let on_link bus f = subscribe_with bus (On_link f) Raw.watch_link

(* ---- serving ---- *)

type call = { owner : t; invocation : Raw.invocation }

(* An answer to somebody who is gone is none; what is wrong with the answer itself is told. *)
let reply { owner; invocation } body =
  locked_touching owner (fun () -> Raw.reply invocation body)

let reply_error { owner; invocation } ~name ~message body =
  locked_touching owner (fun () -> Raw.reply_error invocation name message body)

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
