/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the bus is, for whoever is in a guest, and that it is another one now.
 *
 * It watches xenstore in a thread of its own, because xenstored may be slow or stopped; nothing
 * here waits. A program needs one, however many rings it has.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/advert.h"

enum bus_found {
	BUS_FOUND_NOT_YET, /* xenstored has not answered */
	BUS_FOUND_NO_STORE, /* there is none that we can reach: why */
	BUS_FOUND_NOWHERE, /* nothing says where a bus is: why */
	BUS_FOUND,
};

enum { BUS_FINDER_WHY_MAX = 160 };

struct bus_place {
	enum bus_found found;
	uint32_t own_domid; /* from BUS_FOUND_NOWHERE on */
	struct advert advert; /* of BUS_FOUND */
	unsigned resumes; /* of this domain */
	char why[BUS_FINDER_WHY_MAX]; /* a sentence */
};

struct bus_finder;

int bus_finder_start(struct bus_finder **out);
struct bus_finder *bus_finder_stop(struct bus_finder *finder); /* NULL is fine; returns NULL */

/* Readable when there is something new; look at it then. */
int bus_finder_fd(const struct bus_finder *finder);
void bus_finder_look(struct bus_finder *finder, struct bus_place *place);
bool bus_finder_has_news(const struct bus_finder *finder);

/* Whether a ring that was made when the bus was at one place can be alive now that it is at the
 * other. */
bool bus_place_is_same(const struct bus_place *a, const struct bus_place *b);

/* What this domain has gone through between the two. */
enum bus_journey {
	BUS_JOURNEY_NONE, /* that we know of */
	BUS_JOURNEY_RESUMED, /* it was suspended: all its rings may be dead */
	BUS_JOURNEY_MOVED, /* it is another domid now: all its rings are */
};
enum bus_journey bus_place_journey(const struct bus_place *before, const struct bus_place *now);
