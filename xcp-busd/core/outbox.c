/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/outbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct outbox_segment {
	struct blob *blob;
	uint32_t offset, size;
	bool is_chunk; /* ours alone: may be appended to, goes back to the pool */
	struct fds *fds; /* go with the first byte; charged to: */
	struct quota *fds_payer;
};

struct outbox_run { /* consecutive bytes with one sender and one payer */
	struct sender *sender; /* NULL: nobody waits for these */
	struct quota *payer;
	uint64_t size;
	unsigned fds;
	bool is_unread; /* counted in sender->unread */
};

struct blob *blob_new(uint32_t capacity)
{
	struct blob *blob = malloc(sizeof(*blob) + capacity);

	if (blob)
		*blob = (struct blob){ .refs = 1, .capacity = capacity };
	return blob;
}

struct blob *blob_ref(struct blob *blob)
{
	blob->refs++;
	return blob;
}

struct blob *blob_unref(struct blob *blob)
{
	if (blob && --blob->refs == 0)
		free(blob);
	return NULL;
}

static struct blob *pool_take(struct blob_pool *pool)
{
	struct blob *blob = pool->free;

	if (!blob)
		return blob_new(BLOB_CHUNK_SIZE);
	pool->free = blob->next;
	pool->count--;
	blob->size = 0;
	return blob;
}

static void pool_give(struct blob_pool *pool, struct blob *blob)
{
	if (pool->count >= BLOB_POOL_MAX) {
		blob_unref(blob);
		return;
	}
	blob->next = pool->free;
	pool->free = blob;
	pool->count++;
}

void blob_pool_deinit(struct blob_pool *pool)
{
	while (pool->free) {
		struct blob *blob = pool->free;

		pool->free = blob->next;
		blob_unref(blob);
	}
	pool->count = 0;
}

struct sender *sender_new(struct peer *peer)
{
	struct sender *sender = calloc(1, sizeof(*sender));

	if (sender)
		*sender = (struct sender){ .refs = 1, .peer = peer };
	return sender;
}

static struct sender *sender_ref(struct sender *sender)
{
	sender->refs++;
	return sender;
}

struct sender *sender_unref(struct sender *sender)
{
	if (sender && --sender->refs == 0)
		free(sender);
	return NULL;
}

void outbox_init(struct outbox *outbox, struct blob_pool *pool)
{
	*outbox = (struct outbox){ .pool = pool };
}

static struct outbox_segment *segment_at(const struct outbox *outbox, unsigned index)
{
	return &outbox->segments[(outbox->segments_first + index) & (outbox->segments_max - 1)];
}

static struct outbox_run *run_at(const struct outbox *outbox, unsigned index)
{
	return &outbox->runs[(outbox->runs_first + index) & (outbox->runs_max - 1)];
}

/* A ring, whose capacity is a power of two, in more memory; its first element is the first there.
 * NULL without memory, and nothing has changed. */
static void *ring_grow(void *ring, unsigned first, unsigned count, unsigned *max, size_t element,
		       unsigned more)
{
	unsigned wanted = *max ? *max : 4, i;
	uint8_t *old = ring, *grown;

	while (wanted < count + more)
		wanted *= 2;
	grown = malloc(wanted * element);
	if (!grown)
		return NULL;
	for (i = 0; i < count; i++)
		memcpy(grown + i * element, old + ((first + i) & (*max - 1)) * element, element);
	free(old);
	*max = wanted;
	return grown;
}

static int segments_reserve(struct outbox *outbox, unsigned more)
{
	struct outbox_segment *grown;

	if (outbox->segments_count + more <= outbox->segments_max)
		return 0;
	grown = ring_grow(outbox->segments, outbox->segments_first, outbox->segments_count,
			  &outbox->segments_max, sizeof(*grown), more);
	if (!grown)
		return -ENOMEM;
	outbox->segments = grown;
	outbox->segments_first = 0;
	return 0;
}

static int runs_reserve(struct outbox *outbox, unsigned more)
{
	struct outbox_run *grown;

	if (outbox->runs_count + more <= outbox->runs_max)
		return 0;
	grown = ring_grow(outbox->runs, outbox->runs_first, outbox->runs_count, &outbox->runs_max,
			  sizeof(*grown), more);
	if (!grown)
		return -ENOMEM;
	outbox->runs = grown;
	outbox->runs_first = 0;
	return 0;
}

static struct outbox_segment *open_chunk(const struct outbox *outbox)
{
	struct outbox_segment *last;

	if (!outbox->segments_count)
		return NULL;
	last = segment_at(outbox, outbox->segments_count - 1);
	return last->is_chunk ? last : NULL;
}

static void segment_push(struct outbox *outbox, struct outbox_segment segment)
{
	outbox->segments_count++;
	*segment_at(outbox, outbox->segments_count - 1) = segment;
}

static void run_push(struct outbox *outbox, uint64_t size, unsigned fds, struct quota *payer,
		     struct sender *sender)
{
	bool is_unread = sender && !outbox->is_stuck;
	struct outbox_run *last;

	if (is_unread) {
		sender->unread += size;
		peak_raise(&sender->unread_peak, sender->unread);
		if (fds) {
			sender->unread_fds += fds;
			peak_raise(&sender->unread_fds_peak, sender->unread_fds);
		}
	}
	if (outbox->runs_count) {
		last = run_at(outbox, outbox->runs_count - 1);
		if (last->sender == sender && last->payer == payer &&
		    last->is_unread == is_unread) {
			last->size += size;
			last->fds += fds;
			return;
		}
	}
	outbox->runs_count++;
	*run_at(outbox, outbox->runs_count - 1) = (struct outbox_run){
		.sender = sender ? sender_ref(sender) : NULL,
		.payer = quota_ref(payer),
		.size = size,
		.fds = fds,
		.is_unread = is_unread,
	};
}

static bool charge(struct quota *payer, uint64_t size, const struct fds *fds)
{
	if (!quota_charge(payer, QUOTA_BYTES, size))
		return false;
	if (!fds || quota_charge(payer, QUOTA_FDS, fds->count))
		return true;
	quota_release(payer, QUOTA_BYTES, size);
	return false;
}

static void discharge(struct quota *payer, uint64_t size, const struct fds *fds)
{
	quota_release(payer, QUOTA_BYTES, size);
	if (fds)
		quota_release(payer, QUOTA_FDS, fds->count);
}

/* Where the copied part of a message goes. Descriptors belong to the first byte of a segment, so a
 * message that has some begins a new one. */
static int reserve(struct outbox *outbox, uint64_t copied, bool has_fds)
{
	struct outbox_segment *last;
	struct blob *chunk;

	if (segments_reserve(outbox, 2) < 0 || runs_reserve(outbox, 1) < 0)
		return -ENOMEM;
	last = has_fds ? NULL : open_chunk(outbox);
	if (last && last->blob->capacity - last->blob->size >= copied)
		return 0;
	chunk = copied <= BLOB_CHUNK_SIZE ? pool_take(outbox->pool) : blob_new((uint32_t)copied);
	if (!chunk)
		return -ENOMEM;
	segment_push(outbox, (struct outbox_segment){ .blob = chunk, .is_chunk = true });
	return 0;
}

static void append_copy(struct outbox_segment *last, const struct iovec *parts, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		memcpy(last->blob->bytes + last->blob->size, parts[i].iov_base, parts[i].iov_len);
		last->blob->size += (uint32_t)parts[i].iov_len;
		last->size += (uint32_t)parts[i].iov_len;
	}
}

static void append_reference(struct outbox *outbox, struct blob *body, const struct iovec *part)
{
	segment_push(outbox, (struct outbox_segment){
				     .blob = blob_ref(body),
				     .offset = (uint32_t)((uint8_t *)part->iov_base - body->bytes),
				     .size = (uint32_t)part->iov_len,
			     });
}

int outbox_add(struct outbox *outbox, const struct iovec *parts, int count, uint64_t size,
	       const struct cargo *cargo, struct quota *payer, struct sender *sender)
{
	uint64_t copied = cargo->body ? size - parts[count - 1].iov_len : size;
	struct outbox_segment *last;

	if (!charge(payer, size, cargo->fds))
		return OUTBOX_OVER_QUOTA;
	if (reserve(outbox, copied, cargo->fds != NULL) < 0) {
		discharge(payer, size, cargo->fds);
		return -ENOMEM;
	}
	last = open_chunk(outbox);
	if (cargo->fds) {
		last->fds = fds_ref(cargo->fds);
		last->fds_payer = quota_ref(payer);
		outbox->fds_count += cargo->fds->count;
		peak_raise(&outbox->fds_peak, outbox->fds_count);
	}
	append_copy(last, parts, cargo->body ? count - 1 : count);
	if (cargo->body)
		append_reference(outbox, cargo->body, &parts[count - 1]);
	run_push(outbox, size, cargo->fds ? cargo->fds->count : 0, payer, sender);
	outbox->size += size;
	peak_raise(&outbox->size_peak, outbox->size);
	return OUTBOX_QUEUED;
}

int outbox_peek(const struct outbox *outbox, struct iovec *parts, int max, struct fds **fds)
{
	int i;

	*fds = outbox->segments_count ? segment_at(outbox, 0)->fds : NULL;
	for (i = 0; i < max && (unsigned)i < outbox->segments_count; i++) {
		const struct outbox_segment *segment = segment_at(outbox, (unsigned)i);

		if (i && segment->fds)
			break;
		parts[i].iov_base = segment->blob->bytes + segment->offset;
		parts[i].iov_len = segment->size;
	}
	return i;
}

static void segment_drop_fds(struct outbox *outbox, struct outbox_segment *segment)
{
	if (!segment->fds)
		return;
	outbox->fds_count -= segment->fds->count;
	quota_release(segment->fds_payer, QUOTA_FDS, segment->fds->count);
	segment->fds_payer = quota_unref(segment->fds_payer);
	segment->fds = fds_unref(segment->fds);
}

void outbox_fds_sent(struct outbox *outbox)
{
	segment_drop_fds(outbox, segment_at(outbox, 0));
}

static void sender_read(struct sender *sender, uint64_t size, unsigned fds,
			void (*resume)(struct sender *sender))
{
	sender->unread -= size;
	sender->unread_fds -= fds;
	if (sender->resume_at && sender->unread <= sender->resume_at &&
	    sender->unread_fds <= sender->resume_at_fds) {
		sender->resume_at = 0;
		resume(sender);
	}
}

static void run_consume(struct outbox_run *run, uint64_t size,
			void (*resume)(struct sender *sender))
{
	quota_release(run->payer, QUOTA_BYTES, size);
	run->size -= size;
	/* Of the descriptors of a run we know only that they have all been read at its end. */
	if (run->is_unread)
		sender_read(run->sender, size, run->size ? 0 : run->fds, resume);
	if (run->size)
		return;
	sender_unref(run->sender);
	quota_unref(run->payer);
}

static void segment_free(struct outbox *outbox, struct outbox_segment *segment)
{
	segment_drop_fds(outbox, segment);
	if (segment->is_chunk && segment->blob->capacity == BLOB_CHUNK_SIZE)
		pool_give(outbox->pool, segment->blob);
	else
		blob_unref(segment->blob);
}

static void segments_consume(struct outbox *outbox, uint64_t size)
{
	while (size) {
		struct outbox_segment *segment = segment_at(outbox, 0);

		if (size < segment->size) {
			segment->offset += (uint32_t)size;
			segment->size -= (uint32_t)size;
			return;
		}
		size -= segment->size;
		segment_free(outbox, segment);
		outbox->segments_first = (outbox->segments_first + 1) & (outbox->segments_max - 1);
		outbox->segments_count--;
	}
}

void outbox_consume(struct outbox *outbox, uint64_t size, void (*resume)(struct sender *sender))
{
	assert(size <= outbox->size);
	outbox->size -= size;
	outbox->sent_size += size;
	segments_consume(outbox, size);
	while (size) {
		struct outbox_run *run = run_at(outbox, 0);
		uint64_t part = size < run->size ? size : run->size;
		bool is_whole = part == run->size;

		run_consume(run, part, resume);
		size -= part;
		if (is_whole) {
			outbox->runs_first = (outbox->runs_first + 1) & (outbox->runs_max - 1);
			outbox->runs_count--;
		}
	}
	if (!outbox->size)
		outbox->is_stuck = false;
}

void outbox_set_stuck(struct outbox *outbox, void (*resume)(struct sender *sender))
{
	unsigned i;

	outbox->is_stuck = true;
	for (i = 0; i < outbox->runs_count; i++) {
		struct outbox_run *run = run_at(outbox, i);

		if (!run->is_unread)
			continue;
		run->is_unread = false;
		sender_read(run->sender, run->size, run->fds, resume);
	}
}

void outbox_deinit(struct outbox *outbox, void (*resume)(struct sender *sender))
{
	if (outbox->size)
		outbox_consume(outbox, outbox->size, resume);
	free(outbox->segments);
	free(outbox->runs);
	*outbox = (struct outbox){ .pool = outbox->pool };
}
