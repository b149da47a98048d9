/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One pass over the header. Every field but an unknown one has the same form,
 *
 *	code, 1, type, 0, value
 *
 * (the 1 and the 0 make the type a variant's signature), begins at a multiple of 8 and is followed
 * by zeros up to the next field or to the body. So what varies is a table. */
#include "wire/message.h"

#include <stddef.h>

#include "wire/body.h"
#include "wire/bytes.h"
#include "wire/header.h"
#include "wire/syntax.h"

#define NATIVE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B')
#define SWAPPED (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'B' : 'l')

/* Reserved for messages that a library sends to itself. libdbus refuses everything that begins
 * like these two, so such a message must not reach it. */
#define LOCAL_INTERFACE "org.freedesktop.DBus.Local"
#define LOCAL_PATH "/org/freedesktop/DBus/Local"

#define BIT(code) (1u << (code))

/* By the type of the message; beyond the table nothing is known, hence nothing required. */
static const uint16_t required_fields[] = {
	[MESSAGE_METHOD_CALL] = BIT(HEADER_PATH) | BIT(HEADER_MEMBER),
	[MESSAGE_METHOD_RETURN] = BIT(HEADER_REPLY_SERIAL),
	[MESSAGE_ERROR] = BIT(HEADER_ERROR_NAME) | BIT(HEADER_REPLY_SERIAL),
	[MESSAGE_SIGNAL] = BIT(HEADER_PATH) | BIT(HEADER_INTERFACE) | BIT(HEADER_MEMBER),
};

/* How each known field begins, and where the text goes if it is a string or a path. */
static const struct {
	uint8_t head[4];
	uint32_t text;
} fields[HEADER_FIELD_COUNT] = {
	[0] = { "\377", 0 }, /* no field begins with 0 */
	[HEADER_PATH] = { "\1\1o", offsetof(struct message, path) },
	[HEADER_INTERFACE] = { "\2\1s", offsetof(struct message, interface) },
	[HEADER_MEMBER] = { "\3\1s", offsetof(struct message, member) },
	[HEADER_ERROR_NAME] = { "\4\1s", offsetof(struct message, error_name) },
	[HEADER_REPLY_SERIAL] = { "\5\1u", 0 },
	[HEADER_DESTINATION] = { "\6\1s", offsetof(struct message, destination) },
	[HEADER_SENDER] = { "\7\1s", offsetof(struct message, sender) },
	[HEADER_SIGNATURE] = { "\10\1g", 0 },
	[HEADER_UNIX_FDS] = { "\11\1u", 0 },
};

/* Everything that the first 16 bytes can say wrong about lengths. */
static int measure(const uint8_t *fixed, uint32_t *body_offset, uint64_t *size)
{
	bool is_swapped = fixed[0] == SWAPPED;
	uint32_t fields_size, body_size;

	if (!is_swapped && fixed[0] != NATIVE)
		return MESSAGE_BAD_BYTE_ORDER;
	if (fixed[3] != 1)
		return MESSAGE_BAD_VERSION;
	body_size = bytes_get32(fixed + 4, is_swapped);
	fields_size = bytes_get32(fixed + 12, is_swapped);
	if (fields_size > MESSAGE_HEADER_MAX - MESSAGE_FIXED_SIZE)
		return MESSAGE_HEADER_TOO_LONG;
	*body_offset = bytes_align(MESSAGE_FIXED_SIZE + fields_size, 8);
	*size = (uint64_t)*body_offset + body_size;
	return *size > MESSAGE_SIZE_MAX ? MESSAGE_TOO_LONG : MESSAGE_VALID;
}

int message_measure(const uint8_t *fixed, uint32_t max_size, uint32_t *size)
{
	uint32_t body_offset;
	uint64_t total;
	int verdict = measure(fixed, &body_offset, &total);

	if (verdict)
		return verdict;
	/* The sender is still to be put in, and the result must be valid too. */
	if (body_offset > MESSAGE_HEADER_MAX - MESSAGE_STAMP_MAX)
		return MESSAGE_HEADER_TOO_LONG;
	if (total > max_size || total > MESSAGE_SIZE_MAX - MESSAGE_STAMP_MAX)
		return MESSAGE_TOO_LONG;
	*size = (uint32_t)total;
	return MESSAGE_VALID;
}

static inline bool begins_with(struct text text, const char *prefix, uint32_t size)
{
	return text.size >= size && !memcmp(text.bytes, prefix, size);
}

static inline int check_text(uint8_t code, struct text text)
{
	switch (code) {
	case HEADER_PATH:
		if (!syntax_is_path(text.bytes, text.size))
			return MESSAGE_BAD_PATH;
		return begins_with(text, LOCAL_PATH, sizeof(LOCAL_PATH) - 1)
			       ? MESSAGE_RESERVED_LOCAL
			       : MESSAGE_VALID;
	case HEADER_INTERFACE:
		if (!syntax_is_interface(text.bytes, text.size))
			return MESSAGE_BAD_INTERFACE;
		return begins_with(text, LOCAL_INTERFACE, sizeof(LOCAL_INTERFACE) - 1)
			       ? MESSAGE_RESERVED_LOCAL
			       : MESSAGE_VALID;
	case HEADER_MEMBER:
		return syntax_is_member(text.bytes, text.size) ? MESSAGE_VALID : MESSAGE_BAD_MEMBER;
	case HEADER_ERROR_NAME:
		return syntax_is_error_name(text.bytes, text.size) ? MESSAGE_VALID
								   : MESSAGE_BAD_ERROR_NAME;
	default:
		return syntax_is_bus_name(text.bytes, text.size) ? MESSAGE_VALID
								 : MESSAGE_BAD_BUS_NAME;
	}
}

/* A field of one number, at *offset. */
static inline int take_number(struct message *message, uint8_t code, uint32_t *offset, uint32_t end)
{
	uint32_t number;

	if (end - *offset < 8)
		return MESSAGE_TRUNCATED;
	number = bytes_get32(message->bytes + *offset + 4, message->is_swapped);
	*offset += 8;
	if (code == HEADER_UNIX_FDS) {
		message->unix_fds = number;
		return MESSAGE_VALID;
	}
	message->reply_serial = number;
	return number ? MESSAGE_VALID : MESSAGE_BAD_FIELD;
}

/* The characters of a field that begin at offset begin, a NUL and the padding; *offset is then
 * behind the NUL. */
static inline int take_characters(struct message *message, uint32_t begin, uint32_t size,
				  uint32_t *offset, uint32_t end)
{
	if (size >= end - begin)
		return MESSAGE_TRUNCATED;
	*offset = begin + size + 1;
	if (bytes_are_zero(message->bytes, *offset - 1, bytes_align(*offset, 8)))
		return MESSAGE_VALID;
	return message->bytes[*offset - 1] ? MESSAGE_BAD_STRING : MESSAGE_BAD_PADDING;
}

static inline int take_text(struct message *message, uint8_t code, uint32_t *offset, uint32_t end)
{
	uint32_t begin = *offset + 8, size;
	struct text text;
	int verdict;

	if (end <= begin)
		return MESSAGE_TRUNCATED;
	size = bytes_get32(message->bytes + *offset + 4, message->is_swapped);
	verdict = take_characters(message, begin, size, offset, end);
	if (verdict)
		return verdict;
	text = (struct text){ (const char *)message->bytes + begin, size };
	*(struct text *)((char *)message + fields[code].text) = text;
	return check_text(code, text);
}

/* The length of a signature is one byte. */
static inline int take_signature(struct message *message, uint32_t *offset, uint32_t end)
{
	uint32_t begin = *offset + 5, size = message->bytes[*offset + 4];
	int verdict = take_characters(message, begin, size, offset, end);

	if (verdict)
		return verdict;
	message->signature = (struct text){ (const char *)message->bytes + begin, size };
	return syntax_is_signature(message->signature.bytes, size) ? MESSAGE_VALID
								   : MESSAGE_BAD_SIGNATURE;
}

/* A field that we do not know, at *offset: the array, the struct and the variant that it is in
 * are three levels. */
static int skip_field(struct message *message, uint32_t *offset)
{
	int verdict;

	message->is_clean = false;
	*offset += 1;
	verdict = body_check_variant(message->bytes, offset, message->fields_end, 2,
				     message->is_swapped);
	if (!verdict && *offset % 8 &&
	    !bytes_are_zero(message->bytes, *offset, bytes_align(*offset, 8)))
		return MESSAGE_BAD_PADDING;
	return verdict;
}

static inline int take_field(struct message *message, uint32_t *offset, uint32_t end,
			     uint32_t *seen)
{
	const uint8_t *field = message->bytes + *offset;
	uint8_t code = field[0];

	/* No field is shorter than 5 bytes. */
	if (end - *offset < 5)
		return MESSAGE_TRUNCATED;
	if (code >= HEADER_FIELD_COUNT)
		return skip_field(message, offset);
	if (memcmp(field, fields[code].head, 4) || *seen & BIT(code))
		return MESSAGE_BAD_FIELD;
	*seen |= BIT(code);
	if (fields[code].text)
		return take_text(message, code, offset, end);
	return code == HEADER_SIGNATURE ? take_signature(message, offset, end)
					: take_number(message, code, offset, end);
}

static int take_fields(struct message *message)
{
	uint32_t offset = MESSAGE_FIXED_SIZE, end = message->fields_end, seen = 0, required = 0;
	int verdict;

	while (offset < end) {
		verdict = take_field(message, &offset, end, &seen);
		if (verdict)
			return verdict;
		if (offset == end)
			break;
		/* The array must not end in the padding. */
		offset = bytes_align(offset, 8);
		if (offset >= end)
			return MESSAGE_TRUNCATED;
	}
	if (seen & BIT(HEADER_SENDER))
		message->is_clean = false;
	if (message->type < sizeof(required_fields) / sizeof(required_fields[0]))
		required = required_fields[message->type];
	return (seen & required) == required ? MESSAGE_VALID : MESSAGE_MISSING_FIELD;
}

int message_parse(struct message *message, uint8_t *bytes, uint32_t size)
{
	uint32_t body_offset;
	uint64_t total;
	int verdict;

	if (size < MESSAGE_FIXED_SIZE)
		return MESSAGE_TRUNCATED;
	verdict = measure(bytes, &body_offset, &total);
	if (verdict)
		return verdict;
	if (total != size)
		return total > size ? MESSAGE_TRUNCATED : MESSAGE_TRAILING_BYTES;

	*message = (struct message){
		.bytes = bytes,
		.size = size,
		.body_offset = body_offset,
		.body_size = size - body_offset,
		.is_swapped = bytes[0] == SWAPPED,
		.is_clean = true,
		.type = bytes[1],
		.flags = bytes[2],
	};
	message->serial = bytes_get32(bytes + 8, message->is_swapped);
	message->fields_end = MESSAGE_FIXED_SIZE + bytes_get32(bytes + 12, message->is_swapped);
	if (!message->type)
		return MESSAGE_BAD_TYPE;
	if (!message->serial)
		return MESSAGE_BAD_SERIAL;
	verdict = take_fields(message);
	if (verdict)
		return verdict;
	if (!message->signature.size)
		return message->body_size ? MESSAGE_TRAILING_BYTES : MESSAGE_VALID;
	return body_check(message->signature, bytes + body_offset, message->body_size,
			  message->is_swapped);
}

const char *message_verdict_text(int verdict)
{
	static const char *const texts[MESSAGE_VERDICT_COUNT] = {
		[MESSAGE_VALID] = "valid",
		[MESSAGE_BAD_BYTE_ORDER] = "the byte order is neither little nor big",
		[MESSAGE_BAD_VERSION] = "the protocol version is not 1",
		[MESSAGE_BAD_TYPE] = "the message type is 0",
		[MESSAGE_BAD_SERIAL] = "the serial is 0",
		[MESSAGE_TOO_LONG] = "the message is too long",
		[MESSAGE_HEADER_TOO_LONG] = "the header is too long",
		[MESSAGE_BAD_PADDING] = "a padding byte is not 0",
		[MESSAGE_BAD_FIELD] = "a header field is malformed, of the wrong type or repeated",
		[MESSAGE_MISSING_FIELD] = "a required header field is missing",
		[MESSAGE_BAD_PATH] = "an object path is malformed",
		[MESSAGE_BAD_INTERFACE] = "the interface name is malformed",
		[MESSAGE_BAD_MEMBER] = "the member name is malformed",
		[MESSAGE_BAD_ERROR_NAME] = "the error name is malformed",
		[MESSAGE_BAD_BUS_NAME] = "a bus name is malformed",
		[MESSAGE_BAD_SIGNATURE] = "a signature is malformed",
		[MESSAGE_BAD_STRING] = "a string is not UTF-8 or does not end in NUL",
		[MESSAGE_BAD_BOOLEAN] = "a boolean is neither 0 nor 1",
		[MESSAGE_BAD_ARRAY] = "the length of an array is wrong",
		[MESSAGE_BAD_VARIANT] = "a variant does not hold exactly one complete type",
		[MESSAGE_TOO_DEEP] = "values are nested too deep",
		[MESSAGE_TRUNCATED] = "a value goes past the end",
		[MESSAGE_TRAILING_BYTES] = "the body is longer than its signature says",
		[MESSAGE_RESERVED_LOCAL] = "org.freedesktop.DBus.Local was used",
	};

	return verdict >= 0 && verdict < MESSAGE_VERDICT_COUNT ? texts[verdict] : "unknown";
}
