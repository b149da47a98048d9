(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* How code waits: generated modules are functors over this. *)
module type S = sig
  type 'a t

  val return : 'a -> 'a t
  val bind : 'a t -> ('a -> 'b t) -> 'b t
  val catch : (unit -> 'a t) -> (exn -> 'a t) -> 'a t
  val sleep : Bus.t -> float -> unit t

  (** Runs it, and does not wait for its end. *)
  val async : (unit -> unit t) -> unit

  val call :
    Bus.t ->
    ?timeout_s:float ->
    destination:string ->
    path:string ->
    interface:string ->
    string ->
    Value.t list ->
    Value.t list t

  val subscribe : Bus.t -> string -> (Raw.message -> unit) -> Bus.subscription t
  val request_name : Bus.t -> string -> unit t
end

module Direct = struct
  type 'a t = 'a

  let return value = value
  let bind value f = f value
  let catch f handle = try f () with exn -> handle exn
  let sleep = Bus.sleep
  let async f = f ()
  let call = Bus.call
  let subscribe = Bus.subscribe
  let request_name bus name = Bus.request_name bus name
end
