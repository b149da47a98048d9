/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/hash.h"
#include "libxcpbus/private.h"

struct xcpbus_invocation {
	struct list link; /* xcpbus::invocations */
	struct xcpbus *bus; /* NULL: freed */
	DBusMessage *message;
	bool is_in_handler, is_kept, is_answered;
	char out_signature[]; /* what the table promises */
};

/* ---- objects ---- */

static struct list *bucket_of(const struct xcpbus *bus, const char *path)
{
	/* Paths are the program's own: nobody can choose collisions. */
	static const struct hash_key key = { 0, 0 };

	return (struct list *)&bus->objects[hash_bytes(&key, path, strlen(path)) % OBJECT_BUCKETS];
}

struct object *object_find(const struct xcpbus *bus, const char *path)
{
	struct object *object;

	list_for_each(object, bucket_of(bus, path), link) {
		if (!strcmp(object->path, path))
			return object;
	}
	return NULL;
}

static struct object *object_get(struct xcpbus *bus, const char *path)
{
	struct object *object = object_find(bus, path);

	if (object)
		return object;
	object = calloc(1, sizeof(*object));
	if (!object)
		return NULL;
	object->path = strdup(path);
	if (!object->path) {
		free(object);
		return NULL;
	}
	list_init(&object->exports);
	list_push_back(bucket_of(bus, path), &object->link);
	return object;
}

static void object_put(struct object *object)
{
	if (!list_is_empty(&object->exports))
		return;
	list_remove(&object->link);
	free(object->path);
	free(object);
}

struct export *object_find_export(const struct object *object, const char *interface)
{
	struct export *export;

	list_for_each(export, &object->exports, object_link) {
		if (!strcmp(export->interface->name, interface))
			return export;
	}
	return NULL;
}

bool object_is_parent(const struct xcpbus *bus, const char *path)
{
	size_t size = strlen(path);
	const struct export *export;

	if (!strcmp(path, "/"))
		return true; /* where browsers begin */
	list_for_each(export, &bus->exports, slot.link) {
		const char *other;

		if (export->slot.is_dead)
			continue;
		other = export->object->path;
		if (!strncmp(other, path, size) && other[size] == '/')
			return true;
	}
	return false;
}

/* ---- export ---- */

static void export_cancel(struct xcpbus_slot *slot)
{
	struct export *export = container_of(slot, struct export, slot);

	list_remove(&export->object_link);
	object_put(TAKE(export->object));
}

static void export_free(struct xcpbus_slot *slot)
{
	free(container_of(slot, struct export, slot));
}

static const struct slot_ops export_ops = { .cancel = export_cancel, .free = export_free };

static bool is_signature_ok(const char *signature)
{
	return !signature || dbus_signature_validate(signature, NULL);
}

/* They go into XML as they are. */
static bool are_names_ok(const char *names)
{
	return !names || !names[strspn(names, " _-0123456789abcdefghijklmnopqrstuvwxyz"
					      "ABCDEFGHIJKLMNOPQRSTUVWXYZ")];
}

static bool is_table_ok(const struct xcpbus_interface *interface)
{
	const struct xcpbus_property *property = interface->properties;
	const struct xcpbus_signal *signal = interface->signals;
	const struct xcpbus_method *method = interface->methods;

	if (!interface->name || !dbus_validate_interface(interface->name, NULL))
		return false;
	for (; method && method->member; method++)
		if (!dbus_validate_member(method->member, NULL) || !method->handler ||
		    !is_signature_ok(method->in_signature) ||
		    !is_signature_ok(method->out_signature) || !are_names_ok(method->in_names) ||
		    !are_names_ok(method->out_names))
			return false;
	for (; signal && signal->member; signal++)
		if (!dbus_validate_member(signal->member, NULL) ||
		    !is_signature_ok(signal->signature) || !are_names_ok(signal->names))
			return false;
	for (; property && property->name; property++)
		if (!dbus_validate_member(property->name, NULL) || !property->signature ||
		    !dbus_signature_validate_single(property->signature, NULL))
			return false;
	return true;
}

static bool is_standard(const char *interface)
{
	const struct xcpbus_interface *const *one = standard_interfaces;

	for (; *one; one++)
		if (!strcmp((*one)->name, interface))
			return true;
	return false;
}

int xcpbus_export(struct xcpbus *bus, const char *path, const struct xcpbus_interface *interface,
		  void *data, struct xcpbus_slot **slot)
{
	struct object *object;
	struct export *export;

	if (!path || !dbus_validate_path(path, NULL) || !is_table_ok(interface))
		return -EINVAL;
	object = object_find(bus, path);
	if (is_standard(interface->name) || (object && object_find_export(object, interface->name)))
		return -EEXIST;
	export = calloc(1, sizeof(*export));
	object = object_get(bus, path);
	if (!export || !object) {
		if (object)
			object_put(object);
		free(export);
		return -ENOMEM;
	}
	export->object = object;
	export->interface = interface;
	export->data = data;
	list_push_back(&object->exports, &export->object_link);
	slot_add(&export->slot, bus, &export_ops, &bus->exports, slot);
	return 0;
}

/* ---- answers ---- */

static void invocation_free(struct xcpbus_invocation *call)
{
	list_remove(&call->link);
	dbus_message_unref(call->message);
	free(call);
}

static int end_with(struct xcpbus_invocation *call, DBusMessage *reply, int failure)
{
	int r = failure;

	if (r == 0 && !call->bus)
		r = -ENOTCONN;
	if (r == 0 && !dbus_message_get_no_reply(call->message))
		r = io_send(call->bus, reply, NULL);
	if (reply)
		dbus_message_unref(reply);
	call->is_answered = true;
	if (!call->is_in_handler) /* or it ends when the handler returns */
		invocation_free(call);
	return r;
}

int xcpbus_reply_message(struct xcpbus_invocation *call, DBusMessage *reply)
{
	if (dbus_message_get_reply_serial(reply) != dbus_message_get_serial(call->message))
		return xcpbus_reply_error(call, BUS_ERROR("Failed"),
					  "the service made an answer to another call");
	return end_with(call, dbus_message_ref(reply), 0);
}

int xcpbus_reply(struct xcpbus_invocation *call, const char *signature, ...)
{
	DBusMessage *reply;
	va_list values;
	int r;

	if (strcmp(signature ? signature : "", call->out_signature)) {
		xcpbus_reply_error(call, BUS_ERROR("Failed"),
				   "the service answers with '%s' where its interface says '%s'",
				   signature ? signature : "", call->out_signature);
		return -EINVAL;
	}
	reply = dbus_message_new_method_return(call->message);
	if (!reply)
		return end_with(call, NULL, -ENOMEM);
	va_start(values, signature);
	r = append_valist(reply, signature, values);
	va_end(values);
	if (r == 0)
		return end_with(call, reply, 0);
	dbus_message_unref(reply);
	xcpbus_reply_error(call, error_name_of(r),
			   r == -EINVAL ? "the service's answer has a value that is not valid"
					: "the service's answer cannot be made");
	return r;
}

static int reply_error_text(struct xcpbus_invocation *call, const char *name, const char *text)
{
	DBusMessage *reply;

	if (!dbus_validate_error_name(name, NULL))
		name = BUS_ERROR("Failed");
	if (!dbus_validate_utf8(text, NULL))
		text = "(the message is not UTF-8)";
	reply = dbus_message_new_error(call->message, name, text);
	return end_with(call, reply, reply ? 0 : -ENOMEM);
}

int xcpbus_reply_error(struct xcpbus_invocation *call, const char *name, const char *format, ...)
{
	CLEANUP(cleanup_free) char *text = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	if (r < 0)
		text = NULL;
	return reply_error_text(call, name, text ? text : "");
}

void xcpbus_keep(struct xcpbus_invocation *call)
{
	call->is_kept = true;
}

struct xcpbus *xcpbus_invocation_bus(const struct xcpbus_invocation *call)
{
	return call->bus;
}

DBusMessage *xcpbus_invocation_message(const struct xcpbus_invocation *call)
{
	return call->message;
}

void service_orphan_all(struct xcpbus *bus)
{
	struct xcpbus_invocation *call;

	while ((call = list_first(&bus->invocations, struct xcpbus_invocation, link))) {
		call->bus = NULL;
		list_remove(&call->link);
	}
}

/* ---- calls ---- */

static struct xcpbus_invocation *invocation_new(struct xcpbus *bus, DBusMessage *message,
						const char *out_signature)
{
	size_t size = strlen(out_signature) + 1;
	struct xcpbus_invocation *call = calloc(1, sizeof(*call) + size);

	if (!call)
		return NULL;
	call->bus = bus;
	call->message = dbus_message_ref(message);
	memcpy(call->out_signature, out_signature, size);
	list_push_back(&bus->invocations, &call->link);
	return call;
}

static void refuse(struct xcpbus *bus, DBusMessage *message, const char *name, const char *format,
		   ...) __attribute__((format(printf, 4, 5)));

static void refuse(struct xcpbus *bus, DBusMessage *message, const char *name, const char *format,
		   ...)
{
	struct xcpbus_invocation *call = invocation_new(bus, message, "");
	char text[1024];
	va_list args;

	if (!call)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	reply_error_text(call, name, text);
}

static void run(struct xcpbus *bus, DBusMessage *message, const struct xcpbus_method *method,
		void *data)
{
	const char *out_signature = method->out_signature ? method->out_signature : "";
	struct xcpbus_invocation *call = invocation_new(bus, message, out_signature);
	int r;

	if (!call)
		return; /* the caller's deadline tells it */
	call->is_in_handler = true;
	r = method->handler(call, message, data);
	call->is_in_handler = false;
	if (call->is_answered)
		invocation_free(call);
	else if (r < 0)
		xcpbus_reply_error(call, error_name_of(r), "%s", strerror(-r));
	else if (!call->is_kept && !*call->out_signature)
		xcpbus_reply(call, "");
	else if (!call->is_kept)
		xcpbus_reply_error(call, BUS_ERROR("Failed"), "the service did not answer");
}

static const struct xcpbus_method *find_method(const struct xcpbus_interface *interface,
					       const char *member)
{
	const struct xcpbus_method *method = interface->methods;

	for (; method && method->member; method++)
		if (!strcmp(method->member, member))
			return method;
	return NULL;
}

struct target { /* what a call is for */
	const struct xcpbus_interface *interface;
	const struct xcpbus_method *method;
	void *data;
};

/* Peer is at every path, Introspectable at every path that leads somewhere. */
static bool is_available(const struct xcpbus *bus, const struct xcpbus_interface *standard,
			 const struct object *object, const char *path)
{
	if (standard == standard_interfaces[STANDARD_PEER] || object)
		return true;
	return standard == standard_interfaces[STANDARD_INTROSPECTABLE] &&
	       object_is_parent(bus, path);
}

/* interface NULL: in all of them, the program's own first. */
static void find_target(struct xcpbus *bus, const struct object *object, DBusMessage *message,
			struct target *target)
{
	const char *interface = dbus_message_get_interface(message);
	const char *member = dbus_message_get_member(message);
	const struct xcpbus_interface *const *standard = standard_interfaces;
	const struct export *export;

	if (object) {
		list_for_each(export, &object->exports, object_link) {
			if (target->method ||
			    (interface && strcmp(export->interface->name, interface)))
				continue;
			target->interface = export->interface;
			target->method = find_method(export->interface, member);
			target->data = export->data;
		}
	}
	for (; *standard && !target->method; standard++) {
		if ((interface && strcmp((*standard)->name, interface)) ||
		    !is_available(bus, *standard, object, dbus_message_get_path(message)))
			continue;
		target->interface = *standard;
		target->method = find_method(*standard, member);
		target->data = bus;
	}
}

void service_dispatch(struct xcpbus *bus, DBusMessage *message)
{
	const char *path = dbus_message_get_path(message);
	const char *interface = dbus_message_get_interface(message);
	const char *member = dbus_message_get_member(message), *expected;
	struct object *object = object_find(bus, path);
	struct target target = { 0 };

	find_target(bus, object, message, &target);
	if (!target.interface && !object && !object_is_parent(bus, path)) {
		refuse(bus, message, BUS_ERROR("UnknownObject"), "there is no object '%s'", path);
	} else if (!target.interface && interface) {
		refuse(bus, message, BUS_ERROR("UnknownInterface"),
		       "object '%s' has no interface '%s'", path, interface);
	} else if (!target.method) {
		refuse(bus, message, BUS_ERROR("UnknownMethod"),
		       "object '%s' has no method '%s%s%s'", path, interface ? interface : "",
		       interface ? "." : "", member);
	} else {
		expected = target.method->in_signature ? target.method->in_signature : "";
		if (dbus_message_has_signature(message, expected))
			run(bus, message, target.method, target.data);
		else
			refuse(bus, message, BUS_ERROR("InvalidArgs"),
			       "%s.%s takes '%s', but the call has '%s'", target.interface->name,
			       member, expected, dbus_message_get_signature(message));
	}
}

/* ---- signals that we send ---- */

int xcpbus_emit(struct xcpbus *bus, const char *path, const char *interface, const char *member,
		const char *signature, ...)
{
	DBusMessage *message;
	va_list values;
	int r;

	if (!dbus_validate_path(path, NULL) || !dbus_validate_interface(interface, NULL) ||
	    !dbus_validate_member(member, NULL))
		return -EINVAL;
	message = dbus_message_new_signal(path, interface, member);
	if (!message)
		return -ENOMEM;
	va_start(values, signature);
	r = append_valist(message, signature, values);
	va_end(values);
	if (r == 0)
		r = io_send(bus, message, NULL);
	dbus_message_unref(message);
	return r;
}

int xcpbus_send(struct xcpbus *bus, DBusMessage *message)
{
	return io_send(bus, message, NULL);
}
