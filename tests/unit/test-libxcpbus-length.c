/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages that are longer than the bus takes. xcp-busd, where this is run in a guest, takes 1 MiB
 * and says so; dbus-daemon says nothing, and takes more than that. */
#include "libxcpbus/xcpbus.h"

#include <errno.h>
#include <poll.h>

#include "tests/unit/bus-fixture.h"
#include "tests/unit/test.h"

#define PATH "/org/xen/xcp/test"
#define IFACE "org.xen.xcp.test.Length1"

enum { GOOD = 1024 * 1024 - 1024, LONG = 1024 * 1024 + 1 };

static struct bus_fixture fixture;
static struct xcpbus *client, *service;
static struct xcpbus_target target;
static const uint8_t bytes[LONG];
static bool says_limit; /* the bus does */
static int replied; /* what the service's xcpbus_reply gave back */

struct answer {
	bool is_done;
	unsigned size;
	struct xcpbus_error error;
};

static int append_bytes(DBusMessage *message, uint32_t size)
{
	const uint8_t *from = bytes;

	return dbus_message_append_args(message, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &from, (int)size,
					DBUS_TYPE_INVALID)
		       ? 0
		       : -ENOMEM;
}

static int on_give(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	DBusMessage *reply = dbus_message_new_method_return(message);
	uint32_t size;

	(void)data;
	xcpbus_read(message, "u", &size);
	CHECK(append_bytes(reply, size) == 0);
	replied = xcpbus_reply_message(call, reply);
	dbus_message_unref(reply);
	return 0;
}

static int on_take(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	const uint8_t *there;
	unsigned size;

	(void)data;
	xcpbus_read(message, "ay", &there, &size);
	return xcpbus_reply(call, "u", size);
}

static const struct xcpbus_method methods[] = {
	{ "Give", "u", "ay", on_give, .in_names = NULL },
	{ "Take", "ay", "u", on_take, .in_names = NULL },
	{ 0 },
};
static const struct xcpbus_interface interface = { IFACE, .methods = methods };

static void on_answer(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		      void *data)
{
	struct answer *answer = data;
	const uint8_t *there;

	(void)bus;
	answer->is_done = true;
	if (error)
		answer->error = *error;
	else if (xcpbus_read(reply, "u", &answer->size) < 0)
		xcpbus_read(reply, "ay", &there, &answer->size);
}

static void turn_until(const bool *is_done)
{
	struct pollfd fds[2];

	while (!*is_done && xcpbus_process(client) >= 0 && xcpbus_process(service) >= 0) {
		struct xcpbus *both[] = { client, service };
		int timeout = 20000;

		for (int i = 0; i < 2; i++) {
			int own = xcpbus_get_timeout(both[i]);

			fds[i] = (struct pollfd){ .fd = xcpbus_get_fd(both[i]),
						  .events = xcpbus_get_events(both[i]) };
			if (own >= 0 && own < timeout)
				timeout = own;
		}
		if (!*is_done)
			poll(fds, 2, timeout);
	}
}

static void setup(void)
{
	CHECK(xcpbus_connect(fixture.address, 0, &client, NULL) >= 0);
	CHECK(xcpbus_connect(fixture.address, 0, &service, NULL) >= 0);
	CHECK(xcpbus_export(service, PATH, &interface, NULL, NULL) >= 0);
	target = (struct xcpbus_target){ xcpbus_unique_name(service), PATH, IFACE, 0 };
}

static void teardown(void)
{
	CHECK(xcpbus_is_connected(client) && xcpbus_is_connected(service));
	client = xcpbus_free(client);
	service = xcpbus_free(service);
}

static int take(uint32_t size, struct answer *answer)
{
	DBusMessage *call;
	int r = xcpbus_new_call(&target, "Take", &call);

	if (r < 0)
		return r;
	*answer = (struct answer){ 0 };
	r = append_bytes(call, size);
	if (r == 0)
		r = xcpbus_call_async(client, call, 0, on_answer, answer, NULL);
	dbus_message_unref(call);
	if (r == 0)
		turn_until(&answer->is_done);
	return r;
}

static void a_call_that_is_too_long_is_not_sent(void)
{
	struct xcpbus_error error;
	struct answer answer;
	DBusMessage *call;
	int r;

	setup();
	CHECK(take(GOOD, &answer) == 0 && answer.size == GOOD);
	r = take(LONG, &answer);
	CHECK(says_limit ? r == -EMSGSIZE : r == 0 && answer.size == LONG);
	CHECK(xcpbus_new_call(&target, "Take", &call) >= 0 && append_bytes(call, LONG) == 0);
	if (says_limit) {
		CHECK(xcpbus_call(client, call, 0, NULL, &error) == -EMSGSIZE);
		CHECK(xcpbus_error_is(&error, "org.freedesktop.DBus.Error.LimitsExceeded"));
		CHECK(strstr(error.message, "longer than the bus takes"));
		CHECK(xcpbus_send(client, call) == -EMSGSIZE);
	}
	dbus_message_unref(call);
	CHECK(take(GOOD, &answer) == 0 && answer.size == GOOD);
	teardown();
}

static struct answer give(uint32_t size)
{
	struct answer answer = { 0 };

	CHECK(xcpbus_call_method_async(client, &target, "Give", on_answer, &answer, NULL, "u",
				       size) >= 0);
	turn_until(&answer.is_done);
	return answer;
}

static void the_caller_hears_of_an_answer_that_is_too_long(void)
{
	struct answer answer;

	setup();
	answer = give(LONG);
	CHECK(replied == (says_limit ? -EMSGSIZE : 0));
	CHECK(says_limit || answer.size == LONG);
	if (says_limit) {
		CHECK(xcpbus_error_is(&answer.error, "org.freedesktop.DBus.Error.LimitsExceeded"));
		CHECK(strstr(answer.error.message, "the answer cannot be sent"));
	}
	answer = give(GOOD);
	CHECK(replied == 0 && answer.size == GOOD);
	teardown();
}

static int emit(uint32_t size)
{
	DBusMessage *much = dbus_message_new_signal(PATH, IFACE, "Much");
	int r = append_bytes(much, size);

	if (r == 0)
		r = xcpbus_send(service, much);
	dbus_message_unref(much);
	return r;
}

static void a_signal_that_is_too_long_is_not_sent(void)
{
	setup();
	CHECK(emit(GOOD) == 0);
	CHECK(emit(LONG) == (says_limit ? -EMSGSIZE : 0));
	CHECK(xcpbus_flush(service, 0) == 0 && give(1).size == 1);
	teardown();
}

/* What the specification allows is known of every bus. */
static void nobody_takes_more_than_128_mib(void)
{
	const int size = 50 * 1024 * 1024;
	DBusMessage *much = dbus_message_new_signal(PATH, IFACE, "Much");
	const uint8_t *zeros = calloc(1, (size_t)size);

	setup();
	CHECK(zeros && dbus_message_append_args(much, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &zeros, size,
						DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &zeros, size,
						DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &zeros, size,
						DBUS_TYPE_INVALID));
	CHECK(xcpbus_send(client, much) == -EMSGSIZE);
	dbus_message_unref(much);
	free((void *)(uintptr_t)zeros);
	teardown();
}

int main(void)
{
	bus_fixture_start(&fixture);
	says_limit = getenv("XCP_BUS_TEST_ADDRESS");
	RUN(a_call_that_is_too_long_is_not_sent);
	RUN(the_caller_hears_of_an_answer_that_is_too_long);
	RUN(a_signal_that_is_too_long_is_not_sent);
	if (!says_limit) /* or it is known already; and guests of tests have little memory */
		RUN(nobody_takes_more_than_128_mib);
	bus_fixture_stop(&fixture);
	return test_finish();
}
