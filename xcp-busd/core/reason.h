/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is behind it when something is not done for a peer, or when its link ends: facts.
 *
 * Which limit of the configuration that is, and what an administrator can do about it, is a table
 * in io/reason.c, and in docs/logs.md.
 */
#pragma once

#include "core/quota.h"

struct peer;

enum reason_kind {
	REASON_NONE, /* all is in order */
	REASON_BROKEN, /* what came is not D-Bus */
	REASON_MEMORY,
	REASON_POLICY,
	REASON_SYSTEM, /* a system call failed */
	/* Limits of the configuration. */
	REASON_QUOTA, /* and an enum quota_kind */
	REASON_QUOTA_PEERS = REASON_QUOTA + QUOTA_PEERS,
	REASON_QUEUE = REASON_QUOTA + QUOTA_KIND_COUNT, /* bytes that wait for a peer */
	REASON_QUEUE_FDS,
	REASON_PEERS, /* of all users together */
	REASON_PEER_NAMES,
	REASON_PEER_MATCHES,
	REASON_PEER_REPLIES,
	REASON_STARTS,
	REASON_MESSAGE_SIZE,
	REASON_MESSAGE_FDS,
	REASON_MESSAGE_TIME,
	REASON_AUTH_TIME,
	REASON_FD_TIME,
	REASON_SILENCE,
	REASON_INCOMPLETE,
	REASON_RING_PAGES,
	/* Limits that cannot be set. */
	REASON_AUTH_ATTEMPTS,
	REASON_NAME_RATE,
	REASON_START_RATE,
	REASON_START_SIZE, /* of what waits for one */
	REASON_START_FAILED,
	REASON_ENVIRONMENT,
	REASON_RULES_SIZE, /* of an answer that has all rules */
	REASON_ANSWER_SIZE,
	REASON_DESCRIPTORS, /* of the daemon */
	REASON_OWN_SIZE, /* of what grants a domain its names */
	/* Rings that are not as libxenvchan makes them, or not where they belong. */
	REASON_RING,
	REASON_RING_LOCAL,
	REASON_RING_UNMAPPED,
	REASON_RING_STAYS,
	REASON_COUNT
};

#define REASON_UNKNOWN UINT64_MAX

struct reason {
	enum reason_kind kind;
	uint64_t used, allowed; /* of a limit of the configuration; used may be REASON_UNKNOWN */
	const struct peer *full; /* whose queue it is that has no room, if not the peer's own */
};

static inline struct reason reason_of(enum reason_kind kind)
{
	return (struct reason){ .kind = kind };
}

static inline struct reason reason_limit(enum reason_kind kind, uint64_t used, uint64_t allowed)
{
	return (struct reason){ .kind = kind, .used = used, .allowed = allowed };
}

/* In milliseconds, as the configuration has them. */
static inline struct reason reason_time(enum reason_kind kind, uint64_t took_us,
					uint64_t allowed_us)
{
	return reason_limit(kind, took_us / 1000, allowed_us / 1000);
}

static inline struct reason reason_quota(const struct quota *quota, enum quota_kind kind)
{
	return reason_limit((enum reason_kind)(REASON_QUOTA + kind), quota->used[kind],
			    quota->limits->max[kind]);
}
