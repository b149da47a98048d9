/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection as the core sees it: who it is, what it owns, what waits for it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"
#include "common/map.h"
#include "core/identity.h"
#include "core/outbox.h"
#include "core/quota.h"
#include "core/reply.h"
#include "wire/message.h"

struct bus;

enum { PEER_NAME_MAX = 40 };

struct peer {
	struct bus *bus;
	uint64_t id; /* never used again */
	UT_hash_handle hh;
	struct list bus_link; /* bus::peers */
	struct list monitor_link; /* bus::monitors */
	struct list eavesdrop_link; /* bus::eavesdroppers */
	unsigned eavesdrop_count; /* rules with eavesdrop='true' */
	uint64_t lost_count; /* messages that a monitor missed and was not told of */
	uint64_t lost_total; /* that it missed, told of or not */
	struct list busy_link; /* bus::busy while something is queued for it */

	const struct identity *identity; /* borrowed: lives as long as the peer */
	struct quota *quota;
	struct list quota_link; /* quota::peers */
	struct sender *sender;
	struct message_stamp stamp;
	char name[PEER_NAME_MAX];
	uint64_t name_hash;

	struct outbox outbox;
	uint64_t outbox_max;
	struct traffic traffic;
	uint64_t match_rules_peak, names_peak;
	uint64_t begun_us, heard_us; /* when it came, and when its last message did */
	uint64_t progress_us, progress_size; /* when last looked at, and outbox.sent_size then */

	struct policy_profile *profile; /* what rules there are for it */

	struct list owned; /* name_claim::peer_link */
	unsigned owned_count;
	uint64_t names_version; /* counts changes of these */
	struct list matches; /* rule::peer_link */
	unsigned matches_count;
	struct reply_party replies;
	struct list waiting; /* waiter::peer_link: for a service to start */
	uint64_t last_broadcast; /* number of the last one that was queued here: one copy each */

	bool takes_fds; /* its transport carries descriptors, and it wants them */
	bool is_held_up; /* it has read all, and gets no more before others have read */
	bool is_monitor; /* no longer of the bus: see core/monitor.h */
	bool is_registered; /* has said Hello */
	bool is_dropped; /* on its way out: gets and sends nothing more */
};

/* Charges the quota for the peer and takes a reference. An outcome, or -ENOMEM. */
enum { PEER_READY, PEER_OVER_QUOTA };
int peer_init(struct peer *peer, struct bus *bus, const struct identity *identity,
	      struct quota *quota);

/* Takes it off the bus: names move on, callers are answered, everything is given back. */
void peer_deinit(struct peer *peer, uint64_t now_us);

/* Whether the peer's input is to be left alone until ops->wake. */
static inline bool peer_is_paused(const struct peer *peer)
{
	return peer->sender->resume_at != 0;
}

/* Whether it is to blame for what waits for it: nobody waits for one that is held up either. */
static inline bool peer_is_stuck(const struct peer *peer)
{
	return peer->outbox.is_stuck && !peer->is_held_up;
}

/* Root in dom0, or who runs the bus: they may have all of it. */
bool peer_is_privileged(const struct peer *peer);

/* Takes it out of what others see: names move on, callers are answered, it asks for nothing
 * more. */
void peer_leave_bus(struct peer *peer);

/* size bytes of the outbox have been written. */
void peer_sent(struct peer *peer, uint64_t size);

/* Called by bus_tick for a peer with something queued. */
void peer_check_progress(struct peer *peer, uint64_t now_us);
