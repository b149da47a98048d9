/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What match.c, which files rules, and match-probe.c, which looks them up, share. */
#pragma once

#include "common/map.h"
#include "core/match.h"

/* The plans of rules that name the same sender. */
struct match_group {
	UT_hash_handle hh;
	uint64_t sender_hash;
	struct list plans; /* match_plan::plans_link */
};

struct match_bucket {
	UT_hash_handle hh;
	uint64_t key; /* the plan's id is part of what was hashed */
	struct match_plan *plan;
	struct list rules; /* rule::bucket_link */
};

static inline uint64_t match_mix(uint64_t key, uint64_t part)
{
	key = (key ^ part) * 0xff51afd7ed558ccd;
	return key ^ key >> 32;
}

static inline uint64_t match_hash(const struct match_index *index, struct text text)
{
	return hash_bytes(index->key, text.bytes, text.size);
}

/* Hashes of a path's or a name's first elements, all of them in one pass: each continues the one
 * before. */
struct match_prefixes {
	const struct match_index *index;
	struct text text;
	char separator;
	uint32_t at; /* where the next element begins */
	unsigned known;
	uint64_t hash[RULE_DEPTH_MAX + 1];
};

void match_prefixes_init(struct match_prefixes *prefixes, const struct match_index *index,
			 struct text text, char separator);
/* Of so many elements, which the text has. */
uint64_t match_prefix_hash(struct match_prefixes *prefixes, unsigned depth);

struct match_group *match_group_find(const struct match_index *index, uint64_t sender_hash);
struct match_bucket *match_bucket_find(const struct match_index *index, uint64_t key);
