(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* The members of the interop interface, for obus as client and as server. *)
open OBus_value

let interface = "org.example.Interop1"
let path = [ "org"; "example"; "Interop" ]

let meth member i_args o_args =
  OBus_member.Method.make ~interface ~member ~i_args ~o_args ~annotations:[]

let out typ = arg1 (None, typ)
let add = meth "Add" (arg2 (Some "a", C.basic_int32) (Some "b", C.basic_int32)) (out C.basic_int32)
let echo = meth "Echo" (out C.byte_array) (out C.byte_array)

let describe =
  meth "Describe" (out (C.dict C.string C.variant)) (out (C.array C.basic_string))

let fail = meth "Fail" arg0 arg0
let vanish = meth "Vanish" arg0 arg0
let shout = meth "Shout" (out C.basic_string) arg0
let size = meth "Size" (out C.basic_unix_fd) (out C.basic_uint64)

let shouted =
  OBus_member.Signal.make ~interface ~member:"Shouted" ~args:(out C.basic_string) ~annotations:[]

let version =
  OBus_member.Property.make ~interface ~member:"Version" ~typ:C.basic_string
    ~access:OBus_member.Property.readable ~annotations:[]

let target =
  OBus_member.Property.make ~interface ~member:"Target" ~typ:C.basic_double
    ~access:OBus_member.Property.readable_writable ~annotations:[]

let connect address = OBus_bus.of_addresses (OBus_address.of_string address)
