/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values by signature: no bus is needed. */
#include "libxcpbus/xcpbus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

static DBusMessage *message;

static void setup(void)
{
	if (message)
		dbus_message_unref(message);
	message = dbus_message_new_signal("/a", "a.b", "C");
}

static void basic_values_come_back(void)
{
	uint8_t y;
	bool b;
	int16_t n;
	uint16_t q;
	int32_t i;
	uint32_t u;
	int64_t x;
	uint64_t t;
	double d;
	const char *s, *o, *g;

	setup();
	CHECK(xcpbus_append(message, "ybnqiuxtdsog", 200, true, -5, 60000, -70000, 4000000000u,
			    INT64_MIN, UINT64_MAX, 0.5, "text", "/a/path", "a{sv}") == 0);
	CHECK(dbus_message_has_signature(message, "ybnqiuxtdsog"));
	CHECK(xcpbus_read(message, "ybnqiuxtdsog", &y, &b, &n, &q, &i, &u, &x, &t, &d, &s, &o,
			  &g) == 0);
	CHECK(y == 200 && b && n == -5 && q == 60000 && i == -70000 && u == 4000000000u);
	CHECK(x == INT64_MIN && t == UINT64_MAX && d == 0.5);
	CHECK(!strcmp(s, "text") && !strcmp(o, "/a/path") && !strcmp(g, "a{sv}"));
}

static void a_beginning_can_be_read(void)
{
	const char *s;
	uint32_t u = 1;

	setup();
	CHECK(xcpbus_append(message, "su", "x", 7) == 0);
	CHECK(xcpbus_read(message, "s", &s) == 0 && !strcmp(s, "x"));
	CHECK(xcpbus_read(message, "") == 0 && xcpbus_read(message, NULL) == 0);
	CHECK(xcpbus_read(message, "su", &s, &u) == 0 && u == 7);
}

static void a_wrong_type_writes_nothing(void)
{
	const char *s = "untouched";
	uint32_t u = 1, v = 1;

	setup();
	CHECK(xcpbus_append(message, "svu", "x", "s", "not a number", 7) == 0);
	CHECK(xcpbus_read(message, "svu", &s, "u", &u, &v) == -EINVAL);
	CHECK(xcpbus_read(message, "svi", &s, "s", &s, &u) == -EINVAL);
	CHECK(xcpbus_read(message, "svuu", &s, "s", &s, &u, &v) == -EINVAL);
	CHECK(xcpbus_read(message, "u", &u) == -EINVAL);
	CHECK(xcpbus_read(message, "no signature", &u) == -EINVAL);
	CHECK(!strcmp(s, "untouched") && u == 1 && v == 1);
	setup();
	CHECK(xcpbus_read(message, "s", &s) == -EINVAL);
}

static void containers_nest(void)
{
	const char *names[2], *text;
	DBusMessageIter iter, array, entry;
	uint64_t size = 0;
	unsigned a, b;

	setup();
	CHECK(xcpbus_append(message, "(u(su))a{sv}", 1, "in", 2, 2, "size", "t", (uint64_t)4096,
			    "name", "s", "x") == 0);
	CHECK(dbus_message_has_signature(message, "(u(su))a{sv}"));
	CHECK(xcpbus_read(message, "(u(su))", &a, &text, &b) == 0);
	CHECK(a == 1 && b == 2 && !strcmp(text, "in"));
	CHECK(xcpbus_read(message, "(u(ss))", &a, &text, &text) == -EINVAL);

	dbus_message_iter_init(message, &iter);
	CHECK(xcpbus_read_iter(&iter, "(u(su))", &a, &text, &b) == 0);
	dbus_message_iter_recurse(&iter, &array);
	dbus_message_iter_recurse(&array, &entry);
	CHECK(xcpbus_read_iter(&entry, "sv", &names[0], "t", &size) == 0);
	CHECK(!strcmp(names[0], "size") && size == 4096);
	dbus_message_iter_next(&array);
	dbus_message_iter_recurse(&array, &entry);
	CHECK(xcpbus_read_iter(&entry, "sv", &names[1], "s", &text) == 0 && !strcmp(text, "x"));
}

static void arrays_of_strings_come_back(void)
{
	const char **strings;
	unsigned count;

	setup();
	CHECK(xcpbus_append(message, "asas", 3, "one", "two", "three", 0) == 0);
	CHECK(xcpbus_read(message, "as", &strings, &count) == 0);
	CHECK(count == 3 && !strcmp(strings[2], "three") && !strings[3]);
	free(strings);
	setup();
	CHECK(xcpbus_append(message, "as", 0) == 0);
	CHECK(xcpbus_read(message, "as", &strings, &count) == 0 && count == 0 && !strings[0]);
	free(strings);
}

static void arrays_of_numbers_come_back(void)
{
	const uint32_t *numbers;
	const uint8_t *bytes;
	unsigned count, size;

	setup();
	CHECK(xcpbus_append(message, "auay", 2, 10, 20, 3, 1, 2, 3) == 0);
	CHECK(xcpbus_read(message, "auay", &numbers, &count, &bytes, &size) == 0);
	CHECK(count == 2 && numbers[1] == 20 && size == 3 && bytes[2] == 3);
}

static void arrays_of_containers_need_an_iterator(void)
{
	const void *nothing;
	unsigned count;

	setup();
	CHECK(xcpbus_append(message, "a(su)ab", 1, "x", 1, 1, true) == 0);
	CHECK(xcpbus_read(message, "a(su)", &nothing, &count) == -EINVAL);
}

static void bad_values_are_refused(void)
{
	setup();
	CHECK(xcpbus_append(message, "s", "\xff\xfe") == -EINVAL);
	setup();
	CHECK(xcpbus_append(message, "s", NULL) == -EINVAL);
	setup();
	CHECK(xcpbus_append(message, "o", "no path") == -EINVAL);
	setup();
	CHECK(xcpbus_append(message, "g", "a") == -EINVAL);
	setup();
	CHECK(xcpbus_append(message, "v", "ss", "a", "b") == -EINVAL);
	setup();
	CHECK(xcpbus_append(message, "a{sv}", 1, "key", "o", "bad") == -EINVAL);
	setup();
	CHECK(xcpbus_append(message, "h", -1) == -EINVAL);
	setup();
	CHECK(xcpbus_append(message, "(", 1) == -EINVAL);
}

static void an_error_has_its_errno(void)
{
	struct xcpbus_error error;

	CHECK(xcpbus_error_to_errno("org.freedesktop.DBus.Error.NoReply") == -ETIMEDOUT);
	CHECK(xcpbus_error_to_errno("org.freedesktop.DBus.Error.AccessDenied") == -EACCES);
	CHECK(xcpbus_error_to_errno("org.freedesktop.DBus.Error.Whatever") == -EREMOTEIO);
	CHECK(xcpbus_error_to_errno("NoReply") == -EREMOTEIO);
	xcpbus_error_set(&error, "a.b", "%s %d", "number", 5);
	CHECK(xcpbus_error_is(&error, "a.b") && !strcmp(error.message, "number 5"));
	xcpbus_error_set(NULL, "a.b", "nobody cares");
}

int main(void)
{
	RUN(basic_values_come_back);
	RUN(a_beginning_can_be_read);
	RUN(a_wrong_type_writes_nothing);
	RUN(containers_nest);
	RUN(arrays_of_strings_come_back);
	RUN(arrays_of_numbers_come_back);
	RUN(arrays_of_containers_need_an_iterator);
	RUN(bad_values_are_refused);
	RUN(an_error_has_its_errno);
	dbus_message_unref(message);
	return test_finish();
}
