/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which domains there are and what rings they offer: the dialer's knowledge, and its thread's
 * alone.
 *
 * Who a domain is, the hypervisor says (libxenctrl). A domain id comes back as another domain, so
 * every life of one has a generation, and everything hangs on that. All calls may wait for
 * xenstored.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"
#include "common/store.h"
#include "config.h"
#include "io/census.h"
#include "io/dialer.h"
#include "io/journal.h"
#include "io/offer.h"

enum { REFUSED_MAX = 16 };

struct guest {
	struct list guests_link;
	uint32_t domid;
	uint8_t uuid[16];
	uint64_t generation;
	unsigned links, half_open, pages;
	double tokens; /* links that it may open now */
	double looks; /* for nothing, that it may still make us take */
	uint64_t tokens_us;
	struct refusal {
		char id[OFFER_ID_SIZE + 1];
		uint64_t forget_us;
	} refused[REFUSED_MAX]; /* oldest first: their nodes are still there to be read */
	unsigned refused_count;
	char name[IDENTITY_NAME_MAX]; /* for the log; empty: not asked for yet */
	bool is_dirty; /* its directory may hold offers we have not dealt with */
	bool is_down; /* shut down or suspended: nobody is home, the domain is still there */
};

struct guests {
	struct list list;
	const struct vchan_limits *limits;
	struct store *store;
	struct census census;
	const char *run; /* what this run of the daemon is called in xenstore */
	uint32_t own_domid;
	bool is_elsewhere; /* it is another one now: this domain was saved, and restored */
	uint64_t next_generation;
	bool was_there; /* xenstored, once */
	bool has_complained; /* that it is not */
	uint64_t refused_total; /* offers, ever */
	bool is_blind; /* other domains cannot be seen, and it was said */
	bool must_poll; /* the hypervisor, about domains that xenstored has forgotten */
	uint64_t polled_us;
	struct journal journal; /* of this thread */
	/* Makes the limits those that hold now. */
	void (*take_limits)(void *context);
	/* What the dialer hands on. Takes over the stream and identity->own; a NULL stream says
	 * that the generation is over. False: there is no memory, and the link is no more. */
	bool (*hand_over)(void *context, uint64_t generation, struct stream *stream,
			  const struct identity *identity);
	void *context;
};

/* Finds out whether the hypervisor can be asked, and which domain this is; xenstored need not be
 * there yet. 0, or -1 and a sentence. */
int guests_open(struct guests *guests, char *why, size_t why_size);
void guests_withdraw(struct guests *guests); /* nobody is to look for us any more */
void guests_close(struct guests *guests);

/* There is no connection to xenstored: tries to make one, and begins to watch. */
bool guests_reopen(struct guests *guests);

/* Takes in what xenstored announced. -EIO if it is gone. All is over if is_elsewhere then. */
int guests_take_events(struct guests *guests);

/* While xenstored does not tell of the ends of domains, the hypervisor is asked. Milliseconds until
 * it is to be asked again, or -1. */
int guests_poll(struct guests *guests, uint64_t now_us);

/* Deals with offers that may be dealt with now. Returns milliseconds until some more may be, or
 * -1. */
int guests_look(struct guests *guests, uint64_t now_us);

void guests_report(struct guests *guests, uint64_t generation, enum dialer_report report,
		   unsigned pages);
