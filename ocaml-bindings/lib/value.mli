(* SPDX-License-Identifier: LGPL-2.1-or-later *)

(** A file descriptor in a value. One that was received is closed when nothing refers to it any
    more, unless it was taken. *)
type fd

(** To be sent: stays yours, and open until then. *)
val fd : Unix.file_descr -> fd

(** From then on it is yours to close. A number below 0: it could not be had, because this process
    has too many open. *)
val take_fd : fd -> Unix.file_descr

(** What messages carry. Generated code turns it into types of their own, and back. *)
type t =
  | Byte of int
  | Bool of bool
  | Int16 of int
  | Uint16 of int
  | Int32 of int
  | Uint32 of int
  | Int64 of int64
  | Uint64 of int64  (** The same 64 bits: [Printf "%Lu"], [Int64.unsigned_compare]. *)
  | Double of float
  | String of string  (** UTF-8 without NUL. *)
  | Path of string
  | Signature of string
  | Fd of fd
  | Bytes of string  (** [ay] *)
  | Array of string * t list  (** With the signature of the elements: ["s"]. *)
  | Dict of string * (t * t) list  (** With the signatures of key and value: ["sv"]. *)
  | Struct of t list
  | Variant of t

(** Raises {!Xcpbus.Error} if it has none: an empty structure, too many members. *)
val signature : t -> string

(** For people. *)
val to_string : t -> string

(** Closes all descriptors in it that nobody took, rather sooner than later. *)
val drop_fds : t -> unit
