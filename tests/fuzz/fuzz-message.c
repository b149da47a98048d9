/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a message: libdbus must agree with our verdict (or a rule in judge.h says why not),
 * the arguments are fetched, and what message_stamp makes of it must be valid for both of us. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(expression)                                                                          \
	do {                                                                                       \
		if (!(expression))                                                                 \
			abort();                                                                   \
	} while (0)

#include "tests/unit/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t get32(const uint8_t *bytes, bool is_big)
{
	uint32_t value;

	memcpy(&value, bytes, 4);
	return is_big == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) ? __builtin_bswap32(value)
								     : value;
}

/* So that not every insertion makes a message of another length: the body is what is left. */
static void fit_body(uint8_t *bytes, uint32_t size)
{
	bool is_big = bytes[0] == 'B';
	uint32_t fields = get32(bytes + 12, is_big), body;

	if (fields > size - 16 || ((fields + 7) & ~7u) > size - 16)
		return;
	body = size - 16 - ((fields + 7) & ~7u);
	if (is_big == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__))
		body = __builtin_bswap32(body);
	memcpy(bytes + 4, &body, 4);
}

static void read_arguments(const struct message *message)
{
	struct body_reader reader;
	struct body_args args;
	struct text text;
	uint32_t number, count = 0, end;

	body_reader_init(&reader, message);
	while (body_reader_type(&reader)) {
		if (body_enter_array(&reader, 's', &end) || body_enter_array(&reader, 'o', &end)) {
			while (body_read_array_string(&reader, end, &text))
				CHECK(syntax_is_utf8(text.bytes, text.size));
		} else if (body_enter_array(&reader, '{', &end)) {
			while (body_read_array_pair(&reader, end, &text, &text))
				CHECK(syntax_is_utf8(text.bytes, text.size));
		} else if (body_read_string(&reader, &text)) {
			CHECK(syntax_is_utf8(text.bytes, text.size));
			CHECK(!text.bytes[text.size]);
		} else {
			CHECK(body_read_uint32(&reader, &number) || body_skip(&reader));
		}
		count++;
	}
	CHECK(reader.offset == message->body_size);
	body_read_args(message, 64, &args);
	CHECK(args.count == (count < 64 ? count : 64));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct verdicts v;
	uint32_t measured;
	uint8_t *bytes;

	if (size < MESSAGE_FIXED_SIZE || size > 65536)
		return 0;
	bytes = malloc(size);
	CHECK(bytes);
	memcpy(bytes, data, size);
	fit_body(bytes, (uint32_t)size);
	if (message_measure(bytes, MESSAGE_SIZE_MAX, &measured) == MESSAGE_VALID &&
	    measured == size) {
		judge(&v, bytes, (uint32_t)size);
		if (!agree(&v)) {
			CHECK(is_explained(&v));
		} else if (v.ours == MESSAGE_VALID) {
			CHECK(same_fields(&v.message, v.theirs));
			check_stamped(&v.message);
		}
		if (v.ours == MESSAGE_VALID)
			read_arguments(&v.message);
		release(&v);
	}
	free(bytes);
	return 0;
}
