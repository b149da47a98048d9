/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls, signals, properties and errors by the tables of xcpbus-typed.h: the caller's side. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "libxcpbus/typed.h"

#define INVALID_REPLY "org.xen.xcp.Error.InvalidReply"

/* ---- where to, and what ---- */

struct xcpbus_target typed_resolve(const struct xcpbus_target *target,
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

int typed_new_call(const struct xcpbus_target *to, const char *member, DBusMessage **out,
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
	int r = typed_new_call(to, method->member, &call, error);

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

int typed_invalid_reply(struct xcpbus_error *error, const char *member, int r)
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
	return typed_invalid_reply(error, method->member, r);
}

static int send_only(struct xcpbus *bus, DBusMessage *call, struct xcpbus_error *error)
{
	int r;

	dbus_message_set_no_reply(call, true);
	r = xcpbus_send(bus, call);
	return r < 0 ? error_fail(error, r, "the call cannot be sent: %s", error_text_of(r)) : 0;
}

int xcpbus_call_typed(struct xcpbus *bus, const struct xcpbus_target *target,
		      const struct xcpbus_typed_method *method, const void *in,
		      void *const *results, struct xcpbus_error *error)
{
	struct xcpbus_target to = typed_resolve(target, method->home, method->timeout_ms);
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

struct listener *listener_new(void (*fn)(void), void *data)
{
	struct listener *self = calloc(1, sizeof(*self));

	if (self) {
		self->fn = fn;
		self->data = data;
	}
	return self;
}

struct xcpbus_source typed_source(DBusMessage *message)
{
	return (struct xcpbus_source){ dbus_message_get_sender(message),
				       dbus_message_get_path(message) };
}

/* Reads what a message has and tells it, or why it cannot be read. */
static void tell_args(struct xcpbus *bus, DBusMessage *message, const struct xcpbus_type *args,
		      const char *member, const struct listener *self, xcpbus_tell_fn tell)
{
	void *values = calloc(1, args ? args->size : 1);
	struct xcpbus_source source = typed_source(message), *from = self->signal ? &source : NULL;
	struct xcpbus_error error;
	int r;

	if (!values)
		r = error_fail(&error, -ENOMEM, "out of memory");
	else
		r = args_read(message, args, values, &error);
	if (r < 0 && !from) {
		typed_invalid_reply(&error, member, r);
		tell(bus, NULL, NULL, &error, self->fn, self->data);
	}
	if (r == 0)
		tell(bus, from, values, NULL, self->fn, self->data);
	if (r == 0 && args)
		xcpbus_value_free(args, values);
	free(values);
}

static void on_reply(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		     void *data)
{
	const struct listener *self = data;

	if (error)
		self->method->tell(bus, NULL, NULL, error, self->fn, self->data);
	else
		tell_args(bus, reply, self->method->out, self->method->member, self,
			  self->method->tell);
}

int typed_begin(struct xcpbus *bus, const struct xcpbus_target *to, DBusMessage *call,
		xcpbus_reply_fn fn, struct listener *self, struct xcpbus_slot **slot)
{
	struct xcpbus_slot *own;
	int r = xcpbus_call_async(bus, call, to->timeout_ms, fn, self, &own);

	dbus_message_unref(call);
	if (r < 0)
		free(self);
	else
		slot_hand_out(own, free, self, slot);
	return r;
}

int xcpbus_call_typed_async(struct xcpbus *bus, const struct xcpbus_target *target,
			    const struct xcpbus_typed_method *method, const void *in,
			    void (*fn)(void), void *data, struct xcpbus_slot **slot)
{
	struct xcpbus_target to = typed_resolve(target, method->home, method->timeout_ms);
	struct listener *self = listener_new(fn, data);
	DBusMessage *call;
	int r = self ? make_call(&to, method, in, &call, NULL) : -ENOMEM;

	if (r < 0) {
		free(self);
		return r;
	}
	self->method = method;
	return typed_begin(bus, &to, call, on_reply, self, slot);
}

/* ---- signals ---- */

int typed_subscribe(struct xcpbus *bus, const char *rule, xcpbus_signal_fn fn,
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
int typed_rule(const struct xcpbus_target *to, const char *interface, const char *member,
	       const char *more, char **rule, struct xcpbus_error *error)
{
	bool is_any = to->path && !strcmp(to->path, XCPBUS_ANY_OBJECT);

	if (!to->destination || !to->path || !dbus_validate_bus_name(to->destination, NULL) ||
	    (!is_any && !dbus_validate_path(to->path, NULL)))
		return error_fail(error, -EINVAL, "there is no service '%s' with an object '%s'",
				  to->destination ? to->destination : "", to->path ? to->path : "");
	if (asprintf(rule, "type='signal',sender='%s',interface='%s',member='%s'%s%s%s%s%s%s",
		     to->destination, interface, member, is_any ? "" : ",path='",
		     is_any ? "" : to->path, is_any ? "" : "'", more ? ",arg0='" : "",
		     more ? more : "", more ? "'" : "") < 0)
		return error_fail(error, -ENOMEM, "out of memory");
	return 0;
}

int xcpbus_subscribe_typed(struct xcpbus *bus, const struct xcpbus_target *target,
			   const struct xcpbus_typed_signal *signal, void (*fn)(void), void *data,
			   struct xcpbus_slot **slot, struct xcpbus_error *error)
{
	struct xcpbus_target to = typed_resolve(target, signal->home, 0);
	CLEANUP(cleanup_free) char *rule = NULL;
	struct listener *self;
	int r = typed_rule(&to, to.interface, signal->member, NULL, &rule, error);

	if (r < 0)
		return r;
	self = listener_new(fn, data);
	if (!self)
		return error_fail(error, -ENOMEM, "out of memory");
	self->signal = signal;
	return typed_subscribe(bus, rule, on_signal, self, slot, error);
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
	return typed_invalid_reply(error, type->name, error_args_read(reply, args, payload, error));
}
