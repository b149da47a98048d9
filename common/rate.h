/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many lines somebody may cause in the log: a few at once, then one a second. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rate { /* all zero to begin with */
	uint64_t earned_us; /* when the last line was earned */
	unsigned used, lost;
};

/* Whether there may be one more now; if so, *lost is how many there could not be since the last. */
bool rate_take(struct rate *rate, uint64_t now_us, unsigned *lost);

/* The same for a line that matters less: it leaves half of those at once to others. */
bool rate_take_minor(struct rate *rate, uint64_t now_us, unsigned *lost);

/* The same for a line that says no more than how many were lost: only if there are some, and a line
 * that has more to say is not kept out by it. */
bool rate_settle(struct rate *rate, uint64_t now_us, unsigned *lost);

/* Whether all lines have been earned back and none were lost, so that it is as good as new. */
bool rate_is_idle(struct rate *rate, uint64_t now_us);
