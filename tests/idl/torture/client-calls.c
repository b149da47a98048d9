/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values there and back: cases 1 to 19 of CASES.md. */
#include <errno.h>
#include <float.h>
#include <math.h>

#include "check.h"

enum { MIB = 1024 * 1024 };

static const struct torture1_tuple_of_int64_and_int64 segment = { -1, INT64_C(1) << 62 };
static const struct torture1_address device = { 65535, 255, 31, 7 };
static const struct torture1_label label = {
	.text = "here",
	.colour = { .value = TORTURE1_COLOUR_RED },
	.size = 2.25,
	.link = "there",
};

/* The caller frees it. */
static int echo(const struct torture1_everything *in, struct torture1_everything *out)
{
	return torture1_echo_everything(bus, NULL, "calls", in, out, &error);
}

static void comes_back(const struct torture1_everything *in)
{
	struct torture1_everything out;

	if (!WORKS(echo(in, &out)))
		return;
	CHECK(is_same_everything(in, &out));
	torture1_everything_free(&out);
}

static void defaults(void)
{
	struct torture1_everything in, out;

	torture1_everything_init(&in);
	if (!WORKS(echo(&in, &out)))
		return;
	CHECK(is_same_everything(&in, &out));
	CHECK(out.a_byte == 255 && out.a_boolean && out.an_int16 == INT16_MIN);
	CHECK(out.a_uint16 == 65535 && out.an_int32 == INT32_MIN && out.a_uint32 == UINT32_MAX);
	CHECK(out.an_int64 == INT64_MIN && out.a_uint64 == UINT64_MAX);
	CHECK(out.a_double == -0.125);
	CHECK(!strcmp(out.a_string, "a \"quoted\" line\nand a \\"));
	CHECK(out.some_bytes.count == 0 && out.matrix.count == 0);
	CHECK(out.numbers.count == 2 && out.numbers.items[1] == -2);
	CHECK(out.words.count == 1 && !strcmp(out.words.items[0].value, "value"));
	CHECK(!strcmp(out.pair.first, "one") && !out.pair.second);
	CHECK(out.address.bus == 1 && out.address.fn == 3);
	CHECK(out.colour.value == TORTURE1_COLOUR_NONE && !out.colour.word);
	CHECK(out.shape.kind == TORTURE1_SHAPE_GROUP && out.shape.group.count == 3);
	CHECK(out.shape.group.items[2].segment->first == -1);
	CHECK(out.origin.x == 0 && out.origin.y == 0);
	CHECK(!out.label && out.labels.count == 0 && !out.maybe_numbers && !out.anything);
	CHECK(out.holes.count == 2 && !out.holes.items[0] && !strcmp(out.holes.items[1], "x"));
	torture1_everything_free(&out);
}

static void everything(void)
{
	static const double row[] = { 1, 2 };
	static const struct torture1_doubles rows[] = { { row, 2 }, { row, 1 } };
	static const int64_t number = 5;
	static const struct torture1_int64s numbers = { &number, 1 };
	static const char *const holes[] = { "a", NULL, "" };
	static const struct torture1_map_of_string_by_string_entry words[] = { { "a", "b" },
									       { "c", "d" } };
	struct torture1_everything in = {
		.a_byte = 1,
		.an_int16 = 2,
		.a_uint16 = 3,
		.an_int32 = 4,
		.a_uint32 = 5,
		.an_int64 = 6,
		.a_uint64 = 7,
		.a_double = 8.5,
		.a_string = "nine",
		.some_bytes = { (const uint8_t *)"\0\1\2", 3 },
		.numbers = numbers,
		.matrix = { rows, 2 },
		.words = { words, 2 },
		.pair = { "two", &number },
		.address = device,
		.colour = { .value = TORTURE1_COLOUR_DARK_GREEN },
		.shape = { TORTURE1_SHAPE_LABELLED, .labelled = &label },
		.origin = { -1, 1 },
		.label = &label,
		.labels = { &label, 1 },
		.maybe_numbers = &numbers,
		.holes = { holes, 3 },
	};

	in.anything = xcpbus_any_new("s", "any");
	comes_back(&in);
	dbus_message_unref(in.anything);
}

static void basic(const struct torture1_echo_basic_in *in)
{
	struct torture1_echo_basic_out out;
	char *text, *path, *signature;

	if (!WORKS(torture1_echo_basic(
		    bus, NULL, in->a_byte, in->a_boolean, in->an_int16, in->a_uint16, in->an_int32,
		    in->a_uint32, in->an_int64, in->a_uint64, in->a_double, in->a_string,
		    in->a_path, in->a_signature, &out.byte_out, &out.boolean_out, &out.int16_out,
		    &out.uint16_out, &out.int32_out, &out.uint32_out, &out.int64_out,
		    &out.uint64_out, &out.double_out, &text, &path, &signature, &error)))
		return;
	CHECK(out.byte_out == in->a_byte && out.boolean_out == in->a_boolean);
	CHECK(out.int16_out == in->an_int16 && out.uint16_out == in->a_uint16);
	CHECK(out.int32_out == in->an_int32 && out.uint32_out == in->a_uint32);
	CHECK(out.int64_out == in->an_int64 && out.uint64_out == in->a_uint64);
	CHECK(isnan(in->a_double) ? isnan(out.double_out)
				  : !memcmp(&out.double_out, &in->a_double, sizeof(double)));
	CHECK(!strcmp(text, in->a_string));
	CHECK(!strcmp(path, in->a_path) && !strcmp(signature, in->a_signature));
	free(text);
	free(path);
	free(signature);
}

static void limits(void)
{
	static const struct torture1_echo_basic_in least = {
		.an_int16 = INT16_MIN,
		.an_int32 = INT32_MIN,
		.an_int64 = INT64_MIN,
		.a_string = "",
		.a_path = "/",
		.a_signature = "",
	};
	static const struct torture1_echo_basic_in most = {
		.a_byte = UINT8_MAX,
		.a_boolean = true,
		.an_int16 = INT16_MAX,
		.a_uint16 = UINT16_MAX,
		.an_int32 = INT32_MAX,
		.a_uint32 = UINT32_MAX,
		.an_int64 = INT64_MAX,
		.a_uint64 = UINT64_MAX,
		.a_string = "",
		.a_path = "/a/b_1",
		.a_signature = "a{sv}(ii)",
	};

	basic(&least);
	basic(&most);
}

static const double doubles_table[] = { NAN,    INFINITY, -INFINITY, -0.0, 4.9406564584124654e-324,
					DBL_MAX };

static void doubles(void)
{
	enum { COUNT = sizeof(doubles_table) / sizeof(*doubles_table) };
	static const struct torture1_doubles rows[] = { { doubles_table, COUNT }, { NULL, 0 } };
	struct torture1_echo_basic_in in = { .a_string = "", .a_path = "/", .a_signature = "" };
	struct torture1_everything all;
	unsigned i;

	for (i = 0; i < COUNT; i++) {
		in.a_double = doubles_table[i];
		basic(&in);
	}
	torture1_everything_init(&all);
	all.matrix = (struct torture1_list_of_doubles){ rows, 2 };
	comes_back(&all);
}

static void texts(void)
{
	struct torture1_echo_basic_in in = { .a_path = "/", .a_signature = "" };
	char *large = malloc(MIB + 1);

	memset(large, 'x', MIB);
	large[MIB] = 0;
	in.a_string = "";
	basic(&in);
	in.a_string = "\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 \xf0\x9f\x90\x8d \n\t\"\\";
	basic(&in);
	in.a_string = large;
	basic(&in);
	free(large);
}

static void bytes(void)
{
	uint8_t *large = malloc(MIB);
	struct torture1_everything in;
	unsigned i;

	for (i = 0; i < MIB; i++)
		large[i] = (uint8_t)(i % 251);
	torture1_everything_init(&in);
	in.some_bytes = (struct torture1_bytes){ NULL, 0 };
	comes_back(&in);
	in.some_bytes = (struct torture1_bytes){ large, MIB };
	comes_back(&in);
	free(large);
}

static void empty(void)
{
	struct torture1_everything in, out;

	torture1_everything_init(&in);
	in.numbers.count = in.words.count = in.holes.count = 0;
	in.shape = (struct torture1_shape){ TORTURE1_SHAPE_GROUP, .group = { NULL, 0 } };
	comes_back(&in);
	if (!WORKS(echo(&in, &out)))
		return;
	CHECK(out.words.count == 0 && out.numbers.count == 0 && out.holes.count == 0);
	torture1_everything_free(&out);
}

/* EchoContainers with one argument at a time. */
static void maybe(const char *text)
{
	static const struct torture1_bytes no_bytes;
	static const struct torture1_list_of_tuple_of_string_and_label no_records;
	static const struct torture1_tree tree = { .name = "" };
	DBusMessage *any = xcpbus_any_new("b", true);
	char *out;

	if (WORKS(torture1_echo_containers(bus, NULL, text, &no_bytes, &no_records, &tree, any,
					   &out, NULL, NULL, NULL, NULL, &error))) {
		CHECK(text ? out && !strcmp(out, text) : !out);
		free(out);
	}
	dbus_message_unref(any);
}

static void options(void)
{
	static const int64_t one = 1, seven = 7;
	static const struct torture1_int64s none = { NULL, 0 }, some = { &one, 1 };
	static const char *const holes[] = { NULL, "", NULL };
	struct torture1_everything in;

	maybe(NULL);
	maybe("");
	torture1_everything_init(&in);
	in.pair = (struct torture1_tuple_of_string_and_maybe_int64){ "", &seven };
	in.holes = (struct torture1_list_of_maybe_string){ holes, 3 };
	in.maybe_numbers = &none;
	comes_back(&in);
	in.maybe_numbers = &some;
	comes_back(&in);
}

static void records(void)
{
	enum { COUNT = 1000 };
	struct torture1_list_of_tuple_of_string_and_label list = { NULL, COUNT }, out;
	struct torture1_tuple_of_string_and_label items[COUNT];
	static const struct torture1_bytes no_bytes;
	static const struct torture1_tree tree = { .name = "" };
	DBusMessage *any = xcpbus_any_new("b", true);
	char names[COUNT][8];
	unsigned i;

	for (i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "n%u", i);
		items[i].first = names[i];
		torture1_label_init(&items[i].second);
		items[i].second.text = names[i];
		items[i].second.colour.value = (enum torture1_colour_value)(1 + i % 3);
	}
	list.items = items;
	if (WORKS(torture1_echo_containers(bus, NULL, NULL, &no_bytes, &list, &tree, any, NULL,
					   NULL, &out, NULL, NULL, &error))) {
		CHECK(out.count == COUNT);
		for (i = 0; i < out.count; i++)
			CHECK(!strcmp(out.items[i].first, names[i]) &&
			      !strcmp(out.items[i].second.text, names[i]) &&
			      out.items[i].second.colour.value == items[i].second.colour.value);
		torture1_list_of_tuple_of_string_and_label_free(&out);
	}
	dbus_message_unref(any);
}

static void dictionary(void)
{
	static const struct torture1_map_of_label_by_uint32_entry entries[] = {
		{ 0, { .text = "a", .colour = { .value = TORTURE1_COLOUR_RED } } },
		{ 1, { .text = "b", .colour = { .value = TORTURE1_COLOUR_NONE } } },
		{ UINT32_MAX, { .text = "c", .colour = { .value = TORTURE1_COLOUR_RED } } },
	};
	struct torture1_everything in;

	torture1_everything_init(&in);
	in.by_number = (struct torture1_map_of_label_by_uint32){ entries, 3 };
	comes_back(&in);
}

/* Fills nodes with a chain of so many. */
static int echo_chain(struct torture1_tree *nodes, unsigned count, struct torture1_tree *out)
{
	static const struct torture1_bytes no_bytes;
	static const struct torture1_list_of_tuple_of_string_and_label no_records;
	DBusMessage *any = xcpbus_any_new("b", true);
	unsigned i;
	int r;

	for (i = 0; i < count; i++)
		nodes[i] = (struct torture1_tree){ "node", { &nodes[i + 1], i + 1 < count } };
	r = torture1_echo_containers(bus, NULL, NULL, &no_bytes, &no_records, nodes, any, NULL,
				     NULL, NULL, out, NULL, &error);
	dbus_message_unref(any);
	return r;
}

static void deep(void)
{
	struct torture1_tree nodes[16], out;

	if (!WORKS(echo_chain(nodes, 16, &out)))
		return;
	CHECK(is_same_tree(nodes, &out));
	torture1_tree_free(&out);
}

static void too_deep(void)
{
	struct torture1_tree nodes[40], out;
	int64_t number = 0;

	CHECK(echo_chain(nodes, 40, &out) == -EINVAL);
	CHECK(strstr(error.message, "levels deep"));
	WORKS(echo_number(NULL, 4, &number));
	CHECK(number == 4);
}

static void one_thing(DBusMessage *any)
{
	static const struct torture1_bytes no_bytes;
	static const struct torture1_list_of_tuple_of_string_and_label no_records;
	static const struct torture1_tree tree = { .name = "" };
	struct torture1_everything in;
	DBusMessage *out;

	if (!CHECK(any))
		return;
	if (WORKS(torture1_echo_containers(bus, NULL, NULL, &no_bytes, &no_records, &tree, any,
					   NULL, NULL, NULL, NULL, &out, &error))) {
		CHECK(is_same_any(any, out));
		dbus_message_unref(out);
	}
	torture1_everything_init(&in);
	in.anything = any;
	comes_back(&in);
	dbus_message_unref(any);
}

static void anything(void)
{
	one_thing(xcpbus_any_new("s", "text"));
	one_thing(xcpbus_any_new("a{sv}", 2, "a", "u", 1U, "b", "as", 0));
	one_thing(xcpbus_any_new("(xd)", INT64_MIN, -0.0));
	one_thing(xcpbus_any_new("v", "v", "y", 7));
	one_thing(xcpbus_any_new("ay", 3, 0, 255, 1));
}

static void draw(const struct torture1_shape *shape)
{
	struct torture1_shape drawn;

	if (!WORKS(torture1_draw(bus, NULL, shape,
				 (struct torture1_colour){ .value = TORTURE1_COLOUR_RED }, &drawn,
				 NULL, &error)))
		return;
	CHECK(is_same_shape(shape, &drawn));
	torture1_shape_free(&drawn);
}

static void cases(void)
{
	const struct torture1_shape shapes[] = {
		{ .kind = TORTURE1_SHAPE_EMPTY },
		{ TORTURE1_SHAPE_CIRCLE, .circle = 1.5 },
		{ TORTURE1_SHAPE_SEGMENT, .segment = &segment },
		{ TORTURE1_SHAPE_DEVICE, .device = &device },
		{ TORTURE1_SHAPE_LABELLED, .labelled = &label },
	};
	const struct torture1_shape group = { TORTURE1_SHAPE_GROUP, .group = { shapes, 5 } };
	unsigned i;

	for (i = 0; i < 5; i++)
		draw(&shapes[i]);
	draw(&group);
}

static void word(struct torture1_colour colour)
{
	static const struct torture1_shape shape = { .kind = TORTURE1_SHAPE_EMPTY };
	struct torture1_colour used;

	if (!WORKS(torture1_draw(bus, NULL, &shape, colour, NULL, &used, &error)))
		return;
	CHECK(used.value == colour.value);
	CHECK(!strcmp(torture1_colour_word(&used), torture1_colour_word(&colour)));
	torture1_colour_free(&used);
}

static void words(void)
{
	word((struct torture1_colour){ .value = TORTURE1_COLOUR_RED });
	word((struct torture1_colour){ .value = TORTURE1_COLOUR_DARK_GREEN });
	word((struct torture1_colour){ .value = TORTURE1_COLOUR_NONE });
}

static void unknown_word(void)
{
	word((struct torture1_colour){ .word = "Ultraviolet" });
}

static void unknown_case(void)
{
	struct torture1_shape spiral = { .not_known = { .name = "Spiral" } };
	const struct torture1_shape group = { TORTURE1_SHAPE_GROUP, .group = { &spiral, 1 } };

	spiral.not_known.value = xcpbus_any_new("(xd)", INT64_C(3), 0.5);
	draw(&spiral);
	draw(&group);
	dbus_message_unref(spiral.not_known.value);
}

static enum torture1_error fails(const struct torture1_shape *shape)
{
	struct torture1_colour red = { .value = TORTURE1_COLOUR_RED };

	if (!CHECK(torture1_draw(bus, NULL, shape, red, NULL, NULL, &error) == -EREMOTEIO))
		return TORTURE1_ERROR_NOT_KNOWN;
	CHECK(*error.message);
	return torture1_error_of(&error);
}

static void bad_shape(void)
{
	static const struct torture1_tuple_of_int64_and_int64 backwards = { 5, 2 };
	const struct torture1_shape shape = { TORTURE1_SHAPE_SEGMENT, .segment = &backwards };
	struct torture1_error_bad_shape payload;

	CHECK(fails(&shape) == TORTURE1_ERROR_BAD_SHAPE);
	if (!CHECK(torture1_read_bad_shape(bus, &payload) == 0))
		return;
	CHECK(is_same_shape(&payload.shape, &shape));
	CHECK(payload.limits.first == 2 && payload.limits.second == 5);
	torture1_error_bad_shape_free(&payload);
}

static void other_errors(void)
{
	const struct torture1_shape nothing = { TORTURE1_SHAPE_CIRCLE, .circle = 0 };
	const struct torture1_shape negative = { TORTURE1_SHAPE_CIRCLE, .circle = -1 };
	struct torture1_error_internal_error payload;

	CHECK(fails(&nothing) == TORTURE1_ERROR_NOTHING);
	CHECK(torture1_read_internal_error(bus, &payload) == -ENOENT);
	CHECK(fails(&negative) == TORTURE1_ERROR_INTERNAL_ERROR);
	if (!CHECK(torture1_read_internal_error(bus, &payload) == 0))
		return;
	CHECK(!strcmp(payload.reason, "radius"));
	torture1_error_internal_error_free(&payload);
}

const struct check_case calls_cases[] = {
	{ "defaults", defaults },
	{ "everything", everything },
	{ "limits", limits },
	{ "doubles", doubles },
	{ "texts", texts },
	{ "bytes", bytes },
	{ "empty", empty },
	{ "options", options },
	{ "records", records },
	{ "dictionary", dictionary },
	{ "deep", deep },
	{ "too deep", too_deep },
	{ "anything", anything },
	{ "cases", cases },
	{ "words", words },
	{ "unknown word", unknown_word },
	{ "unknown case", unknown_case },
	{ "BadShape", bad_shape },
	{ "Nothing and InternalError", other_errors },
	{ .name = NULL },
};
