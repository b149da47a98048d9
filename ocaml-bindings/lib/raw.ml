(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* The stubs. Bus is the only one to call them, with the connection's lock. *)
type t
type invocation

type message = {
  sender : string;
  path : string;
  interface : string;
  member : string;
  body : Value.t list;
}

type target = { destination : string; at : string; of_interface : string; name : string }

(* By the number of what was asked for; at the end of two, how many bytes of memory it takes. *)
type event =
  | Reply of int * Value.t list
  | Failure of int * string * string * Value.t list
  | Signal of int * message * int
  | Call of int * message * invocation * int
  | Owner of int * string
  | Link of int * int * string * string
  | Refused of int * string * string  (* a subscription, or a message that is too large *)

exception Error of { name : string; message : string; body : Value.t list }

let () =
  Callback.register_exception "Xcpbus.Error" (Error { name = ""; message = ""; body = [] });
  Printexc.register_printer (function
    | Error { name; message; _ } -> Some (Printf.sprintf "%s: %s" name message)
    | _ -> None)

external connect : string option -> int -> bool -> t = "xcpbus_ml_connect"
external close : t -> unit = "xcpbus_ml_close"
external is_connected : t -> bool = "xcpbus_ml_is_connected"
external unique_name : t -> string = "xcpbus_ml_unique_name"
external address : t -> string = "xcpbus_ml_address"
external set_reconnect : t -> bool -> int -> unit = "xcpbus_ml_set_reconnect"
external set_keepalive : t -> int -> unit = "xcpbus_ml_set_keepalive"
external cancel : t -> int -> unit = "xcpbus_ml_cancel"
external take : t -> event option = "xcpbus_ml_take"
external fd : t -> int = "xcpbus_ml_fd"
external events : t -> int = "xcpbus_ml_events"
external timeout_ms : t -> int = "xcpbus_ml_timeout"
external process : t -> int = "xcpbus_ml_process"
external poll : t -> int -> unit = "xcpbus_ml_poll"
external wake : t -> unit = "xcpbus_ml_wake"
external wake_fd : t -> int = "xcpbus_ml_wake_fd"
external flush : t -> int -> unit = "xcpbus_ml_flush"
external call : t -> int -> target -> int -> Value.t list -> unit = "xcpbus_ml_call"
external send : t -> target -> Value.t list -> unit = "xcpbus_ml_send"
external emit : t -> string -> string -> string -> Value.t list -> unit = "xcpbus_ml_emit"
external subscribe : t -> int -> string -> unit = "xcpbus_ml_subscribe"
external request_name : t -> int -> string -> int -> unit = "xcpbus_ml_request_name"
external release_name : t -> int -> string -> unit = "xcpbus_ml_release_name"
external watch_name : t -> int -> string -> unit = "xcpbus_ml_watch_name"
external watch_link : t -> int -> unit = "xcpbus_ml_watch_link"

external export :
  t -> int -> string -> Interface.t -> (string -> Value.t option -> Value.t) -> unit
  = "xcpbus_ml_export"

external changed : t -> string -> string -> string -> unit = "xcpbus_ml_changed"
external reply : invocation -> Value.t list -> unit = "xcpbus_ml_reply"

external reply_error : invocation -> string -> string -> Value.t list -> unit
  = "xcpbus_ml_reply_error"
