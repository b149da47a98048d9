/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/guests-private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/advert.h"
#include "common/log.h"

enum {
	DOMAINS_AT_ONCE = 64,
	POLL_MS = 2000, /* between looks at domains of which nobody tells us */
};

static const char introduced[] = "@introduceDomain", released[] = "@releaseDomain";
static const char domains[] = "/local/domain";

struct guest *guest_find(const struct guests *guests, uint32_t domid)
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
	if (guests->store && guests->census.xc)
		store_unwatch(guests->store, path, token);
	list_remove(&guest->guests_link);
	free(guest);
}

/* Without the hypervisor, one watch tells of all that dom0 and guests let us see. */
static int guest_watch(struct guests *guests, uint32_t domid)
{
	char path[OFFER_PATH_MAX], token[16];

	if (!guests->store || !guests->census.xc)
		return 0;
	watch_path(path, domid);
	snprintf(token, sizeof(token), "%" PRIu32, domid);
	return store_watch(guests->store, path, token);
}

static void guest_add(struct guests *guests, const struct census_entry *entry)
{
	struct guest *guest = calloc(1, sizeof(*guest));

	if (!guest || guest_watch(guests, entry->domid) < 0) {
		log_warning("domain %" PRIu32 " cannot be watched: it cannot use the bus",
			    entry->domid);
		free(guest);
		return;
	}
	*guest = (struct guest){
		.domid = entry->domid,
		.generation = guests->next_generation++,
		.tokens = guests->limits->new_links_per_second,
		.looks = GUEST_LOOKS_PER_SECOND,
		.is_dirty = true,
	};
	memcpy(guest->uuid, entry->uuid, sizeof(guest->uuid));
	list_push_back(&guests->list, &guest->guests_link);
	log_debug("domain %" PRIu32 " may offer rings", guest->domid);
}

/* One domain as it is now. Returns whether it may be talked to. */
static bool guest_update(struct guests *guests, const struct census_entry *entry)
{
	struct guest *guest = guest_find(guests, entry->domid);

	if (guest &&
	    (entry->is_dying || memcmp(guest->uuid, entry->uuid, sizeof(guest->uuid)) != 0)) {
		guest_remove(guests, guest);
		guest = NULL;
	}
	if (entry->is_dying || entry->domid == guests->own_domid)
		return false;
	if (!guest) {
		guest_add(guests, entry);
		return false; /* it is dirty, and will be looked at */
	}
	if (entry->is_down && !guest->is_down)
		guest_end_life(guests, guest);
	guest->is_down = entry->is_down;
	return !guest->is_down;
}

/* In a domain that dom0 does not treat as that of the bus, nobody is seen. And oxenstored gives no
 * list of more than 4 KiB. */
static void complain_of_blindness(struct guests *guests, int failure)
{
	if (failure >= 0) {
		guests->is_blind = false;
		return;
	}
	if (!guests->is_blind && (guests->census.xc || failure != -EACCES))
		log_warning("the domains cannot be listed (%s): new rings may have to wait",
			    strerror(-failure));
	else if (!guests->is_blind)
		log_warning("domain 0 does not let this domain (%" PRIu32
			    ") see the others (%s): rings of guests wait until xcp-bus-domain runs "
			    "there",
			    guests->own_domid, strerror(-failure));
	guests->is_blind = true;
}

/* The whole list anew: after a domain came or went. */
static void guests_refresh(struct guests *guests)
{
	struct census_entry entries[DOMAINS_AT_ONCE];
	struct guest *guest, *next;
	uint32_t from = 0;
	int count, i;

	do {
		count = census_list(&guests->census, guests->store, from, entries, DOMAINS_AT_ONCE);
		for (i = 0; i < count; i++) {
			guest_update(guests, &entries[i]);
			from = entries[i].domid + 1;
		}
	} while (count == DOMAINS_AT_ONCE);
	complain_of_blindness(guests, count);

	/* That says who is there; those who are not are asked for one by one. Of whom nobody can
	 * say whether he is, he stays. */
	for (guest = list_first(&guests->list, struct guest, guests_link); guest; guest = next) {
		next = guest->guests_link.next == &guests->list
			       ? NULL
			       : container_of(guest->guests_link.next, struct guest, guests_link);
		if (census_find(&guests->census, guests->store, guest->domid, &entries[0]) == 0)
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

static int watch_domains(struct guests *guests)
{
	int r;

	if (!guests->census.xc)
		return store_watch(guests->store, domains, domains);
	r = store_watch(guests->store, introduced, introduced);
	return r < 0 ? r : store_watch(guests->store, released, released);
}

/* Where the hypervisor can be asked is domain 0, also if nobody has told xenstored. Elsewhere it is
 * known since the start, and may change. */
static int check_own_domid(struct guests *guests)
{
	uint32_t domid = 0;
	int r = store_own_domid(guests->store, &domid);

	if (guests->census.xc)
		guests->own_domid = domid;
	else if (r < 0)
		return r;
	else if (domid != guests->own_domid)
		guests->is_elsewhere = true;
	return 0;
}

static int connect_store(struct guests *guests)
{
	int r = store_open_for_long(&guests->store);

	if (r == 0)
		r = check_own_domid(guests);
	if (r == 0)
		r = watch_domains(guests);
	if (r == 0)
		r = advertise(guests);
	if (r < 0)
		guests->store = store_free(guests->store);
	return r;
}

/* The own domain, which the bus's own names begin with: without the hypervisor only xenstore tells,
 * and there xenstored is somebody else's and always there. */
static int learn_own_domid(struct guests *guests)
{
	struct store *store;
	int r = store_open(&store);

	if (r < 0)
		return r;
	r = store_own_domid(store, &guests->own_domid);
	store_free(store);
	return r;
}

int guests_open(struct guests *guests, char *why, size_t why_size)
{
	int failure;

	list_init(&guests->list);
	guests->next_generation = 1;
	if (census_open(&guests->census))
		return 0;
	failure = errno;
	if (learn_own_domid(guests) == 0) {
		log_info("the hypervisor does not answer (%s): who the other domains are, domain "
			 "%" PRIu32 " reads in xenstore",
			 strerror(failure), guests->own_domid);
		return 0;
	}
	snprintf(why, why_size,
		 "neither the hypervisor (%s) nor xenstore can be asked about domains: is this a "
		 "Xen "
		 "domain? Without guests, start with --address=unix:path=... alone",
		 strerror(failure));
	return -1;
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
	census_close(&guests->census);
}

/* Of domains that xenstored does not know, it says nothing: not that they offer rings, not that
 * they end. */
static void say_lost(struct guests *guests)
{
	unsigned links = 0, keepers = 0, strangers = 0;
	struct guest *guest;

	list_for_each(guest, &guests->list, guests_link) {
		links += guest->links;
		keepers += guest->links > 0;
		strangers += !store_knows_domain(guests->store, guest->domid);
	}
	log_info("xenstored is back: %u links of %u domains go on", links, keepers);
	if (strangers)
		log_warning("xenstored has forgotten %u domains: until they are started anew, they "
			    "can offer no rings beside those that they have",
			    strangers);
	guests->must_poll |= strangers > 0;
}

bool guests_reopen(struct guests *guests)
{
	bool was_there = guests->was_there;
	struct guest *guest;
	int r;

	guests->store = store_free(guests->store);
	r = connect_store(guests);
	if (r < 0) {
		if (!was_there && !guests->has_complained)
			log_info("xenstored is not there (%s): rings of guests wait for it",
				 strerror(-r));
		guests->has_complained = true;
		return false;
	}
	guests->was_there = true;
	list_for_each(guest, &guests->list, guests_link) {
		guest_watch(guests, guest->domid);
		guest->is_dirty = true;
	}
	guests_refresh(guests);
	if (was_there)
		say_lost(guests);
	else if (guests->has_complained)
		log_info("xenstored is there: guests can offer rings");
	return true;
}

/* Without the hypervisor: all that may be seen of all domains comes through one watch. A guest
 * cannot make the first kind of event, and the second kind only about itself. */
static void take_path(struct guests *guests, const char *path, bool *has_changed)
{
	struct guest *guest;
	uint32_t domid;
	char *rest;

	if (strncmp(path, domains, strlen(domains)) != 0)
		return;
	path += strlen(domains);
	domid = *path == '/' ? (uint32_t)strtoul(path + 1, &rest, 10) : 0;
	if (!*path || !*rest || !strcmp(rest, "/vm")) {
		*has_changed = true;
		return;
	}
	guest = guest_find(guests, domid);
	if (guest && !strncmp(rest, "/data/xcp-bus", strlen("/data/xcp-bus")))
		guest->is_dirty = true;
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
		if (!strcmp(token, domains)) {
			take_path(guests, path, &has_changed);
			continue;
		}
		guest = guest_find(guests, (uint32_t)strtoul(token, NULL, 10));
		if (guest)
			guest->is_dirty = true;
	}
	/* After a restore the kernel makes all watches anew, and each begins with an event. */
	if (has_changed && !guests->census.xc)
		check_own_domid(guests);
	if (has_changed && !guests->is_elsewhere)
		guests_refresh(guests);
	return r;
}

int guests_poll(struct guests *guests, uint64_t now_us)
{
	if (!guests->census.xc || (guests->store && !guests->must_poll && !guests->is_blind))
		return -1;
	if (now_us - guests->polled_us >= POLL_MS * 1000) {
		guests->polled_us = now_us;
		guests_refresh(guests);
	}
	return POLL_MS;
}

int guest_is_home(struct guests *guests, const struct guest *guest)
{
	struct census_entry entry;
	int r = census_find(&guests->census, guests->store, guest->domid, &entry);

	/* Of xenstore it is said elsewhere. */
	if (r < 0 && guests->census.xc)
		complain_of_blindness(guests, r);
	return r > 0 ? guest_update(guests, &entry) : r;
}
