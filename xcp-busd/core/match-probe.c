/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which rules a message meets. */
#include "core/match-private.h"
#include "core/name.h"

/* Hashes of a message's parts, computed when the first plan asks for them. */
struct probe {
	const struct match_index *index;
	const struct message *message;
	struct body_args args;
	uint64_t interface, member, path, arg[RULE_ARGS_MAX];
	bool has_interface, has_member, has_path;
	uint64_t has_arg;
	uint64_t strings; /* bit i: argument i is a string */
	unsigned path_depth, arg0_depth;
	struct match_prefixes path_prefixes, arg0_prefixes;
	void (*found)(struct rule *rule, void *context);
	void *context;
};

static uint64_t once(struct probe *probe, bool *has, uint64_t *hash, struct text text)
{
	if (!*has) {
		*hash = match_hash(probe->index, text);
		*has = true;
	}
	return *hash;
}

static void probe_path(struct probe *probe, const struct match_plan *plan, uint64_t *key)
{
	if (plan->keys & RULE_PATH)
		*key = match_mix(*key,
				 once(probe, &probe->has_path, &probe->path, probe->message->path));
	if (plan->keys & RULE_PATH_NAMESPACE)
		*key = match_mix(*key, match_prefix_hash(&probe->path_prefixes, plan->path_depth));
}

static void probe_args(struct probe *probe, const struct match_plan *plan, uint64_t *key)
{
	const struct body_args *args = &probe->args;
	uint64_t left = plan->exact_args;

	if (plan->keys & RULE_ARG0_NAMESPACE)
		*key = match_mix(*key, match_prefix_hash(&probe->arg0_prefixes, plan->arg0_depth));
	for (; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		if (!(probe->has_arg & (uint64_t)1 << i)) {
			probe->arg[i] = match_hash(probe->index, args->value[i]);
			probe->has_arg |= (uint64_t)1 << i;
		}
		*key = match_mix(*key, probe->arg[i]);
	}
}

static uint64_t probe_key(struct probe *probe, const struct match_plan *plan)
{
	const struct message *message = probe->message;
	uint64_t key = match_mix(probe->index->key->k1, plan->id);

	if (plan->keys & RULE_TYPE)
		key = match_mix(key, message->type);
	if (plan->keys & RULE_INTERFACE)
		key = match_mix(key, once(probe, &probe->has_interface, &probe->interface,
					  message->interface));
	if (plan->keys & RULE_MEMBER)
		key = match_mix(key,
				once(probe, &probe->has_member, &probe->member, message->member));
	probe_path(probe, plan, &key);
	probe_args(probe, plan, &key);
	return key;
}

static void bucket_visit(struct probe *probe, const struct match_plan *plan, uint64_t key,
			 struct text sender)
{
	struct match_bucket *bucket = match_bucket_find(probe->index, key);
	const struct rule *first;
	struct rule *rule;

	if (!bucket || bucket->plan != plan)
		return;
	first = list_first(&bucket->rules, struct rule, bucket_link);
	/* All rules of a bucket agree in what the index looks at: one stands for all. */
	if (!rule_covers(first, probe->message, &probe->args) ||
	    ((first->keys & RULE_SENDER) && !text_equals(first->sender, sender)))
		return;
	list_for_each(rule, &bucket->rules, bucket_link)
		if (!rule_has_rest(rule) || rule_matches_rest(rule, &probe->args))
			probe->found(rule, probe->context);
}

/* Whether the message has all that the plan's rules ask for. Whoever thinks up rules that nothing
 * meets makes others pay for this line, and for no more. */
static bool plan_fits(const struct match_plan *plan, const struct probe *probe)
{
	return !(plan->exact_args & ~probe->strings) && plan->path_depth <= probe->path_depth &&
	       plan->arg0_depth <= probe->arg0_depth;
}

static void plans_visit(struct probe *probe, const struct list *plans, struct text sender)
{
	const struct match_plan *plan;

	list_for_each(plan, plans, plans_link)
		if (plan_fits(plan, probe))
			bucket_visit(probe, plan, probe_key(probe, plan), sender);
}

static void group_visit(struct probe *probe, uint64_t sender_hash, struct text sender)
{
	const struct match_group *group = match_group_find(probe->index, sender_hash);

	if (group)
		plans_visit(probe, &group->plans, sender);
}

static void probe_init(struct probe *probe, const struct match_index *index,
		       const struct message *message)
{
	const struct body_args *args = &probe->args;
	unsigned i;

	probe->index = index;
	probe->message = message;
	probe->has_interface = probe->has_member = probe->has_path = false;
	probe->has_arg = 0;
	body_read_args(message, index->args_needed, &probe->args);
	for (probe->strings = 0, i = 0; i < args->count; i++)
		probe->strings |= (uint64_t)(args->type[i] == 's') << i;
	probe->arg0_depth = probe->strings & 1 ? rule_name_depth(args->value[0]) : 0;
	probe->path_depth = rule_path_depth(message->path);
	match_prefixes_init(&probe->path_prefixes, index, message->path, '/');
	if (probe->arg0_depth)
		match_prefixes_init(&probe->arg0_prefixes, index, args->value[0], '.');
}

void match_find(const struct match_index *index, const struct message *message,
		const struct match_sender *sender, void (*found)(struct rule *rule, void *context),
		void *context)
{
	const struct name_claim *claim;
	struct probe probe;

	probe_init(&probe, index, message);
	probe.found = found;
	probe.context = context;
	plans_visit(&probe, &index->plans, sender->unique);
	if (!index->groups)
		return;
	group_visit(&probe, sender->unique_hash, sender->unique);
	if (!sender->owned)
		return;
	list_for_each(claim, sender->owned, peer_link)
		if (name_claim_is_primary(claim))
			group_visit(&probe, claim->name->hash,
				    (struct text){ claim->name->text, claim->name->size });
}
