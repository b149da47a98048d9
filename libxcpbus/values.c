/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "libxcpbus/values.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool memory_charge(struct memory *memory, size_t count, size_t size)
{
	if (size && count > memory->left / size)
		return false;
	memory->left -= count * size;
	return true;
}

void *memory_take(struct memory *memory, size_t count, size_t size)
{
	if (!memory_charge(memory, 1, CHUNK_SIZE) || !memory_charge(memory, count, size))
		return NULL;
	return count && size ? calloc(count, size) : calloc(1, 1);
}

char *memory_take_text(struct memory *memory, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = memory_take(memory, size, 1);

	return copy ? memcpy(copy, text, size) : NULL;
}

static bool is_text(const struct xcpbus_type *type)
{
	return type->kind == XCPBUS_KIND_BASIC && strchr("sog", *type->signature);
}

bool type_is_nullable(const struct xcpbus_type *type)
{
	return type->kind == XCPBUS_KIND_ANY || is_text(type);
}

bool type_is_plain(const struct xcpbus_type *type)
{
	return type->kind == XCPBUS_KIND_BASIC && strchr("ynqiuxtd", *type->signature);
}

void *field_at(const void *value, const struct xcpbus_field *field)
{
	return (char *)value + field->offset;
}

unsigned field_find(const struct xcpbus_type *type, const char *name)
{
	unsigned i;

	for (i = 0; type->fields[i].name; i++)
		if (!strcmp(type->fields[i].name, name))
			return i + 1;
	return 0;
}

const struct xcpbus_field *field_end(const struct xcpbus_type *type)
{
	const struct xcpbus_field *field = type->fields;

	while (field->name)
		field++;
	return field;
}

/* ---- free ---- */

static void free_pointer(const struct xcpbus_type *type, void *at)
{
	void *inner = *(void **)at;

	if (inner)
		xcpbus_value_free(type, inner);
	free(inner);
}

/* Zero is a descriptor like others, and must not be closed when this is done again. */
static void free_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void free_list(const struct xcpbus_type *type, struct list_value *list)
{
	char *items = list->items;
	unsigned i;

	for (i = 0; !type_is_plain(type->element) && i < list->count; i++)
		xcpbus_value_free(type->element, items + i * type->element->size);
	free(items);
}

void fields_free(const struct xcpbus_type *type, void *value, size_t count)
{
	const struct xcpbus_field *field = type->fields;

	for (; count && field->name; field++, count--)
		xcpbus_value_free(field->type, field_at(value, field));
}

static void free_variant(const struct xcpbus_type *type, void *value)
{
	unsigned kind = *(unsigned *)value;
	const struct xcpbus_field *field = kind ? &type->fields[kind - 1] : field_end(type);
	struct xcpbus_case *unknown = field_at(value, field);

	if (!kind) {
		free((char *)unknown->name);
		if (unknown->value)
			dbus_message_unref(unknown->value);
	} else if (field->type && field->flags & XCPBUS_POINTER) {
		free_pointer(field->type, field_at(value, field));
	} else if (field->type) {
		xcpbus_value_free(field->type, field_at(value, field));
	}
}

void xcpbus_value_free(const struct xcpbus_type *type, void *value)
{
	switch (type->kind) {
	case XCPBUS_KIND_BASIC:
		if (*type->signature == DBUS_TYPE_UNIX_FD) {
			free_fd(value);
			return;
		}
		if (is_text(type))
			free(*(char **)value);
		break;
	case XCPBUS_KIND_ANY:
		if (*(DBusMessage **)value)
			dbus_message_unref(*(DBusMessage **)value);
		break;
	case XCPBUS_KIND_LIST:
		free_list(type, value);
		break;
	case XCPBUS_KIND_MAYBE:
		if (type_is_nullable(type->element))
			xcpbus_value_free(type->element, value);
		else
			free_pointer(type->element, value);
		break;
	case XCPBUS_KIND_STRUCT:
	case XCPBUS_KIND_ENTRY:
	case XCPBUS_KIND_RECORD:
		fields_free(type, value, SIZE_MAX);
		return;
	case XCPBUS_KIND_ENUM:
		free((char *)((struct enum_value *)value)->word);
		break;
	case XCPBUS_KIND_VARIANT:
		free_variant(type, value);
		break;
	}
	memset(value, 0, type->size);
}

/* ---- copy ----
 *
 * A value that could not be copied has nothing in it, so that a half copied one around it can be
 * freed.
 */

static int copy_text(struct memory *memory, char **to, const char *from)
{
	*to = from ? memory_take_text(memory, from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static int copy_basic(struct memory *memory, const struct xcpbus_type *type, void *to,
		      const void *from)
{
	if (is_text(type))
		return copy_text(memory, to, *(char *const *)from);
	memcpy(to, from, type->size);
	if (*type->signature != DBUS_TYPE_UNIX_FD)
		return 0;
	*(int *)to = fcntl(*(const int *)from, F_DUPFD_CLOEXEC, 0);
	return *(int *)to < 0 ? -errno : 0;
}

static int copy_pointer(struct memory *memory, const struct xcpbus_type *type, void **to,
			const void *from)
{
	int r;

	*to = NULL;
	if (!from)
		return 0;
	*to = memory_take(memory, 1, type->size);
	r = *to ? value_copy(memory, type, *to, from) : -ENOMEM;
	if (r < 0) {
		free(*to);
		*to = NULL;
	}
	return r;
}

static int copy_list(struct memory *memory, const struct xcpbus_type *type, struct list_value *to,
		     const struct list_value *from)
{
	size_t size = type->element->size;
	int r = 0;

	to->count = 0;
	to->items = memory_take(memory, from->count, size);
	if (!to->items)
		return -ENOMEM;
	if (type_is_plain(type->element) && from->count) {
		memcpy(to->items, from->items, from->count * size);
		to->count = from->count;
	}
	for (; r == 0 && to->count < from->count; to->count += r == 0)
		r = value_copy(memory, type->element, (char *)to->items + to->count * size,
			       (const char *)from->items + to->count * size);
	if (r < 0)
		xcpbus_value_free(type, to);
	return r;
}

static int copy_fields(struct memory *memory, const struct xcpbus_type *type, void *to,
		       const void *from)
{
	const struct xcpbus_field *field = type->fields;
	int r = 0;

	for (; field->name; field++) {
		r = value_copy(memory, field->type, field_at(to, field), field_at(from, field));
		if (r < 0)
			break;
	}
	if (r < 0)
		fields_free(type, to, (size_t)(field - type->fields));
	return r;
}

static int copy_enum(struct memory *memory, struct enum_value *to, const struct enum_value *from)
{
	char *word;
	int r = copy_text(memory, &word, from->word);

	to->value = from->value;
	to->word = word;
	return r;
}

static int copy_unknown(struct memory *memory, struct xcpbus_case *to,
			const struct xcpbus_case *from)
{
	char *name;
	int r = copy_text(memory, &name, from->name);

	to->name = name;
	to->value = r == 0 && from->value ? dbus_message_ref(from->value) : NULL;
	return r;
}

static int copy_variant(struct memory *memory, const struct xcpbus_type *type, void *to,
			const void *from)
{
	unsigned kind = *(const unsigned *)from;
	const struct xcpbus_field *field = kind ? &type->fields[kind - 1] : field_end(type);
	void *at = field_at(to, field);
	const void *source = field_at(from, field);

	memset(to, 0, type->size);
	*(unsigned *)to = kind;
	if (!kind)
		return copy_unknown(memory, at, source);
	if (!field->type)
		return 0;
	if (field->flags & XCPBUS_POINTER)
		return copy_pointer(memory, field->type, at, *(const void *const *)source);
	return value_copy(memory, field->type, at, source);
}

int value_copy(struct memory *memory, const struct xcpbus_type *type, void *to, const void *from)
{
	switch (type->kind) {
	case XCPBUS_KIND_BASIC:
		return copy_basic(memory, type, to, from);
	case XCPBUS_KIND_ANY:
		*(DBusMessage **)to = *(DBusMessage *const *)from;
		if (*(DBusMessage **)to)
			dbus_message_ref(*(DBusMessage **)to);
		return 0;
	case XCPBUS_KIND_LIST:
		return copy_list(memory, type, to, from);
	case XCPBUS_KIND_MAYBE:
		if (type_is_nullable(type->element))
			return value_copy(memory, type->element, to, from);
		return copy_pointer(memory, type->element, to, *(const void *const *)from);
	case XCPBUS_KIND_STRUCT:
	case XCPBUS_KIND_ENTRY:
	case XCPBUS_KIND_RECORD:
		return copy_fields(memory, type, to, from);
	case XCPBUS_KIND_ENUM:
		return copy_enum(memory, to, from);
	case XCPBUS_KIND_VARIANT:
		return copy_variant(memory, type, to, from);
	}
	return -EINVAL;
}

int xcpbus_value_copy(const struct xcpbus_type *type, void *to, const void *from)
{
	struct memory memory = { SIZE_MAX };

	return value_copy(&memory, type, to, from);
}

const char *xcpbus_enum_word(const struct xcpbus_type *type, const void *value)
{
	const struct enum_value *self = value;

	return self->value ? type->fields[self->value - 1].name : self->word;
}
