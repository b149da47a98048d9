/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking on instead of taking part. */
#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "libxcpbus/private.h"

static const struct xcpbus_target monitoring = {
	BUS_NAME,
	BUS_PATH,
	"org.freedesktop.DBus.Monitoring",
	0,
};

static bool append_rules(DBusMessage *call, const char *const *rules, unsigned count)
{
	DBusMessageIter iter, array;
	dbus_uint32_t no_flags = 0;
	unsigned i;

	dbus_message_iter_init_append(call, &iter);
	if (!dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "s", &array))
		return false;
	for (i = 0; i < count; i++) {
		if (!dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, &rules[i])) {
			dbus_message_iter_abandon_container(&iter, &array);
			return false;
		}
	}
	return dbus_message_iter_close_container(&iter, &array) &&
	       dbus_message_iter_append_basic(&iter, DBUS_TYPE_UINT32, &no_flags);
}

int xcpbus_become_monitor(struct xcpbus *bus, const char *const *rules, unsigned count,
			  xcpbus_signal_fn fn, void *data, struct xcpbus_error *error)
{
	DBusMessage *call;
	unsigned i;
	int r;

	for (i = 0; i < count; i++)
		if (!dbus_validate_utf8(rules[i], NULL))
			return error_fail(error, -EINVAL, "a match rule is not UTF-8");
	r = xcpbus_new_call(&monitoring, "BecomeMonitor", &call);
	if (r < 0)
		return error_fail(error, r, "the call cannot be made: %s", strerror(-r));
	if (!append_rules(call, rules, count))
		r = error_fail(error, -ENOMEM, "there is no memory for the rules");
	else
		r = xcpbus_call(bus, call, 0, NULL, error);
	dbus_message_unref(call);
	if (r < 0)
		return r;
	/* Whatever is sent from here on would cost us the connection. */
	bus->keepalive_ms = 0;
	bus->ping = xcpbus_slot_free(bus->ping);
	bus->reconnect_max_ms = 0;
	bus->monitor_data = data;
	bus->monitor_fn = fn;
	return 0;
}
