(* SPDX-License-Identifier: LGPL-2.1-or-later *)
open Value

exception Mismatch of string

let () =
  Printexc.register_printer (function
    | Mismatch text -> Some ("Xcpbus.Get.Mismatch: " ^ text)
    | _ -> None)

let mismatch expected value =
  let found = try Value.signature value with _ -> "nothing" in
  raise (Mismatch (Printf.sprintf "%s is expected, not '%s'" expected found))

let wrong_count ~expected found =
  raise (Mismatch (Printf.sprintf "%d values are expected, not %d" expected (List.length found)))

let byte = function Byte n -> n | v -> mismatch "a byte" v
let bool = function Bool b -> b | v -> mismatch "a boolean" v
let int16 = function Int16 n -> n | v -> mismatch "an int16" v
let uint16 = function Uint16 n -> n | v -> mismatch "a uint16" v
let int32 = function Int32 n -> n | v -> mismatch "an int32" v
let uint32 = function Uint32 n -> n | v -> mismatch "a uint32" v
let int64 = function Int64 n -> n | v -> mismatch "an int64" v
let uint64 = function Uint64 n -> n | v -> mismatch "a uint64" v
let double = function Double d -> d | v -> mismatch "a double" v
let string = function String s -> s | v -> mismatch "a string" v
let path = function Path s -> s | v -> mismatch "an object path" v
let signature = function Signature s -> s | v -> mismatch "a signature" v

(* On Unix a descriptor is its number. *)
let fd = function
  | Fd fd ->
      let descriptor = take_fd fd in
      if (Obj.magic descriptor : int) < 0 then raise (Mismatch "a file descriptor cannot be had");
      descriptor
  | v -> mismatch "a file descriptor" v

let bytes = function Bytes s -> s | v -> mismatch "an array of bytes" v
let any = function Variant v -> v | v -> mismatch "a variant" v

let map f items = List.rev (List.rev_map f items)

(* What is empty says of which type it is, too. *)
let list signature item = function
  | Array (s, items) when s = signature -> map item items
  | v -> mismatch ("a list of " ^ signature) v

let dict signature key item = function
  | Dict (s, pairs) when s = signature -> map (fun (k, v) -> (key k, item v)) pairs
  | v -> mismatch ("a dictionary of " ^ signature) v

let maybe signature item = function
  | Array (s, []) when s = signature -> None
  | Array (s, [ value ]) when s = signature -> Some (item value)
  | Bytes "" when signature = "y" -> None
  | Bytes s when signature = "y" && String.length s = 1 -> Some (item (Byte (Char.code s.[0])))
  | v -> mismatch ("one " ^ signature ^ " or none") v

let tuple = function Struct members -> members | v -> mismatch "a structure" v

let pair a b value =
  match tuple value with
  | [ v1; v2 ] -> (a v1, b v2)
  | found -> wrong_count ~expected:2 found

let triple a b c value =
  match tuple value with
  | [ v1; v2; v3 ] -> (a v1, b v2, c v3)
  | found -> wrong_count ~expected:3 found

module Keys = Map.Make (String)

(* Who has sent a hundred thousand keys does not make us look at all of them for each of ours. *)
type record = Few of (Value.t * Value.t) list | Many of Value.t Keys.t

let few = 64

let many pairs =
  let add keys = function String key, value -> Keys.add key value keys | _ -> keys in
  Many (List.fold_left add Keys.empty pairs)

(* Of a key that is there twice, the last one counts. *)
let record = function
  | Dict ("sv", pairs) ->
      if List.compare_length_with pairs few > 0 then many pairs else Few (List.rev pairs)
  | v -> mismatch "a record" v

let look_up record name =
  match record with
  | Few pairs -> List.assoc_opt (String name) pairs
  | Many keys -> Keys.find_opt name keys

let find record name item =
  match look_up record name with
  | None -> None
  | Some value -> (
      try Some (item (any value))
      with Mismatch text -> raise (Mismatch (Printf.sprintf "field %s: %s" name text)))

let optional = find
let default record name item value = Option.value (find record name item) ~default:value

let required record name item =
  match find record name item with
  | Some value -> value
  | None -> raise (Mismatch (Printf.sprintf "field %s is missing" name))

let case = function
  | Struct [ String name; Variant value ] -> (name, value)
  | v -> mismatch "a variant of the interface" v
