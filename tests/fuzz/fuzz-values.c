/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as choices, by which a valid message is made for one of the torture service's tables:
 * with fields that are missing, come twice, are of another type or of a later version. What can be
 * read takes no more memory than was charged for it; it is copied, written, and read again, and
 * what is written is the same bytes each time. */
#include <sanitizer/allocator_interface.h>

/* For the tables, and for a bound other than 256 MiB. */
#include "libxcpbus/values-read.c"
#include "torture1.c"

#define CHECK(expression)                                                                          \
	do {                                                                                       \
		if (!(expression))                                                                 \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct xcpbus_type *const tables[] = {
	&everything_type,
	&tree_type,
	&shape_type,
	&echo_basic_in_type,
	&draw_in_type,
	&echo_containers_in_type,
	&error_bad_shape_type,
	&list_of_maybe_string_type,
	&map_of_label_by_uint32_type,
};

static struct {
	const uint8_t *at, *end;
} choices;

/* 0 when there are none left. */
static unsigned choose(unsigned below)
{
	return choices.at < choices.end ? *choices.at++ % below : 0;
}

/* ---- a message ---- */

static void put(DBusMessageIter *iter, const struct xcpbus_type *type);

static void open_in(DBusMessageIter *iter, int kind, const char *signature, DBusMessageIter *sub)
{
	CHECK(dbus_message_iter_open_container(iter, kind, signature, sub));
}

static void close_in(DBusMessageIter *iter, DBusMessageIter *sub)
{
	CHECK(dbus_message_iter_close_container(iter, sub));
}

static void put_text(DBusMessageIter *iter, int kind, const char *text)
{
	CHECK(dbus_message_iter_append_basic(iter, kind, &text));
}

static void put_basic(DBusMessageIter *iter, int kind)
{
	static const char *const texts[] = { "", "a", "Red", "\xc3\xa4\xe2\x82\xac",
					     "a long text" };
	DBusBasicValue value = { .u64 = 0 };
	unsigned i;

	switch (kind) {
	case DBUS_TYPE_STRING:
		put_text(iter, kind, texts[choose(sizeof(texts) / sizeof(*texts))]);
		return;
	case DBUS_TYPE_OBJECT_PATH:
		put_text(iter, kind, choose(2) ? "/a/b" : "/");
		return;
	case DBUS_TYPE_SIGNATURE:
		put_text(iter, kind, choose(2) ? "a{sv}" : "");
		return;
	case DBUS_TYPE_BOOLEAN:
		value.bool_val = choose(2);
		break;
	default:
		for (i = 0; i < sizeof(value.u64); i++)
			value.u64 = value.u64 << 8 | choose(256);
	}
	CHECK(dbus_message_iter_append_basic(iter, kind, &value));
}

/* With a variant around it. */
static void put_anything(DBusMessageIter *iter)
{
	static const struct xcpbus_type *const types[] = {
		&string_type,
		&uint32_type,
		&bytes_type,
		&any_type,
		&tuple_of_int64_and_int64_type,
		&bool_type,
		&origin_type,
		&label_type,
		&shape_type,
		&list_of_doubles_type,
		&tree_type,
		&address_type,
	};
	const struct xcpbus_type *type = types[choose(sizeof(types) / sizeof(*types))];
	DBusMessageIter sub;

	open_in(iter, DBUS_TYPE_VARIANT, type->signature, &sub);
	put(&sub, type);
	close_in(iter, &sub);
}

/* NULL: a word or a case without value, which is true. */
static void put_content(DBusMessageIter *iter, const struct xcpbus_type *type)
{
	DBusMessageIter sub;

	if (type && type->kind == XCPBUS_KIND_MAYBE)
		type = type->element;
	if (choose(32) == 31) {
		put_anything(iter);
		return;
	}
	open_in(iter, DBUS_TYPE_VARIANT, type ? type->signature : "b", &sub);
	put(&sub, type ? type : &bool_type);
	close_in(iter, &sub);
}

static void put_entry(DBusMessageIter *array, const struct xcpbus_field *field)
{
	DBusMessageIter entry;

	open_in(array, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
	put_text(&entry, DBUS_TYPE_STRING, field ? field->name : "of a later version");
	if (field)
		put_content(&entry, field->type);
	else
		put_anything(&entry);
	close_in(array, &entry);
}

static void put_record(DBusMessageIter *iter, const struct xcpbus_type *type)
{
	unsigned count = (unsigned)(field_end(type) - type->fields), more = choose(4);
	const struct xcpbus_field *field = type->fields;
	DBusMessageIter array;

	open_in(iter, DBUS_TYPE_ARRAY, "{sv}", &array);
	for (; field->name; field++)
		if (field->flags & XCPBUS_REQUIRED ? choose(64) < 63 : choose(4) == 1)
			put_entry(&array, field);
	for (; more; more--)
		put_entry(&array, choose(2) ? &type->fields[choose(count)] : NULL);
	close_in(iter, &array);
}

static void put_variant(DBusMessageIter *iter, const struct xcpbus_type *type)
{
	unsigned count = (unsigned)(field_end(type) - type->fields), kind = choose(count + 1);
	DBusMessageIter sub;

	open_in(iter, DBUS_TYPE_STRUCT, NULL, &sub);
	put_text(&sub, DBUS_TYPE_STRING, kind < count ? type->fields[kind].name : "Later");
	if (kind < count)
		put_content(&sub, type->fields[kind].type);
	else
		put_anything(&sub);
	close_in(iter, &sub);
}

static void put_list(DBusMessageIter *iter, const struct xcpbus_type *type)
{
	unsigned count = choose(type->kind == XCPBUS_KIND_LIST ? 5 : 2);
	DBusMessageIter sub;

	if (type->kind == XCPBUS_KIND_MAYBE && choose(64) == 63)
		count = 2;
	open_in(iter, DBUS_TYPE_ARRAY, type->signature + 1, &sub);
	for (; count; count--)
		put(&sub, type->element);
	close_in(iter, &sub);
}

static void put_fields(DBusMessageIter *iter, const struct xcpbus_type *type)
{
	const struct xcpbus_field *field = type->fields;

	for (; field->name; field++)
		put(iter, field->type);
}

static void put_struct(DBusMessageIter *iter, const struct xcpbus_type *type)
{
	int kind = type->kind == XCPBUS_KIND_ENTRY ? DBUS_TYPE_DICT_ENTRY : DBUS_TYPE_STRUCT;
	DBusMessageIter sub;

	open_in(iter, kind, NULL, &sub);
	put_fields(&sub, type);
	close_in(iter, &sub);
}

static void put(DBusMessageIter *iter, const struct xcpbus_type *type)
{
	switch (type->kind) {
	case XCPBUS_KIND_BASIC:
		put_basic(iter, *type->signature);
		break;
	case XCPBUS_KIND_ANY:
		put_anything(iter);
		break;
	case XCPBUS_KIND_LIST:
	case XCPBUS_KIND_MAYBE:
		put_list(iter, type);
		break;
	case XCPBUS_KIND_STRUCT:
	case XCPBUS_KIND_ENTRY:
		put_struct(iter, type);
		break;
	case XCPBUS_KIND_RECORD:
		put_record(iter, type);
		break;
	case XCPBUS_KIND_ENUM:
		put_text(iter, DBUS_TYPE_STRING,
			 choose(4) < 3 ? type->fields[choose(3)].name : "Ultraviolet");
		break;
	case XCPBUS_KIND_VARIANT:
		put_variant(iter, type);
		break;
	}
}

static bool is_args(const struct xcpbus_type *type)
{
	return type->kind == XCPBUS_KIND_STRUCT && *type->signature != '(';
}

static DBusMessage *message_new(DBusMessageIter *iter)
{
	DBusMessage *message = dbus_message_new_signal("/a", "a.b", "C");

	CHECK(message);
	dbus_message_set_serial(message, 1);
	dbus_message_iter_init_append(message, iter);
	return message;
}

/* NULL if it is not valid: then it is nested too deeply. */
static DBusMessage *make(const struct xcpbus_type *type)
{
	DBusMessageIter iter;
	DBusMessage *made = message_new(&iter), *message;
	char *bytes;
	int size;

	if (is_args(type))
		put_fields(&iter, type);
	else
		put(&iter, type);
	CHECK(dbus_message_marshal(made, &bytes, &size));
	message = dbus_message_demarshal(bytes, size, NULL);
	dbus_free(bytes);
	dbus_message_unref(made);
	return message;
}

/* ---- there and back ---- */

struct written {
	char *bytes;
	int size;
};

static int read_it(DBusMessage *message, const struct xcpbus_type *type, size_t limit, void *value)
{
	struct xcpbus_error error = { .message = "" };
	struct reading reading = { { limit }, &error };
	size_t before = __sanitizer_get_current_allocated_bytes();
	DBusMessageIter iter;
	int r;

	dbus_message_iter_init(message, &iter);
	r = is_args(type) ? read_fields(&reading, &iter, type, value)
			  : read_one(&reading, &iter, type, value);
	CHECK(r == 0 || (r < 0 && *error.message));
	CHECK(reading.memory.left <= limit);
	if (r == 0)
		CHECK(__sanitizer_get_current_allocated_bytes() <=
		      before + (limit - reading.memory.left));
	return r;
}

/* Defaults may make it deeper than a message can be. */
static bool write_it(const struct xcpbus_type *type, const void *value, struct written *out)
{
	struct xcpbus_error error;
	DBusMessageIter iter;
	DBusMessage *message = message_new(&iter);
	int r = is_args(type) ? args_append(&iter, type, value, &error)
			      : xcpbus_value_append(&iter, type, value, &error);

	CHECK(r == 0 || (r == -EINVAL && strstr(error.message, "nested")) ||
	      (r == -EINVAL && strstr(error.message, "cannot be copied")));
	if (r == 0)
		CHECK(dbus_message_marshal(message, &out->bytes, &out->size));
	dbus_message_unref(message);
	return r == 0;
}

static void check_same(const struct xcpbus_type *type, const void *value,
		       const struct written *first)
{
	struct written second;

	CHECK(write_it(type, value, &second));
	CHECK(first->size == second.size &&
	      !memcmp(first->bytes, second.bytes, (size_t)first->size));
	dbus_free(second.bytes);
}

static void check_again(const struct xcpbus_type *type, const struct written *first)
{
	void *again = malloc(type->size);
	DBusMessage *message = dbus_message_demarshal(first->bytes, first->size, NULL);

	CHECK(again && message);
	CHECK(read_it(message, type, VALUES_MAX, again) == 0);
	check_same(type, again, first);
	xcpbus_value_free(type, again);
	dbus_message_unref(message);
	free(again);
}

/* Within a bound that may be too small for it. */
static void check_copy(const struct xcpbus_type *type, const void *value,
		       const struct written *written)
{
	struct memory memory = { choose(2) ? choose(256) * choose(64) : VALUES_MAX };
	void *copy = malloc(type->size);

	CHECK(copy);
	if (value_copy(&memory, type, copy, value) == 0) {
		if (written)
			check_same(type, copy, written);
		xcpbus_value_free(type, copy);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct xcpbus_type *type;
	struct written written;
	DBusMessage *message;
	size_t limit;
	void *value;

	choices.at = data;
	choices.end = data + size;
	type = tables[choose(sizeof(tables) / sizeof(*tables))];
	limit = choose(4) == 3 ? choose(256) * choose(256) : VALUES_MAX;
	value = malloc(type->size);
	message = make(type);
	CHECK(value);
	if (message && read_it(message, type, limit, value) == 0) {
		bool is_written = write_it(type, value, &written);

		check_copy(type, value, is_written ? &written : NULL);
		if (is_written) {
			check_again(type, &written);
			dbus_free(written.bytes);
		}
		xcpbus_value_free(type, value);
	}
	if (message)
		dbus_message_unref(message);
	free(value);
	return 0;
}
