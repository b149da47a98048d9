/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-view.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_SIZE = 16, NAME_MIN = 8, NAME_COLUMN = 0, HEAD_LINES = 4 };

enum unit { UNIT_NUMBER, UNIT_TIME, UNIT_PERCENT, UNIT_IDLE, UNIT_HEALTH };

/* What a cell shows, or NAN if there is nothing to show. */
typedef double (*value_fn)(const struct view *view, const struct rows *rows, const struct row *row);

/* ---- Values ---- */

static double rate(const struct rows *rows, uint64_t count)
{
	return rows->interval_us ? (double)count * 1e6 / (double)rows->interval_us : (double)count;
}

static double messages(const struct view *view, const struct rows *rows, const struct row *row)
{
	(void)view;
	return rate(rows, row_messages(row));
}

static double bytes(const struct view *view, const struct rows *rows, const struct row *row)
{
	(void)view;
	return rate(rows, row_bytes(row));
}

static double pending(const struct view *view, const struct rows *rows, const struct row *row)
{
	(void)view, (void)rows;
	return (double)row->pending;
}

static double oldest(const struct view *view, const struct rows *rows, const struct row *row)
{
	(void)view, (void)rows;
	return row->oldest_us ? (double)row->oldest_us : NAN;
}

static double quantile(const struct view *view, const struct row *row, double fraction)
{
	uint64_t us;

	return row_quantile(row, &view->bounds, fraction, &us) ? (double)us : NAN;
}

static double p50(const struct view *view, const struct rows *rows, const struct row *row)
{
	(void)rows;
	return quantile(view, row, 0.5);
}

static double p99(const struct view *view, const struct rows *rows, const struct row *row)
{
	(void)rows;
	return quantile(view, row, 0.99);
}

static double queue(const struct view *view, const struct rows *rows, const struct row *row)
{
	(void)view, (void)rows;
	return (double)row->queued_bytes;
}

static double ring(const struct view *view, const struct rows *rows, const struct row *row)
{
	(void)view, (void)rows;
	return row->ring_percent < 0 ? NAN : (double)row->ring_percent;
}

static double drops(const struct view *view, const struct rows *rows, const struct row *row)
{
	(void)view, (void)rows;
	return (double)row->drops;
}

static double denied(const struct view *view, const struct rows *rows, const struct row *row)
{
	(void)view, (void)rows;
	return row->has_refusals ? (double)row->denied : NAN;
}

static double idle(const struct view *view, const struct rows *rows, const struct row *row)
{
	(void)view, (void)rows;
	return (double)row->idle_us;
}

static double health(const struct view *view, const struct rows *rows, const struct row *row)
{
	(void)view, (void)rows;
	return row->health == HEALTH_UNKNOWN ? NAN : (double)row->health;
}

enum { DOMAINS = 1 << ROW_DOMAIN, NOT_SERVICES = DOMAINS | 1 << ROW_CONNECTION, ALL = 7 };

static const struct column {
	const char *name, *title, *total; /* the second of rates, the third of sums */
	unsigned width;
	enum unit unit;
	value_fn value; /* NULL: it is the name */
	unsigned kinds; /* of rows that have it, as bits */
} columns[] = {
	[NAME_COLUMN] = { "name", "", "", 0, UNIT_NUMBER, NULL, ALL },
	{ "messages", "MSG/S", "MSGS", 5, UNIT_NUMBER, messages, ALL },
	{ "bytes", "BYT/S", "BYTES", 5, UNIT_NUMBER, bytes, ALL },
	{ "pending", "PEND", "PEND", 4, UNIT_NUMBER, pending, ALL },
	{ "oldest", "OLD", "OLD", 5, UNIT_TIME, oldest, ALL },
	{ "p50", "P50", "P50", 5, UNIT_TIME, p50, ALL },
	{ "p99", "P99", "P99", 5, UNIT_TIME, p99, ALL },
	{ "queue", "QUEUE", "QUEUE", 5, UNIT_NUMBER, queue, ALL },
	{ "ring", "RING", "RING", 4, UNIT_PERCENT, ring, ALL },
	{ "drops", "DROP", "DROP", 4, UNIT_NUMBER, drops, NOT_SERVICES },
	{ "denied", "DENY", "DENY", 4, UNIT_NUMBER, denied, DOMAINS },
	{ "idle", "IDLE", "IDLE", 6, UNIT_IDLE, idle, ALL },
	{ "health", "H", "H", 1, UNIT_HEALTH, health, ALL },
};
enum { COLUMN_COUNT = sizeof(columns) / sizeof(*columns) };

static bool is_shown(const struct view *view, const struct column *column)
{
	return column->kinds & 1U << view->kind;
}

int view_find_column(const char *name)
{
	int i;

	for (i = 0; i < COLUMN_COUNT; i++)
		if (!strcmp(columns[i].name, name))
			return i;
	return -EINVAL;
}

void view_turn(struct view *view, int step)
{
	do {
		view->sort = (view->sort + COLUMN_COUNT + (unsigned)step) % COLUMN_COUNT;
	} while (!is_shown(view, &columns[view->sort]));
}

/* ---- Cells ---- */

static void put_number(char cell[CELL_SIZE], double value)
{
	static const char units[] = " kMGTPE";
	unsigned unit = 0;

	for (; value >= (unit ? 999.5 : 9999.5) && units[unit + 1]; unit++)
		value /= 1000;
	snprintf(cell, CELL_SIZE,
		 value < 99.95 && (unit || value != floor(value)) ? "%.1f" : "%.0f", value);
	if (unit)
		snprintf(cell + strlen(cell), CELL_SIZE - strlen(cell), "%c", units[unit]);
}

static void put_time(char cell[CELL_SIZE], double us)
{
	static const struct {
		double least, us;
		const char *format;
	} forms[] = {
		{ 100 * 3600e6, 24 * 3600e6, "%.0fd" },
		{ 100 * 60e6, 3600e6, "%.0fh" },
		{ 599.5e6, 60e6, "%.0fm" },
		{ 9.95e6, 1e6, "%.0fs" },
		{ 999.5e3, 1e6, "%.1fs" },
		{ 9.95e3, 1e3, "%.0fms" },
		{ 999.5, 1e3, "%.1fms" },
		{ 0, 1, "%.0fus" },
	};
	size_t i = 0;

	while (us < forms[i].least)
		i++;
	snprintf(cell, CELL_SIZE, forms[i].format, us / forms[i].us);
}

static void put_idle(char cell[CELL_SIZE], const struct row *row)
{
	if (row->is_silent || row->is_stuck || row->is_paused)
		snprintf(cell, CELL_SIZE, "%s",
			 row->is_silent  ? "silent"
			 : row->is_stuck ? "stuck"
					 : "paused");
	else
		put_time(cell, (double)row->idle_us);
}

static void put_cell(char cell[CELL_SIZE], const struct view *view, const struct rows *rows,
		     const struct row *row, const struct column *column)
{
	double value = column->value(view, rows, row);

	*cell = '\0';
	if (isnan(value))
		return;
	switch (column->unit) {
	case UNIT_NUMBER:
		put_number(cell, value);
		break;
	case UNIT_TIME:
		put_time(cell, value);
		break;
	case UNIT_PERCENT:
		snprintf(cell, CELL_SIZE, "%.0f%%", value);
		break;
	case UNIT_IDLE:
		put_idle(cell, row);
		break;
	case UNIT_HEALTH:
		snprintf(cell, CELL_SIZE, "%c", health_words[row->health].mark);
		break;
	}
}

/* ---- Order ---- */

struct order {
	const struct view *view;
	const struct rows *rows;
};

/* The largest first, what has no value last; names from a to z. */
static int compare(const void *left, const void *right, void *data)
{
	const struct order *order = data;
	const struct row *a = left, *b = right;
	const struct column *column = &columns[order->view->sort];
	int sign = order->view->is_reverse ? -1 : 1;
	double x, y;

	if (!column->value)
		return sign * strverscmp(a->label, b->label);
	x = column->value(order->view, order->rows, a);
	y = column->value(order->view, order->rows, b);
	if (isnan(x) != isnan(y))
		return isnan(x) ? 1 : -1;
	if (isnan(x) || x == y)
		return strverscmp(a->label, b->label);
	return x > y ? -sign : sign;
}

void view_sort(const struct view *view, struct rows *rows)
{
	struct order order = { .view = view, .rows = rows };

	if (rows->count)
		qsort_r(rows->items, rows->count, sizeof(*rows->items), compare, &order);
}

/* ---- The screen ---- */

/* The last columns are left out where there is no room for all. */
static void fit_columns(struct view *view, const struct rows *rows, unsigned width,
			unsigned *name_width)
{
	unsigned longest = NAME_MIN, rest = 0, i;

	for (view->columns = NAME_COLUMN + 1; view->columns < COLUMN_COUNT; view->columns++) {
		const struct column *column = &columns[view->columns];
		unsigned more = is_shown(view, column) ? column->width + 1 : 0;

		if (width && NAME_MIN + rest + more > width)
			break;
		rest += more;
	}
	for (i = 0; i < rows->count; i++)
		if (text_width(rows->items[i].label) > longest)
			longest = text_width(rows->items[i].label);
	if (width && longest + rest > width)
		longest = width > rest ? width - rest : 1;
	*name_width = longest;
}

/* What all services begin with says nothing, where there is no room. */
static void put_label(FILE *out, const char *label, unsigned width)
{
	static const char prefix[] = "org.xen.xcp.";

	if (text_width(label) > width && !strncmp(label, prefix, strlen(prefix)))
		label += strlen(prefix);
	fprintf(out, "%*s", (int)(width - put_text(out, label, strlen(label), width)), "");
}

static void put_titles(const struct view *view, const struct rows *rows, FILE *out, unsigned names)
{
	static const char *const kinds[] = { "SERVICE", "DOMAIN", "CONNECTION" };
	const struct column *column;
	unsigned i;

	for (i = 0; i < view->columns; i++) {
		column = &columns[i];
		if (!is_shown(view, column))
			continue;
		fputs(i ? " " : "", out);
		fputs(colour(view->tool, i == view->sort ? COLOUR_YELLOW : COLOUR_BOLD), out);
		if (i == NAME_COLUMN)
			fprintf(out, "%-*s", (int)names, kinds[view->kind]);
		else
			fprintf(out, "%*s", (int)column->width,
				rows->interval_us ? column->title : column->total);
		fputs(colour(view->tool, COLOUR_NONE), out);
	}
}

static enum colour colour_of(const struct row *row)
{
	return row->is_silent || row->is_stuck || row->health >= HEALTH_NO_ANSWER ? COLOUR_RED
										  : COLOUR_NONE;
}

static void put_row(const struct view *view, const struct rows *rows, const struct row *row,
		    FILE *out, unsigned names)
{
	enum colour is = colour_of(row);
	char cell[CELL_SIZE];
	unsigned i;

	if (is != COLOUR_NONE)
		fputs(colour(view->tool, is), out);
	put_label(out, row->label, names);
	for (i = NAME_COLUMN + 1; i < view->columns; i++) {
		if (!is_shown(view, &columns[i]))
			continue;
		put_cell(cell, view, rows, row, &columns[i]);
		fprintf(out, " %*s", (int)columns[i].width, cell);
	}
	if (is != COLOUR_NONE)
		fputs(colour(view->tool, COLOUR_NONE), out);
}

static void put_line(FILE *out, unsigned width, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void put_line(FILE *out, unsigned width, const char *format, ...)
{
	va_list values;
	char line[512];

	va_start(values, format);
	vsnprintf(line, sizeof(line), format, values);
	va_end(values);
	put_text(out, line, strlen(line), width);
	fputc('\n', out);
}

static void put_head(const struct view *view, const struct rows *rows,
		     const struct bus1_counters *counters, FILE *out, unsigned width)
{
	const struct row *bus = &rows->bus;
	const char *per = rows->interval_us ? "/s" : "";
	char cells[4][CELL_SIZE];

	put_time(cells[0], (double)counters->up_us);
	put_line(out, width, "xcp-busd %s up %s: %u links, %u domains, %u names, %u calls wait%s",
		 view->version, cells[0], counters->links, counters->domains + 1, counters->names,
		 (unsigned)bus->pending, counters->is_short ? ", SHORT OF MEMORY" : "");
	put_number(cells[0], messages(view, rows, bus));
	put_number(cells[1], bytes(view, rows, bus));
	put_cell(cells[2], view, rows, bus, &columns[view_find_column("p50")]);
	put_cell(cells[3], view, rows, bus, &columns[view_find_column("p99")]);
	put_line(out, width,
		 "messages%s %s, bytes%s %s, answers p50 %s p99 %s, dropped %" PRIu64
		 ", denied %" PRIu64,
		 per, cells[0], per, cells[1], *cells[2] ? cells[2] : "-",
		 *cells[3] ? cells[3] : "-", bus->drops, bus->denied);
	put_line(out, width, "by %s, sorted by %s%s", row_kind_names[view->kind],
		 columns[view->sort].name, view->is_reverse ? ", reversed" : "");
}

void view_print(struct view *view, const struct rows *rows, const struct bus1_counters *counters,
		FILE *out, unsigned width, unsigned height)
{
	unsigned names, room, i;

	fit_columns(view, rows, width, &names);
	put_head(view, rows, counters, out, width);
	put_titles(view, rows, out, names);
	room = !height ? rows->count : height > HEAD_LINES ? height - HEAD_LINES : 0;
	if (view->first + room > rows->count)
		view->first = rows->count > room ? rows->count - room : 0;
	for (i = view->first; i < rows->count && i - view->first < room; i++) {
		fputc('\n', out);
		put_row(view, rows, &rows->items[i], out, names);
	}
}

/* ---- JSON ---- */

static void quantile_json(struct json *json, const struct view *view, const struct row *row,
			  const char *key, double fraction)
{
	uint64_t us;

	if (row_quantile(row, &view->bounds, fraction, &us))
		json_unsigned(json, key, us);
	else
		json_text(json, key, NULL);
}

static void traffic_json(struct json *json, const struct row *row)
{
	json_unsigned(json, "messages_sent", row->traffic.messages_sent);
	json_unsigned(json, "messages_received", row->traffic.messages_received);
	json_unsigned(json, "bytes_sent", row->traffic.bytes_sent);
	json_unsigned(json, "bytes_received", row->traffic.bytes_received);
	json_unsigned(json, "calls_sent", row->traffic.calls_sent);
	json_unsigned(json, "errors_received", row->traffic.errors_received);
	json_unsigned(json, "dropped", row->drops);
	if (row->has_refusals)
		json_unsigned(json, "denied", row->denied);
}

static void row_json(const struct view *view, const struct rows *rows, const struct row *row,
		     const char *by)
{
	struct json json = { .out = stdout };

	json_open(&json, NULL, '{');
	json_text(&json, "by", by);
	json_text(&json, "name", *row->name ? row->name : row->label);
	if (row->label) {
		json_text(&json, "unique", *row->unique_name ? row->unique_name : NULL);
		json_unsigned(&json, "domid", row->domid);
		json_text(&json, "domain", row->domain);
	}
	json_unsigned(&json, "interval_us", rows->interval_us);
	json_unsigned(&json, "links", row->links);
	traffic_json(&json, row);
	json_unsigned(&json, "calls_pending", row->pending);
	json_unsigned(&json, "oldest_pending_us", row->oldest_us);
	quantile_json(&json, view, row, "p50_us", 0.5);
	quantile_json(&json, view, row, "p99_us", 0.99);
	json_unsigned(&json, "queued_bytes", row->queued_bytes);
	json_maybe(&json, "ring_percent", row->ring_percent);
	json_unsigned(&json, "idle_us", row->idle_us);
	json_bool(&json, "is_silent", row->is_silent);
	json_bool(&json, "is_stuck", row->is_stuck);
	json_bool(&json, "is_paused", row->is_paused);
	json_text(&json, "health",
		  row->health == HEALTH_UNKNOWN ? NULL : health_words[row->health].json);
	json_close(&json, '}');
	json_end(&json);
}

void view_print_json(const struct view *view, const struct rows *rows)
{
	unsigned i;

	row_json(view, rows, &rows->bus, "bus");
	for (i = 0; i < rows->count; i++)
		row_json(view, rows, &rows->items[i], row_kind_names[view->kind]);
}
