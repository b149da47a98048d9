/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interop client on libdbus. */
#include <dbus/dbus.h>

#include "steps.h"

static DBusConnection *bus;
static DBusError error;

static DBusMessage *call_new(const char *service, const char *interface, const char *member)
{
	return dbus_message_new_method_call(service, PATH, interface, member);
}

/* The reply, which is the caller's; NULL, and error says why. */
static DBusMessage *send(DBusMessage *call)
{
	DBusMessage *reply;

	dbus_error_free(&error);
	reply = dbus_connection_send_with_reply_and_block(bus, call, PATIENCE_MS, &error);
	dbus_message_unref(call);
	return reply;
}

/* What was wrong with a reply, or is, if it is not as it should be. */
static const char *end(DBusMessage *reply, bool is_right)
{
	static char wrong[512];

	if (reply)
		dbus_message_unref(reply);
	if (reply && is_right)
		return NULL;
	snprintf(wrong, sizeof(wrong), "%s", reply ? "another value" : error.message);
	return wrong;
}

static const char *step_call(const char *service)
{
	dbus_int32_t a = 40, b = 2, sum = 0;
	DBusMessage *call = call_new(service, IFACE, "Add"), *reply;

	dbus_message_append_args(call, DBUS_TYPE_INT32, &a, DBUS_TYPE_INT32, &b, DBUS_TYPE_INVALID);
	reply = send(call);
	if (reply)
		dbus_message_get_args(reply, NULL, DBUS_TYPE_INT32, &sum, DBUS_TYPE_INVALID);
	return end(reply, sum == 42);
}

static const char *step_big(const char *service)
{
	DBusMessage *call = call_new(service, IFACE, "Echo"), *reply;
	unsigned char *bytes = big_new(), *back = NULL;
	int size = 0;
	bool same;

	dbus_message_append_args(call, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &bytes, BIG,
				 DBUS_TYPE_INVALID);
	reply = send(call);
	if (reply)
		dbus_message_get_args(reply, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &back, &size,
				      DBUS_TYPE_INVALID);
	same = size == BIG && !memcmp(back, bytes, BIG);
	free(bytes);
	return end(reply, same);
}

static void append_variant(DBusMessageIter *iter, int type, const char *signature,
			   const void *value)
{
	DBusMessageIter variant;

	dbus_message_iter_open_container(iter, DBUS_TYPE_VARIANT, signature, &variant);
	dbus_message_iter_append_basic(&variant, type, value);
	dbus_message_iter_close_container(iter, &variant);
}

static void append_entry(DBusMessageIter *array, const char *key, int type, const char *signature,
			 const void *value)
{
	DBusMessageIter entry;

	dbus_message_iter_open_container(array, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
	dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
	append_variant(&entry, type, signature, value);
	dbus_message_iter_close_container(array, &entry);
}

static const char *step_variants(const char *service)
{
	DBusMessage *call = call_new(service, IFACE, "Describe"), *reply;
	const char *text = "x";
	dbus_uint32_t number = 7;
	DBusMessageIter iter, array;
	char **lines = NULL;
	int count = 0;
	bool is_right;

	dbus_message_iter_init_append(call, &iter);
	dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &array);
	append_entry(&array, "k", DBUS_TYPE_STRING, "s", &text);
	append_entry(&array, "n", DBUS_TYPE_UINT32, "u", &number);
	dbus_message_iter_close_container(&iter, &array);
	reply = send(call);
	if (reply)
		dbus_message_get_args(reply, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING, &lines,
				      &count, DBUS_TYPE_INVALID);
	is_right = count == 2 && !strcmp(lines[0], "k=x") && !strcmp(lines[1], "n=7");
	dbus_free_string_array(lines);
	return end(reply, is_right);
}

static const char *fail(const char *service, const char *member, const char *name, const char *text)
{
	DBusMessage *reply = send(call_new(service, IFACE, member));

	if (reply)
		return end(reply, false);
	return judge_error(error.name, error.message, name, text);
}

static const char *step_error(const char *service)
{
	return fail(service, "Fail", BROKEN, "it is broken");
}

static const char *step_nobody(const char *service)
{
	return fail(service, "Fail", ERR "ServiceUnknown", service);
}

static const char *step_vanish(const char *service)
{
	return fail(service, "Vanish", ERR "NoReply", VANISHED);
}

static const char *check_property(const char *service, const char *name, const char *text,
				  double number)
{
	DBusMessage *call = call_new(service, PROPERTIES, "Get"), *reply;
	const char *interface = IFACE;
	DBusMessageIter iter, variant;
	DBusBasicValue value = { 0 };
	bool is_right = false;

	dbus_message_append_args(call, DBUS_TYPE_STRING, &interface, DBUS_TYPE_STRING, &name,
				 DBUS_TYPE_INVALID);
	reply = send(call);
	if (reply && dbus_message_iter_init(reply, &iter)) {
		dbus_message_iter_recurse(&iter, &variant);
		dbus_message_iter_get_basic(&variant, &value);
		if (dbus_message_iter_get_arg_type(&variant) == DBUS_TYPE_STRING)
			is_right = text && !strcmp(value.str, text);
		else
			is_right = !text && value.dbl > number - 0.1 && value.dbl < number + 0.1;
	}
	return end(reply, is_right);
}

static const char *step_properties(const char *service)
{
	const char *wrong = check_property(service, "Version", "1.0", 0);
	DBusMessage *call = call_new(service, PROPERTIES, "Set");
	const char *interface = IFACE, *name = "Target";
	DBusMessageIter iter;
	double target = 21.5;

	dbus_message_iter_init_append(call, &iter);
	dbus_message_iter_append_basic(&iter, DBUS_TYPE_STRING, &interface);
	dbus_message_iter_append_basic(&iter, DBUS_TYPE_STRING, &name);
	append_variant(&iter, DBUS_TYPE_DOUBLE, "d", &target);
	wrong = wrong ? wrong : end(send(call), true);
	return wrong ? wrong : check_property(service, "Target", NULL, target);
}

static const char *step_signal(const char *service)
{
	DBusMessage *call = call_new(service, IFACE, "Shout"), *reply, *message;
	const char *text = "hey", *heard = NULL;
	bool is_heard = false;
	char rule[256];

	snprintf(rule, sizeof(rule), "type='signal',sender='%s',interface='" IFACE "'", service);
	dbus_bus_add_match(bus, rule, &error);
	dbus_message_append_args(call, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID);
	reply = send(call);
	while (reply && !is_heard) {
		while (!(message = dbus_connection_pop_message(bus)))
			if (!dbus_connection_read_write(bus, -1))
				return "the connection has ended";
		if (dbus_message_is_signal(message, IFACE, "Shouted"))
			is_heard = dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &heard,
							 DBUS_TYPE_INVALID) &&
				   !strcmp(heard, "hey");
		dbus_message_unref(message);
	}
	dbus_bus_remove_match(bus, rule, NULL);
	return end(reply, is_heard);
}

static const char *step_fds(const char *service)
{
	DBusMessage *call = call_new(service, IFACE, "Size"), *reply;
	dbus_uint64_t size = 0;
	int fd = seven_new();

	dbus_message_append_args(call, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID);
	reply = send(call);
	close(fd);
	if (reply)
		dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT64, &size, DBUS_TYPE_INVALID);
	return end(reply, size == 7);
}

int main(int argc, char **argv)
{
	static const struct step steps[] = {
		{ "call", step_call },
		{ "big", step_big },
		{ "variants", step_variants },
		{ "error", step_error },
		{ "properties", step_properties },
		{ "signal", step_signal },
		{ "fds", step_fds },
		{ "nobody", step_nobody },
		{ "vanish", step_vanish },
		{ 0 },
	};

	dbus_error_init(&error);
	if (argc < 2 || !(bus = dbus_connection_open_private(argv[1], &error)) ||
	    !dbus_bus_register(bus, &error))
		return 1;
	run_steps(steps, argc, argv);
	dbus_connection_close(bus);
	dbus_connection_unref(bus);
	return 0;
}
