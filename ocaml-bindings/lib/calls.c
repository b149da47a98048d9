/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a program asks of a connection: calls, signals, names. */
#include "stubs.h"

#include <caml/alloc.h>
#include <caml/memory.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xcpbus-typed.h>

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

/* ---- calls ---- */

static void on_reply(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		     void *data)
{
	struct ticket *ticket = data;
	struct event *event = event_push(ticket, reply ? EVENT_REPLY : EVENT_FAILURE);

	ticket->slot = xcpbus_slot_free(ticket->slot);
	event->message = reply ? reply : xcpbus_error_reply(bus);
	if (event->message)
		dbus_message_ref(event->message);
	if (!error)
		return;
	event->name = copy(error->name);
	event->text = copy(error->message);
}

/* Raises if one of them is not valid. The message is the caller's. */
static DBusMessage *make_call(value target, value body)
{
	struct xcpbus_target where = {
		.destination = text_of(Field(target, 0), "the destination"),
		.path = text_of(Field(target, 1), "the path"),
		.interface = text_of(Field(target, 2), "the interface"),
	};
	struct xcpbus_error error;
	DBusMessage *call;
	const char *wrong;
	int r = xcpbus_new_call(&where, text_of(Field(target, 3), "the method"), &call);

	if (r < 0)
		fail(r, NULL, "destination, path, interface or method of the call");
	wrong = message_append(call, body);
	if (!wrong)
		return call;
	dbus_message_unref(call);
	xcpbus_error_set(&error, "org.freedesktop.DBus.Error.InvalidArgs", "the arguments: %s",
			 wrong);
	fail(-EINVAL, &error, NULL);
}

value xcpbus_ml_call(value block, value id, value target, value timeout_ms, value body)
{
	CAMLparam5(block, id, target, timeout_ms, body);
	struct connection *connection = connection_of(block);
	DBusMessage *call = make_call(target, body);
	struct ticket *ticket = ticket_new(connection, id);
	int r = xcpbus_call_async(connection->bus, call, Int_val(timeout_ms), on_reply, ticket,
				  &ticket->slot);

	dbus_message_unref(call);
	if (r < 0) {
		ticket_free(ticket);
		fail(r, NULL, "the call");
	}
	CAMLreturn(Val_unit);
}

value xcpbus_ml_send(value block, value target, value body)
{
	CAMLparam3(block, target, body);
	struct connection *connection = connection_of(block);
	DBusMessage *call = make_call(target, body);
	int r;

	dbus_message_set_no_reply(call, true);
	r = xcpbus_send(connection->bus, call);
	dbus_message_unref(call);
	if (r < 0)
		fail(r, NULL, "the call");
	CAMLreturn(Val_unit);
}

/* ---- signals ---- */

value xcpbus_ml_emit(value block, value path, value interface, value member, value body)
{
	CAMLparam5(block, path, interface, member, body);
	struct connection *connection = connection_of(block);
	DBusMessage *message;
	const char *wrong;
	int r = -EINVAL;

	if (!dbus_validate_path(text_of(path, "the path"), NULL) ||
	    !dbus_validate_interface(text_of(interface, "the interface"), NULL) ||
	    !dbus_validate_member(text_of(member, "the name of the signal"), NULL))
		fail(r, NULL, "path, interface or name of the signal");
	message = dbus_message_new_signal(String_val(path), String_val(interface),
					  String_val(member));
	wrong = message ? message_append(message, body) : "there is no memory";
	if (!wrong)
		r = xcpbus_send(connection->bus, message);
	if (message)
		dbus_message_unref(message);
	if (r < 0)
		fail(r, NULL, wrong ? wrong : "the signal");
	CAMLreturn(Val_unit);
}

static void on_signal(struct xcpbus *bus, DBusMessage *message, void *data)
{
	struct event *event = event_push(data, EVENT_SIGNAL);

	(void)bus;
	if (event)
		event->message = dbus_message_ref(message);
}

/* At once, or when the connection is back. */
static void on_refused(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		       void *data)
{
	struct event *event = event_push(data, EVENT_REFUSED);

	(void)bus;
	(void)reply;
	if (!event)
		return;
	event->name = copy(error->name);
	event->text = copy(error->message);
}

/* An answer to a call that is sent after this one says that the bus has the rule, unless it was
 * refused before. */
value xcpbus_ml_subscribe(value block, value id, value rule)
{
	struct connection *connection = connection_of(block);
	const char *text = text_of(rule, "the match rule");
	struct ticket *ticket = ticket_new(connection, id);
	int r = xcpbus_subscribe_async(connection->bus, text, on_signal, on_refused, ticket,
				       &ticket->slot);

	if (r < 0) {
		ticket_free(ticket);
		fail(r, NULL, "the match rule");
	}
	return Val_unit;
}

/* ---- names: answers as to calls ---- */

value xcpbus_ml_request_name(value block, value id, value name, value flags)
{
	struct connection *connection = connection_of(block);
	const char *text = text_of(name, "the name");
	struct ticket *ticket = ticket_new(connection, id);
	int r = xcpbus_request_name_async(connection->bus, text, (unsigned)Int_val(flags), on_reply,
					  ticket, &ticket->slot);

	if (r < 0) {
		ticket_free(ticket);
		fail(r, NULL, "asking for the name");
	}
	return Val_unit;
}

value xcpbus_ml_release_name(value block, value id, value name)
{
	struct connection *connection = connection_of(block);
	const char *text = text_of(name, "the name");
	struct ticket *ticket = ticket_new(connection, id);
	int r = xcpbus_release_name_async(connection->bus, text, on_reply, ticket, &ticket->slot);

	if (r < 0) {
		ticket_free(ticket);
		fail(r, NULL, "giving the name back");
	}
	return Val_unit;
}

static void on_owner(struct xcpbus *bus, const char *name, const char *owner, void *data)
{
	struct event *event = event_push(data, EVENT_OWNER);

	(void)bus;
	(void)name;
	if (event)
		event->text = copy(owner);
}

value xcpbus_ml_watch_name(value block, value id, value name)
{
	struct connection *connection = connection_of(block);
	const char *text = text_of(name, "the name");
	struct ticket *ticket = ticket_new(connection, id);
	int r = xcpbus_watch_name(connection->bus, text, on_owner, ticket, &ticket->slot);

	if (r < 0) {
		ticket_free(ticket);
		fail(r, NULL, "watching the name");
	}
	return Val_unit;
}

/* ---- the connection's fate ---- */

static void push_link(struct ticket *ticket, int code, const char *name, const char *text)
{
	struct event *event = event_push(ticket, EVENT_LINK);

	if (!event)
		return;
	event->code = code;
	event->name = copy(name);
	event->text = copy(text);
}

static void on_reconnect(struct xcpbus *bus, int code, const struct xcpbus_error *error, void *data)
{
	(void)bus;
	push_link(data, code, error ? error->name : NULL, error ? error->message : NULL);
}

static void on_disconnect(struct xcpbus *bus, int failure, void *data)
{
	(void)bus;
	push_link(data, LINK_OVER, "org.freedesktop.DBus.Error.Disconnected", strerror(-failure));
}

/* Two tickets with one number: cancelling is done twice. */
value xcpbus_ml_watch_link(value block, value id)
{
	struct connection *connection = connection_of(block);
	struct ticket *back = ticket_new(connection, id), *over = ticket_new(connection, id);
	int r = xcpbus_on_reconnect(connection->bus, on_reconnect, back, &back->slot);

	if (r == 0)
		r = xcpbus_on_disconnect(connection->bus, on_disconnect, over, &over->slot);
	if (r < 0) {
		ticket_free(back);
		ticket_free(over);
		fail(r, NULL, "watching the connection");
	}
	return Val_unit;
}
