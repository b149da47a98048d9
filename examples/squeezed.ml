(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* squeezed, which hands out memory, as a service on the bus, in OCaml.

   It keeps a number, the free memory of a pretended host, and reserves from it. When a reservation
   asks for more than is free, it pretends that other domains give some of theirs back, which takes
   time; the answer to that call waits, and all other calls are answered meanwhile: each has a thread.

   What the real squeezed does and this does not: look at the host, talk to balloon drivers, balance,
   keep its reservations in xenstore. *)
open Squeezed1
module Server = Direct.Server ()

type reservation = { service : string; size_kib : int64; mutable domid : int option }

let gib count = Int64.mul count 1048576L
let initial_kib = gib 8L
let free_kib = ref initial_kib

(* What other domains can do without, and how long they take to give it back. *)
let squeezable_kib = ref (gib 24L)
let balloon_s = if Array.length Sys.argv > 1 then float_of_string Sys.argv.(1) else 0.4
let sessions : (string, string) Hashtbl.t = Hashtbl.create 8
let reservations : (string, reservation) Hashtbl.t = Hashtbl.create 8
let fail error = raise (Squeezed1_error error)
let mutex = Mutex.create ()

let locked f =
  Mutex.lock mutex;
  Fun.protect ~finally:(fun () -> Mutex.unlock mutex) f

let new_id =
  let last = ref 0 in
  fun kind ->
    incr last;
    Printf.sprintf "%s-%d" kind !last

let find id =
  match Hashtbl.find_opt reservations id with
  | Some reservation -> reservation
  | None -> fail (Unknown_reservation id)

let drop id =
  free_kib := Int64.add !free_kib (find id).size_kib;
  Hashtbl.remove reservations id

(* Logging in again drops what the service has not transferred to a domain. *)
let login _dbg service =
  locked @@ fun () ->
  let is_left _ reservation = reservation.service = service && reservation.domid = None in
  let left = Hashtbl.fold (fun id r ids -> if is_left id r then id :: ids else ids) reservations [] in
  List.iter drop left;
  let session = new_id "session" in
  Hashtbl.replace sessions session service;
  session

(* As much as is free, up to the maximum. If that is less than the minimum, others give the minimum,
   and what is free is left to those who can be served at once. *)
let take minimum maximum =
  if minimum < 0L || maximum < minimum then fail (Invalid_memory_value minimum);
  let is_tight = minimum > !free_kib in
  if is_tight && minimum > !squeezable_kib then
    fail (Cannot_free_this_much_memory (minimum, !squeezable_kib));
  let source = if is_tight then squeezable_kib else free_kib in
  let size = if is_tight then minimum else min maximum !free_kib in
  source := Int64.sub !source size;
  (size, is_tight)

let reserve_memory_range _dbg session minimum maximum =
  let service, (size_kib, is_tight) =
    locked @@ fun () ->
    match Hashtbl.find_opt sessions session with
    | None -> fail (Internal_error "log in first")
    | Some service -> (service, take minimum maximum)
  in
  if is_tight then Thread.delay balloon_s;
  locked @@ fun () ->
  let id = new_id "reservation" in
  Hashtbl.replace reservations id { service; size_kib; domid = None };
  (id, size_kib)

let reserve_memory dbg session size = fst (reserve_memory_range dbg session size size)
let delete_reservation _dbg _session id = locked (fun () -> drop id)

let transfer_reservation_to_domain _dbg _session id domid =
  locked (fun () -> (find id).domid <- Some domid)

let query_reservation_of_domain _dbg _session domid =
  locked @@ fun () ->
  let is_its _ reservation = reservation.domid = Some domid in
  match Hashtbl.fold (fun id r found -> if is_its id r then Some id else found) reservations None with
  | Some id -> id
  | None -> fail No_reservation

let get_diagnostics _dbg = locked (fun () -> Printf.sprintf "%Ld KiB are free\n" !free_kib)

let () =
  Server.get_diagnostics get_diagnostics;
  Server.login login;
  Server.reserve_memory reserve_memory;
  Server.reserve_memory_range reserve_memory_range;
  Server.delete_reservation delete_reservation;
  Server.transfer_reservation_to_domain transfer_reservation_to_domain;
  Server.query_reservation_of_domain query_reservation_of_domain;
  Server.balance_memory ignore;
  Server.get_host_reserved_memory (fun _dbg -> 0L);
  Server.get_host_initial_free_memory (fun _dbg -> Int64.mul initial_kib 1024L);
  Server.get_domain_zero_policy (fun _dbg -> Types.DomainZeroPolicy.Fixed_size (gib 2L));
  assert (Server.unimplemented () = []);
  let bus = Xcpbus.connect () in
  Server.serve bus;
  Trace.ready bus;
  Xcpbus.run ~spawn:(fun f -> ignore (Thread.create f ())) bus
