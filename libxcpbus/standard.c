/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The interfaces that every object has, made of the same tables as the program's own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libxcpbus/private.h"

/* ---- Peer ---- */

static int on_ping(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	return xcpbus_reply(call, "");
}

static int on_get_machine_id(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	DBusError error = DBUS_ERROR_INIT;
	char *id = dbus_try_get_local_machine_id(&error);
	int r;

	(void)message;
	(void)data;
	if (id)
		r = xcpbus_reply(call, "s", id);
	else
		r = xcpbus_reply_error(call, BUS_ERROR("Failed"), "this machine has no id: %s",
				       error.message ? error.message : "out of memory");
	dbus_free(id);
	dbus_error_free(&error);
	return r;
}

static const struct xcpbus_method peer_methods[] = {
	{ .member = "Ping", .handler = on_ping },
	{ .member = "GetMachineId",
	  .out_signature = "s",
	  .handler = on_get_machine_id,
	  .out_names = "machine_uuid" },
	{ .member = NULL },
};

/* ---- Introspectable ---- */

static int on_introspect(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	const char *path = dbus_message_get_path(message);
	char *xml = introspect(data, object_find(data, path), path);
	int r = xml ? xcpbus_reply(call, "s", xml) : -ENOMEM;

	free(xml);
	return r;
}

static const struct xcpbus_method introspectable_methods[] = {
	{ .member = "Introspect",
	  .out_signature = "s",
	  .handler = on_introspect,
	  .out_names = "xml_data" },
	{ .member = NULL },
};

/* ---- all of them ---- */

static const struct xcpbus_interface peer = {
	.name = "org.freedesktop.DBus.Peer",
	.methods = peer_methods,
};

static const struct xcpbus_interface introspectable = {
	.name = "org.freedesktop.DBus.Introspectable",
	.methods = introspectable_methods,
};

const struct xcpbus_interface *const standard_interfaces[] = {
	[STANDARD_PEER] = &peer,
	[STANDARD_INTROSPECTABLE] = &introspectable,
	[STANDARD_PROPERTIES] = &properties_interface,
	[STANDARD_OBJECT_MANAGER] = &manager_interface,
	NULL,
};
