/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/body.h"

#include <stdlib.h>

#include "raw.h"
#include "test.h"

static struct raw raw;
static struct message message;

static void begin(bool is_big)
{
	raw.size = 0;
	raw.is_big = is_big;
}

/* Checks a copy that ends where the body ends and begins at an odd address. */
static int check_part(const char *signature, uint32_t size)
{
	bool is_swapped = raw.is_big == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
	uint8_t *copy = malloc(size + 1);
	int verdict;

	CHECK(copy);
	memcpy(copy + 1, raw.bytes, size);
	verdict = body_check(text_of(signature), copy + 1, size, is_swapped);
	free(copy);
	return verdict;
}

static int check(const char *signature)
{
	return check_part(signature, raw.size);
}

/* Every prefix is too short, and one byte more too long. */
static bool is_exactly(const char *signature)
{
	uint32_t size;

	for (size = 0; size < raw.size; size++)
		if (check_part(signature, size) == MESSAGE_VALID)
			return false;
	raw.bytes[raw.size] = 0;
	return check(signature) == MESSAGE_VALID &&
	       check_part(signature, raw.size + 1) == MESSAGE_TRAILING_BYTES;
}

static void nothing(void)
{
	begin(false);
	CHECK(check("") == MESSAGE_VALID);
	CHECK(check_part("", 1) == MESSAGE_TRAILING_BYTES);
	CHECK(body_check((struct text){ 0 }, raw.bytes, 0, false) == MESSAGE_VALID);
}

static void basic_types(void)
{
	for (int is_big = 0; is_big < 2; is_big++) {
		begin(is_big);
		raw_byte(&raw, 255);
		raw_uint32(&raw, 1);
		raw_byte(&raw, 255);
		raw_align(&raw, 2);
		raw_bytes(&raw, "\377\376", 2);
		raw_uint32(&raw, UINT32_MAX);
		raw_uint64(&raw, UINT64_MAX);
		raw_string(&raw, "gr\303\274n");
		raw_string(&raw, "/a/b");
		raw_signature(&raw, "a{sv}");
		raw_uint64(&raw, 0x7ff8000000000001);
		raw_uint32(&raw, 7);
		CHECK(is_exactly("ybyqutsogdh"));
		CHECK(is_exactly("ybynixsogdh"));
	}
}

static void booleans(void)
{
	for (int is_big = 0; is_big < 2; is_big++) {
		begin(is_big);
		raw_uint32(&raw, 0);
		raw_uint32(&raw, 1);
		CHECK(is_exactly("bb"));
		begin(is_big);
		raw_uint32(&raw, 2);
		CHECK(check("b") == MESSAGE_BAD_BOOLEAN);
		begin(is_big);
		raw_uint32(&raw, 0x01000000);
		CHECK(check("b") == MESSAGE_BAD_BOOLEAN);
	}
}

static void strings(void)
{
	begin(false);
	raw_text(&raw, "a\0b", 3);
	CHECK(check("s") == MESSAGE_BAD_STRING);
	begin(false);
	raw_text(&raw, "a\377b", 3);
	CHECK(check("s") == MESSAGE_BAD_STRING);
	begin(false);
	raw_string(&raw, "abc");
	raw.bytes[raw.size - 1] = 'd';
	CHECK(check("s") == MESSAGE_BAD_STRING);
	begin(false);
	raw_string(&raw, "");
	CHECK(is_exactly("s"));
	CHECK(check("o") == MESSAGE_BAD_PATH);
	/* Lengths that would wrap around. */
	for (uint32_t length = UINT32_MAX - 8; length; length++) {
		raw_put32(&raw, 0, length);
		CHECK(check("s") == MESSAGE_TRUNCATED);
	}
	begin(false);
	raw_signature(&raw, "a");
	CHECK(check("g") == MESSAGE_BAD_SIGNATURE);
	begin(false);
	raw_signature(&raw, "i");
	raw.bytes[2] = 'i';
	CHECK(check("g") == MESSAGE_BAD_STRING);
}

static void structs_and_padding(void)
{
	begin(true);
	raw_byte(&raw, 1);
	raw_align(&raw, 8);
	raw_byte(&raw, 2);
	raw_align(&raw, 8);
	raw_byte(&raw, 3);
	raw_uint32(&raw, 4);
	CHECK(is_exactly("y(y(yu))"));
	for (uint32_t i = 1; i < 8; i++) {
		raw.bytes[i] = 1;
		CHECK(check("y(y(yu))") == MESSAGE_BAD_PADDING);
		raw.bytes[i] = 0;
	}
	raw.bytes[18] = 1;
	CHECK(check("y(y(yu))") == MESSAGE_BAD_PADDING);
}

static void arrays(void)
{
	uint32_t mark;

	for (int is_big = 0; is_big < 2; is_big++) {
		begin(is_big);
		mark = raw_array(&raw, 4);
		raw_string(&raw, "one");
		raw_string(&raw, "");
		raw_string(&raw, "three");
		raw_array_end(&raw, mark, 4);
		raw_byte(&raw, 9);
		CHECK(is_exactly("asy"));

		/* The length must hit the end of an element. */
		for (uint32_t length = 0; length < 40; length++) {
			raw_put32(&raw, 0, length);
			CHECK((check("asy") == MESSAGE_VALID) == (length == 26));
		}
	}
}

static void empty_arrays_have_padding(void)
{
	static const char *const types[] = { "at",    "ax",       "ad",     "a(i)",
					     "a{sv}", "a{s(ii)}", "a(a(y))" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		begin(false);
		raw_uint32(&raw, 0);
		raw_align(&raw, 8);
		CHECK(check(types[i]) == MESSAGE_VALID);
		CHECK(check_part(types[i], 4) == MESSAGE_TRUNCATED);
		raw.bytes[6] = 1;
		CHECK(check(types[i]) == MESSAGE_BAD_PADDING);
	}
	begin(false);
	raw_uint32(&raw, 0);
	CHECK(check("as") == MESSAGE_VALID && check("aas") == MESSAGE_VALID);
	CHECK(check("av") == MESSAGE_VALID && check("ay") == MESSAGE_VALID);
}

static void arrays_of_fixed_size(void)
{
	static const char *const types[] = { "ay", "aq", "an", "ai", "au", "ah", "ax", "at", "ad" };
	static const uint32_t sizes[] = { 1, 2, 2, 4, 4, 4, 8, 8, 8 };

	for (size_t i = 0; i < 9; i++) {
		begin(i % 2);
		raw_uint32(&raw, 24);
		raw_align(&raw, sizes[i]);
		memset(raw.bytes + raw.size, 0xff, 24);
		raw.size += 24;
		CHECK(is_exactly(types[i]));
		if (sizes[i] > 1) {
			raw_put32(&raw, 0, 25);
			raw_byte(&raw, 0xff);
			CHECK(check(types[i]) == MESSAGE_BAD_ARRAY);
		}
	}
	begin(true);
	raw_uint32(&raw, 8);
	raw_uint32(&raw, 1);
	raw_uint32(&raw, 0);
	CHECK(is_exactly("ab"));
	raw_put32(&raw, 8, 2);
	CHECK(check("ab") == MESSAGE_BAD_BOOLEAN);
}

static void an_array_has_at_most_64_mib(void)
{
	uint32_t size = MESSAGE_ARRAY_MAX + 16;
	uint8_t *bytes = calloc(1, size);
	uint32_t length = MESSAGE_ARRAY_MAX;

	CHECK(bytes);
	memcpy(bytes, &length, 4);
	CHECK(body_check(text_of("ay"), bytes, 4 + length, false) == MESSAGE_VALID);
	length++;
	memcpy(bytes, &length, 4);
	CHECK(body_check(text_of("ay"), bytes, 4 + length, false) == MESSAGE_BAD_ARRAY);
	length = UINT32_MAX;
	memcpy(bytes, &length, 4);
	CHECK(body_check(text_of("ay"), bytes, size, false) == MESSAGE_BAD_ARRAY);
	free(bytes);
}

static void dictionaries_and_variants(void)
{
	uint32_t mark;

	for (int is_big = 0; is_big < 2; is_big++) {
		begin(is_big);
		mark = raw_array(&raw, 8);
		raw_align(&raw, 8);
		raw_string(&raw, "key");
		raw_signature(&raw, "u");
		raw_uint32(&raw, 1);
		raw_align(&raw, 8);
		raw_string(&raw, "other");
		raw_signature(&raw, "(sv)");
		raw_align(&raw, 8);
		raw_string(&raw, "x");
		raw_signature(&raw, "ay");
		raw_uint32(&raw, 3);
		raw_bytes(&raw, "abc", 3);
		raw_array_end(&raw, mark, 8);
		raw_uint64(&raw, 1);
		CHECK(is_exactly("a{sv}t"));
	}
}

static void a_variant_holds_one_complete_type(void)
{
	static const char *const signatures[] = { "", "yy", "a", "z", "{sv}", "()", "(y" };

	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		begin(false);
		raw_signature(&raw, signatures[i]);
		raw_bytes(&raw, "\1\1\1\1\1\1\1\1", 8);
		CHECK(check("v") == MESSAGE_BAD_VARIANT);
	}
}

/* levels variants, one in the other, then a byte. */
static int check_variants(unsigned levels)
{
	begin(false);
	for (unsigned i = 1; i < levels; i++)
		raw_signature(&raw, "v");
	raw_signature(&raw, "y");
	raw_byte(&raw, 1);
	return check("v");
}

/* 32 arrays, in them 32 structs, in them what raw ends with from offset 128. */
static int check_deepest(const char *type)
{
	char signature[32 + 32 + 1 + 32 + 1] = { 0 };

	memset(signature, 'a', 32);
	memset(signature + 32, '(', 32);
	signature[64] = type[0];
	memset(signature + 65, ')', 32);
	for (uint32_t i = 0; i < 32; i++)
		raw_put32(&raw, 4 * i, raw.size - 4 * (i + 1));
	return check(signature);
}

static void depth_is_limited(void)
{
	CHECK(check_variants(64) == MESSAGE_VALID);
	CHECK(check_variants(65) == MESSAGE_TOO_DEEP);
	CHECK(check_variants(20000) == MESSAGE_TOO_DEEP);

	begin(false);
	raw.size = 4 * 32;
	raw_byte(&raw, 7);
	CHECK(check_deepest("y") == MESSAGE_VALID);
	raw.size = 4 * 32;
	raw_signature(&raw, "y");
	raw_byte(&raw, 7);
	CHECK(check_deepest("v") == MESSAGE_TOO_DEEP);
}

static void make_message(bool is_big, const char *signature)
{
	raw_begin(&raw, is_big, 9, 1);
	raw_text_field(&raw, 8, "g", signature);
	raw_end_fields(&raw);
}

static void parse_message(void)
{
	raw_end(&raw);
	CHECK(message_parse(&message, raw.bytes, raw.size) == MESSAGE_VALID);
}

static void arguments_are_read_in_order(void)
{
	struct body_reader reader;
	struct text text;
	uint32_t number;

	for (int is_big = 0; is_big < 2; is_big++) {
		make_message(is_big, "susogb");
		raw_string(&raw, "one");
		raw_uint32(&raw, 2);
		raw_string(&raw, "");
		raw_string(&raw, "/p");
		raw_signature(&raw, "ay");
		raw_uint32(&raw, 1);
		parse_message();

		body_reader_init(&reader, &message);
		CHECK(body_reader_type(&reader) == 's');
		CHECK(!body_read_uint32(&reader, &number));
		CHECK(body_read_string(&reader, &text) && text_is(text, "one"));
		CHECK(!body_read_string(&reader, &text));
		CHECK(body_read_uint32(&reader, &number) && number == 2);
		CHECK(body_read_string(&reader, &text) && text_is(text, ""));
		CHECK(body_reader_type(&reader) == 'o');
		CHECK(body_read_string(&reader, &text) && text_is(text, "/p"));
		CHECK(body_read_string(&reader, &text) && text_is(text, "ay"));
		CHECK(body_reader_type(&reader) == 'b' && body_skip(&reader));
		CHECK(body_reader_type(&reader) == 0);
		CHECK(!body_read_string(&reader, &text) && !body_skip(&reader));
	}
}

static void arrays_are_read(void)
{
	struct body_reader reader;
	struct text key, value;
	uint32_t mark, end;

	for (int is_big = 0; is_big < 2; is_big++) {
		make_message(is_big, "asa{ss}aoa{sv}u");
		mark = raw_array(&raw, 4);
		raw_string(&raw, "one");
		raw_string(&raw, "two");
		raw_array_end(&raw, mark, 4);
		mark = raw_array(&raw, 8);
		raw_string(&raw, "key");
		raw_string(&raw, "value");
		raw_align(&raw, 8);
		raw_string(&raw, "k");
		raw_string(&raw, "v");
		raw_array_end(&raw, mark, 8);
		raw_array_end(&raw, raw_array(&raw, 4), 4);
		raw_array_end(&raw, raw_array(&raw, 8), 8);
		raw_uint32(&raw, 77);
		parse_message();

		body_reader_init(&reader, &message);
		CHECK(!body_enter_array(&reader, 'o', &end) &&
		      !body_enter_array(&reader, 'u', &end));
		CHECK(body_enter_array(&reader, 's', &end));
		CHECK(body_read_array_string(&reader, end, &value) && text_is(value, "one"));
		CHECK(body_read_array_string(&reader, end, &value) && text_is(value, "two"));
		CHECK(!body_read_array_string(&reader, end, &value));
		CHECK(body_enter_array(&reader, '{', &end));
		CHECK(body_read_array_pair(&reader, end, &key, &value));
		CHECK(text_is(key, "key") && text_is(value, "value"));
		CHECK(body_read_array_pair(&reader, end, &key, &value));
		CHECK(text_is(key, "k") && text_is(value, "v"));
		CHECK(!body_read_array_pair(&reader, end, &key, &value));
		CHECK(body_enter_array(&reader, 'o', &end));
		CHECK(!body_read_array_string(&reader, end, &value));
		CHECK(!body_enter_array(&reader, '{', &end));
		CHECK(body_skip(&reader));
		CHECK(body_read_uint32(&reader, &end) && end == 77);
	}
}

static void arguments_for_match_rules(void)
{
	struct body_args args;

	make_message(true, "s(su)ogas");
	raw_string(&raw, "zero");
	raw_align(&raw, 8);
	raw_string(&raw, "inner");
	raw_uint32(&raw, 1);
	raw_string(&raw, "/two");
	raw_signature(&raw, "i");
	raw_array_end(&raw, raw_array(&raw, 4), 4);
	parse_message();

	body_read_args(&message, 64, &args);
	CHECK(args.count == 5);
	CHECK(!memcmp(args.type, "s\0og\0", 5));
	CHECK(text_is(args.value[0], "zero") && text_is(args.value[2], "/two"));
	CHECK(text_is(args.value[3], "i") && !args.value[1].bytes);
	body_read_args(&message, 1, &args);
	CHECK(args.count == 1);
	body_read_args(&message, 0, &args);
	CHECK(args.count == 0);

	make_message(false, "");
	parse_message();
	body_read_args(&message, 64, &args);
	CHECK(args.count == 0);
	raw_begin(&raw, false, 9, 1);
	raw_end_fields(&raw);
	parse_message();
	body_read_args(&message, 64, &args);
	CHECK(args.count == 0);
}

static void more_arguments_than_rules_can_name(void)
{
	char signature[101] = { 0 };
	struct body_args args;

	memset(signature, 's', 100);
	make_message(false, signature);
	for (int i = 0; i < 100; i++)
		raw_string(&raw, "x");
	parse_message();
	body_read_args(&message, 1000, &args);
	CHECK(args.count == 64 && args.type[63] == 's' && text_is(args.value[63], "x"));
}

int main(void)
{
	RUN(nothing);
	RUN(basic_types);
	RUN(booleans);
	RUN(strings);
	RUN(structs_and_padding);
	RUN(arrays);
	RUN(empty_arrays_have_padding);
	RUN(arrays_of_fixed_size);
	RUN(an_array_has_at_most_64_mib);
	RUN(dictionaries_and_variants);
	RUN(a_variant_holds_one_complete_type);
	RUN(depth_is_limited);
	RUN(arguments_are_read_in_order);
	RUN(arrays_are_read);
	RUN(arguments_for_match_rules);
	RUN(more_arguments_than_rules_can_name);
	return test_finish();
}
