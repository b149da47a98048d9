/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the examples say on standard output, one line for each thing that happened:
 *
 *	TIME call   FROM TO INTERFACE.MEMBER DURATION TEXT    a call has been answered
 *	TIME signal FROM TO INTERFACE.MEMBER 0 TEXT           a signal has arrived
 *
 * Times are in microseconds. FROM and TO are unique names, :<domid>.<n>, so they say which domains
 * the two ends are in. scripts/demo makes its tables from these lines. trace.ml is the same for
 * OCaml.
 */
#pragma once

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <xcpbus.h>

struct trace_service { /* whom we call, and who that is at the moment */
	const char *name;
	char owner[32];
};

static inline uint64_t trace_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline void trace_ready(const struct xcpbus *bus)
{
	printf("%" PRIu64 " ready %s\n", trace_now_us(), xcpbus_unique_name(bus));
	fflush(stdout);
}

/* For xcpbus_watch_name: we hear of a new owner before it answers anything. */
static inline void trace_on_owner(struct xcpbus *bus, const char *name, const char *owner,
				  void *data)
{
	struct trace_service *service = data;

	(void)bus;
	(void)name;
	snprintf(service->owner, sizeof(service->owner), "%s", owner);
}

/* member begins with the rest of the interface, if its name is longer than the service's. */
__attribute__((format(printf, 5, 6))) static inline void
trace_call(const struct xcpbus *bus, const struct trace_service *service, const char *member,
	   uint64_t began_us, const char *format, ...)
{
	uint64_t now_us = trace_now_us();
	va_list arguments;

	printf("%" PRIu64 " call %s %s %s.%s %" PRIu64 " ", now_us, xcpbus_unique_name(bus),
	       *service->owner ? service->owner : "-", service->name, member, now_us - began_us);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}
