/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/ring-offer.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/store.h"
#include "common/stream-vchan.h"
#include "common/thread.h"

enum {
	ERROR_PATH_MAX = STREAM_VCHAN_PATH_MAX + sizeof("/error"),
	REASON_TIMEOUT_MS = 1000,
	CONSUME_TIMEOUT_MS = 5000, /* from the ring's being taken to the offer's */
};

/* Shared by the caller and the thread: whoever is the last to leave frees it. */
struct ring_offer {
	pthread_mutex_t lock; /* of the fields from here to why */
	bool is_cancelled, is_finished;
	unsigned users;
	int result;
	struct stream *ring; /* of a good result */
	char why[RING_OFFER_WHY_MAX];

	int done_fd; /* eventfd: the result is there */
	int cancel_fd; /* eventfd: nobody wants it any more */

	/* the thread's own */
	uint32_t domid, own_domid;
	size_t ring_size;
	struct store *store;
	char path[STREAM_VCHAN_PATH_MAX + 1];
	char error_path[ERROR_PATH_MAX];
};

static void offer_leave(struct ring_offer *offer)
{
	bool is_last;

	pthread_mutex_lock(&offer->lock);
	is_last = --offer->users == 0;
	pthread_mutex_unlock(&offer->lock);
	if (!is_last)
		return;
	/* Taken, cancelled or never made: a ring that is still here was taken by the bus after all,
	 * so closing it does not wait. */
	stream_close(offer->ring);
	if (offer->done_fd >= 0)
		close(offer->done_fd);
	if (offer->cancel_fd >= 0)
		close(offer->cancel_fd);
	pthread_mutex_destroy(&offer->lock);
	free(offer);
}

static int refuse(char why[RING_OFFER_WHY_MAX], int failure, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(char why[RING_OFFER_WHY_MAX], int failure, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, RING_OFFER_WHY_MAX, format, args);
	va_end(args);
	return failure;
}

static int64_t now_ms(void)
{
	return (int64_t)(clock_us() / 1000);
}

/* Finds out who we are, draws an id, and asks to be told of a refusal. */
static int prepare(struct ring_offer *offer, char *why)
{
	uint8_t id[6];
	uint32_t own;
	int r;

	r = store_open(&offer->store);
	if (r < 0)
		return refuse(why, r, "xenstore cannot be reached (%s): %s", strerror(-r),
			      store_hint(r));
	r = store_own_domid(offer->store, &own);
	if (r < 0)
		return refuse(why, r, "xenstore does not tell the own domain: %s", strerror(-r));
	offer->own_domid = own;
	if (own == offer->domid)
		return refuse(why, -ELOOP,
			      "domain %" PRIu32 " is this domain: use the bus's Unix socket", own);
	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return refuse(why, -EIO, "no random numbers");
	snprintf(offer->path, sizeof(offer->path),
		 "/local/domain/%" PRIu32 "/data/xcp-bus/%02x%02x%02x%02x%02x%02x", own, id[0],
		 id[1], id[2], id[3], id[4], id[5]);
	snprintf(offer->error_path, sizeof(offer->error_path), "%s/error", offer->path);
	r = store_watch(offer->store, offer->error_path, "error");
	if (r < 0)
		return refuse(why, r, "xenstore refuses a watch: %s", strerror(-r));
	return 0;
}

/* A bus outside of dom0 may do what we allow it: find the offer, take it away, say why it does not
 * want it. What libxenvchan adds it lets the peer read. */
static int admit(struct ring_offer *offer, char *why)
{
	struct store_access reads[] = { { .domid = offer->own_domid },
					{ .domid = offer->domid, .reads = true } };
	struct store_access writes[] = { { .domid = offer->own_domid },
					 { offer->domid, .reads = true, .writes = true } };
	char parent[STREAM_VCHAN_PATH_MAX + 1];
	int r;

	if (offer->domid == 0)
		return 0;
	snprintf(parent, sizeof(parent), "/local/domain/%" PRIu32 "/data/xcp-bus",
		 offer->own_domid);
	r = store_write(offer->store, offer->error_path, "");
	if (r == 0)
		r = store_set_access(offer->store, offer->error_path, writes, 2);
	if (r == 0)
		r = store_set_access(offer->store, offer->path, writes, 2);
	if (r == 0)
		r = store_set_access(offer->store, parent, reads, 2);
	return r < 0 ? refuse(why, r, "xenstore refuses a place for a ring: %s", strerror(-r)) : 0;
}

static int publish(struct ring_offer *offer, struct stream **ring, char *why)
{
	int r = stream_vchan_serve(offer->domid, offer->path, offer->ring_size, offer->ring_size,
				   ring);

	if (r == -ENOSPC)
		return refuse(
			why, r,
			"a ring of twice %zu bytes cannot be had: no grant pages, event channels "
			"or xenstore quota left",
			offer->ring_size);
	if (r == -ENOENT)
		return refuse(why, r, "this domain cannot share memory: is xen-gntalloc loaded?");
	if (r == -EACCES)
		return refuse(why, r,
			      "this user may not share memory: is it in the group xcp-bus?");
	if (r < 0)
		return refuse(why, r, "a ring cannot be offered: %s", strerror(-r));
	return 0;
}

/* 0: no refusal yet. */
static int look_for_refusal(struct ring_offer *offer, char *why)
{
	CLEANUP(cleanup_free) char *text = NULL;
	const char *path, *token;
	char shown[RING_OFFER_WHY_MAX - 64];
	unsigned size;
	int r;

	while ((r = store_next_event(offer->store, &path, &token)) > 0)
		;
	if (r < 0)
		return refuse(why, r, "xenstore went away while the ring waited to be taken");
	r = store_read(offer->store, offer->error_path, &text, &size);
	if (r < 0 || !size)
		return 0; /* the event that every watch begins with */
	return refuse(why, -ECONNREFUSED, "the bus in domain %" PRIu32 " refuses the ring: %s",
		      offer->domid, log_escape(shown, sizeof(shown), text, size));
}

static int wait_for_answer(struct ring_offer *offer, struct stream *ring, char *why)
{
	struct pollfd fds[] = {
		{ .fd = stream_fd(ring), .events = stream_events(ring, false) },
		{ .fd = store_fd(offer->store), .events = POLLIN },
		{ .fd = offer->cancel_fd, .events = POLLIN },
	};
	int64_t deadline = now_ms() + RING_OFFER_TIMEOUT_MS, left;
	int r;

	while (!stream_vchan_is_connected(ring) || !stream_vchan_is_open(ring)) {
		/* Taken and closed again: what is wrong with it may be about to be said. */
		if (!stream_vchan_is_open(ring) && deadline > now_ms() + REASON_TIMEOUT_MS)
			deadline = now_ms() + REASON_TIMEOUT_MS;
		left = deadline - now_ms();
		if (left <= 0 && !stream_vchan_is_open(ring))
			return refuse(why, -ECONNRESET,
				      "the bus in domain %" PRIu32 " took the ring and closed it",
				      offer->domid);
		if (left <= 0)
			return refuse(why, -ETIMEDOUT,
				      "no bus in domain %" PRIu32 " took the ring within %d s",
				      offer->domid, RING_OFFER_TIMEOUT_MS / 1000);
		if (poll(fds, 3, (int)left) < 0 && errno != EINTR)
			return refuse(why, -errno, "poll: %s", strerror(errno));
		if (fds[2].revents)
			return refuse(why, -ECANCELED, "cancelled");
		if (fds[0].revents)
			stream_ack(ring);
		if (fds[1].revents) {
			r = look_for_refusal(offer, why);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Whether this domain was saved while the ring waited, and goes on as another. */
static bool is_elsewhere(const struct ring_offer *offer)
{
	uint32_t own;

	return store_own_domid(offer->store, &own) == 0 && own != offer->own_domid;
}

/* Gives the result to whoever waits; the ring stays here if nobody does. */
static bool finish(struct ring_offer *offer, int result, struct stream *ring, const char *why)
{
	bool is_wanted;

	pthread_mutex_lock(&offer->lock);
	is_wanted = !offer->is_cancelled;
	if (is_wanted) {
		offer->result = result == -EAGAIN ? -EIO : result; /* -EAGAIN has its meaning */
		offer->ring = result < 0 ? NULL : ring;
		snprintf(offer->why, sizeof(offer->why), "%s", why);
		offer->is_finished = true;
	}
	eventfd_write(offer->done_fd, 1); /* also for whoever withdraws it */
	pthread_mutex_unlock(&offer->lock);
	return is_wanted;
}

/* A bus consumes what was published. One that is not in dom0, and was taken over, might leave it,
 * again and again, until xenstore is full; and may not be deprived of it too soon. */
static void tidy(struct ring_offer *offer)
{
	struct pollfd fd = { .fd = store_fd(offer->store), .events = POLLIN };
	int64_t deadline = now_ms() + CONSUME_TIMEOUT_MS, left;
	const char *path, *token;
	char *value;

	while ((left = deadline - now_ms()) > 0) {
		if (store_read(offer->store, offer->path, &value, NULL) < 0)
			return;
		free(value);
		poll(&fd, 1, (int)left);
		while (store_next_event(offer->store, &path, &token) > 0)
			;
	}
	store_remove(offer->store, offer->path);
}

static void *offer_thread(void *data)
{
	struct ring_offer *offer = data;
	char why[RING_OFFER_WHY_MAX] = "";
	struct stream *ring = NULL;
	int r;

	r = prepare(offer, why);
	if (r == 0)
		r = admit(offer, why);
	if (r == 0)
		r = publish(offer, &ring, why);
	if (r == 0)
		r = wait_for_answer(offer, ring, why);
	if (r == 0) {
		stream_vchan_forget_store(ring); /* the bus consumes what was published */
	} else {
		/* Removes what was published and what the bus put there. First, because a program
		 * that hears of the failure may end at once. */
		if (ring && is_elsewhere(offer))
			stream_vchan_set_dead(ring);
		stream_close(TAKE(ring));
		if (*offer->path && offer->domid)
			store_remove(offer->store, offer->path);
	}
	if (!finish(offer, r, ring, why))
		stream_close(ring);
	if (r == 0 && offer->domid)
		tidy(offer);
	offer->store = store_free(offer->store);
	offer_leave(offer);
	return NULL;
}

static int start_thread(struct ring_offer *offer)
{
	pthread_t thread;
	int r = thread_start(offer_thread, offer, &thread);

	if (r == 0)
		pthread_detach(thread);
	return r;
}

int ring_offer_start(uint32_t domid, size_t ring_size, struct ring_offer **out)
{
	struct ring_offer *offer = calloc(1, sizeof(*offer));
	int r = 0;

	if (!offer)
		return -ENOMEM;
	pthread_mutex_init(&offer->lock, NULL);
	offer->users = 2;
	offer->domid = domid;
	offer->ring_size = ring_size ? ring_size : STREAM_VCHAN_RING_DEFAULT;
	offer->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	offer->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (offer->done_fd < 0 || offer->cancel_fd < 0)
		r = -errno;
	if (r == 0)
		r = start_thread(offer);
	if (r < 0) {
		offer->users = 1;
		offer_leave(offer);
		return r;
	}
	*out = offer;
	return 0;
}

int ring_offer_fd(const struct ring_offer *offer)
{
	return offer->done_fd;
}

int ring_offer_take(struct ring_offer *offer, struct stream **ring, char why[RING_OFFER_WHY_MAX])
{
	int result = -EAGAIN;

	pthread_mutex_lock(&offer->lock);
	if (offer->is_finished) {
		result = offer->result;
		if (result == 0)
			*ring = TAKE(offer->ring);
		else
			memcpy(why, offer->why, RING_OFFER_WHY_MAX);
	}
	pthread_mutex_unlock(&offer->lock);
	if (result != -EAGAIN)
		offer_leave(offer);
	return result;
}

static void cancel(struct ring_offer *offer)
{
	pthread_mutex_lock(&offer->lock);
	offer->is_cancelled = true;
	eventfd_write(offer->cancel_fd, 1);
	pthread_mutex_unlock(&offer->lock);
}

struct ring_offer *ring_offer_cancel(struct ring_offer *offer)
{
	if (!offer)
		return NULL;
	cancel(offer);
	offer_leave(offer);
	return NULL;
}

struct ring_offer *ring_offer_withdraw(struct ring_offer *offer, int timeout_ms)
{
	struct pollfd fd = { .fd = offer->done_fd, .events = POLLIN };

	cancel(offer);
	while (poll(&fd, 1, timeout_ms) < 0 && errno == EINTR)
		;
	offer_leave(offer);
	return NULL;
}
