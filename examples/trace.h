/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the examples say on standard output, one line for each thing that happened:
 *
 *	TIME call   FROM TO INTERFACE.MEMBER DURATION TEXT    a call has been answered
 *	TIME signal FROM TO INTERFACE.MEMBER 0 TEXT           a signal has arrived
 *
 * Times are in microseconds. FROM and TO are unique names, :<domid>.<n>, so they say which domains
 * the two ends are in. scripts/demo makes its tables from these lines.
 */
#pragma once

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <xcpbus.h>

static inline uint64_t trace_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline void trace_ready(const struct xcpbus *bus)
{
	printf("%" PRIu64 " ready %s\n", trace_now_us(), xcpbus_unique_name(bus));
	fflush(stdout);
}

/* what is the interface and the member; from whom the answer came is in the answer. */
__attribute__((format(printf, 5, 6))) static inline void
trace_call(const struct xcpbus *bus, DBusMessage *answer, const char *what, uint64_t began_us,
	   const char *format, ...)
{
	const char *from = answer ? dbus_message_get_sender(answer) : NULL;
	uint64_t now_us = trace_now_us();
	va_list arguments;

	printf("%" PRIu64 " call %s %s %s %" PRIu64 " ", now_us, xcpbus_unique_name(bus),
	       from ? from : "-", what, now_us - began_us);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

__attribute__((format(printf, 3, 4))) static inline void
trace_signal(const struct xcpbus *bus, DBusMessage *signal, const char *format, ...)
{
	va_list arguments;

	printf("%" PRIu64 " signal %s %s %s.%s 0 ", trace_now_us(), dbus_message_get_sender(signal),
	       xcpbus_unique_name(bus), dbus_message_get_interface(signal),
	       dbus_message_get_member(signal));
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}
