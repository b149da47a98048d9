/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/rate.h"

bool rate_take(struct rate *rate, uint64_t now_us, unsigned *lost)
{
	enum { AT_ONCE = 10, EVERY_US = 1000000 };
	uint64_t earned = (now_us - rate->earned_us) / EVERY_US;

	if (earned >= rate->used) {
		rate->used = 0;
		rate->earned_us = now_us;
	} else {
		rate->used -= (unsigned)earned;
		rate->earned_us += earned * EVERY_US;
	}
	if (rate->used == AT_ONCE) {
		rate->lost++;
		return false;
	}
	rate->used++;
	*lost = rate->lost;
	rate->lost = 0;
	return true;
}
