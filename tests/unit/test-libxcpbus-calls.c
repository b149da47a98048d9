/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls, answers and errors. */
#include "tests/unit/call-fixture.h"

static void a_call_is_answered(void)
{
	struct answer answer;
	const char *text;

	setup();
	answer = ask("Echo", "s", "hello");
	CHECK(answer.reply && xcpbus_read(answer.reply, "s", &text) == 0);
	CHECK(!strcmp(text, "hello"));
	dbus_message_unref(answer.reply);
	teardown();
}

static void errors_come_back(void)
{
	struct answer answer;

	setup();
	answer = ask("Fail", NULL, NULL);
	CHECK(is_error(&answer, "org.xen.xcp.Error.NoSuchVm", "no VM 'x'"));
	answer = ask("Errno", NULL, NULL);
	CHECK(is_error(&answer, "org.freedesktop.DBus.Error.AccessDenied", "denied"));
	answer = ask("Forget", NULL, NULL);
	CHECK(is_error(&answer, "org.freedesktop.DBus.Error.Failed", "did not answer"));
	answer = ask("Lie", NULL, NULL);
	CHECK(is_error(&answer, "org.freedesktop.DBus.Error.Failed",
		       "'s' where its interface says"));
	answer = ask("Poke", NULL, NULL);
	CHECK(answer.reply != NULL);
	dbus_message_unref(answer.reply);
	teardown();
}

static void wrong_calls_are_refused(void)
{
	static const struct xcpbus_target no_object = { NAME, "/nowhere", IFACE, 0 };
	static const struct xcpbus_target no_interface = { NAME, PATH, "a.b", 0 };
	struct answer answer = { 0 };

	setup();
	CHECK(xcpbus_call_method_async(client, &no_object, "Echo", on_answer, &answer, NULL, "s",
				       "x") == 0);
	turn_until(&answer.is_done);
	CHECK(is_error(&answer, "org.freedesktop.DBus.Error.UnknownObject", "'/nowhere'"));
	answer = (struct answer){ 0 };
	CHECK(xcpbus_call_method_async(client, &no_interface, "Echo", on_answer, &answer, NULL, "s",
				       "x") == 0);
	turn_until(&answer.is_done);
	CHECK(is_error(&answer, "org.freedesktop.DBus.Error.UnknownInterface", "'a.b'"));
	answer = ask("Nothing", NULL, NULL);
	CHECK(is_error(&answer, "org.freedesktop.DBus.Error.UnknownMethod", "Test1.Nothing"));
	answer = ask("Echo", "o", "/x");
	CHECK(is_error(&answer, "org.freedesktop.DBus.Error.InvalidArgs",
		       "takes 's', but the call has 'o'"));
	teardown();
}

static void a_call_without_interface_finds_its_method(void)
{
	static const struct xcpbus_target anywhere = { NAME, PATH, NULL, 0 };
	struct answer answer = { 0 };

	setup();
	CHECK(xcpbus_call_method_async(client, &anywhere, "Poke", on_answer, &answer, NULL, "") ==
	      0);
	turn_until(&answer.is_done);
	CHECK(answer.reply != NULL);
	dbus_message_unref(answer.reply);
	answer = (struct answer){ 0 };
	CHECK(xcpbus_call_method_async(client, &anywhere, "Ping", on_answer, &answer, NULL, "") ==
	      0);
	turn_until(&answer.is_done);
	CHECK(answer.reply != NULL);
	dbus_message_unref(answer.reply);
	teardown();
}

static void a_blocking_call_waits_for_its_answer(void)
{
	struct xcpbus_target bus = { "org.freedesktop.DBus", "/org/freedesktop/DBus",
				     "org.freedesktop.DBus", 0 };
	DBusMessage *reply;
	const char *owner;

	setup();
	CHECK(xcpbus_call_method(client, &bus, "GetNameOwner", &reply, &error, "s", NAME) == 0);
	CHECK(xcpbus_read(reply, "s", &owner) == 0 && !strcmp(owner, xcpbus_unique_name(service)));
	dbus_message_unref(reply);
	CHECK(xcpbus_call_method(client, &bus, "GetNameOwner", &reply, &error, "s", "a.b") ==
	      -EHOSTUNREACH);
	CHECK(xcpbus_error_is(&error, "org.freedesktop.DBus.Error.NameHasNoOwner"));
	CHECK(xcpbus_call_method(client, &bus, "GetId", NULL, NULL, "") == 0);
	teardown();
}

static void a_call_has_a_deadline(void)
{
	struct xcpbus_target hurried = { NAME, PATH, IFACE, 30 };
	struct answer answer = { 0 };
	DBusMessage *reply;

	setup();
	/* Nobody turns the service meanwhile. */
	CHECK(xcpbus_call_method(client, &hurried, "Poke", &reply, &error, "") == -ETIMEDOUT);
	CHECK(xcpbus_error_is(&error, "org.freedesktop.DBus.Error.NoReply"));
	CHECK(strstr(error.message, NAME " to " IFACE ".Poke"));
	CHECK(xcpbus_call_method_async(client, &hurried, "Keep", on_answer, &answer, NULL, "") ==
	      0);
	turn_until(&answer.is_done);
	CHECK(is_error(&answer, "org.freedesktop.DBus.Error.NoReply", "in time"));
	CHECK(xcpbus_reply(kept, "s", "too late") == 0);
	answer = ask("Echo", "s", "still alive");
	CHECK(answer.reply != NULL && answer.count == 1);
	dbus_message_unref(answer.reply);
	teardown();
}

static void an_answer_can_be_given_later(void)
{
	struct answer first = { 0 }, second;
	const char *text;

	setup();
	CHECK(xcpbus_call_method_async(client, &target, "Keep", on_answer, &first, NULL, "") == 0);
	second = ask("Echo", "s", "meanwhile");
	CHECK(second.reply && !first.is_done);
	dbus_message_unref(second.reply);
	CHECK(xcpbus_invocation_bus(kept) == service);
	CHECK(dbus_message_has_member(xcpbus_invocation_message(kept), "Keep"));
	CHECK(xcpbus_reply(kept, "s", "at last") == 0);
	turn_until(&first.is_done);
	CHECK(xcpbus_read(first.reply, "s", &text) == 0 && !strcmp(text, "at last"));
	dbus_message_unref(first.reply);
	teardown();
}

static void many_calls_are_under_way_at_once(void)
{
	enum { COUNT = 5000 };
	struct answer answer = { 0 };

	setup();
	for (int i = 0; i < COUNT; i++)
		CHECK(xcpbus_call_method_async(client, &target, "Poke", on_answer, &answer, NULL,
					       "") == 0);
	pokes = 0;
	while (answer.count < COUNT) {
		answer.is_done = false;
		turn_until(&answer.is_done);
	}
	dbus_message_unref(answer.reply);
	CHECK(pokes == COUNT);
	teardown();
}

static void a_large_message_passes(void)
{
	enum { SIZE = 20 * 1000 * 1000 };
	struct answer answer = { 0 };
	uint8_t *bytes = malloc(SIZE);
	const uint8_t *back;
	DBusMessage *call;
	unsigned size;

	for (int i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 7);
	setup();
	CHECK(xcpbus_new_call(&target, "Bulk", &call) == 0);
	dbus_message_append_args(call, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &bytes, SIZE,
				 DBUS_TYPE_INVALID);
	CHECK(xcpbus_call_async(client, call, 0, on_answer, &answer, NULL) == 0);
	dbus_message_unref(call);
	turn_until(&answer.is_done);
	CHECK(answer.reply && xcpbus_read(answer.reply, "ay", &back, &size) == 0);
	CHECK(size == SIZE && !memcmp(back, bytes, SIZE));
	dbus_message_unref(answer.reply);
	free(bytes);
	teardown();
}

static void bad_names_are_refused_before_they_are_sent(void)
{
	static const struct xcpbus_target bad[] = {
		{ "no name", PATH, IFACE, 0 },
		{ NAME, "no path", IFACE, 0 },
		{ NAME, PATH, "nodot", 0 },
		{ NULL, PATH, IFACE, 0 },
	};
	DBusMessage *call;

	setup();
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(xcpbus_new_call(&bad[i], "Echo", &call) == -EINVAL);
	CHECK(xcpbus_new_call(&target, "no member", &call) == -EINVAL);
	CHECK(xcpbus_call_method(client, &target, "Echo", NULL, &error, "s", "\xff") == -EINVAL);
	CHECK(xcpbus_emit(client, "x", IFACE, "Signal", "") == -EINVAL);
	CHECK(xcpbus_request_name(client, ":1.5", 0, &error) == -EINVAL);
	CHECK(xcpbus_call_method(client, &(struct xcpbus_target){ "a.b", "/", NULL, 0 }, "X", NULL,
				 &error, "") == -EHOSTUNREACH);
	teardown();
}

int main(void)
{
	bus_fixture_start(&fixture);
	RUN(a_call_is_answered);
	RUN(errors_come_back);
	RUN(wrong_calls_are_refused);
	RUN(a_call_without_interface_finds_its_method);
	RUN(a_blocking_call_waits_for_its_answer);
	RUN(a_call_has_a_deadline);
	RUN(an_answer_can_be_given_later);
	RUN(many_calls_are_under_way_at_once);
	RUN(a_large_message_passes);
	RUN(bad_names_are_refused_before_they_are_sent);
	bus_fixture_stop(&fixture);
	return test_finish();
}
