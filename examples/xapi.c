/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xapi, the part that asks for VMs to be started: a client on the bus.
 *
 *	xapi UUID[,MIN_MIB[,MAX_MIB]]...
 *
 * makes each of the VMs known to xenopsd, asks for all of them to be started, all at once, shows
 * what xenopsd tells about the tasks, and ends when all are finished: with 0 if all have started.
 *
 * What the real xapi does and this does not: everything else; above all it has no XenAPI, no
 * database of VMs (each has one disk, vdi-<UUID>, in the SR sr-1) and no wish to try anything
 * again.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/trace.h"

#define XENOPSD "org.xen.xcp.xenopsd1"
#define PATH "/org/xen/xcp/xenopsd1"
#define DEBUG_INFO "xapi"

enum { VMS_MAX = 32, ID_MAX = 64, TIMEOUT_MS = 60000 };

struct vm {
	struct xapi *xapi;
	char id[ID_MAX];
	int64_t min_mib, max_mib;
	char task[16];
	uint64_t called_us;
	bool is_finished;
};

struct xapi {
	struct xcpbus *bus;
	struct vm vms[VMS_MAX];
	unsigned count, finished, failed;
};

static const struct xcpbus_target vm_target = { XENOPSD, PATH, XENOPSD ".VM", TIMEOUT_MS };
static const struct xcpbus_target vbd_target = { XENOPSD, PATH, XENOPSD ".VBD", TIMEOUT_MS };

static void vm_finish(struct vm *vm, bool is_good)
{
	if (vm->is_finished)
		return;
	vm->is_finished = true;
	vm->xapi->finished++;
	vm->xapi->failed += !is_good;
}

/* True if the answer is good. */
static bool report(struct vm *vm, DBusMessage *reply, const struct xcpbus_error *error,
		   const char *what)
{
	if (!error)
		return true;
	trace_call(vm->xapi->bus, reply, what, vm->called_us, "%s: %s: %s", vm->id, error->name,
		   error->message);
	vm_finish(vm, false);
	return false;
}

static void on_started(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		       void *data)
{
	struct vm *vm = data;
	const char *task;

	if (!report(vm, reply, error, XENOPSD ".VM.Start"))
		return;
	if (xcpbus_read(reply, "s", &task) < 0)
		errx(EXIT_FAILURE, "VM.Start has not answered with a task");
	snprintf(vm->task, sizeof(vm->task), "%s", task);
	trace_call(bus, reply, XENOPSD ".VM.Start", vm->called_us, "task-%s: %s", task, vm->id);
}

static void on_vbd_added(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
			 void *data)
{
	struct vm *vm = data;

	if (!report(vm, reply, error, XENOPSD ".VBD.Add"))
		return;
	trace_call(bus, reply, XENOPSD ".VBD.Add", vm->called_us, "%s xvda", vm->id);
	vm->called_us = trace_now_us();
	if (xcpbus_call_method_async(bus, &vm_target, "Start", on_started, vm, NULL, "ssb",
				     DEBUG_INFO, vm->id, false) < 0)
		vm_finish(vm, false);
}

static void on_vm_added(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
			void *data)
{
	char disk[2 * ID_MAX];
	struct vm *vm = data;

	if (!report(vm, reply, error, XENOPSD ".VM.Add"))
		return;
	trace_call(bus, reply, XENOPSD ".VM.Add", vm->called_us, "%s", vm->id);
	snprintf(disk, sizeof(disk), "sr-1/vdi-%s", vm->id);
	vm->called_us = trace_now_us();
	if (xcpbus_call_method_async(bus, &vbd_target, "Add", on_vbd_added, vm, NULL, "sa{sv}",
				     DEBUG_INFO, 2, "id", "(ss)", vm->id, "xvda", "backend", "(sv)",
				     "VDI", "s", disk) < 0)
		vm_finish(vm, false);
}

static void vm_begin(struct vm *vm)
{
	vm->called_us = trace_now_us();
	if (xcpbus_call_method_async(vm->xapi->bus, &vm_target, "Add", on_vm_added, vm, NULL,
				     "sa{sv}", DEBUG_INFO, 3, "id", "s", vm->id,
				     "memory_dynamic_min", "x", vm->min_mib * 1024 * 1024,
				     "memory_dynamic_max", "x", vm->max_mib * 1024 * 1024) < 0)
		vm_finish(vm, false);
}

/* Tasks of others are none of our business. The answer to VM.Start comes before its task's signals,
 * as one sender's messages stay in order. */
static struct vm *find_by_task(struct xapi *xapi, DBusMessage *message)
{
	const char *id = strrchr(dbus_message_get_path(message), '/') + 1;
	unsigned i;

	for (i = 0; i < xapi->count; i++)
		if (!strcmp(xapi->vms[i].task, id))
			return &xapi->vms[i];
	return NULL;
}

static void on_task_signal(struct xcpbus *bus, DBusMessage *message, void *data)
{
	struct vm *vm = find_by_task(data, message);
	const char *text, *detail;
	double progress;

	if (!vm)
		return;
	if (xcpbus_read(message, "ds", &progress, &text) == 0)
		trace_signal(bus, message, "task-%s: %3.0f %% %s", vm->task, 100 * progress, text);
	if (xcpbus_read(message, "sv", &text, "s", &detail) < 0)
		return;
	trace_signal(bus, message, "task-%s: %s, %s", vm->task, text, detail);
	vm_finish(vm, !strcmp(text, "Completed"));
}

static void parse_vm(struct vm *vm, const char *text)
{
	int fields =
		sscanf(text, "%63[^,],%" SCNd64 ",%" SCNd64, vm->id, &vm->min_mib, &vm->max_mib);

	if (fields < 1)
		errx(EXIT_FAILURE, "\"%s\" is not UUID[,MIN_MIB[,MAX_MIB]]", text);
	if (fields < 2)
		vm->min_mib = 1024;
	if (fields < 3)
		vm->max_mib = vm->min_mib;
}

int main(int argc, char **argv)
{
	struct xapi xapi = { 0 };
	struct xcpbus_error error;
	int i;

	if (argc < 2 || argc > VMS_MAX + 1)
		errx(EXIT_FAILURE, "usage: xapi UUID[,MIN_MIB[,MAX_MIB]]...");
	if (xcpbus_connect(NULL, 0, &xapi.bus, &error) < 0 ||
	    xcpbus_subscribe(xapi.bus,
			     "type='signal',sender='" XENOPSD "',path_namespace='" PATH "/task'",
			     on_task_signal, &xapi, NULL, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	trace_ready(xapi.bus);
	for (i = 1; i < argc; i++) {
		xapi.vms[xapi.count].xapi = &xapi;
		parse_vm(&xapi.vms[xapi.count], argv[i]);
		vm_begin(&xapi.vms[xapi.count++]);
	}
	while (xapi.finished < xapi.count)
		if (xcpbus_wait(xapi.bus, -1) < 0 || xcpbus_process(xapi.bus) < 0)
			errx(EXIT_FAILURE, "the bus has ended the connection");
	xcpbus_free(xapi.bus);
	return xapi.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
