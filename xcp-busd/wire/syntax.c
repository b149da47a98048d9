/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/syntax.h"

#include <string.h>

enum { LETTER = 1, DIGIT = 2, DASH = 4 };

/* clang-format off */
static const uint8_t class[256] = {
	['A' ... 'Z'] = LETTER, ['a' ... 'z'] = LETTER, ['_'] = LETTER,
	['0' ... '9'] = DIGIT,
	['-'] = DASH,
};

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

/* Elements between dots; the classes allowed for the first and for the other characters of each. */
static inline bool is_dotted(const char *text, size_t size, uint8_t first, uint8_t rest,
			     unsigned elements_min)
{
	const uint8_t *bytes = (const uint8_t *)text;
	unsigned elements = 0;
	size_t i = 0;

	for (;;) {
		if (i == size || !(class[bytes[i]] & first))
			return false;
		do
			i++;
		while (i < size && class[bytes[i]] & rest);
		elements++;
		if (i == size)
			return elements >= elements_min;
		if (bytes[i++] != '.')
			return false;
	}
}

bool syntax_is_path(const char *text, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)text;
	size_t i = 0;

	if (!size)
		return false;
	if (size == 1)
		return bytes[0] == '/';
	while (i < size) {
		if (bytes[i++] != '/' || i == size || !(class[bytes[i]] & (LETTER | DIGIT)))
			return false;
		do
			i++;
		while (i < size && class[bytes[i]] & (LETTER | DIGIT));
	}
	return true;
}

bool syntax_is_interface(const char *text, size_t size)
{
	return size <= SYNTAX_NAME_MAX && is_dotted(text, size, LETTER, LETTER | DIGIT, 2);
}

bool syntax_is_error_name(const char *text, size_t size)
{
	return syntax_is_interface(text, size);
}

bool syntax_is_member(const char *text, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)text;
	size_t i;

	if (!size || size > SYNTAX_NAME_MAX || class[bytes[0]] != LETTER)
		return false;
	for (i = 1; i < size; i++)
		if (!(class[bytes[i]] & (LETTER | DIGIT)))
			return false;
	return true;
}

bool syntax_is_bus_name(const char *text, size_t size)
{
	return size && text[0] == ':' ? syntax_is_unique_name(text, size)
				      : syntax_is_well_known_name(text, size);
}

bool syntax_is_unique_name(const char *text, size_t size)
{
	const uint8_t all = LETTER | DIGIT | DASH;

	return size && size <= SYNTAX_NAME_MAX && text[0] == ':' &&
	       is_dotted(text + 1, size - 1, all, all, 2);
}

bool syntax_is_well_known_name(const char *text, size_t size)
{
	return size <= SYNTAX_NAME_MAX &&
	       is_dotted(text, size, LETTER | DASH, LETTER | DIGIT | DASH, 2);
}

bool syntax_is_namespace(const char *text, size_t size)
{
	return size <= SYNTAX_NAME_MAX &&
	       is_dotted(text, size, LETTER | DASH, LETTER | DIGIT | DASH, 1);
}

static inline bool is_tail(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of the character at bytes, which is not ASCII; 0 if it is not UTF-8: cut off, longer
 * than necessary, a surrogate or above U+10FFFF. */
static size_t utf8_length(const uint8_t *bytes, size_t left)
{
	uint8_t lead = bytes[0];

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

/* Eight bytes that are all ASCII and none of them NUL: no high bit is set, neither before nor
 * after taking 1 from each byte. (A borrow can only come out of a NUL, so it hides nothing.) */
static inline bool is_plain(uint64_t word)
{
	return !((word | (word - 0x0101010101010101)) & 0x8080808080808080);
}

bool syntax_is_utf8(const char *text, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)text;
	size_t i = 0, length;
	uint64_t word;

	while (i < size) {
		if (size - i >= 8) {
			memcpy(&word, bytes + i, 8);
			if (is_plain(word)) {
				i += 8;
				continue;
			}
		}
		if (bytes[i] < 0x80) {
			if (!bytes[i])
				return false;
			i++;
			continue;
		}
		length = utf8_length(bytes + i, size - i);
		if (!length)
			return false;
		i += length;
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
