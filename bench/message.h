/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Just enough D-Bus marshalling for a load generator: little endian, and a body
 * of one string or none. It is written apart from the daemon's, so that a mistake
 * in one is not repeated in the other.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { MESSAGE_CALL = 1, MESSAGE_RETURN = 2, MESSAGE_ERROR = 3, MESSAGE_SIGNAL = 4 };
enum { MESSAGE_NO_REPLY = 1 }; /* a flag */

enum {
	MESSAGE_FIXED_SIZE = 16,
	MESSAGE_HEADER_MAX = 1024,
	MESSAGE_SERIAL_OFFSET = 8,
	MESSAGE_REPLY_SERIAL_OFFSET = 20, /* message_build puts this field first */
};

struct message_spec { /* what is NULL or 0 is left out */
	uint8_t type, flags;
	uint32_t reply_serial;
	const char *path, *interface, *member, *error, *destination, *sender;
	const char *text; /* the body, of text_size bytes */
	size_t text_size;
};

struct message_view { /* points into the bytes it was made from */
	uint8_t type;
	uint32_t serial;
	size_t size, body_size;
	const uint8_t *bytes, *body;
};

/* The message in memory of its own, NULL without memory; free() it. */
uint8_t *message_build(const struct message_spec *spec, size_t *size);

void message_set_u32(uint8_t *message, size_t offset, uint32_t value);

/* 1 and the view of a whole message, 0 if more bytes are needed, or -EBADMSG. */
int message_view(const uint8_t *bytes, size_t size, struct message_view *view);

/* Who a message is from, NULL if it does not say; for messages that a bus has checked. */
const char *message_sender(const struct message_view *view);

/* The string at the start of a body, NULL if there is none. */
const char *message_text(const struct message_view *view);
