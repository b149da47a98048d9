(* SPDX-License-Identifier: LGPL-2.1-or-later *)
module Loop = Xcpbus.Loop

(* Lwt's engine polls for the connection. Its events are stopped before anything is processed: the
   descriptor may be another one afterwards. *)
type watch = { bus : Xcpbus.t; mutable events : Lwt_engine.event list; mutable is_busy : bool }

let stop watch =
  let events = watch.events in
  watch.events <- [];
  List.iter Lwt_engine.stop_event events

let rec arm watch =
  stop watch;
  let fire _ = turn watch in
  let add event = watch.events <- event :: watch.events in
  if Loop.has_callbacks watch.bus then add (Lwt_engine.on_timer 0. false fire);
  if not (Loop.is_over watch.bus) then begin
    Option.iter
      (fun fd ->
        if Loop.wants_read watch.bus then add (Lwt_engine.on_readable fd fire);
        if Loop.wants_write watch.bus then add (Lwt_engine.on_writable fd fire))
      (Loop.fd watch.bus);
    add (Lwt_engine.on_readable (Loop.wake_fd watch.bus) fire);
    Option.iter (fun seconds -> add (Lwt_engine.on_timer seconds false fire))
      (Loop.timeout_s watch.bus)
  end

(* Whatever comes out of it, a signal handler's exception say: it goes on. *)
and turn watch =
  if not watch.is_busy then begin
    stop watch;
    watch.is_busy <- true;
    Fun.protect
      ~finally:(fun () ->
        watch.is_busy <- false;
        arm watch)
      (fun () -> ignore (Loop.process watch.bus))
  end

let attach bus =
  let watch = { bus; events = []; is_busy = false } in
  Loop.on_touch bus (fun () -> if not watch.is_busy then arm watch);
  arm watch

let connect ?address ?timeout_s ?wait ?reconnect () =
  let open Lwt.Infix in
  Lwt_preemptive.detach (fun () -> Xcpbus.connect ?address ?timeout_s ?wait ?reconnect ()) ()
  >|= fun bus ->
  attach bus;
  bus

(* A promise of what something begins. *)
let promise begin_ =
  let promise, resolver = Lwt.task () in
  let take answer = if Lwt.is_sleeping promise then Lwt.wakeup_later_result resolver answer in
  match begin_ take with
  | pending ->
      Lwt.on_cancel promise (fun () -> Xcpbus.cancel pending);
      promise
  | exception exn -> Lwt.fail exn

module Io = struct
  type 'a t = 'a Lwt.t

  let return = Lwt.return
  let bind = Lwt.bind
  let catch = Lwt.catch
  let sleep _ seconds = Lwt_unix.sleep seconds
  let async = Lwt.async

  let call bus ?timeout_s ~destination ~path ~interface name body =
    promise (Xcpbus.call_async bus ?timeout_s ~destination ~path ~interface name body)

  (* What was asked of the bus is done, whoever still waits for it. *)
  let subscribe bus rule f = Lwt.no_cancel (promise (Loop.subscribe bus rule f))
  let request_name bus name = Lwt.no_cancel (promise (Loop.request_name bus name))
end

let call = Io.call
let subscribe = Io.subscribe
let request_name = Io.request_name
