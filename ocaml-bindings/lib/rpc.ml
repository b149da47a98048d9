(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* What generated clients and servers are made of. *)
module type TARGET = sig
  val bus : unit -> Bus.t
  val destination : string
  val path : string
end

module type ERRORS = sig
  (* Name, text for people, what it carries. *)
  val put : exn -> (string * string * Value.t list) option

  (* By name. May raise Get.Mismatch. *)
  val get : string -> Value.t list -> exn option
end

module No_errors = struct
  let put _ = None
  let get _ _ = None
end

module Source = struct
  type t = { sender : string; path : string }
end

let source_of (message : Raw.message) = { Source.sender = message.sender; path = message.path }
let properties = "org.freedesktop.DBus.Properties"
let dbus_error = Bus.dbus_error
let invalid_reply = "org.xen.xcp.Error.InvalidReply"

(* The answer, or that it is not what the interface says. *)
let read_answer what get body =
  try get body
  with Get.Mismatch text ->
    List.iter Value.drop_fds body;
    Bus.fail invalid_reply (Printf.sprintf "answer of %s: %s" what text)

(* Of a match rule: nothing in it ends it. *)
let quoted text = "'" ^ String.concat "'\\''" (String.split_on_char '\'' text) ^ "'"

let one get = function [ value ] -> get value | body -> Get.wrong_count ~expected:1 body
let no_answer = function [] -> () | body -> Get.wrong_count ~expected:0 body

module Make (Io : Io.S) = struct
  let ( >>= ) = Io.bind

  module Proxy (Target : TARGET) (Errors : ERRORS) = struct
    (* Somebody has answered: when there is nobody, it is about to come back. *)
    let has_answered = ref false

    let typed = function
      | Raw.Error { name; body; _ } as exn -> (
          try Option.value (Errors.get name body) ~default:exn with Get.Mismatch _ -> exn)
      | exn -> exn

    (* Whether the service, or the bus, went away, rather than being slow. *)
    let is_restart exn ~was_lost =
      match exn with
      | Raw.Error { name; _ } ->
          name = dbus_error "Disconnected"
          || name = dbus_error "NoReply"
          || (name = dbus_error "ServiceUnknown" || name = dbus_error "NameHasNoOwner")
             && (was_lost || !has_answered)
      | _ -> false

    let first_pause_s = 0.05
    let longest_pause_s = 1.

    let rec attempt ~deadline ~pause_s ~was_lost ~idempotent call =
      let bus = Target.bus () in
      Io.catch
        (fun () ->
          call bus (deadline -. Unix.gettimeofday ()) >>= fun answer ->
          has_answered := true;
          Io.return answer)
        (fun exn ->
          let is_late = Unix.gettimeofday () +. pause_s >= deadline in
          if is_late || (not idempotent) || Bus.is_over bus || not (is_restart exn ~was_lost) then
            raise (typed exn)
          else
            Io.sleep bus pause_s >>= fun () ->
            let pause_s = Float.min longest_pause_s (2. *. pause_s) in
            attempt ~deadline ~pause_s ~was_lost:true ~idempotent call)

    let call ?(timeout_s = 25.) ?(idempotent = false) interface name body get =
      let deadline = Unix.gettimeofday () +. timeout_s in
      attempt ~deadline ~pause_s:first_pause_s ~was_lost:false ~idempotent (fun bus timeout_s ->
          Io.call bus ~timeout_s ~destination:Target.destination ~path:Target.path ~interface name
            body)
      >>= fun answer -> Io.return (read_answer (interface ^ "." ^ name) get answer)

    let send interface name body =
      Bus.send (Target.bus ()) ~destination:Target.destination ~path:Target.path ~interface name
        body;
      Io.return ()

    let get_property interface name get =
      let get = one (fun value -> get (Get.any value)) in
      call ~idempotent:true properties "Get" [ Put.string interface; Put.string name ] get

    let set_property interface name value =
      call ~idempotent:true properties "Set"
        [ Put.string interface; Put.string name; Put.any value ]
        no_answer

    let rule ?(any_object = false) interface name =
      Printf.sprintf "type='signal',sender=%s,interface='%s',member='%s'%s"
        (quoted Target.destination) interface name
        (if any_object then "" else ",path=" ^ quoted Target.path)

    let on_signal ?any_object interface name run =
      Io.subscribe (Target.bus ()) (rule ?any_object interface name) (fun message ->
          run (source_of message) message.Raw.body)

    (* PropertiesChanged has the interface, the values that are told, the names of the others. *)
    let on_property ?any_object interface name get f =
      let rule = rule ?any_object properties "PropertiesChanged" in
      let rule = Printf.sprintf "%s,arg0='%s'" rule interface in
      Io.subscribe (Target.bus ()) rule (fun message ->
          let from = source_of message in
          match message.Raw.body with
          | [ _; told; Array (_, others) ] -> (
              match Get.optional (Get.record told) name get with
              | Some value -> f from (Some value)
              | None -> if List.mem (Value.String name) others then f from None)
          | body -> Get.wrong_count ~expected:3 body)
  end

  module Service
      (Errors : ERRORS) (Of : sig
        val name : string
        val path : string
        val interfaces : Interface.t list
      end)
      () =
  struct
    type property = { get : (unit -> Value.t) option; set : (Value.t -> unit) option }

    let methods : (string * string, Value.t list -> Value.t list Io.t) Hashtbl.t =
      Hashtbl.create 16

    let properties : (string * string, property) Hashtbl.t = Hashtbl.create 16
    let exports : (Bus.t * string) list ref = ref []
    let implement interface name f = Hashtbl.replace methods (interface, name) f

    let find_property interface name =
      Option.value
        (Hashtbl.find_opt properties (interface, name))
        ~default:{ get = None; set = None }

    let on_get interface name get =
      Hashtbl.replace properties (interface, name)
        { (find_property interface name) with get = Some get }

    let on_set interface name set =
      Hashtbl.replace properties (interface, name)
        { (find_property interface name) with set = Some set }

    let has_method interface (m : Interface.method_) =
      Hashtbl.mem methods (interface.Interface.interface, m.name)

    let has_property interface (p : Interface.property) =
      let property = find_property interface.Interface.interface p.property in
      (property.get <> None || not p.is_readable) && (property.set <> None || not p.is_writable)

    let unimplemented () =
      let missing (interface : Interface.t) =
        let prefix name = interface.interface ^ "." ^ name in
        List.filter (fun m -> not (has_method interface m)) interface.methods
        |> List.map (fun (m : Interface.method_) -> prefix m.name)
        |> fun methods ->
        methods
        @ (List.filter (fun p -> not (has_property interface p)) interface.properties
          |> List.map (fun (p : Interface.property) -> prefix p.property))
      in
      List.concat_map missing Of.interfaces

    let answer_error call exn =
      let name, message, body =
        match (Errors.put exn, exn) with
        | Some error, _ -> error
        | None, Get.Mismatch text -> (dbus_error "InvalidArgs", text, [])
        | None, Raw.Error { name; message; body } -> (name, message, body)
        | None, exn -> (dbus_error "Failed", Printexc.to_string exn, [])
      in
      Bus.reply_error call ~name ~message body

    let on_call interface (message : Raw.message) call =
      let run () =
        match Hashtbl.find_opt methods (interface, message.member) with
        | None -> Bus.fail (dbus_error "UnknownMethod") (interface ^ "." ^ message.member)
        | Some f -> f message.body >>= fun body -> Io.return (Bus.reply call body)
      in
      Io.async (fun () ->
          Io.catch run (fun exn ->
              (try answer_error call exn with exn -> !Bus.on_exception exn);
              Io.return ()))

    let get_property interface name =
      match (find_property interface name).get with
      | Some get -> get ()
      | None -> Bus.no_property name

    let set_property interface name value =
      match (find_property interface name).set with
      | Some set -> set value
      | None -> Bus.no_property name

    (* What nobody implements is not there: the library answers for it. *)
    let export_one bus path (interface : Interface.t) =
      let name = interface.interface in
      let methods = List.filter (has_method interface) interface.methods in
      let properties = List.filter (has_property interface) interface.properties in
      if methods <> [] || properties <> [] || interface.methods = [] then
        ignore
          (Bus.export bus ~path
             { interface with methods; properties }
             ~get:(get_property name) ~set:(set_property name) (on_call name))

    let export ?(path = Of.path) bus =
      List.iter (export_one bus path) Of.interfaces;
      exports := (bus, path) :: !exports

    let serve ?path ?(name = Of.name) bus =
      export ?path bus;
      Io.request_name bus name

    (* Wherever it is exported. *)
    let everywhere f =
      List.iter (fun (bus, path) -> if not (Bus.is_over bus) then f bus path) !exports

    let emit interface name body =
      everywhere (fun bus path -> Bus.emit bus ~path ~interface name body)

    let changed interface name =
      everywhere (fun bus path -> Bus.changed bus ~path ~interface name)
  end
end
