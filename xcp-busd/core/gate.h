/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the bus asks its policy. */
#pragma once

#include "core/bus.h"
#include "core/policy.h"

/* From now on this policy holds, which the bus takes over; the last one is freed. 0, or -ENOMEM and
 * nothing has changed. */
int gate_set_policy(struct bus *bus, struct policy *policy);

/* Whether the message may go from one to the other; either may be NULL: the bus itself. What is
 * addressed to somebody and denied is reported, as dbus-daemon does. */
bool gate_lets_pass(struct bus *bus, const struct peer *from, const struct peer *to,
		    const struct message *message, bool is_requested_reply);

/* Whether a peer may see what is addressed to another. Nothing is reported: nobody was denied what
 * is his. */
bool gate_lets_eavesdrop(struct bus *bus, const struct peer *from, const struct peer *by,
			 const struct message *message, bool is_requested_reply);

/* For a message of the bus itself, as bytes that have their sender. */
bool gate_lets_own_pass(struct bus *bus, const struct peer *to, const uint8_t *bytes,
			uint32_t size);

/* Tells the sender that its message was denied; of a signal, too, if it was meant for somebody. 0
 * or -ENOMEM. */
int gate_refuse(struct bus *bus, struct peer *from, const struct peer *to,
		const struct message *message);
