/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which metrics there are: docs/metrics.md has all of them. */
#pragma once

#include <stdbool.h>

#include "common/log.h"
#include "core/count.h"
#include "core/quota.h"

/* What is known of the bus, or of a domain: of that the first ones, up to METRICS_UP_US. */
enum metrics_value {
	METRICS_LINKS,
	METRICS_INCOMPLETE,
	METRICS_RULES,
	METRICS_QUEUED,
	METRICS_SENT,
	METRICS_RECEIVED,
	METRICS_BYTES_SENT,
	METRICS_BYTES_RECEIVED,
	METRICS_CALLS,
	METRICS_ERRORS,
	METRICS_ANSWERS,
	METRICS_ANSWER_US,
	METRICS_OWED_US, /* of several the largest, not the sum */
	METRICS_REFUSALS, /* as many as there are kinds */
	METRICS_USED = METRICS_REFUSALS + REFUSAL_KIND_COUNT, /* the same */
	METRICS_ALLOWED = METRICS_USED + QUOTA_KIND_COUNT, /* the same */
	METRICS_UP_US = METRICS_ALLOWED + QUOTA_KIND_COUNT,
	METRICS_DOMAINS,
	METRICS_NAMES,
	METRICS_PENDING,
	METRICS_STARTS_PENDING,
	METRICS_HELD,
	METRICS_SHORT,
	METRICS_ACCEPTED,
	METRICS_REFUSED,
	METRICS_LAPSED,
	METRICS_ORPHANED,
	METRICS_STARTED,
	METRICS_START_FAILED,
	METRICS_LINES, /* of the log, one for each level */
	METRICS_LINES_LOST = METRICS_LINES + LOG_LEVEL_COUNT,
	METRICS_VALUE_COUNT
};

/* The first entry of a family names it; those that follow have another label. What ends in _total
 * only grows. */
struct metrics_entry {
	const char *name, *help;
	const char *label;
	enum metrics_value value;
	bool is_time; /* in microseconds here, in seconds there */
	bool is_of_guests; /* local programs have no such thing */
};

/* Each ends with an entry that has neither name nor label. */
extern const struct metrics_entry metrics_of_bus[], metrics_of_domains[];
