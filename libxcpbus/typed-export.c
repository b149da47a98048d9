/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interfaces of typed handlers: a table for xcpbus_export is made of those that are there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "libxcpbus/values.h"

struct typed_export {
	const struct xcpbus_typed_interface *interface;
	const void *handlers;
	void *data;
	struct xcpbus_interface table;
	struct xcpbus_method *methods;
	struct xcpbus_signal *signals;
	struct xcpbus_property *properties;
	const struct xcpbus_typed_property **typed; /* of properties, in the same order */
};

static void typed_export_free(void *self)
{
	struct typed_export *export = self;

	free(export->methods);
	free(export->signals);
	free(export->properties);
	free(export->typed);
	free(export);
}

static void typed_export_freep(struct typed_export **export)
{
	if (*export)
		typed_export_free(*export);
}

static bool has_handler(const struct typed_export *export, size_t offset)
{
	void (*handler)(void);

	memcpy(&handler, (const char *)export->handlers + offset, sizeof(handler));
	return handler;
}

static const char *signature_of(const struct xcpbus_type *args)
{
	return args ? args->signature : "";
}

static const char *names_of(const struct xcpbus_type *args)
{
	return args ? args->name : NULL;
}

/* ---- calls ---- */

static const struct xcpbus_typed_method *find_method(const struct typed_export *export,
						     const char *member)
{
	const struct xcpbus_typed_method *const *method = export->interface->methods;

	while (strcmp((*method)->member, member))
		method++; /* it is there: its name came from this table */
	return *method;
}

static int on_call(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	const struct typed_export *export = data;
	const struct xcpbus_typed_method *method =
		find_method(export, dbus_message_get_member(message));
	CLEANUP(cleanup_free) void *in = calloc(1, method->in ? method->in->size : 1);
	struct xcpbus_error error;
	int r;

	if (!in)
		return -ENOMEM;
	r = args_read(message, method->in, in, &error);
	if (r < 0)
		return xcpbus_reply_error(call, error.name, "%s", error.message);
	r = method->run(call, in, export->handlers, export->data);
	if (method->in)
		xcpbus_value_free(method->in, in);
	return r;
}

int xcpbus_reply_typed(struct xcpbus_invocation *call, const struct xcpbus_typed_method *method,
		       const void *out)
{
	DBusMessage *message = xcpbus_invocation_message(call), *reply;
	struct xcpbus_error error;
	DBusMessageIter iter;
	int r;

	reply = dbus_message_new_method_return(message);
	if (!reply) {
		xcpbus_reply_error(call, BUS_ERROR("NoMemory"), "out of memory");
		return -ENOMEM;
	}
	dbus_message_iter_init_append(reply, &iter);
	r = args_append(&iter, method->out, out, &error);
	if (r < 0)
		xcpbus_reply_error(call, BUS_ERROR("Failed"),
				   "the service's answer to %s cannot be sent: %s", method->member,
				   error.message);
	else
		r = xcpbus_reply_message(call, reply);
	dbus_message_unref(reply);
	return r;
}

int xcpbus_throw(struct xcpbus_invocation *call, const struct xcpbus_typed_error *type,
		 const void *payload, const char *text)
{
	DBusMessage *message = xcpbus_invocation_message(call), *reply;
	struct xcpbus_error error;
	DBusMessageIter iter;
	int r;

	if (!text || !dbus_validate_utf8(text, NULL))
		text = type->text;
	reply = dbus_message_new_error(message, type->name, text);
	if (!reply)
		return xcpbus_reply_error(call, type->name, "%s", text);
	dbus_message_iter_init_append(reply, &iter);
	r = args_append(&iter, type->payload, payload, &error);
	if (r < 0) /* without what cannot be sent */
		xcpbus_reply_error(call, type->name, "%s (%s)", text, error.message);
	else
		r = xcpbus_reply_message(call, reply);
	dbus_message_unref(reply);
	return r;
}

/* ---- properties ---- */

static const struct xcpbus_typed_property *typed_property(const struct typed_export *export,
							  const struct xcpbus_property *property)
{
	return export->typed[property - export->properties];
}

/* What the handler gives is its own. */
static int on_get(const struct xcpbus_property *property, DBusMessageIter *iter, void *data)
{
	const struct typed_export *export = data;
	const struct xcpbus_typed_property *typed = typed_property(export, property);
	CLEANUP(cleanup_free) void *value = calloc(1, typed->type->size);
	int r;

	if (!value)
		return -ENOMEM;
	r = typed->run_get(value, export->handlers, export->data);
	if (r < 0)
		return r;
	r = xcpbus_value_append(iter, typed->type, value, NULL);
	return r == -EINVAL ? -EBADMSG : r; /* it is not the caller's arguments that are invalid */
}

static int on_set(const struct xcpbus_property *property, DBusMessageIter *iter,
		  struct xcpbus_error *error, void *data)
{
	const struct typed_export *export = data;
	const struct xcpbus_typed_property *typed = typed_property(export, property);
	CLEANUP(cleanup_free) void *value = calloc(1, typed->type->size);
	int r;

	if (!value)
		return -ENOMEM;
	r = value_read(iter, typed->type, value, error);
	if (r < 0)
		return r;
	r = typed->run_set(value, error, export->handlers, export->data);
	xcpbus_value_free(typed->type, value);
	return r;
}

/* ---- export ---- */

static size_t list_length(const void *list)
{
	const void *const *at = list;
	size_t count = 0;

	while (at && at[count])
		count++;
	return count;
}

static int fill_methods(struct typed_export *export)
{
	const struct xcpbus_typed_method *const *from = export->interface->methods;
	struct xcpbus_method *to;

	to = export->methods = calloc(list_length(from) + 1, sizeof(*to));
	if (!to)
		return -ENOMEM;
	for (; from && *from; from++) {
		if (!has_handler(export, (*from)->handler))
			continue;
		*to++ = (struct xcpbus_method){
			.member = (*from)->member,
			.in_signature = signature_of((*from)->in),
			.out_signature = signature_of((*from)->out),
			.handler = on_call,
			.in_names = names_of((*from)->in),
			.out_names = names_of((*from)->out),
			.flags = (*from)->flags,
			.annotations = (*from)->annotations,
		};
	}
	return 0;
}

static int fill_signals(struct typed_export *export)
{
	const struct xcpbus_typed_signal *const *from = export->interface->signals;
	struct xcpbus_signal *to;

	to = export->signals = calloc(list_length(from) + 1, sizeof(*to));
	if (!to)
		return -ENOMEM;
	for (; from && *from; from++, to++) {
		to->member = (*from)->member;
		to->signature = signature_of((*from)->args);
		to->names = names_of((*from)->args);
		to->flags = (*from)->flags;
		to->annotations = (*from)->annotations;
	}
	return 0;
}

static int fill_properties(struct typed_export *export)
{
	const struct xcpbus_typed_property *const *from = export->interface->properties;
	const struct xcpbus_typed_property **typed;
	struct xcpbus_property *to;

	to = export->properties = calloc(list_length(from) + 1, sizeof(*to));
	typed = export->typed = calloc(list_length(from) + 1, sizeof(*typed));
	if (!to || !typed)
		return -ENOMEM;
	for (; from && *from; from++) {
		bool has_getter = (*from)->run_get && has_handler(export, (*from)->getter);
		bool has_setter = (*from)->run_set && has_handler(export, (*from)->setter);

		if (!has_getter && !has_setter)
			continue;
		*typed++ = *from;
		*to++ = (struct xcpbus_property){
			.name = (*from)->name,
			.signature = (*from)->type->signature,
			.get = has_getter ? on_get : NULL,
			.set = has_setter ? on_set : NULL,
			.flags = (*from)->flags,
			.annotations = (*from)->annotations,
		};
	}
	return 0;
}

static struct typed_export *typed_export_new(const struct xcpbus_typed_interface *interface,
					     const void *handlers, void *data)
{
	CLEANUP(typed_export_freep) struct typed_export *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->interface = interface;
	self->handlers = handlers;
	self->data = data;
	if (fill_methods(self) < 0 || fill_signals(self) < 0 || fill_properties(self) < 0)
		return NULL;
	self->table = (struct xcpbus_interface){
		.name = interface->home->interface,
		.methods = self->methods,
		.signals = self->signals,
		.properties = self->properties,
		.annotations = interface->annotations,
	};
	return TAKE(self);
}

int xcpbus_export_typed(struct xcpbus *bus, const char *path,
			const struct xcpbus_typed_interface *interface, const void *handlers,
			void *data, struct xcpbus_slot **slot)
{
	struct typed_export *self = typed_export_new(interface, handlers, data);
	struct xcpbus_slot *own;
	int r;

	if (!self)
		return -ENOMEM;
	r = xcpbus_export(bus, path ? path : interface->home->path, &self->table, self, &own);
	if (r < 0)
		typed_export_free(self);
	else
		slot_hand_out(own, typed_export_free, self, slot);
	return r;
}

/* ---- signals ---- */

int xcpbus_emit_typed(struct xcpbus *bus, const char *path,
		      const struct xcpbus_typed_signal *signal, const void *args)
{
	DBusMessageIter iter;
	DBusMessage *message;
	int r;

	path = path ? path : signal->home->path;
	if (!path || !dbus_validate_path(path, NULL))
		return -EINVAL;
	message = dbus_message_new_signal(path, signal->home->interface, signal->member);
	if (!message)
		return -ENOMEM;
	dbus_message_iter_init_append(message, &iter);
	r = args_append(&iter, signal->args, args, NULL);
	if (r == 0)
		r = xcpbus_send(bus, message);
	dbus_message_unref(message);
	return r;
}

int xcpbus_changed_typed(struct xcpbus *bus, const char *path,
			 const struct xcpbus_typed_property *property)
{
	return xcpbus_changed(bus, path ? path : property->home->path, property->home->interface,
			      property->name);
}
