/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <event2/event.h>
#include <poll.h>

#include "libxcpbus/private.h"

static void on_event(evutil_socket_t fd, short what, void *data)
{
	struct xcpbus *bus = data;

	(void)fd;
	if (what & EV_TIMEOUT)
		bus->timer_armed_ms = -1;
	if (!bus_is_ours(bus))
		event_detach(bus);
	else
		xcpbus_process(bus); /* bus may be gone now */
}

void event_forget_fd(struct xcpbus *bus)
{
	if (bus->io_event && bus->io_armed)
		event_del(bus->io_event);
	bus->io_armed = 0;
}

static void arm_io(struct xcpbus *bus)
{
	short polled = xcpbus_get_events(bus);
	short wanted = EV_PERSIST;

	if (polled & POLLIN)
		wanted |= EV_READ;
	if (polled & POLLOUT)
		wanted |= EV_WRITE;
	int fd = xcpbus_get_fd(bus);

	if (fd < 0)
		wanted = EV_PERSIST;
	if (wanted == bus->io_armed && fd == bus->io_fd)
		return;
	event_forget_fd(bus);
	if (!(wanted & (EV_READ | EV_WRITE)))
		return;
	event_assign(bus->io_event, bus->base, fd, wanted, on_event, bus);
	if (event_add(bus->io_event, NULL) == 0) {
		bus->io_armed = wanted;
		bus->io_fd = fd;
	}
}

/* The timer is left alone if it goes off early enough: with a call every few microseconds it would
 * be moved all the time otherwise. */
static void arm_timer(struct xcpbus *bus)
{
	int left = xcpbus_get_timeout(bus);
	int64_t deadline;
	struct timeval time;

	if (left < 0)
		return;
	deadline = now_ms() + left;
	if (bus->timer_armed_ms >= 0 && bus->timer_armed_ms <= deadline)
		return;
	time = (struct timeval){ .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };
	if (evtimer_add(bus->timer, &time) == 0)
		bus->timer_armed_ms = deadline;
}

void event_update(struct xcpbus *bus)
{
	if (!bus->base || bus->is_over || !bus_is_ours(bus))
		return;
	arm_io(bus);
	arm_timer(bus);
}

void event_detach(struct xcpbus *bus)
{
	if (bus->io_event)
		event_free(bus->io_event);
	if (bus->timer)
		event_free(bus->timer);
	bus->io_event = bus->timer = NULL;
	bus->base = NULL;
	bus->io_armed = 0;
	bus->timer_armed_ms = -1;
}

int xcpbus_attach_event_base(struct xcpbus *bus, struct event_base *base)
{
	if (!bus_is_ours(bus))
		return -ECHILD; /* the base may be the parent's, too */
	if (!base) {
		event_detach(bus);
		return 0;
	}
	if (bus->base)
		return bus->base == base ? 0 : -EBUSY;
	if (bus->is_over)
		return -ENOTCONN;
	bus->io_event = event_new(base, -1, 0, on_event, bus);
	bus->timer = evtimer_new(base, on_event, bus);
	bus->base = base;
	if (!bus->io_event || !bus->timer) {
		event_detach(bus);
		return -ENOMEM;
	}
	event_update(bus);
	return 0;
}
