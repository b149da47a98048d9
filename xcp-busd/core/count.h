/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What has been carried and what was refused, in numbers that only grow.
 *
 * A message adds to the numbers of the two peers that it is between, and to no others: these are
 * at hand. What a domain or the whole bus has carried is added up when somebody asks
 * (core/survey.h), out of those who are there and of what others have left behind. Refusals are
 * rare, and counted for their owner (a domain, or a user of dom0) and for all at once.
 */
#pragma once

#include <stdint.h>

enum traffic_kind { /* what comes from a peer is sent, what goes to it is received */
		    TRAFFIC_MESSAGES_SENT,
		    TRAFFIC_MESSAGES_RECEIVED,
		    TRAFFIC_BYTES_SENT,
		    TRAFFIC_BYTES_RECEIVED,
		    TRAFFIC_CALLS_SENT,
		    TRAFFIC_ERRORS_RECEIVED,
		    TRAFFIC_KIND_COUNT
};

struct traffic {
	uint64_t of[TRAFFIC_KIND_COUNT];
};

enum refusal_kind {
	REFUSAL_DENIED, /* by the policy */
	REFUSAL_OVER_QUOTA, /* of the sender itself */
	REFUSAL_RECEIVER_FULL, /* too much waits for it already */
	REFUSAL_SIGNAL_LOST, /* to a slow subscriber */
	REFUSAL_DISCONNECTED, /* a link that the bus has ended */
	REFUSAL_LOG_LINE, /* that is not in the log, because there were too many */
	REFUSAL_KIND_COUNT
};

struct refusals {
	uint64_t of[REFUSAL_KIND_COUNT];
};

/* Answer times are sorted into classes: up to 16 us, up to 32 us, and so on to 2^28 us, which are
 * four and a half minutes; and the rest. Times are those of rounds. */
enum { ANSWER_BOUND_COUNT = 25, ANSWER_CLASS_COUNT = ANSWER_BOUND_COUNT + 1, ANSWER_SHIFT = 4 };

struct answer_times {
	uint64_t of[ANSWER_CLASS_COUNT];
	uint64_t total_us; /* of all answers together */
};

static inline uint64_t answer_bound_us(unsigned class)
{
	return UINT64_C(1) << (class + ANSWER_SHIFT);
}

static inline void answer_times_count(struct answer_times *times, uint64_t took_us)
{
	uint64_t above = took_us ? (took_us - 1) >> ANSWER_SHIFT : 0;
	unsigned class = above ? 64 - (unsigned)__builtin_clzll(above) : 0;

	times->of[class < ANSWER_BOUND_COUNT ? class : ANSWER_BOUND_COUNT]++;
	times->total_us += took_us;
}

static inline void traffic_add(struct traffic *sum, const struct traffic *more)
{
	int kind;

	for (kind = 0; kind < TRAFFIC_KIND_COUNT; kind++)
		sum->of[kind] += more->of[kind];
}

static inline void answer_times_add(struct answer_times *sum, const struct answer_times *more)
{
	int i;

	for (i = 0; i < ANSWER_CLASS_COUNT; i++)
		sum->of[i] += more->of[i];
	sum->total_us += more->total_us;
}

static inline uint64_t answer_times_all(const struct answer_times *times)
{
	uint64_t count = 0;
	int i;

	for (i = 0; i < ANSWER_CLASS_COUNT; i++)
		count += times->of[i];
	return count;
}

/* What links have done. */
struct past {
	struct traffic traffic;
	struct answer_times answer_times; /* of calls to them */
};

static inline void peak_raise(uint64_t *peak, uint64_t value)
{
	if (value > *peak)
		*peak = value;
}

/* What cannot be added up from those who are there. One for the bus. */
struct count {
	struct past gone, local_gone; /* of links that have ended: all, and those of dom0 */
	struct refusals refusals, local_refusals;
	uint64_t links_accepted, links_refused;
	uint64_t calls_lapsed; /* answered by the bus: their time was up */
	uint64_t calls_orphaned; /* the same: the callee had gone */
	uint64_t services_started, starts_failed;
	uint64_t match_rules; /* now, of all */
	/* The most there ever were: of all together, and of one peer. Names include unique ones. */
	uint64_t match_rules_peak, names_peak, peer_match_rules_peak, peer_names_peak;
};
