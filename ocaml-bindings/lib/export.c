/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interfaces that OCaml describes, as the tables that the library takes. */
#include "stubs.h"

#include <caml/alloc.h>
#include <caml/callback.h>
#include <caml/memory.h>
#include <caml/signals.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct table {
	struct xcpbus_interface interface;
	struct chunk *chunks; /* all that the interface points to */
};

struct chunk {
	struct chunk *next;
	max_align_t bytes[];
};

struct table *table_free(struct table *table)
{
	struct chunk *chunk;

	while (table && (chunk = table->chunks)) {
		table->chunks = chunk->next;
		free(chunk);
	}
	free(table);
	return NULL;
}

/* Filled with zeros. */
static void *table_add(struct table *table, size_t size)
{
	struct chunk *chunk = calloc(1, sizeof(*chunk) + size);

	if (!chunk)
		caml_raise_out_of_memory();
	chunk->next = table->chunks;
	table->chunks = chunk;
	return chunk->bytes;
}

static const char *table_text(struct table *table, value text)
{
	size_t size = caml_string_length(text) + 1;

	return memcpy(table_add(table, size), String_val(text), size);
}

static size_t list_size(value list)
{
	size_t size = 0;

	for (; list != Val_emptylist; list = Field(list, 1))
		size++;
	return size;
}

static const struct xcpbus_annotation *table_annotations(struct table *table, value list)
{
	struct xcpbus_annotation *all = table_add(table, (list_size(list) + 1) * sizeof(*all));
	struct xcpbus_annotation *one = all;

	for (; list != Val_emptylist; list = Field(list, 1), one++) {
		one->name = table_text(table, Field(Field(list, 0), 0));
		one->value = table_text(table, Field(Field(list, 0), 1));
	}
	return all;
}

/* ---- calls ---- */

static int on_call(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	struct ticket *ticket = data;
	const struct xcpbus_method *method = ticket->table->interface.methods;
	struct event *event;

	while (strcmp(method->member, dbus_message_get_member(message)))
		method++;
	event = event_push(ticket, EVENT_CALL);
	if (!event)
		return -ENOBUFS;
	event->out_signature = strdup(method->out_signature);
	event->message = dbus_message_ref(message);
	event->call = call;
	xcpbus_keep(call);
	return 0;
}

/* ---- properties: the closure takes the name, and a value if it is to be set ---- */

/* wish: Val_none to get it, Some of the value to set. */
static value ask(struct ticket *ticket, const char *name, value wish)
{
	CAMLparam1(wish);
	CAMLlocal1(text);

	text = caml_copy_string(name);
	CAMLreturn(caml_callback2_exn(ticket->properties, text, wish));
}

static int get(const struct xcpbus_property *property, DBusMessageIter *iter, void *data)
{
	struct ticket *ticket = data;
	value result = ask(ticket, property->name, Val_none);

	if (Is_exception_result(result))
		return -EIO;
	return iter_append(iter, property->signature, result) ? -EIO : 0;
}

static int on_get(const struct xcpbus_property *property, DBusMessageIter *iter, void *data)
{
	struct ticket *ticket = data;
	bool was_waiting = ticket->connection->is_waiting;
	int r;

	if (was_waiting)
		caml_leave_blocking_section();
	r = get(property, iter, data);
	if (was_waiting) /* nothing may be raised through the library */
		caml_enter_blocking_section_no_pending();
	return r;
}

/* The closure answers String "", or a String that says what is wrong. Calls are dispatched by
 * xcpbus_process alone, so the runtime lock is held. */
static int on_set(const struct xcpbus_property *property, DBusMessageIter *iter,
		  struct xcpbus_error *error, void *data)
{
	struct reader reader = { .left = READ_MAX };
	value wish = iter_read(&reader, iter), result;

	if (reader.is_over) {
		xcpbus_error_set(error, "org.freedesktop.DBus.Error.LimitsExceeded", "%s",
				 read_too_large);
		return -ENOBUFS;
	}
	result = ask(data, property->name, caml_alloc_some(wish));
	if (Is_exception_result(result))
		return -EIO;
	if (!caml_string_length(Field(result, 0)))
		return 0;
	xcpbus_error_set(error, "org.freedesktop.DBus.Error.InvalidArgs", "%s",
			 String_val(Field(result, 0)));
	return -EINVAL;
}

/* ---- tables: the records are those of Interface ---- */

static const struct xcpbus_method *table_methods(struct table *table, value list)
{
	struct xcpbus_method *all = table_add(table, (list_size(list) + 1) * sizeof(*all));
	struct xcpbus_method *one = all;

	for (; list != Val_emptylist; list = Field(list, 1), one++) {
		value record = Field(list, 0);

		one->member = table_text(table, Field(record, 0));
		one->in_signature = table_text(table, Field(record, 1));
		one->out_signature = table_text(table, Field(record, 2));
		one->in_names = table_text(table, Field(record, 3));
		one->out_names = table_text(table, Field(record, 4));
		one->flags = (unsigned)Int_val(Field(record, 5));
		one->annotations = table_annotations(table, Field(record, 6));
		one->handler = on_call;
	}
	return all;
}

static const struct xcpbus_signal *table_signals(struct table *table, value list)
{
	struct xcpbus_signal *all = table_add(table, (list_size(list) + 1) * sizeof(*all));
	struct xcpbus_signal *one = all;

	for (; list != Val_emptylist; list = Field(list, 1), one++) {
		value record = Field(list, 0);

		one->member = table_text(table, Field(record, 0));
		one->signature = table_text(table, Field(record, 1));
		one->names = table_text(table, Field(record, 2));
		one->annotations = table_annotations(table, Field(record, 3));
	}
	return all;
}

static const struct xcpbus_property *table_properties(struct table *table, value list)
{
	struct xcpbus_property *all = table_add(table, (list_size(list) + 1) * sizeof(*all));
	struct xcpbus_property *one = all;

	for (; list != Val_emptylist; list = Field(list, 1), one++) {
		value record = Field(list, 0);

		one->name = table_text(table, Field(record, 0));
		one->signature = table_text(table, Field(record, 1));
		one->get = Bool_val(Field(record, 2)) ? on_get : NULL;
		one->set = Bool_val(Field(record, 3)) ? on_set : NULL;
		one->flags = (unsigned)Int_val(Field(record, 4));
		one->annotations = table_annotations(table, Field(record, 5));
	}
	return all;
}

value xcpbus_ml_export(value block, value id, value path, value record, value properties)
{
	CAMLparam5(block, id, path, record, properties);
	struct connection *connection = connection_of(block);
	const char *at = text_of(path, "the path");
	struct ticket *ticket = ticket_new(connection, id);
	struct table *table = calloc(1, sizeof(*table));
	int r;

	if (!table)
		caml_raise_out_of_memory();
	ticket->table = table;
	table->interface.name = table_text(table, Field(record, 0));
	table->interface.methods = table_methods(table, Field(record, 1));
	table->interface.signals = table_signals(table, Field(record, 2));
	table->interface.properties = table_properties(table, Field(record, 3));
	table->interface.annotations = table_annotations(table, Field(record, 4));
	if (table->interface.properties->name) {
		ticket->properties = properties;
		ticket->has_properties = true;
		caml_register_generational_global_root(&ticket->properties);
	}
	r = xcpbus_export(connection->bus, at, &table->interface, ticket, &ticket->slot);
	if (r < 0) {
		ticket_free(ticket);
		fail(r, NULL, "exporting the interface");
	}
	CAMLreturn(Val_unit);
}

value xcpbus_ml_changed(value block, value path, value interface, value name)
{
	int r = xcpbus_changed(connection_of(block)->bus, text_of(path, "the path"),
			       text_of(interface, "the interface"), text_of(name, "the name"));

	if (r < 0)
		fail(r, NULL, "the change of a property");
	return Val_unit;
}
