/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* uthash, set up for a daemon: running out of memory is a failure that comes back, not an exit,
 * and the hash is one that we have already computed with common/hash.h, so that nobody can choose
 * keys that collide.
 *
 * After MAP_ADD, item->hh.tbl is NULL if there was no memory.
 */
#pragma once

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(item) ((item)->hh.tbl = NULL)
#include <uthash.h>

#define MAP_FIND(head, key, size, hash, out)                                                       \
	HASH_FIND_BYHASHVALUE(hh, head, key, size, (unsigned)(hash), out)
#define MAP_ADD(head, key, size, hash, item)                                                       \
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, head, key, size, (unsigned)(hash), item)
#define MAP_REMOVE(head, item) HASH_DELETE(hh, head, item)
