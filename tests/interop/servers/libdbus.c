/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interop server on libdbus: ADDRESS NAME. */
#include <dbus/dbus.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH "/org/example/Interop"
#define IFACE "org.example.Interop1"

static const char *const introspection =
	"<node><interface name='" IFACE "'>"
	"<method name='Shout'><arg type='s' direction='in'/></method>"
	"<signal name='Shouted'><arg type='s'/></signal>"
	"<property name='Version' type='s' access='read'/>"
	"<property name='Target' type='d' access='readwrite'/>"
	"</interface></node>";

static double target = 20.5;

static void add(DBusMessage *call, DBusMessage *reply)
{
	dbus_int32_t a = 0, b = 0;

	dbus_message_get_args(call, NULL, DBUS_TYPE_INT32, &a, DBUS_TYPE_INT32, &b,
			      DBUS_TYPE_INVALID);
	a += b;
	dbus_message_append_args(reply, DBUS_TYPE_INT32, &a, DBUS_TYPE_INVALID);
}

static void echo(DBusMessage *call, DBusMessage *reply)
{
	unsigned char *bytes = NULL;
	int size = 0;

	dbus_message_get_args(call, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &bytes, &size,
			      DBUS_TYPE_INVALID);
	dbus_message_append_args(reply, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &bytes, size,
				 DBUS_TYPE_INVALID);
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void describe(DBusMessage *call, DBusMessage *reply)
{
	char lines[8][64], *list[8], **all = list;
	DBusMessageIter iter, array, entry, variant;
	DBusBasicValue key, value;
	int count = 0, i;

	dbus_message_iter_init(call, &iter);
	dbus_message_iter_recurse(&iter, &array);
	for (; dbus_message_iter_get_arg_type(&array) != DBUS_TYPE_INVALID && count < 8;
	     dbus_message_iter_next(&array)) {
		dbus_message_iter_recurse(&array, &entry);
		dbus_message_iter_get_basic(&entry, &key);
		dbus_message_iter_next(&entry);
		dbus_message_iter_recurse(&entry, &variant);
		dbus_message_iter_get_basic(&variant, &value);
		if (dbus_message_iter_get_arg_type(&variant) == DBUS_TYPE_STRING)
			snprintf(lines[count++], 64, "%.20s=%.20s", key.str, value.str);
		else
			snprintf(lines[count++], 64, "%.20s=%u", key.str, value.u32);
	}
	qsort(lines, (size_t)count, sizeof(*lines), compare);
	for (i = 0; i < count; i++)
		list[i] = lines[i];
	dbus_message_append_args(reply, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING, &all, count,
				 DBUS_TYPE_INVALID);
}

static void size(DBusMessage *call, DBusMessage *reply)
{
	dbus_uint64_t bytes = 0;
	struct stat status;
	int fd = -1;

	dbus_message_get_args(call, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID);
	if (fstat(fd, &status) == 0)
		bytes = (dbus_uint64_t)status.st_size;
	close(fd);
	dbus_message_append_args(reply, DBUS_TYPE_UINT64, &bytes, DBUS_TYPE_INVALID);
}

static void append_property(DBusMessageIter *iter, const char *name)
{
	bool is_version = !strcmp(name, "Version");
	const char *version = "1.0";
	DBusMessageIter variant;

	dbus_message_iter_open_container(iter, DBUS_TYPE_VARIANT, is_version ? "s" : "d", &variant);
	if (is_version)
		dbus_message_iter_append_basic(&variant, DBUS_TYPE_STRING, &version);
	else
		dbus_message_iter_append_basic(&variant, DBUS_TYPE_DOUBLE, &target);
	dbus_message_iter_close_container(iter, &variant);
}

static void get(DBusMessage *call, DBusMessage *reply)
{
	const char *interface, *name = "";
	DBusMessageIter iter;

	dbus_message_get_args(call, NULL, DBUS_TYPE_STRING, &interface, DBUS_TYPE_STRING, &name,
			      DBUS_TYPE_INVALID);
	dbus_message_iter_init_append(reply, &iter);
	append_property(&iter, name);
}

static void get_all(DBusMessage *call, DBusMessage *reply)
{
	static const char *const names[] = { "Version", "Target" };
	DBusMessageIter iter, array, entry;
	int i;

	(void)call;
	dbus_message_iter_init_append(reply, &iter);
	dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &array);
	for (i = 0; i < 2; i++) {
		dbus_message_iter_open_container(&array, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
		dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &names[i]);
		append_property(&entry, names[i]);
		dbus_message_iter_close_container(&array, &entry);
	}
	dbus_message_iter_close_container(&iter, &array);
}

static void set(DBusMessage *call, DBusMessage *reply)
{
	DBusMessageIter iter, variant;

	(void)reply;
	dbus_message_iter_init(call, &iter);
	dbus_message_iter_next(&iter);
	dbus_message_iter_next(&iter);
	dbus_message_iter_recurse(&iter, &variant);
	dbus_message_iter_get_basic(&variant, &target);
}

static void introspect(DBusMessage *call, DBusMessage *reply)
{
	(void)call;
	dbus_message_append_args(reply, DBUS_TYPE_STRING, &introspection, DBUS_TYPE_INVALID);
}

static const struct method {
	const char *name;
	void (*run)(DBusMessage *call, DBusMessage *reply);
} methods[] = {
	{ "Add", add },
	{ "Echo", echo },
	{ "Describe", describe },
	{ "Size", size },
	{ "Get", get },
	{ "GetAll", get_all },
	{ "Set", set },
	{ "Introspect", introspect },
	{ 0 },
};

static DBusMessage *shout(DBusConnection *bus, DBusMessage *call)
{
	DBusMessage *signal = dbus_message_new_signal(PATH, IFACE, "Shouted");
	const char *text = "";

	dbus_message_get_args(call, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID);
	dbus_message_append_args(signal, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID);
	dbus_connection_send(bus, signal, NULL);
	dbus_message_unref(signal);
	return dbus_message_new_method_return(call);
}

static DBusHandlerResult on_message(DBusConnection *bus, DBusMessage *call, void *data)
{
	const struct method *method = methods;
	DBusMessage *reply;

	(void)data;
	if (dbus_message_get_type(call) != DBUS_MESSAGE_TYPE_METHOD_CALL)
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	while (method->name && strcmp(method->name, dbus_message_get_member(call)) != 0)
		method++;
	if (dbus_message_has_member(call, "Fail")) {
		reply = dbus_message_new_error(call, IFACE ".Error.Broken", "it is broken");
	} else if (dbus_message_has_member(call, "Shout")) {
		reply = shout(bus, call);
	} else if (!method->name) {
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	} else {
		reply = dbus_message_new_method_return(call);
		method->run(call, reply);
	}
	dbus_connection_send(bus, reply, NULL);
	dbus_message_unref(reply);
	return DBUS_HANDLER_RESULT_HANDLED;
}

int main(int argc, char **argv)
{
	static const DBusObjectPathVTable vtable = { .message_function = on_message };
	DBusConnection *bus;

	if (argc < 3 || !(bus = dbus_connection_open_private(argv[1], NULL)) ||
	    !dbus_bus_register(bus, NULL) ||
	    !dbus_connection_register_object_path(bus, PATH, &vtable, NULL) ||
	    dbus_bus_request_name(bus, argv[2], 0, NULL) < 0)
		return 1;
	puts("ready");
	fflush(stdout);
	while (dbus_connection_read_write_dispatch(bus, -1))
		;
	return 1;
}
