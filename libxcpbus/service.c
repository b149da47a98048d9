/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/hash.h"
#include "libxcpbus/private.h"

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

	managers_tell_removed(slot->bus, export);
	list_remove(&export->changed_link);
	list_remove(&export->object_link);
	object_put(TAKE(export->object));
}

static void export_free(struct xcpbus_slot *slot)
{
	struct export *export = container_of(slot, struct export, slot);

	free(export->changed);
	free(export);
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

/* A name is an interface's, as the specification has it; a value is any text that XML can hold. */
static bool are_annotations_ok(const struct xcpbus_annotation *one)
{
	for (; one && one->name; one++) {
		const char *at = one->value;

		if (!dbus_validate_interface(one->name, NULL) || !at ||
		    !dbus_validate_utf8(at, NULL))
			return false;
		for (; *at; at++)
			if ((unsigned char)*at < ' ' && *at != '\n' && *at != '\t')
				return false;
	}
	return true;
}

static bool is_table_ok(const struct xcpbus_interface *interface)
{
	const struct xcpbus_property *property = interface->properties;
	const struct xcpbus_signal *signal = interface->signals;
	const struct xcpbus_method *method = interface->methods;

	if (!interface->name || !dbus_validate_interface(interface->name, NULL) ||
	    !are_annotations_ok(interface->annotations))
		return false;
	for (; method && method->member; method++)
		if (!dbus_validate_member(method->member, NULL) || !method->handler ||
		    !is_signature_ok(method->in_signature) ||
		    !is_signature_ok(method->out_signature) || !are_names_ok(method->in_names) ||
		    !are_names_ok(method->out_names) || !are_annotations_ok(method->annotations))
			return false;
	for (; signal && signal->member; signal++)
		if (!dbus_validate_member(signal->member, NULL) ||
		    !is_signature_ok(signal->signature) || !are_names_ok(signal->names) ||
		    !are_annotations_ok(signal->annotations))
			return false;
	for (; property && property->name; property++)
		if (!dbus_validate_member(property->name, NULL) || !property->signature ||
		    !dbus_signature_validate_single(property->signature, NULL) ||
		    !are_annotations_ok(property->annotations))
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
	list_init(&export->changed_link);
	list_push_back(&object->exports, &export->object_link);
	slot_add(&export->slot, bus, &export_ops, &bus->exports, slot);
	managers_tell_added(bus, export);
	return 0;
}

/* ---- calls ---- */

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

/* Peer is at every path, Introspectable at every path that leads somewhere, ObjectManager where the
 * program wants it. */
static bool is_available(const struct xcpbus *bus, const struct xcpbus_interface *standard,
			 const struct object *object, const char *path)
{
	if (standard == standard_interfaces[STANDARD_OBJECT_MANAGER])
		return manager_is_at(bus, path);
	if (standard == standard_interfaces[STANDARD_PEER] || object)
		return true;
	return standard == standard_interfaces[STANDARD_INTROSPECTABLE] &&
	       (object_is_parent(bus, path) || manager_is_at(bus, path));
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
		answer_refuse(bus, message, BUS_ERROR("UnknownObject"), "there is no object '%s'",
			      path);
	} else if (!target.interface && interface) {
		answer_refuse(bus, message, BUS_ERROR("UnknownInterface"),
			      "object '%s' has no interface '%s'", path, interface);
	} else if (!target.method) {
		answer_refuse(bus, message, BUS_ERROR("UnknownMethod"),
			      "object '%s' has no method '%s%s%s'", path,
			      interface ? interface : "", interface ? "." : "", member);
	} else {
		expected = target.method->in_signature ? target.method->in_signature : "";
		if (dbus_message_has_signature(message, expected))
			answer_run(bus, message, target.method, target.data);
		else
			answer_refuse(bus, message, BUS_ERROR("InvalidArgs"),
				      "%s.%s takes '%s', but the call has '%s'",
				      target.interface->name, member, expected,
				      dbus_message_get_signature(message));
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
