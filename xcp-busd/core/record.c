/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/record.h"

#include <stdio.h>

#include "core/dict.h"

static const char *const traffic_keys[TRAFFIC_KIND_COUNT] = {
	[TRAFFIC_MESSAGES_SENT] = "messages_sent",
	[TRAFFIC_MESSAGES_RECEIVED] = "messages_received",
	[TRAFFIC_BYTES_SENT] = "bytes_sent",
	[TRAFFIC_BYTES_RECEIVED] = "bytes_received",
	[TRAFFIC_CALLS_SENT] = "calls_sent",
	[TRAFFIC_ERRORS_RECEIVED] = "errors_received",
};

static const char *const refusal_keys[REFUSAL_KIND_COUNT] = {
	[REFUSAL_DENIED] = "denied",
	[REFUSAL_OVER_QUOTA] = "over_quota",
	[REFUSAL_RECEIVER_FULL] = "receiver_full",
	[REFUSAL_SIGNAL_LOST] = "signals_lost",
	[REFUSAL_DISCONNECTED] = "disconnected",
	[REFUSAL_LOG_LINE] = "log_lines_lost",
};

/* Entries with numbers of 64 bits, as a dictionary within one. */
static void put_numbers(struct build *build, const char *key, const char *const *keys,
			const uint64_t *values, int count)
{
	uint32_t mark;
	int i;

	dict_entry(build, key, "a{sv}");
	mark = dict_begin(build);
	for (i = 0; i < count; i++)
		dict_uint64(build, keys[i], values[i]);
	dict_end(build, mark);
}

static void put_traffic(struct build *build, const struct traffic *traffic)
{
	put_numbers(build, "traffic", traffic_keys, traffic->of, TRAFFIC_KIND_COUNT);
}

static void put_refusals(struct build *build, const struct refusals *refusals)
{
	put_numbers(build, "refusals", refusal_keys, refusals->of, REFUSAL_KIND_COUNT);
}

static void put_answer_times(struct build *build, const struct answer_times *times)
{
	uint32_t mark;
	int i;

	dict_entry(build, "answer_times", "at");
	mark = build_array(build, 8);
	for (i = 0; i < ANSWER_CLASS_COUNT; i++)
		build_uint64(build, times->of[i]);
	build_array_end(build, mark);
}

static uint64_t age_us(const struct bus *bus, uint64_t since_us)
{
	return since_us < bus->now_us ? bus->now_us - since_us : 0;
}

/* The names that a peer owns; those that it only waits for are not among them. */
static bool put_owned(struct build *build, const struct peer *peer, uint32_t size_max)
{
	const struct name_claim *claim;

	list_for_each(claim, &peer->owned, peer_link) {
		if (!name_claim_is_primary(claim))
			continue;
		if (build->size + claim->name->size > size_max)
			return false;
		build_text(build, (struct text){ claim->name->text, claim->name->size });
	}
	return true;
}

static bool put_names_of_all(struct build *build, const struct quota *quota, uint32_t size_max)
{
	const struct peer *peer;

	list_for_each(peer, &quota->peers, quota_link)
		if (!put_owned(build, peer, size_max))
			return false;
	return true;
}

static uint32_t names_begin(struct build *build)
{
	dict_entry(build, "names", "as");
	return build_array(build, 4);
}

static void put_quota(struct build *build, const char *limit, const char *whose, uint64_t used,
		      uint64_t allowed)
{
	char key[64];

	snprintf(key, sizeof(key), "%s_%s", limit, whose);
	build_struct(build);
	build_string(build, key);
	build_struct(build);
	build_uint64(build, used);
	build_uint64(build, allowed);
}

static void put_quotas(struct build *build, const struct bus *bus, const struct quota *quota)
{
	const char *whose = quota->owner.is_guest ? "per_domain" : "per_user";
	uint32_t mark;
	int kind;

	dict_entry(build, "quotas", "a{s(tt)}");
	mark = build_array(build, 8);
	for (kind = 0; kind < QUOTA_KIND_COUNT; kind++) {
		uint64_t used = quota->used[kind], allowed = quota->limits->max[kind];

		/* Of a user, some more may come, to be told that they may not. */
		if (kind == QUOTA_PEERS && !quota->owner.is_guest) {
			used = quota->ready;
			allowed = bus->settings.user_peers_max;
		}
		if (kind != QUOTA_FDS || !quota->owner.is_guest)
			put_quota(build, quota_kind_limit((enum quota_kind)kind), whose, used,
				  allowed);
	}
	build_array_end(build, mark);
}

static void put_survey(struct build *build, const struct bus *bus, const struct survey *survey)
{
	uint64_t owed_us = survey->oldest_owed_us;

	dict_uint32(build, "links", survey->links);
	dict_uint64(build, "idle_us", age_us(bus, survey->heard_us));
	dict_uint64(build, "oldest_owed_us", owed_us == UINT64_MAX ? 0 : age_us(bus, owed_us));
	put_traffic(build, &survey->past.traffic);
}

/* ---- domains and users ---- */

bool record_domain(struct build *build, const struct bus *bus, const struct quota *quota,
		   uint32_t size_max)
{
	const struct quota_owner *owner = &quota->owner;
	char uuid[IDENTITY_UUID_TEXT];
	struct survey survey;
	uint32_t mark = dict_begin(build), names;
	bool is_whole;

	survey_quota(quota, &survey);
	dict_uint32(build, "domid", owner->id);
	dict_uint64(build, "generation", owner->generation);
	dict_string(build, "name", owner->name);
	dict_string(build, "uuid", identity_format_uuid(uuid, owner->uuid));
	put_survey(build, bus, &survey);
	put_quotas(build, bus, quota);
	put_refusals(build, &quota->refusals);
	names = names_begin(build);
	is_whole = put_names_of_all(build, quota, size_max);
	build_array_end(build, names);
	dict_end(build, mark);
	return is_whole;
}

/* Whatever made it, Xen's tools call the first domain so. */
static const char *local_name(const struct bus *bus)
{
	return bus->settings.domid ? "" : "Domain-0";
}

bool record_local_domain(struct build *build, const struct bus *bus, uint32_t size_max)
{
	const struct quota *quota;
	struct survey survey;
	uint32_t mark = dict_begin(build), names;
	bool is_whole = true;

	survey_local(bus, &survey);
	dict_uint32(build, "domid", bus->settings.domid);
	dict_uint64(build, "generation", 0);
	dict_string(build, "name", local_name(bus));
	put_survey(build, bus, &survey);
	put_refusals(build, &bus->count.local_refusals);
	names = names_begin(build);
	list_for_each(quota, &bus->quotas, quotas_link)
		if (!quota->owner.is_guest && is_whole)
			is_whole = put_names_of_all(build, quota, size_max);
	build_array_end(build, names);
	dict_end(build, mark);
	return is_whole;
}

void record_user(struct build *build, const struct bus *bus, const struct quota *quota)
{
	uint32_t mark = dict_begin(build);

	dict_uint32(build, "uid", quota->owner.id);
	dict_uint32(build, "links", (uint32_t)quota->used[QUOTA_PEERS]);
	put_quotas(build, bus, quota);
	put_refusals(build, &quota->refusals);
	dict_end(build, mark);
}

/* ---- links ---- */

static void put_fill(struct build *build, const char *key, const struct ring_fill *fill)
{
	dict_entry(build, key, "(uu)");
	build_struct(build);
	build_uint32(build, fill->size);
	build_uint32(build, fill->used);
}

static void put_identity(struct build *build, const struct peer *peer)
{
	const struct identity *identity = peer->identity;

	dict_uint64(build, "id", peer->id);
	dict_string(build, "unique_name",
		    peer->is_registered || peer->is_monitor ? peer->name : "");
	dict_uint32(build, "domid", identity->domid);
	dict_string(build, "domain_name",
		    identity->is_guest ? identity->domain_name : local_name(peer->bus));
	dict_string(build, "transport", identity->is_guest ? "Vchan" : "Unix");
	if (identity->is_guest)
		return;
	dict_uint32(build, "uid", identity->uid);
	dict_uint32(build, "pid", identity->pid);
}

static void put_view(struct build *build, const struct peer *peer)
{
	struct link_view view = { 0 };

	if (peer->bus->ops->look)
		peer->bus->ops->look(peer, &view);
	if (view.is_ring) {
		put_fill(build, "to_bus", &view.to_bus);
		put_fill(build, "from_bus", &view.from_bus);
	}
	dict_bool(build, "is_silent", view.is_silent);
}

static void put_state(struct build *build, const struct peer *peer)
{
	uint64_t owed_us = survey_oldest_owed_us(peer);

	dict_uint64(build, "age_us", age_us(peer->bus, peer->begun_us));
	dict_uint64(build, "idle_us", age_us(peer->bus, peer->heard_us));
	dict_uint64(build, "queued_bytes", peer->outbox.size);
	dict_uint64(build, "queued_allowed", peer->outbox_max);
	dict_uint64(build, "unread_bytes", peer->sender->unread);
	dict_uint32(build, "match_rules", peer->matches_count);
	dict_uint32(build, "calls_asked", (uint32_t)peer->replies.asked_count);
	dict_uint32(build, "calls_owed", peer->replies.owed_count);
	dict_uint64(build, "oldest_owed_us",
		    owed_us == UINT64_MAX ? 0 : age_us(peer->bus, owed_us));
	dict_bool(build, "is_monitor", peer->is_monitor);
	dict_bool(build, "is_paused", peer_is_paused(peer));
	dict_bool(build, "is_stuck", peer_is_stuck(peer));
	dict_uint64(build, "lost", peer->lost_total);
}

bool record_link(struct build *build, const struct peer *peer, uint32_t size_max)
{
	uint32_t mark = dict_begin(build), names;
	bool is_whole;

	put_identity(build, peer);
	put_view(build, peer);
	put_state(build, peer);
	put_traffic(build, &peer->traffic);
	put_answer_times(build, &peer->replies.answer_times);
	names = names_begin(build);
	is_whole = put_owned(build, peer, size_max);
	build_array_end(build, names);
	dict_end(build, mark);
	return is_whole;
}

/* ---- calls ---- */

static void put_kept(struct build *build, const char *key, const struct reply_slot *slot,
		     uint8_t place)
{
	dict_string(build, key, place ? slot->kept + place : "");
}

void record_pending_call(struct build *build, const struct bus *bus, const struct reply_slot *slot)
{
	const struct peer *caller = container_of(slot->caller, struct peer, replies);
	const struct peer *callee = container_of(slot->callee, struct peer, replies);
	uint32_t mark = dict_begin(build);

	dict_string(build, "caller", caller->name);
	dict_uint32(build, "caller_domid", caller->identity->domid);
	dict_string(build, "callee", callee->name);
	dict_uint32(build, "callee_domid", callee->identity->domid);
	put_kept(build, "destination", slot, slot->destination);
	put_kept(build, "path", slot, slot->path);
	put_kept(build, "interface", slot, slot->interface);
	put_kept(build, "member", slot, slot->member);
	dict_uint32(build, "serial", slot->serial);
	dict_uint64(build, "age_us", age_us(bus, slot->asked_us));
	dict_uint64(build, "lapses_us",
		    slot->deadline_us > bus->now_us ? slot->deadline_us - bus->now_us : 0);
	dict_end(build, mark);
}

/* ---- the bus ---- */

static void put_counts(struct build *build, const struct count *count)
{
	dict_uint64(build, "links_accepted", count->links_accepted);
	dict_uint64(build, "links_refused", count->links_refused);
	dict_uint64(build, "calls_lapsed", count->calls_lapsed);
	dict_uint64(build, "calls_orphaned", count->calls_orphaned);
	dict_uint64(build, "services_started", count->services_started);
	dict_uint64(build, "starts_failed", count->starts_failed);
}

void record_counters(struct build *build, const struct bus *bus)
{
	struct survey survey;
	uint32_t mark = dict_begin(build);

	survey_bus(bus, &survey);
	dict_uint64(build, "up_us", age_us(bus, bus->begun_us));
	dict_uint32(build, "links", survey.links);
	dict_uint32(build, "incomplete_links", survey.incomplete_links);
	dict_uint32(build, "domains", survey_count_domains(bus));
	dict_uint32(build, "names", HASH_COUNT(bus->names.names));
	dict_uint32(build, "match_rules", (uint32_t)survey.match_rules);
	dict_uint32(build, "calls_pending", bus->replies.slot_count);
	dict_uint32(build, "starts_pending", activation_count(&bus->activations));
	dict_uint64(build, "bytes_held", bus->meter.held);
	dict_bool(build, "is_short", bus->shortage.is_on);
	put_counts(build, &bus->count);
	put_traffic(build, &survey.past.traffic);
	put_refusals(build, &bus->count.refusals);
	put_answer_times(build, &survey.past.answer_times);
	dict_end(build, mark);
}
