/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vchan ring (Xen's libxenvchan) as a byte stream.
 *
 * The calls that make a stream, and closing a server's, talk to xenstored and wait for it, for ever
 * if it is stopped. Nothing else does. See docs/protocol.md for who is server and who client.
 *
 * Whatever the peer writes into the shared pages, read and write return: they end the stream with
 * -EPROTO if it moved a cursor where no correct libxenvchan can.
 */
#pragma once

#include <stdint.h>

#include "common/stream.h"

enum {
	STREAM_VCHAN_PATH_MAX = 49, /* libxenvchan cuts longer paths without a word */
	STREAM_VCHAN_RING_DEFAULT = 64 * 1024,
	STREAM_VCHAN_RING_MAX = 1024 * 1024,
};

/* Publishes a ring at path for peer; the stream reads 0 until the peer has come
 * (stream_vchan_is_connected). Sizes are rounded up to a power of two; 1 KiB one way with 1 or
 * 2 KiB the other fit into the control page. What is written before the peer comes waits for it.
 * 0, -EINVAL for a bad path or size, -ENOSPC if there are no grant pages or ports left, or another
 * errno. */
int stream_vchan_serve(uint32_t peer_domid, const char *path, size_t read_size, size_t write_size,
		       struct stream **out);

/* Dials the ring that domid published at path. -EPROTO if what it offers is no ring that
 * libxenvchan could have made, -ENOENT if it is not there (any more), -ELOOP if domid is own_domid:
 * a ring to the own domain has crashed kernels. */
int stream_vchan_dial(uint32_t own_domid, uint32_t domid, const char *path, struct stream **out);

/* Of a server: whether the peer has come, be it gone again. A hint that the peer can forge, no
 * proof of life. */
bool stream_vchan_is_connected(const struct stream *stream);

/* False once the peer has closed it, or its process ended; what it wrote before can still be read.
 * True of a server whose peer has not come. */
bool stream_vchan_is_open(const struct stream *stream);

/* Of a server: what was published is no longer ours to remove (the peer consumed it). From now on
 * close does not talk to xenstored and so does not wait. */
void stream_vchan_forget_store(struct stream *stream);

/* Of a server, in a child that was forked: gives up what the child has of it, so that it ends with
 * the parent. Nothing is freed, and nothing can be done with it any more. */
void stream_vchan_leave(const struct stream *stream);

/* Whether the peer has reacted since the last call: asked for an event, or read, or written. If it
 * waits for an event, it gets one, for nothing: it is to ask again. */
bool stream_vchan_poke(struct stream *stream);

/* How full the rings are: the one that we read, and the one that the peer reads. */
struct stream_vchan_fill {
	uint32_t read_size, read_used, write_size, write_used;
};
void stream_vchan_measure(const struct stream *stream, struct stream_vchan_fill *fill);

/* Its domain was saved and restored, or migrated: to be said before it is closed, or another ring
 * of this domain may be cut (dead-port.h). Any stream will do. */
void stream_vchan_set_dead(struct stream *stream);

/* Pages of shared memory that the stream's rings take, with the control page. */
unsigned stream_vchan_pages(const struct stream *stream);

/* The same of one that is to be served. */
unsigned stream_vchan_pages_for(size_t read_size, size_t write_size);
