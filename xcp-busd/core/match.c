/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/match.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/match-private.h"
#include "core/peer.h"

void match_index_init(struct match_index *index, const struct hash_key *key)
{
	*index = (struct match_index){ .key = key, .next_plan_id = 1 };
	list_init(&index->plans);
}

void match_index_deinit(struct match_index *index)
{
	assert(!index->rules && !index->buckets && !index->groups && list_is_empty(&index->plans));
	(void)index;
}

void match_prefixes_init(struct match_prefixes *prefixes, const struct match_index *index,
			 struct text text, char separator)
{
	prefixes->index = index;
	prefixes->text = text;
	prefixes->separator = separator;
	prefixes->at = separator == '/'; /* a path begins with one */
	prefixes->known = 0;
	prefixes->hash[0] = index->key->k0;
}

uint64_t match_prefix_hash(struct match_prefixes *prefixes, unsigned depth)
{
	while (prefixes->known < depth) {
		const char *begin = prefixes->text.bytes + prefixes->at;
		uint32_t left = prefixes->text.size - prefixes->at;
		const char *end = memchr(begin, prefixes->separator, left);
		uint32_t size = end ? (uint32_t)(end - begin) : left;
		uint64_t element = match_hash(prefixes->index, (struct text){ begin, size });

		prefixes->hash[prefixes->known + 1] =
			match_mix(prefixes->hash[prefixes->known], element);
		prefixes->known++;
		prefixes->at += end ? size + 1 : size;
	}
	return prefixes->hash[depth];
}

static uint64_t prefix_hash(const struct match_index *index, struct text text, char separator,
			    unsigned depth)
{
	struct match_prefixes prefixes;

	match_prefixes_init(&prefixes, index, text, separator);
	return match_prefix_hash(&prefixes, depth);
}

/* The order of the parts is the same here and in match-probe.c. */
static uint64_t rule_hash(const struct match_index *index, const struct rule *rule,
			  const struct match_plan *plan)
{
	uint64_t key = match_mix(index->key->k1, plan->id);
	unsigned i;

	if (plan->keys & RULE_TYPE)
		key = match_mix(key, rule->type);
	if (plan->keys & RULE_INTERFACE)
		key = match_mix(key, match_hash(index, rule->interface));
	if (plan->keys & RULE_MEMBER)
		key = match_mix(key, match_hash(index, rule->member));
	if (plan->keys & RULE_PATH)
		key = match_mix(key, match_hash(index, rule->path));
	if (plan->keys & RULE_PATH_NAMESPACE)
		key = match_mix(key, prefix_hash(index, rule->path, '/', plan->path_depth));
	if (plan->keys & RULE_ARG0_NAMESPACE)
		key = match_mix(key,
				prefix_hash(index, rule->arg0_namespace, '.', plan->arg0_depth));
	for (i = 0; i < rule->args_count; i++)
		if (!rule->args[i].is_path)
			key = match_mix(key, match_hash(index, rule->args[i].value));
	return key;
}

struct match_group *match_group_find(const struct match_index *index, uint64_t sender_hash)
{
	struct match_group *group;

	MAP_FIND(index->groups, &sender_hash, sizeof(sender_hash), sender_hash, group);
	return group;
}

static struct match_group *group_get(struct match_index *index, uint64_t sender_hash)
{
	struct match_group *group = match_group_find(index, sender_hash);

	if (group)
		return group;
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->sender_hash = sender_hash;
	list_init(&group->plans);
	MAP_ADD(index->groups, &group->sender_hash, sizeof(group->sender_hash), sender_hash, group);
	if (!group->hh.tbl) {
		free(group);
		return NULL;
	}
	return group;
}

static void group_put(struct match_index *index, struct match_group *group)
{
	if (!group || !list_is_empty(&group->plans))
		return;
	MAP_REMOVE(index->groups, group);
	free(group);
}

static bool plans_agree(const struct match_plan *a, const struct match_plan *b)
{
	return a->keys == b->keys && a->exact_args == b->exact_args &&
	       a->path_depth == b->path_depth && a->arg0_depth == b->arg0_depth;
}

static struct match_plan *plan_find(const struct list *plans, const struct match_plan *wanted)
{
	struct match_plan *plan;

	list_for_each(plan, plans, plans_link)
		if (plans_agree(plan, wanted))
			return plan;
	return NULL;
}

/* The plan that the rule would have, without its group. */
static struct match_plan plan_for(const struct rule *rule)
{
	struct match_plan plan = {
		.keys = rule->keys & (uint16_t)~RULE_EAVESDROP,
		.exact_args = rule->exact_args,
	};

	if (rule->keys & RULE_PATH_NAMESPACE)
		plan.path_depth = (uint16_t)rule_path_depth(rule->path);
	if (rule->keys & RULE_ARG0_NAMESPACE)
		plan.arg0_depth = (uint16_t)rule_name_depth(rule->arg0_namespace);
	return plan;
}

static struct match_plan *plan_get(struct match_index *index, const struct rule *rule)
{
	struct match_plan *plan, wanted = plan_for(rule);
	struct list *plans = &index->plans;

	if (rule->keys & RULE_SENDER) {
		wanted.group = group_get(index, match_hash(index, rule->sender));
		if (!wanted.group)
			return NULL;
		plans = &wanted.group->plans;
	}
	plan = plan_find(plans, &wanted);
	if (plan)
		return plan;
	plan = malloc(sizeof(*plan));
	if (!plan) {
		group_put(index, wanted.group);
		return NULL;
	}
	*plan = wanted;
	plan->id = index->next_plan_id++;
	list_push_back(plans, &plan->plans_link);
	return plan;
}

static void plan_put(struct match_index *index, struct match_plan *plan)
{
	if (plan->rules_count)
		return;
	list_remove(&plan->plans_link);
	group_put(index, plan->group);
	free(plan);
}

struct match_bucket *match_bucket_find(const struct match_index *index, uint64_t key)
{
	struct match_bucket *bucket;

	MAP_FIND(index->buckets, &key, sizeof(key), key, bucket);
	return bucket;
}

static struct match_bucket *bucket_get(struct match_index *index, struct match_plan *plan,
				       uint64_t key)
{
	struct match_bucket *bucket = match_bucket_find(index, key);

	if (bucket)
		return bucket;
	bucket = calloc(1, sizeof(*bucket));
	if (!bucket)
		return NULL;
	*bucket = (struct match_bucket){ .key = key, .plan = plan };
	list_init(&bucket->rules);
	MAP_ADD(index->buckets, &bucket->key, sizeof(bucket->key), key, bucket);
	if (!bucket->hh.tbl) {
		free(bucket);
		return NULL;
	}
	return bucket;
}

/* Whether two rules agree in everything that the index looks at. */
static bool rules_agree(const struct rule *a, const struct rule *b)
{
	unsigned i, j = 0;

	if (a->type != b->type || !text_equals(a->interface, b->interface) ||
	    !text_equals(a->member, b->member) || !text_equals(a->path, b->path) ||
	    !text_equals(a->sender, b->sender) ||
	    !text_equals(a->arg0_namespace, b->arg0_namespace))
		return false;
	for (i = 0; i < a->args_count; i++) {
		if (a->args[i].is_path)
			continue;
		while (b->args[j].is_path) /* both have the same exact_args, so b has one more */
			j++;
		if (!text_equals(a->args[i].value, b->args[j++].value))
			return false;
	}
	return true;
}

static int bucket_add(struct match_bucket *bucket, const struct match_plan *plan, struct rule *rule)
{
	const struct rule *first = list_first(&bucket->rules, struct rule, bucket_link);

	if (first && (bucket->plan != plan || !rules_agree(first, rule)))
		return -EEXIST;
	rule->bucket = bucket;
	list_push_back(&bucket->rules, &rule->bucket_link);
	return 0;
}

static void count_args(struct match_index *index, const struct rule *rule, int change)
{
	index->needs[rule->args_needed] += (unsigned)change;
	if (rule->args_needed > index->args_needed)
		index->args_needed = rule->args_needed;
	while (index->args_needed && !index->needs[index->args_needed])
		index->args_needed--;
}

/* Of all that makes it a rule of its own, whatever the index makes of it. */
static uint64_t own_hash(const struct match_index *index, const struct rule *rule,
			 const struct peer *peer)
{
	const struct text texts[] = { rule->sender, rule->interface,   rule->member,
				      rule->path,   rule->destination, rule->arg0_namespace };
	uint64_t key = match_mix(index->key->k1, (uintptr_t)peer);
	size_t i;

	key = match_mix(key, rule->keys | (uint64_t)rule->type << 16 |
				     (uint64_t)rule->eavesdrop << 24 |
				     (uint64_t)rule->args_count << 32);
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].bytes)
			key = match_mix(key, match_hash(index, texts[i]));
	for (i = 0; i < rule->args_count; i++) {
		key = match_mix(key, rule->args[i].index | (uint64_t)rule->args[i].is_path << 8);
		key = match_mix(key, match_hash(index, rule->args[i].value));
	}
	return key;
}

/* Where broadcasts find it. 0 or as match_add. */
static int file(struct match_index *index, struct rule *rule)
{
	struct match_plan *plan = plan_get(index, rule);
	struct match_bucket *bucket;
	int r = -ENOMEM;

	if (!plan)
		return r;
	bucket = bucket_get(index, plan, rule_hash(index, rule, plan));
	if (bucket)
		r = bucket_add(bucket, plan, rule);
	if (r < 0) {
		plan_put(index, plan);
		return r;
	}
	plan->rules_count++;
	count_args(index, rule, 1);
	return 0;
}

int match_add(struct match_index *index, struct rule *rule)
{
	int r = 0;

	rule->hash = own_hash(index, rule, rule->peer);
	MAP_ADD(index->rules, &rule->hash, sizeof(rule->hash), rule->hash, rule);
	if (!rule->hh.tbl)
		return -ENOMEM;
	/* A broadcast has no destination, so such a rule meets none; it only waits for
	 * RemoveMatch. */
	if (!(rule->keys & RULE_DESTINATION))
		r = file(index, rule);
	if (r < 0)
		MAP_REMOVE(index->rules, rule);
	return r;
}

static void unfile(struct match_index *index, struct rule *rule)
{
	struct match_bucket *bucket = rule->bucket;

	rule->bucket = NULL;
	list_remove(&rule->bucket_link);
	count_args(index, rule, -1);
	bucket->plan->rules_count--;
	plan_put(index, bucket->plan);
	if (list_is_empty(&bucket->rules)) {
		MAP_REMOVE(index->buckets, bucket);
		free(bucket);
	}
}

void match_remove(struct match_index *index, struct rule *rule)
{
	MAP_REMOVE(index->rules, rule);
	if (rule->bucket)
		unfile(index, rule);
}

struct rule *match_find_equal(const struct match_index *index, const struct rule *wanted,
			      const struct peer *peer)
{
	uint64_t hash = own_hash(index, wanted, peer);
	struct rule *rule;

	MAP_FIND(index->rules, &hash, sizeof(hash), hash, rule);
	return rule && rule->peer == peer && rule_equals(rule, wanted) ? rule : NULL;
}
