/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From values to messages. libdbus believes what it is given, and the bus cuts off who sends what
 * is not valid: so it is checked here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libxcpbus/values.h"

enum { VALUE_SIZE = 8 }; /* what one takes at most, beside its text */

struct writing {
	unsigned depth; /* containers that are open */
	size_t room; /* what may still be written: no array has more than 64 MiB, and so no value */
	struct xcpbus_error *error;
};

static int append_one(struct writing *writing, DBusMessageIter *iter,
		      const struct xcpbus_type *type, const void *value);

static int no_memory(struct writing *writing)
{
	return error_fail(writing->error, -ENOMEM, "out of memory");
}

static int too_large(struct writing *writing)
{
	return error_fail(writing->error, -ENOBUFS,
			  "the values are too large: more than 64 MiB do not fit into a message");
}

static int spend(struct writing *writing, size_t size)
{
	if (size > writing->room)
		return too_large(writing);
	writing->room -= size;
	return 0;
}

static int open_container(struct writing *writing, DBusMessageIter *iter, int kind,
			  const char *contained, DBusMessageIter *sub)
{
	if (writing->depth >= DEPTH_MAX)
		return error_fail(writing->error, -EINVAL,
				  "a value is nested more than %d levels deep", DEPTH_MAX);
	if (!dbus_message_iter_open_container(iter, kind, contained, sub))
		return no_memory(writing);
	writing->depth++;
	return 0;
}

static int close_container(struct writing *writing, DBusMessageIter *iter, DBusMessageIter *sub,
			   int r)
{
	writing->depth--;
	if (r < 0)
		dbus_message_iter_abandon_container(iter, sub);
	else if (!dbus_message_iter_close_container(iter, sub))
		r = no_memory(writing);
	return r;
}

/* ---- any ---- */

/* Into a variant that is open. */
static int append_any_content(struct writing *writing, DBusMessageIter *sub, DBusMessage *any)
{
	struct memory room = { 2 * writing->room }; /* charged as what grows by doubling */
	DBusMessageIter from;
	int r;

	dbus_message_iter_init(any, &from);
	r = any_copy(&room, &from, sub, DEPTH_MAX - writing->depth);
	writing->room = room.left / 2;
	if (r == -ENOBUFS)
		return too_large(writing);
	if (r < 0)
		error_fail(writing->error, r, "a value of any type cannot be copied: %s",
			   strerror(-r));
	return r;
}

static int append_any(struct writing *writing, DBusMessageIter *iter, DBusMessage *any)
{
	const char *signature = any ? dbus_message_get_signature(any) : "";
	DBusMessageIter sub;
	int r;

	if (!dbus_signature_validate_single(signature, NULL))
		return error_fail(writing->error, -EINVAL, "a value of any type is missing");
	r = open_container(writing, iter, DBUS_TYPE_VARIANT, signature, &sub);
	if (r < 0)
		return r;
	r = append_any_content(writing, &sub, any);
	return close_container(writing, iter, &sub, r);
}

/* ---- what has a type ---- */

/* As what its type wants, beyond UTF-8. */
static bool is_text_ok(int type, const char *text)
{
	if (type == DBUS_TYPE_OBJECT_PATH)
		return dbus_validate_path(text, NULL);
	return type != DBUS_TYPE_SIGNATURE || dbus_signature_validate(text, NULL);
}

static int append_text(struct writing *writing, DBusMessageIter *iter, int type, const char *text)
{
	if (!text)
		return error_fail(writing->error, -EINVAL, "a text is missing");
	if (!dbus_validate_utf8(text, NULL))
		return error_fail(writing->error, -EINVAL, "a text is not valid: not UTF-8");
	if (!is_text_ok(type, text))
		return error_fail(writing->error, -EINVAL, "a text is not valid: \"%s\"",
				  strlen(text) <= 100 ? text : "(long)");
	if (spend(writing, strlen(text)) < 0)
		return -ENOBUFS;
	if (!dbus_message_iter_append_basic(iter, type, &text))
		return no_memory(writing);
	return 0;
}

static int append_basic(struct writing *writing, DBusMessageIter *iter,
			const struct xcpbus_type *type, const void *value)
{
	dbus_bool_t boolean;

	if (type_is_nullable(type))
		return append_text(writing, iter, *type->signature, *(const char *const *)value);
	if (*type->signature == DBUS_TYPE_UNIX_FD && *(const int *)value < 0)
		return error_fail(writing->error, -EINVAL, "there is no such file descriptor");
	if (*type->signature == DBUS_TYPE_BOOLEAN) {
		boolean = *(const bool *)value;
		value = &boolean;
	}
	if (!dbus_message_iter_append_basic(iter, *type->signature, value))
		return no_memory(writing);
	return 0;
}

static int append_items(struct writing *writing, DBusMessageIter *sub,
			const struct xcpbus_type *element, const struct list_value *list)
{
	const char *items = list->items;
	unsigned i;
	int r = 0;

	if (type_is_plain(element)) {
		if (spend(writing, (size_t)list->count * element->size) < 0)
			return -ENOBUFS;
		if (list->count && !dbus_message_iter_append_fixed_array(sub, *element->signature,
									 &items, (int)list->count))
			return no_memory(writing);
		return 0;
	}
	for (i = 0; r == 0 && i < list->count; i++)
		r = append_one(writing, sub, element, items + i * element->size);
	return r;
}

static int append_list(struct writing *writing, DBusMessageIter *iter,
		       const struct xcpbus_type *type, const struct list_value *list)
{
	DBusMessageIter sub;
	int r = open_container(writing, iter, DBUS_TYPE_ARRAY, type->signature + 1, &sub);

	if (r < 0)
		return r;
	r = append_items(writing, &sub, type->element, list);
	return close_container(writing, iter, &sub, r);
}

/* What MAYBE has, or NULL. */
static const void *find_present(const struct xcpbus_type *type, const void *value)
{
	const void *inner = *(const void *const *)value;

	return inner && type_is_nullable(type->element) ? value : inner;
}

static int append_maybe(struct writing *writing, DBusMessageIter *iter,
			const struct xcpbus_type *type, const void *value)
{
	const void *inner = find_present(type, value);
	DBusMessageIter sub;
	int r = open_container(writing, iter, DBUS_TYPE_ARRAY, type->signature + 1, &sub);

	if (r < 0)
		return r;
	r = inner ? append_one(writing, &sub, type->element, inner) : 0;
	return close_container(writing, iter, &sub, r);
}

/* Says of which part a complaint is. */
static int name_part(struct writing *writing, const struct xcpbus_type *type,
		     const struct xcpbus_field *field, int r)
{
	char text[400];

	if (r >= 0 || !writing->error)
		return r;
	snprintf(text, sizeof(text), "%.300s", writing->error->message);
	return error_fail(writing->error, r, "%s%s%s: %s",
			  type->kind == XCPBUS_KIND_RECORD ? type->name : "",
			  type->kind == XCPBUS_KIND_RECORD ? "." : "", field->name, text);
}

static int append_fields(struct writing *writing, DBusMessageIter *iter,
			 const struct xcpbus_type *type, const void *value)
{
	const struct xcpbus_field *field = type->fields;
	int r = 0;

	for (; r == 0 && field->name; field++) {
		r = append_one(writing, iter, field->type, field_at(value, field));
		r = name_part(writing, type, field, r);
	}
	return r;
}

static int append_struct(struct writing *writing, DBusMessageIter *iter,
			 const struct xcpbus_type *type, const void *value)
{
	int kind = type->kind == XCPBUS_KIND_ENTRY ? DBUS_TYPE_DICT_ENTRY : DBUS_TYPE_STRUCT;
	DBusMessageIter sub;
	int r = open_container(writing, iter, kind, NULL, &sub);

	if (r < 0)
		return r;
	r = append_fields(writing, &sub, type, value);
	return close_container(writing, iter, &sub, r);
}

static int append_variant_of(struct writing *writing, DBusMessageIter *iter,
			     const struct xcpbus_type *type, const void *value)
{
	DBusMessageIter sub;
	int r = open_container(writing, iter, DBUS_TYPE_VARIANT, type->signature, &sub);

	if (r < 0)
		return r;
	r = append_one(writing, &sub, type, value);
	return close_container(writing, iter, &sub, r);
}

static int append_record_entry(struct writing *writing, DBusMessageIter *array,
			       const struct xcpbus_field *field, const void *record)
{
	const struct xcpbus_type *type = field->type;
	const void *value = field_at(record, field);
	DBusMessageIter entry;
	int r;

	if (type->kind == XCPBUS_KIND_MAYBE) {
		value = find_present(type, value);
		type = type->element;
	}
	if (!value)
		return 0;
	r = open_container(writing, array, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
	if (r < 0)
		return r;
	r = append_text(writing, &entry, DBUS_TYPE_STRING, field->name);
	if (r == 0)
		r = append_variant_of(writing, &entry, type, value);
	return close_container(writing, array, &entry, r);
}

static int append_record(struct writing *writing, DBusMessageIter *iter,
			 const struct xcpbus_type *type, const void *value)
{
	const struct xcpbus_field *field = type->fields;
	DBusMessageIter array;
	int r = open_container(writing, iter, DBUS_TYPE_ARRAY, "{sv}", &array);

	if (r < 0)
		return r;
	for (; r == 0 && field->name; field++) {
		r = append_record_entry(writing, &array, field, value);
		r = name_part(writing, type, field, r);
	}
	return close_container(writing, iter, &array, r);
}

/* From 1; the end for 0, and for what is not there. */
static const struct xcpbus_field *field_by_number(const struct xcpbus_type *type, unsigned number)
{
	const struct xcpbus_field *end = field_end(type);

	return number && number <= (size_t)(end - type->fields) ? &type->fields[number - 1] : end;
}

static int append_enum(struct writing *writing, DBusMessageIter *iter,
		       const struct xcpbus_type *type, const struct enum_value *value)
{
	const struct xcpbus_field *field = field_by_number(type, value->value);

	return append_text(writing, iter, DBUS_TYPE_STRING,
			   field->name ? field->name : value->word);
}

static int append_case(struct writing *writing, DBusMessageIter *sub,
		       const struct xcpbus_type *type, const void *value)
{
	static const struct xcpbus_type boolean = { .kind = XCPBUS_KIND_BASIC, .signature = "b" };
	const struct xcpbus_field *field = field_by_number(type, *(const unsigned *)value);
	const struct xcpbus_case *unknown = field_at(value, field);
	const void *content = unknown;
	const bool yes = true;
	int r;

	r = append_text(writing, sub, DBUS_TYPE_STRING, field->name ? field->name : unknown->name);
	if (r < 0)
		return r;
	if (!field->name)
		return append_any(writing, sub, unknown->value);
	if (!field->type)
		return append_variant_of(writing, sub, &boolean, &yes);
	if (field->flags & XCPBUS_POINTER)
		content = *(const void *const *)content;
	if (!content)
		return error_fail(writing->error, -EINVAL, "the value of %s is missing",
				  field->name);
	return append_variant_of(writing, sub, field->type, content);
}

static int append_variant(struct writing *writing, DBusMessageIter *iter,
			  const struct xcpbus_type *type, const void *value)
{
	DBusMessageIter sub;
	int r = open_container(writing, iter, DBUS_TYPE_STRUCT, NULL, &sub);

	if (r < 0)
		return r;
	r = append_case(writing, &sub, type, value);
	return close_container(writing, iter, &sub, r);
}

static int append_one(struct writing *writing, DBusMessageIter *iter,
		      const struct xcpbus_type *type, const void *value)
{
	if (spend(writing, VALUE_SIZE) < 0)
		return -ENOBUFS;
	switch (type->kind) {
	case XCPBUS_KIND_BASIC:
		return append_basic(writing, iter, type, value);
	case XCPBUS_KIND_ANY:
		return append_any(writing, iter, *(DBusMessage *const *)value);
	case XCPBUS_KIND_LIST:
		return append_list(writing, iter, type, value);
	case XCPBUS_KIND_MAYBE:
		return append_maybe(writing, iter, type, value);
	case XCPBUS_KIND_STRUCT:
	case XCPBUS_KIND_ENTRY:
		return append_struct(writing, iter, type, value);
	case XCPBUS_KIND_RECORD:
		return append_record(writing, iter, type, value);
	case XCPBUS_KIND_ENUM:
		return append_enum(writing, iter, type, value);
	case XCPBUS_KIND_VARIANT:
		return append_variant(writing, iter, type, value);
	}
	return -EINVAL;
}

int xcpbus_value_append(DBusMessageIter *iter, const struct xcpbus_type *type, const void *value,
			struct xcpbus_error *error)
{
	struct writing writing = { .room = DBUS_MAXIMUM_ARRAY_LENGTH, .error = error };

	return append_one(&writing, iter, type, value);
}

int args_append(DBusMessageIter *iter, const struct xcpbus_type *args, const void *values,
		struct xcpbus_error *error)
{
	struct writing writing = { .room = DBUS_MAXIMUM_ARRAY_LENGTH, .error = error };

	return args ? append_fields(&writing, iter, args, values) : 0;
}
