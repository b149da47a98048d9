/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Turns several connections in one thread until something is so. */
#pragma once

#include <err.h>
#include <poll.h>

#include "libxcpbus/xcpbus.h"

enum { TURN_MAX = 4, TURN_PATIENCE_MS = 20000 };

/* Connections that are NULL, or over, are left alone. Ends the program if nothing happens at all
 * for a long time: no CHECK, because the test would go on waiting. */
static inline void turn(struct xcpbus *const *buses, int count, bool (*is_done)(void))
{
	struct pollfd fds[TURN_MAX];

	while (!is_done()) {
		int timeout = TURN_PATIENCE_MS;

		for (int i = 0; i < count; i++) {
			int own;

			fds[i] = (struct pollfd){ .fd = -1 };
			if (!buses[i] || xcpbus_process(buses[i]) < 0)
				continue;
			own = xcpbus_get_timeout(buses[i]);
			fds[i].fd = xcpbus_get_fd(buses[i]);
			fds[i].events = xcpbus_get_events(buses[i]);
			if (own >= 0 && own < timeout)
				timeout = own;
		}
		if (!is_done() && poll(fds, (nfds_t)count, timeout) == 0 &&
		    timeout == TURN_PATIENCE_MS)
			errx(1, "nothing happens");
	}
}
