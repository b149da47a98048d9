/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clock that only goes forward. Whoever can be handed a time takes it as an argument. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
