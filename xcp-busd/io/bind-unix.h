/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unix sockets of our own: making them, and taking them away again. */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include "common/address.h"

struct bound_unix {
	char path[ADDRESS_PATH_MAX + 1]; /* to be removed; empty: abstract */
	dev_t device; /* of the socket we made, so that we remove no other's */
	ino_t inode;
};

enum { BIND_WHY_MAX = 512 };

/* A socket that listens there, in place of one that nobody serves any more; it has not the rights
 * in mask. The descriptor, or -1 and a sentence. */
int bind_unix(const struct address *address, mode_t mask, struct bound_unix *bound,
	      char why[BIND_WHY_MAX]);

/* Takes the socket's path away. */
void bind_unix_remove(const struct bound_unix *bound);
