/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* File descriptors that travel with one message, for as long as somebody still has to get them. */
#pragma once

enum { FDS_MAX = 64 }; /* with one message; the kernel passes up to 253 */

struct fds {
	unsigned refs, count;
	int fd[];
};

/* NULL without memory. The descriptors are its own from then on: closed with the last reference. */
struct fds *fds_new(const int *fd, unsigned count);
struct fds *fds_ref(struct fds *fds);
struct fds *fds_unref(struct fds *fds); /* NULL is fine; returns NULL */
