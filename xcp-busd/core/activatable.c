/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/activatable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How often a name may be started: STORM_STARTS within STORM_US, and a start that fails counts as
 * FAILURE_WEIGHT of them. Enough for any test suite, and little work for the host. */
enum { STORM_US = 10 * 1000000, STORM_STARTS = 256, FAILURE_WEIGHT = 16 };

static void activatable_free(struct activatable *activatable)
{
	if (!activatable)
		return;
	free(activatable->unit);
	free(activatable->failure);
	free(activatable);
}

void activatable_table_deinit(struct activatable_table *table)
{
	struct activatable *activatable, *next;

	HASH_ITER(hh, table->names, activatable, next)
	{
		MAP_REMOVE(table->names, activatable);
		activatable_free(activatable);
	}
}

struct activatable *activatable_find(const struct activatable_table *table, struct text name)
{
	struct activatable *activatable = NULL;

	if (table->names)
		MAP_FIND(table->names, name.bytes, name.size,
			 hash_bytes(table->key, name.bytes, name.size), activatable);
	return activatable;
}

static struct activatable *get(struct activatable_table *table, const char *name)
{
	struct activatable *activatable = activatable_find(table, text_of(name));
	size_t size = strlen(name);

	if (activatable)
		return activatable;
	activatable = calloc(1, sizeof(*activatable) + size + 1);
	if (!activatable)
		return NULL;
	memcpy(activatable->name, name, size + 1);
	MAP_ADD(table->names, activatable->name, size, hash_bytes(table->key, name, size),
		activatable);
	if (activatable->hh.tbl)
		return activatable;
	activatable_free(activatable);
	return NULL;
}

int activatable_add(struct activatable_table *table, const char *name, const char *unit,
		    void *handle)
{
	char *unit_copy = unit ? strdup(unit) : NULL;
	struct activatable *activatable = unit && !unit_copy ? NULL : get(table, name);

	if (!activatable) {
		free(unit_copy);
		return -ENOMEM;
	}
	free(activatable->unit);
	activatable->unit = unit_copy;
	activatable->handle = handle;
	return 0;
}

void activatable_remove(struct activatable_table *table, const char *name)
{
	struct activatable *activatable = activatable_find(table, text_of(name));

	if (!activatable)
		return;
	MAP_REMOVE(table->names, activatable);
	activatable_free(activatable);
}

const struct activatable *activatable_next(const struct activatable_table *table,
					   const struct activatable *last)
{
	return last ? last->hh.next : table->names;
}

static void pay(struct activatable *activatable, uint64_t now_us, unsigned starts)
{
	if (activatable->earned_us < now_us)
		activatable->earned_us = now_us;
	activatable->earned_us += (uint64_t)starts * STORM_US / STORM_STARTS;
}

bool activatable_is_exhausted(const struct activatable *activatable, uint64_t now_us)
{
	return activatable->earned_us > now_us + STORM_US;
}

void activatable_started(struct activatable *activatable, uint64_t now_us)
{
	pay(activatable, now_us, 1);
}

void activatable_failed(struct activatable *activatable, uint64_t now_us, const char *why)
{
	pay(activatable, now_us, FAILURE_WEIGHT - 1);
	free(activatable->failure);
	activatable->failure = strdup(why); /* without memory it is not told */
}

void activatable_succeeded(struct activatable *activatable)
{
	free(activatable->failure);
	activatable->failure = NULL;
}
