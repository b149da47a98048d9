/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index of match rules: which of them a broadcast meets, without looking at the others.
 *
 * Rules that have the same set of keys and name the same sender, or none, share a plan. A plan says
 * which parts of a message make up the key under which its rules are filed: a message is hashed
 * once for every plan that names its sender or none, and finds a bucket of rules that agree in all
 * of these parts, or nothing. Prefixes (path_namespace, arg0namespace) are part of the plan with
 * their depth, so they are looked up like anything else. Only argNpath, which meets in both
 * directions, is compared rule by rule.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/hash.h"
#include "common/list.h"
#include "core/rule.h"

struct match_plan {
	struct list plans_link; /* match_group::plans, or match_index::plans */
	struct match_group *group; /* of its sender; NULL: any sender will do */
	uint16_t keys; /* rule_key bits without eavesdrop */
	uint16_t path_depth; /* elements of path_namespace */
	uint16_t arg0_depth; /* elements of arg0namespace */
	uint64_t exact_args;
	uint64_t id;
	unsigned rules_count;
};

struct match_index {
	struct list plans; /* for whatever sender */
	struct match_group *groups; /* by sender */
	struct match_bucket *buckets;
	struct rule *rules; /* by what they say and whose they are */
	const struct hash_key *key; /* borrowed */
	uint64_t next_plan_id;
	unsigned needs[RULE_ARGS_MAX + 1]; /* rules by the number of arguments they look at */
	unsigned args_needed; /* the most that any of them does */
};

void match_index_init(struct match_index *index, const struct hash_key *key);
void match_index_deinit(struct match_index *index); /* all rules are gone */

/* Files the rule, which stays the caller's, as its peer's. 0, -ENOMEM, or -EEXIST if its key
 * collides with another rule's (64 bits under a secret: it does not happen). */
int match_add(struct match_index *index, struct rule *rule);
void match_remove(struct match_index *index, struct rule *rule);

/* The peer's own rule that equals the wanted one, which is in no index itself. */
struct rule *match_find_equal(const struct match_index *index, const struct rule *wanted,
			      const struct peer *peer);

/* Who sent it, as rules may name it: the unique name and every name it owns. */
struct match_sender {
	struct text unique;
	uint64_t unique_hash;
	const struct list *owned; /* name_claim::peer_link, or NULL */
};

/* Calls found for every rule that the message meets, more than once for a peer if several do. The
 * message has a path: only signals are broadcast. */
void match_find(const struct match_index *index, const struct message *message,
		const struct match_sender *sender, void (*found)(struct rule *rule, void *context),
		void *context);
