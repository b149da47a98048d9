(* SPDX-License-Identifier: LGPL-2.1-or-later *)

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
  | Fd of Unix.file_descr  (** One that was received is yours to close. *)
  | Bytes of string  (** [ay] *)
  | Array of string * t list  (** With the signature of the elements: ["s"]. *)
  | Dict of string * (t * t) list  (** With the signatures of key and value: ["sv"]. *)
  | Struct of t list
  | Variant of t

(** Raises {!Xcpbus.Error} if it has none: an empty structure, too many members. *)
val signature : t -> string

(** For people. *)
val to_string : t -> string
