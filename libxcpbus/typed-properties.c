/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties by the tables of xcpbus-typed.h: the caller's side. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "libxcpbus/typed.h"

static int take_property(DBusMessage *reply, const struct xcpbus_typed_property *property,
			 void *value, struct xcpbus_error *error)
{
	DBusMessageIter iter, content;
	int r;

	if (!dbus_message_has_signature(reply, "v")) {
		r = error_fail(error, -EINVAL, "there is '%s' where 'v' should be",
			       dbus_message_get_signature(reply));
	} else {
		dbus_message_iter_init(reply, &iter);
		dbus_message_iter_recurse(&iter, &content);
		r = value_read(&content, property->type, value, error);
	}
	return typed_invalid_reply(error, property->name, r);
}

int xcpbus_get_typed(struct xcpbus *bus, const struct xcpbus_target *target,
		     const struct xcpbus_typed_property *property, void *value,
		     struct xcpbus_error *error)
{
	struct xcpbus_target to = typed_resolve(target, property->home, 0);
	DBusMessage *reply;
	int r;

	to.interface = PROPERTIES_NAME;
	r = xcpbus_call_method(bus, &to, "Get", &reply, error, "ss", property->home->interface,
			       property->name);
	if (r < 0)
		return r;
	r = take_property(reply, property, value, error);
	dbus_message_unref(reply);
	return r;
}

static void on_got(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *failure,
		   void *data)
{
	const struct listener *self = data;
	const struct xcpbus_typed_property *property = self->property;
	void *value = failure ? NULL : calloc(1, property->type->size);
	struct xcpbus_error error;
	int r = -ENOMEM;

	if (value)
		r = take_property(reply, property, value, &error);
	else if (!failure)
		error_fail(&error, r, "out of memory");
	property->tell_got(bus, NULL, r == 0 ? value : NULL,
			   failure  ? failure
			   : r == 0 ? NULL
				    : &error,
			   self->fn, self->data);
	if (r == 0)
		xcpbus_value_free(property->type, value);
	free(value);
}

int xcpbus_get_typed_async(struct xcpbus *bus, const struct xcpbus_target *target,
			   const struct xcpbus_typed_property *property, void (*fn)(void),
			   void *data, struct xcpbus_slot **slot)
{
	struct xcpbus_target to = typed_resolve(target, property->home, 0);
	struct listener *self = listener_new(fn, data);
	DBusMessage *call = NULL;
	int r;

	to.interface = PROPERTIES_NAME;
	r = self ? typed_new_call(&to, "Get", &call, NULL) : -ENOMEM;
	if (r == 0)
		r = xcpbus_append(call, "ss", property->home->interface, property->name);
	if (r == 0) {
		self->property = property;
		return typed_begin(bus, &to, call, on_got, self, slot);
	}
	if (call)
		dbus_message_unref(call);
	free(self);
	return r;
}

static int append_property(DBusMessage *call, const struct xcpbus_typed_property *property,
			   const void *value, struct xcpbus_error *error)
{
	DBusMessageIter iter, content;
	int r;

	dbus_message_iter_init_append(call, &iter);
	r = xcpbus_append_iter(&iter, "ss", property->home->interface, property->name);
	if (r == 0 && !dbus_message_iter_open_container(&iter, DBUS_TYPE_VARIANT,
							property->type->signature, &content))
		r = -ENOMEM;
	if (r < 0)
		return error_fail(error, r, "the call cannot be made: %s", strerror(-r));
	r = xcpbus_value_append(&content, property->type, value, error);
	if (r < 0)
		dbus_message_iter_abandon_container(&iter, &content);
	else if (!dbus_message_iter_close_container(&iter, &content))
		r = error_fail(error, -ENOMEM, "out of memory");
	return r;
}

int xcpbus_set_typed(struct xcpbus *bus, const struct xcpbus_target *target,
		     const struct xcpbus_typed_property *property, const void *value,
		     struct xcpbus_error *error)
{
	struct xcpbus_target to = typed_resolve(target, property->home, 0);
	DBusMessage *call;
	int r;

	to.interface = PROPERTIES_NAME;
	r = typed_new_call(&to, "Set", &call, error);
	if (r < 0)
		return r;
	r = append_property(call, property, value, error);
	if (r == 0)
		r = xcpbus_call(bus, call, to.timeout_ms, NULL, error);
	dbus_message_unref(call);
	return r;
}

static void on_set(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *failure,
		   void *data)
{
	const struct listener *self = data;

	(void)reply;
	((xcpbus_set_done_fn)self->fn)(bus, failure, self->data);
}

int xcpbus_set_typed_async(struct xcpbus *bus, const struct xcpbus_target *target,
			   const struct xcpbus_typed_property *property, const void *value,
			   xcpbus_set_done_fn fn, void *data, struct xcpbus_slot **slot)
{
	struct xcpbus_target to = typed_resolve(target, property->home, 0);
	struct listener *self = listener_new((void (*)(void))fn, data);
	DBusMessage *call = NULL;
	int r;

	to.interface = PROPERTIES_NAME;
	r = self ? typed_new_call(&to, "Set", &call, NULL) : -ENOMEM;
	if (r == 0)
		r = append_property(call, property, value, NULL);
	if (r == 0)
		return typed_begin(bus, &to, call, on_set, self, slot);
	if (call)
		dbus_message_unref(call);
	free(self);
	return r;
}

static void tell_value(struct xcpbus *bus, const struct xcpbus_source *from, DBusMessageIter *entry,
		       const struct listener *self)
{
	const struct xcpbus_type *type = self->property->type;
	void *value = calloc(1, type->size);
	DBusMessageIter content;

	dbus_message_iter_next(entry);
	dbus_message_iter_recurse(entry, &content);
	if (value && value_read(&content, type, value, NULL) == 0) {
		self->property->tell(bus, from, value, NULL, self->fn, self->data);
		xcpbus_value_free(type, value);
	}
	free(value);
}

static void on_changed(struct xcpbus *bus, DBusMessage *message, void *data)
{
	struct xcpbus_source from = typed_source(message);
	const struct listener *self = data;
	DBusMessageIter iter, array, entry;
	const char *name;

	if (!dbus_message_has_signature(message, "sa{sv}as"))
		return;
	dbus_message_iter_init(message, &iter);
	dbus_message_iter_next(&iter);
	dbus_message_iter_recurse(&iter, &array);
	for (; dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_DICT_ENTRY;
	     dbus_message_iter_next(&array)) {
		dbus_message_iter_recurse(&array, &entry);
		dbus_message_iter_get_basic(&entry, &name);
		if (!strcmp(name, self->property->name)) {
			tell_value(bus, &from, &entry, self);
			return; /* the callback may have freed the connection */
		}
	}
	dbus_message_iter_next(&iter);
	dbus_message_iter_recurse(&iter, &array);
	for (; dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_STRING;
	     dbus_message_iter_next(&array)) {
		dbus_message_iter_get_basic(&array, &name);
		if (!strcmp(name, self->property->name)) {
			self->property->tell(bus, &from, NULL, NULL, self->fn, self->data);
			return;
		}
	}
}

int xcpbus_watch_typed(struct xcpbus *bus, const struct xcpbus_target *target,
		       const struct xcpbus_typed_property *property, void (*fn)(void), void *data,
		       struct xcpbus_slot **slot, struct xcpbus_error *error)
{
	struct xcpbus_target to = typed_resolve(target, property->home, 0);
	CLEANUP(cleanup_free) char *rule = NULL;
	struct listener *self;
	int r = typed_rule(&to, PROPERTIES_NAME, "PropertiesChanged", property->home->interface,
			   &rule, error);

	if (r < 0)
		return r;
	self = listener_new(fn, data);
	if (!self)
		return error_fail(error, -ENOMEM, "out of memory");
	self->property = property;
	return typed_subscribe(bus, rule, on_changed, self, slot, error);
}
