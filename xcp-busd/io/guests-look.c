/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose turn it is, and what becomes of an offer. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/stream-vchan.h"
#include "io/guests-private.h"
#include "io/reason.h"

enum {
	TURNS_AT_ONCE = 64,
	TURN_MAX = 8,
	WAIT_MS = 10, /* for tokens */
	REFUSED_US = 10 * 1000 * 1000, /* the guest waits for half as long */
	STUBBORN_TOKENS = 16, /* for a refused offer that is met again and again */
};

/* A bucket holds what comes in one second. */
static void refill(double *tokens, double per_second, uint64_t passed_us)
{
	*tokens += (double)passed_us * per_second / 1e6;
	if (*tokens > per_second)
		*tokens = per_second;
}

static void guest_refill(struct guest *guest, const struct vchan_limits *limits, uint64_t now_us)
{
	uint64_t passed_us = now_us - guest->tokens_us;

	guest->tokens_us = now_us;
	refill(&guest->tokens, limits->new_links_per_second, passed_us);
	refill(&guest->looks, GUEST_LOOKS_PER_SECOND, passed_us);
}

static bool has_tokens(const struct guest *guest)
{
	return guest->tokens >= 1 && guest->looks >= 1;
}

static bool may_dial(const struct guests *guests, const struct guest *guest)
{
	return has_tokens(guest) && guest->half_open < guests->limits->half_open_max;
}

static void forget_refusal(struct guests *guests, struct guest *guest)
{
	offer_remove(guests->store, guest->domid, guest->refused[0].id);
	guest->refused_count--;
	memmove(guest->refused, guest->refused + 1, guest->refused_count * sizeof(*guest->refused));
}

/* Begins a line about a guest. */
static bool begin_line(struct guests *guests, struct guest *guest, struct log_record *record)
{
	struct identity who = { .domid = guest->domid, .is_guest = true };

	if (!guest->name[0])
		offer_read_name(guests->store, &who);
	else
		memcpy(who.domain_name, guest->name, sizeof(guest->name));
	memcpy(guest->name, who.domain_name, sizeof(guest->name));
	return journal_begin(&guests->journal, record, "refused", &who, NULL, guest->tokens_us);
}

static void log_refusal(struct guests *guests, struct guest *guest, const char *id, const char *why,
			const struct reason *reason)
{
	struct log_record record;

	if (!begin_line(guests, guest, &record))
		return;
	log_record_text(&record, "ring", id);
	log_record_text(&record, "what", why);
	reason_write(&record, reason, true);
	log_record_write(LOG_LEVEL_WARNING, &record);
}

static void log_own(struct guests *guests, struct guest *guest)
{
	const struct reason reason = reason_of(REASON_OWN_SIZE);
	struct log_record record;
	char what[128];

	if (!begin_line(guests, guest, &record))
		return;
	snprintf(what, sizeof(what),
		 "/local/domain/%" PRIu32 "/xcp-bus/own is longer than %d bytes: it grants nothing",
		 guest->domid, OFFER_OWN_MAX);
	log_record_text(&record, "what", what);
	reason_write(&record, &reason, true);
	log_record_write(LOG_LEVEL_WARNING, &record);
}

/* A refusal is left to be read for a while; whoever was killed meanwhile does not tidy up. */
static void refuse(struct guests *guests, struct guest *guest, const char *id, const char *why,
		   struct reason reason)
{
	struct refusal *refusal;

	guests->refused_total++;
	log_refusal(guests, guest, id, why, &reason);
	if (guest->refused_count == REFUSED_MAX)
		forget_refusal(guests, guest);
	refusal = &guest->refused[guest->refused_count++];
	snprintf(refusal->id, sizeof(refusal->id), "%s", id);
	refusal->forget_us = guest->tokens_us + REFUSED_US;
	if (offer_refuse(guests->store, guest->domid, id, why) < 0)
		guest->tokens -= STUBBORN_TOKENS;
}

/* Milliseconds until the next is to be forgotten, or -1. */
static int forget_refusals(struct guests *guests, struct guest *guest, uint64_t now_us)
{
	while (guest->refused_count && guest->refused[0].forget_us <= now_us)
		forget_refusal(guests, guest);
	if (!guest->refused_count)
		return -1;
	return (int)((guest->refused[0].forget_us - now_us) / 1000 + 1);
}

/* The guest chooses the size of its rings, and pays for them; but what dom0 can map is not without
 * end either. Counts the pages if there is room for them. */
static bool admit_pages(const struct guests *guests, struct guest *guest,
			const struct stream *stream)
{
	unsigned pages = stream_vchan_pages(stream), max = guests->limits->pages_max;

	/* It may have more than it would get today. */
	if (guest->pages > max || pages > max - guest->pages)
		return false;
	guest->pages += pages;
	return true;
}

/* The offer is dealt with either way: dialled and consumed, or refused. */
static void deal(struct guests *guests, struct guest *guest, const char *id)
{
	struct identity identity = { .domid = guest->domid, .is_guest = true };
	const struct vchan_limits *limits = guests->limits;
	enum reason_kind kind;
	struct stream *stream;
	unsigned pages;
	const char *why;
	int r;

	guest->tokens -= 1;
	if (guest->links >= limits->links_max) {
		refuse(guests, guest, id,
		       "the domain has as many connections to the bus as it may have",
		       reason_limit(REASON_QUOTA_PEERS, guest->links, limits->links_max));
		return;
	}
	r = offer_dial(guests->own_domid, guest->domid, id, &stream);
	if (r < 0) {
		why = offer_explain(r, &kind);
		refuse(guests, guest, id, why, reason_of(kind));
		return;
	}
	if (!admit_pages(guests, guest, stream)) {
		stream_close(stream);
		refuse(guests, guest, id,
		       "the domain's rings take as much memory as they may: offer a smaller one",
		       reason_limit(REASON_RING_PAGES, guest->pages, limits->pages_max));
		return;
	}
	if (offer_remove(guests->store, guest->domid, id) < 0) { /* consumed */
		guest->pages -= stream_vchan_pages(stream);
		stream_close(stream);
		refuse(guests, guest, id, "the bus may not take the offer away",
		       reason_of(REASON_RING_STAYS));
		return;
	}
	memcpy(identity.uuid, guest->uuid, sizeof(identity.uuid));
	if (!offer_read_identity(guests->store, &identity))
		log_own(guests, guest);
	pages = stream_vchan_pages(stream);
	if (!guests->hand_over(guests->context, guest->generation, stream, &identity)) {
		guest->pages -= pages;
		return;
	}
	guest->links++;
	guest->half_open++;
}

static void look(struct guests *guests, struct guest *guest)
{
	struct offer_list offers;
	unsigned i;
	int r;

	guest->is_dirty = false;
	r = guest_is_home(guests, guest);
	if (r < 0) { /* nobody can say; later perhaps */
		guest->looks -= GUEST_LOOKS_PER_SECOND;
		guest->is_dirty = true;
	}
	if (r <= 0)
		return;
	r = offer_list(guests->store, guest->domid, &offers);
	if (r < 0 && r != -ENOENT && r != -EACCES)
		guest->looks -= GUEST_LOOKS_PER_SECOND;
	if (r < 0)
		return;
	/* Of limits that were changed before the offer was made, it is to see the new ones. */
	guests->take_limits(guests->context);
	guest->looks -= offers.extra;
	for (i = 0; i < offers.count; i++) {
		/* Everybody gets a turn: the rest of this one's offers waits for the next. */
		if (i == TURN_MAX || !may_dial(guests, guest)) {
			guest->is_dirty = true;
			break;
		}
		deal(guests, guest, offers.id[i]);
	}
	guest->is_dirty |= offers.has_more;
	if (!offers.count)
		guest->looks -= 1;
}

static void sooner(int *timeout_ms, int other_ms)
{
	if (other_ms >= 0 && (*timeout_ms < 0 || other_ms < *timeout_ms))
		*timeout_ms = other_ms;
}

int guests_look(struct guests *guests, uint64_t now_us)
{
	uint32_t turn[TURNS_AT_ONCE];
	unsigned count = 0, i;
	struct guest *guest;
	int timeout_ms = -1;

	list_for_each(guest, &guests->list, guests_link) {
		guest_refill(guest, guests->limits, now_us);
		sooner(&timeout_ms, forget_refusals(guests, guest, now_us));
		if (!guest->is_dirty)
			continue;
		if (count < TURNS_AT_ONCE && may_dial(guests, guest))
			turn[count++] = guest->domid;
		else if (!has_tokens(guest))
			sooner(&timeout_ms, WAIT_MS);
		else if (may_dial(guests, guest))
			sooner(&timeout_ms, 0);
		/* else its half-open links are in the way: the next report about one wakes us */
	}
	/* By number: a look at one may find that it, or its namesake, is gone. */
	for (i = 0; i < count; i++) {
		guest = guest_find(guests, turn[i]);
		if (!guest)
			continue;
		/* Behind all others, so that those who had no turn in this round have one in the
		 * next. */
		list_remove(&guest->guests_link);
		list_push_back(&guests->list, &guest->guests_link);
		look(guests, guest);
		guest = guest_find(guests, turn[i]);
		if (guest && guest->is_dirty)
			sooner(&timeout_ms, may_dial(guests, guest) ? 0 : WAIT_MS);
	}
	if (journal_settle(&guests->journal, now_us))
		sooner(&timeout_ms, JOURNAL_SETTLE_US / 1000);
	return timeout_ms;
}

void guests_report(struct guests *guests, uint64_t generation, enum dialer_report report,
		   unsigned pages)
{
	struct guest *guest;

	list_for_each(guest, &guests->list, guests_link) {
		if (guest->generation != generation)
			continue;
		guest->half_open -= report != DIALER_CLOSED;
		guest->links -= report != DIALER_AUTHENTICATED;
		guest->pages -= report != DIALER_AUTHENTICATED ? pages : 0;
		return;
	}
}
