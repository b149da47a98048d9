/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls between a client and a service that live in this process, over a real bus. */
#include "libxcpbus/xcpbus.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <sys/socket.h>

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

static int on_echo(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	const char *text;

	CHECK(data == &fixture);
	CHECK(xcpbus_read(message, "s", &text) == 0);
	return xcpbus_reply(call, "s", text);
}

static int on_bulk(struct xcpbus_invocation *call, DBusMessage *message, void *data)
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

static int on_fail(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	return xcpbus_reply_error(call, "org.xen.xcp.Error.NoSuchVm", "no VM '%s'", "x");
}

static int on_errno(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)call;
	(void)message;
	(void)data;
	return -EACCES;
}

static int on_poke(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)call;
	(void)message;
	(void)data;
	pokes++;
	return 0;
}

static int on_forget(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)call;
	(void)message;
	(void)data;
	return 0; /* although it promises a result */
}

static int on_keep(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	kept = call;
	xcpbus_keep(call);
	return 0;
}

static int on_lie(struct xcpbus_invocation *call, DBusMessage *message, void *data)
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
static void turn_until(const bool *done)
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

static void teardown(void)
{
	client = xcpbus_free(client);
	service = xcpbus_free(service);
}

static void setup(void)
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

static void on_answer(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *failure,
		      void *data)
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
static struct answer ask(const char *member, const char *signature, const char *text)
{
	struct answer answer = { 0 };

	CHECK(xcpbus_call_method_async(client, &target, member, on_answer, &answer, NULL, signature,
				       text) == 0);
	turn_until(&answer.is_done);
	CHECK(answer.count == 1);
	return answer;
}

static bool is_error(const struct answer *answer, const char *name, const char *part)
{
	bool is = !answer->reply && xcpbus_error_is(&answer->error, name) &&
		  strstr(answer->error.message, part);

	if (!is)
		fprintf(stderr, "%s: %s\n", answer->error.name, answer->error.message);
	return is;
}

/* ---- tests ---- */

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

static void a_kept_call_survives_its_connection(void)
{
	struct answer answer = { 0 };
	struct xcpbus_slot *slot;

	setup();
	CHECK(xcpbus_call_method_async(client, &target, "Keep", on_answer, &answer, &slot, "") ==
	      0);
	kept = NULL;
	while (!kept) {
		CHECK(xcpbus_wait(service, 20000) == 1);
		CHECK(xcpbus_process(service) >= 0);
	}
	teardown();
	CHECK(!xcpbus_invocation_bus(kept));
	CHECK(xcpbus_reply(kept, "s", "to nobody") == -ENOTCONN);
	CHECK(answer.count == 0);
}

static void a_freed_slot_is_silent(void)
{
	struct answer cancelled = { 0 }, other;
	struct xcpbus_slot *slot;

	setup();
	CHECK(xcpbus_call_method_async(client, &target, "Echo", on_answer, &cancelled, &slot, "s",
				       "x") == 0);
	CHECK(xcpbus_slot_free(slot) == NULL);
	other = ask("Echo", "s", "y");
	CHECK(cancelled.count == 0);
	dbus_message_unref(other.reply);
	CHECK(xcpbus_slot_free(NULL) == NULL);
	teardown();
}

static struct xcpbus_slot *own_slot;
static bool is_own_done;

static void free_own_slot(struct xcpbus *bus, DBusMessage *reply,
			  const struct xcpbus_error *failure, void *data)
{
	(void)bus;
	(void)reply;
	(void)failure;
	(void)data;
	own_slot = xcpbus_slot_free(own_slot);
	is_own_done = true;
}

static void a_slot_can_be_freed_by_its_callback(void)
{
	setup();
	is_own_done = false;
	CHECK(xcpbus_call_method_async(client, &target, "Poke", free_own_slot, NULL, &own_slot,
				       "") == 0);
	turn_until(&is_own_done);
	teardown();
}

static void a_slot_that_is_kept_can_be_freed_after_the_answer(void)
{
	struct answer answer = { 0 };
	struct xcpbus_slot *slot, *left;

	setup();
	CHECK(xcpbus_call_method_async(client, &target, "Poke", on_answer, &answer, &slot, "") ==
	      0);
	CHECK(xcpbus_call_method_async(client, &target, "Poke", on_answer, &answer, &left, "") ==
	      0);
	while (answer.count < 2) {
		answer.is_done = false;
		turn_until(&answer.is_done);
	}
	dbus_message_unref(answer.reply);
	xcpbus_slot_free(slot);
	teardown(); /* frees the other */
}

static void free_the_bus(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *failure,
			 void *data)
{
	(void)reply;
	(void)failure;
	(void)data;
	CHECK(xcpbus_process(bus) == -EDEADLK);
	client = xcpbus_free(bus);
	is_own_done = true;
}

static void a_connection_can_be_freed_by_a_callback(void)
{
	struct answer never = { 0 };
	struct xcpbus *dying;

	setup();
	dying = client;
	is_own_done = false;
	CHECK(xcpbus_call_method_async(client, &target, "Poke", free_the_bus, NULL, NULL, "") == 0);
	CHECK(xcpbus_call_method_async(client, &target, "Poke", on_answer, &never, NULL, "") == 0);
	while (!is_own_done) {
		CHECK(xcpbus_process(service) >= 0);
		if (xcpbus_process(dying) < 0)
			break;
		CHECK(xcpbus_wait(service, 10) >= 0);
	}
	CHECK(is_own_done && never.count == 0);
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
	RUN(a_call_is_answered);
	RUN(errors_come_back);
	RUN(wrong_calls_are_refused);
	RUN(a_call_without_interface_finds_its_method);
	RUN(a_blocking_call_waits_for_its_answer);
	RUN(a_call_has_a_deadline);
	RUN(an_answer_can_be_given_later);
	RUN(a_kept_call_survives_its_connection);
	RUN(a_freed_slot_is_silent);
	RUN(a_slot_can_be_freed_by_its_callback);
	RUN(a_slot_that_is_kept_can_be_freed_after_the_answer);
	RUN(a_connection_can_be_freed_by_a_callback);
	RUN(many_calls_are_under_way_at_once);
	RUN(a_large_message_passes);
	RUN(bad_names_are_refused_before_they_are_sent);
	RUN(names_are_owned_and_released);
	RUN(the_end_of_the_bus_is_reported);
	RUN(libevent_turns_it);
	RUN(what_is_sent_can_be_flushed);
	RUN(the_queue_has_a_limit);
	bus_fixture_stop(&fixture);
	return test_finish();
}
