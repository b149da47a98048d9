(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* The order of the fields is known to export.c. *)
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

let deprecated = 1
let no_reply = 2
let emits_change = 4
let emits_invalidation = 8
let constant = 16

let method_ ?(flags = 0) ?(annotations = []) name ~inputs:(inputs, input_names)
    ~outputs:(outputs, output_names) =
  { name; inputs; outputs; input_names; output_names; flags; annotations }

let signal ?(annotations = []) signal (args, arg_names) =
  { signal; args; arg_names; signal_annotations = annotations }

let property ?(flags = 0) ?(annotations = []) ?(read = true) ?(write = false) property type_ =
  {
    property;
    type_;
    is_readable = read;
    is_writable = write;
    property_flags = flags;
    property_annotations = annotations;
  }

let make ?(annotations = []) ?(methods = []) ?(signals = []) ?(properties = []) interface =
  { interface; methods; signals; properties; interface_annotations = annotations }
