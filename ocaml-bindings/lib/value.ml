(* SPDX-License-Identifier: LGPL-2.1-or-later *)
type fd

external fd : Unix.file_descr -> fd = "xcpbus_ml_fd_borrow"
external take_fd : fd -> Unix.file_descr = "xcpbus_ml_fd_take"
external drop_fd : fd -> unit = "xcpbus_ml_fd_drop"

(* The order of the constructors is known to stubs.h. *)
type t =
  | Byte of int
  | Bool of bool
  | Int16 of int
  | Uint16 of int
  | Int32 of int
  | Uint32 of int
  | Int64 of int64
  | Uint64 of int64
  | Double of float
  | String of string
  | Path of string
  | Signature of string
  | Fd of fd
  | Bytes of string
  | Array of string * t list
  | Dict of string * (t * t) list
  | Struct of t list
  | Variant of t

external signature : t -> string = "xcpbus_ml_signature"

let rec to_string = function
  | Byte n | Int16 n | Uint16 n | Int32 n | Uint32 n -> string_of_int n
  | Int64 n -> Int64.to_string n
  | Uint64 n -> Printf.sprintf "%Lu" n
  | Bool b -> string_of_bool b
  | Double d -> Printf.sprintf "%.17g" d
  | String s | Path s | Signature s | Bytes s -> Printf.sprintf "%S" s
  | Fd _ -> "a file descriptor"
  | Array (_, items) -> Printf.sprintf "[%s]" (list_to_string items)
  | Struct items -> Printf.sprintf "(%s)" (list_to_string items)
  | Variant item -> Printf.sprintf "<%s>" (to_string item)
  | Dict (_, pairs) ->
      let pair (key, item) = to_string key ^ ": " ^ to_string item in
      Printf.sprintf "{%s}" (join pair pairs)

(* Not List.map: lists from the bus can be long. *)
and join : 'a. ('a -> string) -> 'a list -> string =
 fun f items -> String.concat ", " (List.rev (List.rev_map f items))

and list_to_string items = join to_string items

let rec drop_fds = function
  | Fd fd -> drop_fd fd
  | Array (_, items) | Struct items -> List.iter drop_fds items
  | Dict (_, pairs) -> List.iter (fun (_, item) -> drop_fds item) pairs
  | Variant item -> drop_fds item
  | _ -> ()
