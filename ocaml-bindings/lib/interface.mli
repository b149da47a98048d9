(* SPDX-License-Identifier: LGPL-2.1-or-later *)

(** What an exported interface looks like: the introspection data, and what the library checks calls
    against. Arguments are a signature and their names, separated by spaces: [("sb", "id paused")].
    *)

type annotation = string * string

type method_ = {
  name : string;
  inputs : string;
  outputs : string;
  input_names : string;
  output_names : string;
  flags : int;
  annotations : annotation list;
}

type signal = {
  signal : string;
  args : string;
  arg_names : string;
  signal_annotations : annotation list;
}

type property = {
  property : string;
  type_ : string;
  is_readable : bool;
  is_writable : bool;
  property_flags : int;
  property_annotations : annotation list;
}

type t = {
  interface : string;
  methods : method_ list;
  signals : signal list;
  properties : property list;
  interface_annotations : annotation list;
}

(** Flags, to be added up. The last three are of properties: what PropertiesChanged tells. *)

val deprecated : int
val no_reply : int
val emits_change : int
val emits_invalidation : int
val constant : int

val method_ :
  ?flags:int ->
  ?annotations:annotation list ->
  string ->
  inputs:string * string ->
  outputs:string * string ->
  method_

val signal : ?annotations:annotation list -> string -> string * string -> signal

val property :
  ?flags:int ->
  ?annotations:annotation list ->
  ?read:bool ->
  ?write:bool ->
  string ->
  string ->
  property

val make :
  ?annotations:annotation list ->
  ?methods:method_ list ->
  ?signals:signal list ->
  ?properties:property list ->
  string ->
  t
