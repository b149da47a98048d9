/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.freedesktop.DBus.Properties: the program's functions give the values, and take them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libxcpbus/private.h"

const struct xcpbus_property *property_find(const struct xcpbus_interface *interface,
					    const char *name)
{
	const struct xcpbus_property *property = interface->properties;

	for (; property && property->name; property++)
		if (!strcmp(property->name, name))
			return property;
	return NULL;
}

static bool is_standard_name(const char *interface)
{
	const struct xcpbus_interface *const *one = standard_interfaces;

	for (; *one; one++)
		if (!strcmp((*one)->name, interface))
			return true;
	return false;
}

/* The interface "" stands for all. NULL: the call has been answered with an error. */
static const struct xcpbus_property *find_property(struct xcpbus_invocation *call,
						   struct object *object, const char *interface,
						   const char *name, struct export **out)
{
	const struct xcpbus_property *property = NULL;
	struct export *export = NULL, *one;

	list_for_each(one, &object->exports, object_link) {
		if (property || (*interface && strcmp(one->interface->name, interface)))
			continue;
		export = one;
		property = property_find(one->interface, name);
	}
	if (property)
		*out = export;
	else if (*interface && !export && !is_standard_name(interface))
		xcpbus_reply_error(call, BUS_ERROR("UnknownInterface"),
				   "object '%s' has no interface '%s'", object->path, interface);
	else
		xcpbus_reply_error(call, BUS_ERROR("UnknownProperty"),
				   "object '%s' has no property '%s%s%s'", object->path, interface,
				   *interface ? "." : "", name);
	return property;
}

static int append_value(DBusMessageIter *iter, const struct xcpbus_property *property, void *data)
{
	DBusMessageIter value;
	int r;

	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_VARIANT, property->signature, &value))
		return -ENOMEM;
	r = property->get(property, &value, data);
	if (r < 0)
		dbus_message_iter_abandon_container(iter, &value);
	else if (!dbus_message_iter_close_container(iter, &value))
		r = -ENOMEM;
	return r < 0 ? r : 0;
}

/* Sends the reply, or an error if what it should hold cannot be had. Takes reply over. */
static int finish(struct xcpbus_invocation *call, DBusMessage *reply, int failure,
		  const struct xcpbus_property *property)
{
	int r;

	if (failure < 0)
		r = xcpbus_reply_error(call, error_name_of(failure),
				       "the value of '%s' cannot be had: %s", property->name,
				       strerror(-failure));
	else
		r = xcpbus_reply_message(call, reply);
	dbus_message_unref(reply);
	return r;
}

static int on_get(struct xcpbus_invocation *call, DBusMessage *message, void *bus)
{
	struct object *object = object_find(bus, dbus_message_get_path(message));
	const struct xcpbus_property *property;
	const char *interface, *name;
	struct export *export;
	DBusMessage *reply;
	DBusMessageIter iter;

	xcpbus_read(message, "ss", &interface, &name);
	property = find_property(call, object, interface, name, &export);
	if (!property)
		return 0;
	if (!property->get)
		return xcpbus_reply_error(call, BUS_ERROR("AccessDenied"),
					  "property '%s' can only be set", name);
	reply = dbus_message_new_method_return(message);
	if (!reply)
		return -ENOMEM;
	dbus_message_iter_init_append(reply, &iter);
	return finish(call, reply, append_value(&iter, property, export->data), property);
}

int property_append_entry(DBusMessageIter *array, const struct xcpbus_property *property,
			  void *data)
{
	DBusMessageIter entry;
	int r;

	if (!dbus_message_iter_open_container(array, DBUS_TYPE_DICT_ENTRY, NULL, &entry))
		return -ENOMEM;
	r = xcpbus_append_iter(&entry, "s", property->name);
	if (r == 0)
		r = append_value(&entry, property, data);
	if (r < 0)
		dbus_message_iter_abandon_container(array, &entry);
	else if (!dbus_message_iter_close_container(array, &entry))
		r = -ENOMEM;
	return r;
}

int property_append_all(DBusMessageIter *array, const struct export *export,
			const struct xcpbus_property **failed)
{
	const struct xcpbus_property *property = export->interface->properties;
	int r;

	for (; property && property->name; property++) {
		if (!property->get)
			continue;
		r = property_append_entry(array, property, export->data);
		if (r < 0) {
			*failed = property;
			return r;
		}
	}
	return 0;
}

static int append_object(DBusMessage *reply, struct object *object, const char *interface,
			 const struct xcpbus_property **failed)
{
	DBusMessageIter iter, array;
	struct export *export;
	int r = 0;

	dbus_message_iter_init_append(reply, &iter);
	if (!dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &array))
		return -ENOMEM;
	list_for_each(export, &object->exports, object_link) {
		if (r == 0 && (!*interface || !strcmp(export->interface->name, interface)))
			r = property_append_all(&array, export, failed);
	}
	if (r < 0)
		dbus_message_iter_abandon_container(&iter, &array);
	else if (!dbus_message_iter_close_container(&iter, &array))
		r = -ENOMEM;
	return r;
}

static int on_get_all(struct xcpbus_invocation *call, DBusMessage *message, void *bus)
{
	static const struct xcpbus_property none = { .name = "(all)" };
	struct object *object = object_find(bus, dbus_message_get_path(message));
	const struct xcpbus_property *failed = &none;
	const char *interface;
	DBusMessage *reply;
	int r;

	xcpbus_read(message, "s", &interface);
	if (*interface && !object_find_export(object, interface) && !is_standard_name(interface))
		return xcpbus_reply_error(call, BUS_ERROR("UnknownInterface"),
					  "object '%s' has no interface '%s'", object->path,
					  interface);
	reply = dbus_message_new_method_return(message);
	if (!reply)
		return -ENOMEM;
	r = append_object(reply, object, interface, &failed);
	return finish(call, reply, r, failed);
}

static bool has_type(DBusMessageIter *value, const char *signature)
{
	char *found = dbus_message_iter_get_signature(value);
	bool is_equal = found && !strcmp(found, signature);

	dbus_free(found);
	return is_equal;
}

static int set_value(struct xcpbus_invocation *call, struct export *export,
		     const struct xcpbus_property *property, DBusMessageIter *value)
{
	struct xcpbus_error error = { 0 };
	int r = property->set(property, value, &error, export->data);

	if (r >= 0) {
		change_mark(export, property);
		return xcpbus_reply(call, "");
	}
	if (!error.name[0])
		error_fail(&error, r, "property '%s' cannot be set: %s", property->name,
			   strerror(-r));
	return xcpbus_reply_error(call, error.name, "%s", error.message);
}

static int on_set(struct xcpbus_invocation *call, DBusMessage *message, void *bus)
{
	struct object *object = object_find(bus, dbus_message_get_path(message));
	const struct xcpbus_property *property;
	const char *interface, *name;
	DBusMessageIter iter, value;
	struct export *export;

	dbus_message_iter_init(message, &iter);
	xcpbus_read_iter(&iter, "ss", &interface, &name);
	dbus_message_iter_recurse(&iter, &value);
	property = find_property(call, object, interface, name, &export);
	if (!property)
		return 0;
	if (!property->set)
		return xcpbus_reply_error(call, BUS_ERROR("PropertyReadOnly"),
					  "property '%s' is read-only", name);
	if (!has_type(&value, property->signature))
		return xcpbus_reply_error(call, BUS_ERROR("InvalidArgs"),
					  "property '%s' is of type '%s'", name,
					  property->signature);
	return set_value(call, export, property, &value);
}

static const struct xcpbus_method methods[] = {
	{ .member = "Get",
	  .in_signature = "ss",
	  .out_signature = "v",
	  .handler = on_get,
	  .in_names = "interface_name property_name",
	  .out_names = "value" },
	{ .member = "GetAll",
	  .in_signature = "s",
	  .out_signature = "a{sv}",
	  .handler = on_get_all,
	  .in_names = "interface_name",
	  .out_names = "props" },
	{ .member = "Set",
	  .in_signature = "ssv",
	  .handler = on_set,
	  .in_names = "interface_name property_name value" },
	{ .member = NULL },
};

static const struct xcpbus_signal signals[] = {
	{ .member = "PropertiesChanged",
	  .signature = "sa{sv}as",
	  .names = "interface_name changed_properties invalidated_properties" },
	{ .member = NULL },
};

const struct xcpbus_interface properties_interface = {
	.name = PROPERTIES_NAME,
	.methods = methods,
	.signals = signals,
};
