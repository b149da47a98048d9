/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "libxcpbus/fds.h"

enum {
	FIXED_SIZE = 16,
	LENGTH_OFFSET = 12, /* of the array of header fields */
	FIELD_UNIX_FDS = 9,
	DEPTH_MAX = 128, /* more than libdbus lets through */
};

static bool walk_one(struct walk *walk, DBusSignatureIter *type);

static bool skip(struct walk *walk, size_t alignment, size_t size)
{
	size_t at = (walk->at + alignment - 1) & ~(alignment - 1);

	if (at > walk->size || size > walk->size - at)
		return false;
	walk->at = at + size;
	return true;
}

uint32_t walk_number(const struct walk *walk, const uint8_t *bytes)
{
	if (walk->bytes[0] == 'l')
		return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
		       (uint32_t)bytes[3] << 24;
	return bytes[3] | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[1] << 16 |
	       (uint32_t)bytes[0] << 24;
}

static bool read_uint32(struct walk *walk, uint32_t *out)
{
	if (!skip(walk, 4, 4))
		return false;
	*out = walk_number(walk, walk->bytes + walk->at - 4);
	return true;
}

/* NULL: it does not end within the message, or is not valid. */
static const char *read_signature(struct walk *walk)
{
	const char *text;
	size_t length;

	if (!skip(walk, 1, 1))
		return NULL;
	length = walk->bytes[walk->at - 1];
	text = (const char *)walk->bytes + walk->at;
	if (!skip(walk, 1, length + 1) || text[length] || strlen(text) != length)
		return NULL;
	return text;
}

static bool walk_all(struct walk *walk, DBusSignatureIter *types)
{
	do {
		if (!walk_one(walk, types))
			return false;
	} while (dbus_signature_iter_next(types));
	return true;
}

static bool walk_variant(struct walk *walk)
{
	const char *signature = read_signature(walk);
	DBusSignatureIter type;

	if (!signature || !dbus_signature_validate_single(signature, NULL))
		return false;
	dbus_signature_iter_init(&type, signature);
	return walk_one(walk, &type);
}

size_t alignment_of(int type)
{
	switch (type) {
	case DBUS_TYPE_BYTE:
	case DBUS_TYPE_SIGNATURE:
	case DBUS_TYPE_VARIANT:
		return 1;
	case DBUS_TYPE_INT16:
	case DBUS_TYPE_UINT16:
		return 2;
	case DBUS_TYPE_INT64:
	case DBUS_TYPE_UINT64:
	case DBUS_TYPE_DOUBLE:
	case DBUS_TYPE_STRUCT:
	case DBUS_TYPE_DICT_ENTRY:
		return 8;
	}
	return 4;
}

static bool walk_array(struct walk *walk, DBusSignatureIter *type)
{
	DBusSignatureIter element, one;
	uint32_t length;
	size_t end;
	int kind;

	dbus_signature_iter_recurse(type, &element);
	kind = dbus_signature_iter_get_current_type(&element);
	if (!read_uint32(walk, &length) || !skip(walk, alignment_of(kind), 0) ||
	    length > walk->size - walk->at)
		return false;
	end = walk->at + length;
	if (dbus_type_is_fixed(kind) && kind != DBUS_TYPE_UNIX_FD)
		walk->at = end;
	while (walk->at < end) {
		one = element;
		if (!walk_one(walk, &one))
			return false;
	}
	return walk->at == end;
}

static bool walk_fd(struct walk *walk)
{
	return walk->count < WALK_INDEX_MAX && read_uint32(walk, &walk->index[walk->count++]);
}

static bool walk_kind(struct walk *walk, DBusSignatureIter *type)
{
	int kind = dbus_signature_iter_get_current_type(type);
	DBusSignatureIter members;
	uint32_t length;

	switch (kind) {
	case DBUS_TYPE_UNIX_FD:
		return walk_fd(walk);
	case DBUS_TYPE_STRING:
	case DBUS_TYPE_OBJECT_PATH:
		return read_uint32(walk, &length) && skip(walk, 1, (size_t)length + 1);
	case DBUS_TYPE_SIGNATURE:
		return read_signature(walk) != NULL;
	case DBUS_TYPE_VARIANT:
		return walk_variant(walk);
	case DBUS_TYPE_ARRAY:
		return walk_array(walk, type);
	case DBUS_TYPE_STRUCT:
	case DBUS_TYPE_DICT_ENTRY:
		dbus_signature_iter_recurse(type, &members);
		return skip(walk, 8, 0) && walk_all(walk, &members);
	default: /* as large as it is aligned */
		return skip(walk, alignment_of(kind), alignment_of(kind));
	}
}

static bool walk_one(struct walk *walk, DBusSignatureIter *type)
{
	bool is_ok;

	if (++walk->depth > DEPTH_MAX)
		return false;
	is_ok = walk_kind(walk, type);
	walk->depth--;
	return is_ok;
}

bool walk_header(struct walk *walk, uint8_t **count)
{
	uint32_t length, number;
	const char *signature;
	size_t end, begin;
	uint8_t code;

	*count = NULL;
	walk->at = LENGTH_OFFSET;
	if (!read_uint32(walk, &length) || length > walk->size - FIXED_SIZE)
		return false;
	end = FIXED_SIZE + length;
	while (walk->at < end) {
		if (!skip(walk, 8, 1))
			return false;
		code = walk->bytes[walk->at - 1];
		begin = walk->at;
		signature = read_signature(walk);
		if (code == FIELD_UNIX_FDS && signature && !strcmp(signature, "u")) {
			if (!read_uint32(walk, &number))
				return false;
			*count = walk->bytes + walk->at - 4;
			continue;
		}
		walk->at = begin;
		if (!walk_variant(walk))
			return false;
	}
	walk->at = end;
	return skip(walk, 8, 0);
}

bool walk_body(struct walk *walk, const char *signature)
{
	DBusSignatureIter types;

	if (!*signature)
		return true;
	dbus_signature_iter_init(&types, signature);
	return walk_all(walk, &types);
}

struct walk *walk_new(uint8_t *bytes, size_t size)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	if (walk) {
		walk->bytes = bytes;
		walk->size = size;
	}
	return walk;
}
