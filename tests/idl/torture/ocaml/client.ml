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
  ignore (Client.on_poked (fun _ _ -> incr poked));
  check "before" (echo_number 1L = 1L);
  say "stop it";
  let module Fresh = Direct.Client (Target) in
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

(* So many calls, and what they leave behind. *)
let resident_kib () =
  let file = open_in "/proc/self/status" in
  let rec find () =
    match Scanf.sscanf (input_line file) "VmRSS: %d" Fun.id with
    | kib -> kib
    | exception Scanf.Scan_failure _ -> find ()
  in
  Fun.protect ~finally:(fun () -> close_in file) find

let loop count =
  let everything = Types.Everything.make () in
  let calls n =
    for i = 1 to n do
      ignore (Client.echo_everything "a loop" everything);
      if i mod 100 = 0 then
        raises "an error" (fun () -> Client.draw (Circle 0.) Red) (( = ) (Torture1_error Nothing))
    done
  in
  calls (count / 10);
  let before = resident_kib () in
  calls count;
  let after = resident_kib () in
  check (Printf.sprintf "%d KiB before, %d after" before after) (after - before < 4096)

let () =
  start ();
  (match List.tl (Array.to_list Sys.argv) with
  | [ "calls" ] -> run_cases (Calls.all @ Signals.all)
  | [ "odd" ] -> run_cases Odd.all
  | [ "restart" ] -> run_cases [ ("restart", restart) ]
  | [ "loop"; count ] -> run_cases [ ("loop", fun () -> loop (int_of_string count)) ]
  | _ -> failwith "which part?");
  finish ()
