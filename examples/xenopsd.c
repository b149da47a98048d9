/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenopsd, the part that starts VMs, as a service on the bus, in C.
 *
 * VM.Start queues a task and returns its id at once, as the real one does. The task then goes
 * through the steps below, each of which calls another service and goes on when the answer comes,
 * so any number of tasks are under way at once and none waits for another. task.h is what others
 * see of it.
 *
 * What the real xenopsd does and this does not: create a domain (it draws a number), build it, give
 * it devices, keep its VMs over a restart, undo a start that failed half-way, and 80 of its 90
 * operations. Where squeezed and the storage service are, it does not know.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "examples/task.h"
#include "examples/trace.h"
#include "squeezed1.h"
#include "storage1.h"
#include "xenopsd1.h"

#define DEBUG_INFO "xenopsd"
#define INTERNAL_ERROR "org.xen.xcp.xenopsd1.Error.InternalError"

enum { TEXT_MAX = 256, STEP_COUNT = 4 };

struct vm {
	LIST_ENTRY(vm) link; /* xenopsd::vms */
	struct xenopsd1_vm vm;
	struct xenopsd1_vbd vbd; /* its one disk */
};

struct xenopsd {
	struct xcpbus *bus;
	LIST_HEAD(, vm) vms;
	uint32_t last_domid;
	char *session; /* with squeezed; NULL: none */
	uint64_t login_us;
	struct trace_service squeezed, storage;
};

struct start { /* of a VM, under way */
	struct xenopsd *xenopsd;
	struct vm *vm;
	struct task *task;
	uint64_t called_us;
	uint32_t domid;
	char domain[16],
		datapath[32]; /* how storage calls the domain, and what it does with a disk */
	char sr[TEXT_MAX], vdi[TEXT_MAX];
};

/* ---- A start, step by step ---- */

static void start_fail(struct start *start, const char *error, const char *message)
{
	task_fail(start->task, error, message);
	free(start);
}

static void start_called(struct start *start, int r)
{
	if (r < 0)
		start_fail(start, INTERNAL_ERROR, "cannot send the call");
}

/* Whether there is a next step. text is what came out of this one. */
static bool start_goes_on(struct start *start, const struct trace_service *service,
			  const char *member, const struct xcpbus_error *error, const char *what,
			  const char *text)
{
	trace_call(start->xenopsd->bus, service, member, start->called_us, "task-%u: %s%s%s",
		   task_id(start->task), error ? error->name : "", error ? ": " : "",
		   error ? error->message : text);
	start->called_us = trace_now_us();
	if (error) {
		start_fail(start, error->name, error->message);
		return false;
	}
	if (!task_advance(start->task, 1.0 / STEP_COUNT, what)) {
		free(start); /* it was cancelled */
		return false;
	}
	return true;
}

static void on_activated(struct xcpbus *bus, const struct xcpbus_error *error, void *data)
{
	struct start *start = data;
	char text[32];

	(void)bus;
	if (!start_goes_on(start, &start->xenopsd->storage, "VDI.Activate3", error,
			   "disk activated", "the disk can be used"))
		return;
	snprintf(text, sizeof(text), "domain %u", start->domid);
	task_complete(start->task, text);
	free(start);
}

static const char *device_of(const struct storage1_backend *backend)
{
	unsigned i;

	for (i = 0; i < backend->implementations.count; i++)
		if (backend->implementations.items[i].kind == STORAGE1_IMPLEMENTATION_BLOCK_DEVICE)
			return backend->implementations.items[i].block_device->path;
	return "no block device";
}

static void on_attached(struct xcpbus *bus, const struct storage1_vdi_attach3_out *out,
			const struct xcpbus_error *error, void *data)
{
	struct start *start = data;

	if (start_goes_on(start, &start->xenopsd->storage, "VDI.Attach3", error, "disk attached",
			  error ? "" : device_of(&out->backend)))
		start_called(start, storage1_vdi_activate3_begin(
					    bus, NULL, DEBUG_INFO, start->datapath, start->sr,
					    start->vdi, start->domain, on_activated, start, NULL));
}

static void on_transferred(struct xcpbus *bus, const struct xcpbus_error *error, void *data)
{
	struct start *start = data;
	char text[32];

	snprintf(text, sizeof(text), "to domain %u", start->domid);
	if (start_goes_on(start, &start->xenopsd->squeezed, "TransferReservationToDomain", error,
			  "memory handed over", text))
		start_called(start,
			     storage1_vdi_attach3_begin(bus, NULL, DEBUG_INFO, start->datapath,
							start->sr, start->vdi, start->domain, true,
							on_attached, start, NULL));
}

static void on_reserved(struct xcpbus *bus, const struct squeezed1_reserve_memory_range_out *out,
			const struct xcpbus_error *error, void *data)
{
	struct start *start = data;
	char text[TEXT_MAX] = "";

	if (!error)
		snprintf(text, sizeof(text), "%" PRId64 " MiB, %s", out->size_kib / 1024,
			 out->reservation_id);
	if (!start_goes_on(start, &start->xenopsd->squeezed, "ReserveMemoryRange", error,
			   "memory reserved", text))
		return;
	/* Here the real one creates the domain. */
	start->domid = ++start->xenopsd->last_domid;
	snprintf(start->domain, sizeof(start->domain), "%u", start->domid);
	snprintf(start->datapath, sizeof(start->datapath), "vbd/%u/xvda", start->domid);
	start_called(start,
		     squeezed1_transfer_reservation_to_domain_begin(
			     bus, NULL, DEBUG_INFO, start->xenopsd->session, out->reservation_id,
			     start->domid, on_transferred, start, NULL));
}

static void start_begin(struct start *start)
{
	const struct xenopsd1_vm *vm = &start->vm->vm;
	const char *disk = start->vm->vbd.backend->vdi;

	snprintf(start->sr, sizeof(start->sr), "%.*s", (int)strcspn(disk, "/"), disk);
	snprintf(start->vdi, sizeof(start->vdi), "%s", strchr(disk, '/') + 1);
	start->called_us = trace_now_us();
	start_called(start, squeezed1_reserve_memory_range_begin(
				    start->xenopsd->bus, NULL, DEBUG_INFO, start->xenopsd->session,
				    vm->memory_dynamic_min / 1024, vm->memory_dynamic_max / 1024,
				    on_reserved, start, NULL));
}

/* ---- Methods ---- */

static struct vm *vm_find(const struct xenopsd *xenopsd, const char *id)
{
	struct vm *vm;

	LIST_FOREACH(vm, &xenopsd->vms, link)
	if (!strcmp(vm->vm.id, id))
		return vm;
	return NULL;
}

static int refuse(struct xcpbus_invocation *call, const char *reason)
{
	return xenopsd1_throw_internal_error(
		call, &(struct xenopsd1_error_internal_error){ reason }, reason);
}

static int no_such_vm(struct xcpbus_invocation *call, const char *id)
{
	return xenopsd1_throw_does_not_exist(
		call, &(struct xenopsd1_error_does_not_exist){ "VM", id }, NULL);
}

static int on_vm_add(struct xcpbus_invocation *call, const struct xenopsd1_vm_add_in *in,
		     void *data)
{
	struct xenopsd *xenopsd = data;
	struct vm *vm = vm_find(xenopsd, in->vm.id);

	if (!vm) {
		vm = calloc(1, sizeof(*vm));
		if (!vm)
			return -ENOMEM;
		LIST_INSERT_HEAD(&xenopsd->vms, vm, link);
	}
	xenopsd1_vm_free(&vm->vm);
	if (xenopsd1_vm_copy(&vm->vm, &in->vm) < 0)
		errx(EXIT_FAILURE, "no memory");
	return xenopsd1_vm_add_reply(call, vm->vm.id);
}

static int on_vbd_add(struct xcpbus_invocation *call, const struct xenopsd1_vbd_add_in *in,
		      void *data)
{
	struct vm *vm = vm_find(data, in->vbd.id.vm);
	const struct xenopsd1_disk *disk = in->vbd.backend;

	if (!vm)
		return no_such_vm(call, in->vbd.id.vm);
	if (!disk || disk->kind != XENOPSD1_DISK_VDI || !strchr(disk->vdi, '/'))
		return refuse(call, "a disk is a VDI, SR/VDI");
	xenopsd1_vbd_free(&vm->vbd);
	if (xenopsd1_vbd_copy(&vm->vbd, &in->vbd) < 0)
		errx(EXIT_FAILURE, "no memory");
	return xenopsd1_vbd_add_reply(call, &vm->vbd.id);
}

static int on_vm_start(struct xcpbus_invocation *call, const struct xenopsd1_vm_start_in *in,
		       void *data)
{
	struct xenopsd *xenopsd = data;
	struct vm *vm = vm_find(xenopsd, in->id);
	struct start *start;
	char text[16];
	int r;

	if (!vm)
		return no_such_vm(call, in->id);
	if (!vm->vbd.backend)
		return refuse(call, "the VM has no disk");
	if (!xenopsd->session)
		return refuse(call, SQUEEZED1_SERVICE " is not there");
	start = calloc(1, sizeof(*start));
	if (!start)
		return -ENOMEM;
	*start = (struct start){ .xenopsd = xenopsd, .vm = vm };
	start->task = task_new(xenopsd->bus, XENOPSD1_PATH, in->debug_info);
	if (!start->task) {
		free(start);
		return -ENOMEM;
	}
	snprintf(text, sizeof(text), "%u", task_id(start->task));
	r = xenopsd1_vm_start_reply(call, text);
	start_begin(start);
	return r;
}

static int on_vm_exists(struct xcpbus_invocation *call, const struct xenopsd1_vm_exists_in *in,
			void *data)
{
	return xenopsd1_vm_exists_reply(call, vm_find(data, in->id) != NULL);
}

static const struct xenopsd1_vm_handlers vm_handlers = {
	.add = on_vm_add,
	.exists = on_vm_exists,
	.start = on_vm_start,
};

static const struct xenopsd1_vbd_handlers vbd_handlers = { .add = on_vbd_add };

/* ---- The session with squeezed ---- */

static void on_login(struct xcpbus *bus, const struct squeezed1_login_out *out,
		     const struct xcpbus_error *error, void *data)
{
	struct xenopsd *xenopsd = data;

	if (error)
		return; /* it has gone again; we hear when it comes */
	free(xenopsd->session);
	xenopsd->session = strdup(out->session_id);
	trace_call(bus, &xenopsd->squeezed, "Login", xenopsd->login_us, "%s", out->session_id);
}

/* squeezed has come, or gone, or come again. */
static void on_squeezed(struct xcpbus *bus, const char *name, const char *owner, void *data)
{
	struct xenopsd *xenopsd = data;

	trace_on_owner(bus, name, owner, &xenopsd->squeezed);
	free(xenopsd->session);
	xenopsd->session = NULL;
	xenopsd->login_us = trace_now_us();
	if (*owner &&
	    squeezed1_login_begin(bus, NULL, DEBUG_INFO, "xenopsd", on_login, xenopsd, NULL) < 0)
		errx(EXIT_FAILURE, "cannot send the call to squeezed");
}

int main(void)
{
	struct xenopsd xenopsd = { .last_domid = 100,
				   .squeezed = { .name = SQUEEZED1_SERVICE },
				   .storage = { .name = STORAGE1_SERVICE } };
	struct xcpbus_error error;
	struct xcpbus *bus;

	if (xcpbus_connect(NULL, 0, &bus, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	xenopsd.bus = bus;
	if (xenopsd1_vm_export(bus, NULL, &vm_handlers, &xenopsd, NULL) < 0 ||
	    xenopsd1_vbd_export(bus, NULL, &vbd_handlers, &xenopsd, NULL) < 0 ||
	    xcpbus_watch_name(bus, SQUEEZED1_SERVICE, on_squeezed, &xenopsd, NULL) < 0 ||
	    xcpbus_watch_name(bus, STORAGE1_SERVICE, trace_on_owner, &xenopsd.storage, NULL) < 0)
		errx(EXIT_FAILURE, "no memory");
	if (xcpbus_request_name(bus, XENOPSD1_SERVICE, 0, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	trace_ready(bus);
	while (xcpbus_process(bus) >= 0 && xcpbus_wait(bus, -1) >= 0)
		;
	errx(EXIT_FAILURE, "the bus has ended the connection");
}
