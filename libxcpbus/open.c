/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first time: xcpbus_connect waits. What comes back by itself later is in reconnect.c. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/address.h"
#include "common/bus-finder.h"
#include "common/cleanup.h"
#include "libxcpbus/private.h"

#define DEFAULT_SOCKET "/run/xcp-bus/bus"

static const char default_ring[] = "vchan:";
static const char default_list[] = "unix:path=" DEFAULT_SOCKET ";vchan:";

enum { WAIT_FIRST_MS = 100, WAIT_MAX_MS = 2000 }; /* between two attempts, of xcpbus_connect_wait */

static int wait_for_dial(struct dial *dial, int64_t deadline, struct xcpbus_error *error)
{
	struct pollfd fd;
	int r, own, left;

	while ((r = dial_run(dial, error)) == 0) {
		left = time_left_ms(deadline);
		if (!left)
			return dial_timed_out(dial, error);
		own = dial_timeout_ms(dial);
		fd = (struct pollfd){ .fd = dial_fd(dial), .events = dial_events(dial) };
		poll(&fd, 1, own >= 0 && own < left ? own : left);
	}
	return r;
}

static int say_hello(struct xcpbus *bus, int64_t deadline, struct xcpbus_error *error)
{
	DBusMessage *reply, *hello = call_to_bus("Hello", "");
	int left = time_left_ms(deadline), r;

	if (!hello)
		return error_fail(error, -ENOMEM, "out of memory");
	bus->state = LINK_UP; /* nobody else can send anything yet */
	r = xcpbus_call(bus, hello, left ? left : 1, &reply, error);
	dbus_message_unref(hello);
	if (r < 0)
		return r;
	r = bus_set_name(bus, reply);
	dbus_message_unref(reply);
	if (r == -ENOMEM)
		return error_fail(error, r, "out of memory");
	return r < 0 ? error_fail(error, r, "the bus's answer to Hello makes no sense") : 0;
}

static int connect_one(struct xcpbus *bus, int64_t deadline, struct xcpbus_error *error)
{
	struct dial *dial = dial_new(&bus->addresses[bus->address_index], &bus->finder);
	int r;

	if (!dial)
		return error_fail(error, -ENOMEM, "out of memory");
	r = wait_for_dial(dial, deadline, error);
	if (r >= 0) {
		r = bus_set_stream(bus, dial);
		if (r < 0)
			error_fail(error, r, "%s", strerror(-r));
	}
	dial_free(dial);
	if (r >= 0)
		r = say_hello(bus, deadline, error);
	if (r < 0)
		io_reset(bus);
	return r;
}

static const char *default_address(void)
{
	const char *address = secure_getenv("XCP_BUS_ADDRESS");

	if (address && *address)
		return address;
	return access(DEFAULT_SOCKET, F_OK) == 0 ? "unix:path=" DEFAULT_SOCKET : default_ring;
}

/* Who named no bus is told why it was this one. */
static void explain_default(struct xcpbus_error *error)
{
	size_t used;

	if (!error)
		return;
	used = strlen(error->message);
	snprintf(error->message + used, sizeof(error->message) - used,
		 " (XCP_BUS_ADDRESS is not set, and there is no " DEFAULT_SOCKET ")");
}

static int connect_any(struct xcpbus *bus, int64_t deadline, struct xcpbus_error *error)
{
	struct xcpbus_error reasons = { 0 }, last;
	int r = 0;

	for (bus->address_index = 0; bus->address_index < bus->address_count;
	     bus->address_index++) {
		r = connect_one(bus, deadline, &last);
		if (r == 0)
			return 0;
		dial_explain(&reasons, &bus->addresses[bus->address_index], &last);
	}
	if (error)
		*error = reasons;
	return r;
}

/* libdbus does it as well, at its first lock, but looks without one whether it has been done. */
static void init_libdbus(void)
{
	dbus_threads_init_default();
}

static int open_bus(const char *text, struct xcpbus **out, struct xcpbus_error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct address list[ADDRESS_LIST_MAX];
	char why[ADDRESS_WHY_MAX];
	int count = address_parse(text, list, why);

	pthread_once(&once, init_libdbus);
	if (count < 0)
		return error_fail(error, count, "bad bus address '%.300s': %s", text, why);
	*out = bus_new(list, count);
	return *out ? 0 : error_fail(error, -ENOMEM, "out of memory");
}

int xcpbus_connect(const char *address, int timeout_ms, struct xcpbus **out,
		   struct xcpbus_error *error)
{
	int64_t deadline = now_ms() + (timeout_ms > 0 ? timeout_ms : CONNECT_TIMEOUT_MS);
	const char *text = address ? address : default_address();
	struct xcpbus *bus;
	int r = open_bus(text, &bus, error);

	if (r < 0)
		return r;
	r = connect_any(bus, deadline, error);
	if (r < 0 && text == default_ring)
		explain_default(error);
	if (r < 0)
		xcpbus_free(bus);
	else
		*out = bus;
	return r;
}

/* Until there may be a bus, but not for longer than until the deadline. */
static void wait_for_bus(struct xcpbus *bus, int pause_ms, int64_t deadline)
{
	struct pollfd fd = { .fd = bus->finder ? bus_finder_fd(bus->finder) : -1,
			     .events = POLLIN };
	int64_t end = now_ms() + pause_ms;
	struct bus_place place;

	if (deadline < end)
		end = deadline;
	while (time_left_ms(end) && poll(&fd, 1, time_left_ms(end)) > 0) {
		bus_finder_look(bus->finder, &place);
		if (place.found == BUS_FOUND)
			return;
	}
}

int xcpbus_connect_wait(const char *address, int timeout_ms, struct xcpbus **out,
			struct xcpbus_error *error)
{
	int64_t deadline = timeout_ms > 0 ? now_ms() + timeout_ms : INT64_MAX, one;
	const char *text = address ? address : secure_getenv("XCP_BUS_ADDRESS");
	int pause_ms = WAIT_FIRST_MS, r;
	struct xcpbus *bus;

	/* In a guest as in dom0, and with an agent that starts later. */
	r = open_bus(text && *text ? text : default_list, &bus, error);
	if (r < 0)
		return r;
	for (;;) {
		one = now_ms() + CONNECT_TIMEOUT_MS;
		r = connect_any(bus, one < deadline ? one : deadline, error);
		if (r == 0 || !time_left_ms(deadline))
			break;
		wait_for_bus(bus, pause_ms, deadline);
		pause_ms = pause_ms < WAIT_MAX_MS / 2 ? pause_ms * 2 : WAIT_MAX_MS;
	}
	if (r < 0)
		xcpbus_free(bus);
	else
		*out = bus;
	return r;
}
