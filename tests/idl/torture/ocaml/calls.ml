(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* Values there and back: cases 1 to 19 of CASES.md. *)
open Check
open Torture1
open Types

let mib = 1024 * 1024
let echo everything = Client.echo_everything "a test" everything

let comes_back ?(what = "it comes back") everything =
  check what (is_same (echo everything) everything)

let label = Label.make ~text:"label" ~colour:Red ~size:3. ~link:"http://" ()
let device = { Address.domain = 65535; bus = 255; dev = 31; fn = 7 }

let shapes =
  Shape.
    [
      Empty;
      Circle 1.5;
      Segment (-1L, Int64.shift_left 1L 62);
      Device device;
      Labelled label;
    ]

let defaults () =
  let all = Everything.make () in
  comes_back all;
  check "of the file"
    (all.a_byte = 255 && all.an_int64 = Int64.min_int && all.a_uint64 = -1L
    && all.a_string = "a \"quoted\" line\nand a \\"
    && all.shape = Group [ Empty; Circle 1.; Segment (-1L, 1L) ]
    && all.holes = [ None; Some "x" ])

let everything () =
  comes_back
    {
      a_byte = 1;
      a_boolean = false;
      an_int16 = 2;
      a_uint16 = 3;
      an_int32 = 4;
      a_uint32 = 5;
      an_int64 = 6L;
      a_uint64 = 7L;
      a_double = 8.;
      a_string = "nine";
      some_bytes = "\000\255";
      numbers = [ 11L ];
      matrix = [ [ 1.; 2. ]; [] ];
      words = [ ("a", "b"); ("c", "d") ];
      by_number = [ (1, label) ];
      pair = ("two", Some 2L);
      address = device;
      colour = Red;
      shape = Circle 1.;
      origin = { x = 1L; y = 2L };
      label = Some label;
      labels = [ label; Label.make ~text:"" () ];
      maybe_numbers = Some [ 1L ];
      holes = [ Some "y"; None ];
      anything = Some (Uint16 7);
    }

let echo_basic (y, b, n, q, i, u, x, t, d, s, o, g) =
  Client.echo_basic y b n q i u x t d s o g

let basic_comes_back basic = check "it comes back" (is_same (echo_basic basic) basic)

let limits () =
  let min, max = (Int64.min_int, Int64.max_int) in
  basic_comes_back (0, false, -32768, 0, -0x8000_0000, 0, min, 0L, 0., "", "/", "");
  basic_comes_back
    (255, true, 32767, 65535, 0x7fff_ffff, 0xffff_ffff, max, -1L, 0., "", "/a/b_1", "a{sv}(ii)");
  raises "a byte of 256"
    (fun () -> echo_basic (256, true, 0, 0, 0, 0, 0L, 0L, 0., "", "/", ""))
    (is_error (dbus_error "InvalidArgs"));
  raises "a negative unsigned one"
    (fun () -> echo_basic (0, true, 0, 0, 0, -1, 0L, 0L, 0., "", "/", ""))
    (is_error (dbus_error "InvalidArgs"))

let some_doubles = [ nan; infinity; neg_infinity; -0.; 5e-324; 1.7976931348623157e308 ]

let doubles () =
  List.iter
    (fun d ->
      let _, _, _, _, _, _, _, _, found, _, _, _ =
        echo_basic (0, false, 0, 0, 0, 0, 0L, 0L, d, "", "/", "")
      in
      check (string_of_float d) (is_same_double d found))
    some_doubles;
  let matrix = [ some_doubles; []; some_doubles ] in
  let found = (echo (Everything.make ~matrix ())).matrix in
  check "the matrix" (List.for_all2 (List.for_all2 is_same_double) matrix found)

let texts () =
  List.iter
    (fun a_string -> comes_back (Everything.make ~a_string ()))
    [ ""; "żółć 🐍 \n\t\"\\"; String.make mib 'x' ];
  List.iter
    (fun a_string ->
      raises "what D-Bus cannot carry"
        (fun () -> echo (Everything.make ~a_string ()))
        (is_error (dbus_error "InvalidArgs")))
    [ "a\000b"; "\255" ]

let bytes () =
  comes_back (Everything.make ~some_bytes:"" ());
  comes_back (Everything.make ~some_bytes:(String.init mib (fun i -> Char.chr (i mod 251))) ())

let empty () =
  comes_back (Everything.make ~numbers:[] ~words:[] ~holes:[] ~shape:(Group []) ())

(* EchoContainers with one argument at a time. *)
let contain ?maybe ?(records = []) ?(tree = Tree.make ~name:"" ()) ?(anything = Xcpbus.Value.Bool true)
    () =
  let sent = (maybe, "", records, tree, anything) in
  check "it comes back" (is_same (Client.echo_containers maybe "" records tree anything) sent)

let options () =
  contain ();
  contain ~maybe:"" ();
  let with_numbers maybe_numbers =
    let holes = [ None; Some ""; None ] in
    { (Everything.make ~pair:("", Some 7L) ~holes ()) with maybe_numbers }
  in
  List.iter (fun numbers -> comes_back (with_numbers numbers)) [ None; Some []; Some [ 1L ] ]

let records () =
  let colours = Colour.[| Red; Dark_green; None |] in
  let record i =
    let text = Printf.sprintf "n%d" i in
    (text, Label.make ~text ~colour:colours.(i mod 3) ())
  in
  contain ~records:(List.init 1000 record) ()

let dictionary () =
  comes_back (Everything.make ~by_number:[ (0, label); (1, label); (0xffff_ffff, label) ] ())

let rec chain length =
  Tree.make ~name:"node" ~children:(if length > 1 then [ chain (length - 1) ] else []) ()

let deep () = contain ~tree:(chain 16) ()

let too_deep () =
  raises "40 nodes" (fun () -> contain ~tree:(chain 40) ()) (is_error (dbus_error "InvalidArgs"));
  check "the next call" (echo_number 4L = 4L)

let anything () =
  let one value =
    contain ~anything:value ();
    comes_back (Everything.make ~anything:value ())
  in
  Xcpbus.Value.(
    one (String "text");
    one (Dict ("sv", [ (String "a", Variant (Uint32 1)); (String "b", Variant (Array ("s", []))) ]));
    one (Struct [ Int64 Int64.min_int; Double (-0.) ]);
    one (Variant (Variant (Byte 7)));
    one (Bytes "\000\255\001"))

let draws shape =
  check "it comes back" (is_same (Client.draw shape Red) (shape, Colour.Red))

let cases () =
  List.iter draws shapes;
  draws (Group shapes)

let colour_comes_back colour =
  check (Colour.to_string colour) (Client.draw Empty colour = (Shape.Empty, colour))

let words () = List.iter colour_comes_back [ Red; Dark_green; None ]
let unknown_word () = colour_comes_back (Unknown "Ultraviolet")

let unknown_case () =
  let spiral = Shape.Unknown ("Spiral", Struct [ Int64 3L; Double 0.5 ]) in
  draws spiral;
  draws (Group [ spiral ])

let bad_shape () =
  let shape = Shape.Segment (5L, 2L) in
  raises "BadShape"
    (fun () -> Client.draw shape Red)
    (function
      | Torture1_error (Bad_shape (found, limits)) -> found = shape && limits = (2L, 5L)
      | _ -> false);
  check "a text for people" (Errors.to_string (Bad_shape (shape, (2L, 5L))) <> "")

let other_errors () =
  let draw radius () = Client.draw (Circle radius) Red in
  raises "Nothing" (draw 0.) (fun exn -> exn = Torture1_error Nothing);
  raises "Nothing of -0.0" (draw (-0.)) (fun exn -> exn = Torture1_error Nothing);
  raises "InternalError" (draw (-1.)) (fun exn -> exn = Torture1_error (Internal_error "radius"))

let all =
  [
    ("defaults", defaults);
    ("everything", everything);
    ("limits", limits);
    ("doubles", doubles);
    ("texts", texts);
    ("bytes", bytes);
    ("empty", empty);
    ("options", options);
    ("records", records);
    ("dictionary", dictionary);
    ("deep", deep);
    ("too deep", too_deep);
    ("anything", anything);
    ("cases", cases);
    ("words", words);
    ("unknown word", unknown_word);
    ("unknown case", unknown_case);
    ("BadShape", bad_shape);
    ("Nothing and InternalError", other_errors);
  ]
