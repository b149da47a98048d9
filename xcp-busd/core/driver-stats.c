/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.freedesktop.DBus.Debug.Stats, under the names that dbus-daemon gives its numbers. They say
 * who is on the bus and how busy, so they are for dom0. */
#include <errno.h>

#include "core/dict.h"
#include "core/driver.h"
#include "core/rule.h"

int driver_only_dom0(struct driver_call *call)
{
	if (!call->peer->identity->is_guest)
		return DRIVER_DONE;
	return driver_fail(call, "AccessDenied",
			   "Statistics are for programs in the domain of the bus");
}

/* dbus-daemon's numbers have 32 bits. */
static void put_number(struct build *build, const char *key, uint64_t value)
{
	dict_uint32(build, key, value > UINT32_MAX ? UINT32_MAX : (uint32_t)value);
}

int driver_get_stats(struct driver_call *call)
{
	struct bus *bus = call->bus;
	struct build *reply = &call->reply;
	const struct count *count = &bus->count;
	unsigned incomplete = 0;
	struct peer *peer;
	uint32_t mark;

	if (driver_only_dom0(call) != DRIVER_DONE)
		return DRIVER_FAILED;
	list_for_each(peer, &bus->peers, bus_link)
		incomplete += !peer->is_registered && !peer->is_monitor;
	mark = dict_begin(reply);
	put_number(reply, "Serial", bus->serial);
	put_number(reply, "ActiveConnections", bus->ready_count);
	put_number(reply, "IncompleteConnections", incomplete);
	put_number(reply, "MatchRules", count->match_rules);
	put_number(reply, "PeakMatchRules", count->match_rules_peak);
	put_number(reply, "PeakMatchRulesPerConnection", count->peer_match_rules_peak);
	put_number(reply, "BusNames", HASH_COUNT(bus->names.names) + bus->ready_count);
	put_number(reply, "PeakBusNames", count->names_peak);
	put_number(reply, "PeakBusNamesPerConnection", count->peer_names_peak);
	put_number(reply, "org.xen.xcp.PendingReplies", bus->replies.slot_count);
	dict_end(reply, mark);
	return DRIVER_DONE;
}

static void put_quota(struct build *build, const struct quota *quota)
{
	static const char *const keys[QUOTA_KIND_COUNT] = {
		[QUOTA_PEERS] = "org.xen.xcp.Owner.Connections",
		[QUOTA_NAMES] = "org.xen.xcp.Owner.BusNames",
		[QUOTA_MATCHES] = "org.xen.xcp.Owner.MatchRules",
		[QUOTA_REPLIES] = "org.xen.xcp.Owner.PendingReplies",
		[QUOTA_BYTES] = "org.xen.xcp.Owner.MessageBytes",
		[QUOTA_FDS] = "org.xen.xcp.Owner.FileDescriptors",
	};
	int kind;

	for (kind = 0; kind < QUOTA_KIND_COUNT; kind++)
		put_number(build, keys[kind], quota->used[kind]);
}

/* "Incoming" is what came from it and was not passed on to its end. */
static void put_queues(struct build *build, const struct peer *peer)
{
	put_number(build, "IncomingBytes", peer->sender->unread);
	put_number(build, "PeakIncomingBytes", peer->sender->unread_peak);
	put_number(build, "IncomingFDs", peer->sender->unread_fds);
	put_number(build, "PeakIncomingFDs", peer->sender->unread_fds_peak);
	put_number(build, "OutgoingBytes", peer->outbox.size);
	put_number(build, "PeakOutgoingBytes", peer->outbox.size_peak);
	put_number(build, "OutgoingFDs", peer->outbox.fds_count);
	put_number(build, "PeakOutgoingFDs", peer->outbox.fds_peak);
}

int driver_get_connection_stats(struct driver_call *call)
{
	struct build *reply = &call->reply;
	struct text name;
	struct peer *peer;
	bool is_driver;
	uint32_t mark;

	if (driver_only_dom0(call) != DRIVER_DONE)
		return DRIVER_FAILED;
	peer = driver_take_peer(call, &is_driver, &name);
	if (is_driver)
		return driver_fail(call, "NameHasNoOwner",
				   "%s is the bus itself: it has no connection", DRIVER_NAME);
	if (!peer)
		return DRIVER_FAILED;
	mark = dict_begin(reply);
	put_number(reply, "Serial", call->bus->serial); /* one for all */
	dict_string(reply, "UniqueName", peer->name);
	put_number(reply, "MatchRules", peer->matches_count);
	put_number(reply, "PeakMatchRules", peer->match_rules_peak);
	put_number(reply, "BusNames", peer->owned_count + 1);
	put_number(reply, "PeakBusNames", peer->names_peak);
	put_queues(reply, peer);
	put_number(reply, "org.xen.xcp.DomainID", peer->identity->domid);
	dict_string(reply, "org.xen.xcp.Transport", peer->identity->is_guest ? "vchan" : "unix");
	if (peer->identity->is_guest)
		dict_string(reply, "org.xen.xcp.DomainName", peer->identity->domain_name);
	put_quota(reply, peer->quota);
	dict_end(reply, mark);
	return DRIVER_DONE;
}

/* Each rule once, however often it was added. False if there is no room for all of them. */
static bool put_rules(struct build *build, const struct peer *peer, uint32_t size_max)
{
	char text[RULE_FORMAT_MAX];
	const struct rule *rule;
	uint32_t mark;

	build_struct(build);
	build_string(build, peer->name);
	mark = build_array(build, 4);
	list_for_each(rule, &peer->matches, peer_link) {
		if (build->size > size_max)
			return false;
		build_string(build, rule_format(rule, text));
	}
	build_array_end(build, mark);
	return true;
}

/* What a peer could send, and half of what may wait for it: more would cost it its connection. */
uint32_t driver_reply_max(const struct driver_call *call)
{
	uint64_t half = call->peer->outbox_max / 2;
	uint32_t message_max = call->bus->settings.local_message_max;

	return half < message_max ? (uint32_t)half : message_max;
}

int driver_get_all_match_rules(struct driver_call *call)
{
	struct peer *peer;
	uint32_t mark;

	/* It says what others wait for, and takes long to say: longer than most who could ask. */
	if (!driver_is_privileged(call))
		return driver_fail(
			call, "AccessDenied",
			"Only root and the owner of the bus, in its domain, may see all rules");
	mark = build_array(&call->reply, 8);
	list_for_each(peer, &call->bus->peers, bus_link)
		if (peer->is_registered && !put_rules(&call->reply, peer, driver_reply_max(call)))
			return driver_limit(call, reason_of(REASON_RULES_SIZE),
					    "The rules do not fit into one message");
	build_array_end(&call->reply, mark);
	return DRIVER_DONE;
}
