/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connected Unix socket as a byte stream. */
#pragma once

#include "common/fds.h"
#include "common/stream.h"

/* Takes the socket over, on success only, and makes it non-blocking. 0 or -ENOMEM or another
 * errno. */
int stream_unix_new(int fd, struct stream **out);

/* Connects to a path, or to an abstract name if abstract. 0 or a negative errno. The connect is
 * made without waiting: -EAGAIN means that the listener's backlog is full. */
int stream_unix_connect(const char *path, bool abstract, struct stream **out);

/* File descriptors ride beside the bytes: on this stream alone, and only after this call. Until
 * then the kernel throws away those that arrive. */
void stream_unix_accept_fds(struct stream *stream);

/* How many have arrived and were not taken. */
unsigned stream_unix_fds_count(const struct stream *stream);

/* The first count of them, in the order in which they were sent. NULL without memory, or if there
 * are not so many. */
struct fds *stream_unix_take_fds(struct stream *stream, unsigned count);

/* Writes as stream_write does, with descriptors beside the first byte: they have left if the result
 * is not 0. */
ssize_t stream_unix_write_fds(struct stream *stream, const struct iovec *parts, int count,
			      const struct fds *fds);

/* Whether the other end has read all that was written to it. */
bool stream_unix_is_read(const struct stream *stream);
