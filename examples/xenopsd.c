/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenopsd, the part that starts VMs, as a service on the bus.
 *
 * VM.Start queues a task and returns its id at once, as the real one does. The task then goes
 * through the steps below, each of which calls another service and goes on when the answer comes,
 * so any number of tasks are under way at once and none waits for another. What happens to a task
 * is told by signals of its object, /org/xen/xcp/xenopsd1/task/<id>.
 *
 * What the real xenopsd does and this does not: create a domain (it draws a number), build it, give
 * it devices, keep its VMs over a restart, undo a start that failed half-way, and 80 of its 90
 * operations. Where squeezed and the storage service are, it does not know.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "examples/trace.h"

#define NAME "org.xen.xcp.xenopsd1"
#define PATH "/org/xen/xcp/xenopsd1"
#define ERROR(name) NAME ".Error." name
#define TASK_INTERFACE "org.xen.xcp.Task1"
#define SQUEEZED "org.xen.xcp.squeezed1"
#define DEBUG_INFO "xenopsd"

enum { ID_MAX = 64, WHY_MAX = 256, TIMEOUT_MS = 60000 };

struct vm {
	LIST_ENTRY(vm) link; /* xenopsd::vms */
	char id[ID_MAX];
	int64_t min_bytes, max_bytes;
	char sr[ID_MAX], vdi[ID_MAX]; /* its one disk, by VBD.Add; empty: none */
};

struct task {
	LIST_ENTRY(task) link; /* xenopsd::tasks */
	struct xenopsd *xenopsd;
	struct vm *vm;
	unsigned id, step;
	uint64_t called_us;
	char path[sizeof(PATH) + 32];
	const char *state; /* Pending, Completed, Failed */
	char why[WHY_MAX];
	char reservation[ID_MAX];
	uint32_t domid;
};

struct xenopsd {
	struct xcpbus *bus;
	LIST_HEAD(, vm) vms;
	LIST_HEAD(, task) tasks;
	unsigned last_task;
	uint32_t last_domid;
	char session[ID_MAX]; /* with squeezed; empty: none */
	uint64_t login_us;
};

static const struct xcpbus_target squeezed_target = { SQUEEZED, "/org/xen/xcp/squeezed1", SQUEEZED,
						      TIMEOUT_MS };
static const struct xcpbus_target vdi_target = { "org.xen.xcp.storage1", "/org/xen/xcp/storage1",
						 "org.xen.xcp.storage1.VDI", TIMEOUT_MS };

/* ---- A start, step by step ---- */

static void on_answer(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		      void *data);

static int call_reserve(struct task *task)
{
	return xcpbus_call_method_async(task->xenopsd->bus, &squeezed_target, "ReserveMemoryRange",
					on_answer, task, NULL, "ssxx", DEBUG_INFO,
					task->xenopsd->session, task->vm->min_bytes / 1024,
					task->vm->max_bytes / 1024);
}

static int take_reservation(struct task *task, DBusMessage *reply, char *text)
{
	const char *id;
	int64_t kib;

	if (xcpbus_read(reply, "sx", &id, &kib) < 0)
		return -EINVAL;
	snprintf(task->reservation, sizeof(task->reservation), "%s", id);
	/* Here the real one creates the domain. */
	task->domid = ++task->xenopsd->last_domid;
	snprintf(text, WHY_MAX, "%" PRId64 " MiB, %s", kib / 1024, id);
	return 0;
}

static int call_transfer(struct task *task)
{
	return xcpbus_call_method_async(task->xenopsd->bus, &squeezed_target,
					"TransferReservationToDomain", on_answer, task, NULL,
					"sssu", DEBUG_INFO, task->xenopsd->session,
					task->reservation, task->domid);
}

static int take_transfer(struct task *task, DBusMessage *reply, char *text)
{
	(void)reply;
	snprintf(text, WHY_MAX, "to domain %u", task->domid);
	return 0;
}

static int call_attach(struct task *task)
{
	char datapath[ID_MAX];

	snprintf(datapath, sizeof(datapath), "vbd/%u/xvda", task->domid);
	return xcpbus_call_method_async(task->xenopsd->bus, &vdi_target, "Attach", on_answer, task,
					NULL, "ssssb", DEBUG_INFO, datapath, task->vm->sr,
					task->vm->vdi, true);
}

/* What a storage service says may be anything: it is read with care, or refused. */
static int take_attach(struct task *task, DBusMessage *reply, char *text)
{
	DBusMessageIter args, dict, entry;
	const char *key, *params = "?";

	(void)task;
	if (!dbus_message_has_signature(reply, "a{sv}"))
		return -EINVAL;
	dbus_message_iter_init(reply, &args);
	dbus_message_iter_recurse(&args, &dict);
	for (; dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY;
	     dbus_message_iter_next(&dict)) {
		dbus_message_iter_recurse(&dict, &entry);
		xcpbus_read_iter(&entry, "s", &key);
		if (!strcmp(key, "params"))
			xcpbus_read_iter(&entry, "v", "s", &params);
	}
	snprintf(text, WHY_MAX, "%.200s", params);
	return 0;
}

static int call_activate(struct task *task)
{
	char datapath[ID_MAX];

	snprintf(datapath, sizeof(datapath), "vbd/%u/xvda", task->domid);
	return xcpbus_call_method_async(task->xenopsd->bus, &vdi_target, "Activate", on_answer,
					task, NULL, "ssss", DEBUG_INFO, datapath, task->vm->sr,
					task->vm->vdi);
}

static int take_activate(struct task *task, DBusMessage *reply, char *text)
{
	(void)task;
	(void)reply;
	snprintf(text, WHY_MAX, "the disk can be used");
	return 0;
}

static const struct step {
	const char *what, *member;
	int (*call)(struct task *task);
	int (*take)(struct task *task, DBusMessage *reply, char *text);
} steps[] = {
	{ "memory reserved", SQUEEZED ".ReserveMemoryRange", call_reserve, take_reservation },
	{ "memory handed over", SQUEEZED ".TransferReservationToDomain", call_transfer,
	  take_transfer },
	{ "disk attached", "org.xen.xcp.storage1.VDI.Attach", call_attach, take_attach },
	{ "disk activated", "org.xen.xcp.storage1.VDI.Activate", call_activate, take_activate },
};

enum { STEP_COUNT = sizeof(steps) / sizeof(*steps) };

static double task_progress(const struct task *task)
{
	return (double)task->step / STEP_COUNT;
}

static void task_finish(struct task *task, const char *state, const char *text)
{
	task->state = state;
	snprintf(task->why, sizeof(task->why), "%s", text);
	xcpbus_emit(task->xenopsd->bus, task->path, TASK_INTERFACE, "Finished", "sv", state, "s",
		    task->why);
}

static void task_advance(struct task *task)
{
	char text[WHY_MAX];

	if (task->step == STEP_COUNT) {
		snprintf(text, sizeof(text), "domain %u", task->domid);
		task_finish(task, "Completed", text);
		return;
	}
	task->called_us = trace_now_us();
	if (steps[task->step].call(task) < 0)
		task_finish(task, "Failed", "cannot send the call");
}

static void on_answer(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		      void *data)
{
	struct task *task = data;
	const struct step *step = &steps[task->step];
	char text[WHY_MAX] = "";
	bool is_done = false;

	if (error)
		snprintf(text, sizeof(text), "%.100s: %.100s", error->name, error->message);
	else if (step->take(task, reply, text) < 0)
		snprintf(text, sizeof(text), "%s: the answer makes no sense", step->member);
	else
		is_done = true;
	trace_call(bus, reply, step->member, task->called_us, "task-%u: %s", task->id, text);
	if (!is_done) {
		task_finish(task, "Failed", text);
		return;
	}
	task->step++;
	xcpbus_emit(bus, task->path, TASK_INTERFACE, "Advanced", "ds", task_progress(task),
		    step->what);
	task_advance(task);
}

/* ---- The task's object ---- */

static int get_state(const struct xcpbus_property *property, DBusMessageIter *value, void *data)
{
	const struct task *task = data;

	return xcpbus_append_iter(value, property->signature, task->state);
}

static int get_progress(const struct xcpbus_property *property, DBusMessageIter *value, void *data)
{
	return xcpbus_append_iter(value, property->signature, task_progress(data));
}

static const struct xcpbus_property task_properties[] = {
	{ "State", "s", .get = get_state },
	{ "Progress", "d", .get = get_progress },
	{ .name = NULL },
};

static const struct xcpbus_signal task_signals[] = {
	{ "Advanced", "ds", .names = "progress step" },
	{ "Finished", "sv", .names = "state result_or_error" },
	{ .member = NULL },
};

static const struct xcpbus_interface task_interface = { TASK_INTERFACE, .signals = task_signals,
							.properties = task_properties };

/* Tasks stay for those who want to look at them, until we end. */
static struct task *task_new(struct xenopsd *xenopsd, struct vm *vm)
{
	struct task *task = calloc(1, sizeof(*task));

	if (!task)
		return NULL;
	task->xenopsd = xenopsd;
	task->vm = vm;
	task->id = ++xenopsd->last_task;
	task->state = "Pending";
	snprintf(task->path, sizeof(task->path), PATH "/task/%u", task->id);
	if (xcpbus_export(xenopsd->bus, task->path, &task_interface, task, NULL) < 0) {
		free(task);
		return NULL;
	}
	LIST_INSERT_HEAD(&xenopsd->tasks, task, link);
	return task;
}

/* ---- Methods ---- */

static struct vm *vm_find(const struct xenopsd *xenopsd, const char *id)
{
	struct vm *vm;

	LIST_FOREACH(vm, &xenopsd->vms, link)
	if (!strcmp(vm->id, id))
		return vm;
	return NULL;
}

/* VM.Add(debug_info, vm): unknown keys are ignored. */
static int on_vm_add(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	struct xenopsd *xenopsd = data;
	struct vm new = { 0 }, *vm;
	DBusMessageIter args, dict, entry;
	const char *key, *text;

	dbus_message_iter_init(message, &args);
	dbus_message_iter_next(&args);
	for (dbus_message_iter_recurse(&args, &dict);
	     dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY;
	     dbus_message_iter_next(&dict)) {
		dbus_message_iter_recurse(&dict, &entry);
		xcpbus_read_iter(&entry, "s", &key);
		if (!strcmp(key, "id") && xcpbus_read_iter(&entry, "v", "s", &text) >= 0)
			snprintf(new.id, sizeof(new.id), "%s", text);
		else if (!strcmp(key, "memory_dynamic_min"))
			xcpbus_read_iter(&entry, "v", "x", &new.min_bytes);
		else if (!strcmp(key, "memory_dynamic_max"))
			xcpbus_read_iter(&entry, "v", "x", &new.max_bytes);
	}
	if (!new.id[0])
		return -EINVAL;
	vm = vm_find(xenopsd, new.id);
	if (!vm) {
		vm = malloc(sizeof(*vm));
		if (!vm)
			return -ENOMEM;
		*vm = new;
		LIST_INSERT_HEAD(&xenopsd->vms, vm, link);
	}
	return xcpbus_reply(call, "s", vm->id);
}

/* VBD.Add(debug_info, vbd): key id is (VM, device), key backend is ("VDI", "<sr>/<vdi>"). */
static int on_vbd_add(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	const char *key, *id = "", *device = "", *kind, *disk = "", *slash;
	DBusMessageIter args, dict, entry;
	struct vm *vm;

	dbus_message_iter_init(message, &args);
	dbus_message_iter_next(&args);
	for (dbus_message_iter_recurse(&args, &dict);
	     dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY;
	     dbus_message_iter_next(&dict)) {
		dbus_message_iter_recurse(&dict, &entry);
		xcpbus_read_iter(&entry, "s", &key);
		if (!strcmp(key, "id"))
			xcpbus_read_iter(&entry, "v", "(ss)", &id, &device);
		else if (!strcmp(key, "backend"))
			xcpbus_read_iter(&entry, "v", "(sv)", &kind, "s", &disk);
	}
	vm = vm_find(data, id);
	slash = strchr(disk, '/');
	if (!vm)
		return xcpbus_reply_error(call, ERROR("DoesNotExist"), "VM %.100s", id);
	if (!slash)
		return xcpbus_reply_error(call, ERROR("InternalError"),
					  "a disk is SR/VDI, not %.100s", disk);
	snprintf(vm->sr, sizeof(vm->sr), "%.*s", (int)(slash - disk), disk);
	snprintf(vm->vdi, sizeof(vm->vdi), "%s", slash + 1);
	return xcpbus_reply(call, "(ss)", id, device);
}

static int on_vm_start(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	struct xenopsd *xenopsd = data;
	const char *debug_info, *id;
	struct task *task;
	char text[ID_MAX];
	struct vm *vm;
	bool paused;
	int r;

	xcpbus_read(message, "ssb", &debug_info, &id, &paused);
	vm = vm_find(xenopsd, id);
	if (!vm)
		return xcpbus_reply_error(call, ERROR("DoesNotExist"), "VM %.100s", id);
	if (!vm->vdi[0])
		return xcpbus_reply_error(call, ERROR("InternalError"), "VM %.100s has no disk",
					  id);
	if (!xenopsd->session[0])
		return xcpbus_reply_error(call, ERROR("InternalError"), SQUEEZED " is not there");
	task = task_new(xenopsd, vm);
	if (!task)
		return -ENOMEM;
	snprintf(text, sizeof(text), "%u", task->id);
	r = xcpbus_reply(call, "s", text);
	task_advance(task);
	return r;
}

static int on_vm_exists(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	const char *debug_info, *id;

	xcpbus_read(message, "ss", &debug_info, &id);
	return xcpbus_reply(call, "b", vm_find(data, id) != NULL);
}

static const struct xcpbus_method vm_methods[] = {
	{ "Add", "sa{sv}", "s", on_vm_add, .in_names = "debug_info vm", .out_names = "id" },
	{ "Exists", "ss", "b", on_vm_exists, .in_names = "debug_info id", .out_names = "result" },
	{ "Start", "ssb", "s", on_vm_start, .in_names = "debug_info id paused",
	  .out_names = "task" },
	{ .member = NULL },
};

static const struct xcpbus_method vbd_methods[] = {
	{ "Add", "sa{sv}", "(ss)", on_vbd_add, .in_names = "debug_info vbd", .out_names = "id" },
	{ .member = NULL },
};

static const struct xcpbus_interface vm_interface = { NAME ".VM", .methods = vm_methods };
static const struct xcpbus_interface vbd_interface = { NAME ".VBD", .methods = vbd_methods };

/* ---- The session with squeezed ---- */

static void on_login(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		     void *data)
{
	struct xenopsd *xenopsd = data;
	const char *session;

	if (error || xcpbus_read(reply, "s", &session) < 0)
		return; /* it is not there; we hear when it comes */
	snprintf(xenopsd->session, sizeof(xenopsd->session), "%s", session);
	trace_call(bus, reply, SQUEEZED ".Login", xenopsd->login_us, "%s", session);
}

static void log_in(struct xenopsd *xenopsd)
{
	xenopsd->session[0] = '\0';
	xenopsd->login_us = trace_now_us();
	if (xcpbus_call_method_async(xenopsd->bus, &squeezed_target, "Login", on_login, xenopsd,
				     NULL, "ss", DEBUG_INFO, "xenopsd") < 0)
		errx(EXIT_FAILURE, "cannot send the call to squeezed");
}

/* squeezed has come, or gone, or come again. */
static void on_owner_changed(struct xcpbus *bus, DBusMessage *message, void *data)
{
	const char *name, *old_owner, *new_owner;

	(void)bus;
	if (xcpbus_read(message, "sss", &name, &old_owner, &new_owner) == 0 && *new_owner)
		log_in(data);
}

int main(void)
{
	struct xenopsd xenopsd = { .last_domid = 100 };
	struct xcpbus_error error;
	struct xcpbus *bus;

	if (xcpbus_connect(NULL, 0, &bus, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	xenopsd.bus = bus;
	if (xcpbus_export(bus, PATH, &vm_interface, &xenopsd, NULL) < 0 ||
	    xcpbus_export(bus, PATH, &vbd_interface, &xenopsd, NULL) < 0)
		errx(EXIT_FAILURE, "no memory");
	if (xcpbus_request_name(bus, NAME, 0, &error) < 0 ||
	    xcpbus_subscribe(bus,
			     "type='signal',sender='org.freedesktop.DBus',"
			     "member='NameOwnerChanged',arg0='" SQUEEZED "'",
			     on_owner_changed, &xenopsd, NULL, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	log_in(&xenopsd);
	trace_ready(bus);
	while (xcpbus_process(bus) >= 0 && xcpbus_wait(bus, -1) >= 0)
		;
	errx(EXIT_FAILURE, "the bus has ended the connection");
}
