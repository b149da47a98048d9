/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether somebody is at the other end of a ring that is open.
 *
 * A socket's end is told by the kernel. A domain that hangs or is paused leaves its rings as they
 * are. So each ring's peer is woken now and then, for nothing: with an event but no bytes. Whoever
 * waits for bytes looks, finds none, and asks for the next event, which is seen here. No program
 * notices, nothing is queued, and a ring whose indexes move is alive anyway.
 *
 * A link that is silent stays: its domain may be unpaused. It is said in the log and in Bus1.
 */
#pragma once

#include "io/link.h"

void link_pulse_begin(struct link *link); /* of a ring */
void link_pulse_end(struct link *link); /* any link */

/* It has done something. Cheap if that is no news. */
void link_pulse_revive(struct link *link);
static inline void link_pulse_heard(struct link *link)
{
	if (link->is_silent)
		link_pulse_revive(link);
}

/* Looks at those whose time has come, some at once. Returns when the next one's comes. */
uint64_t link_pulse_check(struct server *server);
