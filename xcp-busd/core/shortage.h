/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When memory runs out.
 *
 * The first allocation that fails ends whoever asked for it, and gives up a reserve that was held
 * back for this. From then on, and until the reserve can be had again, nothing may grow: queues
 * stay short, nobody gets more names or rules, nobody new comes in. That leaves the reserve to
 * those who only talk to one another.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	SHORTAGE_QUEUE_MAX = 64 * 1024, /* bytes, for each peer, meanwhile */
	SHORTAGE_REPLIES_MAX = 16, /* calls of each that wait for their reply */
};

struct shortage {
	void *reserve;
	bool is_on;
	uint64_t retry_us; /* when it may be over; UINT64_MAX: it is not on */
};

int shortage_init(struct shortage *shortage); /* 0 or -ENOMEM */
void shortage_deinit(struct shortage *shortage);

/* An allocation has failed. True if there is a reserve to go on with. */
bool shortage_begin(struct shortage *shortage, uint64_t now_us);
void shortage_tick(struct shortage *shortage, uint64_t now_us);
