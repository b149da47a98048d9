/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* caller [PERIOD_MS]: calls Add of examples/counter again and again, whatever becomes of it.
 *
 * It says what it got for each call and what it is told about its connection, a line each: "answer
 * 3", "error NAME: why", "lost: why", "retrying: why", "back as :1.2".
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "libxcpbus/xcpbus.h"

static const struct xcpbus_target total = { "org.xen.xcp.counter1", "/org/xen/xcp/counter1/total",
					    "org.xen.xcp.Counter1", 0 };

static bool is_asking;
static int64_t next_ms;
static int period_ms = 100;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_answer(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		      void *data)
{
	uint32_t count;

	(void)bus;
	(void)data;
	if (error)
		printf("error %s: %s\n", error->name, error->message);
	else if (xcpbus_read(reply, "u", &count) == 0)
		printf("answer %" PRIu32 "\n", count);
	is_asking = false;
	next_ms = now_ms() + period_ms;
}

static void on_reconnect(struct xcpbus *bus, int event, const struct xcpbus_error *error,
			 void *data)
{
	(void)data;
	if (event == XCPBUS_LOST)
		printf("lost: %s\n", error->message);
	else if (event == XCPBUS_RETRYING)
		printf("retrying: %s\n", error->message);
	else
		printf("back as %s\n", xcpbus_unique_name(bus));
}

/* While there is no bus, a call is refused at once. */
static void ask(struct xcpbus *bus)
{
	int r = xcpbus_call_method_async(bus, &total, "Add", on_answer, NULL, NULL, "u", 1U);

	is_asking = r >= 0;
	next_ms = now_ms() + period_ms;
}

int main(int argc, char **argv)
{
	struct xcpbus_error error;
	struct xcpbus *bus;
	int64_t left_ms;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1)
		period_ms = atoi(argv[1]);
	if (xcpbus_connect(NULL, 0, &bus, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	if (xcpbus_set_reconnect(bus, true, 2000) < 0 ||
	    xcpbus_on_reconnect(bus, on_reconnect, NULL, NULL) < 0)
		errx(EXIT_FAILURE, "no memory");
	printf("calling as %s\n", xcpbus_unique_name(bus));
	while (xcpbus_process(bus) >= 0) {
		left_ms = is_asking ? 1000 : next_ms - now_ms();
		if (left_ms <= 0) {
			ask(bus);
			left_ms = 0;
		}
		xcpbus_wait(bus, (int)left_ms);
	}
	errx(EXIT_FAILURE, "the bus has ended the connection");
}
