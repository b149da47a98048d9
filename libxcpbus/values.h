/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values in memory, by the tables of xcpbus-typed.h. values.c frees and copies them,
 * values-read.c and values-append.c take them from messages and put them there. */
#pragma once

#include "libxcpbus/private.h"
#include "libxcpbus/xcpbus-typed.h"

enum {
	VALUES_MAX = 256 * 1024 * 1024, /* bytes of memory for what is in one message */
	ANY_SIZE = 512, /* more than an empty message of libdbus takes */
	CHUNK_SIZE = 32, /* what malloc adds, at most */
	DEPTH_MAX = 64, /* D-Bus Specification, "Valid Signatures": containers within containers */
};

/* How all lists, enums and variants begin. */
struct list_value {
	void *items;
	unsigned count;
};

struct enum_value {
	unsigned value;
	const char *word;
};

struct memory {
	size_t left; /* bytes that may still be taken */
};

/* False: too much. */
bool memory_charge(struct memory *memory, size_t count, size_t size);
/* Zeros, to be ended with free; at least a byte. Charged with what malloc adds: many small texts
 * are mostly that. NULL: no memory, or too much. */
void *memory_take(struct memory *memory, size_t count, size_t size);
char *memory_take_text(struct memory *memory, const char *text);

/* Texts and ANY, for which NULL stands for absent. */
bool type_is_nullable(const struct xcpbus_type *type);
/* Elements that lie in memory as they do in messages. */
bool type_is_plain(const struct xcpbus_type *type);
void *field_at(const void *value, const struct xcpbus_field *field);
/* From 1; 0: there is none. */
unsigned field_find(const struct xcpbus_type *type, const char *name);
const struct xcpbus_field *field_end(const struct xcpbus_type *type);
/* The first so many. */
void fields_free(const struct xcpbus_type *type, void *value, size_t count);

int value_copy(struct memory *memory, const struct xcpbus_type *type, void *to, const void *from);

/* One value from one iterator to another; room is how many containers may be opened. -ENOBUFS: it
 * takes too much memory. */
int any_copy(struct memory *memory, DBusMessageIter *from, DBusMessageIter *to, unsigned room);
DBusMessage *any_new(void);

/* All arguments of a message; args NULL: none. */
int args_read(DBusMessage *message, const struct xcpbus_type *args, void *values,
	      struct xcpbus_error *error);
/* The same of an error, behind its text. */
int error_args_read(DBusMessage *message, const struct xcpbus_type *args, void *values,
		    struct xcpbus_error *error);
int args_append(DBusMessageIter *iter, const struct xcpbus_type *args, const void *values,
		struct xcpbus_error *error);
/* One that lies within a variant or behind other arguments; the iterator is not moved. */
int value_read(DBusMessageIter *iter, const struct xcpbus_type *type, void *value,
	       struct xcpbus_error *error);
