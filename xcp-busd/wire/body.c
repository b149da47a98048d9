/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two walks along a signature and the values it announces: the first believes nothing, the second
 * (the reader) only sees what the first has passed. Offsets count from the beginning of the body,
 * which is at a multiple of 8 in the message, so alignment is the same from either. */
#include "wire/body.h"

#include "wire/bytes.h"
#include "wire/syntax.h"

/* Sizes of the types that have one; their alignment is the same. */
static const uint8_t fixed_size[256] = {
	['y'] = 1, ['n'] = 2, ['q'] = 2, ['b'] = 4, ['i'] = 4,
	['u'] = 4, ['h'] = 4, ['x'] = 8, ['t'] = 8, ['d'] = 8,
};

/* Keeps check_value, which is called for each value, to a jump. */
#define NOINLINE __attribute__((noinline))

struct cursor {
	const uint8_t *bytes;
	uint32_t offset, end; /* of the innermost array, or of everything */
	const char *type; /* the next type; the signature is valid */
	const char *type_end;
	bool is_swapped;
};

static int check_value(struct cursor *cursor, unsigned depth);

static inline int check_padding(struct cursor *cursor, uint32_t alignment)
{
	uint32_t offset = cursor->offset, aligned = bytes_align(offset, alignment);

	if (offset == aligned)
		return MESSAGE_VALID;
	if (aligned > cursor->end)
		return MESSAGE_TRUNCATED;
	cursor->offset = aligned;
	if (aligned >= 8)
		return bytes_are_zero(cursor->bytes, offset, aligned) ? MESSAGE_VALID
								      : MESSAGE_BAD_PADDING;
	for (; offset < aligned; offset++)
		if (cursor->bytes[offset])
			return MESSAGE_BAD_PADDING;
	return MESSAGE_VALID;
}

/* The length in front of a string or an array; the cursor then stands behind it. */
static inline int check_length(struct cursor *cursor, uint32_t *length)
{
	int verdict = check_padding(cursor, 4);

	if (verdict)
		return verdict;
	if (cursor->end - cursor->offset < 4)
		return MESSAGE_TRUNCATED;
	*length = bytes_get32(cursor->bytes + cursor->offset, cursor->is_swapped);
	cursor->offset += 4;
	return MESSAGE_VALID;
}

/* length characters and a NUL. */
static inline int check_characters(struct cursor *cursor, uint32_t length, const char **text)
{
	if (length >= cursor->end - cursor->offset)
		return MESSAGE_TRUNCATED;
	if (cursor->bytes[cursor->offset + length])
		return MESSAGE_BAD_STRING;
	*text = (const char *)cursor->bytes + cursor->offset;
	cursor->offset += length + 1;
	return MESSAGE_VALID;
}

static NOINLINE int check_string(struct cursor *cursor)
{
	const char *text;
	uint32_t length;
	int verdict = check_length(cursor, &length);

	if (!verdict)
		verdict = check_characters(cursor, length, &text);
	if (verdict)
		return verdict;
	return syntax_is_utf8(text, length) ? MESSAGE_VALID : MESSAGE_BAD_STRING;
}

static NOINLINE int check_path(struct cursor *cursor)
{
	const char *text;
	uint32_t length;
	int verdict = check_length(cursor, &length);

	if (!verdict)
		verdict = check_characters(cursor, length, &text);
	if (verdict)
		return verdict;
	return syntax_is_path(text, length) ? MESSAGE_VALID : MESSAGE_BAD_PATH;
}

static NOINLINE int check_signature(struct cursor *cursor, struct text *signature)
{
	int verdict;

	if (cursor->offset == cursor->end)
		return MESSAGE_TRUNCATED;
	signature->size = cursor->bytes[cursor->offset++];
	verdict = check_characters(cursor, signature->size, &signature->bytes);
	if (verdict)
		return verdict;
	return syntax_is_signature(signature->bytes, signature->size) ? MESSAGE_VALID
								      : MESSAGE_BAD_SIGNATURE;
}

static NOINLINE int check_signature_value(struct cursor *cursor)
{
	struct text signature;

	return check_signature(cursor, &signature);
}

static NOINLINE int check_fixed(struct cursor *cursor, char type)
{
	uint32_t size = fixed_size[(uint8_t)type];
	int verdict = check_padding(cursor, size);

	if (verdict)
		return verdict;
	if (cursor->end - cursor->offset < size)
		return MESSAGE_TRUNCATED;
	if (type == 'b' && bytes_get32(cursor->bytes + cursor->offset, cursor->is_swapped) > 1)
		return MESSAGE_BAD_BOOLEAN;
	cursor->offset += size;
	return MESSAGE_VALID;
}

/* The cursor's own signature is put aside for the variant's. */
static NOINLINE int check_variant(struct cursor *cursor, unsigned depth)
{
	const char *type = cursor->type, *type_end = cursor->type_end;
	struct text signature;
	int verdict = check_signature(cursor, &signature);

	if (verdict)
		return verdict == MESSAGE_BAD_SIGNATURE ? MESSAGE_BAD_VARIANT : verdict;
	if (!signature.size)
		return MESSAGE_BAD_VARIANT;

	cursor->type = signature.bytes;
	cursor->type_end = signature.bytes + signature.size;
	verdict = check_value(cursor, depth + 1);
	if (verdict)
		return verdict;
	if (cursor->type != cursor->type_end)
		return MESSAGE_BAD_VARIANT;
	cursor->type = type;
	cursor->type_end = type_end;
	return MESSAGE_VALID;
}

/* Elements whose every bit pattern is valid are not looked at. */
static int check_fixed_elements(struct cursor *cursor, char type, uint32_t length)
{
	uint32_t offset = cursor->offset, end = offset + length;

	if (length % fixed_size[(uint8_t)type])
		return MESSAGE_BAD_ARRAY;
	if (type == 'b')
		for (; offset < end; offset += 4)
			if (bytes_get32(cursor->bytes + offset, cursor->is_swapped) > 1)
				return MESSAGE_BAD_BOOLEAN;
	cursor->offset = end;
	return MESSAGE_VALID;
}

static int check_elements(struct cursor *cursor, uint32_t length, unsigned depth)
{
	uint32_t outer_end = cursor->end;
	const char *type = cursor->type;
	int verdict;

	cursor->end = cursor->offset + length;
	do {
		cursor->type = type;
		verdict = check_value(cursor, depth + 1);
		if (verdict)
			return verdict;
	} while (cursor->offset < cursor->end);
	cursor->end = outer_end;
	return MESSAGE_VALID;
}

/* type is behind the 'a'. */
static NOINLINE int check_array(struct cursor *cursor, unsigned depth)
{
	char element = *cursor->type;
	uint32_t length;
	int verdict = check_length(cursor, &length);

	if (!verdict)
		verdict = check_padding(cursor, syntax_alignment(element));
	if (verdict)
		return verdict;
	if (length > MESSAGE_ARRAY_MAX || length > cursor->end - cursor->offset)
		return MESSAGE_BAD_ARRAY;

	if (fixed_size[(uint8_t)element]) {
		cursor->type++;
		return check_fixed_elements(cursor, element, length);
	}
	if (length)
		return check_elements(cursor, length, depth);
	cursor->type--; /* an entry of a dictionary is no type without its array */
	cursor->type += syntax_type_length(cursor->type, (size_t)(cursor->type_end - cursor->type));
	return MESSAGE_VALID;
}

/* A struct or a dictionary entry; type is behind the opening bracket. */
static NOINLINE int check_struct(struct cursor *cursor, char close, unsigned depth)
{
	int verdict = check_padding(cursor, 8);

	while (!verdict && *cursor->type != close)
		verdict = check_value(cursor, depth + 1);
	cursor->type++;
	return verdict;
}

/* Calls itself, at most SYNTAX_TOTAL_DEPTH_MAX times. The depth is counted as libdbus counts it: an
 * array of fixed-size elements and an empty one are no level of their own. */
static int check_value(struct cursor *cursor, unsigned depth)
{
	char type = *cursor->type++;

	if (depth > SYNTAX_TOTAL_DEPTH_MAX)
		return MESSAGE_TOO_DEEP;
	switch (type) {
	case 's':
		return check_string(cursor);
	case 'o':
		return check_path(cursor);
	case 'a':
		return check_array(cursor, depth);
	case 'v':
		return check_variant(cursor, depth);
	case '(':
		return check_struct(cursor, ')', depth);
	case '{':
		return check_struct(cursor, '}', depth);
	case 'g':
		return check_signature_value(cursor);
	default:
		return check_fixed(cursor, type);
	}
}

int body_check(struct text signature, const uint8_t *body, uint32_t size, bool is_swapped)
{
	struct cursor cursor = {
		.bytes = body,
		.end = size,
		.is_swapped = is_swapped,
	};
	int verdict;

	if (!signature.size)
		return size ? MESSAGE_TRAILING_BYTES : MESSAGE_VALID;
	cursor.type = signature.bytes;
	cursor.type_end = signature.bytes + signature.size;
	while (cursor.type < cursor.type_end) {
		verdict = check_value(&cursor, 0);
		if (verdict)
			return verdict;
	}
	return cursor.offset == size ? MESSAGE_VALID : MESSAGE_TRAILING_BYTES;
}

int body_check_variant(const uint8_t *bytes, uint32_t *offset, uint32_t end, unsigned depth,
		       bool is_swapped)
{
	struct cursor cursor = {
		.bytes = bytes, .offset = *offset, .end = end, .is_swapped = is_swapped
	};
	int verdict = check_variant(&cursor, depth);

	if (!verdict)
		*offset = cursor.offset;
	return verdict;
}

void body_reader_init(struct body_reader *reader, const struct message *message)
{
	*reader = (struct body_reader){
		.body = message->bytes + message->body_offset,
		.signature = message->signature.bytes,
		.signature_left = message->signature.size,
		.size = message->body_size,
		.is_swapped = message->is_swapped,
	};
}

char body_reader_type(const struct body_reader *reader)
{
	return reader->signature_left ? *reader->signature : 0;
}

static void next_type(struct body_reader *reader, size_t length)
{
	reader->signature += length;
	reader->signature_left -= (uint32_t)length;
}

static uint32_t take_uint32(struct body_reader *reader)
{
	uint32_t offset = bytes_align(reader->offset, 4);

	reader->offset = offset + 4;
	return bytes_get32(reader->body + offset, reader->is_swapped);
}

static void take_string(struct body_reader *reader, struct text *value)
{
	value->size = take_uint32(reader);
	value->bytes = (const char *)reader->body + reader->offset;
	reader->offset += value->size + 1;
}

bool body_read_string(struct body_reader *reader, struct text *value)
{
	char type = body_reader_type(reader);

	if (type == 's' || type == 'o') {
		take_string(reader, value);
	} else if (type == 'g') {
		value->size = reader->body[reader->offset++];
		value->bytes = (const char *)reader->body + reader->offset;
		reader->offset += value->size + 1;
	} else {
		return false;
	}
	next_type(reader, 1);
	return true;
}

bool body_read_uint32(struct body_reader *reader, uint32_t *value)
{
	if (body_reader_type(reader) != 'u')
		return false;
	*value = take_uint32(reader);
	next_type(reader, 1);
	return true;
}

bool body_read_uint64(struct body_reader *reader, uint64_t *value)
{
	uint32_t offset = bytes_align(reader->offset, 8);

	if (body_reader_type(reader) != 't')
		return false;
	*value = bytes_get64(reader->body + offset, reader->is_swapped);
	reader->offset = offset + 8;
	next_type(reader, 1);
	return true;
}

/* Only what the two functions below can read. */
static bool is_array_of(const struct body_reader *reader, char element)
{
	if (reader->signature_left < 2 || reader->signature[0] != 'a' ||
	    reader->signature[1] != element)
		return false;
	if (element == '{')
		return reader->signature_left >= 5 && !memcmp(reader->signature, "a{ss}", 5);
	return element == 's' || element == 'o';
}

bool body_enter_array(struct body_reader *reader, char element, uint32_t *end_offset)
{
	uint32_t length;

	if (!is_array_of(reader, element))
		return false;
	length = take_uint32(reader);
	reader->offset = bytes_align(reader->offset, syntax_alignment(element));
	*end_offset = reader->offset + length;
	next_type(reader, element == '{' ? 5 : 2);
	return true;
}

bool body_read_array_string(struct body_reader *reader, uint32_t end_offset, struct text *value)
{
	if (reader->offset >= end_offset)
		return false;
	take_string(reader, value);
	return true;
}

bool body_read_array_pair(struct body_reader *reader, uint32_t end_offset, struct text *key,
			  struct text *value)
{
	if (reader->offset >= end_offset)
		return false;
	reader->offset = bytes_align(reader->offset, 8);
	take_string(reader, key);
	take_string(reader, value);
	return true;
}

bool body_skip(struct body_reader *reader)
{
	struct cursor cursor = {
		.bytes = reader->body,
		.offset = reader->offset,
		.end = reader->size,
		.is_swapped = reader->is_swapped,
	};

	if (!reader->signature_left)
		return false;
	cursor.type = reader->signature;
	cursor.type_end = reader->signature + reader->signature_left;
	/* Checking again is a way to find the end of the value, and it stays within the body. */
	if (check_value(&cursor, 0))
		return false;
	reader->offset = cursor.offset;
	next_type(reader, (size_t)(cursor.type - reader->signature));
	return true;
}

void body_read_args(const struct message *message, unsigned count, struct body_args *args)
{
	struct body_reader reader;
	char type;

	body_reader_init(&reader, message);
	for (args->count = 0; args->count < count && args->count < 64; args->count++) {
		type = body_reader_type(&reader);
		if (!type)
			break;
		if (!body_read_string(&reader, &args->value[args->count])) {
			args->value[args->count] = (struct text){ 0 };
			type = 0;
			body_skip(&reader);
		}
		args->type[args->count] = type;
	}
}
