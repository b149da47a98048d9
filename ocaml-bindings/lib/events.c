/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can call back, and what it had to say: a queue from the library to OCaml. */
#include "stubs.h"

#include <caml/alloc.h>
#include <caml/memory.h>
#include <stdlib.h>
#include <string.h>

/* ---- tickets ---- */

struct ticket *ticket_new(struct connection *connection, value id)
{
	struct ticket *ticket = calloc(1, sizeof(*ticket));

	if (!ticket)
		caml_raise_out_of_memory();
	ticket->connection = connection;
	ticket->id = Long_val(id);
	LIST_INSERT_HEAD(&connection->tickets, ticket, link);
	return ticket;
}

void ticket_free(struct ticket *ticket)
{
	LIST_REMOVE(ticket, link);
	xcpbus_slot_free(ticket->slot);
	if (ticket->has_properties)
		caml_remove_generational_global_root(&ticket->properties);
	table_free(ticket->table);
	free(ticket);
}

/* Ends what has this number; its events that are still in the queue mean nothing to OCaml. */
value xcpbus_ml_cancel(value block, value id)
{
	struct connection *connection = Connection_val(block);
	struct ticket *ticket;

	LIST_FOREACH(ticket, &connection->tickets, link)
	{
		if (ticket->id == Long_val(id)) {
			ticket_free(ticket);
			break;
		}
	}
	return Val_unit;
}

/* ---- events ---- */

struct event *event_push(struct ticket *ticket, enum event_kind kind)
{
	struct connection *connection = ticket->connection;
	bool is_answer = kind == EVENT_REPLY || kind == EVENT_FAILURE;
	struct event *event = &ticket->answer;

	if (is_answer) {
		LIST_REMOVE(ticket, link);
		event->ticket = ticket;
	} else {
		event = calloc(1, sizeof(*event));
	}
	if (!event)
		return NULL;
	event->kind = kind;
	event->id = ticket->id;
	STAILQ_INSERT_TAIL(&connection->events, event, link);
	return event;
}

void event_free(struct event *event)
{
	if (event->message)
		dbus_message_unref(event->message);
	if (event->call)
		xcpbus_reply_error(event->call, "org.freedesktop.DBus.Error.NoReply",
				   "the service has ended");
	free(event->out_signature);
	free(event->name);
	free(event->text);
	free(event->ticket ? (void *)event->ticket : event);
}

static value copy_text(const char *text)
{
	return caml_copy_string(text ? text : "");
}

/* Raw.message: sender, path, interface, member, body. */
static value describe(struct reader *reader, DBusMessage *message)
{
	CAMLparam0();
	CAMLlocal1(record);

	record = caml_alloc(5, 0);
	Store_field(record, 0, copy_text(dbus_message_get_sender(message)));
	Store_field(record, 1, copy_text(dbus_message_get_path(message)));
	Store_field(record, 2, copy_text(dbus_message_get_interface(message)));
	Store_field(record, 3, copy_text(dbus_message_get_member(message)));
	Store_field(record, 4, message_body(reader, message));
	CAMLreturn(record);
}

/* What comes with the message of an event, or an empty list. */
static value take_message(struct reader *reader, struct event *event)
{
	if (!event->message)
		return Val_emptylist;
	if (event->kind == EVENT_SIGNAL || event->kind == EVENT_CALL)
		return describe(reader, event->message);
	return message_body(reader, event->message);
}

static void set_text(char **text, const char *to)
{
	free(*text);
	*text = strdup(to);
}

/* What cannot be had in OCaml is an answer, or a word to who wanted it, that it cannot. */
static void event_refuse(struct event *event)
{
	bool is_answer = event->kind == EVENT_REPLY || event->kind == EVENT_FAILURE;

	event->kind = is_answer ? EVENT_FAILURE : EVENT_REFUSED;
	set_text(&event->name, "org.freedesktop.DBus.Error.LimitsExceeded");
	set_text(&event->text, read_too_large);
	if (event->call)
		xcpbus_reply_error(event->call, event->name, "%s", read_too_large);
	event->call = NULL;
}

static value take(struct connection *connection, struct event *event)
{
	static const mlsize_t sizes[] = { 2, 4, 3, 4, 2, 4, 3 };
	CAMLparam0();
	CAMLlocal2(result, message);
	struct reader reader = { .left = READ_MAX };

	message = take_message(&reader, event);
	if (reader.is_over) {
		message = Val_emptylist;
		event_refuse(event);
	}
	result = caml_alloc(sizes[event->kind], (tag_t)event->kind);
	Store_field(result, 0, Val_long(event->id));
	switch (event->kind) {
	case EVENT_REPLY:
		Store_field(result, 1, message);
		break;
	case EVENT_FAILURE:
		Store_field(result, 1, copy_text(event->name));
		Store_field(result, 2, copy_text(event->text));
		Store_field(result, 3, message);
		break;
	case EVENT_SIGNAL:
		Store_field(result, 1, message);
		Store_field(result, 2, Val_long(READ_MAX - reader.left));
		break;
	case EVENT_CALL:
		Store_field(result, 1, message);
		Store_field(result, 2, invocation_take(connection, event));
		Store_field(result, 3, Val_long(READ_MAX - reader.left));
		break;
	case EVENT_OWNER:
		Store_field(result, 1, copy_text(event->text));
		break;
	case EVENT_LINK:
		Store_field(result, 1, Val_int(event->code));
		Store_field(result, 2, copy_text(event->name));
		Store_field(result, 3, copy_text(event->text));
		break;
	case EVENT_REFUSED:
		Store_field(result, 1, copy_text(event->name));
		Store_field(result, 2, copy_text(event->text));
		break;
	}
	CAMLreturn(result);
}

value xcpbus_ml_take(value block)
{
	CAMLparam1(block);
	CAMLlocal2(result, option);
	struct connection *connection = Connection_val(block);
	struct event *event = STAILQ_FIRST(&connection->events);

	if (!event)
		CAMLreturn(Val_none);
	STAILQ_REMOVE_HEAD(&connection->events, link);
	result = take(connection, event);
	event_free(event);
	option = caml_alloc_some(result);
	CAMLreturn(option);
}
