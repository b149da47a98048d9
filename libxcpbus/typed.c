/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls, signals, properties and errors by the tables of xcpbus-typed.h: the caller's side. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "libxcpbus/values.h"

#define INVALID_REPLY "org.xen.xcp.Error.InvalidReply"

/* ---- where to, and what ---- */

static struct xcpbus_target resolve(const struct xcpbus_target *target,
				    const struct xcpbus_target *home, int timeout_ms)
{
	struct xcpbus_target to = *home;

	to.timeout_ms = timeout_ms;
	if (target && target->destination)
		to.destination = target->destination;
	if (target && target->path)
		to.path = target->path;
	if (target && target->timeout_ms > 0)
		to.timeout_ms = target->timeout_ms;
	return to;
}

static int new_call(const struct xcpbus_target *to, const char *member, DBusMessage **out,
		    struct xcpbus_error *error)
{
	int r = xcpbus_new_call(to, member, out);

	if (r == -EINVAL)
		return error_fail(error, r, "there is no service '%s' with an object '%s'",
				  to->destination ? to->destination : "", to->path ? to->path : "");
	return r < 0 ? error_fail(error, r, "the call cannot be made: %s", strerror(-r)) : 0;
}

static int make_call(const struct xcpbus_target *to, const struct xcpbus_typed_method *method,
		     const void *in, DBusMessage **out, struct xcpbus_error *error)
{
	DBusMessageIter iter;
	DBusMessage *call;
	int r = new_call(to, method->member, &call, error);

	if (r < 0)
		return r;
	dbus_message_iter_init_append(call, &iter);
	r = args_append(&iter, method->in, in, error);
	if (r < 0)
		dbus_message_unref(call);
	else
		*out = call;
	return r;
}

static int invalid_reply(struct xcpbus_error *error, const char *member, int r)
{
	char text[sizeof(error->message)];

	if (r != -EINVAL)
		return r;
	if (error) {
		memcpy(text, error->message, sizeof(text));
		xcpbus_error_set(error, INVALID_REPLY, "the answer to %s is not valid: %.900s",
				 member, text);
	}
	return -EBADMSG;
}

/* ---- calls ---- */

static void give_out(const struct xcpbus_type *args, void *values, void *const *results)
{
	const struct xcpbus_field *field = args->fields;

	for (; field->name; field++, results++) {
		if (*results)
			memcpy(*results, field_at(values, field), field->type->size);
		else
			xcpbus_value_free(field->type, field_at(values, field));
	}
}

static int take_reply(DBusMessage *reply, const struct xcpbus_typed_method *method,
		      void *const *results, struct xcpbus_error *error)
{
	CLEANUP(cleanup_free) void *values = calloc(1, method->out ? method->out->size : 1);
	int r;

	if (!values)
		return error_fail(error, -ENOMEM, "out of memory");
	r = args_read(reply, method->out, values, error);
	if (r == 0 && method->out)
		give_out(method->out, values, results);
	return invalid_reply(error, method->member, r);
}

static int send_only(struct xcpbus *bus, DBusMessage *call, struct xcpbus_error *error)
{
	int r;

	dbus_message_set_no_reply(call, true);
	r = xcpbus_send(bus, call);
	return r < 0 ? error_fail(error, r, "the call cannot be sent: %s", strerror(-r)) : 0;
}

int xcpbus_call_typed(struct xcpbus *bus, const struct xcpbus_target *target,
		      const struct xcpbus_typed_method *method, const void *in,
		      void *const *results, struct xcpbus_error *error)
{
	struct xcpbus_target to = resolve(target, method->home, method->timeout_ms);
	DBusMessage *call, *reply = NULL;
	int r = make_call(&to, method, in, &call, error);

	if (r < 0)
		return r;
	if (method->flags & XCPBUS_NO_REPLY)
		r = send_only(bus, call, error);
	else
		r = xcpbus_call(bus, call, to.timeout_ms, &reply, error);
	dbus_message_unref(call);
	if (r < 0 || !reply)
		return r;
	r = take_reply(reply, method, results, error);
	dbus_message_unref(reply);
	return r;
}

struct listener { /* what an answer, a signal or a change is for */
	const struct xcpbus_typed_method *method;
	const struct xcpbus_typed_signal *signal;
	const struct xcpbus_typed_property *property;
	void (*fn)(void);
	void *data;
};

static struct listener *listener_new(void (*fn)(void), void *data)
{
	struct listener *self = calloc(1, sizeof(*self));

	if (self) {
		self->fn = fn;
		self->data = data;
	}
	return self;
}

/* Reads what a message has and tells it, or why it cannot be read. */
static void tell_args(struct xcpbus *bus, DBusMessage *message, const struct xcpbus_type *args,
		      const char *member, const struct listener *self, xcpbus_tell_fn tell)
{
	void *values = calloc(1, args ? args->size : 1);
	bool is_signal = self->signal;
	struct xcpbus_error error;
	int r;

	if (!values)
		r = error_fail(&error, -ENOMEM, "out of memory");
	else
		r = args_read(message, args, values, &error);
	if (r < 0 && !is_signal) {
		invalid_reply(&error, member, r);
		tell(bus, NULL, &error, self->fn, self->data);
	}
	if (r == 0)
		tell(bus, values, NULL, self->fn, self->data);
	if (r == 0 && args)
		xcpbus_value_free(args, values);
	free(values);
}

static void on_reply(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		     void *data)
{
	const struct listener *self = data;

	if (error)
		self->method->tell(bus, NULL, error, self->fn, self->data);
	else
		tell_args(bus, reply, self->method->out, self->method->member, self,
			  self->method->tell);
}

int xcpbus_call_typed_async(struct xcpbus *bus, const struct xcpbus_target *target,
			    const struct xcpbus_typed_method *method, const void *in,
			    void (*fn)(void), void *data, struct xcpbus_slot **slot)
{
	struct xcpbus_target to = resolve(target, method->home, method->timeout_ms);
	struct listener *self = listener_new(fn, data);
	struct xcpbus_slot *own;
	DBusMessage *call;
	int r = self ? make_call(&to, method, in, &call, NULL) : -ENOMEM;

	if (r < 0) {
		free(self);
		return r;
	}
	self->method = method;
	r = xcpbus_call_async(bus, call, to.timeout_ms, on_reply, self, &own);
	dbus_message_unref(call);
	if (r < 0)
		free(self);
	else
		slot_hand_out(own, free, self, slot);
	return r;
}

/* ---- signals ---- */

static int subscribe(struct xcpbus *bus, const char *rule, xcpbus_signal_fn fn,
		     struct listener *self, struct xcpbus_slot **slot, struct xcpbus_error *error)
{
	struct xcpbus_slot *own;
	int r = xcpbus_subscribe(bus, rule, fn, self, &own, error);

	if (r < 0)
		free(self);
	else
		slot_hand_out(own, free, self, slot);
	return r;
}

static void on_signal(struct xcpbus *bus, DBusMessage *message, void *data)
{
	const struct listener *self = data;

	tell_args(bus, message, self->signal->args, self->signal->member, self, self->signal->tell);
}

/* A destination is a name, which has nothing in it that would have to be quoted; so is a path. */
static int make_rule(const struct xcpbus_target *to, const char *interface, const char *member,
		     const char *more, char **rule, struct xcpbus_error *error)
{
	if (!to->destination || !to->path || !dbus_validate_bus_name(to->destination, NULL) ||
	    !dbus_validate_path(to->path, NULL))
		return error_fail(error, -EINVAL, "there is no service '%s' with an object '%s'",
				  to->destination ? to->destination : "", to->path ? to->path : "");
	if (asprintf(rule, "type='signal',sender='%s',path='%s',interface='%s',member='%s'%s%s%s",
		     to->destination, to->path, interface, member, more ? ",arg0='" : "",
		     more ? more : "", more ? "'" : "") < 0)
		return error_fail(error, -ENOMEM, "out of memory");
	return 0;
}

int xcpbus_subscribe_typed(struct xcpbus *bus, const struct xcpbus_target *target,
			   const struct xcpbus_typed_signal *signal, void (*fn)(void), void *data,
			   struct xcpbus_slot **slot, struct xcpbus_error *error)
{
	struct xcpbus_target to = resolve(target, signal->home, 0);
	CLEANUP(cleanup_free) char *rule = NULL;
	struct listener *self;
	int r = make_rule(&to, to.interface, signal->member, NULL, &rule, error);

	if (r < 0)
		return r;
	self = listener_new(fn, data);
	if (!self)
		return error_fail(error, -ENOMEM, "out of memory");
	self->signal = signal;
	return subscribe(bus, rule, on_signal, self, slot, error);
}

/* ---- properties ---- */

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
	return invalid_reply(error, property->name, r);
}

int xcpbus_get_typed(struct xcpbus *bus, const struct xcpbus_target *target,
		     const struct xcpbus_typed_property *property, void *value,
		     struct xcpbus_error *error)
{
	struct xcpbus_target to = resolve(target, property->home, 0);
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
	struct xcpbus_target to = resolve(target, property->home, 0);
	DBusMessage *call;
	int r;

	to.interface = PROPERTIES_NAME;
	r = new_call(&to, "Set", &call, error);
	if (r < 0)
		return r;
	r = append_property(call, property, value, error);
	if (r == 0)
		r = xcpbus_call(bus, call, to.timeout_ms, NULL, error);
	dbus_message_unref(call);
	return r;
}

static void tell_value(struct xcpbus *bus, DBusMessageIter *entry, const struct listener *self)
{
	const struct xcpbus_type *type = self->property->type;
	void *value = calloc(1, type->size);
	DBusMessageIter content;

	dbus_message_iter_next(entry);
	dbus_message_iter_recurse(entry, &content);
	if (value && value_read(&content, type, value, NULL) == 0) {
		self->property->tell(bus, value, NULL, self->fn, self->data);
		xcpbus_value_free(type, value);
	}
	free(value);
}

static void on_changed(struct xcpbus *bus, DBusMessage *message, void *data)
{
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
			tell_value(bus, &entry, self);
			return; /* the callback may have freed the connection */
		}
	}
	dbus_message_iter_next(&iter);
	dbus_message_iter_recurse(&iter, &array);
	for (; dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_STRING;
	     dbus_message_iter_next(&array)) {
		dbus_message_iter_get_basic(&array, &name);
		if (!strcmp(name, self->property->name)) {
			self->property->tell(bus, NULL, NULL, self->fn, self->data);
			return;
		}
	}
}

int xcpbus_watch_typed(struct xcpbus *bus, const struct xcpbus_target *target,
		       const struct xcpbus_typed_property *property, void (*fn)(void), void *data,
		       struct xcpbus_slot **slot, struct xcpbus_error *error)
{
	struct xcpbus_target to = resolve(target, property->home, 0);
	CLEANUP(cleanup_free) char *rule = NULL;
	struct listener *self;
	int r = make_rule(&to, PROPERTIES_NAME, "PropertiesChanged", property->home->interface,
			  &rule, error);

	if (r < 0)
		return r;
	self = listener_new(fn, data);
	if (!self)
		return error_fail(error, -ENOMEM, "out of memory");
	self->property = property;
	return subscribe(bus, rule, on_changed, self, slot, error);
}

/* ---- errors ---- */

unsigned xcpbus_error_find(const struct xcpbus_error *error,
			   const struct xcpbus_typed_error *errors)
{
	unsigned i;

	for (i = 0; errors[i].name; i++)
		if (xcpbus_error_is(error, errors[i].name))
			return i + 1;
	return 0;
}

int xcpbus_error_read(const struct xcpbus *bus, const struct xcpbus_typed_error *type,
		      void *payload, struct xcpbus_error *error)
{
	DBusMessage *reply = xcpbus_error_reply(bus);
	const struct xcpbus_type *args = type->payload;
	const char *name = reply ? dbus_message_get_error_name(reply) : NULL;

	if (!args || !name || strcmp(name, type->name))
		return error_fail(error, -ENOENT, "the last error was not %s", type->name);
	return invalid_reply(error, type->name, error_args_read(reply, args, payload, error));
}
