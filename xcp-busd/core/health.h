/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the bus itself is, part by part, as org.xen.xcp.Health1 has it.
 *
 * Each part has one problem at a time, or none. The whole is what its worst part is.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bus;

enum health_status { HEALTH_SERVING, HEALTH_DEGRADED, HEALTH_DRAINING, HEALTH_NOT_SERVING };

enum health_part {
	HEALTH_LOOP, /* that it takes part at all */
	HEALTH_MEMORY,
	HEALTH_GUESTS, /* that their rings can be taken on */
	HEALTH_PART_COUNT,
	HEALTH_WHOLE = HEALTH_PART_COUNT
};

struct health {
	enum health_status status;
	const char *reason; /* a constant; "" if it serves */
	int64_t since_us; /* 1970 */
};

struct health_book {
	struct health parts[HEALTH_PART_COUNT];
};

void health_init(struct health_book *book, int64_t now_us);

/* Also of the whole. */
struct health health_get(const struct health_book *book, enum health_part part);

/* "" is the whole. */
const char *health_part_name(enum health_part part);
const char *health_status_text(enum health_status status);

/* From now on a part is so. Whoever listens is told what has changed. reason is a constant. */
void health_set(struct bus *bus, enum health_part part, enum health_status status,
		const char *reason);
