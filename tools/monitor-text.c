/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "tools/monitor.h"

static bool is_utf8; /* what the terminal shows */

void text_init(void)
{
	setlocale(LC_CTYPE, "");
	is_utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* ---- Strangers' text ---- */

int32_t decode_character(const uint8_t *text, size_t size, size_t *length)
{
	static const struct {
		uint8_t mask, lead;
		int32_t least;
	} forms[] = { { 0x80, 0x00, 0 },
		      { 0xe0, 0xc0, 0x80 },
		      { 0xf0, 0xe0, 0x800 },
		      { 0xf8, 0xf0, 0x10000 } };
	size_t i, more;
	int32_t c;

	*length = 1;
	for (more = 0; more < 4 && (text[0] & forms[more].mask) != forms[more].lead; more++)
		;
	if (more == 4 || more >= size)
		return -1;
	c = text[0] & ~forms[more].mask;
	for (i = 1; i <= more; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (text[i] & 0x3f);
	}
	if (c < forms[more].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -1;
	*length = more + 1;
	return c;
}

bool is_hidden_character(int32_t c)
{
	static const struct {
		int32_t first, last;
	} ranges[] = { { 0x00, 0x1f },       { 0x7f, 0xa0 },       { 0xad, 0xad },
		       { 0x34f, 0x34f },     { 0x61c, 0x61c },     { 0x115f, 0x1160 },
		       { 0x17b4, 0x17b5 },   { 0x180b, 0x180f },   { 0x2000, 0x200f },
		       { 0x2028, 0x202f },   { 0x205f, 0x206f },   { 0x3164, 0x3164 },
		       { 0xe000, 0xf8ff },   { 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },
		       { 0xffa0, 0xffa0 },   { 0xfff0, 0xfffb },   { 0xfffe, 0xffff },
		       { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff }, { 0xf0000, 0x10ffff } };
	size_t i;

	for (i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

/* One character as it is shown, with the bytes that it has. */
static size_t show(char out[16], const uint8_t *text, size_t size)
{
	static const char letters[] = "\a\b\t\n\v\f\r\\", names[] = "abtnvfr\\";
	const char *letter;
	size_t length;
	int32_t c = decode_character(text, size, &length);

	if (c < 0)
		snprintf(out, 16, "\\x%02x", text[0]);
	else if (c && c < 0x80 && (letter = strchr(letters, (char)c)))
		snprintf(out, 16, "\\%c", names[letter - letters]);
	else if (c < 0x80 && is_hidden_character(c))
		snprintf(out, 16, "\\x%02x", (unsigned)c);
	else if (is_hidden_character(c) || (c >= 0x80 && !is_utf8))
		snprintf(out, 16, "\\u{%x}", (unsigned)c);
	else
		snprintf(out, 16, "%.*s", (int)length, (const char *)text);
	return length;
}

unsigned shown_width(const char *shown)
{
	mbstate_t state = { 0 };
	size_t left = strlen(shown), length;
	unsigned width = 0;
	wchar_t c;

	for (; left; shown += length, left -= length) {
		length = (uint8_t)*shown < 0x80 ? 1 : mbrtowc(&c, shown, left, &state);
		if (length > left)
			return width + (unsigned)left;
		width += (uint8_t)*shown < 0x80 || wcwidth(c) < 0 ? 1 : (unsigned)wcwidth(c);
	}
	return width;
}

/* How many bytes of text fit, if what is left is to be "...". */
static size_t measure(const char *text, size_t size, size_t max)
{
	size_t at = 0, width = 0, fits = 0;
	char out[16];

	while (at < size) {
		at += show(out, (const uint8_t *)text + at, size - at);
		width += shown_width(out);
		if (width > max)
			return fits;
		if (width + 3 <= max)
			fits = at;
	}
	return size;
}

unsigned put_text(FILE *out, const char *text, size_t size, size_t max)
{
	size_t end = max ? measure(text, size, max) : size, at = 0;
	unsigned width = 0;
	char shown[16];

	while (at < end) {
		at += show(shown, (const uint8_t *)text + at, size - at);
		fputs(shown, out);
		width += shown_width(shown);
	}
	if (end < size)
		width += (unsigned)fprintf(out, "%.*s", max < 3 ? (int)max : 3, "...");
	return width;
}

unsigned text_width(const char *text)
{
	size_t size = strlen(text), at = 0;
	unsigned width = 0;
	char shown[16];

	while (at < size) {
		at += show(shown, (const uint8_t *)text + at, size - at);
		width += shown_width(shown);
	}
	return width;
}

char *escape_text(const char *text, size_t max)
{
	size_t size;
	char *memory;
	FILE *out = need(open_memstream(&memory, &size));

	put_text(out, text, strlen(text), max);
	fclose(out);
	return need(memory);
}

/* ---- Times, sizes ---- */

const char *time_text(char out[SHORT_TEXT], uint64_t us)
{
	double value = (double)us;

	if (us < 1000)
		snprintf(out, SHORT_TEXT, "%" PRIu64 " us", us);
	else if (us < 1000 * 1000)
		snprintf(out, SHORT_TEXT, us < 100 * 1000 ? "%.1f ms" : "%.0f ms", value / 1e3);
	else if (us < 120 * UINT64_C(1000000))
		snprintf(out, SHORT_TEXT, us < 10 * 1000 * 1000 ? "%.2f s" : "%.1f s", value / 1e6);
	else if (us < 7200 * UINT64_C(1000000))
		snprintf(out, SHORT_TEXT, "%.0f min", value / 60e6);
	else
		snprintf(out, SHORT_TEXT, "%.1f h", value / 3600e6);
	return out;
}

const char *size_text(char out[SHORT_TEXT], uint64_t size)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)size;
	unsigned unit = 0;

	while (value >= 999.5) {
		value /= 1000;
		unit++;
	}
	snprintf(out, SHORT_TEXT, unit && value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return out;
}

int parse_time(const char *text, uint64_t *us)
{
	static const struct {
		const char *name;
		double us;
	} units[] = { { "us", 1 }, { "ms", 1e3 },   { "s", 1e6 },
		      { "", 1e6 }, { "min", 60e6 }, { "h", 3600e6 } };
	char *end;
	double number;
	size_t i;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	number = strtod(text, &end);
	for (i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(units[i].name, end) != 0)
			continue;
		if (!(number * units[i].us < 1e18))
			return -EINVAL;
		*us = (uint64_t)(number * units[i].us);
		return 0;
	}
	return -EINVAL;
}

int parse_number(const char *text, uint64_t *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return *end || errno ? -EINVAL : 0;
}

const char *colour(const struct tool *tool, enum colour colour)
{
	static const char *const codes[] = {
		[COLOUR_NONE] = "\033[0m",   [COLOUR_DIM] = "\033[2m",
		[COLOUR_BOLD] = "\033[1m",   [COLOUR_RED] = "\033[31m",
		[COLOUR_GREEN] = "\033[32m", [COLOUR_YELLOW] = "\033[33m",
	};

	return tool->has_colour ? codes[colour] : "";
}
