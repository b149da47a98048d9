/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Peers that see everything (D-Bus specification, "BecomeMonitor").
 *
 * A monitor is no longer part of the bus: it has no name, nobody can call it, it may send nothing.
 * It gets copies of what passes, in a queue of its own that is bounded and that nobody waits for:
 * what does not fit is lost, counted, and said to be lost by the signal
 * org.xen.xcp.Bus1.MessagesLost(t count) as soon as there is room.
 */
#pragma once

#include "core/bus.h"

/* One message as those see it who look on. What only some rules ask for is found out for the first
 * that does. */
struct monitor_view {
	const struct bus *bus;
	const struct message *message;
	struct peer *from, *to;
	bool has_to, has_args; /* have been found out */
	struct body_args args;
};

/* to is found out. */
void monitor_view_init(struct monitor_view *view, const struct bus *bus,
		       const struct message *message, struct peer *from);

bool monitor_rule_sees(const struct rule *rule, struct monitor_view *view);

/* Takes the peer off the bus and makes it a monitor of what the rules (rule::peer_link; none: all)
 * describe, which it takes over. */
void monitor_become(struct bus *bus, struct peer *peer, struct list *rules);

/* Gives the rules of a leaving monitor back. */
void monitor_leave(struct peer *peer);

/* Shows one message to the monitors; from is NULL if it is the bus's own. Call it only if
 * bus->monitors is not empty. */
void monitor_show(struct bus *bus, struct peer *from, struct message *message,
		  const struct cargo *cargo);

/* An error reply that nobody gets but those who look on: to a message from the peer, or, NULL, from
 * the bus. */
void monitor_show_error(struct bus *bus, const struct peer *from, uint32_t serial,
			const char *error_name, const char *text);

/* The same for a message of the bus itself, as bytes that have their sender. */
void monitor_show_own(struct bus *bus, struct peer *to, const uint8_t *bytes, uint32_t size);
