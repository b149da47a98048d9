/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is waiting to be written to one peer.
 *
 * Small messages are copied one behind the other into flat chunks, so that a whole round leaves
 * in one write; large ones are queued by reference to the blob they arrived in. A queue also
 * remembers, run by run, who sent how much of it: senders are told what of theirs is unread,
 * and the bytes stay on the quota of whoever pays for them until they are gone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/fds.h"
#include "core/quota.h"

enum {
	BLOB_CHUNK_SIZE = 16 * 1024, /* small: a fan-out touches one for each receiver */
	BLOB_POOL_MAX = 256, /* empty chunks kept for reuse */
	OUTBOX_COPY_MAX = 16 * 1024, /* larger messages are queued by reference */
};

/* Bytes with a count of who still needs them. */
struct blob {
	unsigned refs;
	uint32_t size, capacity;
	struct blob *next; /* in the pool */
	uint8_t bytes[];
};

struct blob_pool { /* one for the bus */
	struct blob *free;
	unsigned count;
};

struct blob *blob_new(uint32_t capacity); /* NULL without memory; empty, with one reference */
struct blob *blob_ref(struct blob *blob);
struct blob *blob_unref(struct blob *blob); /* NULL is fine; returns NULL */
void blob_pool_deinit(struct blob_pool *pool);

/* The part of a sender that queued bytes point to: it lives until the last of them is gone. */
struct peer;

struct sender {
	unsigned refs;
	uint64_t unread; /* bytes of its messages in the queues of others that do progress */
	uint64_t unread_fds; /* the same for descriptors */
	uint64_t unread_peak, unread_fds_peak;
	uint64_t resume_at; /* paused until unread is no more than this; 0: not paused */
	uint64_t resume_at_fds; /* and unread_fds no more than this */
	struct peer *peer; /* NULL when the connection has ended */
};

struct sender *sender_new(struct peer *peer);
struct sender *sender_unref(struct sender *sender);

struct outbox {
	struct outbox_segment *segments; /* a ring of capacity segments_max, a power of two */
	unsigned segments_first, segments_count, segments_max;
	struct outbox_run *runs;
	unsigned runs_first, runs_count, runs_max;
	struct blob_pool *pool;
	uint64_t size; /* bytes queued */
	uint64_t sent_size; /* bytes that have left it, ever */
	uint64_t fds_count; /* descriptors queued */
	uint64_t size_peak, fds_peak;
	bool is_stuck; /* its bytes no longer count as unread */
};

void outbox_init(struct outbox *outbox, struct blob_pool *pool);
/* Senders that were waiting for this queue are passed to resume. */
void outbox_deinit(struct outbox *outbox, void (*resume)(struct sender *sender));

/* What a message carries beside its bytes in somebody's buffer; each may be NULL. */
struct cargo {
	struct blob *body; /* holds the bytes: large parts are queued by reference to it */
	struct fds *fds;
};

/* Appends one message of 1 to 4 parts, size bytes in all, charging payer, and counting it as unread
 * of sender if there is one. If cargo has a body, it holds the bytes of the last part, which is
 * then queued by reference. 0, OUTBOX_OVER_QUOTA, or -ENOMEM; nothing is queued unless 0. */
enum { OUTBOX_QUEUED, OUTBOX_OVER_QUOTA };
int outbox_add(struct outbox *outbox, const struct iovec *parts, int count, uint64_t size,
	       const struct cargo *cargo, struct quota *payer, struct sender *sender);

/* The bytes at the front; returns the number of parts filled, at most max. If descriptors have to
 * go with the first of them, *fds are these, else NULL; those of later parts end what is given
 * out. */
int outbox_peek(const struct outbox *outbox, struct iovec *parts, int max, struct fds **fds);

/* The descriptors that outbox_peek gave out have been sent. */
void outbox_fds_sent(struct outbox *outbox);

/* size bytes have been written. Senders that were paused and may go on are passed to resume. */
void outbox_consume(struct outbox *outbox, uint64_t size, void (*resume)(struct sender *sender));

/* Nobody waits any longer for this queue: what is in it, and what comes, is no longer unread. */
void outbox_set_stuck(struct outbox *outbox, void (*resume)(struct sender *sender));
