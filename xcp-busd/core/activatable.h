/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names that can be started, as the outside says, and how often each was started of late. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/hash.h"
#include "common/map.h"
#include "common/text.h"

struct activatable {
	UT_hash_handle hh;
	void *handle; /* the outside's */
	char *unit; /* NULL: not systemd's business */
	uint64_t earned_us; /* when all starts up to now will be paid for */
	char *failure; /* what became of the last start; NULL: it went well */
	char name[];
};

struct activatable_table {
	struct activatable *names;
	const struct hash_key *key; /* borrowed */
};

void activatable_table_deinit(struct activatable_table *table);

/* Adds a name or changes what is known of it; unit may be NULL. 0 or -ENOMEM. */
int activatable_add(struct activatable_table *table, const char *name, const char *unit,
		    void *handle);
void activatable_remove(struct activatable_table *table, const char *name);

struct activatable *activatable_find(const struct activatable_table *table, struct text name);
/* One after the other: NULL to begin with, NULL at the end. */
const struct activatable *activatable_next(const struct activatable_table *table,
					   const struct activatable *last);

/* Whether it was started so often that it had better wait. */
bool activatable_is_exhausted(const struct activatable *activatable, uint64_t now_us);
void activatable_started(struct activatable *activatable, uint64_t now_us);
void activatable_failed(struct activatable *activatable, uint64_t now_us, const char *why);
void activatable_succeeded(struct activatable *activatable);
