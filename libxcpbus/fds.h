/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages with file descriptors. In the bytes of a message a descriptor is an index into those
 * that travel beside it; where these are, a walk over the bytes says. */
#pragma once

#include "common/fds.h"
#include "libxcpbus/private.h"

/* Places that name a descriptor. Each is a copy for its reader, so more of them than there are
 * descriptors are not for nothing; libdbus, which we send with, never names one twice. */
enum { WALK_INDEX_MAX = FDS_MAX };

struct walk {
	uint8_t *bytes;
	size_t size, at;
	unsigned depth;
	unsigned count;
	uint32_t index[WALK_INDEX_MAX]; /* in the order of the values */
};

/* NULL without memory; free() it. Whatever the bytes are, it stays within them. */
struct walk *walk_new(uint8_t *bytes, size_t size);

/* To the body. *count is where the number of descriptors stands, NULL if there is none. */
bool walk_header(struct walk *walk, uint8_t **count);
bool walk_body(struct walk *walk, const char *signature);

/* From four bytes in the message's order. */
uint32_t walk_number(const struct walk *walk, const uint8_t *bytes);
