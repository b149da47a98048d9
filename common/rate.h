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
