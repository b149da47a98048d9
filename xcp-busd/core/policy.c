/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "core/policy-private.h"

DEFINE_FREEP(struct policy, policy_free)

void policy_rule_init(struct policy_rule *rule, enum policy_rule_kind kind, bool allow)
{
	*rule = (struct policy_rule){
		.kind = (uint8_t)kind,
		.allow = allow,
		.requested_reply = allow,
		.max_fds = POLICY_FDS_MAX,
	};
}

static void section_free(struct policy_section *section)
{
	unsigned i;

	for (i = 0; i < section->count; i++)
		free(section->rules[i]);
	list_remove(&section->sections_link);
	free(section->rules);
	free(section);
}

struct policy *policy_free(struct policy *policy)
{
	struct policy_section *section;

	if (!policy)
		return NULL;
	while ((section = list_first(&policy->sections, struct policy_section, sections_link)))
		section_free(section);
	free(policy->cache);
	free(policy);
	return NULL;
}

#define PLATFORM "org.xen.xcp"

/* Guests talk to the bus, to the services of the platform, wherever they are, and among programs of
 * the same domain; dom0 talks to all. A guest's signals go to dom0, and to other guests only from
 * who owns a name of the platform, which the toolstack granted. */
static const struct policy_rule guest_rules[] = {
	{ POLICY_OWN, .allow = true },
	{ POLICY_SEND, .allow = true, .name = "org.freedesktop.DBus" },
	{ POLICY_SEND, .allow = true, .name = PLATFORM, .is_prefix = true },
	{ POLICY_SEND, .allow = true, .domains = POLICY_SAME_DOMAIN },
	{ POLICY_SEND, .allow = true, .type = MESSAGE_SIGNAL },
	{ POLICY_SEND, .allow = true, .type = MESSAGE_METHOD_RETURN },
	{ POLICY_SEND, .allow = true, .type = MESSAGE_ERROR },
	{ POLICY_RECEIVE, .allow = true, .domains = POLICY_ONE_DOMAIN, .domid = 0 },
	{ POLICY_RECEIVE, .allow = true, .domains = POLICY_SAME_DOMAIN },
	{ POLICY_RECEIVE, .allow = true, .name = PLATFORM, .is_prefix = true },
	{ POLICY_RECEIVE, .allow = true, .type = MESSAGE_METHOD_CALL },
	{ POLICY_RECEIVE, .allow = true, .type = MESSAGE_METHOD_RETURN },
	{ POLICY_RECEIVE, .allow = true, .type = MESSAGE_ERROR },
};

/* The control domain, at a bus that is not in it. */
static const struct policy_rule dom0_rules[] = {
	{ POLICY_SEND, .allow = true },
	{ POLICY_RECEIVE, .allow = true },
};

/* Users do as they like, once they are in: root, and who runs the bus. */
static const struct policy_rule user_rules[] = {
	{ POLICY_OWN, .allow = true },
	{ POLICY_SEND, .allow = true },
	{ POLICY_RECEIVE, .allow = true },
	{ POLICY_CONNECT_USER, .allow = true, .id = 0 },
};

static int add_rules(struct policy *policy, enum policy_scope_kind kind,
		     const struct policy_rule *rules, size_t count)
{
	const struct policy_scope scope = { .kind = (uint8_t)kind }; /* domid 0, if it is one's */
	struct policy_rule rule;
	size_t i;
	int r = 0;

	for (i = 0; i < count && r == 0; i++) {
		rule = rules[i];
		rule.requested_reply = true;
		rule.max_fds = POLICY_FDS_MAX;
		r = policy_add(policy, &scope, &rule);
	}
	return r;
}

int policy_add_user_default(struct policy *policy)
{
	return add_rules(policy, POLICY_DEFAULT, user_rules,
			 sizeof(user_rules) / sizeof(*user_rules));
}

struct policy *policy_new(void)
{
	CLEANUP(policy_freep) struct policy *policy = calloc(1, sizeof(*policy));
	int r;

	if (!policy)
		return NULL;
	list_init(&policy->sections);
	list_init(&policy->profiles);
	policy->next_profile = 1;
	r = add_rules(policy, POLICY_ALL_DOMAINS, guest_rules,
		      sizeof(guest_rules) / sizeof(*guest_rules));
	if (r == 0)
		r = add_rules(policy, POLICY_DOMAIN_ID, dom0_rules,
			      sizeof(dom0_rules) / sizeof(*dom0_rules));
	return r < 0 ? NULL : TAKE(policy);
}

struct policy *policy_new_default(void)
{
	CLEANUP(policy_freep) struct policy *policy = policy_new();

	if (!policy || policy_add_user_default(policy) < 0)
		return NULL;
	return TAKE(policy);
}

static int compare_scopes(const struct policy_scope *a, const struct policy_scope *b)
{
	int r;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	r = memcmp(a->uuid, b->uuid, sizeof(a->uuid));
	return r ? r : strcmp(a->domain_name, b->domain_name);
}

static struct policy_section *section_get(struct policy *policy, const struct policy_scope *scope)
{
	struct policy_section *section, *new;
	struct list *behind = &policy->sections;

	list_for_each(section, &policy->sections, sections_link) {
		int order = compare_scopes(&section->scope, scope);

		if (order == 0)
			return section;
		if (order > 0)
			break;
		behind = &section->sections_link;
	}
	new = calloc(1, sizeof(*new));
	if (!new)
		return NULL;
	new->scope = *scope;
	list_push_front(behind, &new->sections_link);
	return new;
}

/* The copy has its texts behind it. */
static struct policy_rule *rule_copy(const struct policy_rule *rule)
{
	const char *const from[] = { rule->name, rule->path, rule->interface, rule->member,
				     rule->error };
	size_t size = sizeof(*rule), i;
	struct policy_rule *copy;
	char *at;

	for (i = 0; i < sizeof(from) / sizeof(*from); i++)
		size += from[i] ? strlen(from[i]) + 1 : 0;
	copy = malloc(size);
	if (!copy)
		return NULL;
	*copy = *rule;
	at = (char *)(copy + 1);
	for (i = 0; i < sizeof(from) / sizeof(*from); i++) {
		const char **to[] = { &copy->name, &copy->path, &copy->interface, &copy->member,
				      &copy->error };

		if (!from[i])
			continue;
		*to[i] = strcpy(at, from[i]);
		at += strlen(at) + 1;
	}
	return copy;
}

int policy_add(struct policy *policy, const struct policy_scope *scope,
	       const struct policy_rule *rule)
{
	struct policy_section *section = section_get(policy, scope);

	if (!section)
		return -ENOMEM;
	if (section->count == section->room) {
		unsigned room = section->room ? 2 * section->room : 8;
		struct policy_rule **rules =
			reallocarray(section->rules, room, sizeof(*section->rules));

		if (!rules)
			return -ENOMEM;
		section->rules = rules;
		section->room = room;
	}
	section->rules[section->count] = rule_copy(rule);
	if (!section->rules[section->count])
		return -ENOMEM;
	section->count++;
	return 0;
}

static bool is_member(const struct identity *identity, uint32_t gid)
{
	unsigned i;

	for (i = 0; i < identity->gid_count; i++)
		if (identity->gids[i] == gid)
			return true;
	return false;
}

static bool scope_has(const struct policy_scope *scope, const struct identity *identity)
{
	bool is_guest = identity->is_guest;

	switch ((enum policy_scope_kind)scope->kind) {
	case POLICY_DEFAULT:
	case POLICY_NO_CONSOLE:
		return !is_guest;
	case POLICY_GROUP:
		return !is_guest && is_member(identity, scope->id);
	case POLICY_USER:
		return !is_guest && identity->uid == scope->id;
	case POLICY_ALL_DOMAINS:
		return is_guest;
	case POLICY_DOMAIN_NAME:
		return is_guest && !strcmp(identity->domain_name, scope->domain_name);
	case POLICY_DOMAIN_UUID:
		return is_guest && !memcmp(identity->uuid, scope->uuid, sizeof(scope->uuid));
	case POLICY_DOMAIN_ID:
		return is_guest && identity->domid == scope->id;
	case POLICY_MANDATORY:
		return true;
	}
	return false;
}

bool policy_may_connect(const struct policy *policy, const struct identity *identity,
			uint32_t owner_uid)
{
	bool allowed = identity->uid == owner_uid;
	const struct policy_section *section;
	unsigned i;

	list_for_each(section, &policy->sections, sections_link)
		for (i = 0; i < section->count; i++) {
			const struct policy_rule *rule = section->rules[i];

			if (rule->kind == POLICY_CONNECT_USER &&
			    (rule->any_id || rule->id == identity->uid))
				allowed = rule->allow;
			if (rule->kind == POLICY_CONNECT_GROUP &&
			    (rule->any_id || is_member(identity, rule->id)))
				allowed = rule->allow;
		}
	return allowed;
}

static void profile_free(struct policy_profile *profile)
{
	unsigned i;

	for (i = 0; i < POLICY_RULE_KINDS; i++)
		free(profile->rules[i]);
	free(profile->sections);
	list_remove(&profile->profiles_link);
	free(profile);
}

/* Whether the rule counts for whom the profile is for. */
static bool profile_takes(const struct policy_profile *profile,
			  const struct policy_section *section, const struct policy_rule *rule)
{
	return section->scope.kind != POLICY_MANDATORY || !profile->is_guest || !rule->allow;
}

static int profile_collect(struct policy_profile *profile, unsigned kind)
{
	unsigned total = 0, i, j;

	for (i = 0; i < profile->section_count; i++)
		total += profile->sections[i]->count;
	profile->rules[kind] = reallocarray(NULL, total + 1, sizeof(*profile->rules[kind]));
	if (!profile->rules[kind])
		return -ENOMEM;
	for (i = 0; i < profile->section_count; i++)
		for (j = 0; j < profile->sections[i]->count; j++) {
			const struct policy_rule *rule = profile->sections[i]->rules[j];

			if (rule->kind != kind ||
			    !profile_takes(profile, profile->sections[i], rule))
				continue;
			/* What came before can no longer decide anything. */
			if (policy_rule_is_sweeping(rule))
				profile->rule_count[kind] = 0;
			profile->rules[kind][profile->rule_count[kind]++] = rule;
		}
	for (i = 0; i < profile->rule_count[kind]; i++)
		profile->looks_at[kind] |= policy_rule_looks_at(profile->rules[kind][i]);
	return 0;
}

static bool allows_all(const struct policy_profile *profile, unsigned kind)
{
	bool has_plain = false;
	unsigned i;

	for (i = 0; i < profile->rule_count[kind]; i++) {
		const struct policy_rule *rule = profile->rules[kind][i];

		if (!rule->allow || rule->to_log)
			return false;
		has_plain |= policy_rule_is_plain(rule);
	}
	return has_plain;
}

static bool allows_eavesdropping(const struct policy_profile *profile)
{
	unsigned i;

	for (i = 0; i < profile->rule_count[POLICY_RECEIVE]; i++)
		if (profile->rules[POLICY_RECEIVE][i]->allow &&
		    profile->rules[POLICY_RECEIVE][i]->eavesdrop)
			return true;
	return false;
}

static struct policy_profile *profile_new(struct policy *policy, struct policy_section **sections,
					  unsigned count, bool is_guest)
{
	struct policy_profile *profile = calloc(1, sizeof(*profile));

	if (!profile)
		return NULL;
	*profile = (struct policy_profile){
		.policy = policy, .is_guest = is_guest, .id = policy->next_profile++, .refs = 1
	};
	list_init(&profile->profiles_link);
	profile->sections = reallocarray(NULL, count + 1, sizeof(*sections));
	if (profile->sections) {
		memcpy(profile->sections, sections, count * sizeof(*sections));
		profile->section_count = count;
	}
	if (!profile->sections || profile_collect(profile, POLICY_OWN) < 0 ||
	    profile_collect(profile, POLICY_SEND) < 0 ||
	    profile_collect(profile, POLICY_RECEIVE) < 0 ||
	    profile_collect(profile, POLICY_START) < 0) {
		profile_free(profile);
		return NULL;
	}
	profile->sends_all = allows_all(profile, POLICY_SEND);
	profile->receives_all = allows_all(profile, POLICY_RECEIVE);
	/* Guests cannot, whatever the rules say. */
	profile->eavesdrops = !is_guest && allows_eavesdropping(profile);
	list_push_back(&policy->profiles, &profile->profiles_link);
	return profile;
}

static struct policy_profile *profile_find(const struct policy *policy,
					   struct policy_section **sections, unsigned count,
					   bool is_guest)
{
	struct policy_profile *profile;

	list_for_each(profile, &policy->profiles, profiles_link)
		if (profile->is_guest == is_guest && profile->section_count == count &&
		    !memcmp(profile->sections, sections, count * sizeof(*sections)))
			return profile;
	return NULL;
}

struct policy_profile *policy_profile_get(struct policy *policy, const struct identity *identity)
{
	CLEANUP(cleanup_free) struct policy_section **sections = NULL;
	struct policy_section *section;
	struct policy_profile *profile;
	unsigned count = 0;

	list_for_each(section, &policy->sections, sections_link)
		count++;
	sections = reallocarray(NULL, count + 1, sizeof(struct policy_section *));
	if (!sections)
		return NULL;
	count = 0;
	list_for_each(section, &policy->sections, sections_link)
		if (scope_has(&section->scope, identity))
			sections[count++] = section;
	profile = profile_find(policy, sections, count, identity->is_guest);
	if (!profile)
		return profile_new(policy, sections, count, identity->is_guest);
	profile->refs++;
	return profile;
}

void policy_profile_put(struct policy_profile *profile)
{
	if (profile && --profile->refs == 0)
		profile_free(profile);
}
