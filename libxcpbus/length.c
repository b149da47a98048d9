/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long a message may be. The bus ends the connection of who sends a longer one, and how much it
 * takes is in its configuration, so it is asked; but only when there is a message that is not
 * short. */
#include <errno.h>
#include <string.h>

#include "libxcpbus/private.h"

enum {
	SHORT_MAX = 64 * 1024, /* no bus is expected to take less */
	ASK_TIMEOUT_MS = 5000,
};

static const char key[] = "org.xen.xcp.MessageSizeMax";

/* In what the bus says of us; 0 if it is not there. */
static uint32_t find(DBusMessage *credentials)
{
	DBusMessageIter iter, array, entry;
	const char *name;
	uint32_t max;

	if (!dbus_message_has_signature(credentials, "a{sv}"))
		return 0;
	dbus_message_iter_init(credentials, &iter);
	dbus_message_iter_recurse(&iter, &array);
	for (; dbus_message_iter_get_arg_type(&array); dbus_message_iter_next(&array)) {
		dbus_message_iter_recurse(&array, &entry);
		dbus_message_iter_get_basic(&entry, &name);
		dbus_message_iter_next(&entry);
		if (!strcmp(name, key) && xcpbus_read_iter(&entry, "v", "u", &max) == 0)
			return max;
	}
	return 0;
}

/* A bus that does not say it takes all that the specification allows, as far as we know. */
static void ask(struct xcpbus *bus)
{
	DBusMessage *answer, *call;

	call = call_to_bus("GetConnectionCredentials", "s", bus->unique_name);
	if (!call)
		return; /* next time */
	if (xcpbus_call(bus, call, ASK_TIMEOUT_MS, &answer, NULL) == 0) {
		bus->length_max = find(answer);
		dbus_message_unref(answer);
	}
	if (!bus->length_max)
		bus->length_max = DBUS_MAXIMUM_MESSAGE_LENGTH;
	dbus_message_unref(call);
}

int length_check(struct xcpbus *bus, size_t length)
{
	int r;

	if (length <= SHORT_MAX)
		return 0;
	if (!bus->length_max && bus_check(bus) == 0) {
		ask(bus);
		r = bus_check(bus);
		if (r < 0)
			return r; /* it has ended meanwhile */
	}
	if (length > DBUS_MAXIMUM_MESSAGE_LENGTH)
		return -EMSGSIZE;
	return bus->length_max && length > bus->length_max ? -EMSGSIZE : 0;
}
