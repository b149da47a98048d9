/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes in on a link: the lines of the authentication, then messages.
 *
 * All links read into one buffer of the server, where whole messages are handed on in place. What
 * is left over is kept by its link, charged to its quota; a large message gets memory of its own,
 * charged in full before it is allocated, and is read straight into it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/stream-unix.h"
#include "core/answer.h"
#include "io/link.h"
#include "io/listen-vchan.h"
#include "io/server.h"

enum {
	LARGE_MIN = 64 * 1024, /* a message from here on is a large one */
	REST_SHORT_MAX = 16 * 1024, /* of what is left over, when memory is short */
	CLOCK_EVERY = 16, /* messages, or */
	CLOCK_BYTES = 4096, /* so much of them: one of 64 KiB may cost a millisecond */
};

static uint32_t message_max(const struct link *link)
{
	return bus_message_max(&link->server->bus, &link->party.identity);
}

void link_set_half(struct link *link, bool is_half)
{
	if (!is_half) {
		list_remove(&link->half_link);
		return;
	}
	if (!list_is_empty(&link->half_link))
		return;
	link->half_since_us = link->server->now_us;
	list_push_back(&link->server->half, &link->half_link);
	server_look_after(link->server, link->server->now_us + 1000000);
}

static void authenticated(struct link *link)
{
	link->is_authenticated = true;
	link->peer.takes_fds = link->auth.has_unix_fds;
	if (link->auth.has_unix_fds)
		stream_unix_accept_fds(link->stream);
	link_leave_incomplete(link);
	if (link->party.identity.is_guest)
		listen_vchan_authenticated(link->server->vchan, &link->party);
}

static uint32_t take_auth(struct link *link, const uint8_t *bytes, uint32_t size)
{
	uint32_t done = 0;

	while (done < size && !link->is_authenticated && !link->why) {
		char reply[AUTH_REPLY_MAX];
		const char *why = NULL;
		size_t reply_size = 0, used = 0;
		int r = auth_feed(&link->auth, bytes + done, size - done, &used, reply, &reply_size,
				  &why);

		if (reply_size)
			answer_line(&link->server->bus, &link->peer, reply, reply_size);
		done += (uint32_t)used;
		if (r == AUTH_FAILED)
			link_drop(link, why,
				  reason_of(link->auth.rejects > AUTH_REJECTS_MAX
						    ? REASON_AUTH_ATTEMPTS
						    : REASON_BROKEN));
		else if (r == AUTH_DONE)
			authenticated(link);
		else if (!used)
			break;
	}
	return done;
}

/* The descriptors that a message says it has; false if the link is dropped for want of them. */
static bool take_fds(struct link *link, uint32_t count, struct fds **fds)
{
	*fds = NULL;
	if (!count)
		return true;
	if (count > link->server->bus.settings.message_fds_max) {
		link_drop(link, "a message has more file descriptors than one may have",
			  reason_limit(REASON_MESSAGE_FDS, count,
				       link->server->bus.settings.message_fds_max));
		return false;
	}
	if (!link->peer.takes_fds || count > stream_unix_fds_count(link->stream)) {
		link_drop(link, "fewer file descriptors came than its message says",
			  reason_of(REASON_BROKEN));
		return false;
	}
	*fds = stream_unix_take_fds(link->stream, count);
	if (!*fds)
		link_starve(link);
	return *fds;
}

static void drop_invalid(struct link *link, int verdict)
{
	struct reason reason = reason_of(REASON_BROKEN);

	if (verdict == MESSAGE_TOO_LONG)
		reason = reason_limit(REASON_MESSAGE_SIZE, REASON_UNKNOWN, message_max(link));
	link_drop(link, message_verdict_text(verdict), reason);
}

static void take_message(struct link *link, uint8_t *bytes, uint32_t size, struct blob *body)
{
	struct cargo cargo = { .body = body };
	struct message message;
	int verdict = message_parse(&message, bytes, size);

	if (verdict != MESSAGE_VALID) {
		drop_invalid(link, verdict);
		return;
	}
	if (!take_fds(link, message.unix_fds, &cargo.fds))
		return;
	if (bus_receive(&link->server->bus, &link->peer, &message, &cargo, link->server->now_us) <
	    0)
		link_starve(link);
	fds_unref(cargo.fds);
}

/* The size of the message that begins here, 0 if that cannot be said yet or the link is dropped. */
static uint32_t measure(struct link *link, const uint8_t *bytes, uint32_t size)
{
	uint32_t whole = 0;
	int verdict;

	if (size < MESSAGE_FIXED_SIZE)
		return 0;
	verdict = message_measure(bytes, message_max(link), &whole);
	if (verdict == MESSAGE_VALID)
		return whole;
	drop_invalid(link, verdict);
	return 0;
}

/* Hands on what is whole. Returns the number of bytes that are done with. */
static uint32_t take(struct link *link, uint8_t *bytes, uint32_t size)
{
	uint32_t done = 0, looked = 0, whole;
	unsigned count = 0;

	if (!link->is_authenticated)
		done = take_auth(link, bytes, size);
	while (link->is_authenticated && !link->why && !peer_is_paused(&link->peer)) {
		whole = measure(link, bytes + done, size - done);
		if (!whole || whole > size - done)
			break;
		take_message(link, bytes + done, whole, NULL);
		done += whole;
		if (++count < CLOCK_EVERY && done - looked < CLOCK_BYTES)
			continue;
		count = 0;
		looked = done;
		link->is_cut = server_is_late(link->turn_end_us);
		if (link->is_cut)
			break;
	}
	/* Descriptors come with the first byte of their message: no byte left, none of these. */
	if (done == size && link->peer.takes_fds && stream_unix_fds_count(link->stream))
		link_drop(link, "file descriptors came that no message speaks of",
			  reason_of(REASON_BROKEN));
	return done;
}

static void forget_rest(struct link *link)
{
	if (!link->rest)
		return;
	quota_release(link->peer.quota, QUOTA_BYTES, link->rest_size);
	free(link->rest);
	link->rest = NULL;
	link->rest_size = 0;
}

static void forget_large(struct link *link)
{
	if (!link->large)
		return;
	quota_release(link->peer.quota, QUOTA_BYTES, link->large->capacity);
	link->large = blob_unref(link->large);
}

/* A large message gets memory of its own, charged in full before it is allocated. */
static bool begin_large(struct link *link, const uint8_t *bytes, uint32_t size, uint32_t whole)
{
	if (!quota_charge(link->peer.quota, QUOTA_BYTES, whole)) {
		link_drop(link, "its messages take more memory than its quota allows",
			  reason_quota(link->peer.quota, QUOTA_BYTES));
		return false;
	}
	link->large = link->server->bus.shortage.is_on ? NULL : blob_new(whole);
	if (!link->large) {
		quota_release(link->peer.quota, QUOTA_BYTES, whole);
		link_starve(link);
		return false;
	}
	memcpy(link->large->bytes, bytes, size);
	link->large->size = size;
	return true;
}

/* What is left over waits for its other half, or for us. */
static void keep(struct link *link, const uint8_t *bytes, uint32_t size)
{
	bool is_waiting = peer_is_paused(&link->peer) || link->is_cut;
	uint32_t whole;

	link_set_half(link, !link->is_authenticated || (size && !is_waiting));
	if (!size || link->why)
		return;
	whole = link->is_authenticated ? measure(link, bytes, size) : 0;
	if (link->why)
		return;
	if (whole >= LARGE_MIN && whole > size) {
		begin_large(link, bytes, size, whole);
		return;
	}
	if (!quota_charge(link->peer.quota, QUOTA_BYTES, size)) {
		link_drop(link, "its messages take more memory than its quota allows",
			  reason_quota(link->peer.quota, QUOTA_BYTES));
		return;
	}
	if (!link->server->bus.shortage.is_on || size <= REST_SHORT_MAX)
		link->rest = malloc(size);
	if (!link->rest) {
		quota_release(link->peer.quota, QUOTA_BYTES, size);
		link_starve(link);
		return;
	}
	memcpy(link->rest, bytes, size);
	link->rest_size = size;
}

static void drop_protocol(struct link *link)
{
	if (link->party.identity.is_guest)
		link_drop(link, "it moved the ring's indexes where they cannot be",
			  reason_of(REASON_RING));
	else
		link_drop(link, "it sent more file descriptors than anybody may",
			  reason_of(REASON_BROKEN));
}

static void read_failed(struct link *link, ssize_t n)
{
	if (n == -EPIPE || n == -ECONNRESET)
		link_end(link, "it closed the connection");
	else if (n == -EPROTO)
		drop_protocol(link);
	else
		link_drop(link, "reading from it failed", reason_of(REASON_SYSTEM));
}

/* Returns whether there may be more. */
static bool read_large(struct link *link)
{
	struct blob *blob = link->large;
	uint32_t wanted = blob->capacity - blob->size;
	ssize_t n = stream_read(link->stream, blob->bytes + blob->size, wanted);

	if (n < 0) {
		read_failed(link, n);
		return false;
	}
	blob->size += (uint32_t)n;
	link->moved += (uint64_t)n;
	link_set_half(link, blob->size < blob->capacity);
	if ((uint32_t)n < wanted)
		return stream_may_have_more(link->stream, n, wanted);
	take_message(link, blob->bytes, blob->size, blob);
	forget_large(link);
	return true;
}

static bool read_small(struct link *link)
{
	uint8_t *buffer = link->server->buffer;
	uint32_t old = link->rest_size, wanted = SERVER_BUFFER_SIZE - old, done;
	ssize_t n;

	if (old)
		memcpy(buffer, link->rest, old);
	n = stream_read(link->stream, buffer + old, wanted);
	if (n < 0) {
		read_failed(link, n);
		return false;
	}
	if (!n)
		return false;
	link->moved += (uint64_t)n;
	forget_rest(link);
	done = take(link, buffer, old + (uint32_t)n);
	if (done && link->is_authenticated)
		link_set_half(link, false); /* what is left over now began now */
	keep(link, buffer + done, old + (uint32_t)n - done);
	return link->is_cut || stream_may_have_more(link->stream, n, wanted);
}

/* What was left lying when the link was paused, or its turn over. */
static void read_rest(struct link *link)
{
	uint8_t *buffer = link->server->buffer;
	uint32_t size = link->rest_size, done;

	link->is_cut = false;
	if (!size)
		return;
	memcpy(buffer, link->rest, size);
	forget_rest(link);
	done = take(link, buffer, size);
	link->moved += done; /* no idle event was this */
	keep(link, buffer + done, size - done);
}

static bool read_some(struct link *link)
{
	if (link->is_cut) {
		read_rest(link);
		if (link->is_cut || link->why || peer_is_paused(&link->peer))
			return true;
	}
	return link->large ? read_large(link) : read_small(link);
}

static void release_fds(struct link *link)
{
	if (!link->fds_charged)
		return;
	quota_release(link->peer.quota, QUOTA_FDS, link->fds_charged);
	link->fds_charged = 0;
}

/* Descriptors that wait for the rest of their message, or for us. */
static void charge_fds(struct link *link)
{
	unsigned count = link->peer.takes_fds ? stream_unix_fds_count(link->stream) : 0;

	if (!count)
		return;
	if (quota_charge(link->peer.quota, QUOTA_FDS, count))
		link->fds_charged = count;
	else
		link_drop(link, "more file descriptors came than its quota allows",
			  reason_quota(link->peer.quota, QUOTA_FDS));
}

bool link_read(struct link *link)
{
	bool has_more;

	release_fds(link);
	has_more = read_some(link);
	charge_fds(link);
	return has_more;
}

void link_forget_input(struct link *link)
{
	release_fds(link);
	forget_rest(link);
	forget_large(link);
}
