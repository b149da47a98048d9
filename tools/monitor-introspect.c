/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-introspect.h"

#define BAD_REPLY "org.xen.xcp.Error.InvalidReply"

int introspect(struct xcpbus *bus, const struct xcpbus_target *target, bool is_started,
	       struct node **out, struct xcpbus_error *error)
{
	struct xcpbus_target introspectable = *target;
	DBusMessage *call, *reply;
	const char *xml;
	int r;

	introspectable.interface = DBUS_INTERFACE_INTROSPECTABLE;
	r = xcpbus_new_call(&introspectable, "Introspect", &call);
	if (r < 0) {
		xcpbus_error_set(error, DBUS_ERROR_INVALID_ARGS, "%s %s is no object of the bus",
				 target->destination, target->path);
		return r;
	}
	dbus_message_set_auto_start(call, is_started);
	r = xcpbus_call(bus, call, target->timeout_ms, &reply, error);
	dbus_message_unref(call);
	if (r < 0)
		return r;
	r = xcpbus_read(reply, "s", &xml);
	if (r >= 0)
		r = node_parse(xml, out);
	if (r < 0)
		xcpbus_error_set(error, BAD_REPLY, "what %s says of %s is no introspection data",
				 target->destination, target->path);
	dbus_message_unref(reply);
	return r;
}
