(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* The torture service, called with obus as any program might: ADDRESS. Nothing here is generated, nor
   of the binding. *)
open Lwt.Infix
open OBus_value

let name = "org.example.torture1"
let path = [ "org"; "example"; "torture1" ]
let failed = ref 0

let check what is_right =
  if not is_right then begin
    incr failed;
    Printf.printf "FAILED %s\n%!" what
  end

let meth ?(interface = name) member i_args o_args =
  OBus_member.Method.make ~interface ~member ~i_args ~o_args ~annotations:[]

let one typ = arg1 (None, typ)
let two first second = arg2 (None, first) (None, second)
let shape = C.structure (C.seq2 C.basic_string C.variant)
let draw = meth "Draw" (two shape C.basic_string) (two shape C.basic_string)
let draw_wrongly = meth "Draw" (one C.basic_uint32) arg0
let poke = meth "Poke" (one C.basic_uint32) arg0
let sing = meth "Sing" arg0 arg0
let dance = meth ~interface:"org.example.dance1" "Dance" arg0 arg0

let poked =
  OBus_member.Signal.make ~interface:name ~member:"Poked"
    ~args:(arg2 (None, C.basic_uint32) (None, C.dict C.string C.variant))
    ~annotations:[]

let favourite =
  OBus_member.Property.make ~interface:name ~member:"Favourite" ~typ:C.basic_string
    ~access:OBus_member.Property.readable_writable ~annotations:[]

let fails what meth proxy argument wanted =
  Lwt.catch
    (fun () -> OBus_method.call meth proxy argument >|= fun _ -> "none")
    (fun problem -> Lwt.return (fst (OBus_error.cast problem)))
  >|= fun found -> check (what ^ ": " ^ found) (found = wanted)

let hear proxy =
  let heard, wake = Lwt.wait () in
  OBus_signal.connect (OBus_signal.make poked proxy) >>= fun event ->
  let listener =
    React.E.map (fun (end_, _) -> if Lwt.is_sleeping heard then Lwt.wakeup wake end_) event
  in
  OBus_method.call poke proxy 42l >>= fun () ->
  heard >|= fun end_ ->
  React.E.stop listener;
  check "Poked" (end_ = 42l)

let run proxy =
  let unknown what = "org.freedesktop.DBus.Error.Unknown" ^ what in
  let circle = ("Circle", V.basic_double 1.5) in
  OBus_method.call draw proxy (circle, "Red") >>= fun answer ->
  check "Draw" (answer = (circle, "Red"));
  fails "an error of the interface" draw proxy
    (("Circle", V.basic_double 0.), "Red")
    (name ^ ".Error.Nothing")
  >>= fun () ->
  fails "arguments" draw_wrongly proxy 1l "org.freedesktop.DBus.Error.InvalidArgs" >>= fun () ->
  fails "a method" sing proxy () (unknown "Method") >>= fun () ->
  fails "an interface" dance proxy () (unknown "Interface") >>= fun () ->
  fails "an object" sing (OBus_proxy.make ~peer:(OBus_proxy.peer proxy) ~path:[ "no" ]) ()
    (unknown "Object")
  >>= fun () ->
  OBus_property.set (OBus_property.make favourite proxy) "Dark_green" >>= fun () ->
  OBus_property.get (OBus_property.make favourite proxy) >>= fun colour ->
  check colour (colour = "Dark_green");
  hear proxy

let main () =
  OBus_bus.of_addresses (OBus_address.of_string Sys.argv.(1)) >>= fun connection ->
  run (OBus_proxy.make ~peer:(OBus_peer.make ~connection ~name) ~path)

let () =
  Lwt_main.run (main ());
  print_endline (if !failed = 0 then "as it should be" else "not so");
  exit !failed
