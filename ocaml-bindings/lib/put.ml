(* SPDX-License-Identifier: LGPL-2.1-or-later *)
open Value

let byte n = Byte n
let bool b = Bool b
let int16 n = Int16 n
let uint16 n = Uint16 n
let int32 n = Int32 n
let uint32 n = Uint32 n
let int64 n = Int64 n
let uint64 n = Uint64 n
let double d = Double d
let string s = String s
let path s = Path s
let signature s = Signature s
let fd descriptor = Fd (Value.fd descriptor)
let bytes s = Bytes s
let any value = Variant value

(* Not List.map: lists from the bus can be long. *)
let map f items = List.rev (List.rev_map f items)
let list signature item items = Array (signature, map item items)

let dict signature key item pairs =
  Dict (signature, map (fun (k, v) -> (key k, item v)) pairs)

let maybe signature item = function
  | None -> Array (signature, [])
  | Some value -> Array (signature, [ item value ])

let tuple members = Struct members
let pair a b (v1, v2) = Struct [ a v1; b v2 ]
let triple a b c (v1, v2, v3) = Struct [ a v1; b v2; c v3 ]
let field name value = Some (String name, Variant value)
let optional name item value = Option.bind value (fun v -> field name (item v))
let record fields = Dict ("sv", List.filter_map Fun.id fields)
let case name value = Struct [ String name; Variant value ]
