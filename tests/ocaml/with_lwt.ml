(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* What the binding promises under Lwt: nothing waits but its promise, and every promise ends. *)
open Lwt.Infix
open Xcpbus
open Expect

let error_of promise =
  Lwt.catch
    (fun () -> promise >|= fun _ -> "none")
    (function Error { name; _ } -> Lwt.return name | exn -> Lwt.return (Printexc.to_string exn))

let fails what promise wanted =
  Lwt.pick [ error_of promise; (Lwt_unix.sleep patience_s >|= fun () -> "nothing came") ]
  >|= fun found -> check (what ^ ": " ^ found) (found = wanted)

let rec eventually what ?(deadline = Unix.gettimeofday () +. patience_s) is_true =
  if is_true () || Unix.gettimeofday () > deadline then Lwt.return (check what (is_true ()))
  else Lwt_unix.sleep 0.005 >>= fun () -> eventually what ~deadline is_true

let name = "org.example.lwt1"
let path = "/org/example/lwt1"

let interface =
  let method_ name = Interface.method_ name ~inputs:("", "") ~outputs:("", "") in
  Interface.make name ~methods:[ method_ "Echo"; method_ "Forget"; method_ "Wait" ]

let kept = ref []

let on_call (message : message) call =
  match message.member with
  | "Echo" -> reply call []
  | "Wait" -> kept := call :: !kept
  | _ -> ()

let ask bus what = Xcpbus_lwt.call bus ~destination:name ~path ~interface:name what []

(* The service turns in this loop, too, and nothing else comes to it. *)
let forgotten bus =
  let answer = error_of (ask bus "Forget") in
  eventually "a call that is forgotten is answered" (fun () ->
      Gc.full_major ();
      not (Lwt.is_sleeping answer))
  >>= fun () -> fails "with an error" (answer >>= fun name -> Lwt.fail (Failure name))
    (Printexc.to_string (Failure (dbus "Failed")))

let names bus =
  fails "no name" (Xcpbus_lwt.request_name bus "none") (dbus "InvalidArgs") >>= fun () ->
  fails "somebody's name" (Xcpbus_lwt.request_name bus name) (dbus "Failed") >>= fun () ->
  fails "no rule" (Xcpbus_lwt.subscribe bus "x" ignore) (dbus "InvalidArgs") >>= fun () ->
  let heard = ref 0 in
  Xcpbus_lwt.subscribe bus "type='signal',member='Ping'" (fun _ -> incr heard) >>= fun one ->
  emit bus ~path ~interface:name "Ping" [];
  eventually "a signal" (fun () -> !heard = 1) >|= fun () -> cancel one

let cancelled bus =
  let promise = ask bus "Wait" in
  Lwt.cancel promise;
  Lwt.catch (fun () -> promise) (fun _ -> Lwt.return []) >>= fun _ ->
  fails "the next is answered" (ask bus "Echo") "none"

(* All that is asked for ends when the connection is closed, whoever does it. *)
let closed () =
  Xcpbus_lwt.connect () >>= fun bus ->
  let calls = List.init 5 (fun _ -> ask bus "Wait") in
  let request = Xcpbus_lwt.request_name bus "org.example.lwt2" in
  let rule = Xcpbus_lwt.subscribe bus "type='signal'" ignore in
  close bus;
  Lwt_list.iter_s (fun call -> fails "a call" call (dbus "Disconnected")) calls >>= fun () ->
  fails "a request" request (dbus "Disconnected") >>= fun () ->
  fails "a subscription" (rule >|= ignore) (dbus "Disconnected") >>= fun () ->
  fails "after the end" (ask bus "Echo") (dbus "Disconnected")

let closed_within () =
  Xcpbus_lwt.connect () >>= fun bus ->
  let call = ask bus "Wait" in
  Xcpbus_lwt.subscribe bus "type='signal',member='Bye'" (fun _ -> close bus) >>= fun _ ->
  emit bus ~path ~interface:name "Bye" [];
  fails "in a callback" call (dbus "Disconnected")

(* A callback, and the program's function for what callbacks raise, both raise. *)
exception Unexpected

let raised bus =
  let before = !Lwt.async_exception_hook in
  (Lwt.async_exception_hook := function Unexpected -> () | exn -> before exn);
  (on_exception := fun exn -> Lwt.async (fun () -> Lwt.fail exn));
  Xcpbus_lwt.subscribe bus "type='signal',member='Raise'" (fun _ -> raise Unexpected)
  >>= fun _ ->
  emit bus ~path ~interface:name "Raise" [];
  fails "it goes on" (ask bus "Echo") "none"

(* What comes while the bus says how long a message may be is read by then. *)
let too_long () =
  Xcpbus_lwt.connect () >>= fun bus ->
  let heard = ref false in
  Xcpbus_lwt.subscribe bus "type='signal',member='Meanwhile'" (fun _ -> heard := true)
  >>= fun _ ->
  Lwt_unix.sleep 0.1 >>= fun () -> (* the loop rests, and waits for the descriptor *)
  let other = Xcpbus.connect () in
  emit other ~path ~interface:name "Meanwhile" [];
  ignore (Xcpbus.call other ~destination:"org.freedesktop.DBus" ~path:"/org/freedesktop/DBus"
      ~interface:"org.freedesktop.DBus" "GetId" []);
  Xcpbus.close other;
  fails "a call that is too long"
    (Lwt.catch
       (fun () ->
         Xcpbus_lwt.call bus ~destination:name ~path ~interface:name "Echo"
           [ Value.Bytes (String.make (33 lsl 20) 'x') ])
       Lwt.fail)
    (dbus "LimitsExceeded")
  >>= fun () ->
  eventually "a signal that came meanwhile" (fun () -> !heard) >|= fun () -> close bus

let main () =
  Xcpbus_lwt.connect () >>= fun server ->
  ignore (export server ~path interface on_call);
  Xcpbus_lwt.request_name server name >>= fun () ->
  Xcpbus_lwt.connect () >>= fun bus ->
  fails "a call" (ask bus "Echo") "none" >>= fun () ->
  forgotten bus >>= fun () ->
  names bus >>= fun () ->
  cancelled bus >>= fun () ->
  closed () >>= fun () ->
  closed_within () >>= fun () ->
  raised bus >>= fun () -> too_long ()

let () =
  Lwt_main.run (main ());
  finish ()
