/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections: how they begin and end, who turns them, what they hold. */
#include <event2/event.h>
#include <sys/socket.h>

#include "tests/unit/call-fixture.h"

static void a_connection_has_a_name_and_an_address(void)
{
	setup();
	CHECK(xcpbus_unique_name(client)[0] == ':');
	CHECK(!strcmp(xcpbus_address(client), fixture.address));
	CHECK(xcpbus_is_connected(client));
	CHECK(xcpbus_get_timeout(client) == -1 || xcpbus_get_timeout(client) == 0);
	teardown();
}

static void connecting_says_what_is_wrong(void)
{
	CHECK(xcpbus_connect("unix:path=/nonexistent/bus", 0, &client, &error) == -ENOENT);
	CHECK(strstr(error.message, "/nonexistent/bus: No such file"));
	CHECK(xcpbus_connect("tcp:host=x", 0, &client, &error) == -EINVAL);
	CHECK(strstr(error.message, "tcp:"));
	CHECK(xcpbus_connect("unix:path=/nonexistent/a;unix:path=/nonexistent/b", 0, &client,
			     &error) == -ENOENT);
	CHECK(strstr(error.message, "/a: ") &&
	      strstr(error.message, "; unix:path=/nonexistent/b: "));
	CHECK(xcpbus_connect("unix:path=/nonexistent/bus", 0, &client, NULL) == -ENOENT);
}

static void the_first_address_that_works_is_taken(void)
{
	char list[512];

	snprintf(list, sizeof(list), "unix:path=/nonexistent/bus;%s", fixture.address);
	setenv("XCP_BUS_ADDRESS", list, 1);
	CHECK(xcpbus_connect(NULL, 0, &client, &error) == 0);
	CHECK(!strcmp(xcpbus_address(client), fixture.address));
	client = xcpbus_free(client);
	unsetenv("XCP_BUS_ADDRESS");
}

static void a_silent_bus_costs_no_more_than_the_deadline(void)
{
	char address[128], directory[] = "/tmp/xcp-bus-test-XXXXXX";
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct {
		sa_family_t family;
		char path[100];
	} where = { .family = AF_UNIX };

	CHECK(mkdtemp(directory) != NULL);
	snprintf(where.path, sizeof(where.path), "%s/bus", directory);
	CHECK(bind(listener, (struct sockaddr *)&where, sizeof(where)) == 0);
	CHECK(listen(listener, 1) == 0);
	snprintf(address, sizeof(address), "unix:path=%s", where.path);
	CHECK(xcpbus_connect(address, 100, &client, &error) == -ETIMEDOUT);
	CHECK(strstr(error.message, "in time"));
	close(listener);
	unlink(where.path);
	rmdir(directory);
}

static void names_are_owned_and_released(void)
{
	setup();
	CHECK(xcpbus_request_name(client, NAME, XCPBUS_NAME_DO_NOT_QUEUE, &error) ==
	      XCPBUS_NAME_EXISTS);
	CHECK(xcpbus_request_name(client, NAME, 0, &error) == XCPBUS_NAME_IN_QUEUE);
	CHECK(xcpbus_request_name(service, NAME, 0, &error) == XCPBUS_NAME_ALREADY_OWNER);
	CHECK(xcpbus_release_name(client, "org.xen.xcp.none", &error) == XCPBUS_NAME_NON_EXISTENT);
	CHECK(xcpbus_release_name(service, NAME, &error) == XCPBUS_NAME_RELEASED);
	CHECK(xcpbus_release_name(service, NAME, &error) == XCPBUS_NAME_NOT_OWNER);
	teardown();
}

static uint32_t outcome;

static void on_outcome(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *failure,
		       void *data)
{
	(void)bus;
	CHECK(!failure && data == &outcome);
	CHECK(reply && xcpbus_read(reply, "u", &outcome) == 0);
}

static uint32_t outcome_of(int r)
{
	outcome = 0;
	CHECK(r == 0);
	while (r == 0 && !outcome)
		r = xcpbus_wait(client, -1) < 0 ? -1 : xcpbus_process(client) < 0;
	return outcome;
}

static void names_are_owned_without_waiting(void)
{
	const char *other = "org.xen.xcp.other";

	setup();
	CHECK(xcpbus_request_name_async(client, ":1.5", 0, on_outcome, NULL, NULL) == -EINVAL);
	CHECK(outcome_of(xcpbus_request_name_async(client, NAME, XCPBUS_NAME_DO_NOT_QUEUE,
						   on_outcome, &outcome, NULL)) ==
	      XCPBUS_NAME_EXISTS);
	CHECK(outcome_of(xcpbus_request_name_async(client, other, 0, on_outcome, &outcome, NULL)) ==
	      XCPBUS_NAME_PRIMARY_OWNER);
	CHECK(xcpbus_request_name(client, other, 0, &error) == XCPBUS_NAME_ALREADY_OWNER);
	CHECK(outcome_of(xcpbus_release_name_async(client, other, on_outcome, &outcome, NULL)) ==
	      XCPBUS_NAME_RELEASED);
	CHECK(xcpbus_release_name(client, other, &error) == XCPBUS_NAME_NON_EXISTENT);
	teardown();
}

static int last_failure;

static void on_end(struct xcpbus *bus, int failure, void *data)
{
	(void)data;
	CHECK(!xcpbus_is_connected(bus));
	last_failure = failure;
}

static void the_end_of_the_bus_is_reported(void)
{
	struct answer answer = { 0 };
	struct bus_fixture own;
	struct xcpbus *bus;

	bus_fixture_start(&own);
	CHECK(xcpbus_connect(own.address, 0, &bus, &error) == 0);
	client = bus;
	CHECK(xcpbus_on_disconnect(bus, on_end, NULL, NULL) == 0);
	CHECK(xcpbus_request_name(bus, "org.xen.xcp.self", 0, &error) == 1);
	CHECK(xcpbus_export(bus, PATH, &interface, &fixture, NULL) == 0);
	CHECK(xcpbus_call_method_async(
		      bus, &(struct xcpbus_target){ "org.xen.xcp.self", PATH, IFACE, 0 }, "Keep",
		      on_answer, &answer, NULL, "") == 0);
	kept = NULL;
	while (!kept) {
		CHECK(xcpbus_wait(bus, 20000) == 1);
		CHECK(xcpbus_process(bus) >= 0);
	}
	last_failure = 0;
	bus_fixture_kill(&own);
	while (xcpbus_process(bus) >= 0)
		CHECK(xcpbus_wait(bus, 20000) == 1);
	CHECK(last_failure == -EPIPE || last_failure == -ECONNRESET);
	CHECK(is_error(&answer, "org.freedesktop.DBus.Error.Disconnected", "org.xen.xcp.self"));
	CHECK(xcpbus_get_fd(bus) == -ENOTCONN && xcpbus_get_timeout(bus) == -1);
	CHECK(xcpbus_wait(bus, -1) < 0 && xcpbus_process(bus) < 0);
	CHECK(xcpbus_emit(bus, PATH, IFACE, "Signal", "") == -ENOTCONN);
	CHECK(xcpbus_call_method(bus, &target, "Echo", NULL, &error, "s", "x") == -ENOTCONN);
	CHECK(xcpbus_reply(kept, "s", "x") == -ENOTCONN);
	client = xcpbus_free(bus);
	bus_fixture_stop(&own);
}

static void stop_loop(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *failure,
		      void *data)
{
	(void)bus;
	(void)failure;
	CHECK(reply != NULL);
	event_base_loopbreak(data);
}

static void libevent_turns_it(void)
{
	struct event_base *base = event_base_new(), *other = event_base_new();
	struct answer answer = { 0 };
	struct xcpbus_target hurried = { NAME, PATH, IFACE, 20 };

	setup();
	CHECK(xcpbus_attach_event_base(client, base) == 0);
	CHECK(xcpbus_attach_event_base(service, base) == 0);
	CHECK(xcpbus_attach_event_base(service, other) == -EBUSY);
	CHECK(xcpbus_call_method_async(client, &hurried, "Keep", on_answer, &answer, NULL, "") ==
	      0);
	while (!answer.is_done)
		CHECK(event_base_loop(base, EVLOOP_ONCE) == 0);
	CHECK(is_error(&answer, "org.freedesktop.DBus.Error.NoReply", "in time"));
	xcpbus_reply(kept, "s", "");
	CHECK(xcpbus_call_method_async(client, &target, "Poke", stop_loop, base, NULL, "") == 0);
	CHECK(event_base_dispatch(base) == 0);
	is_own_done = false;
	CHECK(xcpbus_call_method_async(client, &target, "Poke", free_the_bus, NULL, NULL, "") == 0);
	while (!is_own_done)
		CHECK(event_base_loop(base, EVLOOP_ONCE) == 0);
	CHECK(xcpbus_attach_event_base(service, NULL) == 0);
	CHECK(event_base_loop(base, EVLOOP_NONBLOCK) == 1); /* nothing is registered any more */
	teardown();
	event_base_free(base);
	event_base_free(other);
}

static void what_is_sent_can_be_flushed(void)
{
	enum { SIZE = 4 * 1000 * 1000 };
	uint8_t *bytes = calloc(1, SIZE);
	DBusMessage *call;

	setup();
	CHECK(xcpbus_new_call(&(struct xcpbus_target){ xcpbus_unique_name(client), "/", NULL, 0 },
			      "Bulk", &call) == 0);
	dbus_message_append_args(call, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &bytes, SIZE,
				 DBUS_TYPE_INVALID);
	dbus_message_set_no_reply(call, true);
	for (int i = 0; i < 4; i++)
		CHECK(xcpbus_send(client, call) == 0);
	CHECK(xcpbus_flush(client, 0) == 0); /* to ourselves: it must read meanwhile */
	CHECK(xcpbus_get_events(client) == POLLIN);
	dbus_message_unref(call);
	free(bytes);
	teardown();
}

static void the_queue_has_a_limit(void)
{
	enum { SIZE = 16 * 1000 * 1000 };
	uint8_t *bytes = calloc(1, SIZE);
	DBusMessage *call;
	int r = 0, i;

	setup();
	CHECK(xcpbus_new_call(&target, "Bulk", &call) == 0);
	dbus_message_append_args(call, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &bytes, SIZE,
				 DBUS_TYPE_INVALID);
	dbus_message_set_no_reply(call, true);
	kill(fixture.pid, SIGSTOP);
	for (i = 0; i < 10 && r == 0; i++)
		r = xcpbus_send(client, call);
	CHECK(r == -ENOBUFS && i >= 3);
	CHECK(xcpbus_flush(client, 10) == -ETIMEDOUT);
	kill(fixture.pid, SIGCONT);
	dbus_message_unref(call);
	free(bytes);
	teardown();
}

int main(void)
{
	bus_fixture_start(&fixture);
	RUN(a_connection_has_a_name_and_an_address);
	RUN(connecting_says_what_is_wrong);
	RUN(the_first_address_that_works_is_taken);
	RUN(a_silent_bus_costs_no_more_than_the_deadline);
	RUN(names_are_owned_and_released);
	RUN(names_are_owned_without_waiting);
	RUN(the_end_of_the_bus_is_reported);
	RUN(libevent_turns_it);
	RUN(what_is_sent_can_be_flushed);
	RUN(the_queue_has_a_limit);
	bus_fixture_stop(&fixture);
	return test_finish();
}
