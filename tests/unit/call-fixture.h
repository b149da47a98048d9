/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client and a service that live in this process, over a real bus. setup makes both, and
 * turn_until or ask turn both. */
#pragma once

#include "libxcpbus/xcpbus.h"

#include <errno.h>
#include <poll.h>

#include "tests/unit/bus-fixture.h"
#include "tests/unit/test.h"

#define NAME "org.xen.xcp.test"
#define PATH "/org/xen/xcp/test"
#define IFACE "org.xen.xcp.test.Test1"

static struct bus_fixture fixture;
static struct xcpbus *client, *service;
static struct xcpbus_error error;
static const struct xcpbus_target target = { NAME, PATH, IFACE, 0 };
static struct xcpbus_invocation *kept;
static unsigned pokes;

/* ---- the service ---- */

static inline int on_echo(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	const char *text;

	CHECK(data == &fixture);
	CHECK(xcpbus_read(message, "s", &text) == 0);
	return xcpbus_reply(call, "s", text);
}

static inline int on_bulk(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	const uint8_t *bytes;
	unsigned size;
	DBusMessage *reply;
	int r;

	(void)data;
	CHECK(xcpbus_read(message, "ay", &bytes, &size) == 0);
	reply = dbus_message_new_method_return(message);
	dbus_message_append_args(reply, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &bytes, (int)size,
				 DBUS_TYPE_INVALID);
	r = xcpbus_reply_message(call, reply);
	dbus_message_unref(reply);
	return r;
}

static inline int on_fail(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	return xcpbus_reply_error(call, "org.xen.xcp.Error.NoSuchVm", "no VM '%s'", "x");
}

static inline int on_errno(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)call;
	(void)message;
	(void)data;
	return -EACCES;
}

static inline int on_poke(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)call;
	(void)message;
	(void)data;
	pokes++;
	return 0;
}

static inline int on_forget(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)call;
	(void)message;
	(void)data;
	return 0; /* although it promises a result */
}

static inline int on_keep(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	kept = call;
	xcpbus_keep(call);
	return 0;
}

static inline int on_lie(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	return xcpbus_reply(call, "s", "not a number");
}

static const struct xcpbus_method methods[] = {
	{ "Echo", "s", "s", on_echo, .in_names = "text", .out_names = "text" },
	{ "Bulk", "ay", "ay", on_bulk, .flags = 0 },
	{ "Fail", NULL, "s", on_fail, .flags = 0 },
	{ "Errno", "", "s", on_errno, .flags = 0 },
	{ "Poke", "", "", on_poke, .flags = 0 },
	{ "Forget", "", "u", on_forget, .flags = 0 },
	{ "Keep", "", "s", on_keep, .flags = 0 },
	{ "Lie", "", "u", on_lie, .flags = 0 },
	{ .member = NULL },
};

static const struct xcpbus_interface interface = { IFACE, .methods = methods };

/* ---- turning both ---- */

/* Until *done is set; the bus and both connections are idle otherwise. */
static inline void turn_until(const bool *done)
{
	struct xcpbus *buses[] = { client, service };
	struct pollfd fds[2];

	while (!*done) {
		int timeout = 20000;

		for (int i = 0; i < 2; i++) {
			int own;

			if (xcpbus_process(buses[i]) < 0)
				errx(1, "a connection ended");
			own = xcpbus_get_timeout(buses[i]);
			fds[i].fd = xcpbus_get_fd(buses[i]);
			fds[i].events = xcpbus_get_events(buses[i]);
			if (own >= 0 && own < timeout)
				timeout = own;
		}
		if (!*done && poll(fds, 2, timeout) == 0 && timeout == 20000)
			errx(1, "nothing happens");
	}
}

static inline void teardown(void)
{
	client = xcpbus_free(client);
	service = xcpbus_free(service);
}

static inline void setup(void)
{
	teardown(); /* of a test that failed */
	if (xcpbus_connect(fixture.address, 0, &client, &error) < 0 ||
	    xcpbus_connect(fixture.address, 0, &service, &error) < 0)
		errx(1, "%s", error.message);
	CHECK(xcpbus_export(service, PATH, &interface, &fixture, NULL) == 0);
	CHECK(xcpbus_request_name(service, NAME, 0, &error) == XCPBUS_NAME_PRIMARY_OWNER);
}

struct answer {
	bool is_done;
	DBusMessage *reply;
	struct xcpbus_error error;
	unsigned count;
};

static inline void on_answer(struct xcpbus *bus, DBusMessage *reply,
			     const struct xcpbus_error *failure, void *data)
{
	struct answer *answer = data;

	CHECK(bus == client);
	CHECK(!reply != !failure);
	answer->count++;
	answer->is_done = true;
	if (answer->reply)
		dbus_message_unref(answer->reply);
	answer->reply = NULL;
	if (reply)
		answer->reply = dbus_message_ref(reply);
	else
		answer->error = *failure;
}

/* Calls and turns both connections until there is an answer. */
static inline struct answer ask(const char *member, const char *signature, const char *text)
{
	struct answer answer = { 0 };

	CHECK(xcpbus_call_method_async(client, &target, member, on_answer, &answer, NULL, signature,
				       text) == 0);
	turn_until(&answer.is_done);
	CHECK(answer.count == 1);
	return answer;
}

static inline bool is_error(const struct answer *answer, const char *name, const char *part)
{
	bool is = !answer->reply && xcpbus_error_is(&answer->error, name) &&
		  strstr(answer->error.message, part);

	if (!is)
		fprintf(stderr, "%s: %s\n", answer->error.name, answer->error.message);
	return is;
}

/* A callback for an answer that ends the client's connection. */
static bool is_own_done;

static inline void free_the_bus(struct xcpbus *bus, DBusMessage *reply,
				const struct xcpbus_error *failure, void *data)
{
	(void)reply;
	(void)failure;
	(void)data;
	CHECK(xcpbus_process(bus) == -EDEADLK);
	client = xcpbus_free(bus);
	is_own_done = true;
}
