(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* What others can do to a program that uses the binding, and what it can do to itself: a typed
   error each time, and it goes on. A case that hangs is ended by whoever runs this. *)
open Xcpbus
open Expect

let reported = ref []
let has_reported name = List.exists (function Error e -> e.name = name | _ -> false) !reported
let start f = Thread.create f ()

(* ---- a service in this program, that does what it is asked to ---- *)

let name = "org.example.hostile1"
let path = "/org/example/hostile1"

let interface =
  let method_ name inputs outputs =
    Interface.method_ name ~inputs:(inputs, "") ~outputs:(outputs, "")
  in
  Interface.make name
    ~methods:
      [
        method_ "Echo" "v" "v";
        method_ "Fds" "u" "ah";
        method_ "Large" "u" "an";
        method_ "Long" "u" "ay";
        method_ "Flood" "uu" "";
        method_ "Wait" "" "";
        method_ "Keep" "" "";
      ]

let fds count = Value.Array ("h", List.init count (fun _ -> Put.fd Unix.stderr))

let flood bus count size =
  let body = [ Value.Bytes (String.make size 'x') ] in
  for _ = 1 to count do
    emit bus ~path ~interface:name "Much" body;
    flush bus
  done

let kept = ref []

let on_call bus (message : message) call =
  match (message.member, message.body) with
  | "Keep", _ -> kept := call :: !kept
  | "Echo", body -> reply call body
  | "Fds", [ Uint32 count ] ->
      emit bus ~path ~interface:name "Opened" [ fds count ];
      reply call [ fds count ]
  | "Large", [ Uint32 count ] ->
      let one = Value.Int16 1 in
      reply call [ Array ("n", List.init count (fun _ -> one)) ]
  | "Long", [ Uint32 size ] -> reply call [ Bytes (String.make size 'x') ]
  | "Flood", [ Uint32 count; Uint32 size ] ->
      flood bus count size;
      reply call []
  | _ -> () (* not before it is forgotten *)

let serve () =
  let bus = connect () in
  ignore (export bus ~path interface (on_call bus));
  request_name bus name;
  bus

let ask ?timeout_s bus = call bus ?timeout_s ~destination:name ~path ~interface:name

let echo bus text =
  let body = [ Value.Variant (String text) ] in
  ask bus "Echo" body = body

(* ---- messages ---- *)

let open_fds () = Array.length (Sys.readdir "/proc/self/fd")

let descriptors bus =
  let heard = ref 0 in
  let subscription = subscribe bus "type='signal',member='Opened'" (fun _ -> incr heard) in
  Gc.full_major ();
  let before = open_fds () in
  for _ = 1 to 300 do
    ignore (ask bus "Fds" [ Uint32 16 ])
  done;
  eventually "all signals" (fun () -> !heard = 300);
  cancel subscription;
  eventually "descriptors that nobody took are closed" (fun () ->
      Gc.full_major ();
      open_fds () <= before);
  (match ask bus "Fds" [ Uint32 2 ] with
  | [ Array ("h", [ first; second ]) ] ->
      let taken = Get.fd first in
      Value.drop_fds first;
      Value.drop_fds second;
      check "one that was taken is open" (Unix.fstat taken = Unix.fstat Unix.stderr);
      Unix.close taken
  | _ -> check "two descriptors" false);
  check "and no more than before" (open_fds () <= before)

let memory bus =
  raises "an answer that takes 280 MiB" (fun () -> ask bus "Large" [ Uint32 5_000_000 ])
    [ dbus "LimitsExceeded" ];
  check "and the next is answered" (echo bus "still here");
  raises "a call of 33 MiB" (fun () -> ask bus "Echo" [ Variant (Bytes (String.make (33 lsl 20) 'x')) ])
    [ dbus "LimitsExceeded" ];
  raises "an answer of 36 MiB"
    (fun () -> ask bus "Long" [ Uint32 (36 lsl 20) ])
    [ dbus "LimitsExceeded" ];
  check "neither ends the connection" (is_connected bus && echo bus "still here")

(* Nobody runs the callbacks of this one while it is called. *)
let signals () =
  let bus = connect () in
  let heard = ref 0 in
  ignore (subscribe bus "type='signal',member='Much'" (fun _ -> incr heard));
  reported := [];
  ignore (ask bus ~timeout_s:patience_s "Flood" [ Uint32 80; Uint32 1_048_576 ]);
  check "it is answered meanwhile" (echo bus "still here");
  let loop = start (fun () -> run bus) in
  eventually "what fits is heard" (fun () -> !heard > 32);
  eventually "and it is told that there was more" (fun () ->
      has_reported (dbus "LimitsExceeded"));
  let before = !heard in
  ignore (ask bus "Flood" [ Uint32 1; Uint32 1 ]);
  eventually "those that follow are heard" (fun () -> !heard > before);
  check "not all of the others" (!heard < 82);
  close bus;
  Thread.join loop

(* What arrives is anything: what is read of it is a value or a Mismatch. *)
let values () =
  let open Torture1.Types in
  let some =
    let open Value in
    let deep = Variant (Variant (Struct [ Array ("v", []); Bytes "" ])) in
    [|
      Byte 255; Bool true; Int16 (-1); Uint16 65535; Int32 min_int; Uint32 max_int; Int64 0L;
      Uint64 (-1L); Double nan; Double neg_infinity; String ""; String "\255"; Path "/";
      Signature ""; Bytes ""; Array ("v", []); Array ("as", [ Array ("s", []) ]); Dict ("sv", []);
      Dict ("sv", [ (String "text", Byte 1) ]); Dict ("sv", [ (Byte 1, Byte 1) ]); Struct []; deep;
    |] [@@ocamlformat "disable"]
  in
  let pick () = some.(Random.int (Array.length some)) in
  let rec change (value : Value.t) : Value.t =
    if Random.int 12 = 0 then pick ()
    else
      match value with
      | Array (signature, items) -> Array (signature, List.map change items)
      | Dict (signature, pairs) ->
          Dict (signature, List.map (fun (key, item) -> (change key, change item)) pairs)
      | Struct items -> Struct (List.map change items)
      | Variant item -> Variant (change item)
      | value -> value
  in
  let label = Label.make ~text:"a" () in
  let shape = Shape.(Group [ Circle nan; Labelled label ]) in
  let good = Everything.make ~shape ~label ~labels:[ label; label ] () |> Everything.put in
  let refused = ref 0 and other = ref 0 in
  for _ = 1 to 20_000 do
    match Everything.get (change good) with
    | _ -> ()
    | exception Get.Mismatch _ -> incr refused
    | exception _ -> incr other
  done;
  check "some are refused" (!refused > 0);
  check "in no other way" (!other = 0);
  let keys = List.init 200_000 (fun i -> (Value.String (string_of_int i), Value.Variant (Byte 0))) in
  check "many keys" (Everything.get (Dict ("sv", keys)) = Everything.make ());
  let long = Value.Struct (List.init 1_000_000 (fun _ -> Value.Byte 1)) in
  check "a long one as text" (String.length (Value.to_string long) = 3_000_000)

let names bus =
  let nul = "org.example\000" in
  let refused what f = raises (what ^ " with a NUL") f [ dbus "InvalidArgs" ] in
  let call ?(destination = name) ?(path = path) ?(interface = name) name () =
    call bus ~destination ~path ~interface name []
  in
  refused "destination" (call ~destination:nul "Echo");
  refused "path" (call ~path:(path ^ "\000") "Echo");
  refused "interface" (call ~interface:nul "Echo");
  refused "method" (call "Echo\000");
  refused "name" (fun () -> request_name bus nul);
  refused "name that is given back" (fun () -> release_name bus nul);
  refused "name that is watched" (fun () -> watch_name bus nul ignore);
  refused "rule" (fun () -> subscribe bus "type='signal'\000" ignore);
  refused "signal" (fun () -> emit bus ~path ~interface:name "Echo\000" []);
  refused "export" (fun () -> export bus ~path:(path ^ "\000") interface (fun _ _ -> ()));
  refused "address" (fun () -> connect ~address:"unix:path=/nowhere\000" ());
  raises "not UTF-8" (call "Ech\255") [ dbus "InvalidArgs" ];
  let module Quoted = Torture1.Direct.Client (struct
    let bus () = bus
    let destination = name
    let path = "/x',member='Much"
  end) in
  raises "a path that ends the rule" (fun () -> Quoted.on_poked (fun _ _ _ -> ()))
    [ dbus "InvalidArgs"; dbus "MatchRuleInvalid" ]

(* ---- a service that is asked too much ---- *)

exception No_thread

let no_threads bus =
  let service = connect () in
  let has_thread = ref false in
  let spawn f = if !has_thread then ignore (start f) else raise No_thread in
  let destination = unique_name service in
  ignore (export service ~path interface (on_call service));
  let loop = start (fun () -> run service ~spawn) in
  let body = [ Value.Variant (Byte 1) ] in
  let echo () = call bus ~destination ~path ~interface:name "Echo" body in
  reported := [];
  raises "no thread for the call" echo [ dbus "LimitsExceeded" ];
  has_thread := true;
  check "the service goes on" (echo () = body);
  check "and was told" (List.mem No_thread !reported);
  close service;
  Thread.join loop

(* A handler that drops the call, in a service to which nothing else comes. *)
let forgotten bus =
  let result = ref None in
  let ask_it () = try ignore (ask bus "Wait" []) with Error { name; _ } -> result := Some name in
  let waiter = start ask_it in
  eventually "a call that is forgotten is answered" (fun () ->
      Gc.full_major ();
      !result <> None);
  Thread.join waiter;
  check "with an error" (!result = Some (dbus "Failed"))

(* ---- ends, where one does not expect them ---- *)

let close_within () =
  let is_closed bus () = not (is_connected bus) in
  let each what begin_ =
    let bus = connect () in
    let loop = start (fun () -> run bus) in
    begin_ bus;
    eventually ("closed in " ^ what) (is_closed bus);
    Thread.join loop
  in
  each "a signal" (fun bus ->
      ignore (subscribe bus "type='signal',member='Bye'" (fun _ -> close bus));
      emit bus ~path ~interface:name "Bye" []);
  each "a name's owner" (fun bus -> ignore (watch_name bus name (fun _ -> close bus)));
  each "an answer" (fun bus ->
      let close_it _ = close bus in
      ignore
        (call_async bus ~destination:name ~path ~interface:name "Echo" [ Variant (Byte 1) ]
           close_it));
  each "a call" (fun bus ->
      let on_call _ call =
        close bus;
        reply call []
      in
      ignore (export bus ~path interface on_call);
      send bus ~destination:(unique_name bus) ~path ~interface:name "Wait" [])

exception Alarm

let alarm_in seconds =
  let interval = { Unix.it_interval = 0.; it_value = seconds } in
  ignore (Unix.setitimer ITIMER_REAL interval)

let rec is_there bus =
  match echo bus "there" with
  | is_there -> is_there
  | exception Error { name; _ } when name = dbus "ServiceUnknown" ->
      Thread.delay 0.005;
      is_there bus

let interrupted bus =
  Sys.set_signal Sys.sigalrm (Signal_handle (fun _ -> raise Alarm));
  let is_interrupted seconds =
    match
      alarm_in seconds;
      ask bus ~timeout_s:patience_s "Keep" []
    with
    | _ -> false
    | exception Alarm -> true
    | exception Error _ -> false
  in
  let all = ref true in
  for i = 1 to 100 do
    all := is_interrupted (0.0001 *. float_of_int i) && !all;
    all := echo bus "between" && !all
  done;
  check "a hundred times" !all;
  Sys.set_signal Sys.sigalrm (Signal_handle (fun _ -> ()));
  alarm_in 0.01;
  raises "a handler that does not raise" (fun () -> ask bus ~timeout_s:0.2 "Keep" [])
    [ dbus "NoReply"; dbus "Timeout" ];
  check "and the next is answered" (echo bus "after")

(* A signal handler raises while a call waits. OCaml runs it in any thread, so there is but one, and
   the service is a process of its own. *)
let with_signals () =
  match Unix.fork () with
  | 0 ->
      run (serve ());
      Unix._exit 0
  | child ->
      let bus = connect () in
      check "it is there" (is_there bus);
      interrupted bus;
      close bus;
      Unix.kill child Sys.sigkill;
      ignore (Unix.waitpid [] child)

let forked bus =
  let fd = Option.get (Loop.fd bus) in
  flush_all ();
  match Unix.fork () with
  | 0 ->
      let refused f = match f () with _ -> false | exception Error _ -> true in
      let is_refused = refused (fun () -> echo bus "from a child") in
      close bus;
      close bus;
      let is_left = match Unix.fstat fd with _ -> false | exception Unix.Unix_error _ -> true in
      Gc.full_major ();
      Unix._exit (if not is_refused then 1 else if not is_left then 2 else 0)
  | child ->
      let _, status = Unix.waitpid [] child in
      check "a child cannot use it" (status <> WEXITED 1);
      check "and lets go of it" (status = WEXITED 0);
      check "nor end it" (is_connected bus && echo bus "of the parent")

(* The collector moves all that it can while everything goes on. *)
let compaction bus =
  let is_over = ref false in
  let rec compact () =
    Gc.compact ();
    Thread.yield ();
    if not !is_over then compact ()
  in
  let collector = start compact in
  let wrong = ref 0 in
  let calls () =
    for i = 1 to 50 do
      if not (echo bus (string_of_int i)) then incr wrong;
      let other = connect () in
      ignore (subscribe other "type='signal'" ignore);
      ignore (watch_name other name ignore);
      if i mod 2 = 0 then close other
    done
  in
  List.iter Thread.join (List.init 4 (fun _ -> start calls));
  is_over := true;
  Thread.join collector;
  check "under a collector that compacts" (!wrong = 0)

(* The bus hears of the end of a process a little later. *)
let rec request_again serve =
  match serve () with
  | bus -> bus
  | exception Error { message; _ } when String.starts_with ~prefix:"somebody else" message ->
      Thread.delay 0.005;
      request_again serve

let () =
  (on_exception := fun exn -> reported := exn :: !reported);
  with_signals ();
  let server = request_again serve in
  let server_loop = start (fun () -> run server) in
  let bus = connect () in
  let loop = start (fun () -> run bus) in
  descriptors bus;
  memory bus;
  signals ();
  values ();
  names bus;
  no_threads bus;
  forgotten bus;
  close_within ();
  forked bus;
  compaction bus;
  close server;
  close bus;
  List.iter Thread.join [ server_loop; loop ];
  finish ()
