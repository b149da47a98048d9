/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/build.h"

#include <errno.h>
#include <stdlib.h>

#include "wire/bytes.h"
#include "wire/header.h"

enum { FIRST_CAPACITY = 256 };

void build_init(struct build *build)
{
	*build = (struct build){ 0 };
}

void build_deinit(struct build *build)
{
	free(build->bytes);
	*build = (struct build){ 0 };
}

static void fail(struct build *build, int failure)
{
	if (!build->failure)
		build->failure = failure;
}

static bool reserve(struct build *build, uint32_t size)
{
	uint32_t capacity = build->capacity ? build->capacity : FIRST_CAPACITY;
	uint8_t *bytes;

	if (size > MESSAGE_SIZE_MAX - build->size) {
		fail(build, -EMSGSIZE);
		return false;
	}
	if (build->size + size <= build->capacity)
		return true;
	while (capacity < build->size + size)
		capacity *= 2;
	bytes = realloc(build->bytes, capacity);
	if (!bytes) {
		fail(build, -ENOMEM);
		return false;
	}
	build->bytes = bytes;
	build->capacity = capacity;
	return true;
}

/* Room for size bytes behind padding; NULL after a failure, now or earlier. */
static uint8_t *extend(struct build *build, unsigned alignment, uint32_t size)
{
	uint32_t padding = bytes_align(build->size, alignment) - build->size;

	if (build->failure || !reserve(build, padding) || !reserve(build, padding + size))
		return NULL;
	memset(build->bytes + build->size, 0, padding);
	build->size += padding + size;
	return build->bytes + build->size - size;
}

void build_byte(struct build *build, uint8_t value)
{
	uint8_t *at = extend(build, 1, 1);

	if (at)
		*at = value;
}

void build_bool(struct build *build, bool value)
{
	build_uint32(build, value);
}

void build_uint32(struct build *build, uint32_t value)
{
	uint8_t *at = extend(build, 4, 4);

	if (at)
		memcpy(at, &value, 4);
}

void build_uint64(struct build *build, uint64_t value)
{
	uint8_t *at = extend(build, 8, 8);

	if (at)
		memcpy(at, &value, 8);
}

void build_text(struct build *build, struct text value)
{
	uint8_t *at;

	if (value.size >= MESSAGE_SIZE_MAX) {
		fail(build, -EMSGSIZE);
		return;
	}
	build_uint32(build, value.size);
	at = extend(build, 1, value.size + 1);
	if (!at)
		return;
	if (value.size)
		memcpy(at, value.bytes, value.size);
	at[value.size] = '\0';
}

void build_string(struct build *build, const char *value)
{
	size_t size = strlen(value);

	if (size >= MESSAGE_SIZE_MAX)
		fail(build, -EMSGSIZE);
	else
		build_text(build, (struct text){ value, (uint32_t)size });
}

void build_signature(struct build *build, const char *value)
{
	size_t size = strlen(value);
	uint8_t *at;

	if (size > UINT8_MAX) {
		fail(build, -EMSGSIZE);
		return;
	}
	build_byte(build, (uint8_t)size);
	at = extend(build, 1, (uint32_t)size + 1);
	if (at)
		memcpy(at, value, size + 1);
}

void build_variant(struct build *build, const char *signature)
{
	build_signature(build, signature);
}

void build_struct(struct build *build)
{
	extend(build, 8, 0);
}

/* The mark is where the length is, a multiple of 4, plus 1 if the elements need more padding than
 * that. */
uint32_t build_array(struct build *build, unsigned element_alignment)
{
	uint32_t mark;

	build_uint32(build, 0);
	mark = build->size - 4 + (element_alignment == 8);
	extend(build, element_alignment, 0);
	return mark;
}

void build_array_end(struct build *build, uint32_t mark)
{
	uint32_t at = mark & ~3u, begin = bytes_align(at + 4, mark & 1 ? 8 : 4);

	if (build->failure)
		return;
	if (build->size - begin > MESSAGE_ARRAY_MAX)
		fail(build, -EMSGSIZE);
	else
		bytes_put32(build->bytes + at, build->size - begin, false);
}

static void field_begin(struct build *build, uint8_t code, const char *type)
{
	build_struct(build);
	build_byte(build, code);
	build_variant(build, type);
}

static void field_text(struct build *build, uint8_t code, const char *type, const char *value)
{
	if (!value)
		return;
	field_begin(build, code, type);
	build_string(build, value);
}

static void field_number(struct build *build, uint8_t code, uint32_t value)
{
	if (!value)
		return;
	field_begin(build, code, "u");
	build_uint32(build, value);
}

void build_header(struct build *build, const struct build_head *head)
{
	uint8_t order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B';
	uint32_t fields;

	build_byte(build, order);
	build_byte(build, head->type);
	build_byte(build, head->flags);
	build_byte(build, 1);
	build_uint32(build, 0); /* of the body: build_finish */
	build_uint32(build, head->serial);

	fields = build_array(build, 8);
	field_text(build, HEADER_PATH, "o", head->path);
	field_text(build, HEADER_INTERFACE, "s", head->interface);
	field_text(build, HEADER_MEMBER, "s", head->member);
	field_text(build, HEADER_ERROR_NAME, "s", head->error_name);
	field_number(build, HEADER_REPLY_SERIAL, head->reply_serial);
	field_text(build, HEADER_DESTINATION, "s", head->destination);
	field_text(build, HEADER_SENDER, "s", head->sender);
	if (head->signature && head->signature[0]) {
		field_begin(build, HEADER_SIGNATURE, "g");
		build_signature(build, head->signature);
	}
	build_array_end(build, fields);

	extend(build, 8, 0);
	build->body_offset = build->size;
}

int build_finish(struct build *build, uint8_t **bytes, uint32_t *size)
{
	if (build->failure)
		return build->failure;
	bytes_put32(build->bytes + 4, build->size - build->body_offset, false);
	*bytes = build->bytes;
	*size = build->size;
	return 0;
}
