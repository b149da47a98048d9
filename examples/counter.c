/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A service that outlives the bus: when the daemon is restarted, or the domain was suspended and
 * its ring is dead, it connects again, with its name, its objects and its subscriptions.
 *
 *	counter [KEEPALIVE_MS]
 *
 * The object /org/xen/xcp/counter1/total has a property Count, which the method Add and every
 * signal org.xen.xcp.Counter1.Bump of anybody make larger. What happens is said on standard output.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <xcpbus.h>

#define NAME "org.xen.xcp.counter1"
#define PATH "/org/xen/xcp/counter1"
#define TOTAL PATH "/total"
#define INTERFACE "org.xen.xcp.Counter1"
#define FRIEND "org.xen.xcp.friend1"

static uint32_t count;

static int on_add(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	uint32_t more;

	(void)data;
	xcpbus_read(message, "u", &more);
	count += more;
	xcpbus_changed(xcpbus_invocation_bus(call), TOTAL, INTERFACE, "Count");
	return xcpbus_reply(call, "u", count);
}

static int get_count(const struct xcpbus_property *property, DBusMessageIter *value, void *data)
{
	(void)data;
	return xcpbus_append_iter(value, property->signature, count);
}

static int set_count(const struct xcpbus_property *property, DBusMessageIter *value,
		     struct xcpbus_error *error, void *data)
{
	(void)error;
	(void)data;
	return xcpbus_read_iter(value, property->signature, &count);
}

static const struct xcpbus_method methods[] = {
	{ "Add", "u", "u", on_add, .in_names = "more", .out_names = "count" },
	{ .member = NULL },
};

static const struct xcpbus_signal signals[] = {
	{ .member = "Bump" },
	{ .member = NULL },
};

static const struct xcpbus_property properties[] = {
	{ "Count", "u", get_count, set_count, .flags = XCPBUS_EMITS_CHANGE },
	{ .name = NULL },
};

static const struct xcpbus_interface interface = {
	INTERFACE,
	.methods = methods,
	.signals = signals,
	.properties = properties,
};

static void on_bump(struct xcpbus *bus, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	count++;
	xcpbus_changed(bus, TOTAL, INTERFACE, "Count");
}

static void on_friend(struct xcpbus *bus, const char *name, const char *owner, void *data)
{
	(void)bus;
	(void)data;
	printf("%s is %s\n", name, *owner ? owner : "not there");
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
		printf("back as %s%s%s\n", xcpbus_unique_name(bus), error ? ", but " : "",
		       error ? error->message : "");
}

static struct xcpbus *start(int keepalive_ms)
{
	struct xcpbus_error error;
	struct xcpbus *bus;

	if (xcpbus_connect_wait(NULL, 0, &bus, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	if (xcpbus_set_reconnect(bus, true, 2000) < 0 ||
	    xcpbus_on_reconnect(bus, on_reconnect, NULL, NULL) < 0 ||
	    xcpbus_watch_name(bus, FRIEND, on_friend, NULL, NULL) < 0 ||
	    xcpbus_export_manager(bus, PATH, NULL) < 0 ||
	    xcpbus_export(bus, TOTAL, &interface, NULL, NULL) < 0)
		errx(EXIT_FAILURE, "no memory");
	if (keepalive_ms)
		xcpbus_set_keepalive(bus, keepalive_ms);
	if (xcpbus_subscribe(bus, "type='signal',interface='" INTERFACE "',member='Bump'", on_bump,
			     NULL, NULL, &error) < 0 ||
	    xcpbus_request_name(bus, NAME, 0, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	return bus;
}

int main(int argc, char **argv)
{
	struct xcpbus *bus;

	setvbuf(stdout, NULL, _IOLBF, 0);
	bus = start(argc > 1 ? atoi(argv[1]) : 0);
	printf("counting as %s\n", xcpbus_unique_name(bus));
	while (xcpbus_process(bus) >= 0 && xcpbus_wait(bus, -1) >= 0)
		;
	errx(EXIT_FAILURE, "the bus has ended the connection");
}
