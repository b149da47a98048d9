/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The good messages that test-wire-differential damages and the fuzzer begins with: from libdbus's
 * own marshaller, from random.h, and by hand. */
#pragma once

#include <dbus/dbus.h>
#include <stdlib.h>

#include "random.h"
#include "test.h"
#include "wire/message.h"

enum { SEED_MAX = 2048, SEEDS_MAX = 256, RANDOM_SEEDS = 160 };

struct seed {
	uint8_t bytes[SEED_MAX];
	uint32_t size;
};

static struct seed seeds[SEEDS_MAX];
static unsigned seed_count;

static inline void add_seed(const void *bytes, uint32_t size)
{
	if (size > SEED_MAX)
		return;
	CHECK(seed_count < SEEDS_MAX);
	memcpy(seeds[seed_count].bytes, bytes, size);
	seeds[seed_count++].size = size;
}

static inline void add_message(DBusMessage *message)
{
	char *bytes;
	int size;

	dbus_message_set_serial(message, 77);
	CHECK(dbus_message_marshal(message, &bytes, &size));
	add_seed(bytes, (uint32_t)size);
	dbus_free(bytes);
	dbus_message_unref(message);
}

static inline void append_dictionary(DBusMessage *message)
{
	DBusMessageIter args, entries, entry, value;
	const char *keys[] = { "name", "uuid", "memory" };
	dbus_uint64_t number = 1 << 30;

	dbus_message_iter_init_append(message, &args);
	dbus_message_iter_open_container(&args, 'a', "{sv}", &entries);
	for (int i = 0; i < 3; i++) {
		dbus_message_iter_open_container(&entries, 'e', NULL, &entry);
		dbus_message_iter_append_basic(&entry, 's', &keys[i]);
		dbus_message_iter_open_container(&entry, 'v', i < 2 ? "s" : "t", &value);
		if (i < 2)
			dbus_message_iter_append_basic(&value, 's', &keys[2 - i]);
		else
			dbus_message_iter_append_basic(&value, 't', &number);
		dbus_message_iter_close_container(&entry, &value);
		dbus_message_iter_close_container(&entries, &entry);
	}
	dbus_message_iter_close_container(&args, &entries);
}

static inline void add_seeds_of_libdbus(void)
{
	DBusMessage *call = dbus_message_new_method_call(
		"org.xen.xcp.xenopsd1", "/org/xen/xcp/xenopsd", "org.xen.xcp.xenopsd.VM", "start");
	DBusMessage *reply, *error, *signal;
	const char *name = "vm0", *array[] = { "one", "two", "three" };
	const char **strings = array;
	dbus_bool_t flag = TRUE;

	dbus_message_append_args(call, 's', &name, 'b', &flag, 'a', 's', &strings, 3, 0);
	dbus_message_set_serial(call, 7);
	dbus_message_set_sender(call, ":1.5");
	reply = dbus_message_new_method_return(call);
	append_dictionary(reply);
	error = dbus_message_new_error(call, "org.xen.xcp.Error.NoSuchVM", "no such VM");
	signal = dbus_message_new_signal("/a", "a.b", "C");
	dbus_message_set_no_reply(signal, TRUE);
	add_message(call);
	add_message(reply);
	add_message(error);
	add_message(signal);
	add_message(dbus_message_new_method_call(NULL, "/", NULL, "Ping"));
}

static inline void seed_begin_call(struct raw *raw, bool is_big)
{
	raw_begin(raw, is_big, MESSAGE_METHOD_CALL, 1);
	raw_text_field(raw, 1, "o", "/a");
	raw_text_field(raw, 3, "s", "M");
}

static inline void add_raw(struct raw *raw)
{
	raw_end(raw);
	add_seed(raw->bytes, raw->size);
}

static inline void add_seeds_by_hand(struct raw *raw, bool is_big)
{
	/* What the rules are about, and what only hands make. */
	static const char *const names[] = { ":1", ":", ":1.2", "a.b" };

	for (size_t i = 0; i < 4; i++) {
		seed_begin_call(raw, is_big);
		raw_text_field(raw, i % 2 ? 6 : 7, "s", names[i]);
		raw_end_fields(raw);
		add_raw(raw);
	}
	seed_begin_call(raw, is_big);
	raw_number_field(raw, 9, 3);
	raw_text_field(raw, 8, "g", "h");
	raw_end_fields(raw);
	raw_uint32(raw, 2);
	add_raw(raw);

	for (unsigned code = 10; code <= 12; code++) {
		seed_begin_call(raw, is_big);
		raw_text_field(raw, code, "o", "/container");
		raw_text_field(raw, code, "s", "twice");
		raw_end_fields(raw);
		add_raw(raw);
	}

	seed_begin_call(raw, is_big);
	raw_text_field(raw, 2, "s", "org.freedesktop.DBus.Loca");
	raw_text_field(raw, 8, "g", "v");
	raw_end_fields(raw);
	for (int i = 0; i < 62; i++)
		raw_signature(raw, "v");
	raw_signature(raw, "ay");
	raw_string(raw, "");
	raw->bytes[raw->size - 1] = 1;
	raw_put32(raw, raw->size - 5, 1);
	add_raw(raw);

	raw_begin(raw, is_big, 200, 1);
	raw_end_fields(raw);
	add_raw(raw);
}

static inline void collect_seeds(struct random *random, struct raw *raw)
{
	seed_count = 0;
	random->state = 0x9e3779b97f4a7c15;
	add_seeds_of_libdbus();
	add_seeds_by_hand(raw, false);
	add_seeds_by_hand(raw, true);
	for (int i = 0; i < RANDOM_SEEDS; i++) {
		random_message(random, raw);
		add_seed(raw->bytes, raw->size);
	}
}
