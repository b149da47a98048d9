/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages written by hand, right or wrong, in either byte order. Independent of wire/build.c,
 * which is itself under test. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { RAW_MAX = 128 * 1024 };

struct raw {
	uint8_t bytes[RAW_MAX];
	uint32_t size;
	bool is_big; /* byte order */
	uint32_t body;
};

static inline void raw_put32(struct raw *raw, uint32_t offset, uint32_t value)
{
	for (uint32_t i = 0; i < 4; i++)
		raw->bytes[offset + i] = (uint8_t)(value >> 8 * (raw->is_big ? 3 - i : i));
}

static inline void raw_align(struct raw *raw, uint32_t alignment)
{
	while (raw->size % alignment)
		raw->bytes[raw->size++] = 0;
}

static inline void raw_byte(struct raw *raw, unsigned value)
{
	raw->bytes[raw->size++] = (uint8_t)value;
}

static inline void raw_bytes(struct raw *raw, const void *bytes, size_t size)
{
	memcpy(raw->bytes + raw->size, bytes, size);
	raw->size += (uint32_t)size;
}

static inline void raw_uint32(struct raw *raw, uint32_t value)
{
	raw_align(raw, 4);
	raw_put32(raw, raw->size, value);
	raw->size += 4;
}

static inline void raw_uint64(struct raw *raw, uint64_t value)
{
	uint32_t high = (uint32_t)(value >> 32), low = (uint32_t)value;

	raw_align(raw, 8);
	raw_uint32(raw, raw->is_big ? high : low);
	raw_uint32(raw, raw->is_big ? low : high);
}

/* A string or a path, of size characters. */
static inline void raw_text(struct raw *raw, const char *text, size_t size)
{
	raw_uint32(raw, (uint32_t)size);
	raw_bytes(raw, text, size);
	raw_byte(raw, 0);
}

static inline void raw_string(struct raw *raw, const char *text)
{
	raw_text(raw, text, strlen(text));
}

static inline void raw_signature(struct raw *raw, const char *signature)
{
	raw_byte(raw, (unsigned)strlen(signature));
	raw_bytes(raw, signature, strlen(signature) + 1);
}

/* An array: its length goes in at the end. Returns a mark. */
static inline uint32_t raw_array(struct raw *raw, uint32_t alignment)
{
	uint32_t mark;

	raw_uint32(raw, 0);
	mark = raw->size;
	raw_align(raw, alignment);
	return mark;
}

static inline void raw_array_end(struct raw *raw, uint32_t mark, uint32_t alignment)
{
	raw_put32(raw, mark - 4, raw->size - ((mark + alignment - 1) & ~(alignment - 1)));
}

static inline void raw_begin(struct raw *raw, bool is_big, unsigned type, uint32_t serial)
{
	raw->size = 0;
	raw->is_big = is_big;
	raw_byte(raw, is_big ? 'B' : 'l');
	raw_byte(raw, type);
	raw_byte(raw, 0);
	raw_byte(raw, 1);
	raw_uint32(raw, 0);
	raw_uint32(raw, serial);
	raw_uint32(raw, 0);
}

static inline void raw_field(struct raw *raw, unsigned code, const char *signature)
{
	raw_align(raw, 8);
	raw_byte(raw, code);
	raw_signature(raw, signature);
}

/* type: s, o or g. */
static inline void raw_text_field(struct raw *raw, unsigned code, const char *type,
				  const char *value)
{
	raw_field(raw, code, type);
	if (type[0] == 'g')
		raw_signature(raw, value);
	else
		raw_string(raw, value);
}

static inline void raw_number_field(struct raw *raw, unsigned code, uint32_t value)
{
	raw_field(raw, code, "u");
	raw_uint32(raw, value);
}

static inline void raw_end_fields(struct raw *raw)
{
	raw_put32(raw, 12, raw->size - 16);
	raw_align(raw, 8);
	raw->body = raw->size;
}

static inline void raw_end(struct raw *raw)
{
	raw_put32(raw, 4, raw->size - raw->body);
}
