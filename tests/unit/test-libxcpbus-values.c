/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values by tables, out of messages and into them: the torture service's, and some of our own. */
#include "torture1.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/test.h"

struct list {
	const void *items;
	unsigned count;
};

static const struct xcpbus_type any = { XCPBUS_KIND_ANY, .signature = "v",
					.size = sizeof(DBusMessage *) };
static const struct xcpbus_type any_list = { XCPBUS_KIND_LIST, .signature = "av",
					     .size = sizeof(struct list), .element = &any };
static const struct xcpbus_type handle = { XCPBUS_KIND_BASIC, .signature = "h",
					   .size = sizeof(int) };
static const struct xcpbus_type handle_list = { XCPBUS_KIND_LIST, .signature = "ah",
						.size = sizeof(struct list), .element = &handle };

static struct xcpbus_error error;
static DBusMessage *message;
static DBusMessageIter iter;

static void setup(void)
{
	if (message)
		dbus_message_unref(message);
	message = dbus_message_new_signal("/a", "a.b", "C");
	dbus_message_set_serial(message, 1);
	dbus_message_iter_init_append(message, &iter);
}

static DBusMessageIter *begin(void)
{
	dbus_message_iter_init(message, &iter);
	return &iter;
}

static bool is_said(const char *part)
{
	if (strstr(error.message, part))
		return true;
	fprintf(stderr, "%s: %s\n", error.name, error.message);
	return false;
}

/* ---- memory ---- */

static void add_small_any(DBusMessageIter *array, unsigned count)
{
	const uint8_t byte = 1;
	DBusMessageIter variant;

	for (; count; count--) {
		dbus_message_iter_open_container(array, DBUS_TYPE_VARIANT, "y", &variant);
		dbus_message_iter_append_basic(&variant, DBUS_TYPE_BYTE, &byte);
		dbus_message_iter_close_container(array, &variant);
	}
}

static int read_small_any(unsigned count)
{
	DBusMessageIter array;
	struct list list;
	int r;

	setup();
	dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "v", &array);
	add_small_any(&array, count);
	dbus_message_iter_close_container(&iter, &array);
	r = xcpbus_value_read(begin(), &any_list, &list, &error);
	if (r == 0) {
		CHECK(list.count == count);
		xcpbus_value_free(&any_list, &list);
	}
	return r;
}

/* Each is a message in memory, a hundred times what it is on the bus. */
static void many_small_values_of_any_type_are_too_much(void)
{
	CHECK(read_small_any(1000) == 0);
	CHECK(read_small_any(600 * 1000) == -ENOBUFS);
	CHECK(xcpbus_error_is(&error, "org.freedesktop.DBus.Error.LimitsExceeded"));
	CHECK(is_said("too much memory"));
}

static int lowest_fd(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

static int read_handles(struct list *list)
{
	return xcpbus_value_read(begin(), &handle_list, list, &error);
}

static void descriptors_are_copied_and_closed(void)
{
	int fds[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO }, before = lowest_fd(), low;
	const struct list given = { fds, 3 };
	struct rlimit old, few;
	struct list list;

	setup();
	CHECK(xcpbus_value_append(&iter, &handle_list, &given, &error) == 0);
	low = lowest_fd();
	CHECK(read_handles(&list) == 0 && list.count == 3 && *(const int *)list.items >= low);
	xcpbus_value_free(&handle_list, &list);
	CHECK(lowest_fd() == low);
	getrlimit(RLIMIT_NOFILE, &old);
	few = (struct rlimit){ (rlim_t)low + 2, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &few);
	CHECK(read_handles(&list) == -EMFILE && is_said("cannot be copied"));
	setrlimit(RLIMIT_NOFILE, &old);
	CHECK(lowest_fd() == low);
	setup();
	CHECK(lowest_fd() == before);
	fds[1] = -1;
	CHECK(xcpbus_value_append(&iter, &handle_list, &given, &error) == -EINVAL);
}

/* ---- there and back ---- */

static void write_everything(const struct torture1_everything *value)
{
	setup();
	CHECK(torture1_everything_append(&iter, value, &error) == 0);
}

static void is_written_the_same(const struct torture1_everything *one,
				const struct torture1_everything *two)
{
	char *bytes[2];
	int size[2];

	write_everything(one);
	CHECK(dbus_message_marshal(message, &bytes[0], &size[0]));
	write_everything(two);
	CHECK(dbus_message_marshal(message, &bytes[1], &size[1]));
	CHECK(size[0] == size[1] && !memcmp(bytes[0], bytes[1], (size_t)size[0]));
	dbus_free(bytes[0]);
	dbus_free(bytes[1]);
}

static void a_value_survives_the_bus_and_copying(void)
{
	static const struct torture1_shape circle = { TORTURE1_SHAPE_CIRCLE, .circle = 2 };
	struct torture1_everything value, read, copy;

	torture1_everything_init(&value);
	value.shape = (struct torture1_shape){ TORTURE1_SHAPE_GROUP, .group = { &circle, 1 } };
	value.anything = xcpbus_any_new("a{sv}", 1, "a", "ah", 0);
	write_everything(&value);
	CHECK(torture1_everything_read(begin(), &read, &error) == 0);
	CHECK(read.a_byte == 255 && read.shape.group.items->circle == 2);
	is_written_the_same(&value, &read);
	CHECK(torture1_everything_copy(&copy, &read) == 0);
	torture1_everything_free(&read);
	torture1_everything_free(&read); /* is empty now */
	is_written_the_same(&value, &copy);
	torture1_everything_free(&copy);
	dbus_message_unref(value.anything);
}

static int read_label(struct torture1_label *label)
{
	memset(label, 0x55, sizeof(*label));
	return torture1_label_read(begin(), label, &error);
}

static void the_last_of_two_fields_counts(void)
{
	struct torture1_label label;

	setup();
	CHECK(xcpbus_append(message, "a{sv}", 5, "text", "s", "one", "link", "s", "x", "later",
			    "au", 1, 7U, "text", "s", "two", "colour", "s", "Mauve") == 0);
	CHECK(read_label(&label) == 0);
	CHECK(!strcmp(label.text, "two") && !strcmp(label.link, "x") && label.size == 1.5);
	CHECK(!label.colour.value && !strcmp(torture1_colour_word(&label.colour), "Mauve"));
	torture1_label_free(&label);
}

static void what_is_not_as_its_table_says_is_refused(void)
{
	struct torture1_label label;

	setup();
	CHECK(xcpbus_append(message, "a{sv}", 1, "size", "d", 1.0) == 0);
	CHECK(read_label(&label) == -EINVAL && is_said("has no 'text', which is required"));
	setup();
	CHECK(xcpbus_append(message, "a{sv}", 3, "text", "s", "x", "link", "s", "y", "size", "s",
			    "large") == 0);
	CHECK(read_label(&label) == -EINVAL);
	CHECK(is_said("Label.size: there is 's' where 'd' should be"));
	setup();
	CHECK(xcpbus_append(message, "a{ss}", 1, "text", "x") == 0);
	CHECK(read_label(&label) == -EINVAL && is_said("'a{ss}' where 'a{sv}'"));
	setup();
	CHECK(read_label(&label) == -EINVAL); /* nothing at all */
}

static void a_case_that_is_not_known_goes_on_unchanged(void)
{
	struct torture1_shape shape, again;
	double first;
	uint32_t second;

	setup();
	CHECK(xcpbus_append(message, "(sv)", "Star", "(du)", 0.5, 5U) == 0);
	CHECK(torture1_shape_read(begin(), &shape, &error) == 0);
	CHECK(!shape.kind && !strcmp(shape.not_known.name, "Star"));
	setup();
	CHECK(torture1_shape_append(&iter, &shape, &error) == 0);
	torture1_shape_free(&shape);
	CHECK(torture1_shape_read(begin(), &again, &error) == 0);
	CHECK(xcpbus_read(again.not_known.value, "(du)", &first, &second) == 0 && second == 5);
	torture1_shape_free(&again);
}

/* ---- what cannot be sent ---- */

static void what_is_too_deep_is_not_sent(void)
{
	struct torture1_shape shapes[40] = { { TORTURE1_SHAPE_EMPTY, .circle = 0 } };
	unsigned i;

	for (i = 1; i < 40; i++)
		shapes[i] = (struct torture1_shape){ TORTURE1_SHAPE_GROUP,
						     .group = { &shapes[i - 1], 1 } };
	setup();
	CHECK(torture1_shape_append(&iter, &shapes[20], &error) == 0);
	setup();
	CHECK(torture1_shape_append(&iter, &shapes[39], &error) == -EINVAL);
	CHECK(is_said("nested"));
}

/* The bus, and libdbus, take no array of more than 64 MiB. */
static void what_is_too_large_is_not_sent(void)
{
	static const struct xcpbus_type text = { XCPBUS_KIND_BASIC, .signature = "s",
						 .size = sizeof(const char *) };
	static const struct xcpbus_type texts = { XCPBUS_KIND_LIST, .signature = "as",
						  .size = sizeof(struct list), .element = &text };
	const size_t size = 24 << 20;
	char *large = malloc(size + 1);
	const char *items[] = { large, large, large };
	struct list list = { items, 2 };

	memset(large, 'x', size);
	large[size] = '\0';
	setup();
	CHECK(xcpbus_value_append(&iter, &texts, &list, &error) == 0);
	setup();
	list.count = 3;
	CHECK(xcpbus_value_append(&iter, &texts, &list, &error) == -ENOBUFS);
	CHECK(is_said("64 MiB"));
	CHECK(xcpbus_error_is(&error, "org.freedesktop.DBus.Error.LimitsExceeded"));
	free(large);
	setup();
}

static void texts_that_are_not_valid_are_not_sent(void)
{
	struct torture1_label label;

	torture1_label_init(&label);
	setup();
	CHECK(torture1_label_append(&iter, &label, &error) == -EINVAL);
	CHECK(is_said("Label.text: a text is missing"));
	label.text = "\xff";
	setup();
	CHECK(torture1_label_append(&iter, &label, &error) == -EINVAL);
	CHECK(is_said("Label.text: a text is not valid") &&
	      dbus_validate_utf8(error.message, NULL));
	label.text = "x";
	label.colour = (struct torture1_colour){ 0, NULL };
	setup();
	CHECK(torture1_label_append(&iter, &label, &error) == -EINVAL);
}

int main(void)
{
	RUN(many_small_values_of_any_type_are_too_much);
	RUN(descriptors_are_copied_and_closed);
	RUN(a_value_survives_the_bus_and_copying);
	RUN(the_last_of_two_fields_counts);
	RUN(what_is_not_as_its_table_says_is_refused);
	RUN(a_case_that_is_not_known_goes_on_unchanged);
	RUN(what_is_too_deep_is_not_sent);
	RUN(what_is_too_large_is_not_sent);
	RUN(texts_that_are_not_valid_are_not_sent);
	dbus_message_unref(message);
	return test_finish();
}
