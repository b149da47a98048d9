/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one party uses of the daemon, and what it may use.
 *
 * There is one quota for each life of a domain, shared by all its connections, and one for each
 * user of dom0. Whatever a guest can make us hold is charged here before it is allocated. Bytes
 * that are still queued for somebody keep the quota alive after the last connection is gone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"
#include "core/count.h"
#include "core/identity.h"

enum quota_kind {
	QUOTA_PEERS, /* connections, authenticated or not */
	QUOTA_NAMES, /* well-known names owned or queued for */
	QUOTA_MATCHES, /* match rules */
	QUOTA_REPLIES, /* calls that wait for their reply */
	QUOTA_BYTES, /* of messages: arriving, or queued and not yet read */
	QUOTA_FDS, /* file descriptors in queued messages */
	QUOTA_KIND_COUNT
};

struct quota_limits {
	uint64_t max[QUOTA_KIND_COUNT];
};

/* The memory that stands behind what many quotas have charged, roughly, and the most that it was:
 * who reads it sets the peak back. */
struct quota_meter {
	uint64_t held, peak;
};

/* Whose it is. */
struct quota_owner {
	bool is_guest;
	uint32_t id; /* the domid of a guest, the uid of a user of dom0 */
	uint64_t generation; /* of the domain's life, which no other has; 0 for a user */
	uint8_t uuid[16];
	char name[IDENTITY_NAME_MAX]; /* the domain's */
};

struct quota {
	unsigned refs;
	const struct quota_limits *limits; /* borrowed: outlives the quota */
	struct quota_meter *meter; /* the same; NULL: nobody wants to know */
	uint64_t used[QUOTA_KIND_COUNT];
	uint64_t ready; /* of the connections, those that have said Hello */
	uint64_t held_count, held_size; /* wait for a service to start; of QUOTA_BYTES */
	uint64_t names_us; /* when a guest has earned all names that it has requested */

	struct list quotas_link; /* bus::quotas, if the bus made it */
	struct list peers; /* peer::quota_link */
	struct quota_owner owner;
	struct past gone; /* of links that have ended */
	uint64_t heard_us; /* when the last message came over one of these */
	struct refusals refusals;
	uint32_t calls_listed; /* in the answer that is being written */
};

/* NULL without memory. The caller has the first reference. */
struct quota *quota_new(const struct quota_limits *limits);
struct quota *quota_ref(struct quota *quota);
struct quota *quota_unref(struct quota *quota); /* NULL is fine; returns NULL */

/* Bytes of memory for one of a kind: about what the structures take. */
extern const uint16_t quota_weights[QUOTA_KIND_COUNT];

static inline bool quota_has_room(const struct quota *quota, enum quota_kind kind, uint64_t count)
{
	uint64_t max = quota->limits->max[kind], used = quota->used[kind];

	return used <= max && count <= max - used; /* limits may have been lowered */
}

/* False, and nothing is charged, if that would be more than the limit. */
static inline bool quota_charge(struct quota *quota, enum quota_kind kind, uint64_t count)
{
	if (!quota_has_room(quota, kind, count))
		return false;
	quota->used[kind] += count;
	if (quota->meter)
		quota->meter->held += count * quota_weights[kind];
	return true;
}

void quota_release(struct quota *quota, enum quota_kind kind, uint64_t count);

/* The first part of the limit's name in the configuration: "_per_user" or "_per_domain" follows. */
const char *quota_kind_limit(enum quota_kind kind);
/* What a sender is told whose messages, or their descriptors, have no room in it. */
const char *quota_unread_text(enum quota_kind kind);
