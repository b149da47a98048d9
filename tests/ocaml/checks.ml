(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* What the binding promises beyond values: threads, ends, what is forgotten. A case that hangs is
   ended by whoever runs this. *)
open Xcpbus
open Expect

(* ---- a service of this program's own, with a thread for each call ---- *)

let name = "org.example.checks1"
let path = "/org/example/checks1"

let interface =
  Interface.make name
    ~methods:
      [
        Interface.method_ "Echo" ~inputs:("s", "text") ~outputs:("s", "text");
        Interface.method_ "Sleep" ~inputs:("d", "seconds") ~outputs:("", "");
        Interface.method_ "Meet" ~inputs:("", "") ~outputs:("", "");
        Interface.method_ "Forget" ~inputs:("", "") ~outputs:("", "");
        Interface.method_ "Wrong" ~inputs:("", "") ~outputs:("s", "text");
        Interface.method_ "Raise" ~inputs:("", "") ~outputs:("", "");
      ]
    ~properties:
      [
        Interface.property ~write:true "Good" "s";
        Interface.property "Fails" "s";
        Interface.property "Lies" "s";
        Interface.property "Calls" "s";
      ]

exception Expected

let good = ref "at first"

let get bus = function
  | "Good" -> Value.String !good
  | "Lies" -> Value.Int32 1
  | "Calls" -> Value.String (unique_name bus) (* which it must not *)
  | _ -> raise Expected

let set _ = function Value.String text when text <> "bad" -> good := text | _ -> raise Expected

(* Answers when so many are waiting. *)
let meeting = 20
let arrived = ref 0
let lock = Mutex.create ()
let all_here = Condition.create ()

let meet () =
  Mutex.lock lock;
  incr arrived;
  Condition.broadcast all_here;
  while !arrived < meeting do
    Condition.wait all_here lock
  done;
  Mutex.unlock lock

let serve bus =
  let on_call (message : message) call =
    match (message.member, message.body) with
    | "Echo", body -> reply call body
    | "Sleep", [ Value.Double seconds ] ->
        Thread.delay seconds;
        reply call []
    | "Meet", _ ->
        meet ();
        reply call []
    | "Wrong", _ -> reply call [ Value.Int32 1 ]
    | "Raise", _ -> raise Expected
    | _ -> ()
  in
  ignore (export bus ~path interface on_call ~get:(get bus) ~set);
  request_name bus name;
  Thread.create (fun () -> run bus ~spawn:(fun f -> ignore (Thread.create f ()))) ()

let ask ?timeout_s bus = call bus ?timeout_s ~destination:name ~path ~interface:name
let echo bus text = ask bus "Echo" [ Value.String text ] = [ Value.String text ]

let property bus what =
  let interface = "org.freedesktop.DBus.Properties" in
  call bus ~destination:name ~path ~interface "Get" [ Value.String name; Value.String what ]

let set_property bus what value =
  let interface = "org.freedesktop.DBus.Properties" in
  ignore
    (call bus ~destination:name ~path ~interface "Set"
       [ Value.String name; Value.String what; Value.Variant value ])

(* ---- cases ---- *)

let threads bus =
  let wrong = Atomic.make 0 in
  let calls n =
    for i = 1 to 200 do
      if not (echo bus (Printf.sprintf "%d %d" n i)) then Atomic.incr wrong
    done
  in
  List.iter Thread.join (List.init 8 (Thread.create calls));
  check "eight threads on one connection" (Atomic.get wrong = 0);
  let met = Atomic.make 0 in
  let meet () = if ask bus ~timeout_s:patience_s "Meet" [] = [] then Atomic.incr met in
  List.iter Thread.join (List.init meeting (fun _ -> Thread.create meet ()));
  check "twenty that wait do not wait for each other" (Atomic.get met = meeting)

let answers bus =
  raises "an answer of the wrong type" (fun () -> ask bus "Wrong" []) [ dbus "Failed" ];
  raises "arguments of the wrong type" (fun () -> ask bus "Echo" []) [ dbus "InvalidArgs" ];
  raises "no such method" (fun () -> ask bus "Nothing" []) [ dbus "UnknownMethod" ];
  raises "no time"
    (fun () -> ask bus ~timeout_s:0.05 "Sleep" [ Value.Double patience_s ])
    [ dbus "NoReply"; dbus "Timeout" ];
  raises "no name" (fun () -> call bus ~destination:"x" ~path ~interface:name "Echo" [])
    [ dbus "InvalidArgs" ];
  raises "no path" (fun () -> emit bus ~path:"x" ~interface:name "Echo" []) [ dbus "InvalidArgs" ];
  raises "no rule" (fun () -> subscribe bus "x" ignore)
    [ dbus "MatchRuleInvalid"; dbus "InvalidArgs" ];
  raises "an empty structure" (fun () -> ask bus "Echo" [ Value.Struct [] ]) [ dbus "InvalidArgs" ];
  raises "a list of two types"
    (fun () -> ask bus "Echo" [ Value.Array ("s", [ Value.Int32 1 ]) ])
    [ dbus "InvalidArgs" ];
  raises "a signature that is none" (fun () -> ask bus "Echo" [ Value.Array ("{", []) ])
    [ dbus "InvalidArgs" ];
  let rec nested n = if n = 0 then Value.Byte 1 else Value.Variant (nested (n - 1)) in
  raises "a hundred levels" (fun () -> ask bus "Echo" [ nested 100 ]) [ dbus "InvalidArgs" ];
  raises "too many arguments"
    (fun () -> ask bus "Echo" (List.init 300 (fun _ -> Value.Byte 1)))
    [ dbus "InvalidArgs" ];
  check "and the next is answered" (echo bus "still here")

(* What a handler drops is answered, when the collector has found it. *)
let forgotten bus =
  let result = ref None in
  let ask_it () =
    try ignore (ask bus "Forget" [])
    with Error { name; _ } -> result := Some name
  in
  let waiter = Thread.create ask_it () in
  let deadline = Unix.gettimeofday () +. patience_s in
  while !result = None && Unix.gettimeofday () < deadline do
    Gc.full_major ();
    ignore (echo bus "x")
  done;
  Thread.join waiter;
  check "a call that is forgotten" (!result = Some (dbus "Failed"))

let properties bus =
  check "get" (property bus "Good" = [ Value.Variant (String "at first") ]);
  set_property bus "Good" (String "then");
  check "set" (property bus "Good" = [ Value.Variant (String "then") ]);
  raises "one that is refused" (fun () -> set_property bus "Good" (String "bad"))
    [ dbus "InvalidArgs" ];
  raises "one of another type" (fun () -> set_property bus "Good" (Int32 1)) [ dbus "InvalidArgs" ];
  List.iter
    (fun what -> raises what (fun () -> property bus what) [ dbus "Failed" ])
    [ "Fails"; "Lies"; "Calls" ]

let names bus other =
  let owners = ref [] in
  let watch = watch_name bus "org.example.checks2" (fun owner -> owners := owner :: !owners) in
  eventually "nobody" (fun () -> !owners = [ None ]);
  request_name other "org.example.checks2";
  eventually "somebody" (fun () -> List.hd !owners = Some (unique_name other));
  raises "it is taken" (fun () -> request_name bus "org.example.checks2") [ dbus "Failed" ];
  release_name other "org.example.checks2";
  eventually "nobody again" (fun () -> List.hd !owners = None && List.length !owners = 3);
  cancel watch;
  cancel watch

(* In all orders, with things that are still going on. *)
let ends () =
  for i = 1 to 50 do
    let bus = connect ~reconnect:(i mod 2 = 0) () in
    ignore (subscribe bus "type='signal'" ignore);
    ignore (watch_name bus name ignore);
    ignore (on_link bus ignore);
    ignore (call_async bus ~destination:name ~path ~interface:name "Sleep" [ Double 0.2 ] ignore);
    if i mod 3 = 0 then ignore (export bus ~path interface (fun _ _ -> ()) ~get:(get bus));
    if i mod 5 = 0 then close bus
  done;
  Gc.full_major ();
  Gc.full_major ();
  check "connections that are dropped" true;
  let bus = connect () in
  let fails () =
    raises "it was closed meanwhile"
      (fun () -> ask bus "Sleep" [ Double 5. ])
      [ dbus "Disconnected" ]
  in
  let waiting = List.init 5 (fun _ -> Thread.create fails ()) in
  let loop = Thread.create run bus in
  Thread.delay 0.1;
  close bus;
  close bus;
  List.iter Thread.join (loop :: waiting);
  raises "a call after the end" (fun () -> ask bus "Echo" [ String "x" ]) [ dbus "Disconnected" ];
  check "it is not connected" (not (is_connected bus))

(* The bus goes, and is back; the name and what is exported with it. *)
let reconnect () =
  let bus = connect () in
  let say line = print_endline line in
  let hear = function Lost _ -> say "lost" | Reconnected None -> say "back" | _ -> () in
  ignore (on_link bus hear);
  let loop = serve bus in
  say "ready";
  ignore (read_line ());
  say (if echo bus "again" then "answered" else "something else");
  close bus;
  Thread.join loop

let all () =
  on_exception := ignore;
  let server = connect () and bus = connect () in
  let loops = [ serve server; Thread.create run bus ] in
  threads bus;
  answers bus;
  raises "what a handler raises" (fun () -> ask bus "Raise" []) [ dbus "Failed" ];
  forgotten bus;
  properties bus;
  names bus server;
  ends ();
  close server;
  close bus;
  List.iter Thread.join loops;
  finish ()

let () = if Array.mem "reconnect" Sys.argv then reconnect () else all ()
