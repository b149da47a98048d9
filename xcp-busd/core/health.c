/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/health.h"

#include <string.h>

#include "core/bus.h"
#include "core/driver.h"

void health_init(struct health_book *book, int64_t now_us)
{
	int part;

	for (part = 0; part < HEALTH_PART_COUNT; part++)
		book->parts[part] = (struct health){ HEALTH_SERVING, "", now_us };
}

static struct health worst_of(const struct health_book *book)
{
	struct health worst = book->parts[0];
	int part;

	for (part = 1; part < HEALTH_PART_COUNT; part++) {
		const struct health *health = &book->parts[part];

		/* While all serve, since the last trouble. */
		if (health->status > worst.status ||
		    (health->status == worst.status && health->since_us > worst.since_us))
			worst = *health;
	}
	return worst;
}

struct health health_get(const struct health_book *book, enum health_part part)
{
	return part == HEALTH_WHOLE ? worst_of(book) : book->parts[part];
}

const char *health_part_name(enum health_part part)
{
	static const char *const names[] = {
		[HEALTH_LOOP] = "bus",
		[HEALTH_MEMORY] = "memory",
		[HEALTH_GUESTS] = "guests",
		[HEALTH_WHOLE] = "",
	};

	return names[part];
}

const char *health_status_text(enum health_status status)
{
	static const char *const texts[] = {
		[HEALTH_SERVING] = "Serving",
		[HEALTH_DEGRADED] = "Degraded",
		[HEALTH_DRAINING] = "Draining",
		[HEALTH_NOT_SERVING] = "NotServing",
	};

	return texts[status];
}

void health_set(struct bus *bus, enum health_part part, enum health_status status,
		const char *reason)
{
	struct health *own = &bus->health.parts[part];
	struct health before = health_get(&bus->health, HEALTH_WHOLE), after;

	if (own->status == status && !strcmp(own->reason, reason))
		return;
	*own = (struct health){ status, reason, bus->wall_offset_us + (int64_t)bus->now_us };
	driver_announce_health(bus, part);
	after = health_get(&bus->health, HEALTH_WHOLE);
	if (after.status != before.status || strcmp(after.reason, before.reason) != 0)
		driver_announce_health(bus, HEALTH_WHOLE);
}
