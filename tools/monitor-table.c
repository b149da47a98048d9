/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "tools/monitor.h"

enum { GAP = 2, LAST_MIN = 8 }; /* what the last column has at least */

struct table {
	const char *const *headings;
	unsigned columns;
	char **cells; /* escaped */
	size_t count, capacity;
};

struct table *table_new(const char *const *headings)
{
	struct table *table = need(calloc(1, sizeof(*table)));

	table->headings = headings;
	while (headings[table->columns])
		table->columns++;
	return table;
}

struct table *table_free(struct table *table)
{
	size_t i;

	if (!table)
		return NULL;
	for (i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
	return NULL;
}

void table_add(struct table *table, const char *text)
{
	if (table->count == table->capacity) {
		table->capacity = table->capacity ? 2 * table->capacity : 64;
		table->cells =
			need(reallocarray(table->cells, table->capacity, sizeof(*table->cells)));
	}
	table->cells[table->count++] = escape_text(text);
}

void table_add_number(struct table *table, uint64_t number)
{
	table_add_format(table, "%" PRIu64, number);
}

void table_add_format(struct table *table, const char *format, ...)
{
	va_list values;
	char *text;

	va_start(values, format);
	if (vasprintf(&text, format, values) < 0)
		text = NULL;
	va_end(values);
	table_add(table, need(text));
	free(text);
}

static bool is_right(const char *heading)
{
	return *heading == '>';
}

/* Columns on the terminal; what is in the table is escaped already. */
static unsigned width_of(const char *text)
{
	mbstate_t state = { 0 };
	unsigned width = 0;
	size_t length, left = strlen(text);
	wchar_t c;

	for (; left && (length = mbrtowc(&c, text, left, &state)) <= left && length;
	     text += length, left -= length)
		width += wcwidth(c) < 0 ? 1 : (unsigned)wcwidth(c);
	return width + (unsigned)left;
}

static unsigned *measure(const struct table *table)
{
	unsigned *widths = need(calloc(table->columns + 1, sizeof(*widths))), width;
	size_t i;

	for (i = 0; i < table->columns; i++)
		widths[i] = (unsigned)strlen(table->headings[i] + is_right(table->headings[i]));
	for (i = 0; i < table->count; i++) {
		width = width_of(table->cells[i]);
		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	return widths;
}

/* The text, of at most max columns (0: all). What it is cut to has only whole characters. */
static unsigned put_cut(FILE *out, const char *text, unsigned max)
{
	mbstate_t state = { 0 };
	unsigned width = width_of(text), done = 0;
	size_t length;
	wchar_t c;

	if (!max || width <= max) {
		fputs(text, out);
		return width;
	}
	while ((length = mbrtowc(&c, text, strlen(text), &state)) <= strlen(text) && length) {
		unsigned more = wcwidth(c) < 0 ? 1 : (unsigned)wcwidth(c);

		if (done + more + 3 > max)
			break;
		fwrite(text, 1, length, out);
		text += length;
		done += more;
	}
	fputs("...", out);
	return done + 3;
}

static void put_row(const struct table *table, FILE *out, const char *const *cells,
		    const unsigned *widths, unsigned width)
{
	unsigned i, begin = 0, max;

	for (i = 0; i < table->columns; i++) {
		unsigned own = width_of(cells[i]);

		if (is_right(table->headings[i]) && own < widths[i])
			fprintf(out, "%*s", (int)(widths[i] - own), "");
		if (i + 1 == table->columns) {
			max = !width ? 0 : width > begin + LAST_MIN ? width - begin : LAST_MIN;
			put_cut(out, cells[i], max);
			break;
		}
		fputs(cells[i], out);
		fprintf(out, "%*s",
			(int)(is_right(table->headings[i]) ? GAP : widths[i] - own + GAP), "");
		begin += widths[i] + GAP;
	}
	fputc('\n', out);
}

void table_print(const struct table *table, const struct tool *tool, FILE *out, unsigned width,
		 unsigned max_rows)
{
	const char **headings = need(calloc(table->columns + 1, sizeof(*headings)));
	unsigned *widths = measure(table), i;
	size_t rows = table->count / table->columns, row;

	for (i = 0; i < table->columns; i++)
		headings[i] = table->headings[i] + is_right(table->headings[i]);
	fputs(colour(tool, COLOUR_BOLD), out);
	put_row(table, out, headings, widths, width);
	fputs(colour(tool, COLOUR_NONE), out);
	for (row = 0; row < rows && (!max_rows || row < max_rows); row++)
		put_row(table, out, (const char *const *)table->cells + row * table->columns,
			widths, width);
	free(headings);
	free(widths);
}

unsigned terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_col ? size.ws_col : 80;
}
