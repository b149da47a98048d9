/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Subscriptions, over a real bus. */
#include "libxcpbus/xcpbus.h"

#include <errno.h>
#include <poll.h>

#include "tests/unit/bus-fixture.h"
#include "tests/unit/test.h"

#define PATH "/org/xen/xcp/test"
#define IFACE "org.xen.xcp.test.Test1"

static struct bus_fixture fixture;
static struct xcpbus *listener, *emitter, *other;
static struct xcpbus_error error;

struct seen {
	unsigned count;
	char last[64];
	struct xcpbus_slot *slot;
};

static void on_signal(struct xcpbus *bus, DBusMessage *message, void *data)
{
	struct seen *seen = data;
	const char *text = "";

	CHECK(bus == listener);
	xcpbus_read(message, "s", &text);
	seen->count++;
	snprintf(seen->last, sizeof(seen->last), "%s", text);
}

static void teardown(void)
{
	listener = xcpbus_free(listener);
	emitter = xcpbus_free(emitter);
	other = xcpbus_free(other);
}

static void setup(void)
{
	teardown(); /* of a test that failed */
	CHECK(xcpbus_connect(fixture.address, 0, &listener, &error) == 0);
	CHECK(xcpbus_connect(fixture.address, 0, &emitter, &error) == 0);
	CHECK(xcpbus_connect(fixture.address, 0, &other, &error) == 0);
}

/* Everything that has been sent to the listener so far is dispatched: a call to the bus itself
 * comes back behind it. */
static void settle(struct xcpbus *from)
{
	static const struct xcpbus_target bus = { "org.freedesktop.DBus", "/org/freedesktop/DBus",
						  "org.freedesktop.DBus", 0 };

	CHECK(xcpbus_call_method(from, &bus, "GetId", NULL, &error, "") == 0);
	CHECK(xcpbus_call_method(listener, &bus, "GetId", NULL, &error, "") == 0);
	do
		CHECK(xcpbus_process(listener) >= 0);
	while (xcpbus_get_timeout(listener) == 0);
}

static void emit(struct xcpbus *from, const char *member, const char *text)
{
	CHECK(xcpbus_emit(from, PATH, IFACE, member, "s", text) == 0);
	settle(from);
}

static void a_signal_is_seen_by_those_who_asked(void)
{
	struct seen all = { 0 }, one = { 0 }, elsewhere = { 0 };

	setup();
	CHECK(xcpbus_subscribe(listener, "type='signal',interface='" IFACE "'", on_signal, &all,
			       NULL, &error) == 0);
	CHECK(xcpbus_subscribe(listener, "interface='" IFACE "',member='One'", on_signal, &one,
			       NULL, &error) == 0);
	CHECK(xcpbus_subscribe(listener, "path='/elsewhere'", on_signal, &elsewhere, NULL,
			       &error) == 0);
	emit(emitter, "One", "1");
	emit(emitter, "Two", "2");
	CHECK(all.count == 2 && one.count == 1 && elsewhere.count == 0);
	CHECK(!strcmp(all.last, "2") && !strcmp(one.last, "1"));
	teardown();
}

static void a_freed_subscription_is_silent(void)
{
	struct seen first = { 0 }, second = { 0 };
	const char *rule = "interface='" IFACE "'";

	setup();
	CHECK(xcpbus_subscribe(listener, rule, on_signal, &first, &first.slot, &error) == 0);
	CHECK(xcpbus_subscribe(listener, rule, on_signal, &second, &second.slot, &error) == 0);
	emit(emitter, "One", "1");
	first.slot = xcpbus_slot_free(first.slot);
	emit(emitter, "One", "2");
	CHECK(first.count == 1 && second.count == 2); /* the bus still has the rule */
	second.slot = xcpbus_slot_free(second.slot);
	emit(emitter, "One", "3");
	CHECK(first.count == 1 && second.count == 2);
	teardown();
}

static void arguments_are_matched(void)
{
	static const struct {
		const char *rule;
		bool is_seen;
	} cases[] = {
		{ "arg0='hello'", true },
		{ "arg0='hell'", false },
		{ "arg1='hello'", false },
		{ "arg0path='/aa/'", false },
		{ "interface='" IFACE "',arg0namespace='hello'", true },
		{ "arg0namespace='hel'", false },
		{ "path_namespace='/org/xen'", true },
		{ "path_namespace='/org/xe'", false },
		{ "path_namespace='/'", true },
		{ "path='" PATH "'", true },
		{ "member='Other'", false },
		{ "type='method_call'", false },
		{ "type='signal', member='One' ", false }, /* the blank belongs to the value */
		{ "type='signal', member='One'", true },
		{ "type=signal,member=One", true },
		{ "destination=':1.9999'", false },
	};
	struct seen seen;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		setup();
		seen = (struct seen){ 0 };
		if (xcpbus_subscribe(listener, cases[i].rule, on_signal, &seen, NULL, &error) == 0)
			emit(emitter, "One", "hello");
		if ((seen.count > 0) != cases[i].is_seen)
			printf("%s\n", cases[i].rule);
		/* "/" also lets the bus's own signals through */
		CHECK((seen.count > 0) == cases[i].is_seen);
	}
	teardown();
}

static void paths_in_arguments_are_related(void)
{
	static const struct {
		const char *value;
		bool is_seen;
	} cases[] = {
		{ "/aa/bb/", true }, { "/aa/bb/cc", true }, { "/aa/", true },   { "/", true },
		{ "/aa/b", false },  { "/aa", false },      { "/aa/bb", true },
	};
	struct seen seen = { 0 };

	setup();
	CHECK(xcpbus_subscribe(listener, "interface='" IFACE "',arg0path='/aa/bb/'", on_signal,
			       &seen, NULL, &error) == 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases) - 1; i++) {
		seen.count = 0;
		emit(emitter, "One", cases[i].value);
		if ((seen.count > 0) != cases[i].is_seen)
			printf("%s\n", cases[i].value);
		CHECK((seen.count > 0) == cases[i].is_seen);
	}
	teardown();
}

static void bad_rules_are_refused(void)
{
	static const char *const rules[] = {
		"type",
		"type='nothing'",
		"colour='red'",
		"member='no member'",
		"path='x'",
		"path='/',path='/'",
		"arg64='x'",
		"arg0='x',arg0='y'",
		"arg1namespace='x'",
		"member='One",
		"interface='nodot'",
		"type='signal',,",
		"path='/',path_namespace='/'",
		"argx='1'",
	};

	setup();
	for (unsigned i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		error.message[0] = '\0';
		if (xcpbus_subscribe(listener, rules[i], on_signal, NULL, NULL, &error) != -EINVAL)
			printf("%s\n", rules[i]);
		CHECK(error.message[0]);
		CHECK(xcpbus_error_is(&error, "org.freedesktop.DBus.Error.InvalidArgs"));
	}
	CHECK(xcpbus_is_connected(listener));
	teardown();
}

static void a_well_known_sender_is_whoever_owns_the_name(void)
{
	struct seen named = { 0 }, all = { 0 };

	setup();
	CHECK(xcpbus_subscribe(listener, "sender='org.xen.xcp.moving',interface='" IFACE "'",
			       on_signal, &named, NULL, &error) == 0);
	CHECK(xcpbus_subscribe(listener, "interface='" IFACE "'", on_signal, &all, NULL, &error) ==
	      0);
	emit(emitter, "One", "nobody has the name yet");
	CHECK(named.count == 0 && all.count == 1);
	CHECK(xcpbus_request_name(emitter, "org.xen.xcp.moving", 0, &error) == 1);
	emit(emitter, "One", "from its owner");
	emit(other, "One", "from somebody else");
	CHECK(named.count == 1 && all.count == 3);
	CHECK(xcpbus_release_name(emitter, "org.xen.xcp.moving", &error) == 1);
	CHECK(xcpbus_request_name(other, "org.xen.xcp.moving", 0, &error) == 1);
	emit(emitter, "One", "no longer");
	emit(other, "One", "it has moved");
	CHECK(named.count == 2 && !strcmp(named.last, "it has moved"));
	teardown();
}

static void an_owner_from_before_is_known(void)
{
	struct seen named = { 0 }, unique = { 0 };
	char rule[100];

	setup();
	CHECK(xcpbus_request_name(emitter, "org.xen.xcp.before", 0, &error) == 1);
	CHECK(xcpbus_subscribe_async(listener, "sender='org.xen.xcp.before',member='One'",
				     on_signal, NULL, &named, &named.slot) == 0);
	snprintf(rule, sizeof(rule), "sender='%s',member='One'", xcpbus_unique_name(emitter));
	CHECK(xcpbus_subscribe_async(listener, rule, on_signal, NULL, &unique, NULL) == 0);
	settle(listener);
	emit(emitter, "One", "x");
	emit(other, "One", "x");
	CHECK(named.count == 1 && unique.count == 1);
	named.slot = xcpbus_slot_free(named.slot);
	emit(emitter, "One", "x");
	CHECK(named.count == 1 && unique.count == 2);
	teardown();
}

static void on_refused(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *failure,
		       void *data)
{
	struct seen *seen = data;

	CHECK(bus == listener && !reply && failure);
	seen->count += 100;
	seen->slot = xcpbus_slot_free(seen->slot);
}

static void a_refusal_is_reported(void)
{
	struct seen seen = { 0 };

	setup();
	/* The bus of this test allows few rules; see the fixture. */
	for (unsigned i = 0; i < 514 && !seen.count; i++) {
		char rule[64];

		snprintf(rule, sizeof(rule), "member='M%u'", i);
		CHECK(xcpbus_subscribe_async(listener, rule, on_signal, on_refused, &seen,
					     i == 513 ? &seen.slot : NULL) == 0);
	}
	settle(listener);
	CHECK(seen.count > 0 && seen.count % 100 == 0);
	CHECK(xcpbus_subscribe(listener, "member='Last'", on_signal, &seen, NULL, &error) ==
	      -ENOBUFS);
	teardown();
}

/* ---- what callbacks do to slots ---- */

static struct seen late;

static void free_all(struct xcpbus *bus, DBusMessage *message, void *data)
{
	struct seen *seen = data; /* three of them */

	(void)message;
	seen[1].count++;
	for (int i = 0; i < 3; i++)
		seen[i].slot = xcpbus_slot_free(seen[i].slot);
	CHECK(xcpbus_subscribe_async(bus, "interface='" IFACE "'", on_signal, NULL, &late, NULL) ==
	      0);
}

static void callbacks_free_what_they_like(void)
{
	const char *rule = "interface='" IFACE "'";
	struct seen seen[3] = { { 0 } };

	setup();
	late = (struct seen){ 0 };
	CHECK(xcpbus_subscribe(listener, rule, on_signal, &seen[0], &seen[0].slot, &error) == 0);
	CHECK(xcpbus_subscribe(listener, rule, free_all, seen, &seen[1].slot, &error) == 0);
	CHECK(xcpbus_subscribe(listener, rule, on_signal, &seen[2], &seen[2].slot, &error) == 0);
	emit(emitter, "One", "1");
	CHECK(seen[0].count == 1 && seen[1].count == 1 && seen[2].count == 0);
	CHECK(late.count == 0); /* that one is for the next */
	emit(emitter, "One", "2");
	CHECK(seen[1].count == 1 && late.count == 1);
	teardown();
}

static void call_from_inside(struct xcpbus *bus, DBusMessage *message, void *data)
{
	static const struct xcpbus_target target = { "org.freedesktop.DBus", "/", NULL, 0 };
	struct seen *seen = data;

	(void)message;
	seen->count++;
	CHECK(xcpbus_call_method(bus, &target, "GetId", NULL, &error, "") == 0);
	CHECK(seen->count != 1 || !strcmp(seen->last, ""));
}

static void a_callback_may_wait_for_a_call(void)
{
	struct seen seen = { 0 };

	setup();
	CHECK(xcpbus_subscribe(listener, "interface='" IFACE "'", call_from_inside, &seen, NULL,
			       &error) == 0);
	for (int i = 0; i < 5; i++)
		CHECK(xcpbus_emit(emitter, PATH, IFACE, "One", "s", "x") == 0);
	settle(emitter);
	CHECK(seen.count == 5);
	teardown();
}

static void free_the_connection(struct xcpbus *bus, DBusMessage *message, void *data)
{
	struct seen *seen = data;

	(void)message;
	seen->count++;
	listener = xcpbus_free(bus);
}

static void the_connection_may_go_among_many_messages(void)
{
	struct seen seen = { 0 };
	struct xcpbus *dying;

	setup();
	dying = listener;
	CHECK(xcpbus_subscribe(listener, "interface='" IFACE "'", free_the_connection, &seen, NULL,
			       &error) == 0);
	CHECK(xcpbus_subscribe(listener, "member='One'", on_signal, &seen, NULL, &error) == 0);
	for (int i = 0; i < 20; i++)
		CHECK(xcpbus_emit(emitter, PATH, IFACE, "One", "s", "x") == 0);
	while (listener) {
		CHECK(xcpbus_wait(dying, 20000) == 1);
		CHECK(xcpbus_process(dying) == 0 || !listener);
	}
	CHECK(seen.count == 1);
	teardown();
}

int main(void)
{
	bus_fixture_start(&fixture);
	RUN(a_signal_is_seen_by_those_who_asked);
	RUN(a_freed_subscription_is_silent);
	RUN(arguments_are_matched);
	RUN(paths_in_arguments_are_related);
	RUN(bad_rules_are_refused);
	RUN(a_well_known_sender_is_whoever_owns_the_name);
	RUN(an_owner_from_before_is_known);
	RUN(a_refusal_is_reported);
	RUN(callbacks_free_what_they_like);
	RUN(a_callback_may_wait_for_a_call);
	RUN(the_connection_may_go_among_many_messages);
	bus_fixture_stop(&fixture);
	return test_finish();
}
