/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The diagram as a picture, made of boxes, lines and text alone. */
#include <stdlib.h>

#include "tools/monitor-diagram.h"

enum {
	MARGIN = 110, /* of the time, and of the first box */
	COLUMN = 240,
	HEAD = 56,
	BOX_HEIGHT = 40,
	ROW = 26,
	FONT = 12,
};

struct svg {
	const struct diagram *diagram;
	FILE *out;
};

static int column_of(int actor)
{
	return MARGIN + COLUMN / 2 + actor * COLUMN;
}

static void put_xml(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

static void put_string(const struct svg *svg, int x, int y, const char *anchor, const char *text)
{
	fprintf(svg->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">", x, y, anchor);
	put_xml(svg->out, text);
	fputs("</text>\n", svg->out);
}

static void put_actor(const struct svg *svg, int number, int bottom)
{
	int x = column_of(number);
	char *name, *place;

	actor_texts(&svg->diagram->actors[number], &name, &place);
	fprintf(svg->out,
		"<line class=\"life\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n"
		"<rect x=\"%d\" y=\"8\" width=\"%d\" height=\"%d\" rx=\"4\"/>\n",
		x, HEAD, x, bottom, x - COLUMN / 2 + 8, COLUMN - 16, BOX_HEIGHT);
	put_string(svg, x, 25, "middle", name);
	put_string(svg, x, 41, "middle", place);
	free(name);
	free(place);
}

static void put_arrow(const struct svg *svg, const struct arrow *arrow, int y)
{
	int from = column_of(arrow->from), to, middle;
	char *text = arrow_text(arrow), time[SHORT_TEXT];

	to = arrow->to == TO_ALL || arrow->to == arrow->from ? from + COLUMN / 3
							     : column_of(arrow->to);
	middle = (from + to) / 2;
	snprintf(time, sizeof(time), "%.3f ms",
		 (double)arrow_offset_us(svg->diagram, arrow) / 1000);
	put_string(svg, MARGIN - 20, y + 4, "end", time);
	fprintf(svg->out, "<g class=\"%s\"><title>", seen_words[arrow->kind]);
	put_xml(svg->out, arrow->what);
	fprintf(svg->out,
		"</title>\n<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" "
		"marker-end=\"url(#tip)\"/>\n",
		from, y, to, y);
	put_string(svg, middle, y - 4, "middle", text);
	fputs("</g>\n", svg->out);
	free(text);
}

static const char style[] =
	"<style>\n"
	"text { font: 12px monospace; fill: #222; }\n"
	"rect { fill: #eef3fa; stroke: #456; }\n"
	"line { stroke: #222; }\n"
	".life { stroke: #aab; stroke-dasharray: 2 3; }\n"
	".answer line { stroke: #678; stroke-dasharray: 6 3; }\n"
	".error line { stroke: #b00; stroke-dasharray: 6 3; }\n"
	".error text { fill: #b00; }\n"
	".signal line { stroke: #a70; stroke-dasharray: 1 3; }\n"
	"</style>\n"
	"<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" "
	"markerHeight=\"8\" orient=\"auto\"><path d=\"M0,0 L8,4 L0,8 z\"/></marker></defs>\n";

void diagram_put_svg(const struct diagram *diagram, FILE *out)
{
	const struct svg svg = { .diagram = diagram, .out = out };
	int actors = (int)diagram->actor_count, arrows = (int)diagram->arrow_count, i;
	int width = MARGIN + actors * COLUMN, height = HEAD + (arrows + 2) * ROW;

	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\" font-size=\"%d\">\n%s",
		width, height, width, height, FONT, style);
	fprintf(out, "<path fill=\"white\" d=\"M0,0 H%d V%d H0 z\"/>\n", width, height);
	for (i = 0; i < actors; i++)
		put_actor(&svg, i, height - ROW);
	for (i = 0; i < arrows; i++)
		put_arrow(&svg, &diagram->arrows[i], HEAD + (i + 1) * ROW);
	fputs("</svg>\n", out);
}
