/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection, its loop, and what happened on it. */
#include "stubs.h"

#include <caml/alloc.h>
#include <caml/callback.h>
#include <caml/custom.h>
#include <caml/memory.h>
#include <caml/signals.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_MAX = 65536 }; /* that nobody has dealt with; answers do not count */

/* ---- errors ---- */

static const char *error_name_of(int failure)
{
	switch (failure) {
	case -ENOTCONN:
	case -EPIPE:
		return "org.freedesktop.DBus.Error.Disconnected";
	case -ETIMEDOUT:
		return "org.freedesktop.DBus.Error.Timeout";
	case -EINVAL:
		return "org.freedesktop.DBus.Error.InvalidArgs";
	case -ENOBUFS:
		return "org.freedesktop.DBus.Error.LimitsExceeded";
	case -EACCES:
		return "org.freedesktop.DBus.Error.AccessDenied";
	case -EOPNOTSUPP:
		return "org.freedesktop.DBus.Error.NotSupported";
	}
	return "org.freedesktop.DBus.Error.Failed";
}

_Noreturn void fail(int failure, const struct xcpbus_error *error, const char *what)
{
	CAMLparam0();
	CAMLlocalN(parts, 3); /* of Error { name; message; body } */
	char message[1280];

	if (error)
		snprintf(message, sizeof(message), "%s", error->message);
	else
		snprintf(message, sizeof(message), "%s: %s", what, strerror(-failure));
	parts[0] = caml_copy_string(error ? error->name : error_name_of(failure));
	parts[1] = caml_copy_string(message);
	parts[2] = Val_emptylist;
	caml_raise_with_args(*caml_named_value("Xcpbus.Error"), 3, parts);
}

/* ---- the block that OCaml has ---- */

#define Connection_val(block) (*(struct connection **)Data_custom_val(block))

struct connection *connection_of(value block)
{
	struct connection *connection = Connection_val(block);
	struct xcpbus_error error;

	if (connection->bus)
		return connection;
	xcpbus_error_set(&error, error_name_of(-ENOTCONN), "the connection was closed");
	fail(-ENOTCONN, &error, NULL);
}

static void connection_close(struct connection *connection)
{
	struct ticket *ticket;
	struct event *event;

	connection->bus = xcpbus_free(connection->bus);
	while ((event = STAILQ_FIRST(&connection->events))) {
		STAILQ_REMOVE_HEAD(&connection->events, link);
		event_free(event);
	}
	while ((ticket = LIST_FIRST(&connection->tickets))) {
		ticket->slot = NULL; /* went with the connection */
		ticket_free(ticket);
	}
	orphans_end(connection);
}

void connection_unref(struct connection *connection)
{
	if (--connection->references)
		return;
	close(connection->wake_fd);
	free(connection);
}

/* Nothing of OCaml refers to it, so no thread is in it. Closures of properties do refer to it: if
 * there is one, this does not run. */
static void connection_finalize(value block)
{
	struct connection *connection = Connection_val(block);

	if (connection->bus)
		connection_close(connection);
	connection_unref(connection);
}

static struct custom_operations connection_operations = {
	.identifier = "org.xen.xcp.bus.connection",
	.finalize = connection_finalize,
	.compare = custom_compare_default,
	.hash = custom_hash_default,
	.serialize = custom_serialize_default,
	.deserialize = custom_deserialize_default,
	.compare_ext = custom_compare_ext_default,
	.fixed_length = custom_fixed_length_default,
};

static struct connection *connection_new(struct xcpbus *bus)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (!connection || wake_fd < 0) {
		free(connection);
		if (wake_fd >= 0)
			close(wake_fd);
		return NULL;
	}
	connection->bus = bus;
	connection->wake_fd = wake_fd;
	connection->references = 1;
	STAILQ_INIT(&connection->events);
	return connection;
}

static char *copy_option(value option)
{
	char *copy = Is_block(option) ? strdup(String_val(Field(option, 0))) : NULL;

	if (Is_block(option) && !copy)
		caml_raise_out_of_memory();
	return copy;
}

value xcpbus_ml_connect(value address, value timeout_ms, value is_patient)
{
	CAMLparam3(address, timeout_ms, is_patient);
	CAMLlocal1(block);
	int (*connect)(const char *, int, struct xcpbus **, struct xcpbus_error *) =
		Bool_val(is_patient) ? xcpbus_connect_wait : xcpbus_connect;
	char *text = copy_option(address);
	struct connection *connection;
	struct xcpbus_error error;
	struct xcpbus *bus;
	int r;

	caml_enter_blocking_section();
	r = connect(text, Int_val(timeout_ms), &bus, &error);
	caml_leave_blocking_section();
	free(text);
	if (r < 0)
		fail(r, &error, NULL);
	connection = connection_new(bus);
	if (!connection) {
		xcpbus_free(bus);
		caml_raise_out_of_memory();
	}
	block = caml_alloc_custom_mem(&connection_operations, sizeof(connection), 65536);
	Connection_val(block) = connection;
	CAMLreturn(block);
}

value xcpbus_ml_close(value block)
{
	struct connection *connection = Connection_val(block);

	if (connection->bus)
		connection_close(connection);
	return Val_unit;
}

value xcpbus_ml_is_connected(value block)
{
	struct connection *connection = Connection_val(block);

	return Val_bool(connection->bus && xcpbus_is_connected(connection->bus));
}

value xcpbus_ml_unique_name(value block)
{
	return caml_copy_string(xcpbus_unique_name(connection_of(block)->bus));
}

value xcpbus_ml_address(value block)
{
	return caml_copy_string(xcpbus_address(connection_of(block)->bus));
}

value xcpbus_ml_set_reconnect(value block, value is_wanted, value pause_max_ms)
{
	int r = xcpbus_set_reconnect(connection_of(block)->bus, Bool_val(is_wanted),
				     Int_val(pause_max_ms));

	if (r < 0)
		fail(r, NULL, "reconnecting");
	return Val_unit;
}

value xcpbus_ml_set_keepalive(value block, value interval_ms)
{
	int r = xcpbus_set_keepalive(connection_of(block)->bus, Int_val(interval_ms));

	if (r < 0)
		fail(r, NULL, "keepalive");
	return Val_unit;
}

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

	if (!is_answer && connection->event_count >= EVENTS_MAX &&
	    (kind == EVENT_CALL || kind == EVENT_SIGNAL))
		return NULL;
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
	connection->event_count += !is_answer;
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
static value describe(DBusMessage *message)
{
	CAMLparam0();
	CAMLlocal1(record);

	record = caml_alloc(5, 0);
	Store_field(record, 0, copy_text(dbus_message_get_sender(message)));
	Store_field(record, 1, copy_text(dbus_message_get_path(message)));
	Store_field(record, 2, copy_text(dbus_message_get_interface(message)));
	Store_field(record, 3, copy_text(dbus_message_get_member(message)));
	Store_field(record, 4, message_body(message));
	CAMLreturn(record);
}

static value take(struct connection *connection, struct event *event)
{
	static const mlsize_t sizes[] = { 2, 4, 2, 3, 2, 4 };
	CAMLparam0();
	CAMLlocal1(result);

	result = caml_alloc(sizes[event->kind], (tag_t)event->kind);
	Store_field(result, 0, Val_long(event->id));
	switch (event->kind) {
	case EVENT_REPLY:
		Store_field(result, 1, message_body(event->message));
		break;
	case EVENT_FAILURE:
		Store_field(result, 1, copy_text(event->name));
		Store_field(result, 2, copy_text(event->text));
		Store_field(result, 3,
			    event->message ? message_body(event->message) : Val_emptylist);
		break;
	case EVENT_SIGNAL:
		Store_field(result, 1, describe(event->message));
		break;
	case EVENT_CALL:
		Store_field(result, 1, describe(event->message));
		Store_field(result, 2, invocation_take(connection, event));
		break;
	case EVENT_OWNER:
		Store_field(result, 1, copy_text(event->text));
		break;
	case EVENT_LINK:
		Store_field(result, 1, Val_int(event->code));
		Store_field(result, 2, copy_text(event->name));
		Store_field(result, 3, copy_text(event->text));
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
	connection->event_count -= !event->ticket;
	result = take(connection, event);
	event_free(event);
	option = caml_alloc_some(result);
	CAMLreturn(option);
}

/* ---- the loop ---- */

value xcpbus_ml_fd(value block)
{
	return Val_int(xcpbus_get_fd(connection_of(block)->bus));
}

/* 1: can read, 2: can write */
value xcpbus_ml_events(value block)
{
	short events = xcpbus_get_events(connection_of(block)->bus);

	return Val_int((events & POLLIN ? 1 : 0) | (events & POLLOUT ? 2 : 0));
}

value xcpbus_ml_timeout(value block)
{
	return Val_int(xcpbus_get_timeout(connection_of(block)->bus));
}

/* 0, or a negative errno when the connection is over. */
value xcpbus_ml_process(value block)
{
	CAMLparam1(block);
	struct connection *connection = connection_of(block);
	int r;

	orphans_end(connection);
	r = xcpbus_process(connection->bus);
	CAMLreturn(Val_int(r < 0 ? r : 0));
}

/* Waits until there is something to process, or xcpbus_ml_wake is called. */
value xcpbus_ml_poll(value block, value timeout_ms)
{
	CAMLparam2(block, timeout_ms);
	struct connection *connection = connection_of(block);
	int own = xcpbus_get_timeout(connection->bus), timeout = Int_val(timeout_ms);
	struct pollfd fds[] = {
		{ .fd = xcpbus_get_fd(connection->bus),
		  .events = xcpbus_get_events(connection->bus) },
		{ .fd = connection->wake_fd, .events = POLLIN },
	};
	uint64_t count;

	if (own >= 0 && (timeout < 0 || own < timeout))
		timeout = own;
	if (timeout) {
		caml_enter_blocking_section();
		poll(fds, 2, timeout);
		caml_leave_blocking_section();
	}
	if (fds[1].revents && read(connection->wake_fd, &count, sizeof(count)) < 0)
		CAMLreturn(Val_unit); /* somebody else was faster */
	CAMLreturn(Val_unit);
}

value xcpbus_ml_wake(value block)
{
	uint64_t one = 1;

	/* If it does not fit, there is enough in it to wake. */
	if (write(Connection_val(block)->wake_fd, &one, sizeof(one)) < 0)
		return Val_false;
	return Val_true;
}

value xcpbus_ml_flush(value block, value timeout_ms)
{
	CAMLparam2(block, timeout_ms);
	struct connection *connection = connection_of(block);
	int r;

	connection->is_waiting = true;
	caml_enter_blocking_section();
	r = xcpbus_flush(connection->bus, Int_val(timeout_ms));
	caml_leave_blocking_section();
	connection->is_waiting = false;
	if (r < 0)
		fail(r, NULL, "sending");
	CAMLreturn(Val_unit);
}
