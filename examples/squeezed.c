/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* squeezed, the part that hands out memory, as a service on the bus.
 *
 * It keeps a number, the free memory of a pretended host, and reserves from it. When a reservation
 * asks for more than is free, it pretends that other domains give some of theirs back, which takes
 * time; the answer to that call waits, and all other calls are answered meanwhile.
 *
 * What the real squeezed does and this does not: look at the host, talk to balloon drivers,
 * balance, keep its reservations in xenstore, delete reservations, have more than one session for a
 * service. Sizes are in KiB, as in the real one. The first argument of each method is the caller's
 * debug_info.
 */
#include <err.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "examples/trace.h"

#define NAME "org.xen.xcp.squeezed1"
#define PATH "/org/xen/xcp/squeezed1"
#define ERROR(name) NAME ".Error." name

#define MIB INT64_C(1024) /* in KiB */

enum { ID_MAX = 32, BALLOON_MS = 400 };

struct reservation {
	LIST_ENTRY(reservation) link; /* squeezed::reservations */
	struct squeezed *squeezed;
	char id[ID_MAX];
	int64_t size_kib;
	uint32_t domid; /* 0: not transferred yet */
	/* Only while others give back memory: */
	struct xcpbus_invocation *call;
	struct event *timer;
};

struct squeezed {
	struct event_base *base;
	LIST_HEAD(, reservation) reservations;
	int64_t free_kib, squeezable_kib; /* the latter: what other domains can do without */
	unsigned last_id;
	char session[ID_MAX];
};

static void reservation_free(struct reservation *reservation)
{
	LIST_REMOVE(reservation, link);
	if (reservation->timer)
		event_free(reservation->timer);
	free(reservation);
}

/* Logging in again drops what the session has not transferred to a domain. */
static int on_login(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	struct squeezed *squeezed = data;
	struct reservation *reservation, *next;
	const char *debug_info, *service;

	xcpbus_read(message, "ss", &debug_info, &service);
	for (reservation = LIST_FIRST(&squeezed->reservations); reservation; reservation = next) {
		next = LIST_NEXT(reservation, link);
		if (reservation->domid || reservation->call)
			continue;
		squeezed->free_kib += reservation->size_kib;
		reservation_free(reservation);
	}
	snprintf(squeezed->session, sizeof(squeezed->session), "session-%u", ++squeezed->last_id);
	return xcpbus_reply(call, "s", squeezed->session);
}

static void on_balloons_shrunk(evutil_socket_t fd, short events, void *data)
{
	struct reservation *reservation = data;

	(void)fd;
	(void)events;
	event_free(reservation->timer);
	reservation->timer = NULL;
	xcpbus_reply(reservation->call, "sx", reservation->id, reservation->size_kib);
	reservation->call = NULL;
}

static int shrink_balloons(struct reservation *reservation, struct xcpbus_invocation *call)
{
	struct timeval wait = { .tv_usec = BALLOON_MS * 1000 };

	reservation->timer =
		evtimer_new(reservation->squeezed->base, on_balloons_shrunk, reservation);
	if (!reservation->timer || evtimer_add(reservation->timer, &wait) < 0)
		return -ENOMEM;
	reservation->call = call;
	xcpbus_keep(call);
	return 0;
}

static struct reservation *reservation_new(struct squeezed *squeezed, int64_t size_kib)
{
	struct reservation *reservation = calloc(1, sizeof(*reservation));

	if (!reservation)
		return NULL;
	reservation->squeezed = squeezed;
	reservation->size_kib = size_kib;
	snprintf(reservation->id, sizeof(reservation->id), "reservation-%u", ++squeezed->last_id);
	LIST_INSERT_HEAD(&squeezed->reservations, reservation, link);
	return reservation;
}

/* As much as is free, up to the maximum. If that is less than the minimum, others give the minimum,
 * and what is free is left to those who can be served at once. */
static int on_reserve(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	struct squeezed *squeezed = data;
	struct reservation *reservation;
	const char *debug_info, *session;
	int64_t min_kib, max_kib;
	bool is_tight;

	xcpbus_read(message, "ssxx", &debug_info, &session, &min_kib, &max_kib);
	if (strcmp(session, squeezed->session) != 0)
		return xcpbus_reply_error(call, ERROR("InternalError"), "log in first");
	if (min_kib < 0 || max_kib < min_kib)
		return xcpbus_reply_error(call, ERROR("InvalidMemoryValue"),
					  "%" PRId64 " to %" PRId64 " KiB is no range", min_kib,
					  max_kib);
	is_tight = min_kib > squeezed->free_kib;
	if (is_tight && min_kib > squeezed->squeezable_kib)
		return xcpbus_reply_error(call, ERROR("CannotFreeThisMuchMemory"),
					  "%" PRId64 " KiB are wanted, %" PRId64 " can be had",
					  min_kib, squeezed->squeezable_kib);
	if (max_kib > squeezed->free_kib)
		max_kib = is_tight ? min_kib : squeezed->free_kib;
	reservation = reservation_new(squeezed, max_kib);
	if (!reservation)
		return -ENOMEM;
	*(is_tight ? &squeezed->squeezable_kib : &squeezed->free_kib) -= max_kib;
	if (is_tight)
		return shrink_balloons(reservation, call);
	return xcpbus_reply(call, "sx", reservation->id, reservation->size_kib);
}

static int on_transfer(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	struct squeezed *squeezed = data;
	struct reservation *reservation;
	const char *debug_info, *session, *id;
	uint32_t domid;

	xcpbus_read(message, "sssu", &debug_info, &session, &id, &domid);
	LIST_FOREACH(reservation, &squeezed->reservations, link)
	{
		if (!strcmp(reservation->id, id) && !reservation->call) {
			reservation->domid = domid;
			return 0; /* no results: the library answers */
		}
	}
	return xcpbus_reply_error(call, ERROR("UnknownReservation"), "%.100s", id);
}

static const struct xcpbus_method methods[] = {
	{ "Login", "ss", "s", on_login, .in_names = "debug_info service_name",
	  .out_names = "session_id" },
	{ "ReserveMemoryRange", "ssxx", "sx", on_reserve,
	  .in_names = "debug_info session_id min_kib max_kib",
	  .out_names = "reservation_id size_kib" },
	{ "TransferReservationToDomain", "sssu", "", on_transfer,
	  .in_names = "debug_info session_id reservation_id domid" },
	{ .member = NULL },
};

static int get_free(const struct xcpbus_property *property, DBusMessageIter *value, void *data)
{
	const struct squeezed *squeezed = data;

	return xcpbus_append_iter(value, property->signature, squeezed->free_kib);
}

static const struct xcpbus_property properties[] = {
	{ "FreeMemoryKib", "x", .get = get_free },
	{ .name = NULL },
};

static const struct xcpbus_interface interface = { NAME, .methods = methods,
						   .properties = properties };

static void on_end(struct xcpbus *bus, int failure, void *data)
{
	(void)bus;
	(void)failure;
	(void)data;
	errx(EXIT_FAILURE, "the bus has ended the connection");
}

int main(void)
{
	struct squeezed squeezed = { .free_kib = 8192 * MIB, .squeezable_kib = 24576 * MIB };
	struct xcpbus_error error;
	struct xcpbus *bus;

	LIST_INIT(&squeezed.reservations);
	squeezed.base = event_base_new();
	if (xcpbus_connect(NULL, 0, &bus, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	if (!squeezed.base || xcpbus_attach_event_base(bus, squeezed.base) < 0 ||
	    xcpbus_on_disconnect(bus, on_end, NULL, NULL) < 0 ||
	    xcpbus_export(bus, PATH, &interface, &squeezed, NULL) < 0)
		errx(EXIT_FAILURE, "no memory");
	if (xcpbus_request_name(bus, NAME, 0, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	trace_ready(bus);
	return event_base_dispatch(squeezed.base) < 0;
}
