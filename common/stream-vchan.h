/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vchan ring (Xen's libxenvchan) as a byte stream.
 *
 * The calls that make and close a stream talk to xenstored and wait for it, for ever if it is
 * stopped. Reading and writing do not. See docs/protocol.md for who is server and who client.
 */
#pragma once

#include <stdint.h>

#include "common/stream.h"

enum {
	STREAM_VCHAN_PATH_MAX = 49, /* libxenvchan cuts longer paths without a word */
	STREAM_VCHAN_RING_DEFAULT = 64 * 1024,
	STREAM_VCHAN_RING_MAX = 1024 * 1024,
};

/* Publishes a ring at path for peer and returns at once; the stream reads 0 until the peer has
 * come (stream_vchan_is_connected). Sizes are rounded up to a power of two.
 * 0, -EINVAL for a bad path or size, -ENOSPC if there are no grant pages left, or another errno. */
int stream_vchan_serve(uint32_t peer_domid, const char *path, size_t read_size, size_t write_size,
		       struct stream **out);

/* Dials the ring that domid published at path. -EPROTO if the ring it offers is not of a size
 * libxenvchan could have made. -ENOENT if it is not there (any more), -ELOOP for the own domain,
 * if own_domid is it. */
int stream_vchan_dial(uint32_t own_domid, uint32_t domid, const char *path, struct stream **out);

/* Of a server: whether the peer has come. A hint that the peer can forge, no proof of life. */
bool stream_vchan_is_connected(const struct stream *stream);

/* Bytes of shared memory that the stream's rings hold, for accounting. */
size_t stream_vchan_size(const struct stream *stream);
