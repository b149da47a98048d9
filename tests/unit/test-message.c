/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/message.h"

#include <stdlib.h>

#include "raw.h"
#include "test.h"

static struct raw raw;
static struct message message;

/* A copy that ends where the message ends, so that the sanitizer sees what is read beyond, and
 * that begins at an odd address. */
static int parse_bytes(const uint8_t *bytes, uint32_t size)
{
	static uint8_t *copy;
	uint32_t measured;
	int verdict;

	free(copy);
	copy = malloc(size + 1);
	CHECK(copy);
	memcpy(copy + 1, bytes, size);
	verdict = size < MESSAGE_FIXED_SIZE
			  ? MESSAGE_TRUNCATED
			  : message_measure(copy + 1, MESSAGE_SIZE_MAX, &measured);
	if (verdict)
		return verdict;
	CHECK(measured == size);
	return message_parse(&message, copy + 1, size);
}

static int parse(void)
{
	return parse_bytes(raw.bytes, raw.size);
}

static void begin_call(bool is_big)
{
	raw_begin(&raw, is_big, MESSAGE_METHOD_CALL, 7);
	raw_text_field(&raw, 1, "o", "/org/xen/xcp");
	raw_text_field(&raw, 2, "s", "org.xen.xcp.Test");
	raw_text_field(&raw, 3, "s", "Ping");
	raw_text_field(&raw, 6, "s", "org.xen.xcp.xenopsd1");
}

static void end_call(void)
{
	raw_end_fields(&raw);
	raw_end(&raw);
}

static void make_call(bool is_big)
{
	begin_call(is_big);
	end_call();
}

static void a_call_is_located(void)
{
	for (int is_big = 0; is_big < 2; is_big++) {
		begin_call(is_big);
		raw_text_field(&raw, 8, "g", "su");
		raw_end_fields(&raw);
		raw_string(&raw, "hello");
		raw_uint32(&raw, 42);
		raw_end(&raw);
		raw.bytes[2] = MESSAGE_NO_AUTO_START | 0x80; /* unknown flags pass */

		CHECK(parse() == MESSAGE_VALID);
		CHECK(message.type == MESSAGE_METHOD_CALL && message.flags == 0x82);
		CHECK(message.serial == 7 && message.reply_serial == 0 && message.unix_fds == 0);
		CHECK(text_is(message.path, "/org/xen/xcp"));
		CHECK(text_is(message.interface, "org.xen.xcp.Test"));
		CHECK(text_is(message.member, "Ping"));
		CHECK(text_is(message.destination, "org.xen.xcp.xenopsd1"));
		CHECK(text_is(message.signature, "su"));
		CHECK(!message.error_name.bytes && !message.sender.bytes);
		CHECK(message.size == raw.size && message.body_offset == raw.body);
		CHECK(message.body_size == 16 && message.is_clean);
	}
}

static void replies_errors_and_signals(void)
{
	raw_begin(&raw, false, MESSAGE_METHOD_RETURN, 1);
	raw_number_field(&raw, 5, 99);
	raw_number_field(&raw, 9, 0);
	end_call();
	CHECK(parse() == MESSAGE_VALID);
	CHECK(message.reply_serial == 99 && message.unix_fds == 0 && message.is_clean);

	raw_begin(&raw, false, MESSAGE_ERROR, 1);
	raw_text_field(&raw, 4, "s", "a.b");
	raw_number_field(&raw, 5, 99);
	raw_number_field(&raw, 9, 3);
	end_call();
	CHECK(parse() == MESSAGE_VALID);
	CHECK(text_is(message.error_name, "a.b") && message.unix_fds == 3);

	raw_begin(&raw, false, MESSAGE_SIGNAL, 1);
	raw_text_field(&raw, 1, "o", "/");
	raw_text_field(&raw, 2, "s", "a.b");
	raw_text_field(&raw, 3, "s", "c");
	end_call();
	CHECK(parse() == MESSAGE_VALID);
	CHECK(text_is(message.path, "/"));
}

/* Each type with each of its fields left out. */
static void required_fields(void)
{
	static const unsigned required[5][3] = { { 0 }, { 1, 3 }, { 5 }, { 4, 5 }, { 1, 2, 3 } };
	unsigned type, skip, i;

	for (type = 1; type <= 4; type++) {
		for (skip = 0; skip < 4; skip++) {
			raw_begin(&raw, false, type, 1);
			for (i = 0; i < 3 && required[type][i]; i++) {
				if (i == skip)
					continue;
				if (required[type][i] == 5)
					raw_number_field(&raw, 5, 1);
				else
					raw_text_field(&raw, required[type][i],
						       required[type][i] == 1 ? "o" : "s",
						       required[type][i] == 1   ? "/"
						       : required[type][i] == 3 ? "a"
										: "a.b");
			}
			end_call();
			CHECK(parse() == (skip < i ? MESSAGE_MISSING_FIELD : MESSAGE_VALID));
		}
	}
	/* A type that we do not know has no fields that we could require. */
	raw_begin(&raw, false, 5, 1);
	end_call();
	CHECK(parse() == MESSAGE_VALID && message.body_offset == 16);
}

static void the_fixed_part(void)
{
	static const struct {
		uint32_t offset;
		uint8_t value;
		int verdict;
	} cases[] = {
		{ 0, 'b', MESSAGE_BAD_BYTE_ORDER },
		{ 0, 0, MESSAGE_BAD_BYTE_ORDER },
		{ 1, 0, MESSAGE_BAD_TYPE },
		{ 3, 0, MESSAGE_BAD_VERSION },
		{ 3, 2, MESSAGE_BAD_VERSION },
		{ 8, 0, MESSAGE_BAD_SERIAL },
		{ 7, 0x08, MESSAGE_TOO_LONG },
		{ 14, 0x01, MESSAGE_HEADER_TOO_LONG },
		{ 15, 0xff, MESSAGE_HEADER_TOO_LONG },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_call(false);
		raw.bytes[cases[i].offset] = cases[i].value;
		CHECK(parse() == cases[i].verdict);
	}
}

static void measuring(void)
{
	uint32_t size;

	for (int is_big = 0; is_big < 2; is_big++) {
		raw_begin(&raw, is_big, 1, 1);
		raw_put32(&raw, 4, 1000);
		raw_put32(&raw, 12, 13);
		CHECK(message_measure(raw.bytes, 2000, &size) == MESSAGE_VALID);
		CHECK(size == 16 + 16 + 1000);
		CHECK(message_measure(raw.bytes, 1032, &size) == MESSAGE_VALID);
		CHECK(message_measure(raw.bytes, 1031, &size) == MESSAGE_TOO_LONG);

		/* Nothing wraps around. */
		raw_put32(&raw, 4, UINT32_MAX);
		CHECK(message_measure(raw.bytes, UINT32_MAX, &size) == MESSAGE_TOO_LONG);
		raw_put32(&raw, 12, UINT32_MAX);
		CHECK(message_measure(raw.bytes, UINT32_MAX, &size) == MESSAGE_HEADER_TOO_LONG);

		/* The stamp still fits. */
		raw_put32(&raw, 12, MESSAGE_HEADER_MAX - MESSAGE_STAMP_MAX - 16);
		raw_put32(&raw, 4, MESSAGE_SIZE_MAX - MESSAGE_HEADER_MAX);
		CHECK(message_measure(raw.bytes, MESSAGE_SIZE_MAX, &size) == MESSAGE_VALID);
		raw_put32(&raw, 4, MESSAGE_SIZE_MAX - MESSAGE_HEADER_MAX + 1);
		CHECK(message_measure(raw.bytes, MESSAGE_SIZE_MAX, &size) == MESSAGE_TOO_LONG);
		raw_put32(&raw, 4, 0);
		raw_put32(&raw, 12, MESSAGE_HEADER_MAX - MESSAGE_STAMP_MAX - 15);
		CHECK(message_measure(raw.bytes, MESSAGE_SIZE_MAX, &size) ==
		      MESSAGE_HEADER_TOO_LONG);
	}
}

static void the_size_must_be_exact(void)
{
	make_call(false);
	CHECK(message_parse(&message, raw.bytes, raw.size) == MESSAGE_VALID);
	CHECK(message_parse(&message, raw.bytes, raw.size - 1) == MESSAGE_TRUNCATED);
	CHECK(message_parse(&message, raw.bytes, raw.size + 1) == MESSAGE_TRAILING_BYTES);
	CHECK(message_parse(&message, raw.bytes, 15) == MESSAGE_TRUNCATED);
	CHECK(message_parse(&message, raw.bytes, 0) == MESSAGE_TRUNCATED);
}

static void field_values_are_checked(void)
{
	static const struct {
		unsigned code;
		const char *type, *value;
		int verdict;
	} cases[] = {
		{ 1, "o", "no/slash", MESSAGE_BAD_PATH },
		{ 1, "o", "", MESSAGE_BAD_PATH },
		{ 2, "s", "nodot", MESSAGE_BAD_INTERFACE },
		{ 3, "s", "has.dot", MESSAGE_BAD_MEMBER },
		{ 4, "s", "nodot", MESSAGE_BAD_ERROR_NAME },
		{ 6, "s", "nodot", MESSAGE_BAD_BUS_NAME },
		{ 6, "s", ":1", MESSAGE_BAD_BUS_NAME },
		{ 7, "s", "a..b", MESSAGE_BAD_BUS_NAME },
		{ 8, "g", "a", MESSAGE_BAD_SIGNATURE },
		{ 1, "o", "/org/freedesktop/DBus/Local", MESSAGE_RESERVED_LOCAL },
		{ 1, "o", "/org/freedesktop/DBus/Localhost", MESSAGE_RESERVED_LOCAL },
		{ 1, "o", "/org/freedesktop/DBus/Loca", MESSAGE_VALID },
		{ 2, "s", "org.freedesktop.DBus.Local", MESSAGE_RESERVED_LOCAL },
		{ 2, "s", "org.freedesktop.DBus.Local.x", MESSAGE_RESERVED_LOCAL },
		{ 2, "s", "org.freedesktop.DBus.Loca", MESSAGE_VALID },
		{ 6, "s", ":1.0", MESSAGE_VALID },
		{ 7, "s", ":1.0", MESSAGE_VALID },
		{ 4, "s", "a.b", MESSAGE_VALID }, /* superfluous, allowed */
		{ 8, "g", "", MESSAGE_VALID },
		/* the wrong type */
		{ 1, "s", "/", MESSAGE_BAD_FIELD },
		{ 2, "o", "/", MESSAGE_BAD_FIELD },
		{ 3, "g", "s", MESSAGE_BAD_FIELD },
		{ 8, "s", "s", MESSAGE_BAD_FIELD },
		{ 5, "s", "s", MESSAGE_BAD_FIELD },
		{ 9, "s", "s", MESSAGE_BAD_FIELD },
		{ 0, "s", "s", MESSAGE_BAD_FIELD },
		{ 10, "s", "s", MESSAGE_VALID },
		{ 255, "g", "s", MESSAGE_VALID },
		{ 255, "g", "a", MESSAGE_BAD_SIGNATURE },
		{ 255, "o", "a", MESSAGE_BAD_PATH },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * 2; i++) {
		size_t c = i / 2;

		raw_begin(&raw, i % 2, MESSAGE_METHOD_CALL, 7);
		raw_text_field(&raw, cases[c].code, cases[c].type, cases[c].value);
		if (cases[c].code != 1)
			raw_text_field(&raw, 1, "o", "/");
		if (cases[c].code != 3)
			raw_text_field(&raw, 3, "s", "a");
		end_call();
		CHECK(parse() == cases[c].verdict);
	}
}

static void fields_are_given_once(void)
{
	static const char *const values[] = { "", "/", "a.b", "a", "a.b", "", "a.b", "a.b", "" };

	for (unsigned code = 1; code <= 9; code++) {
		raw_begin(&raw, false, 5, 1);
		for (int i = 0; i < 2; i++) {
			if (code == 5 || code == 9)
				raw_number_field(&raw, code, 1);
			else
				raw_text_field(&raw, code,
					       code == 1   ? "o"
					       : code == 8 ? "g"
							   : "s",
					       values[code]);
		}
		end_call();
		CHECK(parse() == MESSAGE_BAD_FIELD);
	}
	/* Who knows what an unknown one means. */
	raw_begin(&raw, false, 5, 1);
	raw_number_field(&raw, 77, 1);
	raw_number_field(&raw, 77, 2);
	end_call();
	CHECK(parse() == MESSAGE_VALID && !message.is_clean);
}

static void a_reply_serial_is_not_0(void)
{
	raw_begin(&raw, true, MESSAGE_METHOD_RETURN, 1);
	raw_number_field(&raw, 5, 0);
	end_call();
	CHECK(parse() == MESSAGE_BAD_FIELD);
}

static void padding_is_0(void)
{
	uint32_t offset, padding = 0;

	begin_call(false);
	raw_field(&raw, 99, "y");
	raw_byte(&raw, 255);
	raw_text_field(&raw, 8, "g", "y(y)");
	raw_end_fields(&raw);
	raw_byte(&raw, 255);
	raw_align(&raw, 8);
	raw_byte(&raw, 255);
	raw_end(&raw);
	CHECK(parse() == MESSAGE_VALID);

	/* Set each byte that is 0 and see what it was. */
	for (offset = 16; offset < raw.size; offset++) {
		uint8_t saved = raw.bytes[offset];

		if (saved)
			continue;
		raw.bytes[offset] = 1;
		CHECK(parse() != MESSAGE_VALID);
		padding += parse() == MESSAGE_BAD_PADDING;
		raw.bytes[offset] = saved;
	}
	CHECK(padding == 3 + 7 + 3 + 3 + 3 + 6 + 7);
}

/* Whatever the array's length says, nothing is read beyond. */
static void the_length_of_the_fields_is_exact(void)
{
	uint32_t right, length;

	make_call(false);
	right = raw.body - 16 - 3;
	CHECK(parse() == MESSAGE_VALID && message.fields_end == 16 + right);
	for (length = 0; length <= raw.size - 16; length++) {
		raw_put32(&raw, 12, length);
		raw_put32(&raw, 4, raw.size - (16 + (length + 7) / 8 * 8));
		CHECK((parse() == MESSAGE_VALID) == (length == right));
	}
}

static void every_prefix_is_refused(void)
{
	uint32_t size;

	begin_call(true);
	raw_text_field(&raw, 8, "g", "a{sv}");
	raw_end_fields(&raw);
	raw_array_end(&raw, raw_array(&raw, 8), 8);
	raw_end(&raw);
	CHECK(parse() == MESSAGE_VALID);
	for (size = 0; size < raw.size; size++)
		CHECK(message_parse(&message, raw.bytes, size) == MESSAGE_TRUNCATED);
}

static void unknown_fields_are_checked_for_depth(void)
{
	char signature[2] = "v";

	for (unsigned extra = 60; extra <= 63; extra++) {
		raw_begin(&raw, false, 5, 1);
		raw_align(&raw, 8);
		raw_byte(&raw, 200);
		for (unsigned i = 0; i < extra; i++)
			raw_signature(&raw, signature);
		raw_signature(&raw, "y");
		raw_byte(&raw, 1);
		end_call();
		/* Array, struct and variant are three levels, 64 are allowed. */
		CHECK(parse() == (extra <= 61 ? MESSAGE_VALID : MESSAGE_TOO_DEEP));
	}
}

static void a_body_needs_a_signature(void)
{
	begin_call(false);
	raw_end_fields(&raw);
	raw_uint32(&raw, 1);
	raw_end(&raw);
	CHECK(parse() == MESSAGE_TRAILING_BYTES);

	begin_call(false);
	raw_text_field(&raw, 8, "g", "u");
	end_call();
	CHECK(parse() == MESSAGE_TRUNCATED);
}

static void verdicts_have_words(void)
{
	for (int i = 0; i < MESSAGE_VERDICT_COUNT; i++)
		CHECK(message_verdict_text(i) && message_verdict_text(i)[0]);
	CHECK(message_verdict_text(-1) && message_verdict_text(MESSAGE_VERDICT_COUNT));
}

int main(void)
{
	RUN(a_call_is_located);
	RUN(replies_errors_and_signals);
	RUN(required_fields);
	RUN(the_fixed_part);
	RUN(measuring);
	RUN(the_size_must_be_exact);
	RUN(field_values_are_checked);
	RUN(fields_are_given_once);
	RUN(a_reply_serial_is_not_0);
	RUN(padding_is_0);
	RUN(the_length_of_the_fields_is_exact);
	RUN(every_prefix_is_refused);
	RUN(unknown_fields_are_checked_for_depth);
	RUN(a_body_needs_a_signature);
	RUN(verdicts_have_words);
	parse_bytes((const uint8_t *)"", 0);
	return test_finish();
}
