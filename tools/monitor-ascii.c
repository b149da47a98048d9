/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The diagram in characters:
 *
 *	                :5.12        xenopsd1
 *	               xapi(5)         dom0
 *	                  |              |
 *	    0.000 ms      |--- Start --->|
 *	    2.310 ms      |<.. 2.3 ms ...|
 */
#include <stdlib.h>
#include <string.h>

#include "tools/monitor-diagram.h"

enum {
	MARGIN = 14, /* of the time */
	GAP_MIN = 12, /* between two columns */
	PADDING = 6, /* what an arrow has beside its text */
};

struct canvas {
	const struct diagram *diagram;
	FILE *out;
	unsigned *columns; /* where the line of an actor is */
	char *line; /* of ASCII alone */
	size_t width;
};

/* Moves columns to the right until those two are so far apart. */
static void spread(struct canvas *canvas, int a, int b, size_t distance)
{
	int left = a < b ? a : b, right = a < b ? b : a, i;
	size_t have = canvas->columns[right] - canvas->columns[left];

	if (have >= distance)
		return;
	for (i = right; i < (int)canvas->diagram->actor_count; i++)
		canvas->columns[i] += (unsigned)(distance - have);
}

static unsigned larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

static void place_actors(struct canvas *canvas)
{
	unsigned count = canvas->diagram->actor_count, half = 0, before = 0, i;

	for (i = 0; i < count; i++) {
		char *name, *place;

		actor_texts(&canvas->diagram->actors[i], &name, &place);
		half = larger(shown_width(name), shown_width(place)) / 2 + 1;
		if (i == 0)
			canvas->columns[0] = MARGIN + half;
		else
			canvas->columns[i] =
				canvas->columns[i - 1] + larger(before + half + 1, GAP_MIN);
		before = half;
		free(name);
		free(place);
	}
	canvas->width = before;
}

/* Where texts are wide, columns are further apart. */
static void place_arrows(struct canvas *canvas)
{
	const struct diagram *diagram = canvas->diagram;
	size_t beyond = 0, size;
	unsigned i;

	for (i = 0; i < diagram->arrow_count; i++) {
		const struct arrow *arrow = &diagram->arrows[i];
		char *text = arrow_text(arrow);

		size = strlen(text) + PADDING;
		if (arrow->to != TO_ALL && arrow->to != arrow->from)
			spread(canvas, arrow->from, arrow->to, size);
		else if (size > beyond)
			beyond = size;
		free(text);
	}
	canvas->width += canvas->columns[diagram->actor_count - 1] + beyond + 1;
}

/* ---- Lines ---- */

static void put_line(struct canvas *canvas)
{
	size_t size = canvas->width;

	while (size && canvas->line[size - 1] == ' ')
		size--;
	fprintf(canvas->out, "%.*s\n", (int)size, canvas->line);
}

static void begin_line(struct canvas *canvas)
{
	unsigned i;

	memset(canvas->line, ' ', canvas->width);
	for (i = 0; i < canvas->diagram->actor_count; i++)
		canvas->line[canvas->columns[i]] = '|';
}

static void write_at(struct canvas *canvas, size_t at, const char *text)
{
	size_t size = strlen(text);

	if (at + size > canvas->width)
		size = canvas->width > at ? canvas->width - at : 0;
	memcpy(canvas->line + at, text, size);
}

static void put_heads(struct canvas *canvas, bool is_place)
{
	unsigned at = 0, begin, width, i;
	char *texts[2];

	for (i = 0; i < canvas->diagram->actor_count; i++) {
		actor_texts(&canvas->diagram->actors[i], &texts[0], &texts[1]);
		width = shown_width(texts[is_place]);
		begin = canvas->columns[i] - width / 2;
		fprintf(canvas->out, "%*s%s", (int)(begin - at), "", texts[is_place]);
		at = begin + width;
		free(texts[0]);
		free(texts[1]);
	}
	fputc('\n', canvas->out);
}

static void draw(struct canvas *canvas, const struct arrow *arrow, const char *text)
{
	static const char strokes[] = { '-', '.', '.', '~' };
	unsigned from = canvas->columns[arrow->from], to, left, right;
	bool is_right;

	if (arrow->to == TO_ALL || arrow->to == arrow->from) {
		write_at(canvas, from + 1, arrow->to == TO_ALL ? "~~> " : "<-> ");
		write_at(canvas, from + 5, text);
		return;
	}
	to = canvas->columns[arrow->to];
	is_right = to > from;
	left = is_right ? from + 1 : to + 1;
	right = is_right ? to : from;
	memset(canvas->line + left, strokes[arrow->kind], right - left);
	canvas->line[is_right ? right - 1 : left] = is_right ? '>' : '<';
	left += (unsigned)(right - left - strlen(text)) / 2;
	canvas->line[left - 1] = canvas->line[left + strlen(text)] = ' ';
	write_at(canvas, left, text);
}

static void put_arrow(struct canvas *canvas, const struct arrow *arrow)
{
	int64_t offset_us = arrow_offset_us(canvas->diagram, arrow);
	char *text = arrow_text(arrow);
	char time[SHORT_TEXT];

	begin_line(canvas);
	snprintf(time, sizeof(time), "%9.3f ms", (double)offset_us / 1000);
	write_at(canvas, 0, time);
	draw(canvas, arrow, text);
	put_line(canvas);
	free(text);
}

void diagram_put_text(const struct diagram *diagram, FILE *out)
{
	struct canvas canvas = { .diagram = diagram, .out = out };
	unsigned i;

	if (!diagram->arrow_count)
		return;
	canvas.columns = need(calloc(diagram->actor_count, sizeof(*canvas.columns)));
	place_actors(&canvas);
	place_arrows(&canvas);
	canvas.line = need(malloc(canvas.width + 1));
	put_heads(&canvas, false);
	put_heads(&canvas, true);
	begin_line(&canvas);
	put_line(&canvas);
	for (i = 0; i < diagram->arrow_count; i++)
		put_arrow(&canvas, &diagram->arrows[i]);
	free(canvas.columns);
	free(canvas.line);
}
