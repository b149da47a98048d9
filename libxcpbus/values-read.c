/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From messages to values. The message is whole and valid, for that was checked when it came; what
 * is in a variant, and which keys and words there are, is up to whoever sent it.
 *
 * A value that could not be read has nothing in it, so that a half read one around it can be
 * freed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "libxcpbus/values.h"

struct reading {
	struct memory memory;
	struct xcpbus_error *error;
};

static int read_one(struct reading *reading, DBusMessageIter *iter, const struct xcpbus_type *type,
		    void *value);

__attribute__((format(printf, 2, 3))) static int wrong(struct reading *reading, const char *format,
						       ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return error_fail(reading->error, -EINVAL, "%s", text);
}

static int too_large(struct reading *reading)
{
	return error_fail(reading->error, -ENOBUFS, "what is in the message takes too much memory");
}

/* Whether the iterator is at a value of this signature. */
static int check_type(struct reading *reading, DBusMessageIter *iter, const char *signature)
{
	char *found = dbus_message_iter_get_signature(iter);
	int r = 0;

	if (!found)
		return too_large(reading);
	if (strcmp(found, signature))
		r = wrong(reading, "there is '%s' where '%s' should be", found, signature);
	dbus_free(found);
	return r;
}

/* Says of which part a complaint is. */
static int name_part(struct reading *reading, const struct xcpbus_type *type, const char *part,
		     int r)
{
	char text[400];

	if (r != -EINVAL || !reading->error)
		return r;
	snprintf(text, sizeof(text), "%.300s", reading->error->message);
	return wrong(reading, "%s.%s: %s", type->name, part, text);
}

static int read_text(struct reading *reading, DBusMessageIter *iter, const char **value)
{
	const char *text;

	dbus_message_iter_get_basic(iter, &text);
	*value = memory_take_text(&reading->memory, text);
	return *value ? 0 : too_large(reading);
}

static int read_basic(struct reading *reading, DBusMessageIter *iter,
		      const struct xcpbus_type *type, void *value)
{
	dbus_bool_t boolean;

	if (type_is_nullable(type))
		return read_text(reading, iter, value);
	if (*type->signature == DBUS_TYPE_BOOLEAN) {
		dbus_message_iter_get_basic(iter, &boolean);
		*(bool *)value = boolean;
		return 0;
	}
	dbus_message_iter_get_basic(iter, value);
	if (*type->signature == DBUS_TYPE_UNIX_FD && *(int *)value < 0)
		return error_fail(reading->error, -EMFILE, "a file descriptor cannot be copied");
	return 0;
}

/* The iterator is inside the variant. */
static int read_any(struct reading *reading, DBusMessageIter *iter, DBusMessage **value)
{
	DBusMessage *any = memory_charge(&reading->memory, 1, ANY_SIZE) ? any_new() : NULL;
	DBusMessageIter to;
	int r = -ENOMEM;

	if (any) {
		dbus_message_iter_init_append(any, &to);
		r = any_copy(&reading->memory, iter, &to, DEPTH_MAX);
	}
	if (r == 0) {
		*value = any;
		return 0;
	}
	if (any)
		dbus_message_unref(any);
	return too_large(reading);
}

static int read_plain_list(DBusMessageIter *iter, const struct xcpbus_type *type,
			   struct list_value *list, unsigned count)
{
	DBusMessageIter sub;
	const void *items;
	int found = 0;

	dbus_message_iter_recurse(iter, &sub);
	dbus_message_iter_get_fixed_array(&sub, &items, &found);
	if (count && found == (int)count)
		memcpy(list->items, items, count * type->element->size);
	list->count = count;
	return 0;
}

static int read_list(struct reading *reading, DBusMessageIter *iter, const struct xcpbus_type *type,
		     struct list_value *list)
{
	unsigned count = (unsigned)dbus_message_iter_get_element_count(iter);
	DBusMessageIter sub;
	int r = 0;

	list->count = 0;
	list->items = memory_take(&reading->memory, count, type->element->size);
	if (!list->items)
		return too_large(reading);
	if (type_is_plain(type->element))
		return read_plain_list(iter, type, list, count);
	dbus_message_iter_recurse(iter, &sub);
	while (r == 0 && list->count < count) {
		r = read_one(reading, &sub, type->element,
			     (char *)list->items + list->count * type->element->size);
		list->count += r == 0;
		dbus_message_iter_next(&sub);
	}
	if (r < 0)
		xcpbus_value_free(type, list);
	return r;
}

/* Of MAYBE, where something is there. */
static int read_present(struct reading *reading, DBusMessageIter *iter,
			const struct xcpbus_type *type, void **value)
{
	void *inner;
	int r;

	if (type_is_nullable(type->element))
		return read_one(reading, iter, type->element, value);
	inner = memory_take(&reading->memory, 1, type->element->size);
	if (!inner)
		return too_large(reading);
	r = read_one(reading, iter, type->element, inner);
	if (r == 0)
		*value = inner;
	else
		free(inner);
	return r;
}

static int read_maybe(struct reading *reading, DBusMessageIter *iter,
		      const struct xcpbus_type *type, void **value)
{
	int count = dbus_message_iter_get_element_count(iter);
	DBusMessageIter sub;

	*value = NULL;
	if (count > 1)
		return wrong(reading, "there are %d values where one may be", count);
	dbus_message_iter_recurse(iter, &sub);
	return count ? read_present(reading, &sub, type, value) : 0;
}

/* Structures, entries and arguments: iter is inside. */
static int read_fields(struct reading *reading, DBusMessageIter *iter,
		       const struct xcpbus_type *type, void *value)
{
	const struct xcpbus_field *field = type->fields;
	int r = 0;

	for (; field->name; field++) {
		r = read_one(reading, iter, field->type, field_at(value, field));
		if (r < 0)
			break;
		dbus_message_iter_next(iter);
	}
	if (r < 0)
		fields_free(type, value, (size_t)(field - type->fields));
	return r;
}

/* What is optional stands there without the array around it. */
static int read_record_field(struct reading *reading, DBusMessageIter *iter,
			     const struct xcpbus_type *record, const struct xcpbus_field *field,
			     void *record_value)
{
	const struct xcpbus_type *type = field->type;
	bool is_maybe = type->kind == XCPBUS_KIND_MAYBE;
	const char *signature = is_maybe ? type->element->signature : type->signature;
	void *value = field_at(record_value, field);
	int r = check_type(reading, iter, signature);

	if (r == 0)
		r = is_maybe ? read_present(reading, iter, type, value)
			     : read_one(reading, iter, type, value);
	return name_part(reading, record, field->name, r);
}

static int read_record_entry(struct reading *reading, DBusMessageIter *entry,
			     const struct xcpbus_type *type, void *value, bool *seen)
{
	const struct xcpbus_field *field;
	DBusMessageIter content;
	const char *name;
	unsigned position;
	int r;

	dbus_message_iter_get_basic(entry, &name);
	position = field_find(type, name);
	if (!position)
		return 0; /* of a later version */
	field = &type->fields[position - 1];
	if (seen[position - 1])
		xcpbus_value_free(field->type, field_at(value, field));
	seen[position - 1] = false;
	dbus_message_iter_next(entry);
	dbus_message_iter_recurse(entry, &content);
	r = read_record_field(reading, &content, type, field, value);
	seen[position - 1] = r == 0;
	return r;
}

static int fill_absent(struct reading *reading, const struct xcpbus_type *type, void *value,
		       bool *seen)
{
	const struct xcpbus_field *field = type->fields;
	int r;

	for (; field->name; field++, seen++) {
		if (*seen)
			continue;
		if (field->flags & XCPBUS_REQUIRED)
			return wrong(reading, "%s has no '%s', which is required", type->name,
				     field->name);
		r = value_copy(&reading->memory, field->type, field_at(value, field),
			       field_at(type->defaults, field));
		if (r < 0)
			return too_large(reading);
		*seen = true;
	}
	return 0;
}

static int read_record(struct reading *reading, DBusMessageIter *iter,
		       const struct xcpbus_type *type, void *value)
{
	CLEANUP(cleanup_free)
	bool *seen = calloc((size_t)(field_end(type) - type->fields) + 1, sizeof(*seen));
	const struct xcpbus_field *field;
	DBusMessageIter array, entry;
	int r = 0;

	if (!seen)
		return too_large(reading);
	memset(value, 0, type->size);
	dbus_message_iter_recurse(iter, &array);
	while (r == 0 && dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_DICT_ENTRY) {
		dbus_message_iter_recurse(&array, &entry);
		r = read_record_entry(reading, &entry, type, value, seen);
		dbus_message_iter_next(&array);
	}
	if (r == 0)
		r = fill_absent(reading, type, value, seen);
	for (field = type->fields; r < 0 && field->name; field++)
		if (seen[field - type->fields])
			xcpbus_value_free(field->type, field_at(value, field));
	return r;
}

static int read_enum(struct reading *reading, DBusMessageIter *iter, const struct xcpbus_type *type,
		     struct enum_value *value)
{
	const char *word;

	dbus_message_iter_get_basic(iter, &word);
	value->value = field_find(type, word);
	value->word = NULL;
	return value->value ? 0 : read_text(reading, iter, &value->word);
}

static int read_unknown(struct reading *reading, const char *name, DBusMessageIter *content,
			struct xcpbus_case *unknown)
{
	int r;

	unknown->name = memory_take_text(&reading->memory, name);
	if (!unknown->name)
		return too_large(reading);
	r = read_any(reading, content, &unknown->value);
	if (r < 0)
		free((char *)unknown->name);
	return r;
}

static int read_pointer(struct reading *reading, DBusMessageIter *iter,
			const struct xcpbus_type *type, void **value)
{
	void *inner = memory_take(&reading->memory, 1, type->size);
	int r;

	if (!inner)
		return too_large(reading);
	r = read_one(reading, iter, type, inner);
	if (r == 0)
		*value = inner;
	else
		free(inner);
	return r;
}

static int read_variant(struct reading *reading, DBusMessageIter *iter,
			const struct xcpbus_type *type, void *value)
{
	const struct xcpbus_field *field;
	DBusMessageIter sub, content;
	const char *name;
	unsigned kind;
	int r;

	dbus_message_iter_recurse(iter, &sub);
	dbus_message_iter_get_basic(&sub, &name);
	dbus_message_iter_next(&sub);
	dbus_message_iter_recurse(&sub, &content);
	memset(value, 0, type->size);
	kind = *(unsigned *)value = field_find(type, name);
	if (!kind)
		return read_unknown(reading, name, &content, field_at(value, field_end(type)));
	field = &type->fields[kind - 1];
	r = check_type(reading, &content, field->type ? field->type->signature : "b");
	if (r == 0 && field->flags & XCPBUS_POINTER)
		r = read_pointer(reading, &content, field->type, field_at(value, field));
	else if (r == 0 && field->type)
		r = read_one(reading, &content, field->type, field_at(value, field));
	return name_part(reading, type, name, r);
}

static int read_one(struct reading *reading, DBusMessageIter *iter, const struct xcpbus_type *type,
		    void *value)
{
	DBusMessageIter sub;

	switch (type->kind) {
	case XCPBUS_KIND_BASIC:
		return read_basic(reading, iter, type, value);
	case XCPBUS_KIND_ANY:
		dbus_message_iter_recurse(iter, &sub);
		return read_any(reading, &sub, value);
	case XCPBUS_KIND_LIST:
		return read_list(reading, iter, type, value);
	case XCPBUS_KIND_MAYBE:
		return read_maybe(reading, iter, type, value);
	case XCPBUS_KIND_STRUCT:
	case XCPBUS_KIND_ENTRY:
		dbus_message_iter_recurse(iter, &sub);
		return read_fields(reading, &sub, type, value);
	case XCPBUS_KIND_RECORD:
		return read_record(reading, iter, type, value);
	case XCPBUS_KIND_ENUM:
		return read_enum(reading, iter, type, value);
	case XCPBUS_KIND_VARIANT:
		return read_variant(reading, iter, type, value);
	}
	return -EINVAL;
}

int value_read(DBusMessageIter *iter, const struct xcpbus_type *type, void *value,
	       struct xcpbus_error *error)
{
	struct reading reading = { { VALUES_MAX }, error };
	int r = check_type(&reading, iter, type->signature);

	return r < 0 ? r : read_one(&reading, iter, type, value);
}

int xcpbus_value_read(DBusMessageIter *iter, const struct xcpbus_type *type, void *value,
		      struct xcpbus_error *error)
{
	int r = value_read(iter, type, value, error);

	if (r == 0)
		dbus_message_iter_next(iter);
	return r;
}

int args_read(DBusMessage *message, const struct xcpbus_type *args, void *values,
	      struct xcpbus_error *error)
{
	struct reading reading = { { VALUES_MAX }, error };
	const char *signature = args ? args->signature : "";
	DBusMessageIter iter;

	if (!dbus_message_has_signature(message, signature))
		return wrong(&reading, "there is '%s' where '%s' should be",
			     dbus_message_get_signature(message), signature);
	dbus_message_iter_init(message, &iter);
	return args ? read_fields(&reading, &iter, args, values) : 0;
}

int error_args_read(DBusMessage *message, const struct xcpbus_type *args, void *values,
		    struct xcpbus_error *error)
{
	struct reading reading = { { VALUES_MAX }, error };
	const char *signature = dbus_message_get_signature(message);
	DBusMessageIter iter;

	if (*signature != DBUS_TYPE_STRING || strcmp(signature + 1, args->signature))
		return wrong(&reading, "there is '%s' where 's%s' should be", signature,
			     args->signature);
	dbus_message_iter_init(message, &iter);
	dbus_message_iter_next(&iter);
	return read_fields(&reading, &iter, args, values);
}
