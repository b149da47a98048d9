/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One D-Bus message, checked and located.
 *
 * A struct message is a view of bytes that somebody else keeps: message_parse copies nothing
 * and allocates nothing. What it accepts is valid in every respect of the D-Bus specification,
 * section "Message Protocol", header and body; a client library that closes its connection on an
 * invalid message must never get one from us.
 *
 * Passing on a message means setting its sender. message_stamp does that without rebuilding it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/text.h"

enum message_type { /* the specification's numbers */
		    MESSAGE_METHOD_CALL = 1,
		    MESSAGE_METHOD_RETURN = 2,
		    MESSAGE_ERROR = 3,
		    MESSAGE_SIGNAL = 4,
};

enum message_flag {
	MESSAGE_NO_REPLY_EXPECTED = 0x1,
	MESSAGE_NO_AUTO_START = 0x2,
	MESSAGE_ALLOW_INTERACTIVE_AUTHORIZATION = 0x4,
};

enum {
	MESSAGE_FIXED_SIZE = 16, /* up to and with the length of the field array */
	MESSAGE_HEADER_MAX = 64 * 1024, /* of ours; the specification allows 64 MiB */
	MESSAGE_SIZE_MAX = 128 * 1024 * 1024, /* the specification's */
	MESSAGE_ARRAY_MAX = 64 * 1024 * 1024,
	MESSAGE_STAMP_MAX = 64, /* bytes of a sender field with its padding */
};

/* Why a message was refused. MESSAGE_VALID is 0. message_verdict_text says it in words. */
enum message_verdict {
	MESSAGE_VALID,
	MESSAGE_BAD_BYTE_ORDER,
	MESSAGE_BAD_VERSION,
	MESSAGE_BAD_TYPE, /* type 0 */
	MESSAGE_BAD_SERIAL, /* serial 0 */
	MESSAGE_TOO_LONG, /* more than the limit in force */
	MESSAGE_HEADER_TOO_LONG, /* more than MESSAGE_HEADER_MAX */
	MESSAGE_BAD_PADDING, /* a padding byte that is not 0 */
	MESSAGE_BAD_FIELD, /* code 0, wrong type, given twice, reply serial 0 */
	MESSAGE_MISSING_FIELD, /* one that the message's type requires */
	MESSAGE_BAD_PATH,
	MESSAGE_BAD_INTERFACE,
	MESSAGE_BAD_MEMBER,
	MESSAGE_BAD_ERROR_NAME,
	MESSAGE_BAD_BUS_NAME, /* destination or sender */
	MESSAGE_BAD_SIGNATURE,
	MESSAGE_BAD_STRING, /* not UTF-8, a NUL inside, none at the end */
	MESSAGE_BAD_BOOLEAN,
	MESSAGE_BAD_ARRAY, /* length beyond the limit or its container */
	MESSAGE_BAD_VARIANT, /* not exactly one complete type */
	MESSAGE_TOO_DEEP, /* nested deeper than 64 */
	MESSAGE_TRUNCATED, /* a value goes past the end */
	MESSAGE_TRAILING_BYTES, /* body longer than its signature says */
	MESSAGE_RESERVED_LOCAL, /* path or interface org.freedesktop.DBus.Local on the wire */
	MESSAGE_VERDICT_COUNT
};

struct message {
	uint8_t *bytes; /* borrowed; message_stamp writes the header's length in place */
	uint32_t size;

	uint32_t fields_end; /* offset behind the last field, before the padding */
	uint32_t body_offset; /* a multiple of 8 */
	uint32_t body_size;
	bool is_swapped; /* the other byte order than this machine's */
	bool is_clean; /* no SENDER and no field that we do not know: nothing to cut out */

	uint8_t type, flags;
	uint32_t serial;
	uint32_t reply_serial; /* 0: none */
	uint32_t unix_fds; /* 0: none */
	struct text path, interface, member, error_name, destination, sender, signature;
};

/* The first MESSAGE_FIXED_SIZE bytes say how long the whole message is. Returns a verdict; *size
 * only if MESSAGE_VALID. The limits leave room for MESSAGE_STAMP_MAX bytes, so that what
 * message_stamp makes of a message is within the specification's. */
int message_measure(const uint8_t *fixed, uint32_t max_size, uint32_t *size);

/* bytes holds exactly one message, of the size that message_measure found.
 * Unknown header fields are checked for form and otherwise ignored; an unknown message type
 * (above 4) is valid, the specification has it ignored by the receiver. Returns a verdict;
 * *message is written in full if MESSAGE_VALID and is undefined otherwise. */
int message_parse(struct message *message, uint8_t *bytes, uint32_t size);

const char *message_verdict_text(int verdict);

/* The sender field of one connection, ready to be appended; constant for its life. */
struct message_stamp {
	uint8_t native[MESSAGE_STAMP_MAX], swapped[MESSAGE_STAMP_MAX];
	uint32_t field_size; /* without padding */
	uint32_t padded_size; /* to a multiple of 8 */
};

/* unique_name has at most 40 characters. */
void message_stamp_init(struct message_stamp *stamp, const char *unique_name);

/* Gives out the message as it is to be sent: header, sender field, body. Fields that the peer
 * had no business to send (SENDER, unknown ones) are cut out, which needs a copy of the header:
 * *scratch is NULL or a buffer of *scratch_size bytes that is grown with realloc as needed.
 * The parts borrow from the message, the stamp and the scratch buffer. A message can be stamped
 * again, but its bytes cannot be parsed again.
 * Returns their total size, or -ENOMEM. */
int64_t message_stamp(struct message *message, const struct message_stamp *stamp, uint8_t **scratch,
		      uint32_t *scratch_size, struct iovec parts[3]);
