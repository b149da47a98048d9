/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Peers that see what is meant for others: those with a match rule that says eavesdrop='true',
 * where the policy lets them. D-Bus has monitors for this now; older programs still ask so.
 *
 * Guests cannot eavesdrop, whatever their rules say. Whoever may not costs nobody anything: it is
 * not among those who are looked at. */
#pragma once

#include "core/bus.h"

/* Its rules, or what the policy lets it see, have changed. */
void eavesdrop_update(struct peer *peer);

/* The peer has one more rule, or one less, with eavesdrop='true'. */
void eavesdrop_begin(struct peer *peer);
void eavesdrop_end(struct peer *peer);

/* A message that was passed on from one to the other; to is NULL for the bus. */
void eavesdrop_show_all(struct bus *bus, struct peer *from, struct peer *to,
			struct message *message, const struct cargo *cargo, bool is_reply);

static inline void eavesdrop_show(struct bus *bus, struct peer *from, struct peer *to,
				  struct message *message, const struct cargo *cargo, bool is_reply)
{
	if (!list_is_empty(&bus->eavesdroppers))
		eavesdrop_show_all(bus, from, to, message, cargo, is_reply);
}
