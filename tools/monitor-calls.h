/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that were seen and wait for their answer. Some thousand are kept: of more, the oldest are
 * forgotten, and counted. */
#pragma once

#include "common/list.h"
#include "common/map.h"
#include "tools/monitor.h"

enum { CALL_TEXT_MAX = 256 }; /* what is kept of a path, which may be any length */

struct call {
	UT_hash_handle hh;
	struct list link; /* the oldest first */
	char *key; /* who called, and the serial */
	uint64_t begin_us;
	char *caller; /* a unique name */
	char *destination; /* as it was called */
	char *path, *interface, *member; /* "" if there is none */
	char *callee; /* who had that name; "" if nobody had */
	char *about, *name; /* of a call to Properties: the interface, the property; "" otherwise */
	bool is_chosen; /* and so is the answer */
	uint64_t id; /* whatever the command likes */
};

struct calls;

struct calls *calls_new(void);
struct calls *calls_free(struct calls *calls);
/* Borrowed until the next call of these two. */
struct call *calls_add(struct calls *calls, DBusMessage *message, const char *callee,
		       uint64_t now_us);
const struct call *calls_find(struct calls *calls, const char *caller, uint32_t serial);
/* Yours; NULL if it is not known. */
struct call *calls_take(struct calls *calls, const char *caller, uint32_t serial);
struct call *call_free(struct call *call);

unsigned calls_chosen(const struct calls *calls); /* how many are */
uint64_t calls_forgotten(const struct calls *calls);
const struct call *calls_oldest(const struct calls *calls); /* NULL: none */
const struct call *calls_next(const struct calls *calls, const struct call *call);
