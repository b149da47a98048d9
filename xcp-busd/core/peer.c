/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/peer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/answer.h"
#include "core/driver.h"
#include "core/monitor.h"
#include "core/policy.h"
#include "wire/syntax.h"

enum { PROGRESS_MIN = 64 * 1024 };

static void on_resume(struct sender *sender)
{
	struct peer *peer = sender->peer;

	if (peer && !peer->is_dropped)
		peer->bus->ops->wake(peer);
}

static int peer_enter(struct peer *peer)
{
	struct bus *bus = peer->bus;

	peer->id = bus->next_id++;
	snprintf(peer->name, sizeof(peer->name), ":%" PRIu32 ".%" PRIu64, peer->identity->domid,
		 peer->id);
	peer->name_hash = hash_bytes(&bus->settings.hash_key, peer->name, strlen(peer->name));
	message_stamp_init(&peer->stamp, peer->name);
	MAP_ADD(bus->by_id, &peer->id, sizeof(peer->id), peer->id, peer);
	return peer->hh.tbl ? 0 : -ENOMEM;
}

int peer_init(struct peer *peer, struct bus *bus, const struct identity *identity,
	      struct quota *quota)
{
	const struct bus_settings *settings = &bus->settings;

	*peer = (struct peer){ .bus = bus, .identity = identity, .quota = quota };
	if (!quota_charge(quota, QUOTA_PEERS, 1))
		return PEER_OVER_QUOTA;
	peer->sender = sender_new(peer);
	peer->profile = policy_profile_get(bus->policy, identity);
	if (!peer->sender || !peer->profile || peer_enter(peer) < 0) {
		policy_profile_put(peer->profile);
		peer->sender = sender_unref(peer->sender);
		quota_release(quota, QUOTA_PEERS, 1);
		return -ENOMEM;
	}
	quota_ref(quota);
	list_init(&peer->owned);
	list_init(&peer->waiting);
	list_init(&peer->matches);
	list_init(&peer->busy_link);
	list_init(&peer->monitor_link);
	list_init(&peer->eavesdrop_link);
	list_push_back(&bus->peers, &peer->bus_link);
	list_push_back(&quota->peers, &peer->quota_link);
	peer->begun_us = peer->heard_us = bus->now_us;
	bus->count.links_accepted++;
	outbox_init(&peer->outbox, &bus->pool);
	peer->outbox_max =
		identity->is_guest ? settings->guest_queue_max : settings->local_queue_max;
	reply_party_init(&peer->replies, quota, peer->id);
	return PEER_READY;
}

bool peer_is_privileged(const struct peer *peer)
{
	const struct identity *identity = peer->identity;

	return !identity->is_guest &&
	       (identity->uid == 0 || identity->uid == peer->bus->settings.uid);
}

static void leave_names(struct peer *peer)
{
	struct bus *bus = peer->bus;
	char name[SYNTAX_NAME_MAX + 1];
	struct name_change change;

	while (name_take_claim(&bus->names, peer, name, &change))
		if (change.happened)
			driver_announce(bus, name, &change);
	if (!peer->is_registered)
		return;
	peer->is_registered = false;
	peer->quota->ready--;
	bus->ready_count--;
	driver_announce(bus, peer->name, &(struct name_change){ true, peer, NULL });
}

static void leave_matches(struct peer *peer)
{
	struct rule *rule;

	while ((rule = list_first(&peer->matches, struct rule, peer_link))) {
		match_remove(&peer->bus->matches, rule);
		list_remove(&rule->peer_link);
		rule_free(rule);
	}
	quota_release(peer->quota, QUOTA_MATCHES, peer->matches_count);
	peer->bus->count.match_rules -= peer->matches_count;
	peer->matches_count = 0;
	list_remove(&peer->eavesdrop_link);
	peer->eavesdrop_count = 0;
}

/* Whoever waits for an answer from here gets one. */
static void leave_replies(struct peer *peer)
{
	struct bus *bus = peer->bus;
	struct reply_party *caller;
	uint32_t serial;

	while ((caller = reply_take_orphan(&bus->replies, &peer->replies, &serial))) {
		bus->count.calls_orphaned++;
		answer_failure(bus, container_of(caller, struct peer, replies), serial, "NoReply",
			       "Message recipient disconnected from message bus without replying");
	}
	reply_party_deinit(&bus->replies, &peer->replies);
}

void peer_leave_bus(struct peer *peer)
{
	activation_forget(peer);
	leave_matches(peer);
	leave_replies(peer);
	leave_names(peer);
}

static void past_add(struct past *past, const struct peer *peer)
{
	traffic_add(&past->traffic, &peer->traffic);
	answer_times_add(&past->answer_times, &peer->replies.answer_times);
}

/* What it has done still counts for those who had it. */
static void leave_counts(struct peer *peer)
{
	struct count *count = &peer->bus->count;
	struct quota *quota = peer->quota;

	past_add(&count->gone, peer);
	past_add(&quota->gone, peer);
	if (!peer->identity->is_guest)
		past_add(&count->local_gone, peer);
	if (peer->heard_us > quota->heard_us)
		quota->heard_us = peer->heard_us;
	list_remove(&peer->quota_link);
}

void peer_deinit(struct peer *peer, uint64_t now_us)
{
	struct bus *bus = peer->bus;

	bus->now_us = now_us;
	peer->is_dropped = true;
	MAP_REMOVE(bus->by_id, peer);
	if (peer->is_monitor)
		monitor_leave(peer);
	else
		peer_leave_bus(peer);
	leave_counts(peer);
	list_remove(&peer->bus_link);
	list_remove(&peer->busy_link);
	outbox_deinit(&peer->outbox, on_resume);
	policy_profile_put(peer->profile);
	peer->profile = NULL;
	peer->sender->peer = NULL;
	peer->sender = sender_unref(peer->sender);
	quota_release(peer->quota, QUOTA_PEERS, 1);
	peer->quota = quota_unref(peer->quota);
}

void peer_sent(struct peer *peer, uint64_t size)
{
	outbox_consume(&peer->outbox, size, on_resume);
	if (!peer->outbox.size)
		list_remove(&peer->busy_link);
}

/* A receiver makes progress as long as it empties its queue or a good part of it within the time
 * allowed. One that does not is not waited for: senders that are paused because of it go on. And if
 * it takes none of the descriptors that wait for it, it goes: one of them may be its own other end,
 * and then it would never be seen to close (CVE-2014-3637 was the like). */
void peer_check_progress(struct peer *peer, uint64_t now_us)
{
	const struct bus_settings *settings = &peer->bus->settings;
	struct outbox *outbox = &peer->outbox;
	uint64_t wanted = outbox->is_stuck ? 1 : PROGRESS_MIN;

	if (now_us - peer->progress_us < settings->stuck_us)
		return;
	if (outbox->sent_size - peer->progress_size >= wanted) {
		peer->progress_size = outbox->sent_size;
		peer->progress_us = now_us;
		return;
	}
	if (!outbox->is_stuck)
		outbox_set_stuck(outbox, on_resume);
	else if (outbox->fds_count && !peer->is_held_up &&
		 now_us - peer->progress_us >= settings->fd_timeout_us)
		bus_drop(peer, "it does not take the file descriptors that wait for it",
			 reason_time(REASON_FD_TIME, now_us - peer->progress_us,
				     settings->fd_timeout_us));
}
