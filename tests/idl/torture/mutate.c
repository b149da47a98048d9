/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mutate [TIMES]: changes bytes of a message with an Everything, by a fixed sequence of chances,
 * and reads what is still a valid message. Whatever is read is copied, written and freed. What a
 * sanitizer says is the test; "N passed, N failed" counts what could be read, and of that what
 * could not be written again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "torture1.h"

static uint64_t state = 88172645463325252U;

static unsigned chance(unsigned below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state % below);
}

static DBusMessage *message_of(const struct torture1_everything *value)
{
	DBusMessage *message = dbus_message_new_signal("/a", "a.b", "C");
	DBusMessageIter iter;

	dbus_message_iter_init_append(message, &iter);
	dbus_message_set_serial(message, 1);
	if (torture1_everything_append(&iter, value, NULL) == 0)
		return message;
	dbus_message_unref(message);
	return NULL;
}

static DBusMessage *make_seed(void)
{
	static const struct torture1_label label = { .text = "text",
						     .colour = { .value = TORTURE1_COLOUR_RED },
						     .link = "link" };
	static const struct torture1_map_of_label_by_uint32_entry entry = { 1, label };
	static const struct torture1_shape shape = { TORTURE1_SHAPE_LABELLED, .labelled = &label };
	struct torture1_everything value;
	DBusMessage *message;

	torture1_everything_init(&value);
	value.by_number = (struct torture1_map_of_label_by_uint32){ &entry, 1 };
	value.labels = (struct torture1_list_of_label){ &label, 1 };
	value.shape = (struct torture1_shape){ TORTURE1_SHAPE_GROUP, .group = { &shape, 1 } };
	value.label = &label;
	value.anything = xcpbus_any_new("(sa{sv})", "x", 1, "a", "u", 1U);
	message = message_of(&value);
	dbus_message_unref(value.anything);
	return message;
}

/* Whether what was read can be copied and written. */
static bool can_be_sent_on(const struct torture1_everything *value)
{
	struct torture1_everything copy;
	DBusMessage *message;
	bool is_good;

	if (torture1_everything_copy(&copy, value) < 0)
		return false;
	message = message_of(&copy);
	is_good = message;
	if (message)
		dbus_message_unref(message);
	torture1_everything_free(&copy);
	return is_good;
}

static void try_one(char *bytes, int size, unsigned *passed, unsigned *failed)
{
	struct torture1_everything value;
	struct xcpbus_error error;
	DBusMessageIter iter;
	DBusMessage *message = dbus_message_demarshal(bytes, size, NULL);

	if (!message)
		return;
	dbus_message_iter_init(message, &iter);
	if (torture1_everything_read(&iter, &value, &error) == 0) {
		++*(can_be_sent_on(&value) ? passed : failed);
		torture1_everything_free(&value);
	}
	dbus_message_unref(message);
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0, times = argc > 1 ? (unsigned)atoi(argv[1]) : 100000;
	DBusMessage *seed = make_seed();
	char *bytes, *changed;
	int size;

	if (!seed || !dbus_message_marshal(seed, &bytes, &size))
		return EXIT_FAILURE;
	changed = malloc((size_t)size);
	for (; changed && times; times--) {
		unsigned count = 1 + chance(3);

		memcpy(changed, bytes, (size_t)size);
		while (count--)
			changed[chance((unsigned)size)] = (char)chance(chance(2) ? 256 : 128);
		try_one(changed, size, &passed, &failed);
	}
	free(changed);
	dbus_free(bytes);
	dbus_message_unref(seed);
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0 || !passed;
}
