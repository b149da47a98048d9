/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our parser and libdbus's side by side, and what is known to differ. Whoever includes this has
 * defined CHECK. */
#pragma once

#include <dbus/dbus.h>
#include <stdlib.h>

#include "wire/body.h"
#include "wire/syntax.h"

/* ---- one case ---- */

struct verdicts {
	const uint8_t *bytes;
	uint32_t size;
	int ours; /* enum message_verdict */
	struct message message;
	DBusMessage *theirs; /* NULL: refused */
};

static inline void judge(struct verdicts *v, uint8_t *bytes, uint32_t size)
{
	*v = (struct verdicts){ .bytes = bytes, .size = size };
	v->ours = message_parse(&v->message, bytes, size);
	v->theirs = dbus_message_demarshal((const char *)bytes, (int)size, NULL);
}

static inline void release(struct verdicts *v)
{
	if (v->theirs)
		dbus_message_unref(v->theirs);
}

static inline bool agree(const struct verdicts *v)
{
	return (v->ours == MESSAGE_VALID) == (v->theirs != NULL);
}

/* ---- what is known to differ ---- */

static inline bool has_lone_element(const char *name)
{
	return name && name[0] == ':' && !syntax_is_bus_name(name, strlen(name));
}

static inline bool is_short_unique_name(const struct verdicts *v)
{
	return v->ours == MESSAGE_BAD_BUS_NAME &&
	       (has_lone_element(dbus_message_get_destination(v->theirs)) ||
		has_lone_element(dbus_message_get_sender(v->theirs)));
}

static inline bool is_long_header(const struct verdicts *v)
{
	return v->ours == MESSAGE_HEADER_TOO_LONG &&
	       v->size > MESSAGE_HEADER_MAX - MESSAGE_STAMP_MAX;
}

/* Somewhere in the message is what looks like a signature of that depth. */
static inline bool is_deep_signature(const struct verdicts *v)
{
	unsigned arrays = 0, structs = 0;

	if (v->ours != MESSAGE_BAD_SIGNATURE && v->ours != MESSAGE_BAD_VARIANT)
		return false;
	for (uint32_t i = 0; i < v->size; i++) {
		if (!strchr("ybnqiuxtdsoghva(){}", v->bytes[i]) || !v->bytes[i])
			arrays = structs = 0;
		arrays += v->bytes[i] == 'a';
		structs += v->bytes[i] == '(' || v->bytes[i] == '{';
		if (arrays > SYNTAX_DEPTH_MAX || structs > SYNTAX_DEPTH_MAX)
			return true;
	}
	return false;
}

/* Where the field behind the one at offset begins. The message is one that we accept. */
static inline uint32_t next_field(const struct verdicts *v, uint32_t offset)
{
	const uint8_t *field = v->bytes + offset;
	uint32_t size;

	if (field[0] > 9) {
		offset++;
		CHECK(body_check_variant(v->bytes, &offset, v->message.fields_end, 2,
					 v->message.is_swapped) == MESSAGE_VALID);
	} else if (field[2] == 'u') {
		offset += 8;
	} else if (field[2] == 'g') {
		offset += 5u + field[4] + 1;
	} else {
		memcpy(&size, field + 4, 4);
		offset += 8 + (v->message.is_swapped ? __builtin_bswap32(size) : size) + 1;
	}
	return (offset + 7) & ~7u;
}

static inline bool has_field(const struct verdicts *v, uint8_t code)
{
	uint32_t at;

	if (v->ours != MESSAGE_VALID)
		return false;
	for (at = 16; at < v->message.fields_end; at = next_field(v, at))
		if (v->bytes[at] == code)
			return true;
	return false;
}

/* Of the same message, but without file descriptors and with another unknown field in place of
 * the container instance. */
static inline bool agree_without_both(const struct verdicts *v)
{
	uint8_t *bytes = malloc(v->size);
	struct verdicts patched;
	bool result;

	CHECK(bytes);
	memcpy(bytes, v->bytes, v->size);
	for (uint32_t at = 16; at < v->message.fields_end; at = next_field(v, at)) {
		if (bytes[at] == 9)
			memset(bytes + at + 4, 0, 4);
		if (bytes[at] == 10)
			bytes[at] = 11;
	}
	judge(&patched, bytes, v->size);
	result = agree(&patched);
	release(&patched);
	free(bytes);
	return result;
}

static inline bool has_file_descriptors(const struct verdicts *v)
{
	return has_field(v, 9) && v->message.unix_fds && agree_without_both(v);
}

static inline bool has_container_instance(const struct verdicts *v)
{
	return has_field(v, 10) && agree_without_both(v);
}

static struct {
	bool is_ours; /* who accepts */
	const char *reason;
	bool (*applies)(const struct verdicts *v);
	unsigned count;
} rules[] = {
	{ false,
	  "libdbus takes \":\" and \":1\" for unique names; the specification wants two elements",
	  is_short_unique_name, 0 },
	{ false, "our headers have at most 64 KiB (nobody needs more, and somebody must pay)",
	  is_long_header, 0 },
	{ false,
	  "libdbus counts arrays anew in each struct and entries apart from structs; the"
	  " specification's limits of 32 are for the whole nesting",
	  is_deep_signature, 0 },
	{ true,
	  "the number of file descriptors is for the link to check, which has them;"
	  " dbus_message_demarshal never has any",
	  has_file_descriptors, 0 },
	{ true,
	  "libdbus knows field 10 (container instance), which is not in the specification;"
	  " to us it is unknown and never passed on",
	  has_container_instance, 0 },
};

/* Whether a difference between the two is known; counts it. */
static inline bool is_explained(const struct verdicts *v)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].is_ours == (v->ours == MESSAGE_VALID) && rules[i].applies(v)) {
			rules[i].count++;
			return true;
		}
	}
	return false;
}

/* ---- what both accept ---- */

static inline bool same_text(struct text ours, const char *theirs)
{
	return theirs ? text_is(ours, theirs) : !ours.bytes;
}

static inline bool same_fields(const struct message *m, DBusMessage *theirs)
{
	struct text signature = m->signature.bytes ? m->signature : text_of("");

	return m->type == dbus_message_get_type(theirs) &&
	       m->serial == dbus_message_get_serial(theirs) &&
	       m->reply_serial == dbus_message_get_reply_serial(theirs) &&
	       same_text(m->path, dbus_message_get_path(theirs)) &&
	       same_text(m->interface, dbus_message_get_interface(theirs)) &&
	       same_text(m->member, dbus_message_get_member(theirs)) &&
	       same_text(m->error_name, dbus_message_get_error_name(theirs)) &&
	       same_text(m->destination, dbus_message_get_destination(theirs)) &&
	       same_text(m->sender, dbus_message_get_sender(theirs)) &&
	       same_text(signature, dbus_message_get_signature(theirs)) &&
	       !!(m->flags & MESSAGE_NO_REPLY_EXPECTED) == dbus_message_get_no_reply(theirs) &&
	       !!(m->flags & MESSAGE_NO_AUTO_START) != dbus_message_get_auto_start(theirs);
}

/* Ours, with the sender, is read by libdbus and differs in nothing else. */
static inline void check_stamped(struct message *message)
{
	static uint8_t joined[MESSAGE_HEADER_MAX * 2];
	static struct message_stamp stamp;
	static uint8_t *scratch;
	static uint32_t scratch_size;
	struct message expected = *message;
	struct iovec parts[3];
	uint32_t size = 0;
	struct verdicts v;
	int64_t total;

	message_stamp_init(&stamp, ":77.7777");
	total = message_stamp(message, &stamp, &scratch, &scratch_size, parts);
	CHECK(total > 0 && total <= (int64_t)sizeof(joined));
	for (int i = 0; i < 3; i++) {
		memcpy(joined + size, parts[i].iov_base, parts[i].iov_len);
		size += (uint32_t)parts[i].iov_len;
	}
	judge(&v, joined, size);
	CHECK(v.ours == MESSAGE_VALID && v.theirs);
	expected.sender = text_of(":77.7777");
	CHECK(same_fields(&expected, v.theirs) && same_fields(&v.message, v.theirs));
	release(&v);
}
