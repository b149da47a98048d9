/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of a connection when the bus is killed and started again. */
#include "libxcpbus/xcpbus.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>

#include "tests/unit/bus-fixture.h"
#include "tests/unit/test.h"
#include "tests/unit/turn.h"

#define NAME "org.xen.xcp.test"
#define PATH "/org/xen/xcp/test"
#define IFACE "org.xen.xcp.test.Test1"

static struct bus_fixture fixture;
static struct xcpbus *client, *service, *buses[2];
static struct xcpbus_error error;
static const struct xcpbus_target target = { NAME, PATH, IFACE, 0 };

/* ---- the service ---- */

static struct xcpbus_invocation *kept;

static int on_keep(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	kept = call;
	xcpbus_keep(call);
	return 0;
}

static int on_ping(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)call;
	(void)message;
	(void)data;
	return 0;
}

static const struct xcpbus_method methods[] = {
	{ .member = "Keep", .handler = on_keep },
	{ .member = "Poke", .handler = on_ping },
	{ .member = NULL },
};

static const struct xcpbus_interface interface = { IFACE, .methods = methods };

/* ---- what was reported ---- */

struct log {
	unsigned lost, retried, back;
	bool has_complaint;
	struct xcpbus_error last;
};

static struct log client_log, service_log;

static void on_reconnect(struct xcpbus *bus, int event, const struct xcpbus_error *why, void *data)
{
	struct log *log = data;

	CHECK(event == XCPBUS_RECONNECTED || why);
	CHECK(xcpbus_is_connected(bus) == (event == XCPBUS_RECONNECTED));
	log->lost += event == XCPBUS_LOST;
	log->retried += event == XCPBUS_RETRYING;
	log->back += event == XCPBUS_RECONNECTED;
	log->has_complaint = why != NULL;
	if (why)
		log->last = *why;
}

struct answer {
	unsigned count;
	bool is_good;
	struct xcpbus_error error;
};

static struct answer answer;

static void on_answer(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *failure,
		      void *data)
{
	(void)bus;
	(void)data;
	answer.count++;
	answer.is_good = reply != NULL;
	if (failure)
		answer.error = *failure;
}

static unsigned signals;

static void on_signal(struct xcpbus *bus, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	CHECK(bus == client);
	signals++;
}

static char owners[512];

static void on_owner(struct xcpbus *bus, const char *name, const char *owner, void *data)
{
	const char *now = *owner ? "other " : "none ";

	(void)data;
	CHECK(bus == client && !strcmp(name, NAME));
	if (service && !strcmp(owner, xcpbus_unique_name(service)))
		now = "service ";
	strcat(owners, now);
}

/* ---- turning ---- */

static void turn_until(bool (*is_done)(void))
{
	buses[0] = client;
	buses[1] = service;
	turn(buses, 2, is_done);
}

static bool is_lost(void)
{
	return client_log.lost && service_log.lost;
}

static bool is_back(void)
{
	return client_log.back && service_log.back;
}

static bool has_answer(void)
{
	return answer.count > 0;
}

static bool has_kept(void)
{
	return kept != NULL;
}

static bool has_signal(void)
{
	return signals > 0;
}

static bool has_retried(void)
{
	return client_log.retried >= 3;
}

static void teardown(void)
{
	client = xcpbus_free(client);
	service = xcpbus_free(service);
	bus_fixture_stop(&fixture);
}

static void setup(void)
{
	teardown(); /* of a test that failed */
	bus_fixture_start(&fixture);
	client_log = service_log = (struct log){ 0 };
	answer = (struct answer){ 0 };
	signals = 0;
	owners[0] = '\0';
	kept = NULL;
	CHECK(xcpbus_connect(fixture.address, 0, &client, &error) == 0);
	CHECK(xcpbus_connect(fixture.address, 0, &service, &error) == 0);
	CHECK(xcpbus_set_reconnect(client, true, 50) == 0);
	CHECK(xcpbus_set_reconnect(service, true, 50) == 0);
	CHECK(xcpbus_on_reconnect(client, on_reconnect, &client_log, NULL) == 0);
	CHECK(xcpbus_on_reconnect(service, on_reconnect, &service_log, NULL) == 0);
	CHECK(xcpbus_export(service, PATH, &interface, NULL, NULL) == 0);
	CHECK(xcpbus_request_name(service, NAME, 0, &error) == XCPBUS_NAME_PRIMARY_OWNER);
}

static void poke(void)
{
	answer.count = 0;
	CHECK(xcpbus_call_method_async(client, &target, "Poke", on_answer, NULL, NULL, "") == 0);
	turn_until(has_answer);
	CHECK(answer.is_good);
}

static void lose(void)
{
	bus_fixture_kill(&fixture);
	turn_until(is_lost);
}

static void come_back(void)
{
	bus_fixture_run_again(&fixture);
	turn_until(is_back);
}

/* ---- tests ---- */

static void names_signals_and_exports_are_there_again(void)
{
	char before[64];

	setup();
	CHECK(xcpbus_subscribe(client, "interface='" IFACE "'", on_signal, NULL, NULL, &error) ==
	      0);
	CHECK(xcpbus_subscribe(client, "sender='" NAME "',member='Named'", on_signal, NULL, NULL,
			       &error) == 0);
	poke();
	snprintf(before, sizeof(before), "%s", xcpbus_unique_name(client));
	lose();
	CHECK(client_log.lost == 1 && strstr(client_log.last.message, "closed the connection"));
	CHECK(xcpbus_error_is(&client_log.last, "org.freedesktop.DBus.Error.Disconnected"));
	come_back();
	CHECK(!client_log.has_complaint && !service_log.has_complaint);
	CHECK(client_log.lost == 1 && client_log.back == 1);
	CHECK(xcpbus_unique_name(client)[0] == ':' &&
	      !strcmp(xcpbus_address(client), fixture.address));
	poke();
	CHECK(xcpbus_emit(service, PATH, IFACE, "Named", "") == 0);
	turn_until(has_signal);
	CHECK(signals == 2); /* one message, two subscriptions */
	teardown();
}

static void calls_under_way_end_with_an_error(void)
{
	setup();
	CHECK(xcpbus_call_method_async(client, &target, "Keep", on_answer, NULL, NULL, "") == 0);
	turn_until(has_kept);
	lose();
	CHECK(answer.count == 1 && !answer.is_good);
	CHECK(xcpbus_error_is(&answer.error, "org.freedesktop.DBus.Error.Disconnected"));
	come_back();
	/* Whoever has the caller's name now did not ask. */
	CHECK(xcpbus_reply(kept, "") == -ENOTCONN);
	CHECK(answer.count == 1);
	poke();
	teardown();
}

static void nothing_waits_for_the_bus_to_come_back(void)
{
	DBusMessage *reply;

	setup();
	lose();
	CHECK(!xcpbus_is_connected(client));
	CHECK(xcpbus_call_method(client, &target, "Poke", &reply, &error, "") == -ENOTCONN);
	CHECK(xcpbus_error_is(&error, "org.freedesktop.DBus.Error.Disconnected"));
	CHECK(xcpbus_call_method_async(client, &target, "Poke", on_answer, NULL, NULL, "") ==
	      -ENOTCONN);
	CHECK(xcpbus_emit(client, PATH, IFACE, "Signal", "") == -ENOTCONN);
	CHECK(xcpbus_request_name(client, "a.b", 0, &error) == -ENOTCONN);
	CHECK(xcpbus_subscribe(client, "member='x'", on_signal, NULL, NULL, &error) == -ENOTCONN);
	CHECK(xcpbus_watch_name(client, NAME, on_owner, NULL, NULL) == -ENOTCONN);
	CHECK(xcpbus_changed(service, PATH, IFACE, NULL) == -ENOTCONN);
	CHECK(xcpbus_flush(client, 0) == -ENOTCONN);
	CHECK(xcpbus_process(client) >= 0 && xcpbus_get_timeout(client) >= 0);
	come_back();
	CHECK(xcpbus_call_method(client,
				 &(struct xcpbus_target){ "org.freedesktop.DBus", "/", NULL, 0 },
				 "GetId", &reply, &error, "") == 0);
	dbus_message_unref(reply);
	teardown();
}

static void attempts_are_reported(void)
{
	setup();
	lose();
	turn_until(has_retried);
	CHECK(client_log.lost == 1 && client_log.back == 0);
	CHECK(strstr(client_log.last.message, "refused") ||
	      strstr(client_log.last.message, "No such file"));
	come_back();
	poke();
	teardown();
}

static void a_name_that_is_taken_is_complained_about(void)
{
	struct xcpbus *thief = NULL;

	setup();
	lose();
	bus_fixture_run_again(&fixture);
	CHECK(xcpbus_connect(fixture.address, 0, &thief, &error) == 0);
	CHECK(xcpbus_request_name(thief, NAME, 0, &error) == XCPBUS_NAME_PRIMARY_OWNER);
	turn_until(is_back);
	CHECK(service_log.has_complaint && !client_log.has_complaint);
	CHECK(strstr(service_log.last.message, NAME) &&
	      strstr(service_log.last.message, "somebody else"));
	xcpbus_free(thief); /* the service is in the queue */
	client_log.back = 0;
	CHECK(xcpbus_watch_name(client, NAME, on_owner, NULL, NULL) == 0);
	while (!strstr(owners, "service ")) {
		CHECK(xcpbus_wait(client, 20000) == 1 || xcpbus_get_timeout(client) == 0);
		CHECK(xcpbus_process(client) == 0);
	}
	poke();
	teardown();
}

static void released_names_and_freed_subscriptions_stay_so(void)
{
	struct xcpbus_slot *slot;

	setup();
	CHECK(xcpbus_subscribe(client, "interface='" IFACE "'", on_signal, NULL, &slot, &error) ==
	      0);
	CHECK(xcpbus_request_name(service, "org.xen.xcp.short", 0, &error) == 1);
	CHECK(xcpbus_release_name(service, "org.xen.xcp.short", &error) == 1);
	lose();
	xcpbus_slot_free(slot);
	CHECK(xcpbus_release_name(service, NAME, &error) == -ENOTCONN);
	come_back();
	CHECK(xcpbus_request_name(client, NAME, 0, &error) == XCPBUS_NAME_PRIMARY_OWNER);
	CHECK(xcpbus_request_name(client, "org.xen.xcp.short", 0, &error) == 1);
	CHECK(xcpbus_emit(service, PATH, IFACE, "Signal", "") == 0);
	CHECK(signals == 0);
	teardown();
}

static bool has_seen_all(void)
{
	return !strcmp(owners, "service none service none ") ||
	       !strcmp(owners, "service none none service none ");
}

static void a_watcher_follows_the_owner(void)
{
	struct xcpbus_slot *slot, *unused;

	setup();
	CHECK(xcpbus_watch_name(client, "no name", on_owner, NULL, NULL) == -EINVAL);
	CHECK(xcpbus_watch_name(client, NAME, on_owner, NULL, &slot) == 0);
	CHECK(xcpbus_watch_name(client, NAME, on_owner, NULL, &unused) == 0);
	xcpbus_slot_free(unused);
	CHECK(!owners[0]); /* nothing before xcpbus_process */
	poke();
	CHECK(!strcmp(owners, "service "));
	lose();
	CHECK(!strcmp(owners, "service none "));
	come_back();
	poke();
	CHECK(xcpbus_release_name(service, NAME, &error) == 1);
	turn_until(has_seen_all);
	slot = xcpbus_slot_free(slot);
	CHECK(xcpbus_watch_name(client, "org.freedesktop.DBus", on_owner, NULL, NULL) == 0);
	teardown();
}

static bool has_first(void)
{
	return owners[0];
}

static void a_second_watcher_is_told_too(void)
{
	setup();
	CHECK(xcpbus_watch_name(client, NAME, on_owner, NULL, NULL) == 0);
	turn_until(has_first);
	CHECK(xcpbus_watch_name(client, NAME, on_owner, NULL, NULL) == 0);
	owners[0] = '\0';
	CHECK(xcpbus_get_timeout(client) == 0);
	turn_until(has_first);
	CHECK(!strcmp(owners, "service "));
	teardown();
}

/* ---- keepalive ---- */

static bool is_client_lost(void)
{
	return client_log.lost > 0;
}

static bool is_client_back(void)
{
	return client_log.back > 0;
}

static void a_bus_that_says_nothing_is_lost(void)
{
	setup();
	service = xcpbus_free(service);
	CHECK(xcpbus_set_keepalive(client, -1) == -EINVAL);
	CHECK(xcpbus_set_keepalive(client, 50) == 0);
	CHECK(xcpbus_get_timeout(client) <= 50);
	kill(fixture.pid, SIGSTOP);
	turn_until(is_client_lost);
	CHECK(xcpbus_error_is(&client_log.last, "org.freedesktop.DBus.Error.Timeout"));
	CHECK(strstr(client_log.last.message, "does not answer"));
	/* The next connection must not be lost because the machine is slow. */
	CHECK(xcpbus_set_keepalive(client, 20000) == 0);
	kill(fixture.pid, SIGCONT);
	turn_until(is_client_back);
	teardown();
}

static unsigned intervals;

static bool has_slept_on(void)
{
	return intervals++ > 20;
}

static void a_bus_that_answers_is_not(void)
{
	setup();
	CHECK(xcpbus_set_keepalive(client, 20) == 0);
	/* Each turn is about one interval, or one answer. */
	intervals = 0;
	turn_until(has_slept_on);
	CHECK(xcpbus_set_keepalive(client, 0) == 0);
	if (client_log.lost > client_log.back) /* on a machine that stood still for that long */
		turn_until(is_client_back);
	poke();
	teardown();
}

/* ---- the program's doings ---- */

static void free_the_bus(struct xcpbus *bus, int event, const struct xcpbus_error *why, void *data)
{
	(void)why;
	if (event == *(int *)data)
		client = xcpbus_free(bus);
}

static bool is_client_gone(void)
{
	return !client;
}

static void the_connection_may_be_freed_in_every_event(void)
{
	for (int event = XCPBUS_LOST; event <= XCPBUS_RECONNECTED; event++) {
		setup();
		CHECK(xcpbus_call_method_async(client, &target, "Keep", on_answer, NULL, NULL,
					       "") == 0);
		CHECK(xcpbus_on_reconnect(client, free_the_bus, &event, NULL) == 0);
		CHECK(xcpbus_on_reconnect(client, on_reconnect, &client_log, NULL) == 0);
		turn_until(has_kept);
		bus_fixture_kill(&fixture);
		if (event == XCPBUS_RECONNECTED) {
			turn_until(is_lost);
			bus_fixture_run_again(&fixture);
		}
		while (client) {
			struct xcpbus *bus = client;

			xcpbus_process(bus);
			if (client)
				xcpbus_wait(bus, 20000);
		}
		CHECK(is_client_gone());
		xcpbus_reply(kept, "");
		teardown();
	}
}

static int over;

static void on_end(struct xcpbus *bus, int failure, void *data)
{
	(void)data;
	CHECK(!xcpbus_is_connected(bus));
	over = failure;
}

static void it_can_be_given_up(void)
{
	setup();
	over = 0;
	CHECK(xcpbus_set_reconnect(client, true, -1) == -EINVAL);
	CHECK(xcpbus_on_disconnect(client, on_end, NULL, NULL) == 0);
	lose();
	CHECK(over == 0);
	CHECK(xcpbus_set_reconnect(client, false, 0) == 0);
	CHECK(xcpbus_get_timeout(client) == 0);
	CHECK(xcpbus_process(client) == -ENOTCONN && over == -ENOTCONN);
	CHECK(xcpbus_set_reconnect(client, true, 0) == -ENOTCONN);
	CHECK(xcpbus_get_fd(client) == -ENOTCONN && xcpbus_get_timeout(client) == -1);
	teardown();
}

static void libevent_turns_it(void)
{
	struct event_base *base = event_base_new();

	setup();
	CHECK(xcpbus_attach_event_base(client, base) == 0);
	CHECK(xcpbus_attach_event_base(service, base) == 0);
	for (unsigned round = 1; round <= 3; round++) {
		bus_fixture_kill(&fixture);
		while (client_log.lost < round || service_log.lost < round)
			CHECK(event_base_loop(base, EVLOOP_ONCE) == 0);
		bus_fixture_run_again(&fixture);
		while (client_log.back < round || service_log.back < round)
			CHECK(event_base_loop(base, EVLOOP_ONCE) == 0);
		answer.count = 0;
		CHECK(xcpbus_call_method_async(client, &target, "Poke", on_answer, NULL, NULL,
					       "") == 0);
		while (!answer.count)
			CHECK(event_base_loop(base, EVLOOP_ONCE) == 0);
		CHECK(answer.is_good);
	}
	teardown();
	CHECK(event_base_loop(base, EVLOOP_NONBLOCK) == 1); /* nothing is registered any more */
	event_base_free(base);
}

int main(void)
{
	RUN(names_signals_and_exports_are_there_again);
	RUN(calls_under_way_end_with_an_error);
	RUN(nothing_waits_for_the_bus_to_come_back);
	RUN(attempts_are_reported);
	RUN(a_name_that_is_taken_is_complained_about);
	RUN(released_names_and_freed_subscriptions_stay_so);
	RUN(a_watcher_follows_the_owner);
	RUN(a_second_watcher_is_told_too);
	RUN(a_bus_that_says_nothing_is_lost);
	RUN(a_bus_that_answers_is_not);
	RUN(the_connection_may_be_freed_in_every_event);
	RUN(it_can_be_given_up);
	RUN(libevent_turns_it);
	return test_finish();
}
