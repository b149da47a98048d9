/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random messages that are valid, from a seed: the same on every machine. */
#pragma once

#include "raw.h"

struct random {
	uint64_t state; /* not 0 */
};

/* xorshift64* (Vigna) */
static inline uint32_t random_next(struct random *random)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return (uint32_t)(random->state * 0x2545f4914f6cdd1d >> 32);
}

static inline uint32_t random_below(struct random *random, uint32_t limit)
{
	return random_next(random) % limit;
}

#define RANDOM_PICK(random, array)                                                                 \
	((array)[random_below(random, sizeof(array) / sizeof((array)[0]))])

/* One complete type, appended to out. */
static inline char *random_type(struct random *random, char *out, unsigned depth)
{
	static const char basic[] = "ybnqiuxtdsogh";
	unsigned members;

	switch (depth < 4 ? random_below(random, 8) : 7) {
	case 0:
		*out++ = 'a';
		return random_type(random, out, depth + 1);
	case 1:
		*out++ = 'a';
		*out++ = '{';
		*out++ = basic[random_below(random, sizeof(basic) - 1)];
		out = random_type(random, out, depth + 1);
		*out++ = '}';
		return out;
	case 2:
		*out++ = '(';
		for (members = 1 + random_below(random, 3); members; members--)
			out = random_type(random, out, depth + 1);
		*out++ = ')';
		return out;
	case 3:
		*out++ = 'v';
		return out;
	default:
		*out++ = basic[random_below(random, sizeof(basic) - 1)];
		return out;
	}
}

static inline const char *random_value(struct random *random, struct raw *raw, const char *type,
				       unsigned depth);

static inline void random_variant(struct random *random, struct raw *raw, unsigned depth)
{
	char signature[256];

	*random_type(random, signature, depth) = '\0';
	if (strlen(signature) > 64)
		memcpy(signature, "s", 2);
	raw_signature(raw, signature);
	random_value(random, raw, signature, depth + 1);
}

static inline const char *random_array(struct random *random, struct raw *raw, const char *element,
				       unsigned depth)
{
	uint32_t alignment = strchr("xtd({", element[0]) ? 8 : 1, mark;
	uint32_t count = random_below(random, 4), i;
	struct random before = *random;
	struct raw scratch;
	const char *end;

	mark = raw_array(raw, alignment);
	for (i = 0; i < count && raw->size < 4096; i++)
		end = random_value(random, raw, element, depth + 1);
	raw_array_end(raw, mark, alignment);
	if (i)
		return end;
	/* Somewhere else, to find the end of the type. */
	scratch.size = 0;
	scratch.is_big = false;
	return random_value(&before, &scratch, element, depth + 1);
}

/* A value of the type that begins at type; returns where that ends. */
static inline const char *random_value(struct random *random, struct raw *raw, const char *type,
				       unsigned depth)
{
	static const char *const strings[] = {
		"", "a", "seven77", "eight888", "gr\303\274n \342\202\254", "org.freedesktop.DBus"
	};
	static const char *const paths[] = { "/", "/a", "/org/xen/xcp/xenopsd" };
	static const char *const signatures[] = { "", "s", "a{sv}(ii)" };

	switch (*type) {
	case 'y':
		raw_byte(raw, random_next(random));
		return type + 1;
	case 'n':
	case 'q':
		raw_align(raw, 2);
		raw_byte(raw, random_next(random));
		raw_byte(raw, random_next(random));
		return type + 1;
	case 'b':
		raw_uint32(raw, random_below(random, 2));
		return type + 1;
	case 'x':
	case 't':
	case 'd':
		raw_uint64(raw, random_next(random));
		return type + 1;
	case 's':
		raw_string(raw, RANDOM_PICK(random, strings));
		return type + 1;
	case 'o':
		raw_string(raw, RANDOM_PICK(random, paths));
		return type + 1;
	case 'g':
		raw_signature(raw, RANDOM_PICK(random, signatures));
		return type + 1;
	case 'v':
		random_variant(random, raw, depth);
		return type + 1;
	case 'a':
		return random_array(random, raw, type + 1, depth);
	case '(':
	case '{':
		raw_align(raw, 8);
		for (type++; *type != ')' && *type != '}';)
			type = random_value(random, raw, type, depth + 1);
		return type + 1;
	default:
		raw_uint32(raw, random_below(random, 3));
		return type + 1;
	}
}

static inline void random_fields(struct random *random, struct raw *raw, unsigned type)
{
	static const char *const interfaces[] = { "a.b", "org.xen.xcp.xenopsd.VM",
						  "org.freedesktop.DBus" };
	static const char *const paths[] = { "/", "/org/xen/xcp/xenopsd/vm/1" };
	static const char *const members[] = { "a", "start", "NameOwnerChanged" };
	static const char *const names[] = { ":1.0", ":5.123", "org.xen.xcp.xenopsd1" };

	if (type == 1 || type == 4 || !random_below(random, 8))
		raw_text_field(raw, 1, "o", RANDOM_PICK(random, paths));
	if (type == 4 || random_below(random, 2))
		raw_text_field(raw, 2, "s", RANDOM_PICK(random, interfaces));
	if (!random_below(random, 8)) {
		raw_align(raw, 8);
		raw_byte(raw, 11 + random_below(random, 200));
		random_variant(random, raw, 3);
	}
	if (type == 1 || type == 4)
		raw_text_field(raw, 3, "s", RANDOM_PICK(random, members));
	if (type == 3)
		raw_text_field(raw, 4, "s", RANDOM_PICK(random, interfaces));
	if (type == 2 || type == 3)
		raw_number_field(raw, 5, 1 + random_below(random, 1000));
	if (random_below(random, 2))
		raw_text_field(raw, 6, "s", RANDOM_PICK(random, names));
	if (!random_below(random, 4))
		raw_text_field(raw, 7, "s", RANDOM_PICK(random, names));
	if (!random_below(random, 8))
		raw_number_field(raw, 9, 0);
}

static inline void random_message(struct random *random, struct raw *raw)
{
	unsigned type = 1 + random_below(random, 5), count;
	char signature[2048], *end = signature;
	const char *at;

	for (count = random_below(random, 5); count; count--)
		end = random_type(random, end, 0);
	*end = '\0';
	if (end - signature > 200)
		memcpy(signature, "s", 2);

	raw_begin(raw, random_below(random, 2), type, 1 + random_next(random) / 2);
	raw->bytes[2] = (uint8_t)random_below(random, 8);
	random_fields(random, raw, type);
	if (signature[0] || random_below(random, 2))
		raw_text_field(raw, 8, "g", signature);
	raw_end_fields(raw);
	for (at = signature; *at;)
		at = random_value(random, raw, at, 0);
	raw_end(raw);
}
