/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/guests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

#include "common/advert.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "common/stream-vchan.h"

enum {
	DOMAINS_AT_ONCE = 64,
	TURN_MAX = 8,
	EMPTY_LOOKS_PER_SECOND = 20,
	WAIT_MS = 10, /* for tokens */
	REFUSED_US = 10 * 1000 * 1000, /* the guest waits for half as long */
};

static const char introduced[] = "@introduceDomain", released[] = "@releaseDomain";

static bool is_running(const xc_dominfo_t *info)
{
	return !info->dying && !info->shutdown;
}

static struct guest *guest_find(const struct guests *guests, uint32_t domid)
{
	struct guest *guest;

	list_for_each(guest, &guests->list, guests_link)
		if (guest->domid == domid)
			return guest;
	return NULL;
}

static void watch_path(char path[OFFER_PATH_MAX], uint32_t domid)
{
	snprintf(path, OFFER_PATH_MAX, "/local/domain/%" PRIu32 "/data/xcp-bus", domid);
}

/* The life that its links belonged to is over; if the domain goes on, a new one begins. */
static void guest_end_life(struct guests *guests, struct guest *guest)
{
	struct identity nobody = { .domid = guest->domid };

	guests->hand_over(guests->context, guest->generation, NULL, &nobody);
	guest->generation = guests->next_generation++;
	guest->links = guest->half_open = guest->pages = 0;
}

static void guest_remove(struct guests *guests, struct guest *guest)
{
	char path[OFFER_PATH_MAX], token[16];

	log_debug("domain %" PRIu32 " is gone", guest->domid);
	guest_end_life(guests, guest);
	watch_path(path, guest->domid);
	snprintf(token, sizeof(token), "%" PRIu32, guest->domid);
	store_unwatch(guests->store, path, token);
	list_remove(&guest->guests_link);
	free(guest);
}

static int guest_watch(struct guests *guests, uint32_t domid)
{
	char path[OFFER_PATH_MAX], token[16];

	watch_path(path, domid);
	snprintf(token, sizeof(token), "%" PRIu32, domid);
	return store_watch(guests->store, path, token);
}

static void guest_add(struct guests *guests, const xc_dominfo_t *info)
{
	struct guest *guest = calloc(1, sizeof(*guest));

	if (!guest || guest_watch(guests, info->domid) < 0) {
		log_warning("domain %" PRIu32 " cannot be watched: it cannot use the bus",
			    (uint32_t)info->domid);
		free(guest);
		return;
	}
	*guest = (struct guest){
		.domid = info->domid,
		.generation = guests->next_generation++,
		.tokens = guests->limits->new_links_per_second,
		.looks = EMPTY_LOOKS_PER_SECOND,
		.is_dirty = true,
	};
	memcpy(guest->uuid, info->handle, sizeof(guest->uuid));
	list_push_back(&guests->list, &guest->guests_link);
	log_debug("domain %" PRIu32 " may offer rings", guest->domid);
}

/* One domain as the hypervisor sees it now. Returns whether it may be talked to. */
static bool guest_update(struct guests *guests, const xc_dominfo_t *info)
{
	struct guest *guest = guest_find(guests, info->domid);

	if (guest && (info->dying || memcmp(guest->uuid, info->handle, sizeof(guest->uuid)) != 0)) {
		guest_remove(guests, guest);
		guest = NULL;
	}
	if (info->dying || info->domid == guests->own_domid)
		return false;
	if (!guest) {
		guest_add(guests, info);
		return false; /* its watch fires at once, and then it is looked at */
	}
	if (!is_running(info) && !guest->is_down)
		guest_end_life(guests, guest);
	guest->is_down = !is_running(info);
	return !guest->is_down;
}

/* The whole list anew: after a domain came or went. */
static void guests_refresh(struct guests *guests)
{
	xc_dominfo_t info[DOMAINS_AT_ONCE];
	struct guest *guest, *next;
	uint32_t from = 0;
	int count, i;

	do {
		count = xc_domain_getinfo(guests->xc, from, DOMAINS_AT_ONCE, info);
		for (i = 0; i < count; i++) {
			guest_update(guests, &info[i]);
			from = info[i].domid + 1;
		}
	} while (count == DOMAINS_AT_ONCE);

	/* That says who is there; those who are not are asked for one by one. */
	for (guest = list_first(&guests->list, struct guest, guests_link); guest; guest = next) {
		next = guest->guests_link.next == &guests->list
			       ? NULL
			       : container_of(guest->guests_link.next, struct guest, guests_link);
		if (xc_domain_getinfo(guests->xc, guest->domid, 1, info) != 1 ||
		    info[0].domid != guest->domid)
			guest_remove(guests, guest);
	}
}

/* Where guests look for the bus. */
static int advertise(struct guests *guests)
{
	int r = advert_publish(guests->store, guests->own_domid, guests->run);

	if (r == 0 && guests->own_domid == 0)
		r = advert_name_domain(guests->store, 0);
	return r;
}

static int connect_store(struct guests *guests)
{
	int r = store_open(&guests->store);

	if (r == 0)
		r = store_own_domid(guests->store, &guests->own_domid);
	if (r == 0)
		r = store_watch(guests->store, introduced, introduced);
	if (r == 0)
		r = store_watch(guests->store, released, released);
	if (r == 0)
		r = advertise(guests);
	if (r < 0)
		guests->store = store_free(guests->store);
	return r;
}

/* A guest may open the interface as well, and is told nothing. */
static bool open_hypervisor(struct guests *guests)
{
	xc_dominfo_t dom0;
	int failure;

	guests->xc = xc_interface_open(NULL, NULL, 0);
	if (!guests->xc)
		return false;
	if (xc_domain_getinfo(guests->xc, 0, 1, &dom0) == 1)
		return true;
	failure = errno;
	xc_interface_close(guests->xc);
	errno = failure;
	return false;
}

int guests_open(struct guests *guests, char *why, size_t why_size)
{
	int r;

	list_init(&guests->list);
	guests->next_generation = 1;
	if (!open_hypervisor(guests)) {
		snprintf(why, why_size,
			 "the hypervisor cannot be asked about domains (%s): is this a Xen control "
			 "domain? "
			 "Without guests, start with --address=unix:path=... alone",
			 strerror(errno));
		return -1;
	}
	r = connect_store(guests);
	if (r < 0) {
		snprintf(why, why_size,
			 "xenstored cannot be reached (%s): is it running? "
			 "Without guests, start with --address=unix:path=... alone",
			 strerror(-r));
		xc_interface_close(guests->xc);
		return -1;
	}
	return 0;
}

void guests_withdraw(struct guests *guests)
{
	if (guests->store)
		advert_withdraw(guests->store, guests->own_domid, guests->run);
}

void guests_close(struct guests *guests)
{
	struct guest *guest;

	while ((guest = list_first(&guests->list, struct guest, guests_link))) {
		list_remove(&guest->guests_link);
		free(guest);
	}
	store_free(guests->store);
	xc_interface_close(guests->xc);
}

bool guests_reopen(struct guests *guests)
{
	struct guest *guest;

	guests->store = store_free(guests->store);
	if (connect_store(guests) < 0)
		return false;
	list_for_each(guest, &guests->list, guests_link)
		guest_watch(guests, guest->domid);
	log_info("xenstored is back");
	return true;
}

int guests_take_events(struct guests *guests)
{
	const char *path, *token;
	bool has_changed = false;
	struct guest *guest;
	int r;

	/* All first: a flood of events about one domain is one look at it. */
	while ((r = store_next_event(guests->store, &path, &token)) > 0) {
		if (!strcmp(token, introduced) || !strcmp(token, released)) {
			has_changed = true;
			continue;
		}
		guest = guest_find(guests, (uint32_t)strtoul(token, NULL, 10));
		if (guest)
			guest->is_dirty = true;
	}
	if (has_changed)
		guests_refresh(guests);
	return r;
}

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
	refill(&guest->looks, EMPTY_LOOKS_PER_SECOND, passed_us);
}

static bool has_tokens(const struct guest *guest)
{
	return guest->tokens >= 1 && guest->looks >= 1;
}

static bool may_dial(const struct guests *guests, const struct guest *guest)
{
	return has_tokens(guest) && guest->half_open < guests->limits->half_open_max;
}

static bool is_home(struct guests *guests, const struct guest *guest)
{
	xc_dominfo_t info;

	return xc_domain_getinfo(guests->xc, guest->domid, 1, &info) == 1 &&
	       info.domid == guest->domid && guest_update(guests, &info);
}

static void forget_refusal(struct guests *guests, struct guest *guest)
{
	offer_remove(guests->store, guest->domid, guest->refused[0].id);
	guest->refused_count--;
	memmove(guest->refused, guest->refused + 1, guest->refused_count * sizeof(*guest->refused));
}

/* A refusal is left to be read for a while; whoever was killed meanwhile does not tidy up. */
static void refuse(struct guests *guests, struct guest *guest, const char *id, const char *why)
{
	struct refusal *refusal;
	unsigned lost;

	if (rate_take(&guest->lines, guest->tokens_us, &lost)) {
		log_warning("domain %" PRIu32 ": ring %s is refused: %s", guest->domid, id, why);
		if (lost)
			log_warning("domain %" PRIu32 ": so were %u before it", guest->domid, lost);
	}
	if (guest->refused_count == REFUSED_MAX)
		forget_refusal(guests, guest);
	refusal = &guest->refused[guest->refused_count++];
	snprintf(refusal->id, sizeof(refusal->id), "%s", id);
	refusal->forget_us = guest->tokens_us + REFUSED_US;
	offer_refuse(guests->store, guest->domid, id, why);
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
	const char *why = "the domain has as many connections to the bus as it may have";
	struct stream *stream;

	guest->tokens -= 1;
	if (guest->links >= guests->limits->links_max ||
	    offer_dial(guests->own_domid, guest->domid, id, &stream, &why) < 0) {
		refuse(guests, guest, id, why);
		return;
	}
	if (!admit_pages(guests, guest, stream)) {
		stream_close(stream);
		refuse(guests, guest, id,
		       "the domain's rings take as much memory as they may: offer a smaller one");
		return;
	}
	offer_remove(guests->store, guest->domid, id); /* consumed */
	memcpy(identity.uuid, guest->uuid, sizeof(identity.uuid));
	offer_read_identity(guests->store, &identity);
	guest->links++;
	guest->half_open++;
	guests->hand_over(guests->context, guest->generation, stream, &identity);
}

static void look(struct guests *guests, struct guest *guest)
{
	struct offer_list offers;
	unsigned i;

	guest->is_dirty = false;
	if (!is_home(guests, guest) || offer_list(guests->store, guest->domid, &offers) < 0)
		return;
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
	uint32_t turn[DOMAINS_AT_ONCE];
	unsigned count = 0, i;
	struct guest *guest;
	int timeout_ms = -1;

	list_for_each(guest, &guests->list, guests_link) {
		guest_refill(guest, guests->limits, now_us);
		sooner(&timeout_ms, forget_refusals(guests, guest, now_us));
		if (!guest->is_dirty)
			continue;
		if (count < DOMAINS_AT_ONCE && may_dial(guests, guest))
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
