(* SPDX-License-Identifier: LGPL-2.1-or-later *)

(** xcp-bus under Lwt. The connection is an {!Xcpbus.t}, and what does not wait is called there:
    {!Xcpbus.emit}, {!Xcpbus.export}, {!Xcpbus.watch_name}, {!Xcpbus.close}... Callbacks run in
    Lwt's main loop; nothing needs {!Xcpbus.run}. *)

(** As {!Xcpbus.connect}. *)
val connect :
  ?address:string ->
  ?timeout_s:float ->
  ?wait:bool ->
  ?reconnect:bool ->
  unit ->
  Xcpbus.t Lwt.t

(** For generated modules: [Squeezed1.Make (Xcpbus_lwt.Io)]. *)
module Io : Xcpbus.IO with type 'a t = 'a Lwt.t

(** Cancelling the promise forgets the answer. *)
val call :
  Xcpbus.t ->
  ?timeout_s:float ->
  destination:string ->
  path:string ->
  interface:string ->
  string ->
  Xcpbus.Value.t list ->
  Xcpbus.Value.t list Lwt.t

val subscribe : Xcpbus.t -> string -> (Xcpbus.message -> unit) -> Xcpbus.subscription Lwt.t
val request_name : Xcpbus.t -> string -> unit Lwt.t
