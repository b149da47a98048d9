/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "libxcpbus/private.h"
#include "libxcpbus/xcpbus-typed.h"

struct pending { /* a call whose answer is awaited; slot.link is in xcpbus::deadlines */
	struct xcpbus_slot slot;
	struct list call_link; /* xcpbus::calls */
	uint32_t serial;
	int64_t deadline_ms;
	xcpbus_reply_fn fn;
	void *data;
	char *what; /* for the error when there is no answer */
};

static struct pending *pending_of(struct xcpbus_slot *slot)
{
	return container_of(slot, struct pending, slot);
}

static void pending_cancel(struct xcpbus_slot *slot)
{
	list_remove(&pending_of(slot)->call_link);
	list_remove(&slot->link);
}

static void pending_free(struct xcpbus_slot *slot)
{
	free(pending_of(slot)->what);
	free(pending_of(slot));
}

static const struct slot_ops pending_ops = { .cancel = pending_cancel, .free = pending_free };

/* "org.x to Interface.Member" */
static char *describe(DBusMessage *call)
{
	const char *destination = dbus_message_get_destination(call);
	const char *interface = dbus_message_get_interface(call);
	char *text;

	if (asprintf(&text, "%s to %s%s%s", destination ? destination : "the bus",
		     interface ? interface : "", interface ? "." : "",
		     dbus_message_get_member(call)) < 0)
		return NULL;
	return text;
}

static int no_reply(struct xcpbus_error *error, const char *what)
{
	xcpbus_error_set(error, BUS_ERROR("NoReply"), "no answer from %s in time", what);
	return -ETIMEDOUT;
}

/* Keeps the list in order; with one timeout for most calls that is at the back. */
static void add_deadline(struct xcpbus *bus, struct pending *pending)
{
	struct list *behind;

	list_remove(&pending->slot.link);
	behind = bus->deadlines.prev;
	while (behind != &bus->deadlines &&
	       pending_of(container_of(behind, struct xcpbus_slot, link))->deadline_ms >
		       pending->deadline_ms)
		behind = behind->prev;
	list_push_front(behind, &pending->slot.link);
}

static int check_call(const struct xcpbus *bus, DBusMessage *call)
{
	if (dbus_message_get_type(call) != DBUS_MESSAGE_TYPE_METHOD_CALL)
		return -EINVAL;
	dbus_message_set_no_reply(call, false);
	return bus_check(bus);
}

int call_start(struct xcpbus *bus, DBusMessage *call, int timeout_ms, xcpbus_reply_fn fn,
	       void *data, struct xcpbus_slot **slot)
{
	struct pending *pending = calloc(1, sizeof(*pending));
	int r;

	if (!pending)
		return -ENOMEM;
	pending->what = describe(call);
	r = pending->what ? io_queue(bus, call, &pending->serial) : -ENOMEM;
	if (r < 0) {
		free(pending->what);
		free(pending);
		return r;
	}
	pending->fn = fn;
	pending->data = data;
	pending->deadline_ms = now_ms() + (timeout_ms > 0 ? timeout_ms : DEFAULT_TIMEOUT_MS);
	slot_add(&pending->slot, bus, &pending_ops, &bus->deadlines, slot);
	add_deadline(bus, pending);
	list_push_back(&bus->calls[pending->serial % CALL_BUCKETS], &pending->call_link);
	event_update(bus);
	return 0;
}

int xcpbus_call_async(struct xcpbus *bus, DBusMessage *call, int timeout_ms, xcpbus_reply_fn fn,
		      void *data, struct xcpbus_slot **slot)
{
	int r = check_call(bus, call);

	return r < 0 ? r : call_start(bus, call, timeout_ms, fn, data, slot);
}

int call_bus(struct xcpbus *bus, DBusMessage *call, xcpbus_reply_fn fn, void *data,
	     struct xcpbus_slot **slot)
{
	int r;

	if (!call)
		return -ENOMEM;
	r = call_start(bus, call, 0, fn, data, slot);
	dbus_message_unref(call);
	return r;
}

static void remember(struct xcpbus *bus, DBusMessage *error_reply)
{
	if (bus->error_reply)
		dbus_message_unref(bus->error_reply);
	bus->error_reply = error_reply ? dbus_message_ref(error_reply) : NULL;
}

DBusMessage *xcpbus_error_reply(const struct xcpbus *bus)
{
	return bus->error_reply;
}

/* Runs the callback; the slot then stands for nothing any more. */
static void complete(struct pending *pending, DBusMessage *reply, const struct xcpbus_error *error)
{
	struct xcpbus *bus = pending->slot.bus;

	list_remove(&pending->call_link);
	list_remove(&pending->slot.link);
	list_push_back(&bus->answered, &pending->slot.link);
	pending->fn(bus, reply, error, pending->data);
	if (pending->slot.is_floating)
		xcpbus_slot_free(&pending->slot);
}

static struct pending *find(struct xcpbus *bus, uint32_t serial)
{
	struct pending *pending;

	list_for_each(pending, &bus->calls[serial % CALL_BUCKETS], call_link) {
		if (pending->serial == serial)
			return pending;
	}
	return NULL;
}

void call_dispatch(struct xcpbus *bus, DBusMessage *reply)
{
	struct pending *pending = find(bus, dbus_message_get_reply_serial(reply));
	struct xcpbus_error error;

	if (!pending)
		return; /* too late, or cancelled */
	if (dbus_message_get_type(reply) != DBUS_MESSAGE_TYPE_ERROR) {
		complete(pending, reply, NULL);
		return;
	}
	error_from_message(&error, reply);
	remember(bus, reply);
	complete(pending, NULL, &error);
}

static struct pending *first_pending(const struct xcpbus *bus)
{
	struct xcpbus_slot *slot = list_first(&bus->deadlines, struct xcpbus_slot, link);

	return slot ? pending_of(slot) : NULL;
}

void call_expire(struct xcpbus *bus)
{
	int64_t now = list_is_empty(&bus->deadlines) ? 0 : now_ms();
	struct xcpbus_error error;
	struct pending *pending;

	while ((pending = first_pending(bus)) && pending->deadline_ms <= now) {
		no_reply(&error, pending->what);
		remember(bus, NULL);
		complete(pending, NULL, &error);
	}
}

void call_fail_all(struct xcpbus *bus)
{
	struct xcpbus_error error;
	struct pending *pending;

	while ((pending = first_pending(bus))) {
		xcpbus_error_set(
			&error, BUS_ERROR("Disconnected"),
			"the connection to the bus ended before there was an answer from %s",
			pending->what);
		remember(bus, NULL);
		complete(pending, NULL, &error);
	}
}

int64_t call_next_deadline(const struct xcpbus *bus)
{
	struct pending *pending = first_pending(bus);

	return pending ? pending->deadline_ms : -1;
}

/* ---- waiting for the answer ---- */

static int wait_for_reply(struct xcpbus *bus, int64_t deadline_ms)
{
	int r;

	for (;;) {
		io_read(bus);
		if (bus->awaited_reply)
			return 0;
		if (bus->failure)
			return -ENOTCONN;
		if (bus->arrived_size >= ARRIVED_WAITING_MAX)
			return -ENOBUFS;
		r = bus_wait_for_io(bus, !list_is_empty(&bus->outgoing), deadline_ms);
		if (r < 0)
			return r;
		io_flush(bus);
	}
}

static int explain(int failure, DBusMessage *call, struct xcpbus_error *error)
{
	CLEANUP(cleanup_free) char *what = describe(call);

	if (failure == -ETIMEDOUT)
		return no_reply(error, what ? what : "the callee");
	return error_fail(error, failure, "%s", error_text_of(failure));
}

int xcpbus_call(struct xcpbus *bus, DBusMessage *call, int timeout_ms, DBusMessage **reply,
		struct xcpbus_error *error)
{
	int64_t deadline = now_ms() + (timeout_ms > 0 ? timeout_ms : DEFAULT_TIMEOUT_MS);
	DBusMessage *answer;
	int r = check_call(bus, call);

	remember(bus, NULL);
	if (r == 0)
		r = io_send(bus, call, &bus->awaited_serial);
	if (r == 0) {
		io_flush(bus); /* also from within a callback */
		r = wait_for_reply(bus, deadline);
	}
	bus->awaited_serial = 0;
	event_update(bus);
	if (r < 0)
		return explain(r, call, error);
	answer = TAKE(bus->awaited_reply);
	if (dbus_message_get_type(answer) == DBUS_MESSAGE_TYPE_ERROR) {
		error_from_message(error, answer);
		remember(bus, answer);
		r = xcpbus_error_to_errno(dbus_message_get_error_name(answer));
	} else if (reply) {
		*reply = answer;
		return 0;
	}
	dbus_message_unref(answer);
	return r;
}

/* ---- making calls ---- */

static bool is_valid(bool (*check)(const char *), const char *name)
{
	return name && check(name);
}

static bool is_bus_name(const char *name)
{
	return dbus_validate_bus_name(name, NULL);
}

static bool is_path(const char *path)
{
	return dbus_validate_path(path, NULL);
}

static bool is_member(const char *member)
{
	return dbus_validate_member(member, NULL);
}

int xcpbus_new_call(const struct xcpbus_target *target, const char *member, DBusMessage **out)
{
	DBusMessage *call;

	/* libdbus would abort. */
	if (!is_valid(is_bus_name, target->destination) || !is_valid(is_path, target->path) ||
	    !is_valid(is_member, member) ||
	    (target->interface && !dbus_validate_interface(target->interface, NULL)))
		return -EINVAL;
	call = dbus_message_new_method_call(target->destination, target->path, target->interface,
					    member);
	if (!call)
		return -ENOMEM;
	*out = call;
	return 0;
}

static int new_call_with(const struct xcpbus_target *target, const char *member,
			 const char *signature, va_list values, DBusMessage **out)
{
	DBusMessage *call;
	int r = xcpbus_new_call(target, member, &call);

	if (r < 0)
		return r;
	r = append_valist(call, signature, values);
	if (r < 0)
		dbus_message_unref(call);
	else
		*out = call;
	return r;
}

DBusMessage *call_to_bus(const char *member, const char *signature, ...)
{
	static const struct xcpbus_target bus = { BUS_NAME, BUS_PATH, BUS_NAME, 0 };
	DBusMessage *call = NULL;
	va_list values;

	va_start(values, signature);
	if (new_call_with(&bus, member, signature, values, &call) < 0)
		call = NULL;
	va_end(values);
	return call;
}

int xcpbus_call_method(struct xcpbus *bus, const struct xcpbus_target *target, const char *member,
		       DBusMessage **reply, struct xcpbus_error *error, const char *signature, ...)
{
	DBusMessage *call;
	va_list values;
	int r;

	va_start(values, signature);
	r = new_call_with(target, member, signature, values, &call);
	va_end(values);
	if (r < 0)
		return error_fail(error, r, "the call cannot be made: %s",
				  r == -EINVAL ? "a name, a path or an argument is not valid"
					       : strerror(-r));
	r = xcpbus_call(bus, call, target->timeout_ms, reply, error);
	dbus_message_unref(call);
	return r;
}

int xcpbus_call_method_async(struct xcpbus *bus, const struct xcpbus_target *target,
			     const char *member, xcpbus_reply_fn fn, void *data,
			     struct xcpbus_slot **slot, const char *signature, ...)
{
	DBusMessage *call;
	va_list values;
	int r;

	va_start(values, signature);
	r = new_call_with(target, member, signature, values, &call);
	va_end(values);
	if (r < 0)
		return r;
	r = xcpbus_call_async(bus, call, target->timeout_ms, fn, data, slot);
	dbus_message_unref(call);
	return r;
}
