(* SPDX-License-Identifier: LGPL-2.1-or-later *)

(** From OCaml to {!Value.t}, by IDL type. Generated code is made of these. *)

val byte : int -> Value.t
val bool : bool -> Value.t
val int16 : int -> Value.t
val uint16 : int -> Value.t
val int32 : int -> Value.t
val uint32 : int -> Value.t
val int64 : int64 -> Value.t
val uint64 : int64 -> Value.t
val double : float -> Value.t
val string : string -> Value.t
val path : string -> Value.t
val signature : string -> Value.t
val fd : Unix.file_descr -> Value.t
val bytes : string -> Value.t
val any : Value.t -> Value.t

(** With the signature of the elements. *)
val list : string -> ('a -> Value.t) -> 'a list -> Value.t

(** With the signatures of key and value. *)
val dict : string -> ('k -> Value.t) -> ('v -> Value.t) -> ('k * 'v) list -> Value.t

val maybe : string -> ('a -> Value.t) -> 'a option -> Value.t
val tuple : Value.t list -> Value.t
val pair : ('a -> Value.t) -> ('b -> Value.t) -> 'a * 'b -> Value.t
val triple : ('a -> Value.t) -> ('b -> Value.t) -> ('c -> Value.t) -> 'a * 'b * 'c -> Value.t
val record : (Value.t * Value.t) option list -> Value.t
val field : string -> Value.t -> (Value.t * Value.t) option
val optional : string -> ('a -> Value.t) -> 'a option -> (Value.t * Value.t) option

(** A case of a variant. *)
val case : string -> Value.t -> Value.t
