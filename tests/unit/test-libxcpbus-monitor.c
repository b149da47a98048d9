/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking on, over a real bus. */
#include "libxcpbus/xcpbus.h"

#include <errno.h>
#include <poll.h>

#include "tests/unit/bus-fixture.h"
#include "tests/unit/test.h"

#define PATH "/org/xen/xcp/test"
#define IFACE "org.xen.xcp.test.Test1"

static struct bus_fixture fixture;
static struct xcpbus *monitor, *caller, *service;
static struct xcpbus_error error;

struct seen {
	unsigned calls, answers, signals, others;
	bool is_freed;
};

static void on_message(struct xcpbus *bus, DBusMessage *message, void *data)
{
	struct seen *seen = data;

	CHECK(bus == monitor);
	if (dbus_message_is_method_call(message, IFACE, "Ask"))
		seen->calls++;
	else if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_METHOD_RETURN &&
		 dbus_message_has_sender(message, xcpbus_unique_name(service)))
		seen->answers++;
	else if (dbus_message_is_signal(message, IFACE, "Told"))
		seen->signals++;
	else
		seen->others++;
	if (seen->is_freed)
		monitor = xcpbus_free(monitor);
}

static int on_ask(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	return xcpbus_reply(call, "s", "answer");
}

static void teardown(void)
{
	monitor = xcpbus_free(monitor);
	caller = xcpbus_free(caller);
	service = xcpbus_free(service);
}

static void setup(void)
{
	static const struct xcpbus_method methods[] = {
		{ "Ask", "", "s", on_ask, NULL, NULL, 0, NULL }, { 0 }
	};
	static const struct xcpbus_interface interface = { .name = IFACE, .methods = methods };

	teardown(); /* of a test that failed */
	CHECK(xcpbus_connect(fixture.address, 0, &monitor, &error) == 0);
	CHECK(xcpbus_connect(fixture.address, 0, &caller, &error) == 0);
	CHECK(xcpbus_connect(fixture.address, 0, &service, &error) == 0);
	CHECK(xcpbus_export(service, PATH, &interface, NULL, NULL) == 0);
}

static void on_answer(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *failure,
		      void *data)
{
	(void)bus;
	CHECK(reply && !failure);
	*(bool *)data = true;
}

/* A call from one to the other, and back. */
static void ask(void)
{
	const struct xcpbus_target target = { xcpbus_unique_name(service), PATH, IFACE, 0 };
	bool is_answered = false;

	CHECK(xcpbus_call_method_async(caller, &target, "Ask", on_answer, &is_answered, NULL, "") ==
	      0);
	while (!is_answered) {
		CHECK(xcpbus_process(service) >= 0);
		CHECK(xcpbus_process(caller) >= 0);
		CHECK(xcpbus_wait(service, 1) >= 0);
	}
}

static void wait_for(const unsigned *count, unsigned wanted)
{
	while (*count < wanted) {
		CHECK(xcpbus_wait(monitor, 20000) > 0);
		CHECK(xcpbus_process(monitor) >= 0);
	}
}

static void it_sees_what_others_say(void)
{
	struct seen seen = { 0 };

	setup();
	CHECK(xcpbus_become_monitor(monitor, NULL, 0, on_message, &seen, &error) == 0);
	ask();
	CHECK(xcpbus_emit(caller, PATH, IFACE, "Told", "") == 0);
	wait_for(&seen.signals, 1);
	CHECK(seen.calls == 1 && seen.answers == 1);
	teardown();
}

static void rules_choose(void)
{
	const char *const rules[] = { "member='Told'", "member='Ask'" };
	struct seen seen = { 0 };

	setup();
	CHECK(xcpbus_become_monitor(monitor, rules, 2, on_message, &seen, &error) == 0);
	ask();
	CHECK(xcpbus_emit(caller, PATH, IFACE, "Told", "") == 0);
	wait_for(&seen.signals, 1);
	CHECK(seen.calls == 1 && seen.answers == 0);
	teardown();
}

static void it_sends_nothing(void)
{
	static const struct xcpbus_target bus = { "org.freedesktop.DBus", "/org/freedesktop/DBus",
						  "org.freedesktop.DBus", 0 };
	struct seen seen = { 0 };

	setup();
	CHECK(xcpbus_set_keepalive(monitor, 1) == 0);
	CHECK(xcpbus_become_monitor(monitor, NULL, 0, on_message, &seen, &error) == 0);
	CHECK(xcpbus_emit(monitor, PATH, IFACE, "Told", "") == -EPERM);
	CHECK(xcpbus_call_method(monitor, &bus, "GetId", NULL, &error, "") == -EPERM);
	/* Nor does it answer what is for others, or ask whether the bus is there. */
	ask();
	poll(NULL, 0, 5);
	wait_for(&seen.answers, 1);
	ask();
	wait_for(&seen.answers, 2);
	CHECK(xcpbus_is_connected(monitor));
	teardown();
}

static void a_bad_rule_is_refused(void)
{
	const char *const rules[] = { "nonsense" }, *const bytes[] = { "member='\xff'" };
	struct seen seen = { 0 };

	setup();
	CHECK(xcpbus_become_monitor(monitor, rules, 1, on_message, &seen, &error) == -EINVAL);
	CHECK(xcpbus_error_is(&error, "org.freedesktop.DBus.Error.MatchRuleInvalid"));
	CHECK(xcpbus_become_monitor(monitor, bytes, 1, on_message, &seen, &error) == -EINVAL);
	/* It takes part as before. */
	CHECK(xcpbus_emit(monitor, PATH, IFACE, "Told", "") == 0);
	teardown();
}

static void it_may_be_freed_while_it_looks(void)
{
	struct seen seen = { .is_freed = true };

	setup();
	CHECK(xcpbus_become_monitor(monitor, NULL, 0, on_message, &seen, &error) == 0);
	ask();
	while (monitor) {
		CHECK(xcpbus_wait(monitor, 20000) > 0);
		xcpbus_process(monitor);
	}
	CHECK(seen.calls + seen.answers + seen.others == 1);
	teardown();
}

int main(void)
{
	bus_fixture_start(&fixture);
	RUN(it_sees_what_others_say);
	RUN(rules_choose);
	RUN(it_sends_nothing);
	RUN(a_bad_rule_is_refused);
	RUN(it_may_be_freed_while_it_looks);
	teardown();
	bus_fixture_stop(&fixture);
	return test_finish();
}
