/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ring can die without a word: after a suspend and resume of the guest its pages are nobody's,
 * and no event ever comes. Of the own domain xenstore tells that. And when nothing was heard for a
 * while, ask the bus for an answer. */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/stream-vchan.h"
#include "libxcpbus/private.h"

static int interval_of(const struct xcpbus *bus)
{
	if (bus->keepalive_ms == KEEPALIVE_DEFAULT)
		return bus->is_ring ? KEEPALIVE_RING_MS : 0;
	return bus->keepalive_ms;
}

int xcpbus_set_keepalive(struct xcpbus *bus, int interval_ms)
{
	if (interval_ms < 0)
		return -EINVAL;
	bus->keepalive_ms = interval_ms;
	bus->last_read_ms = now_ms();
	event_update(bus);
	return 0;
}

int keepalive_watch(struct xcpbus *bus)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd;

	if (!bus->finder)
		return 0;
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (epoll_ctl(fd, EPOLL_CTL_ADD, stream_fd(bus->stream), &event) < 0 ||
	    epoll_ctl(fd, EPOLL_CTL_ADD, bus_finder_fd(bus->finder), &event) < 0) {
		close(fd);
		return -ENOMEM;
	}
	bus->ring_fd = fd;
	bus_finder_look(bus->finder, &bus->made);
	return 0;
}

void keepalive_look(struct xcpbus *bus)
{
	enum bus_journey journey;
	struct bus_place now;

	if (bus->ring_fd < 0 || !bus_finder_has_news(bus->finder))
		return;
	bus_finder_look(bus->finder, &now);
	journey = bus_place_journey(&bus->made, &now);
	if (bus->made.found == BUS_FOUND_NOT_YET)
		bus->made = now;
	if (journey == BUS_JOURNEY_NONE)
		return;
	if (journey == BUS_JOURNEY_MOVED)
		stream_vchan_set_dead(bus->stream);
	bus_fail(bus, -ENETRESET);
}

void keepalive_unwatch(struct xcpbus *bus)
{
	if (bus->ring_fd < 0)
		return;
	keepalive_look(bus); /* whether the ring may be closed */
	close(bus->ring_fd);
	bus->ring_fd = -1;
}

void keepalive_heard(struct xcpbus *bus)
{
	bus->was_heard = true;
	if (interval_of(bus))
		bus->last_read_ms = now_ms();
}

static void on_pong(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		    void *data)
{
	(void)reply;
	(void)data;
	bus->ping = xcpbus_slot_free(bus->ping);
	/* An error that the bus wrote is as good as an answer, and so is whatever else came. */
	if (error && xcpbus_error_is(error, BUS_ERROR("NoReply")) &&
	    now_ms() - bus->last_read_ms >= interval_of(bus))
		bus_fail(bus, -ETIMEDOUT);
}

void keepalive_run(struct xcpbus *bus)
{
	static const struct xcpbus_target target = { BUS_NAME, BUS_PATH,
						     "org.freedesktop.DBus.Peer", 0 };
	int64_t next;
	DBusMessage *call;

	if (!bus->was_heard)
		keepalive_look(bus);
	bus->was_heard = false;
	next = keepalive_next(bus);
	if (next < 0 || time_left_ms(next) || xcpbus_new_call(&target, "Ping", &call) < 0)
		return;
	call_start(bus, call, interval_of(bus), on_pong, NULL, &bus->ping);
	dbus_message_unref(call);
}

int64_t keepalive_next(const struct xcpbus *bus)
{
	int interval = interval_of(bus);

	if (!interval || bus->ping || bus->state != LINK_UP || bus->failure)
		return -1;
	return bus->last_read_ms + interval;
}
