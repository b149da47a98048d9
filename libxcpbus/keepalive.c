/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ring can die without a word: after a suspend and resume of the guest its pages are nobody's,
 * and no event ever comes. So when nothing was heard for a while, ask the bus for an answer. */
#include <errno.h>

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

void keepalive_heard(struct xcpbus *bus)
{
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
	int64_t next = keepalive_next(bus);
	DBusMessage *call;

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
