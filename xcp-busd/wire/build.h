/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of the bus itself: replies, errors, signals; always in this machine's byte order.
 *
 *	struct build build;
 *
 *	build_init(&build);
 *	build_header(&build, &(struct build_head){ .type = MESSAGE_METHOD_RETURN, ... });
 *	build_string(&build, "hello");
 *	if (build_finish(&build, &bytes, &size) < 0) ...
 *	build_deinit(&build);
 *
 * The first failure (memory, size) sticks and is reported by build_finish. Values are not checked
 * against the signature in the header: that is a bug of ours, which the tests find with
 * message_parse.
 */
#pragma once

#include "wire/message.h"

struct build {
	uint8_t *bytes;
	uint32_t size, capacity;
	uint32_t body_offset;
	int failure;
};

struct build_head {
	uint8_t type, flags;
	uint32_t serial, reply_serial;
	const char *path, *interface, *member, *error_name, *destination, *sender, *signature;
};

void build_init(struct build *build);
void build_deinit(struct build *build);
void build_header(struct build *build, const struct build_head *head);

void build_byte(struct build *build, uint8_t value);
void build_bool(struct build *build, bool value);
void build_uint32(struct build *build, uint32_t value);
void build_uint64(struct build *build, uint64_t value);
void build_string(struct build *build, const char *value);
void build_text(struct build *build, struct text value); /* as a string or an object path */
void build_signature(struct build *build, const char *value);
void build_variant(struct build *build, const char *signature); /* its value follows */
void build_struct(struct build *build); /* or a dict entry: aligns to 8, its members follow */
/* element_alignment: of the element's type. Returns a mark for build_array_end. */
uint32_t build_array(struct build *build, unsigned element_alignment);
void build_array_end(struct build *build, uint32_t mark);

/* The whole message, borrowed until build_deinit; 0 or a negative errno. */
int build_finish(struct build *build, uint8_t **bytes, uint32_t *size);
