(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* Printed by xcp-bus-idl out of org.example.torture1.xml: do not edit. *)

(** A service that gives back what it gets. *)

module Types : sig
  (** Where a PCI device is. *)
  module Address : sig
    type t = {
      domain : int;  (** The PCI domain. *)
      bus : int;  (** The bus in it. *)
      dev : int;  (** The slot on the bus. *)
      fn : int;  (** The function of the device. *)
    }

    val put : t -> Xcpbus.Value.t
    val get : Xcpbus.Value.t -> t
  end

  (** One of a few colours. *)
  module Colour : sig
    type t =
      | Red  (** As blood. *)
      | Dark_green  (** As ivy. *)
      | None  (** Not a colour; a keyword in some languages. *)
      | Unknown of string  (** One of a later version. *)

    val to_string : t -> string
    val of_string : string -> t
    val put : t -> Xcpbus.Value.t
    val get : Xcpbus.Value.t -> t
  end

  (** A text and how it looks. *)
  module Label : sig
    type t = {
      text : string;  (** What it says; required. *)
      colour : Colour.t;  (** Its colour. *)
      size : float;  (** How large, in lines. *)
      link : string option;  (** Where it leads to. *)
    }

    val make : text:string -> ?colour:Colour.t -> ?size:float -> ?link:string -> unit -> t

    val put : t -> Xcpbus.Value.t
    val get : Xcpbus.Value.t -> t
  end

  (** A form, with what it needs. *)
  module Shape : sig
    type t =
      | Empty  (** Nothing at all. *)
      | Circle of float  (** Its radius. *)
      | Segment of (int64 * int64)  (** Where it begins and ends. *)
      | Device of Address.t  (** The form of a device. *)
      | Group of t list  (** Several of them. *)
      | Labelled of Label.t  (** One with a text. *)
      | Unknown of string * Xcpbus.Value.t  (** One of a later version. *)

    val put : t -> Xcpbus.Value.t
    val get : Xcpbus.Value.t -> t
  end

  (** A record of which all fields have defaults. *)
  module Origin : sig
    type t = {
      x : int64;  (** How far east. *)
      y : int64;  (** How far north. *)
    }

    val make : ?x:int64 -> ?y:int64 -> unit -> t

    val put : t -> Xcpbus.Value.t
    val get : Xcpbus.Value.t -> t
  end

  (** A field of each type. *)
  module Everything : sig
    type t = {
      a_byte : int;  (** The largest byte. *)
      a_boolean : bool;  (** Yes. *)
      an_int16 : int;  (** The least. *)
      a_uint16 : int;  (** The largest. *)
      an_int32 : int;  (** The least. *)
      a_uint32 : int;  (** The largest. *)
      an_int64 : int64;  (** The least. *)
      a_uint64 : int64;  (** The largest. *)
      a_double : float;  (** Exact in binary. *)
      a_string : string;  (** With all escapes. *)
      some_bytes : string;  (** Raw bytes. *)
      numbers : int64 list;  (** A list. *)
      matrix : float list list;  (** A list of lists. *)
      words : (string * string) list;  (** A dictionary. *)
      by_number : (int * Label.t) list;  (** One of records. *)
      pair : (string * int64 option);  (** A tuple. *)
      address : Address.t;  (** A structure. *)
      colour : Colour.t;  (** An enum. *)
      shape : Shape.t;  (** A variant. *)
      origin : Origin.t;  (** A record in a record. *)
      label : Label.t option;  (** A record that may be absent. *)
      labels : Label.t list;  (** A list of records. *)
      maybe_numbers : int64 list option;
          (** A list that may be absent, which an empty one is not. *)
      holes : string option list;  (** A list with holes. *)
      anything : Xcpbus.Value.t option;  (** Whatever. *)
    }

    val make :
      ?a_byte:int ->
      ?a_boolean:bool ->
      ?an_int16:int ->
      ?a_uint16:int ->
      ?an_int32:int ->
      ?a_uint32:int ->
      ?an_int64:int64 ->
      ?a_uint64:int64 ->
      ?a_double:float ->
      ?a_string:string ->
      ?some_bytes:string ->
      ?numbers:int64 list ->
      ?matrix:float list list ->
      ?words:(string * string) list ->
      ?by_number:(int * Label.t) list ->
      ?pair:(string * int64 option) ->
      ?address:Address.t ->
      ?colour:Colour.t ->
      ?shape:Shape.t ->
      ?origin:Origin.t ->
      ?label:Label.t ->
      ?labels:Label.t list ->
      ?maybe_numbers:int64 list ->
      ?holes:string option list ->
      ?anything:Xcpbus.Value.t ->
      unit ->
      t

    val put : t -> Xcpbus.Value.t
    val get : Xcpbus.Value.t -> t
  end

  (** A record that contains itself. *)
  module Tree : sig
    type t = {
      name : string;  (** Of this node. *)
      children : t list;  (** Below it. *)
    }

    val make : name:string -> ?children:t list -> unit -> t

    val put : t -> Xcpbus.Value.t
    val get : Xcpbus.Value.t -> t
  end
end

module Errors : sig
  type error =
    | Internal_error of string  (** The service is at fault. Of reason. *)
    | Bad_shape of Types.Shape.t * (int64 * int64)
        (** A form that is not accepted. Of shape, limits. *)
    | Nothing  (** An error that carries nothing. *)

  (** For people. *)
  val to_string : error -> string
end

exception Torture1_error of Errors.error

(** For any way to wait: [Make (Xcpbus_lwt.Io)] is for Lwt. *)
module Make (Io : Xcpbus.IO) : sig
  (** Besides what is said below, all raise {!Xcpbus.Error}. *)
  module Client (_ : Xcpbus.TARGET) : sig
    (** [echo_everything dbg everything] Gives a record back.
        Is called again if the service restarts meanwhile.
        @param everything A record.
        @return The same record.
        @raise Torture1_error [Internal_error] *)
    val echo_everything : string -> Types.Everything.t -> Types.Everything.t Io.t

    (** [echo_basic a_byte a_boolean an_int16 a_uint16 an_int32 a_uint32 an_int64 a_uint64 a_double
        a_string a_path a_signature] Gives one of each basic type back.
        Is called again if the service restarts meanwhile.
        @param a_byte A byte.
        @param a_boolean A boolean.
        @param an_int16 16 bits.
        @param a_uint16 16 bits.
        @param an_int32 32 bits.
        @param a_uint32 32 bits.
        @param an_int64 64 bits.
        @param a_uint64 64 bits.
        @param a_double A double.
        @param a_string A text.
        @param a_path An object path.
        @param a_signature A signature.
        @return byte_out: A byte; boolean_out: A boolean; int16_out: 16 bits; uint16_out: 16 bits;
          int32_out: 32 bits; uint32_out: 32 bits; int64_out: 64 bits; uint64_out: 64 bits;
          double_out: A double; string_out: A text; path_out: An object path; signature_out: A
          signature
        @raise Torture1_error [Internal_error] *)
    val echo_basic :
      int ->
      bool ->
      int ->
      int ->
      int ->
      int ->
      int64 ->
      int64 ->
      float ->
      string ->
      string ->
      string ->
      (int * bool * int * int * int * int * int64 * int64 * float * string * string * string) Io.t

    (** [draw shape colour] Gives a form back, or throws it.
        Waits for the answer for 90.5 s.
        @param shape A Segment that ends before it begins is a BadShape; a Circle of radius 0 is
          Nothing; one of a negative radius is an InternalError.
        @param colour A colour.
        @return drawn: The same form; used: The same colour
        @raise Torture1_error [Internal_error], [Bad_shape], [Nothing] *)
    val draw : Types.Shape.t -> Types.Colour.t -> (Types.Shape.t * Types.Colour.t) Io.t

    (** [echo_containers maybe bytes records tree anything] Gives containers back.
        @param maybe A text or nothing.
        @param bytes Raw bytes.
        @param records Records by name, in order.
        @param tree A tree.
        @param anything Whatever.
        @return maybe_out: A text or nothing; bytes_out: Raw bytes; records_out: Records by name, in
          order; tree_out: A tree; anything_out: Whatever
        @raise Torture1_error [Internal_error] *)
    val echo_containers :
      string option ->
      string ->
      (string * Types.Label.t) list ->
      Types.Tree.t ->
      Xcpbus.Value.t ->
      (string option * string * (string * Types.Label.t) list * Types.Tree.t * Xcpbus.Value.t) Io.t

    (** [poke end_] Makes the service emit Poked, and answers nothing.
        Deprecated. Use org.example.torture1.Extra.Wait instead.
        @param end_ A keyword in some languages.
        @raise Torture1_error [Internal_error] *)
    val poke : int -> unit Io.t

    (** Poke was called.
        @param end_ What was given to it.
        @param label A record. *)
    val on_poked :
      ?any_object:bool ->
      (Xcpbus.Source.t -> int -> Types.Label.t -> unit) ->
      Xcpbus.subscription Io.t

    (** How often Poke was called. *)
    val get_count : unit -> int Io.t

    (** None: it is another one, and who cares asks. *)
    val on_count_changed :
      ?any_object:bool ->
      (Xcpbus.Source.t -> int option -> unit) ->
      Xcpbus.subscription Io.t

    (** A colour that can be set. *)
    val get_favourite : unit -> Types.Colour.t Io.t

    val set_favourite : Types.Colour.t -> unit Io.t

    (** None: it is another one, and who cares asks. *)
    val on_favourite_changed :
      ?any_object:bool ->
      (Xcpbus.Source.t -> Types.Colour.t option -> unit) ->
      Xcpbus.subscription Io.t

    (** Of the service. *)
    val get_version : unit -> string Io.t

    (** A second interface of the same service. *)
    module Extra : sig
      (** [wait delay] Answers after a while.
          Waits for the answer for 1 s.
          @param delay How long; for ever if negative. (seconds) *)
      val wait : float -> unit Io.t

      (** [forget ()] Does something that nobody waits for. *)
      val forget : unit -> unit Io.t
    end
  end

  (** Each function takes what answers calls of that name. Whatever is not given is answered with
      UnknownMethod. Answers are given, and errors raised, as the client sees them. *)
  module Server () : sig
    (** The methods and properties that are not given yet. *)
    val unimplemented : unit -> string list

    (** Offers what is given by now, at [/org/example/torture1] if nothing else is said. *)
    val export : ?path:string -> Xcpbus.t -> unit

    (** The same, and takes the name, which is [org.example.torture1]. *)
    val serve : ?path:string -> ?name:string -> Xcpbus.t -> unit Io.t

    val echo_everything : (string -> Types.Everything.t -> Types.Everything.t Io.t) -> unit
    val echo_basic :
      (int -> bool -> int -> int -> int -> int -> int64 -> int64 -> float -> string -> string ->
          string -> (int * bool * int * int * int * int * int64 * int64 * float * string * string *
          string) Io.t) ->
      unit
    val draw : (Types.Shape.t -> Types.Colour.t -> (Types.Shape.t * Types.Colour.t) Io.t) -> unit
    val echo_containers :
      (string option -> string -> (string * Types.Label.t) list -> Types.Tree.t -> Xcpbus.Value.t ->
          (string option * string * (string * Types.Label.t) list * Types.Tree.t * Xcpbus.Value.t)
          Io.t) ->
      unit
    val poke : (int -> unit Io.t) -> unit
    val emit_poked : int -> Types.Label.t -> unit
    val get_count : (unit -> int) -> unit
    val count_changed : unit -> unit
    val get_favourite : (unit -> Types.Colour.t) -> unit
    val set_favourite : (Types.Colour.t -> unit) -> unit
    val favourite_changed : unit -> unit
    val get_version : (unit -> string) -> unit

    (** A second interface of the same service. *)
    module Extra : sig
      val wait : (float -> unit Io.t) -> unit
      val forget : (unit -> unit Io.t) -> unit
    end
  end
end

(** For threads. *)
module Direct : module type of Make (Xcpbus.Direct)

(** Where the service is: by its own name and path, on {!Xcpbus.default}. *)
module Default : Xcpbus.TARGET

(** The client for threads, on {!Xcpbus.default}. *)
module Client : module type of Direct.Client (Default)
