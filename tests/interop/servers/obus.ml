(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* Interop server on obus: ADDRESS NAME. *)
open Lwt.Infix
open OBus_value
open Obus_members

exception Broken of string

module _ = OBus_error.Register (struct
  exception E = Broken

  let name = interface ^ ".Error.Broken"
end)

let line (key, value) =
  match value with
  | V.Basic (V.String text) -> key ^ "=" ^ text
  | V.Basic (V.Uint32 number) -> Printf.sprintf "%s=%ld" key number
  | _ -> key ^ "=?"

let size_of fd =
  Lwt.return (Int64.of_int (Unix.fstat fd).Unix.st_size) >|= fun size ->
  Unix.close fd;
  size

let value, set_value = React.S.create 20.5

let thing =
  let open OBus_object in
  make_interface ~name:interface
    ~methods:
      [
        method_info add (fun _ (a, b) -> Lwt.return (Int32.add a b));
        method_info echo (fun _ data -> Lwt.return data);
        method_info describe (fun _ values ->
            Lwt.return (List.sort compare (List.map line values)));
        method_info fail (fun _ () -> Lwt.fail (Broken "it is broken"));
        method_info shout (fun self text -> OBus_signal.emit shouted self text);
        method_info size (fun _ fd -> size_of fd);
      ]
    ~signals:[ signal_info shouted ]
    ~properties:
      [
        property_r_info version (fun _ -> React.S.const "1.0");
        property_rw_info target (fun _ -> value) (fun _ number -> set_value number; Lwt.return_unit);
      ]
    ()

let serve () =
  connect Sys.argv.(1) >>= fun bus ->
  let self = OBus_object.make ~interfaces:[ thing ] path in
  OBus_object.attach self ();
  OBus_object.export bus self;
  OBus_bus.request_name bus Sys.argv.(2) >>= fun _ ->
  print_endline "ready";
  fst (Lwt.wait ())

let () = Lwt_main.run (serve ())
