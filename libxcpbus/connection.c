/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/address.h"
#include "common/cleanup.h"
#include "common/ring-offer.h"
#include "common/stream-unix.h"
#include "libxcpbus/private.h"

#define DEFAULT_SOCKET "/run/xcp-bus/bus"

enum { BACKLOG_RETRY_MS = 10 };

struct goodbye { /* somebody who wants to hear of the end */
	struct xcpbus_slot slot;
	xcpbus_disconnect_fn fn;
	void *data;
};

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int time_left_ms(int64_t deadline_ms)
{
	int64_t left = deadline_ms - now_ms();

	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* ---- life ---- */

static struct xcpbus *bus_new(void)
{
	struct xcpbus *bus = calloc(1, sizeof(*bus));
	unsigned i;

	if (!bus)
		return NULL;
	list_init(&bus->arrived);
	list_init(&bus->outgoing);
	list_init(&bus->deadlines);
	for (i = 0; i < CALL_BUCKETS; i++)
		list_init(&bus->calls[i]);
	list_init(&bus->answered);
	list_init(&bus->subscriptions);
	list_init(&bus->matches);
	list_init(&bus->owners);
	for (i = 0; i < OBJECT_BUCKETS; i++)
		list_init(&bus->objects[i]);
	list_init(&bus->exports);
	list_init(&bus->managers);
	list_init(&bus->changed);
	list_init(&bus->changes_end);
	list_init(&bus->invocations);
	list_init(&bus->goodbyes);
	list_init(&bus->dead);
	bus->timer_armed_ms = -1;
	return bus;
}

static void bus_destroy(struct xcpbus *bus)
{
	slot_reap(bus);
	io_deinit(bus);
	free(bus->unique_name);
	free(bus->address);
	free(bus);
}

struct xcpbus *xcpbus_free(struct xcpbus *bus)
{
	if (!bus || bus->is_freed)
		return NULL;
	bus->is_freed = true;
	bus_fail(bus, -ENOTCONN); /* so that cancelling sends nothing */
	bus->is_over = true;
	event_detach(bus);
	slot_free_all(&bus->subscriptions); /* before the calls: they cancel some of their own */
	slot_free_all(&bus->exports);
	slot_free_all(&bus->managers);
	slot_free_all(&bus->deadlines);
	slot_free_all(&bus->answered);
	slot_free_all(&bus->goodbyes);
	answer_orphan_all(bus);
	if (!bus->depth)
		bus_destroy(bus);
	return NULL;
}

void bus_enter(struct xcpbus *bus)
{
	bus->depth++;
}

bool bus_leave(struct xcpbus *bus)
{
	if (--bus->depth)
		return true;
	slot_reap(bus);
	if (!bus->is_freed)
		return true;
	bus_destroy(bus);
	return false;
}

void bus_fail(struct xcpbus *bus, int failure)
{
	if (!bus->failure)
		bus->failure = failure;
}

int bus_check(const struct xcpbus *bus)
{
	return bus->failure || bus->is_freed ? -ENOTCONN : 0;
}

/* ---- connect ---- */

static int connect_unix(const struct address *address, int64_t deadline, struct stream **out,
			struct xcpbus_error *error)
{
	int r;

	/* A full backlog is the one thing that poll cannot wait for. */
	while ((r = stream_unix_connect(address->path, address->is_abstract, out)) == -EAGAIN &&
	       time_left_ms(deadline))
		poll(NULL, 0, BACKLOG_RETRY_MS);
	return r < 0 ? error_fail(error, r, "%s", strerror(-r)) : 0;
}

static int connect_vchan(const struct address *address, int64_t deadline, struct stream **out,
			 struct xcpbus_error *error)
{
	char why[RING_OFFER_WHY_MAX];
	struct ring_offer *offer;
	struct pollfd fd;
	int r = ring_offer_start(address->domid, address->ring_size, &offer);

	if (r < 0)
		return error_fail(error, r, "a ring cannot be offered: %s", strerror(-r));
	fd = (struct pollfd){ .fd = ring_offer_fd(offer), .events = POLLIN };
	while ((r = ring_offer_take(offer, out, why)) == -EAGAIN) {
		if (!time_left_ms(deadline)) {
			ring_offer_cancel(offer);
			return error_fail(error, -ETIMEDOUT, "xenstore does not answer");
		}
		poll(&fd, 1, time_left_ms(deadline));
	}
	return r < 0 ? error_fail(error, r, "%s", why) : 0;
}

static int say_hello(struct xcpbus *bus, int64_t deadline, struct xcpbus_error *error)
{
	DBusMessage *reply, *hello = call_to_bus("Hello", "");
	int left = time_left_ms(deadline), r;
	const char *name;

	if (!hello)
		return error_fail(error, -ENOMEM, "out of memory");
	r = xcpbus_call(bus, hello, left ? left : 1, &reply, error);
	dbus_message_unref(hello);
	if (r < 0)
		return r;
	r = xcpbus_read(reply, "s", &name);
	if (r == 0)
		bus->unique_name = strdup(name);
	dbus_message_unref(reply);
	if (r < 0)
		return error_fail(error, -EPROTO, "the bus's answer to Hello makes no sense");
	return bus->unique_name ? 0 : error_fail(error, -ENOMEM, "out of memory");
}

static int connect_one(const struct address *address, int64_t deadline, struct xcpbus **out,
		       struct xcpbus_error *error)
{
	struct xcpbus *bus = bus_new();
	char text[ADDRESS_TEXT_MAX];
	int r;

	if (!bus)
		return error_fail(error, -ENOMEM, "out of memory");
	bus->address = strdup(address_format(address, text));
	if (!bus->address)
		r = error_fail(error, -ENOMEM, "out of memory");
	else if (address->kind == ADDRESS_UNIX)
		r = connect_unix(address, deadline, &bus->stream, error);
	else
		r = connect_vchan(address, deadline, &bus->stream, error);
	if (r == 0)
		r = auth_run(bus, deadline, error);
	if (r == 0)
		r = say_hello(bus, deadline, error);
	if (r < 0)
		xcpbus_free(bus);
	else
		*out = bus;
	return r;
}

static const char *default_address(void)
{
	const char *address = secure_getenv("XCP_BUS_ADDRESS");

	if (address && *address)
		return address;
	return access(DEFAULT_SOCKET, F_OK) == 0 ? "unix:path=" DEFAULT_SOCKET : "vchan:domain=0";
}

/* Every address that did not work says why. */
static void append_reason(char reasons[], size_t size, const struct address *address,
			  const struct xcpbus_error *error)
{
	char text[ADDRESS_TEXT_MAX];
	size_t used = strlen(reasons);
	int needed;

	needed = snprintf(reasons + used, size - used, "%s%s: %s", used ? "; " : "",
			  address_format(address, text), error->message);
	if (needed >= 0 && (size_t)needed >= size - used)
		strcpy(reasons + size - sizeof("..."), "...");
}

int xcpbus_connect(const char *address, int timeout_ms, struct xcpbus **out,
		   struct xcpbus_error *error)
{
	int64_t deadline = now_ms() + (timeout_ms > 0 ? timeout_ms : CONNECT_TIMEOUT_MS);
	struct address list[ADDRESS_LIST_MAX];
	char why[ADDRESS_WHY_MAX], reasons[sizeof(error->message)] = "";
	const char *text = address ? address : default_address();
	struct xcpbus_error last;
	int count = address_parse(text, list, why), i, r = 0;

	if (count < 0)
		return error_fail(error, count, "bad bus address '%.300s': %s", text, why);
	for (i = 0; i < count; i++) {
		r = connect_one(&list[i], deadline, out, &last);
		if (r == 0)
			return 0;
		append_reason(reasons, sizeof(reasons), &list[i], &last);
	}
	xcpbus_error_set(error, last.name, "%s", reasons);
	return r;
}

bool xcpbus_is_connected(const struct xcpbus *bus)
{
	return !bus->failure;
}

const char *xcpbus_unique_name(const struct xcpbus *bus)
{
	return bus->unique_name;
}

const char *xcpbus_address(const struct xcpbus *bus)
{
	return bus->address;
}

/* ---- the end ---- */

static void goodbye_free(struct xcpbus_slot *slot)
{
	free(container_of(slot, struct goodbye, slot));
}

static const struct slot_ops goodbye_ops = { .free = goodbye_free };

int xcpbus_on_disconnect(struct xcpbus *bus, xcpbus_disconnect_fn fn, void *data,
			 struct xcpbus_slot **slot)
{
	struct goodbye *goodbye;

	if (bus->is_over)
		return -ENOTCONN;
	goodbye = calloc(1, sizeof(*goodbye));
	if (!goodbye)
		return -ENOMEM;
	goodbye->fn = fn;
	goodbye->data = data;
	slot_add(&goodbye->slot, bus, &goodbye_ops, &bus->goodbyes, slot);
	return 0;
}

/* Reports the end, once. A library that reconnects would begin here. */
static void end(struct xcpbus *bus)
{
	struct goodbye *goodbye;

	bus->is_over = true;
	call_fail_all(bus);
	list_for_each(goodbye, &bus->goodbyes, slot.link) {
		if (!goodbye->slot.is_dead && !bus->is_freed)
			goodbye->fn(bus, bus->failure, goodbye->data);
	}
}

/* ---- the loop's functions ---- */

int xcpbus_get_fd(const struct xcpbus *bus)
{
	return bus->failure ? -ENOTCONN : stream_fd(bus->stream);
}

short xcpbus_get_events(const struct xcpbus *bus)
{
	return bus->failure ? 0 : stream_events(bus->stream, !list_is_empty(&bus->outgoing));
}

/* -1 is never. */
static int64_t earlier(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

int xcpbus_get_timeout(const struct xcpbus *bus)
{
	int64_t deadline;

	if (bus->is_over)
		return -1;
	if (bus->failure || bus->has_more || !list_is_empty(&bus->arrived))
		return 0;
	deadline = earlier(call_next_deadline(bus), changes_next_due(bus));
	return deadline < 0 ? -1 : time_left_ms(deadline);
}

static void dispatch_one(struct xcpbus *bus, DBusMessage *message)
{
	bus->round++;
	switch (dbus_message_get_type(message)) {
	case DBUS_MESSAGE_TYPE_METHOD_CALL:
		service_dispatch(bus, message);
		break;
	case DBUS_MESSAGE_TYPE_METHOD_RETURN:
	case DBUS_MESSAGE_TYPE_ERROR:
		call_dispatch(bus, message);
		break;
	case DBUS_MESSAGE_TYPE_SIGNAL:
		owner_dispatch(bus, message);
		subscribe_dispatch(bus, message);
		break;
	}
	dbus_message_unref(message);
}

static void dispatch(struct xcpbus *bus)
{
	DBusMessage *message;
	unsigned count;

	for (count = 0; count < DISPATCH_MAX && !bus->is_freed; count++) {
		message = io_take_arrived(bus);
		if (!message)
			return;
		dispatch_one(bus, message);
	}
}

int xcpbus_process(struct xcpbus *bus)
{
	int r;

	if (bus->depth)
		return -EDEADLK;
	if (bus->is_over)
		return bus->failure;
	bus_enter(bus);
	stream_ack(bus->stream);
	io_read(bus);
	dispatch(bus);
	if (!bus->is_freed)
		call_expire(bus);
	if (!bus->is_freed)
		changes_tell(bus, false);
	if (!bus->is_freed)
		io_flush(bus);
	/* What came before the end is dealt with before the end. */
	if (bus->failure && !bus->is_over && list_is_empty(&bus->arrived))
		end(bus);
	r = bus->is_over ? bus->failure : 0;
	if (bus->is_over)
		event_detach(bus);
	else
		event_update(bus);
	return bus_leave(bus) ? r : -ENOTCONN;
}

int bus_wait_for_io(struct xcpbus *bus, bool want_write, int64_t deadline_ms)
{
	struct pollfd fd = { .fd = stream_fd(bus->stream),
			     .events = stream_events(bus->stream, want_write) };
	int r;

	do {
		int left = time_left_ms(deadline_ms);

		if (!left)
			return -ETIMEDOUT;
		r = poll(&fd, 1, left);
		if (r < 0 && errno != EINTR)
			return -errno;
	} while (r <= 0);
	stream_ack(bus->stream);
	return 0;
}

int xcpbus_wait(struct xcpbus *bus, int timeout_ms)
{
	struct pollfd fd = { .fd = xcpbus_get_fd(bus), .events = xcpbus_get_events(bus) };
	int own = xcpbus_get_timeout(bus), r;

	if (bus->is_over)
		return bus->failure;
	if (own == 0)
		return 1;
	if (own < 0 || (timeout_ms >= 0 && timeout_ms < own))
		own = timeout_ms;
	r = poll(&fd, 1, own);
	if (r < 0 && errno != EINTR)
		return -errno;
	return r > 0 || xcpbus_get_timeout(bus) == 0;
}

int xcpbus_flush(struct xcpbus *bus, int timeout_ms)
{
	int64_t deadline = now_ms() + (timeout_ms > 0 ? timeout_ms : DEFAULT_TIMEOUT_MS);
	int r = bus_check(bus);

	if (r == 0) {
		bus_enter(bus);
		changes_tell(bus, true);
		io_flush(bus);
		if (!bus_leave(bus))
			return -ENOTCONN;
	}
	while (r == 0 && !list_is_empty(&bus->outgoing)) {
		/* Reading goes on, or two that flush at each other would wait for ever. */
		r = bus_wait_for_io(bus, true, deadline);
		if (r == 0 && bus->arrived_size < ARRIVED_WAITING_MAX)
			io_read(bus);
		else
			bus->has_more = true;
		io_flush(bus);
		if (r == 0)
			r = bus_check(bus);
	}
	event_update(bus);
	return r;
}
