(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* What a connection is made of, and its lock. *)
type answer = (Value.t list, exn) result

type link =
  | Lost of string
  | Retrying of string
  | Reconnected of string option
  | Over of string

type handler =
  | On_answer of (answer -> unit)  (* runs with the lock: it may only take note *)
  | On_signal of subscriber
  | On_call of (Raw.message -> Raw.invocation -> unit)
  | On_owner of watcher
  | On_link of (link -> unit)

and subscriber = { hear : Raw.message -> unit; mutable refusal : exn option; mutable is_told : bool }

(* Only the last owner is told of those that came before anybody looked. *)
and watcher = { tell : string option -> unit; mutable last : string option; mutable is_due : bool }

type work = {
  size : int;  (* bytes of memory *)
  invocation : Raw.invocation option;  (* of a call *)
  run : unit -> unit;
}

type t = {
  raw : Raw.t;
  pid : int;
  lock : Mutex.t;
  turned : Condition.t;  (* somebody has polled, and is done with it *)
  mutable is_polling : bool;
  mutable is_closed : bool;
  mutable failure : int;  (* a negative errno when the connection is over *)
  mutable touch : unit -> unit;  (* what is to be polled for may have changed *)
  mutable next_id : int;
  handlers : (int, handler) Hashtbl.t;
  queue : work Queue.t;
  mutable queue_size : int;  (* bytes *)
  mutable is_dropping : bool;
}

(* Of signals and calls that nobody has dealt with; answers have been asked for. *)
let queue_max = 65536
let queue_size_max = 64 * 1024 * 1024

let fail name message = raise (Raw.Error { name; message; body = [] })
let dbus_error name = "org.freedesktop.DBus.Error." ^ name
let disconnected message = Raw.Error { name = dbus_error "Disconnected"; message; body = [] }
let closed = disconnected "the connection was closed"
let forked = disconnected "the connection belongs to the process that was forked"

let on_exception =
  ref (fun exn ->
      Printf.eprintf "xcpbus: exception in a callback: %s\n%!" (Printexc.to_string exn))

(* In a child that was forked, the lock may be held by a thread that it does not have.

   A signal handler may raise wherever OCaml allocates. So nothing is allocated between the lock and
   the handler, as Fun.protect would. *)
let locked bus f =
  if Unix.getpid () <> bus.pid then raise forked;
  Mutex.lock bus.lock;
  match f () with
  | result ->
      Mutex.unlock bus.lock;
      result
  | exception exn ->
      Mutex.unlock bus.lock;
      raise exn
