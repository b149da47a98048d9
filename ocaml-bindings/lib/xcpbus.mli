(* SPDX-License-Identifier: LGPL-2.1-or-later *)

(** xcp-bus: D-Bus between the domains of a Xen host.

    Services with an interface file are best used, and written, through the module that
    [xcp-bus-idl ocaml] prints for them; it needs {!connect} and {!run} of what is here.

    A connection can be used by any number of threads at once, and what waits lets other threads go
    on. Under Lwt use [Xcpbus_lwt]: a connection is either Lwt's or the threads'. *)

module Value = Value
module Put = Put
module Get = Get
module Interface = Interface

(** What the bus or the other side answered, or why there is no answer, such as
    [org.freedesktop.DBus.Error.ServiceUnknown]. [body] is what follows the text. *)
exception Error of { name : string; message : string; body : Value.t list }

(** {1 Connections} *)

type t = Bus.t

(** Connects to the first address that works of a list such as
    ["unix:path=/run/xcp-bus/bus;vchan:"]. Without [address]: [$XCP_BUS_ADDRESS], else the socket
    of this domain if there is one, else a ring to the bus's domain. With [wait], tries again until
    there is a bus. With [reconnect], which is the default, the connection comes back when the bus
    does, with its names, exports and subscriptions. Raises {!Error}. *)
val connect :
  ?address:string -> ?timeout_s:float -> ?wait:bool -> ?reconnect:bool -> unit -> t

(** The connection of generated clients that are given no other: made when it is first asked for. *)
val default : unit -> t

(** What is still waited for ends with {!Error}. May be called by any thread, and more than once.

    In a child that was forked, all but this raises {!Error}, and this leaves the connection to the
    parent: for a child that stays, or the bus does not see its parent end. *)
val close : t -> unit

val is_connected : t -> bool
val unique_name : t -> string
val address : t -> string

(** How long (in seconds) the bus may be silent until it is asked whether it is there. 0.: for
    ever. *)
val set_keepalive : t -> float -> unit

(** Waits until all is sent. *)
val flush : t -> unit

(** {1 The loop}

    Somebody has to turn it for signals, calls and the other callbacks; {!call} waits on its own.
    Callbacks may use the connection, and may raise: see {!on_exception}. *)

(** Runs callbacks until the connection is closed. [spawn] runs the handler of a method call:
    without it in this thread, one after the other;
    [~spawn:(fun f -> ignore (Thread.create f ()))] gives each a thread. Raises {!Error} if the
    connection is lost and does not come back. *)
val run : ?spawn:((unit -> unit) -> unit) -> t -> unit

(** Waits; answers to other threads come in meanwhile, and what is to be sent is. *)
val sleep : t -> float -> unit

(** Gets what callbacks raise. At first it is written to stderr. *)
val on_exception : (exn -> unit) ref

(** {1 Calls and signals} *)

(** Waits for the answer for [timeout_s] (25 seconds). Raises {!Error}. *)
val call :
  t ->
  ?timeout_s:float ->
  destination:string ->
  path:string ->
  interface:string ->
  string ->
  Value.t list ->
  Value.t list

(** What can be cancelled: its callback does not run any more. *)
type subscription = Bus.subscription

val cancel : subscription -> unit

val call_async :
  t ->
  ?timeout_s:float ->
  destination:string ->
  path:string ->
  interface:string ->
  string ->
  Value.t list ->
  ((Value.t list, exn) result -> unit) ->
  subscription

(** A call without answer. *)
val send :
  t -> destination:string -> path:string -> interface:string -> string -> Value.t list -> unit

type message = Raw.message = {
  sender : string;
  path : string;
  interface : string;
  member : string;
  body : Value.t list;
}

val emit : t -> path:string -> interface:string -> string -> Value.t list -> unit

(** By a match rule of the D-Bus specification. Waits for the bus to accept it. *)
val subscribe : t -> string -> (message -> unit) -> subscription

(** What generated clients say about a signal, or a property's change. *)
module Source : sig
  type t = Rpc.Source.t = {
    sender : string;  (** The unique name of the service. *)
    path : string;  (** Of its object. *)
  }
end

(** {1 Names} *)

(** Raises {!Error} if this program may not have it, or somebody else does. With [queue], waits in
    line instead. *)
val request_name :
  ?allow_replacement:bool -> ?replace:bool -> ?queue:bool -> t -> string -> unit

val release_name : t -> string -> unit

(** Tells who owns a name: soon, and whenever that changes. *)
val watch_name : t -> string -> (string option -> unit) -> subscription

(** What becomes of the connection itself. *)
type link = Bus.link =
  | Lost of string  (** Why. *)
  | Retrying of string  (** An attempt failed; another follows. *)
  | Reconnected of string option  (** Or what is not as it was, such as a name. *)
  | Over of string  (** It was not to come back. *)

val on_link : t -> (link -> unit) -> subscription

(** {1 Serving} *)

(** A call that is owed an answer. One that is forgotten is answered with an error. *)
type call = Bus.call

val reply : call -> Value.t list -> unit
val reply_error : call -> name:string -> message:string -> Value.t list -> unit

(** Offers an interface, until the subscription is cancelled. [get] and [set] of properties are
    quick, and do not use the connection. *)
val export :
  ?get:(string -> Value.t) ->
  ?set:(string -> Value.t -> unit) ->
  t ->
  path:string ->
  Interface.t ->
  (message -> call -> unit) ->
  subscription

(** Says that a property has another value. *)
val changed : t -> path:string -> interface:string -> string -> unit

(** {1 For generated code, and other ways to wait} *)

(** How a client waits; generated modules are functors over it. *)
module type IO = Io.S

(** By blocking the thread. *)
module Direct : IO with type 'a t = 'a

(** Where a client finds its service. *)
module type TARGET = Rpc.TARGET

module Rpc = Rpc

(** For those who have an event loop: wait for what the first four say, then {!Loop.process}. *)
module Loop : sig
  (** None while there is no connection. *)
  val fd : t -> Unix.file_descr option

  val wants_read : t -> bool
  val wants_write : t -> bool
  val timeout_s : t -> float option

  (** Readable when {!process} has something to do that has not come from the bus. *)
  val wake_fd : t -> Unix.file_descr

  (** Runs callbacks. False when the connection is over. *)
  val process : t -> bool

  val is_over : t -> bool

  (** Some wait for {!process}, also when the connection is over. *)
  val has_callbacks : t -> bool

  (** The two that wait, without waiting: the last function is a callback. *)

  val subscribe :
    t -> string -> (message -> unit) -> ((subscription, exn) result -> unit) -> subscription

  val request_name : t -> string -> ((unit, exn) result -> unit) -> subscription

  (** Called when something has been asked of the connection, so that the others have changed. *)
  val on_touch : t -> (unit -> unit) -> unit
end
