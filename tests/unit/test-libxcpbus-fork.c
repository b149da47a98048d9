/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection in a child that was forked: it can do nothing there, says so, and goes on in its
 * parent as if nothing had been. Also run on a ring, whose memory both of them have. */
#include "libxcpbus/xcpbus.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>

#include "tests/unit/bus-fixture.h"
#include "tests/unit/test.h"

#define NAME "org.xen.xcp.test1.Fork"
#define PATH "/org/xen/xcp/test"
#define IFACE "org.xen.xcp.test.Fork1"

static struct bus_fixture fixture;
static struct xcpbus *bus;
static struct xcpbus_slot *subscription;
static struct xcpbus_invocation *kept;
static int heard, calls;
static int (*in_handler)(void); /* what a call makes the service do */
static pid_t child;

static void on_signal(struct xcpbus *unused, DBusMessage *message, void *data)
{
	(void)unused;
	(void)message;
	(void)data;
	heard++;
}

static int on_call(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	calls++;
	if (in_handler)
		return in_handler();
	xcpbus_keep(call);
	kept = call;
	return 0;
}

static const struct xcpbus_method methods[] = { { "Keep", "", "", on_call, .in_names = NULL },
						{ 0 } };
static const struct xcpbus_interface interface = { IFACE, .methods = methods };

static void on_answer(struct xcpbus *unused, DBusMessage *reply, const struct xcpbus_error *error,
		      void *data)
{
	(void)unused;
	(void)error;
	*(int *)data = reply ? 1 : -1;
}

/* Until it is not 0. */
static bool turn_until(const int *what)
{
	while (!*what && xcpbus_process(bus) >= 0 && (*what || xcpbus_wait(bus, 20000) > 0))
		;
	return *what == 1;
}

static bool ping(void)
{
	static const struct xcpbus_target target = { "org.freedesktop.DBus",
						     "/org/freedesktop/DBus",
						     "org.freedesktop.DBus.Peer", 0 };

	return xcpbus_call_method(bus, &target, "Ping", NULL, NULL, NULL) >= 0;
}

static int call_ourselves(int *answered)
{
	const struct xcpbus_target target = { xcpbus_unique_name(bus), PATH, IFACE, 0 };

	*answered = 0;
	return xcpbus_call_method_async(bus, &target, "Keep", on_answer, answered, NULL, NULL);
}

static void setup(void)
{
	calls = heard = 0;
	in_handler = NULL;
	CHECK(xcpbus_connect(fixture.address, 0, &bus, NULL) >= 0);
	CHECK(xcpbus_export(bus, PATH, &interface, NULL, NULL) >= 0);
	CHECK(xcpbus_subscribe(bus, "type='signal',interface='" IFACE "'", on_signal, NULL,
			       &subscription, NULL) >= 0);
}

/* 0, or the line of what the child could do. */
#define REFUSED(what)                                                                              \
	do {                                                                                       \
		if ((what) != -ECHILD)                                                             \
			return __LINE__ % 250;                                                     \
	} while (0)

static int try_all(void)
{
	static const struct xcpbus_target target = { "org.freedesktop.DBus", "/", NULL, 0 };
	struct xcpbus_error error;
	DBusMessage *message;

	REFUSED(xcpbus_process(bus));
	REFUSED(xcpbus_wait(bus, -1));
	REFUSED(xcpbus_flush(bus, 0));
	REFUSED(xcpbus_get_fd(bus));
	REFUSED(xcpbus_emit(bus, PATH, IFACE, "FromChild", ""));
	REFUSED(xcpbus_request_name(bus, NAME, 0, NULL));
	REFUSED(xcpbus_release_name(bus, NAME, NULL));
	REFUSED(xcpbus_subscribe(bus, "type='signal'", on_signal, NULL, NULL, NULL));
	REFUSED(xcpbus_watch_name(bus, NAME, NULL, NULL, NULL));
	REFUSED(xcpbus_become_monitor(bus, NULL, 0, on_signal, NULL, NULL));
	REFUSED(xcpbus_attach_event_base(bus, NULL));
	REFUSED(xcpbus_call_method_async(bus, &target, "X", on_answer, NULL, NULL, NULL));
	REFUSED(xcpbus_call_method(bus, &target, "X", NULL, &error, NULL));
	if (strcmp(error.name, "org.freedesktop.DBus.Error.Disconnected") ||
	    !strstr(error.message, "forked") || xcpbus_is_connected(bus) ||
	    xcpbus_get_events(bus) || xcpbus_get_timeout(bus))
		return __LINE__ % 250;
	if (xcpbus_new_call(&target, "X", &message) < 0)
		return __LINE__ % 250;
	REFUSED(xcpbus_send(bus, message));
	if (kept)
		REFUSED(xcpbus_reply(kept, ""));
	subscription = xcpbus_slot_free(subscription);
	bus = xcpbus_free(bus);
	return heard || calls != (kept != NULL) ? __LINE__ % 250 : 0;
}

static bool is_left_alone(int (*what)(void))
{
	int status;

	child = fork();
	if (!child)
		_exit(what());
	return waitpid(child, &status, 0) == child && status == 0;
}

static void a_child_can_do_nothing_with_it(void)
{
	int answered;

	setup();
	CHECK(call_ourselves(&answered) >= 0);
	CHECK(turn_until(&calls));
	CHECK(is_left_alone(try_all));
	/* The parent has everything as before. */
	CHECK(ping() && xcpbus_reply(kept, "") >= 0 && turn_until(&answered));
	CHECK(xcpbus_emit(bus, PATH, IFACE, "FromParent", "") >= 0);
	CHECK(turn_until(&heard));
	kept = NULL;
	bus = xcpbus_free(bus);
}

static int fork_in_handler(void)
{
	child = fork();
	return 0; /* both come back into the library */
}

/* The child leaves the handler, too, and must not send the answer a second time. */
static void a_child_of_a_handler_can_do_nothing(void)
{
	int answered, status, r = 0;

	setup();
	child = -1;
	in_handler = fork_in_handler;
	CHECK(call_ourselves(&answered) >= 0);
	while (child < 0 && (r = xcpbus_process(bus)) >= 0 && child < 0)
		xcpbus_wait(bus, 20000);
	if (!child) {
		xcpbus_free(bus);
		_exit(r == -ECHILD && !answered ? 0 : 1);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(turn_until(&answered) && ping());
	bus = xcpbus_free(bus);
}

static struct event_base *base;

static int turn_base(void)
{
	/* As libevent asks for, of who goes on with a loop in a child. */
	if (event_reinit(base) < 0)
		return 1;
	bus = xcpbus_free(bus);
	/* It is readable, and nothing is done about that; then there is nothing to wait for. */
	return event_base_dispatch(base) == 1 ? 0 : 2;
}

static void a_loop_in_a_child_forgets_it(void)
{
	int answered;

	setup();
	base = event_base_new();
	CHECK(xcpbus_attach_event_base(bus, base) >= 0);
	CHECK(call_ourselves(&answered) >= 0);
	struct pollfd fd = { .fd = xcpbus_get_fd(bus), .events = POLLIN };
	CHECK(poll(&fd, 1, 20000) == 1);
	CHECK(is_left_alone(turn_base));
	while (!kept)
		CHECK(event_base_loop(base, EVLOOP_ONCE) == 0);
	CHECK(xcpbus_reply(kept, "") >= 0);
	while (!answered)
		CHECK(event_base_loop(base, EVLOOP_ONCE) == 0);
	CHECK(answered == 1 && ping());
	kept = NULL;
	bus = xcpbus_free(bus);
	event_base_free(base);
}

static int connect_anew(void)
{
	struct xcpbus *mine;
	bool is_good;

	xcpbus_free(bus);
	if (xcpbus_connect(fixture.address, 0, &mine, NULL) < 0)
		return 1;
	bus = mine;
	is_good = ping();
	xcpbus_free(mine);
	return is_good ? 0 : 2;
}

static void a_child_makes_a_connection_of_its_own(void)
{
	setup();
	CHECK(is_left_alone(connect_anew));
	CHECK(ping());
	bus = xcpbus_free(bus);
}

static void on_owner(struct xcpbus *unused, const char *name, const char *owner, void *data)
{
	(void)unused;
	(void)name;
	*(int *)data = !*owner;
}

/* What a child can do that stays when its parent ends; each echoes what comes from in. */
typedef void stay_fn(struct xcpbus *parents, int in, int out);

static void free_and_stay(struct xcpbus *parents, int in, int out)
{
	char byte;

	xcpbus_free(parents);
	while (read(in, &byte, 1) == 1 && write(out, &byte, 1) == 1)
		;
}

static void exec_and_stay(struct xcpbus *parents, int in, int out)
{
	(void)parents;
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	execl("/bin/sh", "sh", "-c", "exec cat", NULL);
}

/* A program that has a name, and such a child. */
static void own_and_fork(stay_fn *stay, int in, int out)
{
	struct xcpbus *mine;

	if (xcpbus_connect(fixture.address, 0, &mine, NULL) < 0 ||
	    xcpbus_request_name(mine, NAME, 0, NULL) < 0)
		_exit(1);
	if (fork())
		pause();
	stay(mine, in, out);
	_exit(0);
}

/* The bus sees the program end. */
static void is_ended(stay_fn *stay)
{
	int to[2], from[2], is_free = 0;
	char byte = 0;

	setup();
	CHECK(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
	child = fork();
	if (!child) {
		close(to[1]);
		own_and_fork(stay, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	CHECK(write(to[1], "x", 1) == 1 && read(from[0], &byte, 1) == 1 && byte == 'x');
	CHECK(xcpbus_watch_name(bus, NAME, on_owner, &is_free, NULL) >= 0);
	CHECK(ping() && xcpbus_process(bus) >= 0 && !is_free);
	CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
	CHECK(turn_until(&is_free));
	CHECK(write(to[1], "y", 1) == 1 && read(from[0], &byte, 1) == 1 && byte == 'y');
	close(to[1]);
	CHECK(read(from[0], &byte, 1) == 0);
	close(from[0]);
	bus = xcpbus_free(bus);
}

static void a_child_that_stays_does_not_keep_it_alive(void)
{
	is_ended(free_and_stay);
}

static void nor_does_a_program_that_it_has_run(void)
{
	is_ended(exec_and_stay);
}

int main(void)
{
	bus_fixture_start(&fixture);
	RUN(a_child_can_do_nothing_with_it);
	RUN(a_child_of_a_handler_can_do_nothing);
	RUN(a_loop_in_a_child_forgets_it);
	RUN(a_child_makes_a_connection_of_its_own);
	RUN(a_child_that_stays_does_not_keep_it_alive);
	RUN(nor_does_a_program_that_it_has_run);
	bus_fixture_stop(&fixture);
	return test_finish();
}
