/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls at org.example.torture1 that no good client would make. Nothing in it is generated. Prints
 * what is wrong, and "N passed, N failed". */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xcpbus.h>

#define INVALID_ARGS "org.freedesktop.DBus.Error.InvalidArgs"
#define UNKNOWN(what) "org.freedesktop.DBus.Error.Unknown" what
#define CHECK(condition) check((condition), #condition)

static const struct xcpbus_target torture = { "org.example.torture1", "/org/example/torture1",
					      "org.example.torture1", 0 };
static struct xcpbus *bus;
static struct xcpbus_error error;
static DBusMessage *reply;
static unsigned passed, failed;

static void check(bool is_good, const char *text)
{
	++*(is_good ? &passed : &failed);
	if (!is_good)
		printf("FAILED %s (%s: %s)\n", text, error.name, error.message);
}

/* Whether the last call was refused with this error, whose text has something in it. */
static bool is_refused(int r, const char *name, const char *part)
{
	return r < 0 && xcpbus_error_is(&error, name) && strstr(error.message, part);
}

/* Whether the answer has this signature; the answer is then borrowed in reply. */
static bool is_answered(int r, const char *signature)
{
	return r >= 0 && dbus_message_has_signature(reply, signature);
}

static void forget_reply(void)
{
	if (reply)
		dbus_message_unref(reply);
	reply = NULL;
}

#define CALL(member, ...)                                                                          \
	(forget_reply(), xcpbus_call_method(bus, &torture, member, &reply, &error, __VA_ARGS__))

static void wrong_types(void)
{
	CHECK(is_refused(CALL("EchoEverything", ""), INVALID_ARGS, ""));
	CHECK(is_refused(CALL("EchoEverything", "s", "x"), INVALID_ARGS, ""));
	CHECK(is_refused(CALL("EchoEverything", "sa{ss}", "x", 0), INVALID_ARGS, ""));
	CHECK(is_refused(CALL("EchoEverything", "sa{sv}u", "x", 0, 1U), INVALID_ARGS, ""));
	CHECK(is_refused(CALL("EchoEverything", "sa{sv}", "x", 1, "a_string", "i", 1), INVALID_ARGS,
			 "a_string"));
	CHECK(is_refused(CALL("EchoEverything", "sa{sv}", "x", 1, "a_byte", "i", 1), INVALID_ARGS,
			 "a_byte"));
	CHECK(is_refused(CALL("EchoEverything", "sa{sv}", "x", 1, "shape", "s", "Empty"),
			 INVALID_ARGS, "shape"));
	CHECK(is_refused(CALL("EchoEverything", "sa{sv}", "x", 1, "holes", "aas", 1, 2, "a", "b"),
			 INVALID_ARGS, ""));
	CHECK(is_refused(CALL("Draw", "(sv)s", "Circle", "s", "round", "Red"), INVALID_ARGS, ""));
	CHECK(is_refused(CALL("Draw", "(sv)s", "Segment", "(xxx)", INT64_C(1), INT64_C(2),
			      INT64_C(3), "Red"),
			 INVALID_ARGS, ""));
}

static void missing_keys(void)
{
	CHECK(is_refused(CALL("EchoEverything", "sa{sv}", "x", 1, "label", "a{sv}", 0),
			 INVALID_ARGS, "text"));
	CHECK(is_refused(CALL("EchoEverything", "sa{sv}", "x", 1, "labels", "aa{sv}", 2, 1, "text",
			      "s", "a", 0),
			 INVALID_ARGS, "text"));
	CHECK(is_refused(CALL("Draw", "(sv)s", "Labelled", "a{sv}", 1, "size", "d", 1.0, "Red"),
			 INVALID_ARGS, "text"));
}

/* What is unknown: keys are dropped, words and cases are kept. */
static void later_peers(void)
{
	const char *name, *word;
	int64_t x = 0;
	double y = 0;

	CHECK(is_answered(CALL("EchoEverything", "sa{sv}", "x", 1, "from_the_future", "u", 1U),
			  "a{sv}"));
	CHECK(is_answered(CALL("Draw", "(sv)s", "Spiral", "(xd)", INT64_C(3), 0.5, "Ultraviolet"),
			  "(sv)s"));
	CHECK(reply && xcpbus_read(reply, "(sv)s", &name, "(xd)", &x, &y, &word) == 0 &&
	      !strcmp(name, "Spiral") && !strcmp(word, "Ultraviolet") && x == 3 && y == 0.5);
	CHECK(is_answered(CALL("Draw", "(sv)s", "Empty", "b", true, "Red"), "(sv)s"));
	CHECK(is_answered(CALL("Draw", "(sv)s", "Empty", "b", false, "Red"), "(sv)s"));
}

static void unknown_members(void)
{
	static const struct xcpbus_target other = { "org.example.torture1", "/org/example/torture1",
						    "org.example.other1", 0 };
	static const struct xcpbus_target properties = { "org.example.torture1",
							 "/org/example/torture1",
							 "org.freedesktop.DBus.Properties", 0 };

	CHECK(is_refused(CALL("Sing", ""), UNKNOWN("Method"), ""));
	forget_reply();
	CHECK(is_refused(xcpbus_call_method(bus, &other, "Sing", NULL, &error, ""),
			 UNKNOWN("Interface"), ""));
	CHECK(is_refused(xcpbus_call_method(bus, &properties, "Get", NULL, &error, "ss",
					    "org.example.torture1", "Nose"),
			 UNKNOWN("Property"), ""));
	CHECK(is_refused(xcpbus_call_method(bus, &properties, "Set", NULL, &error, "ssv",
					    "org.example.torture1", "Favourite", "u", 1U),
			 INVALID_ARGS, ""));
	CHECK(is_refused(xcpbus_call_method(bus, &properties, "Set", NULL, &error, "ssv",
					    "org.example.torture1", "Count", "u", 1U),
			 "org.freedesktop.DBus.Error.PropertyReadOnly", ""));
}

static void a_good_call(void)
{
	const char *name, *word;
	bool value = false;

	CHECK(is_answered(CALL("Draw", "(sv)s", "Empty", "b", true, "Red"), "(sv)s"));
	CHECK(reply && xcpbus_read(reply, "(sv)s", &name, "b", &value, &word) == 0 &&
	      !strcmp(name, "Empty") && value && !strcmp(word, "Red"));
}

int main(void)
{
	if (xcpbus_connect(NULL, 0, &bus, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	wrong_types();
	missing_keys();
	later_peers();
	unknown_members();
	a_good_call();
	forget_reply();
	xcpbus_free(bus);
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0;
}
