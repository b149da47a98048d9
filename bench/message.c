/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench/message.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_MAX_BYTES = 128 << 20 };

static size_t align(size_t offset, size_t boundary)
{
	return (offset + boundary - 1) & ~(boundary - 1);
}

static uint32_t get_u32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

void message_set_u32(uint8_t *message, size_t offset, uint32_t value)
{
	memcpy(message + offset, &value, sizeof(value));
}

static size_t put_string(uint8_t *out, size_t at, const char *text, size_t size)
{
	message_set_u32(out, at, (uint32_t)size);
	memcpy(out + at + 4, text, size);
	return at + 4 + size + 1; /* the memory was zeroed */
}

static size_t put_field(uint8_t *out, size_t at, uint8_t code, char type, const char *text)
{
	if (!text)
		return at;

	at = align(at, 8);
	out[at] = code;
	out[at + 1] = 1;
	out[at + 2] = (uint8_t)type;
	return put_string(out, at + 4, text, strlen(text));
}

/* Returns where the header ends, without the padding behind it. */
static size_t put_header(uint8_t *out, const struct message_spec *spec)
{
	size_t at = MESSAGE_FIXED_SIZE;

	if (spec->reply_serial) {
		memcpy(out + at, "\5\1u", 4);
		message_set_u32(out, MESSAGE_REPLY_SERIAL_OFFSET, spec->reply_serial);
		at += 8;
	}
	at = put_field(out, at, 1, 'o', spec->path);
	at = put_field(out, at, 2, 's', spec->interface);
	at = put_field(out, at, 3, 's', spec->member);
	at = put_field(out, at, 4, 's', spec->error);
	at = put_field(out, at, 6, 's', spec->destination);
	at = put_field(out, at, 7, 's', spec->sender);
	if (spec->text) {
		at = align(at, 8);
		memcpy(out + at, "\10\1g\0\1s", 7);
		at += 7;
	}
	return at;
}

uint8_t *message_build(const struct message_spec *spec, size_t *size)
{
	uint8_t *out = calloc(1, MESSAGE_HEADER_MAX + spec->text_size + 8);
	size_t header, total;

	if (!out)
		return NULL;

	header = put_header(out, spec);
	assert(header <= MESSAGE_HEADER_MAX);
	total = align(header, 8);
	if (spec->text)
		total = put_string(out, total, spec->text, spec->text_size);

	out[0] = 'l';
	out[1] = spec->type;
	out[2] = spec->flags;
	out[3] = 1;
	message_set_u32(out, 4, (uint32_t)(total - align(header, 8)));
	message_set_u32(out, MESSAGE_SERIAL_OFFSET, 1);
	message_set_u32(out, 12, (uint32_t)(header - MESSAGE_FIXED_SIZE));
	*size = total;
	return out;
}

int message_view(const uint8_t *bytes, size_t size, struct message_view *view)
{
	size_t fields, body, total;

	if (size < MESSAGE_FIXED_SIZE)
		return 0;
	if (bytes[0] != 'l')
		return -EBADMSG;

	body = get_u32(bytes + 4);
	fields = get_u32(bytes + 12);
	if (body > SIZE_MAX_BYTES || fields > SIZE_MAX_BYTES)
		return -EBADMSG;

	total = MESSAGE_FIXED_SIZE + align(fields, 8) + body;
	view->type = bytes[1];
	view->serial = get_u32(bytes + MESSAGE_SERIAL_OFFSET);
	view->size = total;
	view->body_size = body;
	view->bytes = bytes;
	view->body = bytes + total - body;
	return total <= size;
}

const char *message_sender(const struct message_view *view)
{
	size_t at = MESSAGE_FIXED_SIZE, end = at + get_u32(view->bytes + 12);
	const uint8_t *field;

	while (at + 8 < end) {
		field = view->bytes + at;
		if (field[0] == 7)
			return (const char *)field + 8;
		switch (field[2]) { /* the type of the value, behind a signature of one letter */
		case 'u':
			at += 8;
			break;
		case 'g':
			at += 4 + 1 + (size_t)field[4] + 1;
			break;
		default:
			at += 4 + 4 + (size_t)get_u32(field + 4) + 1;
		}
		at = align(at, 8);
	}
	return NULL;
}

const char *message_text(const struct message_view *view)
{
	size_t size;

	if (view->body_size < 5)
		return NULL;

	size = get_u32(view->body);
	if (size > view->body_size - 5 || view->body[4 + size])
		return NULL;
	return (const char *)view->body + 4;
}
