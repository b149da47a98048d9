/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest client: one call. It names the service and does not know where that is. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <xcpbus.h>

static const struct xcpbus_target hello = { "org.xen.xcp.hello1", "/org/xen/xcp/hello1",
					    "org.xen.xcp.hello1", 0 };

int main(int argc, char **argv)
{
	struct xcpbus_error error;
	struct xcpbus *bus;
	DBusMessage *reply;
	const char *greeting;

	if (xcpbus_connect(NULL, 0, &bus, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	if (xcpbus_call_method(bus, &hello, "Greet", &reply, &error, "s",
			       argc > 1 ? argv[1] : "world") < 0)
		errx(EXIT_FAILURE, "%s: %s", error.name, error.message);
	if (xcpbus_read(reply, "s", &greeting) < 0)
		errx(EXIT_FAILURE, "the answer is not a string");
	puts(greeting);
	dbus_message_unref(reply);
	xcpbus_free(bus);
	return EXIT_SUCCESS;
}
