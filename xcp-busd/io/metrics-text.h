/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bus does, as Prometheus reads it: docs/metrics.md.
 *
 * Whatever guests do, the text has no more lines than METRICS_DOMAINS_MAX domains have, and labels
 * hold nothing but domids and the names that the toolstack gave: of more domains than that, those
 * with the largest domids are summed up as "other".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/bus.h"

enum {
	METRICS_DOMAINS_MAX = 128, /* that are told apart */
	METRICS_SIZE_MAX = 2 * 1024 * 1024, /* it never gets that far */
};

struct metrics_text {
	char *bytes; /* to be freed */
	size_t size, capacity;
	bool has_failed; /* there was no memory for more */
};

/* False without memory; there is nothing to be freed then. */
bool metrics_text_write(struct metrics_text *text, const struct bus *bus);
