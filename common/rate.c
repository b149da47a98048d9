/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/rate.h"

enum { AT_ONCE = 10, EVERY_US = 1000000 };

static void earn(struct rate *rate, uint64_t now_us)
{
	uint64_t earned = (now_us - rate->earned_us) / EVERY_US;

	if (earned >= rate->used) {
		rate->used = 0;
		rate->earned_us = now_us;
	} else {
		rate->used -= (unsigned)earned;
		rate->earned_us += earned * EVERY_US;
	}
}

static bool take(struct rate *rate, unsigned *lost)
{
	rate->used++;
	*lost = rate->lost;
	rate->lost = 0;
	return true;
}

static bool take_below(struct rate *rate, unsigned limit, uint64_t now_us, unsigned *lost)
{
	earn(rate, now_us);
	if (rate->used < limit)
		return take(rate, lost);
	rate->lost++;
	return false;
}

bool rate_take(struct rate *rate, uint64_t now_us, unsigned *lost)
{
	return take_below(rate, AT_ONCE, now_us, lost);
}

bool rate_take_minor(struct rate *rate, uint64_t now_us, unsigned *lost)
{
	return take_below(rate, AT_ONCE / 2, now_us, lost);
}

bool rate_settle(struct rate *rate, uint64_t now_us, unsigned *lost)
{
	earn(rate, now_us);
	return rate->lost && rate->used < AT_ONCE - 1 && take(rate, lost);
}

bool rate_is_idle(struct rate *rate, uint64_t now_us)
{
	earn(rate, now_us);
	return !rate->used && !rate->lost;
}
