(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* Cases, and what they find out. *)
open Torture1

let passed = ref 0
let failed = ref 0
let case_name = ref ""

let check what is_good =
  if is_good then incr passed
  else begin
    incr failed;
    Printf.printf "FAILED %s: %s\n%!" !case_name what
  end

(* Goes through cases; an exception is the end of one only. *)
let run_cases cases =
  List.iter
    (fun (name, run) ->
      case_name := name;
      try run () with exn -> check ("raised " ^ Printexc.to_string exn) false)
    cases

(* Whether it raises an exception that is told so. *)
let raises what f is_expected =
  match f () with
  | _ -> check (what ^ ": it did not fail") false
  | exception exn when is_expected exn -> check what true
  | exception exn -> check (what ^ ": " ^ Printexc.to_string exn) false

let is_error wanted = function Xcpbus.Error { name; _ } -> name = wanted | _ -> false
let dbus_error name = "org.freedesktop.DBus.Error." ^ name

(* Any NaN is as good as another, and compare knows; -0.0 it takes for 0.0. *)
let is_same a b = compare a b = 0

let is_same_double a b =
  (Float.is_nan a && Float.is_nan b) || Int64.bits_of_float a = Int64.bits_of_float b

(* Turns the loop of the connection that Client has, and runs the callbacks of signals. *)
let start () =
  let bus = Xcpbus.default () in
  ignore (Thread.create (fun () -> Xcpbus.run bus) ())

let patience_s = 20.

(* Until another thread has made it true. *)
let eventually what is_true =
  let deadline = Unix.gettimeofday () +. patience_s in
  while (not (is_true ())) && Unix.gettimeofday () < deadline do
    Thread.delay 0.005
  done;
  check what (is_true ())

let echo_number ?(echo = Client.echo_basic) number =
  let _, _, _, _, _, _, found, _, _, _, _, _ =
    echo 0 false 0 0 0 0 number 0L 0. "" "/" ""
  in
  found

let finish () =
  Printf.printf "%d passed, %d failed\n%!" !passed !failed;
  exit (if !failed = 0 then 0 else 1)
