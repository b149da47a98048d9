/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unix sockets on which dom0's programs come. */
#pragma once

#include "common/address.h"
#include "io/server.h"

struct listen_unix;

enum { LISTEN_WHY_MAX = 512 };

/* Listens at an address. A socket that nobody serves is replaced. 0, or -1 and a sentence. */
int listen_unix_new(struct server *server, const struct address *address, struct listen_unix **out,
		    char why[LISTEN_WHY_MAX]);

/* The same with a socket that already listens, and is taken over on success. Its path is its
 * maker's. */
int listen_unix_adopt(struct server *server, int fd, struct listen_unix **out,
		      char why[LISTEN_WHY_MAX]);

/* Where it listens. */
const struct address *listen_unix_address(const struct listen_unix *listener);

/* Stops, and removes the socket from the file system. NULL is fine; returns NULL. */
struct listen_unix *listen_unix_free(struct listen_unix *listener);
