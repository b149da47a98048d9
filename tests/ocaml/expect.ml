(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* What is expected, and how often it came so. *)

let passed = ref 0
let failed = ref 0

let check what is_good =
  incr (if is_good then passed else failed);
  if not is_good then Printf.printf "FAILED %s\n%!" what

let raises what f names =
  match f () with
  | _ -> check (what ^ ": it did not fail") false
  | exception Xcpbus.Error { name; message; _ } ->
      check (Printf.sprintf "%s: %s: %s" what name message) (List.mem name names)
  | exception exn -> check (what ^ ": " ^ Printexc.to_string exn) false

let dbus name = "org.freedesktop.DBus.Error." ^ name
let patience_s = 30.

(* Until another thread has made it true. *)
let eventually what is_true =
  let deadline = Unix.gettimeofday () +. patience_s in
  while (not (is_true ())) && Unix.gettimeofday () < deadline do
    Thread.delay 0.005
  done;
  check what (is_true ())

let finish () =
  Printf.printf "%d passed, %d failed\n%!" !passed !failed;
  exit (if !failed = 0 then 0 else 1)
