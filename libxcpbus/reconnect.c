/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A lost connection comes back: wait, dial, say Hello, ask for names and signals again, and say so.
 * All of it happens in xcpbus_process, and nothing waits. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/address.h"
#include "common/bus-finder.h"
#include "libxcpbus/private.h"

enum {
	FIRST_PAUSE_MS = 100,
	PAUSE_MAX_DEFAULT_MS = 30 * 1000,
	DOUBLINGS_MAX = 20,
	SETTLE_MS = 2000, /* until others in this domain have let go of their dead rings as well */
};

struct reconnect {
	struct xcpbus_slot slot; /* xcpbus::reconnects */
	xcpbus_reconnect_fn fn;
	void *data;
};

/* ---- who wants to know ---- */

static void reconnect_free(struct xcpbus_slot *slot)
{
	free(container_of(slot, struct reconnect, slot));
}

static const struct slot_ops reconnect_ops = { .free = reconnect_free };

int xcpbus_on_reconnect(struct xcpbus *bus, xcpbus_reconnect_fn fn, void *data,
			struct xcpbus_slot **slot)
{
	struct reconnect *one = calloc(1, sizeof(*one));

	if (!one)
		return -ENOMEM;
	one->fn = fn;
	one->data = data;
	slot_add(&one->slot, bus, &reconnect_ops, &bus->reconnects, slot);
	return 0;
}

static void tell(struct xcpbus *bus, int event, const struct xcpbus_error *error)
{
	struct reconnect *one;

	list_for_each(one, &bus->reconnects, slot.link) {
		if (!one->slot.is_dead && bus_goes_on(bus))
			one->fn(bus, event, error, one->data);
	}
}

int xcpbus_set_reconnect(struct xcpbus *bus, bool is_wanted, int pause_max_ms)
{
	if (pause_max_ms < 0)
		return -EINVAL;
	if (bus->is_over)
		return -ENOTCONN;
	bus->reconnect_max_ms = is_wanted ? pause_max_ms : 0;
	if (is_wanted && !pause_max_ms)
		bus->reconnect_max_ms = PAUSE_MAX_DEFAULT_MS;
	event_update(bus);
	return 0;
}

void reconnect_complain(struct xcpbus *bus, const char *name, const char *format, ...)
{
	char text[sizeof(bus->complaint.message)];
	va_list args;

	if (bus->has_complaint || bus->failure)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	xcpbus_error_set(&bus->complaint, name, "%s", text);
	bus->has_complaint = true;
}

/* ---- pauses ---- */

/* From half of it to all of it: those who lost the same bus do not come back in step. */
static int jitter(int pause_ms)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint32_t)now_ms();
	return pause_ms - (int)(random % ((unsigned)pause_ms / 2 + 1));
}

/* Twice as long after each attempt. */
static void pause_until_next(struct xcpbus *bus)
{
	unsigned doublings = bus->attempts < DOUBLINGS_MAX ? bus->attempts : DOUBLINGS_MAX;
	int64_t pause = (int64_t)FIRST_PAUSE_MS << doublings;

	if (pause > bus->reconnect_max_ms)
		pause = bus->reconnect_max_ms;
	bus->attempts++;
	memset(&bus->refusal, 0, sizeof(bus->refusal));
	bus->retry_ms = now_ms() + jitter((int)pause);
	bus->state = LINK_DOWN;
	bus->failure = -ENOTCONN;
	bus->address_index = 0;
}

static void settle(struct xcpbus *bus)
{
	bus->is_settling = true;
	bus->retry_ms = now_ms() + SETTLE_MS;
}

/* ---- lost ---- */

static void explain(int failure, struct xcpbus_error *error)
{
	if (failure == -EPIPE || failure == -ECONNRESET)
		error_fail(error, failure, "the bus closed the connection");
	else if (failure == -ETIMEDOUT)
		error_fail(error, failure, "the bus does not answer any more");
	else if (failure == -ENETRESET)
		error_fail(error, failure, "this domain was suspended, and its rings are dead");
	else
		error_fail(error, failure, "the connection failed: %s", strerror(-failure));
}

static void drop_stream(struct xcpbus *bus)
{
	event_forget_fd(bus);
	io_reset(bus);
	changes_forget(bus);
	bus->generation++;
}

void reconnect_begin(struct xcpbus *bus)
{
	bool was_up = bus->state == LINK_UP, was_suspended;
	struct xcpbus_error error;

	if (bus->has_complaint && !was_up)
		error = bus->complaint; /* what came of Hello */
	else
		explain(bus->failure, &error);
	bus->has_complaint = false;
	if (was_up && now_ms() - bus->up_since_ms >= bus->reconnect_max_ms)
		bus->attempts = 0;
	bus->state = LINK_DOWN;
	call_fail_all(bus);
	if (!bus_goes_on(bus))
		return;
	was_suspended = bus->failure == -ENETRESET;
	drop_stream(bus);
	pause_until_next(bus);
	if (was_suspended)
		settle(bus);
	owners_lost(bus);
	if (!bus_goes_on(bus))
		return;
	if (bus->is_lost) {
		tell(bus, XCPBUS_RETRYING, &error);
		return;
	}
	bus->is_lost = true;
	tell(bus, XCPBUS_LOST, &error);
}

/* ---- back ---- */

static void on_restored(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
			void *data)
{
	(void)reply;
	(void)error;
	(void)data;
	if (bus->failure)
		return; /* lost again in the middle of it */
	bus->is_lost = false;
	tell(bus, XCPBUS_RECONNECTED, bus->has_complaint ? &bus->complaint : NULL);
	bus->has_complaint = false;
}

static void fail_greeting(struct xcpbus *bus, int failure, const struct xcpbus_error *error)
{
	if (bus->failure)
		return; /* the stream said it first */
	if (error)
		reconnect_complain(bus, error->name, "the bus does not greet us: %s",
				   error->message);
	bus_fail(bus, failure);
}

/* The bus answers in order, so its answer to the last call says that it has dealt with all. */
static void on_hello(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		     void *data)
{
	int r;

	(void)data;
	if (error) {
		fail_greeting(bus, -EACCES, error);
		return;
	}
	r = bus_set_name(bus, reply);
	if (r == 0) {
		owners_restore(bus);
		matches_restore(bus);
		names_restore(bus);
		r = call_bus(bus, call_to_bus("GetId", ""), on_restored, NULL, NULL);
	}
	if (r < 0)
		fail_greeting(bus, r, NULL);
}

static void greet(struct xcpbus *bus)
{
	DBusMessage *hello = call_to_bus("Hello", "");
	int r = -ENOMEM;

	bus->has_complaint = false;
	if (hello)
		r = call_start(bus, hello, CONNECT_TIMEOUT_MS, on_hello, NULL, NULL);
	if (hello)
		dbus_message_unref(hello);
	if (r < 0)
		bus_fail(bus, r);
	io_flush(bus);
}

/* ---- dialling ---- */

/* 1, 0 or a negative errno, as dial_run. */
static int dial_next(struct xcpbus *bus, struct xcpbus_error *error)
{
	int r;

	if (!bus->dial) {
		bus->dial = dial_new(&bus->addresses[bus->address_index], &bus->finder);
		if (!bus->dial)
			return error_fail(error, -ENOMEM, "out of memory");
		bus->retry_ms = now_ms() + CONNECT_TIMEOUT_MS;
		bus->is_settling = false;
	}
	r = dial_run(bus->dial, error);
	if (r == 0 && now_ms() >= bus->retry_ms)
		r = dial_timed_out(bus->dial, error);
	if (r > 0 && bus_set_stream(bus, bus->dial) < 0)
		r = error_fail(error, -ENOMEM, "out of memory");
	if (r != 0)
		bus->dial = dial_free(bus->dial);
	return r;
}

/* Who waits for a bus, however long, goes on when xenstore says that there is one. */
static bool has_bus_come(struct xcpbus *bus)
{
	struct bus_place place;

	if (!bus->finder || !bus_finder_has_news(bus->finder))
		return false;
	bus_finder_look(bus->finder, &place);
	if (bus_place_journey(&bus->made, &place) != BUS_JOURNEY_NONE) {
		bus->made = place;
		settle(bus);
	}
	if (place.found != BUS_FOUND || bus->is_settling)
		return false;
	bus->attempts = 0;
	return true;
}

void reconnect_run(struct xcpbus *bus)
{
	struct xcpbus_error error, refusal;
	int r;

	event_forget_fd(bus); /* descriptors come and go here, and their numbers come again */
	if (!bus->reconnect_max_ms) {
		bus->dial = dial_free(bus->dial);
		bus_end(bus);
		return;
	}
	if (!bus->dial && time_left_ms(bus->retry_ms) && !has_bus_come(bus))
		return;
	while ((r = dial_next(bus, &error)) < 0) {
		dial_explain(&bus->refusal, &bus->addresses[bus->address_index], &error);
		if (++bus->address_index < bus->address_count)
			continue;
		refusal = bus->refusal;
		pause_until_next(bus);
		tell(bus, XCPBUS_RETRYING, &refusal);
		return;
	}
	if (r > 0)
		greet(bus);
}

int reconnect_timeout_ms(const struct xcpbus *bus)
{
	int left = time_left_ms(bus->retry_ms), own;

	if (!bus->reconnect_max_ms)
		return 0;
	own = bus->dial ? dial_timeout_ms(bus->dial) : -1;
	return own >= 0 && own < left ? own : left;
}
