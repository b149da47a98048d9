(* SPDX-License-Identifier: LGPL-2.1-or-later *)
(* xapi, the part that asks for VMs to be started: a client on the bus, in OCaml.

     xapi UUID[,MIN_MIB[,MAX_MIB]]...

   makes each of the VMs known to xenopsd, asks for all of them to be started, all at once, shows what
   xenopsd tells about the tasks, and ends when all are finished: with 0 if all have started.

   What the real xapi does and this does not: everything else; above all it has no XenAPI, no database
   of VMs (each has one disk, vdi-UUID, in the SR sr-1), and does not destroy its tasks, so that one
   can look at them. *)
open Xenopsd1
open Types

let dbg = "xapi"
let name = "org.xen.xcp.xenopsd1"
let tasks = "/org/xen/xcp/xenopsd1/task/"

type vm = { id : string; min_mib : int64; max_mib : int64 }

let record { id; min_mib; max_mib } =
  let bytes mib = Int64.mul mib 1048576L in
  Vm.make ~id ~ssidref:0 ~xsdata:[] ~platformdata:[] ~bios_strings:[]
    ~ty:(HVM (HvmInfo.make ()))
    ~suppress_spurious_page_faults:false ~memory_static_max:(bytes max_mib)
    ~memory_dynamic_max:(bytes max_mib) ~memory_dynamic_min:(bytes min_mib) ~vcpu_max:1 ~vcpus:1
    ~scheduler_params:(SchedulerParams.make ~affinity:[] ())
    ~on_crash:[ Shutdown ] ~on_shutdown:[ Shutdown ] ~on_reboot:[ Start ] ~pci_msitranslate:true
    ~pci_power_mgmt:false ()

let disk { id; _ } =
  Vbd.make ~id:{ vm = id; device = "xvda" } ~backend:(VDI ("sr-1/vdi-" ^ id)) ()

(* ---- Tasks: whether they have done what was asked for, once they are finished ---- *)

let finished : (string, bool) Hashtbl.t = Hashtbl.create 8
let mutex = Mutex.create ()
let changed = Condition.create ()

let finish task is_good =
  Mutex.lock mutex;
  Hashtbl.replace finished task is_good;
  Condition.broadcast changed;
  Mutex.unlock mutex

let wait_for task =
  Mutex.lock mutex;
  while not (Hashtbl.mem finished task) do
    Condition.wait changed mutex
  done;
  Mutex.unlock mutex;
  Hashtbl.find finished task

let on_end bus message task state detail =
  Trace.signal bus message
    (Printf.sprintf "task-%s: %s, %s" task (Task1.Types.State.to_string state) detail);
  finish task (state = Completed)

(* Which task we wait for is known when the answer is there. Its first signals come right behind, so
   this subscribes to those of all tasks before. *)
let on_task_signal bus (message : Xcpbus.message) =
  let start = String.length tasks in
  let task = String.sub message.path start (String.length message.path - start) in
  match (message.member, message.body) with
  | "Advanced", [ Double progress; String step ] ->
      Trace.signal bus message (Printf.sprintf "task-%s: %3.0f %% %s" task (100. *. progress) step)
  | "Finished", [ state; Variant result ] -> (
      match (Task1.Types.State.get state, result) with
      | Failed, failure ->
          let failure = Task1.Types.Failure.get failure in
          on_end bus message task Failed (failure.error ^ ": " ^ failure.message)
      | state, String result -> on_end bus message task state result
      | state, _ -> on_end bus message task state "")
  | _ -> ()

(* ---- A VM ---- *)

let start bus owner vm =
  let call member = Trace.call bus ~owner (name ^ "." ^ member) in
  ignore (call "VM.Add" Fun.id (fun () -> Client.VM.add dbg (record vm)));
  let added (id : DeviceId.t) = id.vm ^ " " ^ id.device in
  ignore (call "VBD.Add" added (fun () -> Client.VBD.add dbg (disk vm)));
  let started task = Printf.sprintf "task-%s: %s" task vm.id in
  wait_for (call "VM.Start" started (fun () -> Client.VM.start dbg vm.id false))

let parse text =
  match String.split_on_char ',' text with
  | [ id ] -> { id; min_mib = 1024L; max_mib = 1024L }
  | [ id; mib ] -> { id; min_mib = Int64.of_string mib; max_mib = Int64.of_string mib }
  | [ id; least; most ] -> { id; min_mib = Int64.of_string least; max_mib = Int64.of_string most }
  | _ -> failwith (text ^ " is not UUID[,MIN_MIB[,MAX_MIB]]")

let () =
  let vms = List.map parse (List.tl (Array.to_list Sys.argv)) in
  let bus = Xcpbus.default () in
  let rule = Printf.sprintf "type='signal',sender='%s',interface='org.xen.xcp.Task1'" name in
  ignore (Xcpbus.subscribe bus rule (on_task_signal bus));
  ignore (Thread.create Xcpbus.run bus);
  Trace.ready bus;
  let owner = Trace.owner bus name in
  let failed = ref false in
  let run vm = if not (try start bus owner vm with _ -> false) then failed := true in
  List.iter Thread.join (List.map (Thread.create run) vms);
  exit (if !failed then 1 else 0)
