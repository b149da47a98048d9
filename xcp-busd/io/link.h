/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One connection: stream, authentication, frames, and the peer that the core sees. */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"
#include "common/stream.h"
#include "core/bus.h"
#include "wire/auth.h"

struct server;
struct turn;

/* Who is at the other end and whom it costs; owned by the link from then on. */
struct link_party {
	struct identity identity; /* its own string is freed with the link */
	struct account *account; /* local */
	uint64_t generation; /* of the guest's domain, for the vchan listener */
	unsigned pages; /* of the guest's ring */
	struct quota *quota; /* borrowed: the account's or the domain's, like the next */
	struct turn *turn;
};

struct link {
	struct peer peer;
	struct server *server;
	struct stream *stream;
	struct event *event;
	struct list server_link, woken_link, dropped_link, half_link, resting_link, again_link;
	struct list pulse_link, incomplete_link;
	struct link_party party;

	struct auth auth;
	struct auth_rules rules;
	bool is_authenticated;

	uint8_t *rest; /* bytes that are not a whole message yet, or wait because we are paused */
	uint32_t rest_size;
	unsigned fds_charged; /* came, and their message has not been handed on */
	struct blob *large; /* a large message on its way in; its size is what has arrived */
	uint64_t half_since_us;

	bool is_cut; /* rest may hold whole messages: our turn was over */
	uint64_t turn_end_us;

	bool is_short; /* the last write did not take all */
	bool was_paused; /* as of the last look */
	short events; /* what the event is armed for */
	uint64_t moved; /* bytes, both ways, ever */
	unsigned idle_events; /* that brought nothing */
	uint64_t pulse_us; /* of a ring: when it is looked at next */
	bool is_silent; /* see io/link-pulse.h */
	const char *why; /* it is over; NULL: it is not */
	struct reason reason; /* what is behind that */
};

/* Takes the stream and the party over, on success only. 0, or a negative errno; -EDQUOT if the
 * quota has no room for one more connection. */
int link_new(struct server *server, struct stream *stream, const struct link_party *party);

/* Ends the link and gives everything back. Only outside of a round. */
void link_free(struct link *link);

void link_end(struct link *link, const char *why); /* it is over; why is a constant */
void link_drop(struct link *link, const char *why, struct reason reason); /* the bus ends it */
void link_starve(struct link *link); /* the same, for want of memory */
void link_flush(struct link *link); /* writes what is queued, reads on if it may */

/* It has authenticated, or is over: others may come in. */
void link_leave_incomplete(struct link *link);

/* How the link is, for who asks. */
void link_look(const struct link *link, struct link_view *view);

/* Ends the rest that a link was sent to for waking us with nothing to tell. */
void link_wake_up(struct link *link);

/* Drops the link if it has been half-way through something for too long. Returns when it has to be
 * looked at again. */
uint64_t link_check_deadline(struct link *link, uint64_t now_us);

/* link-read.c: reads once and hands on what is whole, until turn_end_us. Returns whether there may
 * be more. */
bool link_read(struct link *link);
void link_set_half(struct link *link, bool is_half); /* within something that must come to an end */
void link_forget_input(struct link *link);
