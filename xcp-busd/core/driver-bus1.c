/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.xen.xcp.Bus1: what the bus is doing, for dom0. Answers are bounded, whatever there is to
 * tell: what may be long comes in pages. */
#include "core/driver.h"
#include "core/record.h"

enum {
	PAGE_MAX = 128 * 1024, /* bytes of an answer; about 80 links */
	/* Of a list of domains, after which names are left out: so all that Xen can number fit. */
	NAMES_MAX = 512 * 1024,
	CALLS_MIN = 200, /* fit into a page, however long they are */
	CALLS_SEEN_MAX = 65536, /* are looked at for one page */
};

/* One of the records may be as long as names can be, and then it has a page for itself. */
static uint32_t page_max(const struct driver_call *call)
{
	uint32_t max = driver_reply_max(call);

	return max < PAGE_MAX ? max : PAGE_MAX;
}

static int done(struct driver_call *call)
{
	if (call->reply.size <= driver_reply_max(call))
		return DRIVER_DONE;
	return driver_limit(call, reason_of(REASON_ANSWER_SIZE),
			    "The answer does not fit into what may wait for the caller");
}

int driver_list_domains(struct driver_call *call)
{
	const struct bus *bus = call->bus;
	struct build *reply = &call->reply;
	const struct quota *quota;
	uint32_t mark;

	if (driver_only_dom0(call) != DRIVER_DONE)
		return DRIVER_FAILED;
	mark = build_array(reply, 4);
	record_local_domain(reply, bus, NAMES_MAX);
	list_for_each(quota, &bus->quotas, quotas_link)
		if (quota->owner.is_guest)
			record_domain(reply, bus, quota, NAMES_MAX);
	build_array_end(reply, mark);
	return done(call);
}

int driver_list_users(struct driver_call *call)
{
	struct build *reply = &call->reply;
	const struct quota *quota;
	uint32_t mark;

	if (driver_only_dom0(call) != DRIVER_DONE)
		return DRIVER_FAILED;
	mark = build_array(reply, 4);
	list_for_each(quota, &call->bus->quotas, quotas_link)
		if (!quota->owner.is_guest && !list_is_empty(&quota->peers))
			record_user(reply, call->bus, quota);
	build_array_end(reply, mark);
	return done(call);
}

/* Ids only grow, and the list is in their order. */
static struct list *first_after(const struct bus *bus, uint64_t id)
{
	struct peer *peer;

	MAP_FIND(bus->by_id, &id, sizeof(id), id, peer);
	if (peer)
		return peer->bus_link.next;
	list_for_each(peer, &bus->peers, bus_link)
		if (peer->id > id)
			break;
	return &peer->bus_link;
}

int driver_list_links(struct driver_call *call)
{
	const struct bus *bus = call->bus;
	struct build *reply = &call->reply;
	uint32_t max = page_max(call), count, i, mark, begin;
	struct list *at;
	uint64_t after;
	bool is_whole;

	if (driver_only_dom0(call) != DRIVER_DONE)
		return DRIVER_FAILED;
	body_read_uint64(&call->args, &after);
	body_read_uint32(&call->args, &count);
	mark = build_array(reply, 4);
	at = first_after(bus, after);
	for (i = 0; at != &bus->peers && (!count || i < count); i++, at = at->next) {
		begin = reply->size;
		is_whole = record_link(reply, container_of(at, struct peer, bus_link), max);
		if (i && (!is_whole || reply->size > max)) {
			reply->size = begin; /* it is for the next page */
			break;
		}
	}
	build_array_end(reply, mark);
	build_bool(reply, at == &bus->peers);
	return done(call);
}

/* How many calls of each domain or user have a place in a page that cannot have all: who lets
 * thousands wait must not hide those of others. */
static uint32_t share_calls(const struct bus *bus)
{
	struct quota *quota;
	uint32_t count = 0;

	list_for_each(quota, &bus->quotas, quotas_link) {
		quota->calls_listed = 0;
		count += quota->used[QUOTA_REPLIES] != 0;
	}
	if (count < 2 || bus->replies.slot_count <= CALLS_MIN)
		return UINT32_MAX;
	return count < CALLS_MIN ? CALLS_MIN / count : 1;
}

/* Those that were asked for, the oldest first. */
static void put_pending_calls(struct driver_call *call, uint64_t older_than, uint32_t count)
{
	const struct bus *bus = call->bus;
	struct build *reply = &call->reply;
	uint32_t max = page_max(call), share = count ? UINT32_MAX : share_calls(bus);
	uint32_t listed = 0, seen = 0, begin;
	const struct reply_slot *slot;

	list_for_each(slot, &bus->replies.slots, age_link) {
		begin = reply->size;
		if (bus->now_us - slot->asked_us < older_than || (count && listed == count) ||
		    ++seen > CALLS_SEEN_MAX)
			break;
		if (share != UINT32_MAX && slot->caller->quota->calls_listed++ >= share)
			continue;
		record_pending_call(reply, bus, slot);
		if (listed++ && reply->size > max) {
			reply->size = begin;
			break;
		}
	}
}

int driver_list_pending_calls(struct driver_call *call)
{
	struct build *reply = &call->reply;
	uint64_t older_than;
	uint32_t count, mark;

	if (driver_only_dom0(call) != DRIVER_DONE)
		return DRIVER_FAILED;
	body_read_uint64(&call->args, &older_than);
	body_read_uint32(&call->args, &count);
	mark = build_array(reply, 4);
	put_pending_calls(call, older_than, count);
	build_array_end(reply, mark);
	build_uint32(reply, call->bus->replies.slot_count);
	return done(call);
}

int driver_get_counters(struct driver_call *call)
{
	if (driver_only_dom0(call) != DRIVER_DONE)
		return DRIVER_FAILED;
	record_counters(&call->reply, call->bus);
	return DRIVER_DONE;
}
