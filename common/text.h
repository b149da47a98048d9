/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A borrowed piece of text: bytes that belong to somebody else, with their number.
 *
 * On the wire every string is followed by a NUL that size does not count, so the bytes of a
 * text out of a checked message can also be used as a C string.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct text {
	const char *bytes; /* NULL: there is none */
	uint32_t size;
};

static inline struct text text_of(const char *string)
{
	return (struct text){ string, string ? (uint32_t)strlen(string) : 0 };
}

static inline bool text_equals(struct text a, struct text b)
{
	return a.size == b.size && (!a.size || !memcmp(a.bytes, b.bytes, a.size));
}

static inline bool text_is(struct text text, const char *string)
{
	return text.bytes && text_equals(text, text_of(string));
}

/* What a hexadecimal digit stands for; -1 if it is none. */
static inline int text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}
