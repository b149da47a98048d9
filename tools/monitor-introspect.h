/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks an object what it has: org.freedesktop.DBus.Introspectable. */
#pragma once

#include "tools/monitor-node.h"

/* Asks, and waits; is_started says whether the service may be started for that. Fails like
 * xcpbus_call, or with InvalidReply if the answer is not what it should be. */
int introspect(struct xcpbus *bus, const struct xcpbus_target *target, bool is_started,
	       struct node **out, struct xcpbus_error *error);
