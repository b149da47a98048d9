/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-pretty.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 78, INDENT = 2 };

static void put_value(FILE *out, DBusMessageIter *iter, int indent);

/* Prints what fits into a line. */
static bool put_line(FILE *out, DBusMessageIter *iter, int indent)
{
	int width = WIDTH - indent;
	char *text;
	size_t size;
	FILE *memory = need(open_memstream(&text, &size));
	bool is_short;

	/* What is longer is not written to its end: it may be a hundred megabytes. */
	put_one_value(memory, iter, width > 0 ? (size_t)width + 1 : 1);
	fclose(memory);
	is_short = width > 0 && strlen(need(text)) <= (size_t)width;
	if (is_short)
		fputs(text, out);
	free(text);
	return is_short;
}

static void put_entry(FILE *out, DBusMessageIter *iter, int indent)
{
	DBusMessageIter parts;

	dbus_message_iter_recurse(iter, &parts);
	put_one_value(out, &parts, 0);
	fputs(": ", out);
	dbus_message_iter_next(&parts);
	put_value(out, &parts, indent);
}

static void put_parts(FILE *out, DBusMessageIter *iter, const char *brackets, int indent)
{
	DBusMessageIter parts;
	int type;

	dbus_message_iter_recurse(iter, &parts);
	fprintf(out, "%c\n", brackets[0]);
	while ((type = dbus_message_iter_get_arg_type(&parts)) != DBUS_TYPE_INVALID) {
		fprintf(out, "%*s", indent + INDENT, "");
		if (type == DBUS_TYPE_DICT_ENTRY)
			put_entry(out, &parts, indent + INDENT);
		else
			put_value(out, &parts, indent + INDENT);
		fputs(dbus_message_iter_next(&parts) ? ",\n" : "\n", out);
	}
	fprintf(out, "%*s%c", indent, "", brackets[1]);
}

/* Numbers are short: as many as fit into each line. */
static void put_numbers(FILE *out, DBusMessageIter *iter, int indent)
{
	DBusMessageIter parts;
	int used = WIDTH;
	char *text;
	size_t size;
	FILE *memory;

	dbus_message_iter_recurse(iter, &parts);
	fputc('[', out);
	do {
		memory = need(open_memstream(&text, &size));
		put_one_value(memory, &parts, 0);
		fclose(memory);
		if (used + (int)size + INDENT > WIDTH)
			used = fprintf(out, "\n%*s", indent + INDENT, "");
		else
			used += fprintf(out, " ");
		used += fprintf(out, "%s", (char *)need(text));
		free(text);
		used += dbus_message_iter_has_next(&parts) ? fprintf(out, ",") : 0;
	} while (dbus_message_iter_next(&parts));
	fprintf(out, "\n%*s]", indent, "");
}

static void put_value(FILE *out, DBusMessageIter *iter, int indent)
{
	int type = dbus_message_iter_get_arg_type(iter);
	int element = type == DBUS_TYPE_ARRAY ? dbus_message_iter_get_element_type(iter) : 0;
	DBusMessageIter inside;

	if (put_line(out, iter, indent))
		return;
	if (type == DBUS_TYPE_VARIANT) {
		dbus_message_iter_recurse(iter, &inside);
		fputc('<', out);
		put_value(out, &inside, indent);
		fputc('>', out);
	} else if (type == DBUS_TYPE_STRUCT) {
		put_parts(out, iter, "()", indent);
	} else if (type == DBUS_TYPE_ARRAY && element != DBUS_TYPE_BYTE &&
		   dbus_type_is_fixed(element)) {
		put_numbers(out, iter, indent);
	} else if (type == DBUS_TYPE_ARRAY && element != DBUS_TYPE_BYTE) {
		put_parts(out, iter, element == DBUS_TYPE_DICT_ENTRY ? "{}" : "[]", indent);
	} else {
		put_one_value(out, iter, 0);
	}
}

void put_pretty(FILE *out, DBusMessageIter *iter)
{
	put_value(out, iter, 0);
	fputc('\n', out);
}
