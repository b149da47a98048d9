/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A byte stream between two programs: a Unix socket or a vchan ring.
 *
 * read and write move what they can and return the number of bytes, 0 for "not now", or a
 * negative errno once the stream is over (-EPIPE if it ended in good order, -EPROTO if the
 * peer broke the transport's rules). They never block.
 *
 * Poll fd for what events says: a socket adds POLLOUT when there is something to write; a
 * ring always asks for POLLIN, because its event channel announces both directions. When the
 * fd fires, call ack once, then read while stream_may_have_more and write what is queued: a ring
 * asks its peer for the next event only from a call that came up short, and one whose peer has
 * gone, perhaps before the ack, has no more events.
 *
 * A stream is used by one thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct stream;

struct stream_ops {
	ssize_t (*read)(struct stream *stream, void *buffer, size_t size);
	ssize_t (*write)(struct stream *stream, const struct iovec *parts, int count);
	int (*fd)(const struct stream *stream);
	short (*events)(const struct stream *stream, bool want_write);
	void (*ack)(struct stream *stream);
	bool (*has_ended)(const struct stream *stream); /* of a ring; NULL if polling tells */
	void (*close)(struct stream *stream); /* ends the stream and frees it */
};

struct stream {
	const struct stream_ops *ops;
};

static inline ssize_t stream_read(struct stream *stream, void *buffer, size_t size)
{
	return stream->ops->read(stream, buffer, size);
}

/* After a read that moved so much of what was asked for: whether to read again at once. */
static inline bool stream_may_have_more(const struct stream *stream, ssize_t moved, size_t asked)
{
	return moved > 0 && ((size_t)moved == asked ||
			     (stream->ops->has_ended && stream->ops->has_ended(stream)));
}

static inline ssize_t stream_write(struct stream *stream, const struct iovec *parts, int count)
{
	return stream->ops->write(stream, parts, count);
}

static inline int stream_fd(const struct stream *stream)
{
	return stream->ops->fd(stream);
}

static inline short stream_events(const struct stream *stream, bool want_write)
{
	return stream->ops->events(stream, want_write);
}

static inline void stream_ack(struct stream *stream)
{
	stream->ops->ack(stream);
}

static inline void stream_close(struct stream *stream)
{
	if (stream)
		stream->ops->close(stream);
}
