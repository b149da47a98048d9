/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-arguments.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tools/monitor-words.h"

enum { VARIANTS_MAX = 16 };

DEFINE_FREEP(char, dbus_free)

static int append_value(struct words *words, DBusMessageIter *iter, DBusSignatureIter *type);

/* ---- values without parts ---- */

static const struct integer {
	char type;
	int64_t least;
	uint64_t most;
} integers[] = {
	{ 'y', 0, UINT8_MAX },  { 'n', INT16_MIN, INT16_MAX },
	{ 'q', 0, UINT16_MAX }, { 'i', INT32_MIN, INT32_MAX },
	{ 'u', 0, UINT32_MAX }, { 'x', INT64_MIN, INT64_MAX },
	{ 't', 0, UINT64_MAX }, { 0 },
};

/* In two's complement, as the narrower types are its low bytes. */
static bool read_integer(const char *text, const struct integer *kind, uint64_t *value)
{
	bool is_negative = *text == '-';
	const char *digits = text + is_negative;
	bool is_hex = digits[0] == '0' && (digits[1] | 0x20) == 'x';
	char *end;

	if (is_hex ? !isxdigit((unsigned char)digits[2]) : !isdigit((unsigned char)*digits))
		return false;
	errno = 0;
	*value = strtoull(digits, &end, is_hex ? 16 : 10);
	if (*end || errno)
		return false;
	if (!is_negative)
		return *value <= kind->most;
	*value = -*value;
	return kind->least < 0 && (int64_t)*value <= 0 && (int64_t)*value >= kind->least;
}

static int append_integer(struct words *words, DBusMessageIter *iter, char type, const char *text)
{
	const struct integer *kind;
	char expected[80];
	uint64_t value;
	uint32_t word;
	uint16_t half;
	uint8_t byte;
	const void *at = &value;

	for (kind = integers; kind->type != type; kind++)
		;
	if (!read_integer(text, kind, &value)) {
		snprintf(expected, sizeof(expected), "a number from %" PRId64 " to %" PRIu64,
			 kind->least, kind->most);
		return words_fail(words, expected, text);
	}
	byte = (uint8_t)value, half = (uint16_t)value, word = (uint32_t)value;
	if (type == 'y')
		at = &byte;
	else if (type == 'n' || type == 'q')
		at = &half;
	else if (type == 'i' || type == 'u')
		at = &word;
	return dbus_message_iter_append_basic(iter, type, at) ? 0 : -ENOMEM;
}

static bool read_double(const char *text, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return *text && !*end && !isspace((unsigned char)*text);
}

static int append_text(struct words *words, DBusMessageIter *iter, int type, const char *text)
{
	if (!dbus_validate_utf8(text, NULL))
		return words_fail(words, "a text in UTF-8", "bytes that are none");
	if (type == DBUS_TYPE_OBJECT_PATH && !dbus_validate_path(text, NULL))
		return words_fail(words, "an object path", text);
	if (type == DBUS_TYPE_SIGNATURE && !dbus_signature_validate(text, NULL))
		return words_fail(words, "a signature", text);
	return dbus_message_iter_append_basic(iter, type, &text) ? 0 : -ENOMEM;
}

static int append_basic(struct words *words, DBusMessageIter *iter, int type, const char *text)
{
	dbus_bool_t is_true = !strcmp(text, "true");
	double number;

	switch (type) {
	case DBUS_TYPE_BOOLEAN:
		if (!is_true && strcmp(text, "false") != 0)
			return words_fail(words, "true or false", text);
		return dbus_message_iter_append_basic(iter, type, &is_true) ? 0 : -ENOMEM;
	case DBUS_TYPE_DOUBLE:
		if (!read_double(text, &number))
			return words_fail(words, "a number", text);
		return dbus_message_iter_append_basic(iter, type, &number) ? 0 : -ENOMEM;
	case DBUS_TYPE_STRING:
	case DBUS_TYPE_OBJECT_PATH:
	case DBUS_TYPE_SIGNATURE:
		return append_text(words, iter, type, text);
	case DBUS_TYPE_UNIX_FD:
		return words_fail(
			words, "nothing that is a file descriptor (these cannot be typed)", text);
	default:
		return append_integer(words, iter, (char)type, text);
	}
}

static int append_next_basic(struct words *words, DBusMessageIter *iter, int type)
{
	CLEANUP(cleanup_free) char *text = NULL;
	int r = words_take_text(words, &text, NULL);

	return r < 0 ? r : append_basic(words, iter, type, text);
}

/* ---- containers ---- */

static int append_entry(struct words *words, DBusMessageIter *iter, DBusSignatureIter *type)
{
	const char *ends = words->ends;
	DBusSignatureIter parts;
	DBusMessageIter entry;
	int r;

	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_DICT_ENTRY, NULL, &entry))
		return -ENOMEM;
	dbus_signature_iter_recurse(type, &parts);
	words->ends = ":,}";
	r = append_value(words, &entry, &parts);
	words->ends = ends;
	if (r >= 0 && !words_take_mark(words, ":"))
		r = words_fail(words, "\":\" behind a key", words->at);
	dbus_signature_iter_next(&parts);
	if (r >= 0)
		r = append_value(words, &entry, &parts);
	if (r >= 0)
		return dbus_message_iter_close_container(iter, &entry) ? 0 : -ENOMEM;
	dbus_message_iter_abandon_container(iter, &entry);
	return r;
}

static int append_elements(struct words *words, DBusMessageIter *iter, DBusSignatureIter *type,
			   const char *end)
{
	bool is_first;
	int r;

	for (is_first = true; !words_take_mark(words, end); is_first = false) {
		if (!is_first && !words_take_mark(words, ","))
			return words_fail(words, *end == '}' ? "\",\" or \"}\"" : "\",\" or \"]\"",
					  words->at);
		if (dbus_signature_iter_get_current_type(type) == DBUS_TYPE_DICT_ENTRY)
			r = append_entry(words, iter, type);
		else
			r = append_value(words, iter, type);
		if (r < 0)
			return r;
	}
	return 0;
}

static int append_members(struct words *words, DBusMessageIter *iter, DBusSignatureIter *type,
			  const char *end)
{
	bool is_first = true;
	int r;

	do {
		if (!is_first && !words_take_mark(words, ","))
			return words_fail(words, "\",\" and another member", words->at);
		r = append_value(words, iter, type);
		if (r < 0)
			return r;
		is_first = false;
	} while (dbus_signature_iter_next(type));
	return words_take_mark(words, end)
		       ? 0
		       : words_fail(words, "the end of the structure", words->at);
}

/* An array, a dictionary or a structure; inside of it, texts end at its marks. */
static int append_container(struct words *words, DBusMessageIter *iter, DBusSignatureIter *type)
{
	CLEANUP(dbus_freep) char *signature = NULL;
	int kind = dbus_signature_iter_get_current_type(type);
	const char *outer_ends = words->ends, *end = "]";
	DBusSignatureIter parts;
	DBusMessageIter inner;
	bool is_dictionary;
	int r;

	dbus_signature_iter_recurse(type, &parts);
	is_dictionary = dbus_signature_iter_get_current_type(&parts) == DBUS_TYPE_DICT_ENTRY;
	if (is_dictionary)
		end = "}";
	if (kind == DBUS_TYPE_STRUCT && words_take_mark(words, "("))
		end = ")";
	else if (!words_take_mark(words, is_dictionary ? "{" : "["))
		return words_fail(words, is_dictionary ? "{KEY: VALUE, ...}" : "[VALUE, ...]",
				  words->at);
	if (kind == DBUS_TYPE_ARRAY)
		signature = dbus_signature_iter_get_signature(&parts);
	if (!dbus_message_iter_open_container(iter, kind, signature, &inner))
		return -ENOMEM;
	words->ends = ",]})";
	r = kind == DBUS_TYPE_ARRAY ? append_elements(words, &inner, &parts, end)
				    : append_members(words, &inner, &parts, end);
	words->ends = outer_ends;
	if (r >= 0)
		return dbus_message_iter_close_container(iter, &inner) ? 0 : -ENOMEM;
	dbus_message_iter_abandon_container(iter, &inner);
	return r;
}

/* ---- variants ---- */

static bool looks_like_number(const char *text)
{
	return isdigit((unsigned char)text[*text == '-']);
}

static char guess_type(const char *text)
{
	const struct integer *kind;
	uint64_t value;
	double number;

	if (!strcmp(text, "true") || !strcmp(text, "false"))
		return 'b';
	if (!looks_like_number(text))
		return 's';
	for (kind = integers; kind->type; kind++) {
		if (strchr("ixt", kind->type) && read_integer(text, kind, &value))
			return kind->type;
	}
	return read_double(text, &number) ? 'd' : 's';
}

/* Behind the brace of {"type": "as", "value": [...]}. */
static int take_key(struct words *words, const char *key)
{
	CLEANUP(cleanup_free) char *text = NULL;
	const char *ends = words->ends;
	int r;

	words->ends = ":";
	r = words_take_text(words, &text, NULL);
	words->ends = ends;
	if (r < 0)
		return r;
	if (strcmp(text, key) != 0 || !words_take_mark(words, ":"))
		return words_fail(words, "{\"type\": SIGNATURE, \"value\": VALUE}", text);
	return 0;
}

static int append_in_variant(struct words *words, DBusMessageIter *iter, const char *signature)
{
	DBusSignatureIter type;
	DBusMessageIter inner;
	int r;

	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_VARIANT, signature, &inner))
		return -ENOMEM;
	dbus_signature_iter_init(&type, signature);
	r = append_value(words, &inner, &type);
	if (r >= 0)
		return dbus_message_iter_close_container(iter, &inner) ? 0 : -ENOMEM;
	dbus_message_iter_abandon_container(iter, &inner);
	return r;
}

static int append_typed_variant(struct words *words, DBusMessageIter *iter)
{
	CLEANUP(cleanup_free) char *signature = NULL;
	const char *ends = words->ends;
	int r;

	if (words->variants == VARIANTS_MAX)
		return words_fail(words, "a value that is less deep", words->at);
	r = take_key(words, "type");
	if (r < 0)
		return r;
	words->ends = ",}";
	r = words_take_text(words, &signature, NULL);
	if (r >= 0 && !dbus_signature_validate_single(signature, NULL))
		r = words_fail(words, "the signature of one type", signature);
	if (r >= 0 && !words_take_mark(words, ","))
		r = words_fail(words, "\",\" and a value", words->at);
	if (r >= 0)
		r = take_key(words, "value");
	words->variants++;
	if (r >= 0)
		r = append_in_variant(words, iter, signature);
	words->variants--;
	words->ends = ends;
	if (r >= 0 && !words_take_mark(words, "}"))
		r = words_fail(words, "\"}\"", words->at);
	return r;
}

static int append_variant(struct words *words, DBusMessageIter *iter)
{
	char signature[] = "s";
	CLEANUP(cleanup_free) char *text = NULL;
	DBusMessageIter inner;
	bool is_quoted;
	int r;

	if (words_take_mark(words, "{"))
		return append_typed_variant(words, iter);
	if (*words->at == '[' || *words->at == '(')
		return words_fail(words, "{\"type\": SIGNATURE, \"value\": VALUE}", words->at);
	r = words_take_text(words, &text, &is_quoted);
	if (r < 0)
		return r;
	if (!is_quoted)
		*signature = guess_type(text);
	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_VARIANT, signature, &inner))
		return -ENOMEM;
	r = append_basic(words, &inner, *signature, text);
	if (r >= 0)
		return dbus_message_iter_close_container(iter, &inner) ? 0 : -ENOMEM;
	dbus_message_iter_abandon_container(iter, &inner);
	return r;
}

static int append_value(struct words *words, DBusMessageIter *iter, DBusSignatureIter *type)
{
	int kind = dbus_signature_iter_get_current_type(type);

	if (kind == DBUS_TYPE_VARIANT)
		return append_variant(words, iter);
	if (dbus_type_is_container(kind))
		return append_container(words, iter, type);
	return append_next_basic(words, iter, kind);
}

/* A word that is a text is that text, whatever is in it. */
static int append_word(struct words *words, DBusMessageIter *iter, DBusSignatureIter *type)
{
	int kind = dbus_signature_iter_get_current_type(type), r;

	if (dbus_type_is_basic(kind))
		return append_basic(words, iter, kind, words->at);
	r = append_value(words, iter, type);
	if (r < 0)
		return r;
	words_skip_blanks(words);
	return *words->at ? words_fail(words, "nothing behind the value", words->at) : 0;
}

static int fail_count(const char *signature, unsigned expected, unsigned count,
		      struct xcpbus_error *error)
{
	xcpbus_error_set(error, DBUS_ERROR_INVALID_ARGS, "%u argument%s %s expected (%s), not %u",
			 expected, expected == 1 ? "" : "s", expected == 1 ? "is" : "are",
			 *signature ? signature : "none", count);
	return -EINVAL;
}

static unsigned count_types(const char *signature)
{
	DBusSignatureIter type;
	unsigned count = 0;

	if (!*signature)
		return 0;
	dbus_signature_iter_init(&type, signature);
	do {
		count++;
	} while (dbus_signature_iter_next(&type));
	return count;
}

int arguments_append(DBusMessage *message, const char *signature, char *const *words,
		     unsigned count, struct xcpbus_error *error)
{
	unsigned expected = count_types(signature);
	DBusSignatureIter type;
	DBusMessageIter iter;
	int r = 0;

	if (count != expected)
		return fail_count(signature, expected, count, error);
	dbus_message_iter_init_append(message, &iter);
	dbus_signature_iter_init(&type, signature);
	for (unsigned i = 0; i < count && r >= 0; i++) {
		struct words word = {
			.at = words[i], .ends = "", .position = i + 1, .error = error
		};

		r = append_word(&word, &iter, &type);
		dbus_signature_iter_next(&type);
	}
	return r;
}
