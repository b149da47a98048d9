/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of a connection when the bus is killed and started again. */
#include <event2/event.h>

#include "tests/unit/reconnect-fixture.h"

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
	RUN(the_connection_may_be_freed_in_every_event);
	RUN(it_can_be_given_up);
	RUN(libevent_turns_it);
	return test_finish();
}
