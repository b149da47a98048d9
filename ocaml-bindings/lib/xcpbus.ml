(* SPDX-License-Identifier: LGPL-2.1-or-later *)
module Value = Value
module Put = Put
module Get = Get
module Interface = Interface
module Rpc = Rpc
module Source = Rpc.Source
module Direct = Io.Direct

module type IO = Io.S
module type TARGET = Rpc.TARGET

exception Error = Raw.Error

type t = Bus.t
type subscription = Bus.subscription
type call = Bus.call

type message = Raw.message = {
  sender : string;
  path : string;
  interface : string;
  member : string;
  body : Value.t list;
}

type link = Bus.link =
  | Lost of string
  | Retrying of string
  | Reconnected of string option
  | Over of string

let connect = Bus.connect
let close = Bus.close
let is_connected = Bus.is_connected
let unique_name = Bus.unique_name
let address = Bus.address
let set_keepalive = Bus.set_keepalive
let flush = Bus.flush
let call = Bus.call
let call_async = Bus.call_async
let send = Bus.send
let emit = Bus.emit
let subscribe = Bus.subscribe
let request_name = Bus.request_name
let release_name = Bus.release_name
let watch_name = Bus.watch_name
let on_link = Bus.on_link
let cancel = Bus.cancel
let export = Bus.export
let changed = Bus.changed
let reply = Bus.reply
let reply_error = Bus.reply_error
let run = Bus.run
let sleep = Bus.sleep
let on_exception = Bus.on_exception

module Loop = struct
  let raw f (bus : t) = Bus.locked bus (fun () -> f bus.raw)

  (* On Unix a descriptor is its number. *)
  let fd bus : Unix.file_descr option =
    match raw Raw.fd bus with fd when fd < 0 -> None | fd -> Some (Obj.magic fd)

  let wake_fd bus : Unix.file_descr = Obj.magic (raw Raw.wake_fd bus)
  let wants_read bus = raw Raw.events bus land 1 <> 0
  let wants_write bus = raw Raw.events bus land 2 <> 0

  let timeout_s bus =
    match raw Raw.timeout_ms bus with
    | ms when ms < 0 -> None
    | ms -> Some (float_of_int ms /. 1000.)

  let process bus =
    Bus.locked bus (fun () -> Bus.process bus);
    Bus.dispatch bus;
    not (Bus.is_over bus)

  let is_over = Bus.is_over
  let has_callbacks bus = Bus.locked bus (fun () -> not (Queue.is_empty bus.Bus.queue))
  let subscribe bus rule hear f = Bus.begin_subscribe bus rule hear (Bus.noted bus f)
  let request_name bus name f = Bus.begin_request_name bus name (Bus.noted bus f)
  let on_touch (bus : t) f = bus.touch <- f
end

let default =
  let lock = Mutex.create () and bus = ref None in
  let get () =
    match !bus with
    | Some bus when not (Bus.is_over bus) -> bus
    | _ ->
        let fresh = connect () in
        bus := Some fresh;
        fresh
  in
  fun () ->
    Mutex.lock lock;
    match get () with
    | bus ->
        Mutex.unlock lock;
        bus
    | exception exn ->
        Mutex.unlock lock;
        raise exn
