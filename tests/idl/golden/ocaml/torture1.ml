(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* Printed by xcp-bus-idl out of org.example.torture1.xml: do not edit. *)

module Put = Xcpbus.Put
module Get = Xcpbus.Get

module Types = struct
  module Address = struct
    type t = {
      domain : int;
      bus : int;
      dev : int;
      fn : int;
    }

    let put (v : t) =
      Put.tuple [ Put.uint16 v.domain; Put.byte v.bus; Put.byte v.dev; Put.byte v.fn ]

    let get value =
      match Get.tuple value with
      | [ domain; bus; dev; fn ] ->
          { domain = Get.uint16 domain; bus = Get.byte bus; dev = Get.byte dev; fn = Get.byte fn }
      | found -> Get.wrong_count ~expected:4 found
  end

  module Colour = struct
    type t =
      | Red
      | Dark_green
      | None
      | Unknown of string

    let to_string = function
      | Red -> "Red"
      | Dark_green -> "Dark_green"
      | None -> "None"
      | Unknown word -> word

    let of_string = function
      | "Red" -> Red
      | "Dark_green" -> Dark_green
      | "None" -> None
      | word -> Unknown word

    let put value = Put.string (to_string value)
    let get value = of_string (Get.string value)
  end

  module Label = struct
    type t = {
      text : string;
      colour : Colour.t;
      size : float;
      link : string option;
    }

    let make ~text ?(colour = Colour.Dark_green) ?(size = 1.5) ?link () =
      { text; colour; size; link }

    let put (v : t) =
      Put.record [
        Put.field "text" (Put.string v.text);
        Put.field "colour" (Colour.put v.colour);
        Put.field "size" (Put.double v.size);
        Put.optional "link" Put.string v.link;
      ]

    let get value =
      let r = Get.record value in
      {
        text = Get.required r "text" Get.string;
        colour = Get.default r "colour" Colour.get Colour.Dark_green;
        size = Get.default r "size" Get.double 1.5;
        link = Get.optional r "link" Get.string;
      }
  end

  module Shape = struct
    type t =
      | Empty
      | Circle of float
      | Segment of (int64 * int64)
      | Device of Address.t
      | Group of t list
      | Labelled of Label.t
      | Unknown of string * Xcpbus.Value.t

    let rec put = function
      | Empty -> Put.case "Empty" (Put.bool true)
      | Circle v -> Put.case "Circle" (Put.double v)
      | Segment v -> Put.case "Segment" (Put.pair Put.int64 Put.int64 v)
      | Device v -> Put.case "Device" (Address.put v)
      | Group v -> Put.case "Group" (Put.list "(sv)" put v)
      | Labelled v -> Put.case "Labelled" (Label.put v)
      | Unknown (name, v) -> Put.case name v

    let rec get value =
      match Get.case value with
      | "Empty", _ -> Empty
      | "Circle", v -> Circle (Get.double v)
      | "Segment", v -> Segment (Get.pair Get.int64 Get.int64 v)
      | "Device", v -> Device (Address.get v)
      | "Group", v -> Group (Get.list "(sv)" get v)
      | "Labelled", v -> Labelled (Label.get v)
      | name, v -> Unknown (name, v)
  end

  module Origin = struct
    type t = {
      x : int64;
      y : int64;
    }

    let make ?(x = 0L) ?(y = 0L) () =
      { x; y }

    let put (v : t) =
      Put.record [ Put.field "x" (Put.int64 v.x); Put.field "y" (Put.int64 v.y) ]

    let get value =
      let r = Get.record value in
      { x = Get.default r "x" Get.int64 0L; y = Get.default r "y" Get.int64 0L }
  end

  module Everything = struct
    type t = {
      a_byte : int;
      a_boolean : bool;
      an_int16 : int;
      a_uint16 : int;
      an_int32 : int;
      a_uint32 : int;
      an_int64 : int64;
      a_uint64 : int64;
      a_double : float;
      a_string : string;
      some_bytes : string;
      numbers : int64 list;
      matrix : float list list;
      words : (string * string) list;
      by_number : (int * Label.t) list;
      pair : (string * int64 option);
      address : Address.t;
      colour : Colour.t;
      shape : Shape.t;
      origin : Origin.t;
      label : Label.t option;
      labels : Label.t list;
      maybe_numbers : int64 list option;
      holes : string option list;
      anything : Xcpbus.Value.t option;
    }

    let make
        ?(a_byte = 255)
        ?(a_boolean = true)
        ?(an_int16 = (-32768))
        ?(a_uint16 = 65535)
        ?(an_int32 = (-2147483648))
        ?(a_uint32 = 4294967295)
        ?(an_int64 = (-9223372036854775808L))
        ?(a_uint64 = (-1L))
        ?(a_double = (-0.125))
        ?(a_string = "a \"quoted\" line\nand a \\")
        ?(some_bytes = "")
        ?(numbers = [ 1L; (-2L) ])
        ?(matrix = [])
        ?(words = [ ("key", "value") ])
        ?(by_number = [])
        ?(pair = ("one", None))
        ?(address = Address.{ domain = 0; bus = 1; dev = 2; fn = 3 })
        ?(colour = Colour.None)
        ?(shape = (Shape.Group [ Shape.Empty; (Shape.Circle 1.); (Shape.Segment ((-1L), 1L)) ]))
        ?(origin = (Origin.make ()))
        ?label
        ?(labels = [])
        ?maybe_numbers
        ?(holes = [ None; (Some "x") ])
        ?anything
        () =
      {
        a_byte;
        a_boolean;
        an_int16;
        a_uint16;
        an_int32;
        a_uint32;
        an_int64;
        a_uint64;
        a_double;
        a_string;
        some_bytes;
        numbers;
        matrix;
        words;
        by_number;
        pair;
        address;
        colour;
        shape;
        origin;
        label;
        labels;
        maybe_numbers;
        holes;
        anything;
      }

    let put (v : t) =
      Put.record [
        Put.field "a_byte" (Put.byte v.a_byte);
        Put.field "a_boolean" (Put.bool v.a_boolean);
        Put.field "an_int16" (Put.int16 v.an_int16);
        Put.field "a_uint16" (Put.uint16 v.a_uint16);
        Put.field "an_int32" (Put.int32 v.an_int32);
        Put.field "a_uint32" (Put.uint32 v.a_uint32);
        Put.field "an_int64" (Put.int64 v.an_int64);
        Put.field "a_uint64" (Put.uint64 v.a_uint64);
        Put.field "a_double" (Put.double v.a_double);
        Put.field "a_string" (Put.string v.a_string);
        Put.field "some_bytes" (Put.bytes v.some_bytes);
        Put.field "numbers" (Put.list "x" Put.int64 v.numbers);
        Put.field "matrix" (Put.list "ad" (Put.list "d" Put.double) v.matrix);
        Put.field "words" (Put.dict "ss" Put.string Put.string v.words);
        Put.field "by_number" (Put.dict "ua{sv}" Put.uint32 Label.put v.by_number);
        Put.field "pair" (Put.pair Put.string (Put.maybe "x" Put.int64) v.pair);
        Put.field "address" (Address.put v.address);
        Put.field "colour" (Colour.put v.colour);
        Put.field "shape" (Shape.put v.shape);
        Put.field "origin" (Origin.put v.origin);
        Put.optional "label" Label.put v.label;
        Put.field "labels" (Put.list "a{sv}" Label.put v.labels);
        Put.optional "maybe_numbers" (Put.list "x" Put.int64) v.maybe_numbers;
        Put.field "holes" (Put.list "as" (Put.maybe "s" Put.string) v.holes);
        Put.optional "anything" Put.any v.anything;
      ]

    let get value =
      let r = Get.record value in
      {
        a_byte = Get.default r "a_byte" Get.byte 255;
        a_boolean = Get.default r "a_boolean" Get.bool true;
        an_int16 = Get.default r "an_int16" Get.int16 (-32768);
        a_uint16 = Get.default r "a_uint16" Get.uint16 65535;
        an_int32 = Get.default r "an_int32" Get.int32 (-2147483648);
        a_uint32 = Get.default r "a_uint32" Get.uint32 4294967295;
        an_int64 = Get.default r "an_int64" Get.int64 (-9223372036854775808L);
        a_uint64 = Get.default r "a_uint64" Get.uint64 (-1L);
        a_double = Get.default r "a_double" Get.double (-0.125);
        a_string = Get.default r "a_string" Get.string "a \"quoted\" line\nand a \\";
        some_bytes = Get.default r "some_bytes" Get.bytes "";
        numbers = Get.default r "numbers" (Get.list "x" Get.int64) [ 1L; (-2L) ];
        matrix = Get.default r "matrix" (Get.list "ad" (Get.list "d" Get.double)) [];
        words = Get.default r "words" (Get.dict "ss" Get.string Get.string) [ ("key", "value") ];
        by_number = Get.default r "by_number" (Get.dict "ua{sv}" Get.uint32 Label.get) [];
        pair = Get.default r "pair" (Get.pair Get.string (Get.maybe "x" Get.int64)) ("one", None);
        address = Get.default r "address" Address.get Address.{ domain = 0; bus = 1; dev = 2; fn = 3
            };
        colour = Get.default r "colour" Colour.get Colour.None;
        shape = Get.default r "shape" Shape.get (Shape.Group [ Shape.Empty; (Shape.Circle 1.);
            (Shape.Segment ((-1L), 1L)) ]);
        origin = Get.default r "origin" Origin.get (Origin.make ());
        label = Get.optional r "label" Label.get;
        labels = Get.default r "labels" (Get.list "a{sv}" Label.get) [];
        maybe_numbers = Get.optional r "maybe_numbers" (Get.list "x" Get.int64);
        holes = Get.default r "holes" (Get.list "as" (Get.maybe "s" Get.string)) [ None; (Some "x")
            ];
        anything = Get.optional r "anything" Get.any;
      }
  end

  module Tree = struct
    type t = {
      name : string;
      children : t list;
    }

    let make ~name ?(children = []) () =
      { name; children }

    let rec put (v : t) =
      Put.record [
        Put.field "name" (Put.string v.name);
        Put.field "children" (Put.list "a{sv}" put v.children);
      ]

    let rec get value =
      let r = Get.record value in
      {
        name = Get.required r "name" Get.string;
        children = Get.default r "children" (Get.list "a{sv}" get) [];
      }
  end
end

module Errors = struct
  type error =
    | Internal_error of string
    | Bad_shape of Types.Shape.t * (int64 * int64)
    | Nothing

  let to_string = function
    | Internal_error _ -> "The service is at fault."
    | Bad_shape _ -> "A form that is not accepted."
    | Nothing -> "An error that carries nothing."
end

exception Torture1_error of Errors.error

let () =
  Printexc.register_printer (function
    | Torture1_error error -> Some ("Torture1_error: " ^ Errors.to_string error)
    | _ -> None)

module On_bus = struct
  let put = function
    | Torture1_error (Errors.Internal_error (reason) as error) ->
        Some
          ("org.example.torture1.Error.InternalError",
            Errors.to_string error,
            [ Put.string reason ])
    | Torture1_error (Errors.Bad_shape (shape, limits) as error) ->
        Some
          ("org.example.torture1.Error.BadShape",
            Errors.to_string error,
            [ Types.Shape.put shape; Put.pair Put.int64 Put.int64 limits ])
    | Torture1_error (Errors.Nothing as error) ->
        Some
          ("org.example.torture1.Error.Nothing",
            Errors.to_string error,
            [])
    | _ -> None

  let get name body =
    match (name, body) with
    | "org.example.torture1.Error.InternalError", [ reason ] ->
        Some (Torture1_error (Errors.Internal_error (Get.string reason)))
    | "org.example.torture1.Error.BadShape", [ shape; limits ] ->
        Some (Torture1_error (Errors.Bad_shape (Types.Shape.get shape, Get.pair Get.int64 Get.int64
            limits)))
    | "org.example.torture1.Error.Nothing", [] ->
        Some (Torture1_error (Errors.Nothing))
    | _ -> None
end

let interfaces =
  let open Xcpbus.Interface in
  [
    make ~annotations:[ ("org.gtk.GDBus.Since", "1.0"); ("org.xen.xcp.Sha256",
        "fd7c616b3c62c588569dfe8c61783697992cda242535cce2ce1592fa11f8e3f2") ] "org.example.torture1"
      ~methods:[
        method_ ~annotations:[ ("org.xen.xcp.Idempotent", "true"); ("org.xen.xcp.Secret",
            "everything result") ] "EchoEverything" ~inputs:("sa{sv}", "debug_info everything")
            ~outputs:("a{sv}", "result");
        method_ ~annotations:[ ("org.xen.xcp.Idempotent", "true"); ("org.xen.xcp.Secret",
            "a_string") ] "EchoBasic" ~inputs:("ybnqiuxtdsog",
            "a_byte a_boolean an_int16 a_uint16 an_int32 a_uint32 an_int64 a_uint64 a_double a_string a_path a_signature")
            ~outputs:("ybnqiuxtdsog",
            "byte_out boolean_out int16_out uint16_out int32_out uint32_out int64_out uint64_out double_out string_out path_out signature_out");
        method_ ~annotations:[ ("org.xen.xcp.Timeout", "90.5") ] "Draw" ~inputs:("(sv)s",
            "shape colour") ~outputs:("(sv)s", "drawn used");
        method_ "EchoContainers" ~inputs:("asaya(sa{sv})a{sv}v",
            "maybe bytes records tree anything") ~outputs:("asaya(sa{sv})a{sv}v",
            "maybe_out bytes_out records_out tree_out anything_out");
        method_ ~flags:deprecated ~annotations:[ ("org.xen.xcp.ReplacedBy",
            "org.example.torture1.Extra.Wait") ] "Poke" ~inputs:("u", "end") ~outputs:("", "");
      ]
      ~signals:[ signal "Poked" ("ua{sv}", "end label") ]
      ~properties:[
        property ~flags:emits_change "Count" "u";
        property ~flags:emits_change ~write:true "Favourite" "s";
        property ~flags:constant "Version" "s";
      ];
    make ~annotations:[ ("org.xen.xcp.Sha256",
        "fd7c616b3c62c588569dfe8c61783697992cda242535cce2ce1592fa11f8e3f2") ]
        "org.example.torture1.Extra"
      ~methods:[
        method_ ~annotations:[ ("org.gtk.GDBus.Since", "1.1"); ("org.xen.xcp.Timeout", "1") ] "Wait"
            ~inputs:("d", "delay") ~outputs:("", "");
        method_ ~flags:no_reply "Forget" ~inputs:("", "") ~outputs:("", "");
      ];
  ]

module Make (Io : Xcpbus.IO) = struct
  module Rpc = Xcpbus.Rpc.Make (Io)

  let ( let* ) = Io.bind

  module Client (Target : Xcpbus.TARGET) = struct
    module Proxy = Rpc.Proxy (Target) (On_bus)

    let echo_everything dbg everything =
      Proxy.call "org.example.torture1" "EchoEverything" ~idempotent:true
        [ Put.string dbg; Types.Everything.put everything ]
        (Xcpbus.Rpc.one Types.Everything.get)

    let echo_basic a_byte a_boolean an_int16 a_uint16 an_int32 a_uint32 an_int64 a_uint64 a_double
        a_string a_path a_signature =
      Proxy.call "org.example.torture1" "EchoBasic" ~idempotent:true
        [
          Put.byte a_byte;
          Put.bool a_boolean;
          Put.int16 an_int16;
          Put.uint16 a_uint16;
          Put.int32 an_int32;
          Put.uint32 a_uint32;
          Put.int64 an_int64;
          Put.uint64 a_uint64;
          Put.double a_double;
          Put.string a_string;
          Put.path a_path;
          Put.signature a_signature;
        ]
        (function
          | [ byte_out; boolean_out; int16_out; uint16_out; int32_out; uint32_out; int64_out;
              uint64_out; double_out; string_out; path_out; signature_out ] ->
              (Get.byte byte_out, Get.bool boolean_out, Get.int16 int16_out, Get.uint16 uint16_out,
                  Get.int32 int32_out, Get.uint32 uint32_out, Get.int64 int64_out, Get.uint64
                  uint64_out, Get.double double_out, Get.string string_out, Get.path path_out,
                  Get.signature signature_out)
          | body -> Get.wrong_count ~expected:12 body)

    let draw shape colour =
      Proxy.call "org.example.torture1" "Draw" ~timeout_s:90.5
        [ Types.Shape.put shape; Types.Colour.put colour ]
        (function
          | [ drawn; used ] ->
              (Types.Shape.get drawn, Types.Colour.get used)
          | body -> Get.wrong_count ~expected:2 body)

    let echo_containers maybe bytes records tree anything =
      Proxy.call "org.example.torture1" "EchoContainers"
        [
          Put.maybe "s" Put.string maybe;
          Put.bytes bytes;
          Put.list "(sa{sv})" (Put.pair Put.string Types.Label.put) records;
          Types.Tree.put tree;
          Put.any anything;
        ]
        (function
          | [ maybe_out; bytes_out; records_out; tree_out; anything_out ] ->
              (Get.maybe "s" Get.string maybe_out, Get.bytes bytes_out, Get.list "(sa{sv})"
                  (Get.pair Get.string Types.Label.get) records_out, Types.Tree.get tree_out,
                  Get.any anything_out)
          | body -> Get.wrong_count ~expected:5 body)

    let poke end_ =
      Proxy.call "org.example.torture1" "Poke"
        [ Put.uint32 end_ ]
        Xcpbus.Rpc.no_answer

    let on_poked ?any_object f =
      Proxy.on_signal ?any_object "org.example.torture1" "Poked"
        (fun source -> function
          | [ end_; label ] ->
              f source (Get.uint32 end_) (Types.Label.get label)
          | body -> Get.wrong_count ~expected:2 body)

    let get_count () =
      Proxy.get_property "org.example.torture1" "Count" Get.uint32

    let on_count_changed ?any_object f =
      Proxy.on_property ?any_object "org.example.torture1" "Count" Get.uint32 f

    let get_favourite () =
      Proxy.get_property "org.example.torture1" "Favourite" Types.Colour.get

    let set_favourite value =
      Proxy.set_property "org.example.torture1" "Favourite" (Types.Colour.put value)

    let on_favourite_changed ?any_object f =
      Proxy.on_property ?any_object "org.example.torture1" "Favourite" Types.Colour.get f

    let get_version () =
      Proxy.get_property "org.example.torture1" "Version" Get.string

    module Extra = struct
      let wait delay =
        Proxy.call "org.example.torture1.Extra" "Wait" ~timeout_s:1.
          [ Put.double delay ]
          Xcpbus.Rpc.no_answer

      let forget () =
        Proxy.send "org.example.torture1.Extra" "Forget"
          []
    end
  end

  module Server () = struct
    module Service =
      Rpc.Service
        (On_bus)
        (struct
          let name = "org.example.torture1"
          let path = "/org/example/torture1"
          let interfaces = interfaces
        end)
        ()

    let export = Service.export
    let serve = Service.serve
    let unimplemented = Service.unimplemented

    let echo_everything f =
      Service.implement "org.example.torture1" "EchoEverything"
        (function
          | [ dbg; everything ] ->
              let* result = f (Get.string dbg) (Types.Everything.get everything) in
              Io.return [ Types.Everything.put result ]
          | body -> Get.wrong_count ~expected:2 body)

    let echo_basic f =
      Service.implement "org.example.torture1" "EchoBasic"
        (function
          | [ a_byte; a_boolean; an_int16; a_uint16; an_int32; a_uint32; an_int64; a_uint64;
              a_double; a_string; a_path; a_signature ] ->
              let* (byte_out, boolean_out, int16_out, uint16_out, int32_out, uint32_out, int64_out,
                  uint64_out, double_out, string_out, path_out, signature_out) = f (Get.byte a_byte)
                  (Get.bool a_boolean) (Get.int16 an_int16) (Get.uint16 a_uint16) (Get.int32
                  an_int32) (Get.uint32 a_uint32) (Get.int64 an_int64) (Get.uint64 a_uint64)
                  (Get.double a_double) (Get.string a_string) (Get.path a_path) (Get.signature
                  a_signature) in
              Io.return [
                Put.byte byte_out;
                Put.bool boolean_out;
                Put.int16 int16_out;
                Put.uint16 uint16_out;
                Put.int32 int32_out;
                Put.uint32 uint32_out;
                Put.int64 int64_out;
                Put.uint64 uint64_out;
                Put.double double_out;
                Put.string string_out;
                Put.path path_out;
                Put.signature signature_out;
              ]
          | body -> Get.wrong_count ~expected:12 body)

    let draw f =
      Service.implement "org.example.torture1" "Draw"
        (function
          | [ shape; colour ] ->
              let* (drawn, used) = f (Types.Shape.get shape) (Types.Colour.get colour) in
              Io.return [ Types.Shape.put drawn; Types.Colour.put used ]
          | body -> Get.wrong_count ~expected:2 body)

    let echo_containers f =
      Service.implement "org.example.torture1" "EchoContainers"
        (function
          | [ maybe; bytes; records; tree; anything ] ->
              let* (maybe_out, bytes_out, records_out, tree_out, anything_out) = f (Get.maybe "s"
                  Get.string maybe) (Get.bytes bytes) (Get.list "(sa{sv})" (Get.pair Get.string
                  Types.Label.get) records) (Types.Tree.get tree) (Get.any anything) in
              Io.return [
                Put.maybe "s" Put.string maybe_out;
                Put.bytes bytes_out;
                Put.list "(sa{sv})" (Put.pair Put.string Types.Label.put) records_out;
                Types.Tree.put tree_out;
                Put.any anything_out;
              ]
          | body -> Get.wrong_count ~expected:5 body)

    let poke f =
      Service.implement "org.example.torture1" "Poke"
        (function
          | [ end_ ] ->
              let* () = f (Get.uint32 end_) in
              Io.return []
          | body -> Get.wrong_count ~expected:1 body)

    let emit_poked end_ label =
      Service.emit "org.example.torture1" "Poked"
        [ Put.uint32 end_; Types.Label.put label ]

    let get_count f =
      Service.on_get "org.example.torture1" "Count" (fun () -> Put.uint32 (f ()))

    let count_changed () =
      Service.changed "org.example.torture1" "Count"

    let get_favourite f =
      Service.on_get "org.example.torture1" "Favourite" (fun () -> Types.Colour.put (f ()))

    let set_favourite f =
      Service.on_set "org.example.torture1" "Favourite" (fun value -> f (Types.Colour.get value))

    let favourite_changed () =
      Service.changed "org.example.torture1" "Favourite"

    let get_version f =
      Service.on_get "org.example.torture1" "Version" (fun () -> Put.string (f ()))

    module Extra = struct
      let wait f =
        Service.implement "org.example.torture1.Extra" "Wait"
          (function
            | [ delay ] ->
                let* () = f (Get.double delay) in
                Io.return []
            | body -> Get.wrong_count ~expected:1 body)

      let forget f =
        Service.implement "org.example.torture1.Extra" "Forget"
          (function
            | [] ->
                let* () = f () in
                Io.return []
            | body -> Get.wrong_count ~expected:0 body)
    end
  end
end

module Direct = Make (Xcpbus.Direct)

module Default = struct
  let bus = Xcpbus.default
  let destination = "org.example.torture1"
  let path = "/org/example/torture1"
end

module Client = Direct.Client (Default)
