/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest service: it owns a name and answers one method.
 *
 * Run it in any domain that may own the name; hello-client finds it wherever it is.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <xcpbus.h>

#define NAME "org.xen.xcp.hello1"
#define PATH "/org/xen/xcp/hello1"

static int on_greet(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	const char *who;
	char text[256];

	(void)data;
	xcpbus_read(message, "s", &who);
	snprintf(text, sizeof(text), "Hello %.100s (%s), this is %s", who,
		 dbus_message_get_sender(message), xcpbus_unique_name(xcpbus_invocation_bus(call)));
	return xcpbus_reply(call, "s", text);
}

static const struct xcpbus_method methods[] = {
	{ "Greet", "s", "s", on_greet, .in_names = "who", .out_names = "greeting" },
	{ .member = NULL },
};

static const struct xcpbus_interface interface = { NAME, .methods = methods };

int main(void)
{
	struct xcpbus_error error;
	struct xcpbus *bus;

	if (xcpbus_connect(NULL, 0, &bus, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	if (xcpbus_export(bus, PATH, &interface, NULL, NULL) < 0)
		errx(EXIT_FAILURE, "cannot export " PATH);
	if (xcpbus_request_name(bus, NAME, 0, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);

	printf("%s is at your service, as %s\n", NAME, xcpbus_unique_name(bus));
	fflush(stdout);
	while (xcpbus_process(bus) >= 0 && xcpbus_wait(bus, -1) >= 0)
		;
	errx(EXIT_FAILURE, "the bus has ended the connection");
}
