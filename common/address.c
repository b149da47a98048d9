/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/address.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

enum {
	DOMID_MAX = 0x7fef, /* above are Xen's special domains */
	RING_SIZE_MAX = 1024 * 1024,
};

/* A piece of the input that is not copied. */
struct span {
	const char *bytes;
	size_t size;
};

static int wrong(char why[ADDRESS_WHY_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int wrong(char why[ADDRESS_WHY_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, ADDRESS_WHY_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

static bool span_is(struct span span, const char *word)
{
	return span.size == strlen(word) && !memcmp(span.bytes, word, span.size);
}

/* For messages: the first part of it is enough to recognise it. */
static int shown(struct span span)
{
	return span.size < 60 ? (int)span.size : 60;
}

/* What comes before the separator; rest is what comes behind it, NULL bytes if there is none. */
static struct span split(struct span span, char separator, struct span *rest)
{
	const char *found = memchr(span.bytes, separator, span.size);

	if (!found) {
		*rest = (struct span){ NULL, 0 };
		return span;
	}
	*rest = (struct span){ found + 1, span.size - (size_t)(found + 1 - span.bytes) };
	return (struct span){ span.bytes, (size_t)(found - span.bytes) };
}

static bool is_plain(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("-_/\\.*", c));
}

static int unescape(struct span key, struct span value, char *out, size_t out_size,
		    char why[ADDRESS_WHY_MAX])
{
	size_t used = 0, i;
	char c;

	for (i = 0; i < value.size; i++) {
		c = value.bytes[i];
		if (c == '%') {
			int high = i + 2 < value.size ? text_hex_digit(value.bytes[i + 1]) : -1;
			int low = high >= 0 ? text_hex_digit(value.bytes[i + 2]) : -1;

			if (low < 0)
				return wrong(why, "%% without two hexadecimal digits in %.*s=%.*s",
					     shown(key), key.bytes, shown(value), value.bytes);
			c = (char)(high * 16 + low);
			i += 2;
		} else if (!is_plain(c)) {
			return wrong(why, "a character that must be written as %%%02x in %.*s=",
				     (unsigned char)c, shown(key), key.bytes);
		}
		if (!c)
			return wrong(why, "a NUL in %.*s=", shown(key), key.bytes);
		if (used + 1 >= out_size)
			return wrong(why, "%.*s= is longer than %zu characters", shown(key),
				     key.bytes, out_size - 1);
		out[used++] = c;
	}
	out[used] = '\0';
	if (!used)
		return wrong(why, "%.*s= is empty", shown(key), key.bytes);
	return 0;
}

static int parse_number(struct span key, struct span value, uint32_t min, uint32_t max,
			uint32_t *out, char why[ADDRESS_WHY_MAX])
{
	uint64_t number = 0;
	size_t i;

	for (i = 0; i < value.size && isdigit((unsigned char)value.bytes[i]); i++) {
		number = number * 10 + (uint64_t)(value.bytes[i] - '0');
		if (number > max)
			break;
	}
	if (!value.size || i < value.size || number < min)
		return wrong(why, "%.*s=%.*s is not a number from %u to %u", shown(key), key.bytes,
			     shown(value), value.bytes, min, max);
	*out = (uint32_t)number;
	return 0;
}

static int parse_guid(struct span key, struct span value, struct address *out,
		      char why[ADDRESS_WHY_MAX])
{
	size_t i;

	for (i = 0; i < value.size && text_hex_digit(value.bytes[i]) >= 0; i++)
		;
	if (i != 32 || value.size != 32)
		return wrong(why, "%.*s=%.*s is not 32 hexadecimal digits", shown(key), key.bytes,
			     shown(value), value.bytes);
	memcpy(out->guid, value.bytes, 32);
	out->guid[32] = '\0';
	return 0;
}

static int parse_unix_key(struct span key, struct span value, struct address *out,
			  char why[ADDRESS_WHY_MAX])
{
	bool is_abstract = span_is(key, "abstract");

	if (!is_abstract && !span_is(key, "path"))
		return wrong(why, "unix: has no key '%.*s' (only path, abstract, guid)", shown(key),
			     key.bytes);
	if (out->path[0])
		return wrong(why, "unix: takes one path= or abstract=, not two");
	out->is_abstract = is_abstract;
	/* An abstract name needs no NUL behind it but one before. */
	return unescape(key, value, out->path, sizeof(out->path), why);
}

static int parse_vchan_key(struct span key, struct span value, struct address *out,
			   char why[ADDRESS_WHY_MAX])
{
	if (span_is(key, "domain")) {
		if (out->has_domid)
			return wrong(why, "vchan: takes domain= once");
		out->has_domid = true;
		return parse_number(key, value, 0, DOMID_MAX, &out->domid, why);
	}
	if (span_is(key, "size")) {
		if (out->ring_size)
			return wrong(why, "vchan: takes size= once");
		return parse_number(key, value, 1, RING_SIZE_MAX, &out->ring_size, why);
	}
	return wrong(why, "vchan: has no key '%.*s' (only domain, size, guid)", shown(key),
		     key.bytes);
}

static int parse_key(struct span pair, struct address *out, char why[ADDRESS_WHY_MAX])
{
	struct span value, key = split(pair, '=', &value);

	if (!value.bytes)
		return wrong(why, "'%.*s' is not of the form key=value", shown(pair), pair.bytes);
	if (span_is(key, "guid"))
		return parse_guid(key, value, out, why);
	if (out->kind == ADDRESS_UNIX)
		return parse_unix_key(key, value, out, why);
	return parse_vchan_key(key, value, out, why);
}

static int parse_one(struct span text, struct address *out, char why[ADDRESS_WHY_MAX])
{
	struct span keys, kind = split(text, ':', &keys);
	int r;

	if (!keys.bytes)
		return wrong(why, "'%.*s' has no ':' behind its transport", shown(text),
			     text.bytes);
	*out = (struct address){ 0 };
	if (span_is(kind, "unix"))
		out->kind = ADDRESS_UNIX;
	else if (span_is(kind, "vchan"))
		out->kind = ADDRESS_VCHAN;
	else
		return wrong(why, "unknown transport '%.*s:' (unix: and vchan: are known)",
			     shown(kind), kind.bytes);
	while (keys.size) {
		struct span rest, pair = split(keys, ',', &rest);

		r = parse_key(pair, out, why);
		if (r < 0)
			return r;
		keys = rest;
	}
	if (out->kind == ADDRESS_UNIX && !out->path[0])
		return wrong(why, "unix: without path= or abstract=");
	return 0;
}

int address_parse(const char *text, struct address list[ADDRESS_LIST_MAX],
		  char why[ADDRESS_WHY_MAX])
{
	struct span rest = { text, strlen(text) };
	int count = 0, r;

	while (rest.size) {
		struct span one = split(rest, ';', &rest);

		if (count == ADDRESS_LIST_MAX)
			return wrong(why, "more than %d addresses", ADDRESS_LIST_MAX);
		r = parse_one(one, &list[count], why);
		if (r < 0)
			return r;
		count++;
	}
	return count ? count : wrong(why, "the address is empty");
}

static size_t escape(const char *text, char *out)
{
	static const char hex[] = "0123456789abcdef";
	size_t used = 0;

	for (; *text; text++) {
		if (is_plain(*text)) {
			out[used++] = *text;
			continue;
		}
		out[used++] = '%';
		out[used++] = hex[(unsigned char)*text >> 4];
		out[used++] = hex[*text & 15];
	}
	return used;
}

const char *address_format(const struct address *address, char out[ADDRESS_TEXT_MAX])
{
	size_t used;

	if (address->kind == ADDRESS_UNIX) {
		used = (size_t)sprintf(out, address->is_abstract ? "unix:abstract=" : "unix:path=");
		used += escape(address->path, out + used);
		out[used] = '\0';
	} else {
		used = (size_t)sprintf(out, "vchan:");
		if (address->has_domid)
			used += (size_t)sprintf(out + used, "domain=%u", address->domid);
		if (address->ring_size)
			used += (size_t)sprintf(out + used, "%ssize=%u",
						address->has_domid ? "," : "", address->ring_size);
	}
	if (address->guid[0])
		sprintf(out + used, "%sguid=%s", out[used - 1] == ':' ? "" : ",", address->guid);
	return out;
}
