/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Putting in the sender. A header's padding ends where the next field may begin, so the sender is
 * appended behind it and only the length of the field array changes: the message stays where it
 * is, and may be stamped for one receiver after the other. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "wire/body.h"
#include "wire/bytes.h"
#include "wire/header.h"
#include "wire/message.h"

enum { NAME_MAX_SIZE = 40, LENGTH_OFFSET = 12 };

void message_stamp_init(struct message_stamp *stamp, const char *unique_name)
{
	uint32_t size = (uint32_t)strlen(unique_name);

	assert(size <= NAME_MAX_SIZE);
	*stamp = (struct message_stamp){ .native = { HEADER_SENDER, 1, 's' } };
	memcpy(stamp->native + 8, unique_name, size);
	memcpy(stamp->swapped, stamp->native, sizeof(stamp->swapped));
	bytes_put32(stamp->native + 4, size, false);
	bytes_put32(stamp->swapped + 4, size, true);
	stamp->field_size = 8 + size + 1;
	stamp->padded_size = bytes_align(stamp->field_size, 8);
}

/* Where the field at offset ends. The message has been checked. */
static uint32_t field_end(const struct message *message, uint32_t offset)
{
	const uint8_t *field = message->bytes + offset;

	if (field[0] >= HEADER_FIELD_COUNT) {
		offset++;
		(void)body_check_variant(message->bytes, &offset, message->fields_end, 2,
					 message->is_swapped);
		return offset;
	}
	switch (field[2]) {
	case 'u':
		return offset + 8;
	case 'g':
		return offset + 5 + field[4] + 1;
	default:
		return offset + 8 + bytes_get32(field + 4, message->is_swapped) + 1;
	}
}

/* Copies the header without the fields that are not to be passed on; its size with padding. */
static uint32_t filter_header(const struct message *message, uint8_t *out)
{
	uint32_t offset = MESSAGE_FIXED_SIZE, size = MESSAGE_FIXED_SIZE, end;
	uint8_t code;

	memcpy(out, message->bytes, MESSAGE_FIXED_SIZE);
	while (offset < message->fields_end) {
		end = bytes_align(field_end(message, offset), 8);
		code = message->bytes[offset];
		if (code != HEADER_SENDER && code < HEADER_FIELD_COUNT) {
			/* With its padding, which is there: the body begins at a multiple of 8. */
			memcpy(out + size, message->bytes + offset, end - offset);
			size += end - offset;
		}
		offset = end;
	}
	return size;
}

static int reserve(uint8_t **scratch, uint32_t *scratch_size, uint32_t size)
{
	uint8_t *grown;

	if (*scratch_size >= size)
		return 0;
	grown = realloc(*scratch, size);
	if (!grown)
		return -ENOMEM;
	*scratch = grown;
	*scratch_size = size;
	return 0;
}

int64_t message_stamp(struct message *message, const struct message_stamp *stamp, uint8_t **scratch,
		      uint32_t *scratch_size, struct iovec parts[3])
{
	const uint8_t *sender = message->is_swapped ? stamp->swapped : stamp->native;
	uint32_t header_size = message->body_offset;
	uint8_t *header = message->bytes;
	int r;

	if (!message->is_clean) {
		r = reserve(scratch, scratch_size, header_size);
		if (r < 0)
			return r;
		header = *scratch;
		header_size = filter_header(message, header);
	}
	bytes_put32(header + LENGTH_OFFSET, header_size - MESSAGE_FIXED_SIZE + stamp->field_size,
		    message->is_swapped);

	parts[0] = (struct iovec){ header, header_size };
	parts[1] = (struct iovec){ (uint8_t *)sender, stamp->padded_size };
	parts[2] = (struct iovec){ message->bytes + message->body_offset, message->body_size };
	return (int64_t)header_size + stamp->padded_size + message->body_size;
}
