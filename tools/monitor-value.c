/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/monitor.h"

enum {
	STRING_MAX = 4096, /* characters of one, at most */
	BYTES_MAX = 64, /* of bytes that are no text */
};

/* Stops when it has written so much: what a message is made of may be a hundred megabytes. */
struct printer {
	FILE *out; /* memory */
	size_t max;
	bool is_full;
};

static void put_value(struct printer *printer, DBusMessageIter *iter);

static bool is_text_type(int type)
{
	return type == DBUS_TYPE_STRING || type == DBUS_TYPE_OBJECT_PATH ||
	       type == DBUS_TYPE_SIGNATURE;
}

static bool is_container_type(int type)
{
	return type == DBUS_TYPE_ARRAY || type == DBUS_TYPE_STRUCT || type == DBUS_TYPE_VARIANT ||
	       type == DBUS_TYPE_DICT_ENTRY;
}

/* All fixed types, and what they are as a number with a sign or without. */
static bool read_number(DBusMessageIter *iter, int64_t *number, uint64_t *natural)
{
	DBusBasicValue value = { .u64 = 0 };
	int type = dbus_message_iter_get_arg_type(iter);

	if (type == DBUS_TYPE_UNIX_FD)
		return false;
	dbus_message_iter_get_basic(iter, &value);
	*number = type == DBUS_TYPE_INT16   ? value.i16
		  : type == DBUS_TYPE_INT32 ? value.i32
					    : value.i64;
	*natural = type == DBUS_TYPE_BYTE     ? value.byt
		   : type == DBUS_TYPE_UINT16 ? value.u16
		   : type == DBUS_TYPE_UINT32 ? value.u32
					      : value.u64;
	return type == DBUS_TYPE_INT16 || type == DBUS_TYPE_INT32 || type == DBUS_TYPE_INT64;
}

static double read_double(DBusMessageIter *iter)
{
	double value;

	dbus_message_iter_get_basic(iter, &value);
	return value;
}

static bool read_bool(DBusMessageIter *iter)
{
	dbus_bool_t value;

	dbus_message_iter_get_basic(iter, &value);
	return value;
}

static const char *read_string(DBusMessageIter *iter)
{
	const char *text;

	dbus_message_iter_get_basic(iter, &text);
	return text;
}

static bool is_bytes(DBusMessageIter *iter)
{
	return dbus_message_iter_get_arg_type(iter) == DBUS_TYPE_ARRAY &&
	       dbus_message_iter_get_element_type(iter) == DBUS_TYPE_BYTE;
}

/* Borrowed from the message. A NUL at the end of a text is not counted. True if it is a text. */
static bool read_bytes(DBusMessageIter *iter, const char **bytes, size_t *size)
{
	DBusMessageIter inside;
	int count = 0;
	size_t i;

	*bytes = NULL;
	dbus_message_iter_recurse(iter, &inside);
	if (dbus_message_iter_get_arg_type(&inside) != DBUS_TYPE_INVALID)
		dbus_message_iter_get_fixed_array(&inside, bytes, &count);
	*size = (size_t)count;
	for (i = 0; i < *size && (*bytes)[i] >= ' ' && (*bytes)[i] <= '~'; i++)
		;
	if (i && i + 1 == *size && !(*bytes)[i])
		*size = i;
	return i && i == *size;
}

/* ---- For people ---- */

static void put_bytes(struct printer *printer, DBusMessageIter *iter)
{
	FILE *out = printer->out;
	const char *bytes;
	size_t size, i;

	if (read_bytes(iter, &bytes, &size)) {
		fputs("b\"", out);
		put_text(out, bytes, size, printer->max ? STRING_MAX : 0);
		fputc('"', out);
		return;
	}
	fputs(size ? "0x" : "[]", out);
	for (i = 0; i < size && (i < BYTES_MAX || !printer->max); i++)
		fprintf(out, "%02x", (uint8_t)bytes[i]);
	if (i < size)
		fprintf(out, "... (%zu bytes)", size);
}

static void put_list(struct printer *printer, DBusMessageIter *iter, const char *brackets)
{
	bool is_first = true;

	fputc(brackets[0], printer->out);
	while (!printer->is_full && dbus_message_iter_get_arg_type(iter) != DBUS_TYPE_INVALID) {
		if (!is_first)
			fputs(", ", printer->out);
		is_first = false;
		put_value(printer, iter);
		dbus_message_iter_next(iter);
	}
	fputc(brackets[1], printer->out);
}

static void put_container(struct printer *printer, DBusMessageIter *iter, int type)
{
	DBusMessageIter inside;

	if (type == DBUS_TYPE_ARRAY &&
	    dbus_message_iter_get_element_type(iter) == DBUS_TYPE_DICT_ENTRY)
		type = DBUS_TYPE_DICT_ENTRY;
	else if (type == DBUS_TYPE_DICT_ENTRY)
		type = DBUS_TYPE_INVALID;
	dbus_message_iter_recurse(iter, &inside);
	if (type == DBUS_TYPE_INVALID) { /* of a dictionary: its key, its value */
		put_value(printer, &inside);
		fputs(": ", printer->out);
		dbus_message_iter_next(&inside);
		put_value(printer, &inside);
		return;
	}
	put_list(printer, &inside,
		 type == DBUS_TYPE_ARRAY     ? "[]"
		 : type == DBUS_TYPE_VARIANT ? "<>"
		 : type == DBUS_TYPE_STRUCT  ? "()"
					     : "{}");
}

static void put_basic(struct printer *printer, DBusMessageIter *iter, int type)
{
	uint64_t natural;
	int64_t number;

	if (is_text_type(type)) {
		const char *text = read_string(iter);

		fputc('"', printer->out);
		put_text(printer->out, text, strlen(text), printer->max ? STRING_MAX : 0);
		fputc('"', printer->out);
	} else if (type == DBUS_TYPE_BOOLEAN) {
		fputs(read_bool(iter) ? "true" : "false", printer->out);
	} else if (type == DBUS_TYPE_DOUBLE) {
		fprintf(printer->out, "%g", read_double(iter));
	} else if (type == DBUS_TYPE_UNIX_FD) {
		fputs("a file descriptor", printer->out);
	} else if (read_number(iter, &number, &natural)) {
		fprintf(printer->out, "%" PRId64, number);
	} else {
		fprintf(printer->out, "%" PRIu64, natural);
	}
}

static void put_value(struct printer *printer, DBusMessageIter *iter)
{
	int type = dbus_message_iter_get_arg_type(iter);

	if (printer->is_full)
		return;
	if (printer->max && ftell(printer->out) > (long)printer->max) {
		printer->is_full = true;
		fputs("...", printer->out);
	} else if (is_bytes(iter)) {
		put_bytes(printer, iter);
	} else if (is_container_type(type)) {
		put_container(printer, iter, type);
	} else {
		put_basic(printer, iter, type);
	}
}

void put_one_value(FILE *out, DBusMessageIter *iter, size_t max)
{
	struct printer printer = { .max = max };
	char *memory;
	size_t size;

	printer.out = need(open_memstream(&memory, &size));
	put_value(&printer, iter);
	fclose(printer.out);
	fwrite(need(memory), 1, size, out);
	free(memory);
}

void put_values(FILE *out, DBusMessageIter *iter)
{
	do {
		put_one_value(out, iter, 0);
		if (dbus_message_iter_has_next(iter))
			fputs(", ", out);
	} while (dbus_message_iter_next(iter));
}

/* ---- For programs ---- */

static void json_value(struct json *json, const char *key, DBusMessageIter *iter);

static void json_basic(struct json *json, const char *key, DBusMessageIter *iter, int type)
{
	uint64_t natural;
	int64_t number;

	if (is_text_type(type))
		json_text(json, key, read_string(iter));
	else if (type == DBUS_TYPE_BOOLEAN)
		json_bool(json, key, read_bool(iter));
	else if (type == DBUS_TYPE_DOUBLE)
		json_double(json, key, read_double(iter));
	else if (type == DBUS_TYPE_UNIX_FD)
		json_text(json, key, NULL);
	else if (read_number(iter, &number, &natural))
		json_number(json, key, number);
	else
		json_unsigned(json, key, natural);
}

/* Keys of an object are texts; those of a dictionary are texts or numbers. */
static void json_entries(struct json *json, DBusMessageIter *array)
{
	DBusMessageIter entries, entry;
	char *key;
	size_t size;

	dbus_message_iter_recurse(array, &entries);
	for (; dbus_message_iter_get_arg_type(&entries) == DBUS_TYPE_DICT_ENTRY;
	     dbus_message_iter_next(&entries)) {
		struct json inner = { .out = need(open_memstream(&key, &size)) };

		dbus_message_iter_recurse(&entries, &entry);
		if (is_text_type(dbus_message_iter_get_arg_type(&entry)))
			fputs(read_string(&entry), inner.out);
		else
			json_basic(&inner, NULL, &entry, dbus_message_iter_get_arg_type(&entry));
		fclose(inner.out);
		dbus_message_iter_next(&entry);
		json_value(json, need(key), &entry);
		free(key);
	}
}

static void json_bytes(struct json *json, const char *key, DBusMessageIter *iter)
{
	const char *bytes;
	size_t size, i;
	char *text;

	if (read_bytes(iter, &bytes, &size)) {
		text = need(strndup(bytes, size));
		json_text(json, key, text);
		free(text);
		return;
	}
	json_open(json, key, '[');
	for (i = 0; i < size; i++)
		json_unsigned(json, NULL, (uint8_t)bytes[i]);
	json_close(json, ']');
}

static void json_container(struct json *json, const char *key, DBusMessageIter *iter)
{
	DBusMessageIter inside;

	if (dbus_message_iter_get_arg_type(iter) == DBUS_TYPE_VARIANT) {
		dbus_message_iter_recurse(iter, &inside);
		json_value(json, key, &inside);
	} else if (dbus_message_iter_get_arg_type(iter) == DBUS_TYPE_ARRAY &&
		   dbus_message_iter_get_element_type(iter) == DBUS_TYPE_DICT_ENTRY) {
		json_open(json, key, '{');
		json_entries(json, iter);
		json_close(json, '}');
	} else {
		json_open(json, key, '[');
		dbus_message_iter_recurse(iter, &inside);
		json_values(json, &inside);
		json_close(json, ']');
	}
}

static void json_value(struct json *json, const char *key, DBusMessageIter *iter)
{
	int type = dbus_message_iter_get_arg_type(iter);

	if (is_bytes(iter))
		json_bytes(json, key, iter);
	else if (is_container_type(type))
		json_container(json, key, iter);
	else
		json_basic(json, key, iter, type);
}

void json_one_value(struct json *json, const char *key, DBusMessageIter *iter)
{
	json_value(json, key, iter);
}

void json_values(struct json *json, DBusMessageIter *iter)
{
	for (; dbus_message_iter_get_arg_type(iter) != DBUS_TYPE_INVALID;
	     dbus_message_iter_next(iter))
		json_value(json, NULL, iter);
}
