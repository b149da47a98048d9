/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon's side of what is said in xenstore (docs/protocol.md): find the rings that a domain
 * offers, dial one and consume the offer, or refuse it. Everything a guest wrote is only a
 * claim. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/store.h"
#include "common/stream.h"
#include "core/identity.h"
#include "core/reason.h"

enum {
	OFFER_OWN_MAX = 4096, /* of the list of names that a domain may own */
	OFFER_ID_SIZE = 12,
	OFFER_PATH_MAX = 96,
	OFFER_LIST_MAX = 64, /* looked at in one go */
	OFFER_PIECE = 4096, /* of a list of names */
	OFFER_LITTER_MAX = 32, /* refusals and the like that a domain may leave lying about */
};

struct offer_list {
	char id[OFFER_LIST_MAX][OFFER_ID_SIZE + 1];
	unsigned count;
	bool has_more; /* than were looked at */
	unsigned extra; /* beyond what a look may cost */
};

/* What is on offer; litter beyond what may lie about is removed. One look costs xenstored some two
 * hundred requests; but its list comes in pieces, of which oxenstored lets a guest make hundreds:
 * those are extra. 0 or a negative errno. */
int offer_list(struct store *store, uint32_t domid, struct offer_list *list);

/* Dials; the offer is still to be consumed, or refused. 0 or a negative errno. */
int offer_dial(uint32_t own_domid, uint32_t domid, const char *id, struct stream **out);

/* Such a failure as a constant sentence, for the guest, and what is behind it. */
const char *offer_explain(int failure, enum reason_kind *kind);

int offer_remove(struct store *store, uint32_t domid, const char *id);

/* Puts the reason in the offer's place. < 0 if it cannot, which outside of dom0 is for the guest to
 * say: then it is still an offer. */
int offer_refuse(struct store *store, uint32_t domid, const char *id, const char *why);

/* What the toolstack calls the domain. */
void offer_read_name(struct store *store, struct identity *identity);

/* The toolstack's words about the domain: its name, what it may own (allocated), and for which
 * other it emulates devices. False if what it may own is too long, and nothing is granted. */
bool offer_read_identity(struct store *store, struct identity *identity);
