/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/guests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/stream-vchan.h"
#include "io/offer.h"

enum { DOMAINS_AT_ONCE = 64, TURN_MAX = 8 };

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
	guest->links = guest->half_open = 0;
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

	guest = list_first(&guests->list, struct guest, guests_link);
	do {
		count = xc_domain_getinfo(guests->xc, from, DOMAINS_AT_ONCE, info);
		for (i = 0; i < count; i++) {
			/* Both lists are in no common order, so those passed over are found below. */
			guest_update(guests, &info[i]);
			from = info[i].domid + 1;
		}
	} while (count == DOMAINS_AT_ONCE);

	for (guest = list_first(&guests->list, struct guest, guests_link); guest; guest = next) {
		next = guest->guests_link.next == &guests->list ?
			       NULL :
			       container_of(guest->guests_link.next, struct guest, guests_link);
		if (xc_domain_getinfo(guests->xc, guest->domid, 1, info) != 1 ||
		    info[0].domid != guest->domid)
			guest_remove(guests, guest);
	}
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
	if (r < 0)
		guests->store = store_free(guests->store);
	return r;
}

int guests_open(struct guests *guests, char *why, size_t why_size)
{
	int r;

	list_init(&guests->list);
	guests->next_generation = 1;
	guests->xc = xc_interface_open(NULL, NULL, 0);
	if (!guests->xc) {
		snprintf(why, why_size,
			 "the hypervisor cannot be asked about domains (%s): is this a Xen control domain? "
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

static void refill(struct guest *guest, const struct vchan_limits *limits, uint64_t now_us)
{
	double more = (double)(now_us - guest->tokens_us) * limits->new_links_per_second / 1e6;

	guest->tokens_us = now_us;
	guest->tokens += more;
	if (guest->tokens > limits->new_links_per_second)
		guest->tokens = limits->new_links_per_second;
}

static bool may_dial(const struct guests *guests, const struct guest *guest)
{
	return guest->tokens >= 1 && guest->half_open < guests->limits->half_open_max;
}

static bool is_home(struct guests *guests, const struct guest *guest)
{
	xc_dominfo_t info;

	return xc_domain_getinfo(guests->xc, guest->domid, 1, &info) == 1 &&
	       info.domid == guest->domid && guest_update(guests, &info);
}

/* The offer is dealt with either way: dialled and consumed, or refused. */
static void deal(struct guests *guests, struct guest *guest, const char *id)
{
	struct identity identity = { .domid = guest->domid, .is_guest = true };
	struct stream *stream;

	guest->tokens -= 1;
	if (guest->links >= guests->limits->links_max) {
		offer_refuse(guests->store, guest->domid, id,
			     "the domain has as many connections to the bus as it may have");
		return;
	}
	if (offer_dial(guests->store, guests->own_domid, guest->domid, id, &stream) < 0)
		return;
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
	offer_list_deinit(&offers);
}

int guests_look(struct guests *guests, uint64_t now_us)
{
	uint32_t dirty[DOMAINS_AT_ONCE];
	unsigned count = 0, i;
	struct guest *guest;
	int timeout = -1;

	list_for_each(guest, &guests->list, guests_link) {
		refill(guest, guests->limits, now_us);
		if (!guest->is_dirty)
			continue;
		if (!may_dial(guests, guest)) {
			/* Tokens come back with time; a half-open link ends in a report. */
			if (guest->tokens < 1)
				timeout = 10;
		} else if (count < DOMAINS_AT_ONCE) {
			dirty[count++] = guest->domid;
		} else {
			timeout = 0;
		}
	}
	/* By number: a look at one may find that it, or its namesake, is gone. */
	for (i = 0; i < count; i++) {
		guest = guest_find(guests, dirty[i]);
		if (guest)
			look(guests, guest);
		guest = guest_find(guests, dirty[i]);
		if (guest && guest->is_dirty)
			timeout = may_dial(guests, guest) ? 0 : 10;
	}
	return timeout;
}

void guests_report(struct guests *guests, uint64_t generation, enum dialer_report report)
{
	struct guest *guest;

	list_for_each(guest, &guests->list, guests_link) {
		if (guest->generation != generation)
			continue;
		guest->half_open -= report != DIALER_CLOSED;
		guest->links -= report != DIALER_AUTHENTICATED;
		return;
	}
}
