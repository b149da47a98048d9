/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tools/monitor.h"

static void put_escape(FILE *out, int32_t c)
{
	if (c > 0xffff) /* as UTF-16 has it */
		fprintf(out, "\\u%04x\\u%04x", 0xd800 + (unsigned)((c - 0x10000) >> 10),
			0xdc00 + ((unsigned)c & 0x3ff));
	else
		fprintf(out, "\\u%04x", (unsigned)(c < 0 ? 0xfffd : c));
}

static void put_string(FILE *out, const char *text)
{
	static const char letters[] = "\b\f\n\r\t\"\\", names[] = "bfnrt\"\\";
	size_t left = strlen(text), length;
	const char *letter;
	int32_t c;

	fputc('"', out);
	for (; left; text += length, left -= length) {
		c = decode_character((const uint8_t *)text, left, &length);
		letter = c > 0 && c < 0x80 ? strchr(letters, (char)c) : NULL;
		if (letter)
			fprintf(out, "\\%c", names[letter - letters]);
		else if (c < 0 || is_hidden_character(c))
			put_escape(out, c);
		else
			fwrite(text, 1, length, out);
	}
	fputc('"', out);
}

static void begin(struct json *json, const char *key)
{
	if (json->has_item)
		fputc(',', json->out);
	json->has_item = true;
	if (key) {
		put_string(json->out, key);
		fputc(':', json->out);
	}
}

void json_open(struct json *json, const char *key, char bracket)
{
	begin(json, key);
	fputc(bracket, json->out);
	json->has_item = false;
}

void json_close(struct json *json, char bracket)
{
	fputc(bracket, json->out);
	json->has_item = true;
}

void json_end(struct json *json)
{
	fputc('\n', json->out);
	json->has_item = false;
}

void json_text(struct json *json, const char *key, const char *text)
{
	begin(json, key);
	if (text)
		put_string(json->out, text);
	else
		fputs("null", json->out);
}

void json_number(struct json *json, const char *key, int64_t number)
{
	begin(json, key);
	fprintf(json->out, "%" PRId64, number);
}

void json_maybe(struct json *json, const char *key, int64_t number)
{
	if (number < 0)
		json_text(json, key, NULL);
	else
		json_number(json, key, number);
}

void json_unsigned(struct json *json, const char *key, uint64_t number)
{
	begin(json, key);
	fprintf(json->out, "%" PRIu64, number);
}

/* JSON has no infinity, and nothing that is not a number. */
void json_double(struct json *json, const char *key, double number)
{
	begin(json, key);
	if (isfinite(number))
		fprintf(json->out, "%.17g", number);
	else
		fprintf(json->out, "\"%s\"", isnan(number) ? "NaN" : number > 0 ? "inf" : "-inf");
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin(json, key);
	fputs(value ? "true" : "false", json->out);
}
