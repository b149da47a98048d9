(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* What the examples in OCaml say on standard output: the lines of trace.h. *)
let now_us () = int_of_float (Unix.gettimeofday () *. 1e6)
let mutex = Mutex.create ()

let locked f =
  Mutex.lock mutex;
  Fun.protect ~finally:(fun () -> Mutex.unlock mutex) f

let say format =
  Printf.ksprintf (fun line -> locked (fun () -> Printf.printf "%s\n%!" line)) format

let ready bus = say "%d ready %s" (now_us ()) (Xcpbus.unique_name bus)

let owner bus name =
  match
    Xcpbus.call bus ~destination:"org.freedesktop.DBus" ~path:"/org/freedesktop/DBus"
      ~interface:"org.freedesktop.DBus" "GetNameOwner" [ String name ]
  with
  | [ String owner ] -> owner
  | _ -> "-"

(* Makes a call, and says what text finds in its answer. *)
let call bus ~owner member text f =
  let began = now_us () in
  let said text =
    let now = now_us () in
    say "%d call %s %s %s %d %s" now (Xcpbus.unique_name bus) owner member (now - began) text
  in
  match f () with
  | answer ->
      said (text answer);
      answer
  | exception exn ->
      said (Printexc.to_string exn);
      raise exn

let signal bus (message : Xcpbus.message) text =
  say "%d signal %s %s %s.%s 0 %s" (now_us ()) message.sender (Xcpbus.unique_name bus)
    message.interface message.member text
