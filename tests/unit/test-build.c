/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/build.h"

#include <errno.h>
#include <stdlib.h>

#include "test.h"
#include "wire/body.h"
#include "wire/bytes.h"

static struct build build;
static struct message message;

static bool finish_is_valid(void)
{
	uint8_t *bytes;
	uint32_t size, measured;

	return build_finish(&build, &bytes, &size) == 0 &&
	       message_measure(bytes, MESSAGE_SIZE_MAX, &measured) == MESSAGE_VALID &&
	       measured == size && message_parse(&message, bytes, size) == MESSAGE_VALID;
}

static void a_reply_without_a_body(void)
{
	build_init(&build);
	build_header(&build, &(struct build_head){
				     .type = MESSAGE_METHOD_RETURN,
				     .flags = MESSAGE_NO_REPLY_EXPECTED,
				     .serial = 5,
				     .reply_serial = 77,
				     .destination = ":5.1",
				     .sender = "org.freedesktop.DBus",
			     });
	CHECK(finish_is_valid());
	CHECK(message.type == MESSAGE_METHOD_RETURN && message.flags == 1 && message.serial == 5);
	CHECK(message.reply_serial == 77 && message.body_size == 0 && !message.path.bytes);
	CHECK(text_is(message.destination, ":5.1"));
	CHECK(text_is(message.sender, "org.freedesktop.DBus"));
	CHECK(!message.is_swapped);
	build_deinit(&build);
}

static void all_header_fields(void)
{
	build_init(&build);
	build_header(&build, &(struct build_head){
				     .type = MESSAGE_SIGNAL,
				     .serial = 1,
				     .path = "/a",
				     .interface = "a.b",
				     .member = "C",
				     .error_name = "d.e",
				     .reply_serial = 2,
				     .destination = "f.g",
				     .sender = ":1.2",
				     .signature = "",
			     });
	CHECK(finish_is_valid());
	CHECK(text_is(message.path, "/a") && text_is(message.interface, "a.b"));
	CHECK(text_is(message.member, "C") && text_is(message.error_name, "d.e"));
	CHECK(text_is(message.destination, "f.g") && text_is(message.sender, ":1.2"));
	CHECK(!message.signature.bytes && message.reply_serial == 2);
	build_deinit(&build);
}

static void begin_body(const char *signature)
{
	build_init(&build);
	build_header(&build, &(struct build_head){
				     .type = MESSAGE_SIGNAL,
				     .serial = 1,
				     .path = "/org/freedesktop/DBus",
				     .interface = "org.freedesktop.DBus",
				     .member = "NameOwnerChanged",
				     .signature = signature,
			     });
}

static void every_type_of_value(void)
{
	struct body_reader reader;
	struct text text;
	uint32_t number;

	begin_body("ybutsogv");
	build_byte(&build, 255);
	build_bool(&build, true);
	build_uint32(&build, 0x01020304);
	build_uint64(&build, 0x0102030405060708);
	build_string(&build, "string");
	build_text(&build, (struct text){ "/path", 5 });
	build_signature(&build, "a{sv}");
	build_variant(&build, "u");
	build_uint32(&build, 9);
	CHECK(finish_is_valid());

	body_reader_init(&reader, &message);
	CHECK(body_skip(&reader));
	CHECK(bytes_get32(reader.body + 4, false) == 1 && body_skip(&reader));
	CHECK(body_read_uint32(&reader, &number) && number == 0x01020304);
	CHECK(body_skip(&reader));
	CHECK(body_read_string(&reader, &text) && text_is(text, "string"));
	CHECK(body_read_string(&reader, &text) && text_is(text, "/path"));
	CHECK(body_read_string(&reader, &text) && text_is(text, "a{sv}"));
	CHECK(body_skip(&reader) && !body_skip(&reader));
	build_deinit(&build);
}

static void arrays_and_dictionaries(void)
{
	struct body_reader reader;
	struct text text;
	uint32_t mark, inner, end;

	for (int entries = 0; entries < 3; entries++) {
		begin_body("asa{sv}aas");
		mark = build_array(&build, 4);
		for (int i = 0; i < entries; i++)
			build_string(&build, "name");
		build_array_end(&build, mark);
		mark = build_array(&build, 8);
		for (int i = 0; i < entries; i++) {
			build_struct(&build);
			build_string(&build, "key");
			build_variant(&build, "t");
			build_uint64(&build, 1);
		}
		build_array_end(&build, mark);
		mark = build_array(&build, 4);
		for (int i = 0; i < entries; i++) {
			inner = build_array(&build, 4);
			build_string(&build, "x");
			build_array_end(&build, inner);
		}
		build_array_end(&build, mark);
		CHECK(finish_is_valid());

		body_reader_init(&reader, &message);
		CHECK(body_enter_array(&reader, 's', &end));
		for (int i = 0; i < entries; i++)
			CHECK(body_read_array_string(&reader, end, &text) && text_is(text, "name"));
		CHECK(!body_read_array_string(&reader, end, &text));
		build_deinit(&build);
	}
}

/* Arrays whose elements need more padding than their length, from each alignment. */
static void arrays_begin_anywhere(void)
{
	char signature[12] = { 0 };
	uint32_t mark;

	for (int bytes = 0; bytes < 9; bytes++) {
		memset(signature, 'y', sizeof(signature) - 1);
		memcpy(signature + bytes, "at", 3);
		begin_body(signature);
		for (int i = 0; i < bytes; i++)
			build_byte(&build, 1);
		mark = build_array(&build, 8);
		build_uint64(&build, 2);
		build_uint64(&build, 3);
		build_array_end(&build, mark);
		CHECK(finish_is_valid());
		build_deinit(&build);
	}
}

static void large_bodies_grow(void)
{
	static char large[300000];

	memset(large, 'x', sizeof(large) - 1);
	begin_body("sss");
	build_string(&build, large);
	build_string(&build, "between");
	build_string(&build, large);
	CHECK(finish_is_valid() && message.body_size > 2 * sizeof(large));
	build_deinit(&build);
}

static void the_first_failure_sticks(void)
{
	char long_signature[300];
	uint8_t *bytes;
	uint32_t size, mark;

	memset(long_signature, 'y', sizeof(long_signature) - 1);
	long_signature[sizeof(long_signature) - 1] = '\0';
	begin_body("g");
	build_signature(&build, long_signature);
	build_string(&build, "ignored");
	mark = build_array(&build, 8);
	build_array_end(&build, mark);
	CHECK(build_finish(&build, &bytes, &size) == -EMSGSIZE);
	build_deinit(&build);

	begin_body("s");
	build_text(&build, (struct text){ "", UINT32_MAX });
	CHECK(build_finish(&build, &bytes, &size) == -EMSGSIZE);
	build_deinit(&build);
}

static void a_message_has_at_most_128_mib(void)
{
	const struct text big = { calloc(1, MESSAGE_ARRAY_MAX), MESSAGE_ARRAY_MAX };
	uint32_t size, mark;
	uint8_t *bytes;

	CHECK(big.bytes);
	begin_body("ss");
	build_text(&build, big);
	CHECK(!build.failure);
	build_text(&build, big);
	CHECK(build_finish(&build, &bytes, &size) == -EMSGSIZE);
	build_deinit(&build);

	begin_body("as");
	mark = build_array(&build, 4);
	build_text(&build, big);
	build_array_end(&build, mark);
	CHECK(build_finish(&build, &bytes, &size) == -EMSGSIZE);
	build_deinit(&build);
	free((char *)(uintptr_t)big.bytes);
}

int main(void)
{
	RUN(a_reply_without_a_body);
	RUN(all_header_fields);
	RUN(every_type_of_value);
	RUN(arrays_and_dictionaries);
	RUN(arrays_begin_anywhere);
	RUN(large_bodies_grow);
	RUN(the_first_failure_sticks);
	RUN(a_message_has_at_most_128_mib);
	return test_finish();
}
