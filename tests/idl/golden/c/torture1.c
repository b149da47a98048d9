/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.example.torture1, printed by xcp-bus-idl from org.example.torture1.xml. */
#include "torture1.h"

static const struct xcpbus_target root_home = {
	.destination = "org.example.torture1",
	.path = "/org/example/torture1",
	.interface = "org.example.torture1",
};

static int run_echo_everything(struct xcpbus_invocation *call, const void *in, const void *handlers,
			       void *data)
{
	const struct torture1_handlers *own = handlers;

	return own->echo_everything(call, in, data);
}

static void tell_echo_everything(struct xcpbus *bus, const struct xcpbus_source *from,
				 const void *values, const struct xcpbus_error *error,
				 void (*fn)(void), void *data)
{
	(void)from;
	((torture1_echo_everything_fn)fn)(bus, values, error, data);
}

static int run_echo_basic(struct xcpbus_invocation *call, const void *in, const void *handlers,
			  void *data)
{
	const struct torture1_handlers *own = handlers;

	return own->echo_basic(call, in, data);
}

static void tell_echo_basic(struct xcpbus *bus, const struct xcpbus_source *from,
			    const void *values, const struct xcpbus_error *error, void (*fn)(void),
			    void *data)
{
	(void)from;
	((torture1_echo_basic_fn)fn)(bus, values, error, data);
}

static int run_draw(struct xcpbus_invocation *call, const void *in, const void *handlers,
		    void *data)
{
	const struct torture1_handlers *own = handlers;

	return own->draw(call, in, data);
}

static void tell_draw(struct xcpbus *bus, const struct xcpbus_source *from, const void *values,
		      const struct xcpbus_error *error, void (*fn)(void), void *data)
{
	(void)from;
	((torture1_draw_fn)fn)(bus, values, error, data);
}

static int run_echo_containers(struct xcpbus_invocation *call, const void *in, const void *handlers,
			       void *data)
{
	const struct torture1_handlers *own = handlers;

	return own->echo_containers(call, in, data);
}

static void tell_echo_containers(struct xcpbus *bus, const struct xcpbus_source *from,
				 const void *values, const struct xcpbus_error *error,
				 void (*fn)(void), void *data)
{
	(void)from;
	((torture1_echo_containers_fn)fn)(bus, values, error, data);
}

static int run_poke(struct xcpbus_invocation *call, const void *in, const void *handlers,
		    void *data)
{
	const struct torture1_handlers *own = handlers;

	return own->poke(call, in, data);
}

static void tell_poke(struct xcpbus *bus, const struct xcpbus_source *from, const void *values,
		      const struct xcpbus_error *error, void (*fn)(void), void *data)
{
	(void)from;
	(void)values;
	((torture1_poke_fn)fn)(bus, error, data);
}

static void tell_poked(struct xcpbus *bus, const struct xcpbus_source *from, const void *values,
		       const struct xcpbus_error *error, void (*fn)(void), void *data)
{
	(void)error;
	((torture1_poked_fn)fn)(bus, from, values, data);
}

static int run_count_get(void *value, const void *handlers, void *data)
{
	const struct torture1_handlers *own = handlers;

	return own->count_get(value, data);
}

static void tell_count_got(struct xcpbus *bus, const struct xcpbus_source *from, const void *values,
			   const struct xcpbus_error *error, void (*fn)(void), void *data)
{
	(void)from;
	((torture1_count_got_fn)fn)(bus, values, error, data);
}

static void tell_count(struct xcpbus *bus, const struct xcpbus_source *from, const void *values,
		       const struct xcpbus_error *error, void (*fn)(void), void *data)
{
	(void)error;
	((torture1_count_fn)fn)(bus, from, values, data);
}

static int run_favourite_get(void *value, const void *handlers, void *data)
{
	const struct torture1_handlers *own = handlers;

	return own->favourite_get(value, data);
}

static void tell_favourite_got(struct xcpbus *bus, const struct xcpbus_source *from,
			       const void *values, const struct xcpbus_error *error,
			       void (*fn)(void), void *data)
{
	(void)from;
	((torture1_favourite_got_fn)fn)(bus, values, error, data);
}

static int run_favourite_set(const void *value, struct xcpbus_error *error, const void *handlers,
			     void *data)
{
	const struct torture1_handlers *own = handlers;
	const struct torture1_colour *given = value;

	return own->favourite_set(*given, error, data);
}

static void tell_favourite(struct xcpbus *bus, const struct xcpbus_source *from, const void *values,
			   const struct xcpbus_error *error, void (*fn)(void), void *data)
{
	(void)error;
	((torture1_favourite_fn)fn)(bus, from, values, data);
}

static int run_version_get(void *value, const void *handlers, void *data)
{
	const struct torture1_handlers *own = handlers;

	return own->version_get(value, data);
}

static void tell_version_got(struct xcpbus *bus, const struct xcpbus_source *from,
			     const void *values, const struct xcpbus_error *error, void (*fn)(void),
			     void *data)
{
	(void)from;
	((torture1_version_got_fn)fn)(bus, values, error, data);
}

static const struct xcpbus_target extra_home = {
	.destination = "org.example.torture1",
	.path = "/org/example/torture1",
	.interface = "org.example.torture1.Extra",
};

static int run_extra_wait(struct xcpbus_invocation *call, const void *in, const void *handlers,
			  void *data)
{
	const struct torture1_extra_handlers *own = handlers;

	return own->wait(call, in, data);
}

static void tell_extra_wait(struct xcpbus *bus, const struct xcpbus_source *from,
			    const void *values, const struct xcpbus_error *error, void (*fn)(void),
			    void *data)
{
	(void)from;
	(void)values;
	((torture1_extra_wait_fn)fn)(bus, error, data);
}

static int run_extra_forget(struct xcpbus_invocation *call, const void *in, const void *handlers,
			    void *data)
{
	const struct torture1_extra_handlers *own = handlers;

	(void)in;
	return own->forget(call, data);
}

/* clang-format off */

static const struct xcpbus_type uint16_type = {
	.kind = XCPBUS_KIND_BASIC,
	.signature = "q",
	.size = sizeof(uint16_t),
};

static const struct xcpbus_type byte_type = {
	.kind = XCPBUS_KIND_BASIC,
	.signature = "y",
	.size = sizeof(uint8_t),
};

static const struct xcpbus_field address_fields[] = {
	{ "domain", &uint16_type, offsetof(struct torture1_address, domain), 0 },
	{ "bus", &byte_type, offsetof(struct torture1_address, bus), 0 },
	{ "dev", &byte_type, offsetof(struct torture1_address, dev), 0 },
	{ "fn", &byte_type, offsetof(struct torture1_address, fn), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type address_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.name = "Address",
	.signature = "(qyyy)",
	.size = sizeof(struct torture1_address),
	.fields = address_fields,
};

static const struct xcpbus_field colour_fields[] = {
	{ "Red", NULL, 0, 0 },
	{ "Dark_green", NULL, 0, 0 },
	{ "None", NULL, 0, 0 },
	{ .name = NULL },
};
static const struct xcpbus_type colour_type = {
	.kind = XCPBUS_KIND_ENUM,
	.name = "Colour",
	.signature = "s",
	.size = sizeof(struct torture1_colour),
	.fields = colour_fields,
};

static const struct xcpbus_type double_type = {
	.kind = XCPBUS_KIND_BASIC,
	.signature = "d",
	.size = sizeof(double),
};

static const struct xcpbus_type int64_type = {
	.kind = XCPBUS_KIND_BASIC,
	.signature = "x",
	.size = sizeof(int64_t),
};

static const struct xcpbus_field tuple_of_int64_and_int64_fields[] = {
	{ "first", &int64_type, offsetof(struct torture1_tuple_of_int64_and_int64, first), 0 },
	{ "second", &int64_type, offsetof(struct torture1_tuple_of_int64_and_int64, second), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type tuple_of_int64_and_int64_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.signature = "(xx)",
	.size = sizeof(struct torture1_tuple_of_int64_and_int64),
	.fields = tuple_of_int64_and_int64_fields,
};

static const struct xcpbus_type string_type = {
	.kind = XCPBUS_KIND_BASIC,
	.signature = "s",
	.size = sizeof(const char *),
};

static const struct xcpbus_type maybe_string_type = {
	.kind = XCPBUS_KIND_MAYBE,
	.signature = "as",
	.size = sizeof(const char *),
	.element = &string_type,
};

static const struct torture1_label label_defaults = {
	.colour = { .value = TORTURE1_COLOUR_DARK_GREEN },
	.size = 1.5,
};
static const struct xcpbus_field label_fields[] = {
	{ "text", &string_type, offsetof(struct torture1_label, text), XCPBUS_REQUIRED },
	{ "colour", &colour_type, offsetof(struct torture1_label, colour), 0 },
	{ "size", &double_type, offsetof(struct torture1_label, size), 0 },
	{ "link", &maybe_string_type, offsetof(struct torture1_label, link), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type label_type = {
	.kind = XCPBUS_KIND_RECORD,
	.name = "Label",
	.signature = "a{sv}",
	.size = sizeof(struct torture1_label),
	.fields = label_fields,
	.defaults = &label_defaults,
};

static const struct xcpbus_type list_of_shape_type;

static const struct xcpbus_field shape_fields[] = {
	{ "Empty", NULL, 0, 0 },
	{ "Circle", &double_type, offsetof(struct torture1_shape, circle), 0 },
	{ "Segment", &tuple_of_int64_and_int64_type, offsetof(struct torture1_shape, segment),
	  XCPBUS_POINTER },
	{ "Device", &address_type, offsetof(struct torture1_shape, device), XCPBUS_POINTER },
	{ "Group", &list_of_shape_type, offsetof(struct torture1_shape, group), 0 },
	{ "Labelled", &label_type, offsetof(struct torture1_shape, labelled), XCPBUS_POINTER },
	{ NULL, NULL, offsetof(struct torture1_shape, not_known), 0 },
};
static const struct xcpbus_type shape_type = {
	.kind = XCPBUS_KIND_VARIANT,
	.name = "Shape",
	.signature = "(sv)",
	.size = sizeof(struct torture1_shape),
	.fields = shape_fields,
};

static const struct xcpbus_type list_of_shape_type = {
	.kind = XCPBUS_KIND_LIST,
	.signature = "a(sv)",
	.size = sizeof(struct torture1_list_of_shape),
	.element = &shape_type,
};

static const struct xcpbus_type bool_type = {
	.kind = XCPBUS_KIND_BASIC,
	.signature = "b",
	.size = sizeof(bool),
};

static const struct xcpbus_type int16_type = {
	.kind = XCPBUS_KIND_BASIC,
	.signature = "n",
	.size = sizeof(int16_t),
};

static const struct xcpbus_type int32_type = {
	.kind = XCPBUS_KIND_BASIC,
	.signature = "i",
	.size = sizeof(int32_t),
};

static const struct xcpbus_type uint32_type = {
	.kind = XCPBUS_KIND_BASIC,
	.signature = "u",
	.size = sizeof(uint32_t),
};

static const struct xcpbus_type uint64_type = {
	.kind = XCPBUS_KIND_BASIC,
	.signature = "t",
	.size = sizeof(uint64_t),
};

static const struct xcpbus_type bytes_type = {
	.kind = XCPBUS_KIND_LIST,
	.signature = "ay",
	.size = sizeof(struct torture1_bytes),
	.element = &byte_type,
};

static const struct xcpbus_type int64s_type = {
	.kind = XCPBUS_KIND_LIST,
	.signature = "ax",
	.size = sizeof(struct torture1_int64s),
	.element = &int64_type,
};

static const struct xcpbus_type doubles_type = {
	.kind = XCPBUS_KIND_LIST,
	.signature = "ad",
	.size = sizeof(struct torture1_doubles),
	.element = &double_type,
};

static const struct xcpbus_type list_of_doubles_type = {
	.kind = XCPBUS_KIND_LIST,
	.signature = "aad",
	.size = sizeof(struct torture1_list_of_doubles),
	.element = &doubles_type,
};

static const struct xcpbus_field map_of_string_by_string_entry_fields[] = {
	{ "key", &string_type, offsetof(struct torture1_map_of_string_by_string_entry, key), 0 },
	{ "value", &string_type, offsetof(struct torture1_map_of_string_by_string_entry, value),
	  0 },
	{ .name = NULL },
};
static const struct xcpbus_type map_of_string_by_string_entry_type = {
	.kind = XCPBUS_KIND_ENTRY,
	.signature = "{ss}",
	.size = sizeof(struct torture1_map_of_string_by_string_entry),
	.fields = map_of_string_by_string_entry_fields,
};
static const struct xcpbus_type map_of_string_by_string_type = {
	.kind = XCPBUS_KIND_LIST,
	.signature = "a{ss}",
	.size = sizeof(struct torture1_map_of_string_by_string),
	.element = &map_of_string_by_string_entry_type,
};

static const struct xcpbus_field map_of_label_by_uint32_entry_fields[] = {
	{ "key", &uint32_type, offsetof(struct torture1_map_of_label_by_uint32_entry, key), 0 },
	{ "value", &label_type, offsetof(struct torture1_map_of_label_by_uint32_entry, value), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type map_of_label_by_uint32_entry_type = {
	.kind = XCPBUS_KIND_ENTRY,
	.signature = "{ua{sv}}",
	.size = sizeof(struct torture1_map_of_label_by_uint32_entry),
	.fields = map_of_label_by_uint32_entry_fields,
};
static const struct xcpbus_type map_of_label_by_uint32_type = {
	.kind = XCPBUS_KIND_LIST,
	.signature = "a{ua{sv}}",
	.size = sizeof(struct torture1_map_of_label_by_uint32),
	.element = &map_of_label_by_uint32_entry_type,
};

static const struct xcpbus_type maybe_int64_type = {
	.kind = XCPBUS_KIND_MAYBE,
	.signature = "ax",
	.size = sizeof(const int64_t *),
	.element = &int64_type,
};

static const struct xcpbus_field tuple_of_string_and_maybe_int64_fields[] = {
	{ "first", &string_type, offsetof(struct torture1_tuple_of_string_and_maybe_int64, first),
	  0 },
	{ "second", &maybe_int64_type,
	  offsetof(struct torture1_tuple_of_string_and_maybe_int64, second), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type tuple_of_string_and_maybe_int64_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.signature = "(sax)",
	.size = sizeof(struct torture1_tuple_of_string_and_maybe_int64),
	.fields = tuple_of_string_and_maybe_int64_fields,
};

static const struct torture1_origin origin_defaults = { .x = 0, .y = 0 };
static const struct xcpbus_field origin_fields[] = {
	{ "x", &int64_type, offsetof(struct torture1_origin, x), 0 },
	{ "y", &int64_type, offsetof(struct torture1_origin, y), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type origin_type = {
	.kind = XCPBUS_KIND_RECORD,
	.name = "Origin",
	.signature = "a{sv}",
	.size = sizeof(struct torture1_origin),
	.fields = origin_fields,
	.defaults = &origin_defaults,
};

static const struct xcpbus_type maybe_label_type = {
	.kind = XCPBUS_KIND_MAYBE,
	.signature = "aa{sv}",
	.size = sizeof(const struct torture1_label *),
	.element = &label_type,
};

static const struct xcpbus_type list_of_label_type = {
	.kind = XCPBUS_KIND_LIST,
	.signature = "aa{sv}",
	.size = sizeof(struct torture1_list_of_label),
	.element = &label_type,
};

static const struct xcpbus_type maybe_int64s_type = {
	.kind = XCPBUS_KIND_MAYBE,
	.signature = "aax",
	.size = sizeof(const struct torture1_int64s *),
	.element = &int64s_type,
};

static const struct xcpbus_type list_of_maybe_string_type = {
	.kind = XCPBUS_KIND_LIST,
	.signature = "aas",
	.size = sizeof(struct torture1_list_of_maybe_string),
	.element = &maybe_string_type,
};

static const struct xcpbus_type any_type = {
	.kind = XCPBUS_KIND_ANY,
	.signature = "v",
	.size = sizeof(DBusMessage *),
};

static const struct xcpbus_type maybe_any_type = {
	.kind = XCPBUS_KIND_MAYBE,
	.signature = "av",
	.size = sizeof(DBusMessage *),
	.element = &any_type,
};

static const struct torture1_everything everything_defaults = {
	.a_byte = 255,
	.a_boolean = true,
	.an_int16 = -32768,
	.a_uint16 = 65535,
	.an_int32 = INT32_MIN,
	.a_uint32 = 4294967295U,
	.an_int64 = INT64_MIN,
	.a_uint64 = UINT64_C(18446744073709551615),
	.a_double = -0.125,
	.a_string = "a \"quoted\" line\nand a \\",
	.some_bytes = { .count = 0 },
	.numbers = { .items = (const int64_t[]){ 1, -2 }, .count = 2 },
	.matrix = { .count = 0 },
	.words = {
		.items = (const struct torture1_map_of_string_by_string_entry[]){
			{ .key = "key", .value = "value" },
		},
		.count = 1,
	},
	.by_number = { .count = 0 },
	.pair = { .first = "one", .second = NULL },
	.address = { .domain = 0, .bus = 1, .dev = 2, .fn = 3 },
	.colour = { .value = TORTURE1_COLOUR_NONE },
	.shape = {
		.kind = TORTURE1_SHAPE_GROUP,
		.group = {
			.items = (const struct torture1_shape[]){
			  { .kind = TORTURE1_SHAPE_EMPTY },
			  { .kind = TORTURE1_SHAPE_CIRCLE, .circle = 1.0 },
			  {
			    .kind = TORTURE1_SHAPE_SEGMENT,
			    .segment = &(const struct torture1_tuple_of_int64_and_int64){
			      .first = -1,
			      .second = 1,
			    },
			  },
			},
			.count = 3,
		},
	},
	.origin = { .x = 0, .y = 0 },
	.labels = { .count = 0 },
	.holes = { .items = (const char *const[]){ NULL, "x" }, .count = 2 },
};
static const struct xcpbus_field everything_fields[] = {
	{ "a_byte", &byte_type, offsetof(struct torture1_everything, a_byte), 0 },
	{ "a_boolean", &bool_type, offsetof(struct torture1_everything, a_boolean), 0 },
	{ "an_int16", &int16_type, offsetof(struct torture1_everything, an_int16), 0 },
	{ "a_uint16", &uint16_type, offsetof(struct torture1_everything, a_uint16), 0 },
	{ "an_int32", &int32_type, offsetof(struct torture1_everything, an_int32), 0 },
	{ "a_uint32", &uint32_type, offsetof(struct torture1_everything, a_uint32), 0 },
	{ "an_int64", &int64_type, offsetof(struct torture1_everything, an_int64), 0 },
	{ "a_uint64", &uint64_type, offsetof(struct torture1_everything, a_uint64), 0 },
	{ "a_double", &double_type, offsetof(struct torture1_everything, a_double), 0 },
	{ "a_string", &string_type, offsetof(struct torture1_everything, a_string), 0 },
	{ "some_bytes", &bytes_type, offsetof(struct torture1_everything, some_bytes), 0 },
	{ "numbers", &int64s_type, offsetof(struct torture1_everything, numbers), 0 },
	{ "matrix", &list_of_doubles_type, offsetof(struct torture1_everything, matrix), 0 },
	{ "words", &map_of_string_by_string_type, offsetof(struct torture1_everything, words), 0 },
	{ "by_number", &map_of_label_by_uint32_type,
	  offsetof(struct torture1_everything, by_number), 0 },
	{ "pair", &tuple_of_string_and_maybe_int64_type, offsetof(struct torture1_everything, pair),
	  0 },
	{ "address", &address_type, offsetof(struct torture1_everything, address), 0 },
	{ "colour", &colour_type, offsetof(struct torture1_everything, colour), 0 },
	{ "shape", &shape_type, offsetof(struct torture1_everything, shape), 0 },
	{ "origin", &origin_type, offsetof(struct torture1_everything, origin), 0 },
	{ "label", &maybe_label_type, offsetof(struct torture1_everything, label), 0 },
	{ "labels", &list_of_label_type, offsetof(struct torture1_everything, labels), 0 },
	{ "maybe_numbers", &maybe_int64s_type, offsetof(struct torture1_everything, maybe_numbers),
	  0 },
	{ "holes", &list_of_maybe_string_type, offsetof(struct torture1_everything, holes), 0 },
	{ "anything", &maybe_any_type, offsetof(struct torture1_everything, anything), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type everything_type = {
	.kind = XCPBUS_KIND_RECORD,
	.name = "Everything",
	.signature = "a{sv}",
	.size = sizeof(struct torture1_everything),
	.fields = everything_fields,
	.defaults = &everything_defaults,
};

static const struct xcpbus_type list_of_tree_type;

static const struct torture1_tree tree_defaults = { .children = { .count = 0 } };
static const struct xcpbus_field tree_fields[] = {
	{ "name", &string_type, offsetof(struct torture1_tree, name), XCPBUS_REQUIRED },
	{ "children", &list_of_tree_type, offsetof(struct torture1_tree, children), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type tree_type = {
	.kind = XCPBUS_KIND_RECORD,
	.name = "Tree",
	.signature = "a{sv}",
	.size = sizeof(struct torture1_tree),
	.fields = tree_fields,
	.defaults = &tree_defaults,
};

static const struct xcpbus_type list_of_tree_type = {
	.kind = XCPBUS_KIND_LIST,
	.signature = "aa{sv}",
	.size = sizeof(struct torture1_list_of_tree),
	.element = &tree_type,
};

static const struct xcpbus_type path_type = {
	.kind = XCPBUS_KIND_BASIC,
	.signature = "o",
	.size = sizeof(const char *),
};

static const struct xcpbus_type signature_type = {
	.kind = XCPBUS_KIND_BASIC,
	.signature = "g",
	.size = sizeof(const char *),
};

static const struct xcpbus_field tuple_of_string_and_label_fields[] = {
	{ "first", &string_type, offsetof(struct torture1_tuple_of_string_and_label, first), 0 },
	{ "second", &label_type, offsetof(struct torture1_tuple_of_string_and_label, second), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type tuple_of_string_and_label_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.signature = "(sa{sv})",
	.size = sizeof(struct torture1_tuple_of_string_and_label),
	.fields = tuple_of_string_and_label_fields,
};

static const struct xcpbus_type list_of_tuple_of_string_and_label_type = {
	.kind = XCPBUS_KIND_LIST,
	.signature = "a(sa{sv})",
	.size = sizeof(struct torture1_list_of_tuple_of_string_and_label),
	.element = &tuple_of_string_and_label_type,
};

static const struct xcpbus_field echo_everything_in_fields[] = {
	{ "debug_info", &string_type, offsetof(struct torture1_echo_everything_in, debug_info), 0 },
	{ "everything", &everything_type, offsetof(struct torture1_echo_everything_in, everything),
	  0 },
	{ .name = NULL },
};
static const struct xcpbus_type echo_everything_in_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.name = "debug_info everything",
	.signature = "sa{sv}",
	.size = sizeof(struct torture1_echo_everything_in),
	.fields = echo_everything_in_fields,
};
static const struct xcpbus_field echo_everything_out_fields[] = {
	{ "result", &everything_type, offsetof(struct torture1_echo_everything_out, result), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type echo_everything_out_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.name = "result",
	.signature = "a{sv}",
	.size = sizeof(struct torture1_echo_everything_out),
	.fields = echo_everything_out_fields,
};
static const struct xcpbus_annotation echo_everything_method_annotations[] = {
	{ "org.xen.xcp.Idempotent", "true" },
	{ "org.xen.xcp.Secret", "everything result" },
	{ .name = NULL },
};
static const struct xcpbus_typed_method echo_everything_method = {
	.member = "EchoEverything",
	.home = &root_home,
	.in = &echo_everything_in_type,
	.out = &echo_everything_out_type,
	.handler = offsetof(struct torture1_handlers, echo_everything),
	.run = run_echo_everything,
	.tell = tell_echo_everything,
	.annotations = echo_everything_method_annotations,
};

static const struct xcpbus_field echo_basic_in_fields[] = {
	{ "a_byte", &byte_type, offsetof(struct torture1_echo_basic_in, a_byte), 0 },
	{ "a_boolean", &bool_type, offsetof(struct torture1_echo_basic_in, a_boolean), 0 },
	{ "an_int16", &int16_type, offsetof(struct torture1_echo_basic_in, an_int16), 0 },
	{ "a_uint16", &uint16_type, offsetof(struct torture1_echo_basic_in, a_uint16), 0 },
	{ "an_int32", &int32_type, offsetof(struct torture1_echo_basic_in, an_int32), 0 },
	{ "a_uint32", &uint32_type, offsetof(struct torture1_echo_basic_in, a_uint32), 0 },
	{ "an_int64", &int64_type, offsetof(struct torture1_echo_basic_in, an_int64), 0 },
	{ "a_uint64", &uint64_type, offsetof(struct torture1_echo_basic_in, a_uint64), 0 },
	{ "a_double", &double_type, offsetof(struct torture1_echo_basic_in, a_double), 0 },
	{ "a_string", &string_type, offsetof(struct torture1_echo_basic_in, a_string), 0 },
	{ "a_path", &path_type, offsetof(struct torture1_echo_basic_in, a_path), 0 },
	{ "a_signature", &signature_type, offsetof(struct torture1_echo_basic_in, a_signature), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type echo_basic_in_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.name = "a_byte a_boolean an_int16 a_uint16 an_int32 a_uint32 an_int64 a_uint64 a_double "
		"a_string a_path a_signature",
	.signature = "ybnqiuxtdsog",
	.size = sizeof(struct torture1_echo_basic_in),
	.fields = echo_basic_in_fields,
};
static const struct xcpbus_field echo_basic_out_fields[] = {
	{ "byte_out", &byte_type, offsetof(struct torture1_echo_basic_out, byte_out), 0 },
	{ "boolean_out", &bool_type, offsetof(struct torture1_echo_basic_out, boolean_out), 0 },
	{ "int16_out", &int16_type, offsetof(struct torture1_echo_basic_out, int16_out), 0 },
	{ "uint16_out", &uint16_type, offsetof(struct torture1_echo_basic_out, uint16_out), 0 },
	{ "int32_out", &int32_type, offsetof(struct torture1_echo_basic_out, int32_out), 0 },
	{ "uint32_out", &uint32_type, offsetof(struct torture1_echo_basic_out, uint32_out), 0 },
	{ "int64_out", &int64_type, offsetof(struct torture1_echo_basic_out, int64_out), 0 },
	{ "uint64_out", &uint64_type, offsetof(struct torture1_echo_basic_out, uint64_out), 0 },
	{ "double_out", &double_type, offsetof(struct torture1_echo_basic_out, double_out), 0 },
	{ "string_out", &string_type, offsetof(struct torture1_echo_basic_out, string_out), 0 },
	{ "path_out", &path_type, offsetof(struct torture1_echo_basic_out, path_out), 0 },
	{ "signature_out", &signature_type, offsetof(struct torture1_echo_basic_out, signature_out),
	  0 },
	{ .name = NULL },
};
static const struct xcpbus_type echo_basic_out_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.name = "byte_out boolean_out int16_out uint16_out int32_out uint32_out int64_out "
		"uint64_out double_out string_out path_out signature_out",
	.signature = "ybnqiuxtdsog",
	.size = sizeof(struct torture1_echo_basic_out),
	.fields = echo_basic_out_fields,
};
static const struct xcpbus_annotation echo_basic_method_annotations[] = {
	{ "org.xen.xcp.Idempotent", "true" },
	{ "org.xen.xcp.Secret", "a_string" },
	{ .name = NULL },
};
static const struct xcpbus_typed_method echo_basic_method = {
	.member = "EchoBasic",
	.home = &root_home,
	.in = &echo_basic_in_type,
	.out = &echo_basic_out_type,
	.handler = offsetof(struct torture1_handlers, echo_basic),
	.run = run_echo_basic,
	.tell = tell_echo_basic,
	.annotations = echo_basic_method_annotations,
};

static const struct xcpbus_field draw_in_fields[] = {
	{ "shape", &shape_type, offsetof(struct torture1_draw_in, shape), 0 },
	{ "colour", &colour_type, offsetof(struct torture1_draw_in, colour), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type draw_in_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.name = "shape colour",
	.signature = "(sv)s",
	.size = sizeof(struct torture1_draw_in),
	.fields = draw_in_fields,
};
static const struct xcpbus_field draw_out_fields[] = {
	{ "drawn", &shape_type, offsetof(struct torture1_draw_out, drawn), 0 },
	{ "used", &colour_type, offsetof(struct torture1_draw_out, used), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type draw_out_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.name = "drawn used",
	.signature = "(sv)s",
	.size = sizeof(struct torture1_draw_out),
	.fields = draw_out_fields,
};
static const struct xcpbus_annotation draw_method_annotations[] = {
	{ "org.xen.xcp.Timeout", "90.5" },
	{ .name = NULL },
};
static const struct xcpbus_typed_method draw_method = {
	.member = "Draw",
	.home = &root_home,
	.in = &draw_in_type,
	.out = &draw_out_type,
	.timeout_ms = 90500,
	.handler = offsetof(struct torture1_handlers, draw),
	.run = run_draw,
	.tell = tell_draw,
	.annotations = draw_method_annotations,
};

static const struct xcpbus_field echo_containers_in_fields[] = {
	{ "maybe", &maybe_string_type, offsetof(struct torture1_echo_containers_in, maybe), 0 },
	{ "bytes", &bytes_type, offsetof(struct torture1_echo_containers_in, bytes), 0 },
	{ "records", &list_of_tuple_of_string_and_label_type,
	  offsetof(struct torture1_echo_containers_in, records), 0 },
	{ "tree", &tree_type, offsetof(struct torture1_echo_containers_in, tree), 0 },
	{ "anything", &any_type, offsetof(struct torture1_echo_containers_in, anything), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type echo_containers_in_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.name = "maybe bytes records tree anything",
	.signature = "asaya(sa{sv})a{sv}v",
	.size = sizeof(struct torture1_echo_containers_in),
	.fields = echo_containers_in_fields,
};
static const struct xcpbus_field echo_containers_out_fields[] = {
	{ "maybe_out", &maybe_string_type, offsetof(struct torture1_echo_containers_out, maybe_out),
	  0 },
	{ "bytes_out", &bytes_type, offsetof(struct torture1_echo_containers_out, bytes_out), 0 },
	{ "records_out", &list_of_tuple_of_string_and_label_type,
	  offsetof(struct torture1_echo_containers_out, records_out), 0 },
	{ "tree_out", &tree_type, offsetof(struct torture1_echo_containers_out, tree_out), 0 },
	{ "anything_out", &any_type, offsetof(struct torture1_echo_containers_out, anything_out),
	  0 },
	{ .name = NULL },
};
static const struct xcpbus_type echo_containers_out_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.name = "maybe_out bytes_out records_out tree_out anything_out",
	.signature = "asaya(sa{sv})a{sv}v",
	.size = sizeof(struct torture1_echo_containers_out),
	.fields = echo_containers_out_fields,
};
static const struct xcpbus_typed_method echo_containers_method = {
	.member = "EchoContainers",
	.home = &root_home,
	.in = &echo_containers_in_type,
	.out = &echo_containers_out_type,
	.handler = offsetof(struct torture1_handlers, echo_containers),
	.run = run_echo_containers,
	.tell = tell_echo_containers,
};

static const struct xcpbus_field poke_in_fields[] = {
	{ "end", &uint32_type, offsetof(struct torture1_poke_in, end), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type poke_in_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.name = "end",
	.signature = "u",
	.size = sizeof(struct torture1_poke_in),
	.fields = poke_in_fields,
};
static const struct xcpbus_annotation poke_method_annotations[] = {
	{ "org.xen.xcp.ReplacedBy", "org.example.torture1.Extra.Wait" },
	{ .name = NULL },
};
static const struct xcpbus_typed_method poke_method = {
	.member = "Poke",
	.home = &root_home,
	.in = &poke_in_type,
	.flags = XCPBUS_DEPRECATED,
	.handler = offsetof(struct torture1_handlers, poke),
	.run = run_poke,
	.tell = tell_poke,
	.annotations = poke_method_annotations,
};

static const struct xcpbus_field poked_args_fields[] = {
	{ "end", &uint32_type, offsetof(struct torture1_poked_args, end), 0 },
	{ "label", &label_type, offsetof(struct torture1_poked_args, label), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type poked_args_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.name = "end label",
	.signature = "ua{sv}",
	.size = sizeof(struct torture1_poked_args),
	.fields = poked_args_fields,
};
static const struct xcpbus_typed_signal poked_signal = {
	.member = "Poked",
	.home = &root_home,
	.args = &poked_args_type,
	.tell = tell_poked,
};

static const struct xcpbus_typed_property count_property = {
	.name = "Count",
	.home = &root_home,
	.type = &uint32_type,
	.flags = XCPBUS_EMITS_CHANGE,
	.getter = offsetof(struct torture1_handlers, count_get),
	.run_get = run_count_get,
	.tell = tell_count,
	.tell_got = tell_count_got,
};

static const struct xcpbus_typed_property favourite_property = {
	.name = "Favourite",
	.home = &root_home,
	.type = &colour_type,
	.flags = XCPBUS_EMITS_CHANGE,
	.getter = offsetof(struct torture1_handlers, favourite_get),
	.setter = offsetof(struct torture1_handlers, favourite_set),
	.run_get = run_favourite_get,
	.run_set = run_favourite_set,
	.tell = tell_favourite,
	.tell_got = tell_favourite_got,
};

static const struct xcpbus_typed_property version_property = {
	.name = "Version",
	.home = &root_home,
	.type = &string_type,
	.flags = XCPBUS_CONSTANT,
	.getter = offsetof(struct torture1_handlers, version_get),
	.run_get = run_version_get,
	.tell_got = tell_version_got,
};

static const struct xcpbus_typed_method *const methods[] = {
	&echo_everything_method,
	&echo_basic_method,
	&draw_method,
	&echo_containers_method,
	&poke_method,
	NULL,
};
static const struct xcpbus_typed_signal *const signals[] = {
	&poked_signal,
	NULL,
};
static const struct xcpbus_typed_property *const properties[] = {
	&count_property,
	&favourite_property,
	&version_property,
	NULL,
};
static const struct xcpbus_annotation root_interface_annotations[] = {
	{ "org.gtk.GDBus.Since", "1.0" },
	{ "org.xen.xcp.Sha256",
	  "fd7c616b3c62c588569dfe8c61783697992cda242535cce2ce1592fa11f8e3f2" },
	{ .name = NULL },
};
static const struct xcpbus_typed_interface root_interface = {
	.home = &root_home,
	.methods = methods,
	.signals = signals,
	.properties = properties,
	.annotations = root_interface_annotations,
};

static const struct xcpbus_field extra_wait_in_fields[] = {
	{ "delay", &double_type, offsetof(struct torture1_extra_wait_in, delay), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type extra_wait_in_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.name = "delay",
	.signature = "d",
	.size = sizeof(struct torture1_extra_wait_in),
	.fields = extra_wait_in_fields,
};
static const struct xcpbus_annotation extra_wait_method_annotations[] = {
	{ "org.gtk.GDBus.Since", "1.1" },
	{ "org.xen.xcp.Timeout", "1" },
	{ .name = NULL },
};
static const struct xcpbus_typed_method extra_wait_method = {
	.member = "Wait",
	.home = &extra_home,
	.in = &extra_wait_in_type,
	.timeout_ms = 1000,
	.handler = offsetof(struct torture1_extra_handlers, wait),
	.run = run_extra_wait,
	.tell = tell_extra_wait,
	.annotations = extra_wait_method_annotations,
};

static const struct xcpbus_typed_method extra_forget_method = {
	.member = "Forget",
	.home = &extra_home,
	.flags = XCPBUS_NO_REPLY,
	.handler = offsetof(struct torture1_extra_handlers, forget),
	.run = run_extra_forget,
};

static const struct xcpbus_typed_method *const extra_methods[] = {
	&extra_wait_method,
	&extra_forget_method,
	NULL,
};
static const struct xcpbus_annotation extra_interface_annotations[] = {
	{ "org.xen.xcp.Sha256",
	  "fd7c616b3c62c588569dfe8c61783697992cda242535cce2ce1592fa11f8e3f2" },
	{ .name = NULL },
};
static const struct xcpbus_typed_interface extra_interface = {
	.home = &extra_home,
	.methods = extra_methods,
	.annotations = extra_interface_annotations,
};

static const struct xcpbus_field error_internal_error_fields[] = {
	{ "reason", &string_type, offsetof(struct torture1_error_internal_error, reason), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type error_internal_error_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.name = "reason",
	.signature = "s",
	.size = sizeof(struct torture1_error_internal_error),
	.fields = error_internal_error_fields,
};
static const struct xcpbus_field error_bad_shape_fields[] = {
	{ "shape", &shape_type, offsetof(struct torture1_error_bad_shape, shape), 0 },
	{ "limits", &tuple_of_int64_and_int64_type,
	  offsetof(struct torture1_error_bad_shape, limits), 0 },
	{ .name = NULL },
};
static const struct xcpbus_type error_bad_shape_type = {
	.kind = XCPBUS_KIND_STRUCT,
	.name = "shape limits",
	.signature = "(sv)(xx)",
	.size = sizeof(struct torture1_error_bad_shape),
	.fields = error_bad_shape_fields,
};
static const struct xcpbus_typed_error errors[] = {
	{
		.name = "org.example.torture1.Error.InternalError",
		.payload = &error_internal_error_type,
		.text = "The service is at fault.",
	},
	{
		.name = "org.example.torture1.Error.BadShape",
		.payload = &error_bad_shape_type,
		.text = "A form that is not accepted.",
	},
	{
		.name = "org.example.torture1.Error.Nothing",
		.payload = NULL,
		.text = "An error that carries nothing.",
	},
	{ .name = NULL },
};

/* clang-format on */

void torture1_address_free(struct torture1_address *value)
{
	xcpbus_value_free(&address_type, value);
}

int torture1_address_copy(struct torture1_address *to, const struct torture1_address *from)
{
	return xcpbus_value_copy(&address_type, to, from);
}

int torture1_address_read(DBusMessageIter *iter, struct torture1_address *value,
			  struct xcpbus_error *error)
{
	return xcpbus_value_read(iter, &address_type, value, error);
}

int torture1_address_append(DBusMessageIter *iter, const struct torture1_address *value,
			    struct xcpbus_error *error)
{
	return xcpbus_value_append(iter, &address_type, value, error);
}

void torture1_colour_free(struct torture1_colour *value)
{
	xcpbus_value_free(&colour_type, value);
}

const char *torture1_colour_word(const struct torture1_colour *value)
{
	return xcpbus_enum_word(&colour_type, value);
}

int torture1_colour_copy(struct torture1_colour *to, const struct torture1_colour *from)
{
	return xcpbus_value_copy(&colour_type, to, from);
}

int torture1_colour_read(DBusMessageIter *iter, struct torture1_colour *value,
			 struct xcpbus_error *error)
{
	return xcpbus_value_read(iter, &colour_type, value, error);
}

int torture1_colour_append(DBusMessageIter *iter, const struct torture1_colour *value,
			   struct xcpbus_error *error)
{
	return xcpbus_value_append(iter, &colour_type, value, error);
}

void torture1_shape_free(struct torture1_shape *value)
{
	xcpbus_value_free(&shape_type, value);
}

int torture1_shape_copy(struct torture1_shape *to, const struct torture1_shape *from)
{
	return xcpbus_value_copy(&shape_type, to, from);
}

int torture1_shape_read(DBusMessageIter *iter, struct torture1_shape *value,
			struct xcpbus_error *error)
{
	return xcpbus_value_read(iter, &shape_type, value, error);
}

int torture1_shape_append(DBusMessageIter *iter, const struct torture1_shape *value,
			  struct xcpbus_error *error)
{
	return xcpbus_value_append(iter, &shape_type, value, error);
}

void torture1_label_init(struct torture1_label *value)
{
	*value = label_defaults;
}

void torture1_label_free(struct torture1_label *value)
{
	xcpbus_value_free(&label_type, value);
}

int torture1_label_copy(struct torture1_label *to, const struct torture1_label *from)
{
	return xcpbus_value_copy(&label_type, to, from);
}

int torture1_label_read(DBusMessageIter *iter, struct torture1_label *value,
			struct xcpbus_error *error)
{
	return xcpbus_value_read(iter, &label_type, value, error);
}

int torture1_label_append(DBusMessageIter *iter, const struct torture1_label *value,
			  struct xcpbus_error *error)
{
	return xcpbus_value_append(iter, &label_type, value, error);
}

void torture1_bytes_free(struct torture1_bytes *value)
{
	xcpbus_value_free(&bytes_type, value);
}

void torture1_origin_init(struct torture1_origin *value)
{
	*value = origin_defaults;
}

void torture1_origin_free(struct torture1_origin *value)
{
	xcpbus_value_free(&origin_type, value);
}

int torture1_origin_copy(struct torture1_origin *to, const struct torture1_origin *from)
{
	return xcpbus_value_copy(&origin_type, to, from);
}

int torture1_origin_read(DBusMessageIter *iter, struct torture1_origin *value,
			 struct xcpbus_error *error)
{
	return xcpbus_value_read(iter, &origin_type, value, error);
}

int torture1_origin_append(DBusMessageIter *iter, const struct torture1_origin *value,
			   struct xcpbus_error *error)
{
	return xcpbus_value_append(iter, &origin_type, value, error);
}

void torture1_everything_init(struct torture1_everything *value)
{
	*value = everything_defaults;
}

void torture1_everything_free(struct torture1_everything *value)
{
	xcpbus_value_free(&everything_type, value);
}

int torture1_everything_copy(struct torture1_everything *to, const struct torture1_everything *from)
{
	return xcpbus_value_copy(&everything_type, to, from);
}

int torture1_everything_read(DBusMessageIter *iter, struct torture1_everything *value,
			     struct xcpbus_error *error)
{
	return xcpbus_value_read(iter, &everything_type, value, error);
}

int torture1_everything_append(DBusMessageIter *iter, const struct torture1_everything *value,
			       struct xcpbus_error *error)
{
	return xcpbus_value_append(iter, &everything_type, value, error);
}

void torture1_tree_init(struct torture1_tree *value)
{
	*value = tree_defaults;
}

void torture1_tree_free(struct torture1_tree *value)
{
	xcpbus_value_free(&tree_type, value);
}

int torture1_tree_copy(struct torture1_tree *to, const struct torture1_tree *from)
{
	return xcpbus_value_copy(&tree_type, to, from);
}

int torture1_tree_read(DBusMessageIter *iter, struct torture1_tree *value,
		       struct xcpbus_error *error)
{
	return xcpbus_value_read(iter, &tree_type, value, error);
}

int torture1_tree_append(DBusMessageIter *iter, const struct torture1_tree *value,
			 struct xcpbus_error *error)
{
	return xcpbus_value_append(iter, &tree_type, value, error);
}

void torture1_list_of_tuple_of_string_and_label_free(
	struct torture1_list_of_tuple_of_string_and_label *value)
{
	xcpbus_value_free(&list_of_tuple_of_string_and_label_type, value);
}

enum torture1_error torture1_error_of(const struct xcpbus_error *error)
{
	return (enum torture1_error)xcpbus_error_find(error, errors);
}

int torture1_read_internal_error(const struct xcpbus *bus,
				 struct torture1_error_internal_error *payload)
{
	return xcpbus_error_read(bus, &errors[0], payload, NULL);
}

void torture1_error_internal_error_free(struct torture1_error_internal_error *payload)
{
	xcpbus_value_free(&error_internal_error_type, payload);
}

int torture1_throw_internal_error(struct xcpbus_invocation *call,
				  const struct torture1_error_internal_error *payload,
				  const char *text)
{
	return xcpbus_throw(call, &errors[0], payload, text);
}

int torture1_read_bad_shape(const struct xcpbus *bus, struct torture1_error_bad_shape *payload)
{
	return xcpbus_error_read(bus, &errors[1], payload, NULL);
}

void torture1_error_bad_shape_free(struct torture1_error_bad_shape *payload)
{
	xcpbus_value_free(&error_bad_shape_type, payload);
}

int torture1_throw_bad_shape(struct xcpbus_invocation *call,
			     const struct torture1_error_bad_shape *payload, const char *text)
{
	return xcpbus_throw(call, &errors[1], payload, text);
}

int torture1_throw_nothing(struct xcpbus_invocation *call, const char *text)
{
	return xcpbus_throw(call, &errors[2], NULL, text);
}

int torture1_echo_everything(struct xcpbus *bus, const struct xcpbus_target *target,
			     const char *debug_info, const struct torture1_everything *everything,
			     struct torture1_everything *result, struct xcpbus_error *error)
{
	const struct torture1_echo_everything_in in = {
		.debug_info = debug_info,
		.everything = *everything,
	};
	void *const results[] = { result };

	return xcpbus_call_typed(bus, target, &echo_everything_method, &in, results, error);
}

int torture1_echo_everything_begin(struct xcpbus *bus, const struct xcpbus_target *target,
				   const char *debug_info,
				   const struct torture1_everything *everything,
				   torture1_echo_everything_fn fn, void *data,
				   struct xcpbus_slot **slot)
{
	const struct torture1_echo_everything_in in = {
		.debug_info = debug_info,
		.everything = *everything,
	};

	return xcpbus_call_typed_async(bus, target, &echo_everything_method, &in,
				       (void (*)(void))fn, data, slot);
}

int torture1_echo_everything_reply(struct xcpbus_invocation *call,
				   const struct torture1_everything *result)
{
	const struct torture1_echo_everything_out out = { .result = *result };

	return xcpbus_reply_typed(call, &echo_everything_method, &out);
}

int torture1_echo_basic(struct xcpbus *bus, const struct xcpbus_target *target, uint8_t a_byte,
			bool a_boolean, int16_t an_int16, uint16_t a_uint16, int32_t an_int32,
			uint32_t a_uint32, int64_t an_int64, uint64_t a_uint64, double a_double,
			const char *a_string, const char *a_path, const char *a_signature,
			uint8_t *byte_out, bool *boolean_out, int16_t *int16_out,
			uint16_t *uint16_out, int32_t *int32_out, uint32_t *uint32_out,
			int64_t *int64_out, uint64_t *uint64_out, double *double_out,
			char **string_out, char **path_out, char **signature_out,
			struct xcpbus_error *error)
{
	const struct torture1_echo_basic_in in = {
		.a_byte = a_byte,
		.a_boolean = a_boolean,
		.an_int16 = an_int16,
		.a_uint16 = a_uint16,
		.an_int32 = an_int32,
		.a_uint32 = a_uint32,
		.an_int64 = an_int64,
		.a_uint64 = a_uint64,
		.a_double = a_double,
		.a_string = a_string,
		.a_path = a_path,
		.a_signature = a_signature,
	};
	/* clang-format off */
	void *const results[] = {
		byte_out,
		boolean_out,
		int16_out,
		uint16_out,
		int32_out,
		uint32_out,
		int64_out,
		uint64_out,
		double_out,
		string_out,
		path_out,
		signature_out,
	};
	/* clang-format on */

	return xcpbus_call_typed(bus, target, &echo_basic_method, &in, results, error);
}

int torture1_echo_basic_begin(struct xcpbus *bus, const struct xcpbus_target *target,
			      uint8_t a_byte, bool a_boolean, int16_t an_int16, uint16_t a_uint16,
			      int32_t an_int32, uint32_t a_uint32, int64_t an_int64,
			      uint64_t a_uint64, double a_double, const char *a_string,
			      const char *a_path, const char *a_signature,
			      torture1_echo_basic_fn fn, void *data, struct xcpbus_slot **slot)
{
	const struct torture1_echo_basic_in in = {
		.a_byte = a_byte,
		.a_boolean = a_boolean,
		.an_int16 = an_int16,
		.a_uint16 = a_uint16,
		.an_int32 = an_int32,
		.a_uint32 = a_uint32,
		.an_int64 = an_int64,
		.a_uint64 = a_uint64,
		.a_double = a_double,
		.a_string = a_string,
		.a_path = a_path,
		.a_signature = a_signature,
	};

	return xcpbus_call_typed_async(bus, target, &echo_basic_method, &in, (void (*)(void))fn,
				       data, slot);
}

int torture1_echo_basic_reply(struct xcpbus_invocation *call, uint8_t byte_out, bool boolean_out,
			      int16_t int16_out, uint16_t uint16_out, int32_t int32_out,
			      uint32_t uint32_out, int64_t int64_out, uint64_t uint64_out,
			      double double_out, const char *string_out, const char *path_out,
			      const char *signature_out)
{
	const struct torture1_echo_basic_out out = {
		.byte_out = byte_out,
		.boolean_out = boolean_out,
		.int16_out = int16_out,
		.uint16_out = uint16_out,
		.int32_out = int32_out,
		.uint32_out = uint32_out,
		.int64_out = int64_out,
		.uint64_out = uint64_out,
		.double_out = double_out,
		.string_out = string_out,
		.path_out = path_out,
		.signature_out = signature_out,
	};

	return xcpbus_reply_typed(call, &echo_basic_method, &out);
}

int torture1_draw(struct xcpbus *bus, const struct xcpbus_target *target,
		  const struct torture1_shape *shape, struct torture1_colour colour,
		  struct torture1_shape *drawn, struct torture1_colour *used,
		  struct xcpbus_error *error)
{
	const struct torture1_draw_in in = {
		.shape = *shape,
		.colour = colour,
	};
	void *const results[] = { drawn, used };

	return xcpbus_call_typed(bus, target, &draw_method, &in, results, error);
}

int torture1_draw_begin(struct xcpbus *bus, const struct xcpbus_target *target,
			const struct torture1_shape *shape, struct torture1_colour colour,
			torture1_draw_fn fn, void *data, struct xcpbus_slot **slot)
{
	const struct torture1_draw_in in = {
		.shape = *shape,
		.colour = colour,
	};

	return xcpbus_call_typed_async(bus, target, &draw_method, &in, (void (*)(void))fn, data,
				       slot);
}

int torture1_draw_reply(struct xcpbus_invocation *call, const struct torture1_shape *drawn,
			struct torture1_colour used)
{
	const struct torture1_draw_out out = {
		.drawn = *drawn,
		.used = used,
	};

	return xcpbus_reply_typed(call, &draw_method, &out);
}

int torture1_echo_containers(struct xcpbus *bus, const struct xcpbus_target *target,
			     const char *maybe, const struct torture1_bytes *bytes,
			     const struct torture1_list_of_tuple_of_string_and_label *records,
			     const struct torture1_tree *tree, DBusMessage *anything,
			     char **maybe_out, struct torture1_bytes *bytes_out,
			     struct torture1_list_of_tuple_of_string_and_label *records_out,
			     struct torture1_tree *tree_out, DBusMessage **anything_out,
			     struct xcpbus_error *error)
{
	const struct torture1_echo_containers_in in = {
		.maybe = maybe,
		.bytes = *bytes,
		.records = *records,
		.tree = *tree,
		.anything = anything,
	};
	void *const results[] = { maybe_out, bytes_out, records_out, tree_out, anything_out };

	return xcpbus_call_typed(bus, target, &echo_containers_method, &in, results, error);
}

int torture1_echo_containers_begin(struct xcpbus *bus, const struct xcpbus_target *target,
				   const char *maybe, const struct torture1_bytes *bytes,
				   const struct torture1_list_of_tuple_of_string_and_label *records,
				   const struct torture1_tree *tree, DBusMessage *anything,
				   torture1_echo_containers_fn fn, void *data,
				   struct xcpbus_slot **slot)
{
	const struct torture1_echo_containers_in in = {
		.maybe = maybe,
		.bytes = *bytes,
		.records = *records,
		.tree = *tree,
		.anything = anything,
	};

	return xcpbus_call_typed_async(bus, target, &echo_containers_method, &in,
				       (void (*)(void))fn, data, slot);
}

int torture1_echo_containers_reply(
	struct xcpbus_invocation *call, const char *maybe_out,
	const struct torture1_bytes *bytes_out,
	const struct torture1_list_of_tuple_of_string_and_label *records_out,
	const struct torture1_tree *tree_out, DBusMessage *anything_out)
{
	const struct torture1_echo_containers_out out = {
		.maybe_out = maybe_out,
		.bytes_out = *bytes_out,
		.records_out = *records_out,
		.tree_out = *tree_out,
		.anything_out = anything_out,
	};

	return xcpbus_reply_typed(call, &echo_containers_method, &out);
}

int torture1_poke(struct xcpbus *bus, const struct xcpbus_target *target, uint32_t end,
		  struct xcpbus_error *error)
{
	const struct torture1_poke_in in = { .end = end };

	return xcpbus_call_typed(bus, target, &poke_method, &in, NULL, error);
}

int torture1_poke_begin(struct xcpbus *bus, const struct xcpbus_target *target, uint32_t end,
			torture1_poke_fn fn, void *data, struct xcpbus_slot **slot)
{
	const struct torture1_poke_in in = { .end = end };

	return xcpbus_call_typed_async(bus, target, &poke_method, &in, (void (*)(void))fn, data,
				       slot);
}

int torture1_poke_reply(struct xcpbus_invocation *call)
{
	return xcpbus_reply_typed(call, &poke_method, NULL);
}

int torture1_poked_subscribe(struct xcpbus *bus, const struct xcpbus_target *target,
			     torture1_poked_fn fn, void *data, struct xcpbus_slot **slot,
			     struct xcpbus_error *error)
{
	return xcpbus_subscribe_typed(bus, target, &poked_signal, (void (*)(void))fn, data, slot,
				      error);
}

int torture1_poked_emit(struct xcpbus *bus, const char *path, uint32_t end,
			const struct torture1_label *label)
{
	const struct torture1_poked_args args = {
		.end = end,
		.label = *label,
	};

	return xcpbus_emit_typed(bus, path, &poked_signal, &args);
}

int torture1_count_get(struct xcpbus *bus, const struct xcpbus_target *target, uint32_t *value,
		       struct xcpbus_error *error)
{
	return xcpbus_get_typed(bus, target, &count_property, value, error);
}

int torture1_count_get_begin(struct xcpbus *bus, const struct xcpbus_target *target,
			     torture1_count_got_fn fn, void *data, struct xcpbus_slot **slot)
{
	return xcpbus_get_typed_async(bus, target, &count_property, (void (*)(void))fn, data, slot);
}

int torture1_count_watch(struct xcpbus *bus, const struct xcpbus_target *target,
			 torture1_count_fn fn, void *data, struct xcpbus_slot **slot,
			 struct xcpbus_error *error)
{
	return xcpbus_watch_typed(bus, target, &count_property, (void (*)(void))fn, data, slot,
				  error);
}

int torture1_count_changed(struct xcpbus *bus, const char *path)
{
	return xcpbus_changed_typed(bus, path, &count_property);
}

int torture1_favourite_get(struct xcpbus *bus, const struct xcpbus_target *target,
			   struct torture1_colour *value, struct xcpbus_error *error)
{
	return xcpbus_get_typed(bus, target, &favourite_property, value, error);
}

int torture1_favourite_get_begin(struct xcpbus *bus, const struct xcpbus_target *target,
				 torture1_favourite_got_fn fn, void *data,
				 struct xcpbus_slot **slot)
{
	return xcpbus_get_typed_async(bus, target, &favourite_property, (void (*)(void))fn, data,
				      slot);
}

int torture1_favourite_set(struct xcpbus *bus, const struct xcpbus_target *target,
			   struct torture1_colour value, struct xcpbus_error *error)
{
	return xcpbus_set_typed(bus, target, &favourite_property, &value, error);
}

int torture1_favourite_set_begin(struct xcpbus *bus, const struct xcpbus_target *target,
				 struct torture1_colour value, xcpbus_set_done_fn fn, void *data,
				 struct xcpbus_slot **slot)
{
	return xcpbus_set_typed_async(bus, target, &favourite_property, &value, fn, data, slot);
}

int torture1_favourite_watch(struct xcpbus *bus, const struct xcpbus_target *target,
			     torture1_favourite_fn fn, void *data, struct xcpbus_slot **slot,
			     struct xcpbus_error *error)
{
	return xcpbus_watch_typed(bus, target, &favourite_property, (void (*)(void))fn, data, slot,
				  error);
}

int torture1_favourite_changed(struct xcpbus *bus, const char *path)
{
	return xcpbus_changed_typed(bus, path, &favourite_property);
}

int torture1_version_get(struct xcpbus *bus, const struct xcpbus_target *target, char **value,
			 struct xcpbus_error *error)
{
	return xcpbus_get_typed(bus, target, &version_property, value, error);
}

int torture1_version_get_begin(struct xcpbus *bus, const struct xcpbus_target *target,
			       torture1_version_got_fn fn, void *data, struct xcpbus_slot **slot)
{
	return xcpbus_get_typed_async(bus, target, &version_property, (void (*)(void))fn, data,
				      slot);
}

int torture1_export(struct xcpbus *bus, const char *path, const struct torture1_handlers *handlers,
		    void *data, struct xcpbus_slot **slot)
{
	return xcpbus_export_typed(bus, path, &root_interface, handlers, data, slot);
}

int torture1_extra_wait(struct xcpbus *bus, const struct xcpbus_target *target, double delay,
			struct xcpbus_error *error)
{
	const struct torture1_extra_wait_in in = { .delay = delay };

	return xcpbus_call_typed(bus, target, &extra_wait_method, &in, NULL, error);
}

int torture1_extra_wait_begin(struct xcpbus *bus, const struct xcpbus_target *target, double delay,
			      torture1_extra_wait_fn fn, void *data, struct xcpbus_slot **slot)
{
	const struct torture1_extra_wait_in in = { .delay = delay };

	return xcpbus_call_typed_async(bus, target, &extra_wait_method, &in, (void (*)(void))fn,
				       data, slot);
}

int torture1_extra_wait_reply(struct xcpbus_invocation *call)
{
	return xcpbus_reply_typed(call, &extra_wait_method, NULL);
}

int torture1_extra_forget(struct xcpbus *bus, const struct xcpbus_target *target,
			  struct xcpbus_error *error)
{
	return xcpbus_call_typed(bus, target, &extra_forget_method, NULL, NULL, error);
}

int torture1_extra_export(struct xcpbus *bus, const char *path,
			  const struct torture1_extra_handlers *handlers, void *data,
			  struct xcpbus_slot **slot)
{
	return xcpbus_export_typed(bus, path, &extra_interface, handlers, data, slot);
}
