/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.freedesktop.DBus.ObjectManager: what is exported below a path, at once and as it changes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libxcpbus/private.h"

#define MANAGER_NAME "org.freedesktop.DBus.ObjectManager"

struct manager {
	struct xcpbus_slot slot; /* xcpbus::managers */
	char *path;
};

static bool is_above(const char *parent, const char *path)
{
	size_t size = strcmp(parent, "/") ? strlen(parent) : 0;

	return !strncmp(path, parent, size) && path[size] == '/' && path[size + 1];
}

bool manager_is_at(const struct xcpbus *bus, const char *path)
{
	const struct manager *manager;

	list_for_each(manager, &bus->managers, slot.link) {
		if (!manager->slot.is_dead && !strcmp(manager->path, path))
			return true;
	}
	return false;
}

/* ---- what there is ---- */

/* interface, then its properties */
static int append_interface(DBusMessageIter *array, const struct export *export,
			    const struct xcpbus_property **failed)
{
	DBusMessageIter entry, properties;
	int r;

	if (!dbus_message_iter_open_container(array, DBUS_TYPE_DICT_ENTRY, NULL, &entry))
		return -ENOMEM;
	r = xcpbus_append_iter(&entry, "s", export->interface->name);
	if (r == 0 &&
	    !dbus_message_iter_open_container(&entry, DBUS_TYPE_ARRAY, "{sv}", &properties))
		r = -ENOMEM;
	if (r == 0) {
		if (failed)
			r = property_append_all(&properties, export, failed);
		if (r < 0)
			dbus_message_iter_abandon_container(&entry, &properties);
		else if (!dbus_message_iter_close_container(&entry, &properties))
			r = -ENOMEM;
	}
	if (r < 0)
		dbus_message_iter_abandon_container(array, &entry);
	else if (!dbus_message_iter_close_container(array, &entry))
		r = -ENOMEM;
	return r;
}

/* The interfaces of an object, or the one that is given. */
static int append_interfaces(DBusMessageIter *iter, const struct object *object,
			     const struct export *only, const struct xcpbus_property **failed)
{
	const struct export *export;
	DBusMessageIter array;
	int r = 0;

	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "{sa{sv}}", &array))
		return -ENOMEM;
	if (only)
		r = append_interface(&array, only, failed);
	else
		list_for_each(export, &object->exports, object_link) {
			if (r == 0)
				r = append_interface(&array, export, failed);
		}
	if (r < 0)
		dbus_message_iter_abandon_container(iter, &array);
	else if (!dbus_message_iter_close_container(iter, &array))
		r = -ENOMEM;
	return r;
}

static int append_object(DBusMessageIter *array, const struct object *object,
			 const struct xcpbus_property **failed)
{
	DBusMessageIter entry;
	int r;

	if (!dbus_message_iter_open_container(array, DBUS_TYPE_DICT_ENTRY, NULL, &entry))
		return -ENOMEM;
	r = xcpbus_append_iter(&entry, "o", object->path);
	if (r == 0)
		r = append_interfaces(&entry, object, NULL, failed);
	if (r < 0)
		dbus_message_iter_abandon_container(array, &entry);
	else if (!dbus_message_iter_close_container(array, &entry))
		r = -ENOMEM;
	return r;
}

static int append_below(DBusMessageIter *array, const struct xcpbus *bus, const char *path,
			const struct object **object, const struct xcpbus_property **failed)
{
	const struct object *one;
	unsigned i;
	int r = 0;

	for (i = 0; i < OBJECT_BUCKETS; i++) {
		list_for_each(one, &bus->objects[i], link) {
			if (r < 0 || !is_above(path, one->path))
				continue;
			*object = one;
			r = append_object(array, one, failed);
		}
	}
	return r;
}

static int on_get_managed_objects(struct xcpbus_invocation *call, DBusMessage *message, void *bus)
{
	static const struct xcpbus_property none = { .name = "(all)" };
	DBusMessage *reply = dbus_message_new_method_return(message);
	const struct xcpbus_property *failed = &none;
	const struct object *object = NULL;
	DBusMessageIter iter, array;
	int r;

	if (!reply)
		return -ENOMEM;
	dbus_message_iter_init_append(reply, &iter);
	if (!dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{oa{sa{sv}}}", &array)) {
		dbus_message_unref(reply);
		return -ENOMEM;
	}
	r = append_below(&array, bus, dbus_message_get_path(message), &object, &failed);
	if (r < 0)
		dbus_message_iter_abandon_container(&iter, &array);
	else if (!dbus_message_iter_close_container(&iter, &array))
		r = -ENOMEM;
	if (r < 0)
		r = xcpbus_reply_error(call, error_name_of(r),
				       "the value of '%s' of object '%s' cannot be had: %s",
				       failed->name, object ? object->path : "/", strerror(-r));
	else
		r = xcpbus_reply_message(call, reply);
	dbus_message_unref(reply);
	return r;
}

/* ---- what comes and goes ---- */

static int send_added(struct xcpbus *bus, const struct manager *manager,
		      const struct export *export, bool has_values)
{
	DBusMessage *message =
		dbus_message_new_signal(manager->path, MANAGER_NAME, "InterfacesAdded");
	const struct xcpbus_property *failed;
	DBusMessageIter iter;
	int r;

	if (!message)
		return -ENOMEM;
	dbus_message_iter_init_append(message, &iter);
	r = xcpbus_append_iter(&iter, "o", export->object->path);
	if (r == 0)
		r = append_interfaces(&iter, NULL, export, has_values ? &failed : NULL);
	if (r == 0)
		io_send(bus, message, NULL);
	dbus_message_unref(message);
	return r;
}

void managers_tell_added(struct xcpbus *bus, const struct export *export)
{
	const struct manager *manager;

	if (list_is_empty(&bus->managers) || bus_check(bus) < 0)
		return;
	bus_enter(bus); /* the program's functions give the values */
	list_for_each(manager, &bus->managers, slot.link) {
		if (export->slot.is_dead)
			break;
		if (manager->slot.is_dead || !is_above(manager->path, export->object->path))
			continue;
		if (send_added(bus, manager, export, true) < 0 && !export->slot.is_dead)
			send_added(bus, manager, export, false);
	}
	bus_leave(bus);
}

void managers_tell_removed(struct xcpbus *bus, const struct export *export)
{
	const struct manager *manager;
	DBusMessage *message;

	if (bus_check(bus) < 0)
		return;
	list_for_each(manager, &bus->managers, slot.link) {
		if (manager->slot.is_dead || !is_above(manager->path, export->object->path))
			continue;
		message = dbus_message_new_signal(manager->path, MANAGER_NAME, "InterfacesRemoved");
		if (!message)
			continue;
		if (xcpbus_append(message, "oas", export->object->path, 1,
				  export->interface->name) == 0)
			io_send(bus, message, NULL);
		dbus_message_unref(message);
	}
}

/* ---- the slot ---- */

static void manager_free(struct xcpbus_slot *slot)
{
	struct manager *manager = container_of(slot, struct manager, slot);

	free(manager->path);
	free(manager);
}

static const struct slot_ops manager_ops = { .free = manager_free };

int xcpbus_export_manager(struct xcpbus *bus, const char *path, struct xcpbus_slot **slot)
{
	struct manager *manager;

	if (!path || !dbus_validate_path(path, NULL))
		return -EINVAL;
	if (manager_is_at(bus, path))
		return -EEXIST;
	manager = calloc(1, sizeof(*manager));
	if (!manager)
		return -ENOMEM;
	manager->path = strdup(path);
	if (!manager->path) {
		free(manager);
		return -ENOMEM;
	}
	slot_add(&manager->slot, bus, &manager_ops, &bus->managers, slot);
	return 0;
}

/* ---- the interface ---- */

static const struct xcpbus_method methods[] = {
	{ .member = "GetManagedObjects",
	  .out_signature = "a{oa{sa{sv}}}",
	  .handler = on_get_managed_objects,
	  .out_names = "objpath_interfaces_and_properties" },
	{ .member = NULL },
};

static const struct xcpbus_signal signals[] = {
	{ .member = "InterfacesAdded",
	  .signature = "oa{sa{sv}}",
	  .names = "object_path interfaces_and_properties" },
	{ .member = "InterfacesRemoved", .signature = "oas", .names = "object_path interfaces" },
	{ .member = NULL },
};

const struct xcpbus_interface manager_interface = {
	.name = MANAGER_NAME,
	.methods = methods,
	.signals = signals,
};
