/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection, and its loop. */
#define _GNU_SOURCE /* ppoll */
#include "stubs.h"

#include <caml/alloc.h>
#include <caml/callback.h>
#include <caml/custom.h>
#include <caml/memory.h>
#include <caml/signals.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* ---- errors ---- */

_Noreturn void fail(int failure, const struct xcpbus_error *error, const char *what)
{
	CAMLparam0();
	CAMLlocalN(parts, 3); /* of Error { name; message; body } */
	struct xcpbus_error own;
	char message[1280];

	if (!error)
		xcpbus_error_set_errno(&own, failure);
	if (error)
		snprintf(message, sizeof(message), "%s", error->message);
	else
		snprintf(message, sizeof(message), "%s: %s", what, own.message);
	parts[0] = caml_copy_string(error ? error->name : own.name);
	parts[1] = caml_copy_string(message);
	parts[2] = Val_emptylist;
	caml_raise_with_args(*caml_named_value("Xcpbus.Error"), 3, parts);
}

const char *text_of(value string, const char *what)
{
	struct xcpbus_error error;

	if (caml_string_is_c_safe(string))
		return String_val(string);
	xcpbus_error_set(&error, "org.freedesktop.DBus.Error.InvalidArgs", "%s has a NUL in it",
			 what);
	fail(-EINVAL, &error, NULL);
}

/* ---- the block that OCaml has ---- */

struct connection *connection_of(value block)
{
	struct connection *connection = Connection_val(block);
	struct xcpbus_error error;

	if (connection->bus)
		return connection;
	xcpbus_error_set(&error, "org.freedesktop.DBus.Error.Disconnected",
			 "the connection was closed");
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

value xcpbus_ml_connect(value address, value timeout_ms, value is_patient)
{
	CAMLparam3(address, timeout_ms, is_patient);
	CAMLlocal1(block);
	int (*connect)(const char *, int, struct xcpbus **, struct xcpbus_error *) =
		Bool_val(is_patient) ? xcpbus_connect_wait : xcpbus_connect;
	const char *given = Is_block(address) ? text_of(Field(address, 0), "the address") : NULL;
	char *text = given ? strdup(given) : NULL; /* OCaml may move its own */
	struct connection *connection;
	struct xcpbus_error error;
	struct xcpbus *bus;
	int r;

	if (given && !text)
		caml_raise_out_of_memory();
	caml_enter_blocking_section_no_pending();
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

value xcpbus_ml_wake_fd(value block)
{
	return Val_int(connection_of(block)->wake_fd);
}

void connection_wake(struct connection *connection)
{
	uint64_t one = 1;
	ssize_t size = write(connection->wake_fd, &one, sizeof(one));

	connection->is_woken = true;
	(void)size; /* if it does not fit, there is enough in it to wake */
}

value xcpbus_ml_wake(value block)
{
	connection_wake(Connection_val(block));
	return Val_unit;
}

static void take_wake(struct connection *connection)
{
	uint64_t count;

	if (connection->is_woken && read(connection->wake_fd, &count, sizeof(count)) > 0)
		connection->is_woken = false;
}

/* 0, or a negative errno when the connection is over. */
value xcpbus_ml_process(value block)
{
	CAMLparam1(block);
	struct connection *connection = connection_of(block);
	int r;

	take_wake(connection);
	orphans_end(connection);
	r = xcpbus_process(connection->bus);
	CAMLreturn(Val_int(r < 0 ? r : 0));
}

/* poll(2), but for a signal that comes at any time. Where there are threads, OCaml's handler only
 * notes it, and one that was noted just before the system call would be waited over: so signals
 * are let in by the system call itself. */
static value poll_for(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct timespec time = { .tv_sec = timeout_ms / 1000,
				 .tv_nsec = timeout_ms % 1000 * 1000000L };
	sigset_t all, before;
	value raised;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	raised = caml_process_pending_actions_exn();
	if (!Is_exception_result(raised)) {
		caml_enter_blocking_section_no_pending();
		ppoll(fds, count, timeout_ms < 0 ? NULL : &time, &before);
		caml_leave_blocking_section();
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return raised;
}

/* Waits until there is something to process, or xcpbus_ml_wake is called. What signal handlers
 * raise is raised here, where it is expected, and not wherever OCaml looks next; ASan does not see
 * that this function is then left. */
__attribute__((no_sanitize("address"))) value xcpbus_ml_poll(value block, value timeout_ms)
{
	CAMLparam2(block, timeout_ms);
	struct connection *connection = connection_of(block);
	int own = xcpbus_get_timeout(connection->bus), timeout = Int_val(timeout_ms);
	struct pollfd fds[] = {
		{ .fd = xcpbus_get_fd(connection->bus),
		  .events = xcpbus_get_events(connection->bus) },
		{ .fd = connection->wake_fd, .events = POLLIN },
	};

	if (own >= 0 && (timeout < 0 || own < timeout))
		timeout = own;
	if (timeout) {
		value raised = poll_for(fds, 2, timeout);

		if (Is_exception_result(raised))
			caml_raise(Extract_exception(raised));
	}
	caml_process_pending_actions();
	CAMLreturn(Val_unit);
}

/* is_waiting is for what calls OCaml meanwhile. Nothing is raised where it is set. */
value xcpbus_ml_flush(value block, value timeout_ms)
{
	CAMLparam2(block, timeout_ms);
	struct connection *connection = connection_of(block);
	int r;

	connection->is_waiting = true;
	caml_enter_blocking_section_no_pending();
	r = xcpbus_flush(connection->bus, Int_val(timeout_ms));
	caml_leave_blocking_section();
	connection->is_waiting = false;
	if (r < 0)
		fail(r, NULL, "sending");
	CAMLreturn(Val_unit);
}
