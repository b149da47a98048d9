/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allocations that fail: the linker sends them here (--wrap). A scenario says between which points
 * they may, by oom.is_armed. */
#pragma once

#include <stdbool.h>
#include <stdlib.h>

#include "test.h"

static struct {
	bool is_armed, is_lasting;
	unsigned long left; /* until the one that fails; 0: none does */
	unsigned long failed;
} oom;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__wrap_strdup(const char *text);

static bool fails(void)
{
	if (!oom.is_armed || !oom.left)
		return false;
	if (oom.left > 1) {
		oom.left--;
		return false;
	}
	if (!oom.is_lasting)
		oom.left = 0;
	oom.failed++;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
	return fails() ? NULL : __real_reallocarray(old, count, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

/* Runs it until nothing is left that could fail. */
static inline void starve(void (*scenario)(void))
{
	unsigned long at;
	int lasting;

	for (lasting = 0; lasting < 2; lasting++) {
		for (at = 1;; at++) {
			oom.left = at;
			oom.is_lasting = lasting;
			oom.failed = 0;
			scenario();
			oom.is_armed = false;
			if (!oom.failed)
				break;
		}
		CHECK(at > 1);
	}
}
