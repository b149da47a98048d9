/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/monitor.h"

enum { GAP = 2, LAST_MIN = 8 }; /* what the last column has at least */

struct table {
	const char *const *headings;
	unsigned columns;
	unsigned *limits; /* of columns; 0: none */
	char **cells;
	size_t count, capacity;
};

struct table *table_new(const char *const *headings)
{
	struct table *table = need(calloc(1, sizeof(*table)));

	table->headings = headings;
	while (headings[table->columns])
		table->columns++;
	table->limits = need(calloc(table->columns + 1, sizeof(*table->limits)));
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
	free(table->limits);
	free(table);
	return NULL;
}

void table_limit(struct table *table, unsigned column, unsigned width)
{
	table->limits[column] = width;
}

void table_add(struct table *table, const char *text)
{
	if (table->count == table->capacity) {
		table->capacity = table->capacity ? 2 * table->capacity : 64;
		table->cells =
			need(reallocarray(table->cells, table->capacity, sizeof(*table->cells)));
	}
	table->cells[table->count++] = copy_text(text);
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

static unsigned *measure(const struct table *table)
{
	unsigned *widths = need(calloc(table->columns + 1, sizeof(*widths))), width;
	size_t i;

	for (i = 0; i < table->columns; i++)
		widths[i] = (unsigned)strlen(table->headings[i] + is_right(table->headings[i]));
	for (i = 0; i < table->count; i++) {
		unsigned *column = &widths[i % table->columns];
		unsigned limit = table->limits[i % table->columns];

		width = text_width(table->cells[i]);
		if (limit && width > limit)
			width = limit;
		if (width > *column)
			*column = width;
	}
	return widths;
}

static void put_row(const struct table *table, const char *const *cells, const unsigned *widths,
		    unsigned width)
{
	unsigned i, begin = 0, own, limit;

	for (i = 0; i < table->columns; begin += widths[i++] + GAP) {
		bool is_last = i + 1 == table->columns, is_number = is_right(table->headings[i]);

		limit = table->limits[i];
		if (is_last && width)
			limit = width > begin + LAST_MIN ? width - begin : LAST_MIN;
		own = is_number ? text_width(cells[i]) : widths[i];
		printf("%*s", (int)(i ? GAP : 0) + (int)(widths[i] - own), "");
		own = put_text(stdout, cells[i], strlen(cells[i]), limit);
		if (!is_number && !is_last)
			printf("%*s", (int)(widths[i] - own), "");
	}
	putchar('\n');
}

void table_print(const struct table *table, const struct tool *tool, unsigned width)
{
	const char **headings = need(calloc(table->columns + 1, sizeof(*headings)));
	unsigned *widths = measure(table), i;
	size_t rows = table->count / table->columns, row;

	for (i = 0; i < table->columns; i++)
		headings[i] = table->headings[i] + is_right(table->headings[i]);
	fputs(colour(tool, COLOUR_BOLD), stdout);
	put_row(table, headings, widths, width);
	fputs(colour(tool, COLOUR_NONE), stdout);
	for (row = 0; row < rows; row++)
		put_row(table, (const char *const *)table->cells + row * table->columns, widths,
			width);
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
