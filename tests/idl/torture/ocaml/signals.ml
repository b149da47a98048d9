(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* Signals, properties, time: cases 20 to 28 of CASES.md. Another thread runs the callbacks. *)
open Check
open Torture1
open Types

let is_source (from : Xcpbus.Source.t) =
  from.path = "/org/example/torture1" && from.sender.[0] = ':'

let poke_and_hear ?any_object () =
  let heard = ref [] in
  let hear from end_ label =
    check "from where it comes" (is_source from);
    heard := (end_, label) :: !heard
  in
  let subscription = Client.on_poked ?any_object hear in
  Client.poke 42;
  eventually "Poked" (fun () -> !heard <> []);
  Xcpbus.cancel subscription;
  check "once, and what it carries" (!heard = [ (42, Label.make ~text:"poked" ()) ]);
  Client.poke 43;
  check "not after it was cancelled" (List.length !heard = 1)

let signal () =
  poke_and_hear ();
  poke_and_hear ~any_object:true ()

let property () =
  let told = ref [] in
  let before = Client.get_count () in
  let subscription = Client.on_count_changed (fun _ value -> told := value :: !told) in
  Client.poke 1;
  check "one more" (Client.get_count () = before + 1);
  eventually "and told" (fun () -> List.mem (Some (before + 1)) !told);
  Xcpbus.cancel subscription

let set () =
  let one colour =
    let told = ref [] in
    let tell from value = if is_source from then told := value :: !told in
    let subscription = Client.on_favourite_changed ~any_object:true tell in
    Client.set_favourite colour;
    check (Colour.to_string colour) (Client.get_favourite () = colour);
    eventually "and told" (fun () -> List.mem (Some colour) !told);
    Xcpbus.cancel subscription
  in
  List.iter one [ Dark_green; Unknown "Ultraviolet"; Red ]

let constant () = check "1.1" (Client.get_version () = "1.1")

let is_late = function
  | Xcpbus.Error { name; _ } -> List.mem name [ dbus_error "NoReply"; dbus_error "Timeout" ]
  | _ -> false

let wait () =
  Client.Extra.wait 0.01;
  let is_over = ref false in
  let waiter =
    Thread.create
      (fun () ->
        raises "Wait(-1)" (fun () -> Client.Extra.wait (-1.)) is_late;
        is_over := true)
      ()
  in
  check "meanwhile" (echo_number 5L = 5L);
  check "that was before its end" (not !is_over);
  Thread.join waiter

let forget () =
  Client.Extra.forget ();
  check "the next call" (echo_number 6L = 6L)

let many () =
  let right = Array.make 100 false in
  let call i = right.(i) <- echo_number (Int64.of_int i) = Int64.of_int i in
  List.iter Thread.join (List.init 100 (Thread.create call));
  check "each gets its own" (Array.for_all Fun.id right)

let nobody () =
  let module Nobody = Direct.Client (struct
    include Default

    let destination = "org.example.nobody1"
  end) in
  raises "ServiceUnknown"
    (fun () -> echo_number ~echo:Nobody.echo_basic 1L)
    (is_error (dbus_error "ServiceUnknown"))

let no_object () =
  let module Nowhere = Direct.Client (struct
    include Default

    let path = "/org/example/nowhere"
  end) in
  raises "UnknownObject"
    (fun () -> echo_number ~echo:Nowhere.echo_basic 1L)
    (is_error (dbus_error "UnknownObject"))

let all =
  [
    ("signal", signal);
    ("property", property);
    ("set", set);
    ("constant", constant);
    ("wait", wait);
    ("forget", forget);
    ("many", many);
    ("nobody", nobody);
    ("no object", no_object);
  ]
