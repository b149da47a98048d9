(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* Interop client on obus: ADDRESS NAME:STEP,STEP... *)
open Lwt.Infix
open OBus_value
open Obus_members

let error = "org.freedesktop.DBus.Error."
let check is_right what = if is_right then Lwt.return_unit else Lwt.fail_with what

let contains text part =
  let size = String.length part in
  let rec from i =
    i + size <= String.length text && (String.sub text i size = part || from (i + 1))
  in
  from 0

let fails meth proxy name part =
  Lwt.catch
    (fun () -> OBus_method.call meth proxy () >>= fun () -> Lwt.fail_with "no error")
    (fun problem ->
      let have, text = OBus_error.cast problem in
      check (have = name && contains text part) (have ^ ": " ^ text))

let values = [ ("k", V.basic_string "x"); ("n", V.basic_uint32 7l) ]

let hear proxy =
  let heard, wake = Lwt.wait () in
  OBus_signal.connect (OBus_signal.make shouted proxy) >>= fun event ->
  let listener = React.E.map (fun text -> if Lwt.is_sleeping heard then Lwt.wakeup wake text) event in
  OBus_method.call shout proxy "hey" >>= fun () ->
  heard >>= fun text ->
  React.E.stop listener;
  check (text = "hey") text

let properties proxy =
  OBus_property.get (OBus_property.make version proxy) >>= fun text ->
  check (text = "1.0") text >>= fun () ->
  OBus_property.set (OBus_property.make target proxy) 21.5 >>= fun () ->
  OBus_property.get (OBus_property.make target proxy) >>= fun number ->
  check (number = 21.5) "another target"

let seven proxy =
  let name = Filename.temp_file "interop" "" in
  let file = open_out name in
  output_string file "7 bytes";
  close_out file;
  let fd = Unix.openfile name [ Unix.O_RDONLY ] 0 in
  Sys.remove name;
  OBus_method.call size proxy fd >>= fun bytes ->
  Unix.close fd;
  check (bytes = 7L) "another size"

let run proxy service = function
  | "call" ->
      OBus_method.call add proxy (40l, 2l) >>= fun sum -> check (sum = 42l) "another sum"
  | "big" ->
      let data = String.init (512 * 1024) (fun i -> Char.chr (i land 255)) in
      OBus_method.call echo proxy data >>= fun back -> check (back = data) "other bytes"
  | "variants" ->
      OBus_method.call describe proxy values >>= fun lines ->
      check (lines = [ "k=x"; "n=7" ]) (String.concat "," lines)
  | "error" -> fails fail proxy (interface ^ ".Error.Broken") "it is broken"
  | "properties" -> properties proxy
  | "signal" -> hear proxy
  | "fds" -> seven proxy
  | "nobody" -> fails fail proxy (error ^ "ServiceUnknown") service
  | "vanish" ->
      fails vanish proxy (error ^ "NoReply")
        "Message recipient disconnected from message bus without replying"
  | step -> Lwt.fail_with ("no step " ^ step)

let run_all bus argument =
  let service, steps = Scanf.sscanf argument "%[^:]:%s" (fun a b -> (a, b)) in
  let proxy = OBus_proxy.make ~peer:(OBus_peer.make ~connection:bus ~name:service) ~path in
  Lwt_list.iter_s
    (fun step ->
      Lwt.catch
        (fun () -> run proxy service step >|= fun () -> "ok")
        (fun problem -> Lwt.return (Printexc.to_string problem))
      >|= fun what -> Printf.printf "%s %s %s\n%!" service step what)
    (String.split_on_char ',' steps)

let () =
  Lwt_main.run
    ( connect Sys.argv.(1) >>= fun bus ->
      Lwt_list.iter_s (run_all bus)
        (Array.to_list (Array.sub Sys.argv 2 (Array.length Sys.argv - 2))) )
