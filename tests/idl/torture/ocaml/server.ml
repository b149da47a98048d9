(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* A service for org.example.torture1 in OCaml, under Lwt; CASES.md says what it has to do. *)
open Lwt.Infix
open Torture1
module With_lwt = Make (Xcpbus_lwt.Io)
module Server = With_lwt.Server ()

let count = ref 0
let favourite = ref Types.Colour.Red

let draw shape colour =
  match shape with
  | Types.Shape.Segment (a, b) when b < a ->
      Lwt.fail (Torture1_error (Errors.Bad_shape (shape, (b, a))))
  | Circle radius when radius < 0. -> Lwt.fail (Torture1_error (Errors.Internal_error "radius"))
  | Circle radius when radius = 0. -> Lwt.fail (Torture1_error Errors.Nothing)
  | _ -> Lwt.return (shape, colour)

let poke end_ =
  incr count;
  Server.count_changed ();
  Server.emit_poked end_ (Types.Label.make ~text:"poked" ());
  Lwt.return ()

(* A promise that nobody can keep any more is collected, and its call answered with an error. *)
let never = ref []

let wait delay =
  if delay >= 0. then Lwt_unix.sleep delay
  else begin
    let promise, resolver = Lwt.wait () in
    never := resolver :: !never;
    promise
  end

let implement () =
  Server.echo_everything (fun _dbg everything -> Lwt.return everything);
  Server.echo_basic (fun y b n q i u x t d s o g -> Lwt.return (y, b, n, q, i, u, x, t, d, s, o, g));
  Server.echo_containers (fun maybe bytes records tree anything ->
      Lwt.return (maybe, bytes, records, tree, anything));
  Server.draw draw;
  Server.poke poke;
  Server.get_count (fun () -> !count);
  Server.get_favourite (fun () -> !favourite);
  Server.set_favourite (fun colour -> favourite := colour);
  Server.get_version (fun () -> "1.1");
  Server.Extra.wait wait;
  Server.Extra.forget Lwt.return

let main () =
  implement ();
  match Server.unimplemented () with
  | [] ->
      Xcpbus_lwt.connect () >>= fun bus ->
      Server.serve bus >>= fun () ->
      print_endline "ready";
      fst (Lwt.wait ())
  | missing -> failwith ("not implemented: " ^ String.concat ", " missing)

let () =
  (* Lwt's own way: one that comes just before select(2) would be forgotten by Sys.set_signal. *)
  ignore (Lwt_unix.on_signal Sys.sigterm (fun _ -> exit 0));
  Lwt_main.run (main ())
