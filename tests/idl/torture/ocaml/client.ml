(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* client PART: goes through the cases of CASES.md. *)
open Check
open Torture1

let say line =
  print_endline line;
  ignore (read_line ())

(* Whoever has had an answer waits for a service that is gone, if calling again does no harm; who has
   not had any is told at once. *)
let restart () =
  let poked = ref 0 in
  ignore (Client.on_poked (fun _ _ _ -> incr poked));
  check "before" (echo_number 1L = 1L);
  say "stop it";
  let module Fresh = Direct.Client (Default) in
  raises "while it is gone"
    (fun () -> echo_number ~echo:Fresh.echo_basic 2L)
    (is_error (dbus_error "ServiceUnknown"));
  raises "one that is not called again"
    (fun () -> Client.draw Empty Red)
    (is_error (dbus_error "ServiceUnknown"));
  let waited = ref 0L in
  let waiter = Thread.create (fun () -> waited := echo_number 3L) () in
  say "start it";
  Thread.join waiter;
  check "who waited has its answer" (!waited = 3L);
  check "through the same object" (echo_number 4L = 4L);
  Client.poke 1;
  eventually "the subscription" (fun () -> !poked = 1)

(* Somebody looks at our memory meanwhile. *)
let loop () =
  let everything = Types.Everything.make () in
  let calls count =
    for i = 1 to count do
      ignore (Client.echo_everything "a loop" everything);
      if i mod 100 = 0 then
        raises "an error" (fun () -> Client.draw (Circle 0.) Red) (( = ) (Torture1_error Nothing))
    done
  in
  calls 10_000;
  say "warm";
  calls 90_000;
  say "done"

let () =
  start ();
  (match List.tl (Array.to_list Sys.argv) with
  | [ "calls" ] -> run_cases (Calls.all @ Signals.all)
  | [ "odd" ] -> run_cases Odd.all
  | [ "restart" ] -> run_cases [ ("restart", restart) ]
  | [ "loop" ] -> run_cases [ ("loop", loop) ]
  | _ -> failwith "which part?");
  finish ()
