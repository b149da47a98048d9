/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/eavesdrop.h"

#include "core/delivery.h"
#include "core/gate.h"
#include "core/monitor.h"

void eavesdrop_update(struct peer *peer)
{
	list_remove(&peer->eavesdrop_link);
	if (peer->eavesdrop_count && peer->profile->eavesdrops)
		list_push_back(&peer->bus->eavesdroppers, &peer->eavesdrop_link);
}

void eavesdrop_begin(struct peer *peer)
{
	if (peer->eavesdrop_count++ == 0)
		eavesdrop_update(peer);
}

void eavesdrop_end(struct peer *peer)
{
	if (--peer->eavesdrop_count == 0)
		eavesdrop_update(peer);
}

static bool wants(const struct peer *peer, struct monitor_view *view)
{
	const struct rule *rule;

	list_for_each(rule, &peer->matches, peer_link)
		if (rule->eavesdrop && monitor_rule_sees(rule, view))
			return true;
	return false;
}

void eavesdrop_show_all(struct bus *bus, struct peer *from, struct peer *to,
			struct message *message, const struct cargo *cargo, bool is_reply)
{
	struct monitor_view view;
	struct delivery delivery;
	struct peer *peer;
	int r;

	if (delivery_init(&delivery, bus, from, message, cargo) < 0)
		return;
	monitor_view_init(&view, bus, message, from);
	view.to = to;
	view.has_to = true;
	list_for_each(peer, &bus->eavesdroppers, eavesdrop_link) {
		/* The policy first: it remembers, and rules are compared one by one. */
		if (peer == to || peer->is_dropped ||
		    !gate_lets_eavesdrop(bus, from, peer, message, is_reply) || !wants(peer, &view))
			continue;
		r = delivery_send(bus, peer, &delivery, peer->quota, NULL);
		if (r != DELIVERED && r != DELIVER_NO_FDS)
			bus_drop(peer, "it does not read what it eavesdrops on",
				 delivery_reason(&delivery, r, peer, peer->quota));
	}
}
