(* SPDX-License-Identifier: LGPL-2.1-or-later *)

(** From {!Value.t} to OCaml, by IDL type: the other direction of {!Put}. All raise {!Mismatch} for
    a value of another type, and say where it is. *)

exception Mismatch of string

val byte : Value.t -> int
val bool : Value.t -> bool
val int16 : Value.t -> int
val uint16 : Value.t -> int
val int32 : Value.t -> int
val uint32 : Value.t -> int
val int64 : Value.t -> int64
val uint64 : Value.t -> int64
val double : Value.t -> float
val string : Value.t -> string
val path : Value.t -> string
val signature : Value.t -> string

(** Yours to close. *)
val fd : Value.t -> Unix.file_descr

val bytes : Value.t -> string
val any : Value.t -> Value.t
val list : string -> (Value.t -> 'a) -> Value.t -> 'a list
val dict : string -> (Value.t -> 'k) -> (Value.t -> 'v) -> Value.t -> ('k * 'v) list
val maybe : string -> (Value.t -> 'a) -> Value.t -> 'a option
val tuple : Value.t -> Value.t list
val pair : (Value.t -> 'a) -> (Value.t -> 'b) -> Value.t -> 'a * 'b
val triple : (Value.t -> 'a) -> (Value.t -> 'b) -> (Value.t -> 'c) -> Value.t -> 'a * 'b * 'c

type record

val record : Value.t -> record
val required : record -> string -> (Value.t -> 'a) -> 'a
val default : record -> string -> (Value.t -> 'a) -> 'a -> 'a
val optional : record -> string -> (Value.t -> 'a) -> 'a option

(** A case of a variant, and what it carries. *)
val case : Value.t -> string * Value.t

(** What is not of the expected type, which is described. *)
val mismatch : string -> Value.t -> 'a

val wrong_count : expected:int -> Value.t list -> 'a
