/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guards for half-built objects.
 *
 *	CLEANUP(rule_freep) struct rule *rule = NULL;
 *	...
 *	*out = TAKE(rule);
 *
 * DEFINE_FREEP(struct rule, rule_free) makes rule_freep out of rule_free.
 */
#pragma once

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

#define TAKE(pointer)                                                                              \
	({                                                                                         \
		__typeof__(pointer) taken_ = (pointer);                                            \
		(pointer) = NULL;                                                                  \
		taken_;                                                                            \
	})

#define DEFINE_FREEP(type, function)                                                               \
	static inline void function##p(type **object)                                              \
	{                                                                                          \
		function(*object);                                                                 \
	}

/* Of a pointer of any type, which must not be read as one to void. */
static inline void cleanup_free(void *pointer)
{
	void *memory;

	memcpy(&memory, pointer, sizeof(memory));
	free(memory);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
