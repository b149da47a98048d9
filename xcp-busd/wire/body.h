/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The body of a message: check it against its signature, fetch arguments. */
#pragma once

#include "wire/message.h"

/* signature is valid. Returns a verdict (enum message_verdict). */
int body_check(struct text signature, const uint8_t *body, uint32_t size, bool is_swapped);

/* A variant at *offset that ends before end; *offset is then behind it. Its containers, depth of
 * them, count for the limit. For the fields of a header that nobody knows. */
int body_check_variant(const uint8_t *bytes, uint32_t *offset, uint32_t end, unsigned depth,
		       bool is_swapped);

/* A walk over the arguments of a checked body, in order. */
struct body_reader {
	const uint8_t *body;
	const char *signature; /* what is left of it */
	uint32_t signature_left;
	uint32_t offset, size;
	bool is_swapped;
};

void body_reader_init(struct body_reader *reader, const struct message *message);

/* The type character of the next argument, or 0 at the end. */
char body_reader_type(const struct body_reader *reader);

/* The next argument, if it is of that type; false (and nothing moves) if it is not.
 * Strings are borrowed from the message. */
bool body_read_string(struct body_reader *reader, struct text *value); /* s, o or g */
bool body_read_uint32(struct body_reader *reader, uint32_t *value);
bool body_read_uint64(struct body_reader *reader, uint64_t *value); /* t */

/* Enters the array that comes next: of strings ('s'), of object paths ('o') or a dictionary of
 * string to string ('{' stands for a{ss}); false if it is not that. The reader then stands at the
 * first element. Call body_read_array_string until it returns false, then go on with the next
 * argument. */
bool body_enter_array(struct body_reader *reader, char element, uint32_t *end_offset);
bool body_read_array_string(struct body_reader *reader, uint32_t end_offset, struct text *value);
/* As above for dictionaries of string to string (a{ss}). */
bool body_read_array_pair(struct body_reader *reader, uint32_t end_offset, struct text *key,
			  struct text *value);

bool body_skip(struct body_reader *reader); /* any argument; false at the end */

/* The leading string arguments as match rules see them (D-Bus specification, section "Match
 * Rules"): argument i for i < count, count <= 64. type[i] is 's', 'o', 'g' or 0 for anything
 * else. */
struct body_args {
	struct text value[64];
	char type[64];
	unsigned count; /* arguments looked at */
};
void body_read_args(const struct message *message, unsigned count, struct body_args *args);
