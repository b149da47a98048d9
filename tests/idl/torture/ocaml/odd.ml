(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* A service that does not answer as it should: "client odd" of CASES.md. *)
open Check
open Torture1
open Types

module Client = Direct.Client (struct
  include Default

  let destination = "org.example.torture1odd"
end)

let ask what = Client.echo_everything what (Everything.make ())

let contains text part =
  let rec at i =
    i + String.length part <= String.length text
    && (String.sub text i (String.length part) = part || at (i + 1))
  in
  at 0

let is_invalid part = function
  | Xcpbus.Error { name = "org.xen.xcp.Error.InvalidReply"; message; _ } -> contains message part
  | _ -> false

let is_refused ?(naming = "") what () = raises what (fun () -> ask what) (is_invalid naming)
let older () = check "all defaults" (ask "older" = Everything.make ())

let newer () =
  let found = ask "newer" in
  check "word" (found.colour = Unknown "Ultraviolet");
  check "case" (found.shape = Unknown ("Spiral", Struct [ Int64 3L; Double 0.5 ]));
  check "words" (found.words = [ ("a", "b") ])

let twice () = check "the last" ((ask "twice").an_int32 = 2)

let error wanted what () =
  raises what (fun () -> ask what) (function
    | Xcpbus.Error { name; message; _ } ->
        name = "org.example.torture1.Error." ^ wanted && message <> ""
    | _ -> false)

let large () =
  let found = (ask "large").labels in
  check "they come"
    (List.length found = 20_000 && List.for_all (fun (l : Label.t) -> l.text = "x") found)

let no_method () =
  raises "Wait" (fun () -> Client.Extra.wait 0.) (function
    | Xcpbus.Error { name; _ } ->
        List.mem name [ dbus_error "UnknownMethod"; dbus_error "UnknownInterface" ]
    | _ -> false)

let signals () =
  let heard = ref [] in
  let subscription = Client.on_poked (fun _ end_ label -> heard := (end_, label.text) :: !heard) in
  let wrong = ref 0 in
  (Xcpbus.on_exception := function Xcpbus.Get.Mismatch _ -> incr wrong | exn -> raise exn);
  Client.poke 1;
  eventually "Poked" (fun () -> !heard <> []);
  check "the good one" (!heard = [ (1, "good") ]);
  check "and two that are told of" (!wrong = 2);
  Xcpbus.cancel subscription

let property () = raises "Count" Client.get_count (is_invalid "")

let all =
  [
    ("older", older);
    ("newer", newer);
    ("twice", twice);
    ("missing", is_refused "missing" ~naming:"text");
    ("wrong field", is_refused "wrong field" ~naming:"a_string");
    ("wrong case", is_refused "wrong case");
    ("two of one", is_refused "two of one");
    ("wrong type", is_refused "wrong type");
    ("nothing", is_refused "nothing");
    ("more", is_refused "more");
    ("unknown error", error "FromTheFuture" "unknown error");
    ("bad payload", error "BadShape" "bad payload");
    ("no payload", error "BadShape" "no payload");
    ("large", large);
    ("no method", no_method);
    ("signals", signals);
    ("property", property);
  ]
