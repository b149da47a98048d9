/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A service that answers as no good one would: "client odd" of CASES.md. Nothing in it is
 * generated. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xcpbus.h>

#define NAME "org.example.torture1odd"
#define PATH "/org/example/torture1"
#define INTERFACE "org.example.torture1"

static DBusMessage *answer(DBusMessage *call)
{
	return dbus_message_new_method_return(call);
}

static DBusMessage *failure(DBusMessage *call, const char *name, const char *text)
{
	return dbus_message_new_error(call, name, text);
}

static DBusMessage *older(DBusMessage *call)
{
	DBusMessage *reply = answer(call);

	xcpbus_append(reply, "a{sv}", 0);
	return reply;
}

static DBusMessage *newer(DBusMessage *call)
{
	DBusMessage *reply = answer(call);

	xcpbus_append(reply, "a{sv}", 4, "colour", "s", "Ultraviolet", "shape", "(sv)", "Spiral",
		      "(xd)", INT64_C(3), 0.5, "from_the_future", "a{sv}", 0, "words", "a{ss}", 1,
		      "a", "b");
	return reply;
}

static DBusMessage *twice(DBusMessage *call)
{
	DBusMessage *reply = answer(call);

	xcpbus_append(reply, "a{sv}", 2, "an_int32", "i", 1, "an_int32", "i", 2);
	return reply;
}

static DBusMessage *missing(DBusMessage *call)
{
	DBusMessage *reply = answer(call);

	xcpbus_append(reply, "a{sv}", 1, "labels", "aa{sv}", 2, 1, "text", "s", "one", 1, "size",
		      "d", 1.0);
	return reply;
}

static DBusMessage *wrong_field(DBusMessage *call)
{
	DBusMessage *reply = answer(call);

	xcpbus_append(reply, "a{sv}", 2, "words", "a{ss}", 1, "a", "b", "a_string", "i", 1);
	return reply;
}

static DBusMessage *wrong_case(DBusMessage *call)
{
	DBusMessage *reply = answer(call);

	xcpbus_append(reply, "a{sv}", 1, "shape", "(sv)", "Circle", "s", "round");
	return reply;
}

static DBusMessage *two_of_one(DBusMessage *call)
{
	DBusMessage *reply = answer(call);

	xcpbus_append(reply, "a{sv}", 1, "holes", "aas", 2, 1, "one", 2, "one", "two");
	return reply;
}

static DBusMessage *wrong_type(DBusMessage *call)
{
	DBusMessage *reply = answer(call);

	xcpbus_append(reply, "s", "text");
	return reply;
}

static DBusMessage *more(DBusMessage *call)
{
	DBusMessage *reply = older(call);

	xcpbus_append(reply, "u", 1U);
	return reply;
}

static DBusMessage *unknown_error(DBusMessage *call)
{
	return failure(call, INTERFACE ".Error.FromTheFuture", "later");
}

static DBusMessage *bad_payload(DBusMessage *call)
{
	DBusMessage *reply = failure(call, INTERFACE ".Error.BadShape", "bad");

	xcpbus_append(reply, "u(xx)", 1U, INT64_C(1), INT64_C(2));
	return reply;
}

static DBusMessage *no_payload(DBusMessage *call)
{
	return failure(call, INTERFACE ".Error.BadShape", "bad");
}

static DBusMessage *large(DBusMessage *call)
{
	DBusMessageIter iter, record, entry, value, array;
	DBusMessage *reply = answer(call);
	const char *key = "labels";
	unsigned i;

	dbus_message_iter_init_append(reply, &iter);
	dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &record);
	dbus_message_iter_open_container(&record, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
	dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
	dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "aa{sv}", &value);
	dbus_message_iter_open_container(&value, DBUS_TYPE_ARRAY, "a{sv}", &array);
	for (i = 0; i < 20000; i++)
		xcpbus_append_iter(&array, "a{sv}", 1, "text", "s", "x");
	dbus_message_iter_close_container(&value, &array);
	dbus_message_iter_close_container(&entry, &value);
	dbus_message_iter_close_container(&record, &entry);
	dbus_message_iter_close_container(&iter, &record);
	return reply;
}

static const struct {
	const char *name;
	DBusMessage *(*make)(DBusMessage *call);
} answers[] = {
	{ "older", older },
	{ "newer", newer },
	{ "twice", twice },
	{ "missing", missing },
	{ "wrong field", wrong_field },
	{ "wrong case", wrong_case },
	{ "two of one", two_of_one },
	{ "wrong type", wrong_type },
	{ "nothing", answer },
	{ "more", more },
	{ "unknown error", unknown_error },
	{ "bad payload", bad_payload },
	{ "no payload", no_payload },
	{ "large", large },
};

static int on_echo(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	DBusMessageIter iter;
	DBusMessage *reply;
	const char *what;
	unsigned i;
	int r;

	(void)data;
	dbus_message_iter_init(message, &iter);
	xcpbus_read_iter(&iter, "s", &what);
	for (i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		if (strcmp(answers[i].name, what))
			continue;
		reply = answers[i].make(message);
		r = xcpbus_reply_message(call, reply);
		dbus_message_unref(reply);
		return r;
	}
	return xcpbus_reply_error(call, INTERFACE ".Error.Nothing", "no such case: %s", what);
}

static int on_poke(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	struct xcpbus *bus = data;

	(void)message;
	xcpbus_emit(bus, PATH, INTERFACE, "Poked", "s", "wrong");
	xcpbus_emit(bus, PATH, INTERFACE, "Poked", "ua{sv}", 1U, 0);
	xcpbus_emit(bus, PATH, INTERFACE, "Poked", "ua{sv}", 1U, 1, "text", "s", "good");
	return xcpbus_reply(call, "");
}

static int get_count(const struct xcpbus_property *property, DBusMessageIter *value, void *data)
{
	(void)data;
	return xcpbus_append_iter(value, property->signature, "many");
}

static const struct xcpbus_method methods[] = {
	{ .member = "EchoEverything",
	  .in_signature = "sa{sv}",
	  .out_signature = "a{sv}",
	  .handler = on_echo },
	{ .member = "Poke", .in_signature = "u", .handler = on_poke },
	{ .member = NULL },
};

static const struct xcpbus_property properties[] = {
	{ .name = "Count", .signature = "s", .get = get_count },
	{ .name = NULL },
};

static const struct xcpbus_interface interface = {
	INTERFACE,
	.methods = methods,
	.properties = properties,
};

int main(void)
{
	struct xcpbus_error error;
	struct xcpbus *bus;

	if (xcpbus_connect(NULL, 0, &bus, &error) < 0 ||
	    xcpbus_request_name(bus, NAME, 0, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	if (xcpbus_export(bus, PATH, &interface, bus, NULL) < 0)
		errx(EXIT_FAILURE, "no memory");
	puts("ready");
	fflush(stdout);
	while (xcpbus_process(bus) >= 0 && xcpbus_wait(bus, -1) >= 0)
		;
	return EXIT_FAILURE;
}
