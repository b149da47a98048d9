/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "raw.h"
#include "test.h"
#include "wire/message.h"

static struct raw raw;
static struct message message, stamped;
static struct message_stamp stamp;
static uint8_t *scratch;
static uint32_t scratch_size;
static uint8_t joined[RAW_MAX + 64];

/* Stamps the message in raw and parses the result. */
static int restamp(void)
{
	struct iovec parts[3];
	int64_t total;
	uint32_t size = 0;

	CHECK(message_parse(&message, raw.bytes, raw.size) == MESSAGE_VALID);
	total = message_stamp(&message, &stamp, &scratch, &scratch_size, parts);
	CHECK(total > 0);
	for (int i = 0; i < 3; i++) {
		memcpy(joined + size, parts[i].iov_base, parts[i].iov_len);
		size += (uint32_t)parts[i].iov_len;
	}
	CHECK(size == total);
	return message_parse(&stamped, joined, size);
}

static bool is_same(void)
{
	return stamped.type == message.type && stamped.flags == message.flags &&
	       stamped.serial == message.serial && stamped.reply_serial == message.reply_serial &&
	       stamped.unix_fds == message.unix_fds && stamped.is_swapped == message.is_swapped &&
	       text_equals(stamped.path, message.path) &&
	       text_equals(stamped.interface, message.interface) &&
	       text_equals(stamped.member, message.member) &&
	       text_equals(stamped.error_name, message.error_name) &&
	       text_equals(stamped.destination, message.destination) &&
	       text_equals(stamped.signature, message.signature) &&
	       stamped.body_size == message.body_size &&
	       !memcmp(stamped.bytes + stamped.body_offset, message.bytes + message.body_offset,
		       message.body_size);
}

static void begin(bool is_big)
{
	message_stamp_init(&stamp, ":5.123");
	raw_begin(&raw, is_big, MESSAGE_METHOD_CALL, 0x01020304);
}

static void finish(void)
{
	raw_text_field(&raw, 8, "g", "sx");
	raw_end_fields(&raw);
	raw_string(&raw, "value");
	raw_uint64(&raw, 0x0102030405060708);
	raw_end(&raw);
}

static void the_sender_is_appended(void)
{
	for (int is_big = 0; is_big < 2; is_big++) {
		begin(is_big);
		raw_text_field(&raw, 1, "o", "/a/b");
		raw_text_field(&raw, 3, "s", "Member");
		finish();
		CHECK(restamp() == MESSAGE_VALID);
		CHECK(message.is_clean && is_same());
		CHECK(text_is(stamped.sender, ":5.123"));
	}
	CHECK(!scratch);
}

/* Padding before the sender, of each length. */
static void headers_of_every_length(void)
{
	char member[20] = { 0 };

	for (int i = 0; i < 32; i++) {
		memset(member, 'a', 1 + (size_t)i / 2);
		begin(i % 2);
		raw_text_field(&raw, 1, "o", "/a/b");
		raw_text_field(&raw, 3, "s", member);
		raw_end_fields(&raw);
		raw_end(&raw);
		CHECK(restamp() == MESSAGE_VALID && is_same());
		CHECK(text_is(stamped.sender, ":5.123"));
	}
}

static void names_of_every_length(void)
{
	char name[41] = ":";

	for (int size = 3; size < 40; size++) {
		memset(name + 1, '1', (size_t)size);
		name[2] = '.';
		for (int is_big = 0; is_big < 2; is_big++) {
			begin(is_big);
			message_stamp_init(&stamp, name);
			raw_text_field(&raw, 1, "o", "/a/b");
			raw_text_field(&raw, 3, "s", "Member");
			finish();
			CHECK(restamp() == MESSAGE_VALID && is_same());
			CHECK(text_is(stamped.sender, name));
		}
	}
}

static void a_message_is_stamped_for_each_of_its_receivers(void)
{
	struct iovec parts[3];

	begin(false);
	raw_text_field(&raw, 1, "o", "/a/b");
	raw_text_field(&raw, 3, "s", "Member");
	finish();
	CHECK(restamp() == MESSAGE_VALID);
	for (int i = 0; i < 3; i++) {
		CHECK(message_stamp(&message, &stamp, &scratch, &scratch_size, parts) ==
		      stamped.size);
		CHECK(!memcmp(parts[0].iov_base, joined, parts[0].iov_len));
	}
}

/* What the peer had no business to send, at each place among the fields. */
static void foreign_fields_are_cut_out(void)
{
	for (int i = 0; i < 2 * 4 * 3; i++) {
		int place = i / 2 % 4, kind = i / 8;

		begin(i % 2);
		for (int at = 0; at < 4; at++) {
			if (at == place && kind == 0) {
				raw_text_field(&raw, 7, "s", "org.freedesktop.DBus");
			} else if (at == place && kind == 1) {
				raw_number_field(&raw, 77, 1);
				raw_text_field(&raw, 255, "s", "twice");
			} else if (at == place) {
				raw_field(&raw, 10, "a(yv)");
				uint32_t mark = raw_array(&raw, 8);

				raw_byte(&raw, 9);
				raw_signature(&raw, "s");
				raw_string(&raw, "x");
				raw_array_end(&raw, mark, 8);
			}
			if (at == 0)
				raw_text_field(&raw, 1, "o", "/a/b");
			if (at == 1)
				raw_number_field(&raw, 9, 2);
			if (at == 2)
				raw_text_field(&raw, 3, "s", "Member");
		}
		if (place == 3 && i % 4 == 1) {
			raw_end_fields(&raw); /* the foreign field is the last one */
			raw_end(&raw);
		} else {
			finish();
		}
		CHECK(restamp() == MESSAGE_VALID);
		CHECK(!message.is_clean && stamped.unix_fds == 2 && is_same());
		CHECK(text_is(stamped.sender, ":5.123"));
	}
}

static void nothing_is_left_of_a_foreign_field(void)
{
	uint32_t size;

	begin(true);
	raw_text_field(&raw, 1, "o", "/a/b");
	raw_text_field(&raw, 3, "s", "Member");
	finish();
	CHECK(restamp() == MESSAGE_VALID);
	size = stamped.size;

	begin(true);
	raw_text_field(&raw, 1, "o", "/a/b");
	raw_text_field(&raw, 7, "s", ":666.666");
	raw_text_field(&raw, 66, "s", "666.666");
	raw_text_field(&raw, 3, "s", "Member");
	finish();
	CHECK(restamp() == MESSAGE_VALID);
	CHECK(stamped.size == size);
	CHECK(!memmem(joined, stamped.size, "666", 3));
}

static void a_message_without_fields(void)
{
	message_stamp_init(&stamp, ":1.0");
	for (int foreign = 0; foreign < 2; foreign++) {
		raw_begin(&raw, false, 9, 1);
		if (foreign)
			raw_text_field(&raw, 7, "s", ":6.6");
		raw_end_fields(&raw);
		raw_end(&raw);
		CHECK(restamp() == MESSAGE_VALID && is_same());
		CHECK(text_is(stamped.sender, ":1.0"));
	}
}

/* The largest header that is let in. */
static void a_full_header_can_be_stamped(void)
{
	static char path[MESSAGE_HEADER_MAX];
	uint32_t measured;

	for (int foreign = 0; foreign < 2; foreign++) {
		message_stamp_init(&stamp, ":12345.12345678901234567890123456789012");
		raw_begin(&raw, false, MESSAGE_METHOD_CALL, 1);
		raw_text_field(&raw, 3, "s", "Member");
		if (foreign)
			raw_number_field(&raw, 66, 1);
		raw_align(&raw, 8);
		memset(path, 'a', sizeof(path));
		path[0] = '/';
		path[MESSAGE_HEADER_MAX - MESSAGE_STAMP_MAX - raw.size - 8 - 1] = '\0';
		raw_text_field(&raw, 1, "o", path);
		raw_end_fields(&raw);
		raw_end(&raw);
		CHECK(raw.body == MESSAGE_HEADER_MAX - MESSAGE_STAMP_MAX);
		CHECK(message_measure(raw.bytes, MESSAGE_SIZE_MAX, &measured) == MESSAGE_VALID);
		CHECK(restamp() == MESSAGE_VALID && is_same());
		CHECK(stamped.body_offset <= MESSAGE_HEADER_MAX);
	}
}

int main(void)
{
	RUN(the_sender_is_appended);
	RUN(headers_of_every_length);
	RUN(names_of_every_length);
	RUN(a_message_is_stamped_for_each_of_its_receivers);
	RUN(foreign_fields_are_cut_out);
	RUN(nothing_is_left_of_a_foreign_field);
	RUN(a_message_without_fields);
	RUN(a_full_header_can_be_stamped);
	free(scratch);
	return test_finish();
}
