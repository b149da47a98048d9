/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/address.h"
#include "common/bus-finder.h"
#include "common/cleanup.h"
#include "common/stream-vchan.h"
#include "libxcpbus/private.h"

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

/* ---- fork ---- */

unsigned fork_count;

static void on_fork(void)
{
	fork_count++;
}

static void listen_to_forks(void)
{
	pthread_atfork(NULL, NULL, on_fork);
}

/* What tells that there is something to do with the stream. */
static int poll_fd(const struct xcpbus *bus)
{
	return bus->ring_fd >= 0 ? bus->ring_fd : stream_fd(bus->stream);
}

/* A child frees what it has of its parent's. Threads that it does not have may hold locks in there,
 * and eventfds and epoll sets are the parent's as well. So the memory stays, of which there is one
 * copy until somebody writes to it; but the bus is to see the end of the parent. */
static void leave_to_parent(const struct xcpbus *bus)
{
	if (!bus->stream)
		return;
	close(poll_fd(bus));
	if (bus->is_ring)
		stream_vchan_leave(bus->stream);
}

/* ---- life ---- */

struct xcpbus *bus_new(const struct address *addresses, int count)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct xcpbus *bus = calloc(1, sizeof(*bus));
	unsigned i;

	if (!bus)
		return NULL;
	pthread_once(&once, listen_to_forks);
	bus->forks = fork_count;
	bus->addresses = malloc((size_t)count * sizeof(*addresses));
	if (!bus->addresses) {
		free(bus);
		return NULL;
	}
	memcpy(bus->addresses, addresses, (size_t)count * sizeof(*addresses));
	bus->address_count = count;
	bus->keepalive_ms = KEEPALIVE_DEFAULT;
	bus->ring_fd = -1;
	list_init(&bus->arrived);
	list_init(&bus->outgoing);
	list_init(&bus->deadlines);
	for (i = 0; i < CALL_BUCKETS; i++)
		list_init(&bus->calls[i]);
	list_init(&bus->answered);
	list_init(&bus->subscriptions);
	list_init(&bus->matches);
	list_init(&bus->owners);
	list_init(&bus->watchers);
	list_init(&bus->names);
	list_init(&bus->reconnects);
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
	io_reset(bus);
	names_free(bus);
	if (bus->error_reply)
		dbus_message_unref(bus->error_reply);
	dial_free(bus->dial);
	bus_finder_stop(bus->finder);
	free(bus->addresses);
	free(bus->unique_name);
	free(bus->address);
	free(bus);
}

struct xcpbus *xcpbus_free(struct xcpbus *bus)
{
	if (!bus || bus->is_freed)
		return NULL;
	if (!bus_is_ours(bus)) {
		leave_to_parent(bus);
		return NULL;
	}
	bus->is_freed = true;
	bus_fail(bus, -ENOTCONN); /* so that cancelling sends nothing */
	bus->is_over = true;
	event_detach(bus);
	/* Before the calls: they cancel some of their own. */
	slot_free_all(&bus->subscriptions);
	slot_free_all(&bus->watchers);
	names_free(bus);
	slot_free_all(&bus->exports);
	slot_free_all(&bus->managers);
	slot_free_all(&bus->deadlines);
	slot_free_all(&bus->answered);
	slot_free_all(&bus->goodbyes);
	slot_free_all(&bus->reconnects);
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
	if (--bus->depth || !bus_is_ours(bus))
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
	if (!bus_is_ours(bus))
		return -ECHILD;
	return bus->failure || bus->is_freed || bus->state != LINK_UP ? -ENOTCONN : 0;
}

int bus_set_stream(struct xcpbus *bus, struct dial *dial)
{
	const struct address *address = &bus->addresses[bus->address_index];
	char text[ADDRESS_TEXT_MAX], *copy = strdup(address_format(address, text));

	if (!copy)
		return -ENOMEM;
	free(bus->address);
	bus->address = copy;
	bus->is_ring = address->kind == ADDRESS_VCHAN;
	bus->stream = dial_take(dial, &bus->has_fds);
	if (!bus->is_ring)
		bus->finder = bus_finder_stop(bus->finder);
	bus->state = LINK_GREETING;
	bus->failure = 0;
	bus->last_read_ms = now_ms();
	return keepalive_watch(bus);
}

int bus_set_name(struct xcpbus *bus, DBusMessage *hello)
{
	const char *name;
	char *copy;

	if (xcpbus_read(hello, "s", &name) < 0)
		return -EPROTO;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	free(bus->unique_name);
	bus->unique_name = copy;
	bus->state = LINK_UP;
	bus->up_since_ms = now_ms();
	return 0;
}

bool xcpbus_is_connected(const struct xcpbus *bus)
{
	return bus_check(bus) == 0;
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

void bus_end(struct xcpbus *bus)
{
	struct goodbye *goodbye;

	bus->is_over = true;
	call_fail_all(bus);
	list_for_each(goodbye, &bus->goodbyes, slot.link) {
		if (!goodbye->slot.is_dead && bus_goes_on(bus))
			goodbye->fn(bus, bus->failure, goodbye->data);
	}
}

/* ---- the loop's functions ---- */

int xcpbus_get_fd(const struct xcpbus *bus)
{
	if (!bus_is_ours(bus))
		return -ECHILD;
	if (bus->dial)
		return dial_fd(bus->dial);
	if (bus->stream)
		return bus->failure ? -ENOTCONN : poll_fd(bus);
	return bus->finder ? bus_finder_fd(bus->finder) : -ENOTCONN;
}

short xcpbus_get_events(const struct xcpbus *bus)
{
	if (!bus_is_ours(bus))
		return 0;
	if (bus->dial)
		return dial_events(bus->dial);
	if (!bus->stream)
		return bus->finder ? POLLIN : 0;
	if (bus->failure)
		return 0;
	return stream_events(bus->stream, !list_is_empty(&bus->outgoing));
}

/* -1 is never. */
static int64_t earlier(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

int xcpbus_get_timeout(const struct xcpbus *bus)
{
	int64_t deadline;

	if (!bus_is_ours(bus))
		return 0;
	if (bus->is_over)
		return -1;
	if (!bus->stream)
		return reconnect_timeout_ms(bus);
	if (bus->failure || bus->has_more || bus->has_untold || !list_is_empty(&bus->arrived))
		return 0;
	deadline = earlier(call_next_deadline(bus), changes_next_due(bus));
	deadline = earlier(deadline, keepalive_next(bus));
	return deadline < 0 ? -1 : time_left_ms(deadline);
}

enum { MONITORED = -1 }; /* no type of a message */

static void dispatch_one(struct xcpbus *bus, DBusMessage *message)
{
	bus->round++;
	switch (bus->monitor_fn ? MONITORED : dbus_message_get_type(message)) {
	case MONITORED:
		bus->monitor_fn(bus, message, bus->monitor_data);
		break;
	case DBUS_MESSAGE_TYPE_METHOD_CALL:
		service_dispatch(bus, message);
		break;
	case DBUS_MESSAGE_TYPE_METHOD_RETURN:
	case DBUS_MESSAGE_TYPE_ERROR:
		call_dispatch(bus, message);
		break;
	case DBUS_MESSAGE_TYPE_SIGNAL:
		names_dispatch(bus, message);
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

	for (count = 0; count < DISPATCH_MAX && bus_goes_on(bus); count++) {
		message = io_take_arrived(bus);
		if (!message)
			return;
		dispatch_one(bus, message);
	}
}

/* What there is to do with a stream. */
static void turn(struct xcpbus *bus)
{
	static void (*const parts[])(struct xcpbus * bus) = {
		io_read,          dispatch,      watchers_tell_new, call_expire,
		changes_tell_due, keepalive_run, io_flush,
	};
	unsigned i;

	stream_ack(bus->stream);
	for (i = 0; i < sizeof(parts) / sizeof(*parts) && bus_goes_on(bus); i++)
		parts[i](bus);
	/* What came before the end is dealt with before the end. */
	if (!bus_goes_on(bus) || !bus->failure || !list_is_empty(&bus->arrived))
		return;
	if (bus->reconnect_max_ms)
		reconnect_begin(bus);
	else
		bus_end(bus);
}

int xcpbus_process(struct xcpbus *bus)
{
	int r;

	if (!bus_is_ours(bus))
		return -ECHILD;
	if (bus->depth)
		return -EDEADLK;
	if (bus->is_over)
		return bus->failure;
	bus_enter(bus);
	if (bus->stream)
		turn(bus);
	else
		reconnect_run(bus);
	if (!bus_is_ours(bus))
		return -ECHILD;
	r = bus->is_over ? bus->failure : 0;
	if (bus->is_over)
		event_detach(bus);
	else
		event_update(bus);
	return bus_leave(bus) ? r : -ENOTCONN;
}

int bus_wait_for_io(struct xcpbus *bus, bool want_write, int64_t deadline_ms)
{
	struct pollfd fd = { .fd = poll_fd(bus), .events = stream_events(bus->stream, want_write) };
	int r;

	if (!bus->was_heard)
		keepalive_look(bus);
	bus->was_heard = false;
	if (bus->failure)
		return -ENOTCONN;
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

	if (!bus_is_ours(bus))
		return -ECHILD;
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
		r = bus_check(bus);
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
