/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names are looked at 16 characters at a time and texts 8: no branch depends on where the dots are,
 * and nothing is done per character. The vectors are the compiler's, for any machine. */
#include "wire/syntax.h"

#include <endian.h>
#include <string.h>

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

/* clang-format off */
static const uint8_t alignment[256] = {
	['y'] = 1, ['g'] = 1, ['v'] = 1,
	['n'] = 2, ['q'] = 2,
	['b'] = 4, ['i'] = 4, ['u'] = 4, ['h'] = 4, ['s'] = 4, ['o'] = 4, ['a'] = 4,
	['x'] = 8, ['t'] = 8, ['d'] = 8, ['('] = 8, ['{'] = 8,
};

static const bool basic[256] = {
	['y'] = 1, ['b'] = 1, ['n'] = 1, ['q'] = 1, ['i'] = 1, ['u'] = 1, ['x'] = 1, ['t'] = 1,
	['d'] = 1, ['h'] = 1, ['s'] = 1, ['o'] = 1, ['g'] = 1,
};
/* clang-format on */

/* The first character is in the lowest byte. */
static inline uint64_t load(const char *text)
{
	uint64_t word;

	memcpy(&word, text, 8);
	return le64toh(word);
}

/* Fewer than eight characters, at least one; letters behind them. */
static inline uint64_t load_short(const char *text, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)text;
	uint64_t word = (uint64_t)('a' * ONES) << 8 * size;
	uint32_t begin, end;

	if (size < 4)
		return word | bytes[0] | (uint64_t)bytes[size / 2] << size / 2 * 8 |
		       (uint64_t)bytes[size - 1] << (size - 1) * 8;
	memcpy(&begin, bytes, 4);
	memcpy(&end, bytes + size - 4, 4);
	return word | le32toh(begin) | (uint64_t)le32toh(end) << (size - 4) * 8;
}

/* 16 characters. Whatever is not ASCII is negative, and equal to or between none of ours.
 * A comparison yields -1 or 0 for each. */
typedef int8_t chars __attribute__((vector_size(16)));

/* How names are made of elements. */
struct grammar {
	int8_t separator;
	bool has_dashes;
	bool has_digits_first; /* an element may begin with a digit */
};

static inline bool is_first(char c, struct grammar grammar)
{
	char lower = (char)(c | 0x20);

	return (lower >= 'a' && lower <= 'z') || c == '_' || (grammar.has_dashes && c == '-') ||
	       (grammar.has_digits_first && c >= '0' && c <= '9');
}

/* What is wrong with 16 characters, of which the first comes after *before and each other after its
 * neighbour. The separators among them are added to *separators. */
static inline chars check_pairs(const char *before, struct grammar grammar, chars *separators)
{
	chars c, previous, lower, letters, digits, here;

	memcpy(&previous, before, sizeof(previous));
	memcpy(&c, before + 1, sizeof(c));
	lower = c | 0x20;
	letters = ((lower > 'a' - 1) & (lower < 'z' + 1)) | (c == '_');
	if (grammar.has_dashes)
		letters |= c == '-';
	digits = (c > '0' - 1) & (c < '9' + 1);
	here = c == grammar.separator;
	*separators |= here;
	if (grammar.has_digits_first)
		letters |= digits;
	/* A letter may be anywhere, the others not behind a separator. */
	return ~letters & ((previous == grammar.separator) | ~(digits | here));
}

static inline bool is_zero(chars c)
{
	uint64_t words[2];

	memcpy(words, &c, sizeof(words));
	return !(words[0] | words[1]);
}

/* Whether all characters but the first are right, behind those before them, and the last is no
 * separator. */
static inline __attribute__((always_inline)) bool is_chain(const char *text, size_t size,
							   struct grammar grammar, bool *is_single)
{
	chars wrong, separators = { 0 };
	char padded[sizeof(chars) + 1];
	size_t at;

	if (size < sizeof(padded)) {
		memset(padded, 'a', sizeof(padded));
		memcpy(padded, text, size);
		wrong = check_pairs(padded, grammar, &separators);
	} else {
		wrong = check_pairs(text + size - sizeof(padded), grammar, &separators);
		for (at = 0; at + sizeof(padded) < size; at += sizeof(chars))
			wrong |= check_pairs(text + at, grammar, &separators);
	}
	*is_single = is_zero(separators);
	return is_zero(wrong) && text[size - 1] != grammar.separator;
}

/* One or more elements. */
static inline __attribute__((always_inline)) bool is_list(const char *text, size_t size,
							  struct grammar grammar, bool *is_single)
{
	return size && is_first(text[0], grammar) && is_chain(text, size, grammar, is_single);
}

bool syntax_is_path(const char *text, size_t size)
{
	const struct grammar grammar = { .separator = '/', .has_digits_first = true };
	bool is_single;

	if (!size || text[0] != '/')
		return false;
	return size == 1 || is_chain(text, size, grammar, &is_single);
}

bool syntax_is_interface(const char *text, size_t size)
{
	const struct grammar grammar = { .separator = '.' };
	bool is_single;

	return size <= SYNTAX_NAME_MAX && is_list(text, size, grammar, &is_single) && !is_single;
}

bool syntax_is_error_name(const char *text, size_t size)
{
	return syntax_is_interface(text, size);
}

bool syntax_is_member(const char *text, size_t size)
{
	const struct grammar grammar = { .separator = '.' };
	bool is_single;

	return size <= SYNTAX_NAME_MAX && is_list(text, size, grammar, &is_single) && is_single;
}

static bool is_unique_name(const char *text, size_t size)
{
	const struct grammar grammar = { .separator = '.',
					 .has_dashes = true,
					 .has_digits_first = true };
	bool is_single;

	return size <= SYNTAX_NAME_MAX && is_list(text + 1, size - 1, grammar, &is_single) &&
	       !is_single;
}

bool syntax_is_well_known_name(const char *text, size_t size)
{
	const struct grammar grammar = { .separator = '.', .has_dashes = true };
	bool is_single;

	return size <= SYNTAX_NAME_MAX && is_list(text, size, grammar, &is_single) && !is_single;
}

bool syntax_is_bus_name(const char *text, size_t size)
{
	return size && text[0] == ':' ? is_unique_name(text, size)
				      : syntax_is_well_known_name(text, size);
}

bool syntax_is_namespace(const char *text, size_t size)
{
	const struct grammar grammar = { .separator = '.', .has_dashes = true };
	bool is_single;

	return size <= SYNTAX_NAME_MAX && is_list(text, size, grammar, &is_single);
}

/* Has a highest bit if one of the eight bytes is not ASCII or is NUL: it is set before or after
 * taking 1 from each. (Only a NUL borrows from the next, so nothing is hidden.) */
static inline uint64_t not_plain(uint64_t word)
{
	return word | (word - ONES);
}

/* How many bytes from here on are plain: all, or some of them. */
static inline size_t plain_size(const char *text, size_t size)
{
	size_t i = 0;

	if (size < 8)
		return !size || !(not_plain(load_short(text, size)) & HIGHS) ? size : 0;
	for (; size - i >= 32; i += 32)
		if ((not_plain(load(text + i)) | not_plain(load(text + i + 8)) |
		     not_plain(load(text + i + 16)) | not_plain(load(text + i + 24))) &
		    HIGHS)
			break;
	for (; size - i >= 8; i += 8)
		if (not_plain(load(text + i)) & HIGHS)
			return i;
	return i == size || !(not_plain(load(text + size - 8)) & HIGHS) ? size : i;
}

static inline bool is_tail(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of the character at bytes; 0 if it is NUL or not UTF-8: cut off, longer than
 * necessary, a surrogate or above U+10FFFF. */
static size_t character_size(const uint8_t *bytes, size_t left)
{
	uint8_t lead = bytes[0];

	if (lead < 0x80)
		return lead ? 1 : 0;
	if (lead < 0xc2 || left < 2 || !is_tail(bytes[1]))
		return 0;
	if (lead < 0xe0)
		return 2;
	if (left < 3 || !is_tail(bytes[2]))
		return 0;
	if (lead < 0xf0) {
		if ((lead == 0xe0 && bytes[1] < 0xa0) || (lead == 0xed && bytes[1] > 0x9f))
			return 0;
		return 3;
	}
	if (left < 4 || !is_tail(bytes[3]) || lead > 0xf4)
		return 0;
	if ((lead == 0xf0 && bytes[1] < 0x90) || (lead == 0xf4 && bytes[1] > 0x8f))
		return 0;
	return 4;
}

bool syntax_is_utf8(const char *text, size_t size)
{
	size_t i = plain_size(text, size), length;

	while (i < size) {
		length = character_size((const uint8_t *)text + i, size - i);
		if (!length)
			return false;
		i += length;
		i += plain_size(text + i, size - i);
	}
	return true;
}

/* One complete type inside that many arrays and structs; its length or 0. Recursion ends at
 * SYNTAX_DEPTH_MAX structs. Entries of dictionaries count as structs. */
static size_t type_length(const char *type, size_t size, unsigned arrays, unsigned structs)
{
	size_t i = 0, length;
	char close;

	while (i < size && type[i] == 'a')
		i++;
	arrays += (unsigned)i;
	if (i == size || arrays > SYNTAX_DEPTH_MAX)
		return 0;
	if (basic[(uint8_t)type[i]] || type[i] == 'v')
		return i + 1;
	if ((type[i] != '(' && type[i] != '{') || structs == SYNTAX_DEPTH_MAX)
		return 0;

	close = type[i] == '(' ? ')' : '}';
	if (close == '}' && (!i || i + 1 == size || !basic[(uint8_t)type[i + 1]]))
		return 0;
	i += close == '}' ? 2 : 1; /* a key has been looked at */
	do {
		length = i < size ? type_length(type + i, size - i, arrays, structs + 1) : 0;
		if (!length)
			return 0;
		i += length;
	} while (close == ')' && i < size && type[i] != ')');
	return i < size && type[i] == close ? i + 1 : 0;
}

bool syntax_is_signature(const char *text, size_t size)
{
	size_t i, length;

	if (size == 1)
		return basic[(uint8_t)text[0]] || text[0] == 'v';
	if (size > SYNTAX_SIGNATURE_MAX)
		return false;
	for (i = 0; i < size; i += length) {
		length = type_length(text + i, size - i, 0, 0);
		if (!length)
			return false;
	}
	return true;
}

size_t syntax_type_length(const char *signature, size_t size)
{
	return type_length(signature, size, 0, 0);
}

unsigned syntax_alignment(char type)
{
	return alignment[(uint8_t)type];
}
