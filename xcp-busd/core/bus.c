/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/answer.h"
#include "core/delivery.h"
#include "core/driver.h"
#include "core/eavesdrop.h"
#include "core/gate.h"
#include "core/monitor.h"

int bus_init(struct bus *bus, const struct bus_ops *ops, const struct bus_settings *settings)
{
	*bus = (struct bus){ .ops = ops, .settings = *settings, .next_id = 1 };
	list_init(&bus->peers);
	list_init(&bus->busy);
	list_init(&bus->quotas);
	list_init(&bus->monitors);
	list_init(&bus->eavesdroppers);
	name_registry_init(&bus->names, &bus->settings.hash_key);
	match_index_init(&bus->matches, &bus->settings.hash_key);
	health_init(&bus->health, 0);
	activation_table_init(&bus->activations, &bus->settings.hash_key);
	message_stamp_init(&bus->driver_stamp, DRIVER_NAME);
	bus->driver_hash = hash_bytes(&bus->settings.hash_key, DRIVER_NAME, strlen(DRIVER_NAME));
	bus->policy = policy_new_default();
	if (!bus->policy || shortage_init(&bus->shortage) < 0)
		return -ENOMEM;
	if (reply_book_init(&bus->replies, &bus->settings.hash_key, settings->reply_timeout_us) < 0)
		return -ENOMEM;
	bus_set_limits(bus, settings);
	return 0;
}

uint32_t bus_message_max(const struct bus *bus, const struct identity *identity)
{
	return identity->is_guest ? bus->settings.guest_message_max
				  : bus->settings.local_message_max;
}

void bus_deinit(struct bus *bus)
{
	activation_table_deinit(&bus->activations);
	reply_book_deinit(&bus->replies);
	match_index_deinit(&bus->matches);
	name_registry_deinit(&bus->names);
	blob_pool_deinit(&bus->pool);
	shortage_deinit(&bus->shortage);
	bus->policy = policy_free(bus->policy);
	free(bus->scratch);
}

/* In order, so that nobody has to sort them. A uid or domid that is new is mostly the largest. */
static void list_in_order(struct bus *bus, struct quota *quota)
{
	const struct quota_owner *owner = &quota->owner, *other;
	struct list *at;

	for (at = bus->quotas.prev; at != &bus->quotas; at = at->prev) {
		other = &container_of(at, struct quota, quotas_link)->owner;
		if (other->is_guest < owner->is_guest ||
		    (other->is_guest == owner->is_guest && other->id <= owner->id))
			break;
	}
	list_push_front(at, &quota->quotas_link);
}

struct quota *bus_quota_new(struct bus *bus, const struct quota_owner *owner)
{
	struct quota *quota =
		quota_new(owner->is_guest ? &bus->settings.guest : &bus->settings.local);

	if (!quota)
		return NULL;
	quota->owner = *owner;
	quota->meter = &bus->meter;
	list_in_order(bus, quota);
	return quota;
}

void bus_count_refusal(struct bus *bus, struct quota *quota, enum refusal_kind kind)
{
	quota->refusals.of[kind]++;
	bus->count.refusals.of[kind]++;
	if (!quota->owner.is_guest)
		bus->count.local_refusals.of[kind]++;
}

void bus_tell_limit(struct bus *bus, const struct peer *peer, enum refusal_kind kind,
		    const char *text, struct reason reason)
{
	bus_count_refusal(bus, peer->quota, kind);
	if (bus->ops->limited)
		bus->ops->limited(peer, text, &reason);
}

void bus_drop(struct peer *peer, const char *why, struct reason reason)
{
	if (peer->is_dropped)
		return;
	peer->is_dropped = true;
	peer->bus->ops->drop(peer, why, &reason);
}

/* ":<domid>.<n>": n finds the peer, and then the whole name must be its own. */
static struct peer *find_unique(const struct bus *bus, struct text name)
{
	struct peer *peer;
	uint64_t id = 0;
	uint32_t i = 1;

	while (i < name.size && name.bytes[i] != '.')
		i++;
	for (i++; i < name.size; i++) {
		unsigned digit = (unsigned)(name.bytes[i] - '0');

		if (digit > 9 || id > UINT64_MAX / 16)
			return NULL;
		id = id * 10 + digit;
	}
	MAP_FIND(bus->by_id, &id, sizeof(id), id, peer);
	return peer && text_is(name, peer->name) ? peer : NULL;
}

struct peer *bus_find_peer(const struct bus *bus, struct text name)
{
	struct peer *peer;

	if (name.size && name.bytes[0] == ':')
		peer = find_unique(bus, name);
	else
		peer = name_owner(name_find(&bus->names, name));
	return peer && peer->is_registered && !peer->is_dropped ? peer : NULL;
}

/* Nobody owns the name: it is started if it can be and the sender does not mind. */
static int route_to_nobody(struct bus *bus, struct peer *from, const struct message *message,
			   const struct cargo *cargo)
{
	struct activation_refusal refusal;
	char text[512];
	int r;

	if (message->flags & MESSAGE_NO_AUTO_START) {
		snprintf(text, sizeof(text), "Name \"%.*s\" does not exist",
			 (int)message->destination.size, message->destination.bytes);
		return answer_error(bus, from, message, "org.freedesktop.DBus.Error.NameHasNoOwner",
				    text);
	}
	r = activation_request(bus, from, message->destination, message, cargo, &refusal);
	if (r == ACTIVATION_DENIED)
		return gate_refuse(bus, from, NULL, message);
	if (r != ACTIVATION_REFUSED)
		return r < 0 ? r : 0;
	if (refusal.reason.kind)
		bus_tell_limit(bus, from, REFUSAL_OVER_QUOTA, refusal.text, refusal.reason);
	snprintf(text, sizeof(text), "org.freedesktop.DBus.Error.%s", refusal.error);
	return answer_error(bus, from, message, text, refusal.text);
}

/* Why a call went no further, to its caller. */
static int send_refusal(struct bus *bus, const struct delivery *delivery, const struct peer *to,
			const struct message *message, int why)
{
	struct peer *from = delivery->from;
	struct reason reason = delivery_reason(delivery, why, to, from->quota);
	char text[256];

	if (why == DELIVER_NO_FDS)
		return answer_error(bus, from, message, "org.freedesktop.DBus.Error.NotSupported",
				    to->identity->is_guest
					    ? "File descriptors cannot be passed to another domain"
					    : "The receiver does not take file descriptors");
	if (why == DELIVER_RECEIVER_FULL)
		snprintf(text, sizeof(text),
			 "No room for the message: %llu bytes already wait for %s, which does not "
			 "read them",
			 (unsigned long long)to->outbox.size, to->name);
	else
		snprintf(text, sizeof(text), "%s (limit: %llu)",
			 quota_unread_text((enum quota_kind)(reason.kind - REASON_QUOTA)),
			 (unsigned long long)reason.allowed);
	if (why == DELIVER_RECEIVER_FULL)
		reason.full = to;
	bus_tell_limit(bus, from,
		       why == DELIVER_RECEIVER_FULL ? REFUSAL_RECEIVER_FULL : REFUSAL_OVER_QUOTA,
		       text, reason);
	return answer_error(bus, from, message, "org.freedesktop.DBus.Error.LimitsExceeded", text);
}

/* Nobody waits for a guest that does not read what it asked for or subscribed to. */
static struct sender *waits_for(struct peer *from, const struct peer *to)
{
	return !to->identity->is_guest || from->quota == to->quota ? from->sender : NULL;
}

static void refuse_reply(struct bus *bus, struct peer *caller, uint32_t serial,
			 struct reason reason)
{
	static const char text[] = "The reply did not fit: too much waits unread for the caller";

	bus_tell_limit(bus, caller, REFUSAL_OVER_QUOTA, text, reason);
	answer_failure(bus, caller, serial, "LimitsExceeded", text);
}

static int route_reply(struct bus *bus, struct peer *from, struct peer *to, struct message *message,
		       const struct cargo *cargo)
{
	struct delivery delivery;
	int r;

	if (!reply_answer(&bus->replies, &to->replies, &from->replies, message->reply_serial,
			  bus->now_us))
		return 0;
	if (!gate_lets_pass(bus, from, to, message, true)) {
		answer_failure(bus, to, message->reply_serial, "AccessDenied",
			       "The policy of the bus kept the reply back");
		return 0;
	}
	r = delivery_init(&delivery, bus, from, message, cargo);
	if (r == 0)
		r = delivery_send(bus, to, &delivery, to->quota, waits_for(from, to));
	if (r < 0)
		answer_failure(bus, to, message->reply_serial, "NoMemory",
			       "No memory for the reply");
	else if (r == DELIVER_NO_FDS)
		answer_failure(bus, to, message->reply_serial, "NotSupported",
			       "The reply has file descriptors, which the caller does not take");
	else if (r != DELIVERED)
		refuse_reply(bus, to, message->reply_serial,
			     delivery_reason(&delivery, r, to, to->quota));
	else
		eavesdrop_show(bus, from, to, message, cargo, true);
	return 0;
}

/* Why no more of its calls may wait for their reply. */
static struct reason replies_reason(const struct bus *bus, const struct peer *from)
{
	uint64_t count = from->replies.asked_count, max = bus->settings.peer_replies_max;

	if (bus->shortage.is_on && count >= SHORTAGE_REPLIES_MAX)
		return reason_of(REASON_MEMORY);
	if (count >= max)
		return reason_limit(REASON_PEER_REPLIES, count, max);
	return reason_quota(from->quota, QUOTA_REPLIES);
}

static int open_slot(struct bus *bus, struct peer *from, struct peer *to,
		     const struct message *call)
{
	static const char text[] = "Too many calls of the sender wait for their reply";
	int r = REPLY_OVER_LIMIT;

	if (!bus->shortage.is_on || from->replies.asked_count < SHORTAGE_REPLIES_MAX)
		r = reply_open(&bus->replies, &from->replies, &to->replies, call->serial,
			       bus->now_us);
	if (r == REPLY_OPENED)
		reply_describe(&from->replies, call);
	if (r != REPLY_OVER_LIMIT)
		return r;
	bus_tell_limit(bus, from, REFUSAL_OVER_QUOTA, text, replies_reason(bus, from));
	r = answer_error(bus, from, call, "org.freedesktop.DBus.Error.LimitsExceeded", text);
	return r < 0 ? r : REPLY_OVER_LIMIT;
}

int bus_route_unicast(struct bus *bus, struct peer *from, struct peer *to, struct message *message,
		      const struct cargo *cargo)
{
	bool wants_reply = message->type == MESSAGE_METHOD_CALL &&
			   !(message->flags & MESSAGE_NO_REPLY_EXPECTED);
	struct delivery delivery;
	int r;

	if (!gate_lets_pass(bus, from, to, message, false))
		return gate_refuse(bus, from, to, message);
	if (wants_reply) {
		r = open_slot(bus, from, to, message);
		if (r != REPLY_OPENED)
			return r < 0 ? r : 0;
	}
	r = delivery_init(&delivery, bus, from, message, cargo);
	if (r == 0)
		r = delivery_send(bus, to, &delivery, from->quota, from->sender);
	if (r == DELIVERED) {
		eavesdrop_show(bus, from, to, message, cargo, false);
		return 0;
	}
	if (wants_reply)
		reply_close(&bus->replies, &from->replies, &to->replies, message->serial);
	return r < 0 ? r : send_refusal(bus, &delivery, to, message, r);
}

struct broadcast {
	struct bus *bus;
	const struct message *message;
	struct delivery delivery;
};

/* A guest that sends faster than another can read would have it cut off if that were answered as
 * usual. As long as the receiver does read, what is too much is lost instead. */
static bool is_flooded(const struct peer *from, const struct peer *to)
{
	return from && from->identity->is_guest && from->quota != to->quota && !peer_is_stuck(to);
}

/* Not inline: a stack with a reason on it is guarded, and every receiver would pay for that. */
static __attribute__((noinline)) void miss_signal(struct peer *to, const struct delivery *delivery,
						  int why)
{
	struct reason reason = delivery_reason(delivery, why, to, to->quota);

	if (why < 0)
		bus_drop(to, "no memory for a signal it subscribed to", reason);
	else if (is_flooded(delivery->from, to))
		bus_tell_limit(to->bus, to, REFUSAL_SIGNAL_LOST,
			       "a signal of another guest is lost to it: too much waits unread",
			       reason);
	else
		bus_drop(to, "it does not read the signals it subscribed to", reason);
}

static void on_rule_met(struct rule *rule, void *context)
{
	struct broadcast *broadcast = context;
	struct bus *bus = broadcast->bus;
	struct peer *from = broadcast->delivery.from, *to = rule->peer;
	int r;

	if (to->last_broadcast == bus->broadcast_count || to->is_dropped)
		return;
	to->last_broadcast = bus->broadcast_count;
	if (!gate_lets_pass(bus, from, to, broadcast->message, false))
		return;
	r = delivery_send(bus, to, &broadcast->delivery, to->quota,
			  from ? waits_for(from, to) : NULL);
	if (r != DELIVERED && r != DELIVER_NO_FDS)
		miss_signal(to, &broadcast->delivery, r);
}

int bus_broadcast(struct bus *bus, struct peer *from, struct message *message,
		  const struct cargo *cargo)
{
	struct match_sender sender = {
		.unique = text_of(from ? from->name : DRIVER_NAME),
		.unique_hash = from ? from->name_hash : bus->driver_hash,
		.owned = from ? &from->owned : NULL,
	};
	struct broadcast broadcast = { .bus = bus, .message = message };
	int r;

	if (!from && !list_is_empty(&bus->monitors))
		monitor_show(bus, NULL, message, cargo);
	r = delivery_init(&broadcast.delivery, bus, from, message, cargo);
	if (r < 0)
		return r;
	bus->broadcast_count++;
	match_find(&bus->matches, message, &sender, on_rule_met, &broadcast);
	return 0;
}

static int route(struct bus *bus, struct peer *peer, struct message *message,
		 const struct cargo *cargo)
{
	struct peer *to;

	if (!peer->is_registered) {
		bus_drop(peer, "it sent a message before Hello", reason_of(REASON_BROKEN));
		return 0;
	}
	if (!message->destination.bytes)
		return bus_broadcast(bus, peer, message, cargo);
	to = bus_find_peer(bus, message->destination);
	if (message->type == MESSAGE_METHOD_RETURN || message->type == MESSAGE_ERROR)
		return to ? route_reply(bus, peer, to, message, cargo) : 0;
	if (!to)
		return route_to_nobody(bus, peer, message, cargo);
	return bus_route_unicast(bus, peer, to, message, cargo);
}

static int receive(struct bus *bus, struct peer *peer, struct message *message,
		   const struct cargo *cargo)
{
	bool is_for_driver = message->destination.bytes ? text_is(message->destination, DRIVER_NAME)
							: message->type == MESSAGE_METHOD_CALL;

	/* Types that are not understood "must be ignored" (specification, Message Format). */
	if (peer->is_dropped || message->type > MESSAGE_SIGNAL)
		return 0;
	if (peer->is_monitor) {
		bus_drop(peer, "it sent a message though it is a monitor",
			 reason_of(REASON_BROKEN));
		return 0;
	}
	if (!list_is_empty(&bus->monitors))
		monitor_show(bus, peer, message, cargo);
	if (is_for_driver) {
		if (peer->is_registered && !gate_lets_pass(bus, peer, NULL, message, false))
			return gate_refuse(bus, peer, NULL, message);
		if (peer->is_registered)
			eavesdrop_show(bus, peer, NULL, message, cargo, false);
		return driver_receive(bus, peer, message);
	}
	if (!message->destination.bytes && message->type != MESSAGE_SIGNAL)
		return 0; /* a reply to nobody */
	return route(bus, peer, message, cargo);
}

int bus_receive(struct bus *bus, struct peer *peer, struct message *message,
		const struct cargo *cargo, uint64_t now_us)
{
	struct traffic *traffic = &peer->traffic;
	int r;

	bus->now_us = now_us;
	peer->heard_us = now_us;
	traffic->of[TRAFFIC_MESSAGES_SENT]++;
	traffic->of[TRAFFIC_BYTES_SENT] += message->size;
	traffic->of[TRAFFIC_CALLS_SENT] += message->type == MESSAGE_METHOD_CALL;
	r = receive(bus, peer, message, cargo);
	if (r == -ENOMEM)
		shortage_begin(&bus->shortage, now_us);
	return r;
}

static void expire_replies(struct bus *bus, uint64_t now_us)
{
	struct reply_party *caller;
	uint32_t serial;

	while ((caller = reply_take_expired(&bus->replies, now_us, &serial))) {
		bus->count.calls_lapsed++;
		answer_failure(bus, container_of(caller, struct peer, replies), serial, "NoReply",
			       "Message did not receive a reply (timeout by message bus)");
	}
}

void bus_tick(struct bus *bus, uint64_t now_us)
{
	struct peer *peer;

	bus->now_us = now_us;
	expire_replies(bus, now_us);
	activation_expire(bus);
	shortage_tick(&bus->shortage, now_us);
	list_for_each(peer, &bus->busy, busy_link)
		peer_check_progress(peer, now_us);
}

uint64_t bus_next_tick(const struct bus *bus)
{
	uint64_t next = reply_next_deadline(&bus->replies);
	uint64_t start = activation_next_deadline(&bus->activations);
	uint64_t check = bus->now_us + bus->settings.stuck_us / 2;

	next = start < next ? start : next;
	next = bus->shortage.retry_us < next ? bus->shortage.retry_us : next;
	return !list_is_empty(&bus->busy) && check < next ? check : next;
}
