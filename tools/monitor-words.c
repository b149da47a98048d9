/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-words.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

enum { UTF8_MAX = 4, UNICODE_DIGITS = 4 };

int words_fail(struct words *words, const char *expected, const char *found)
{
	xcpbus_error_set(words->error, DBUS_ERROR_INVALID_ARGS,
			 "argument %u: %s is expected, not \"%.100s\"", words->position, expected,
			 found);
	return -EINVAL;
}

void words_skip_blanks(struct words *words)
{
	while (isspace((unsigned char)*words->at))
		words->at++;
}

bool words_take_mark(struct words *words, const char *marks)
{
	words_skip_blanks(words);
	if (!*words->at || !strchr(marks, *words->at))
		return false;
	words->at++;
	return true;
}

static size_t encode_utf8(char *out, unsigned code)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

static bool read_hex(const char *from, unsigned *code)
{
	char digits[UNICODE_DIGITS + 1] = "";

	strncpy(digits, from, UNICODE_DIGITS);
	if (strspn(digits, "0123456789abcdefABCDEF") != UNICODE_DIGITS)
		return false;
	*code = (unsigned)strtoul(digits, NULL, 16);
	return true;
}

/* What stands behind a backslash. Two \u may make one character, as in JSON. */
static size_t unescape(struct words *words, char *out)
{
	static const char letters[] = "bfnrt\"\\/", meanings[] = "\b\f\n\r\t\"\\/";
	const char *letter = *words->at ? strchr(letters, *words->at) : NULL;
	unsigned code, low;

	if (letter) {
		words->at++;
		*out = meanings[letter - letters];
		return 1;
	}
	if (*words->at != 'u' || !read_hex(words->at + 1, &code) || !code)
		return 0;
	words->at += 1 + UNICODE_DIGITS;
	if (code >> 10 == 0x36 && words->at[0] == '\\' && words->at[1] == 'u' &&
	    read_hex(words->at + 2, &low) && low >> 10 == 0x37) {
		words->at += 2 + UNICODE_DIGITS;
		code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
	}
	return encode_utf8(out, code);
}

static int take_quoted(struct words *words, char *out)
{
	const char *begin = words->at;
	size_t size;

	for (words->at++; *words->at && *words->at != '"'; out += size) {
		size = 1;
		if (*words->at == '\\') {
			words->at++;
			size = unescape(words, out);
			if (!size)
				return words_fail(
					words, "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u....",
					begin);
		} else {
			*out = *words->at++;
		}
	}
	if (*words->at++ != '"') {
		words->at--;
		return words_fail(words, "a quotation mark at the end", begin);
	}
	*out = '\0';
	return 0;
}

int words_take_text(struct words *words, char **out, bool *is_quoted)
{
	CLEANUP(cleanup_free) char *text = NULL;
	size_t size;
	int r;

	words_skip_blanks(words);
	/* What an escape means is never longer than the escape. */
	text = malloc(strlen(words->at) + UTF8_MAX);
	if (!text)
		return -ENOMEM;
	if (is_quoted)
		*is_quoted = *words->at == '"';
	if (*words->at == '"') {
		r = take_quoted(words, text);
		if (r < 0)
			return r;
	} else {
		size = *words->ends ? strcspn(words->at, words->ends) : strlen(words->at);
		memcpy(text, words->at, size);
		words->at += size;
		while (size && isspace((unsigned char)text[size - 1]))
			size--;
		text[size] = '\0';
	}
	*out = TAKE(text);
	return 0;
}
