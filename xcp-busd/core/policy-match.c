/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a rule fits a message, and what a peer may own. */
#include <string.h>

#include "core/name.h"
#include "core/policy-private.h"

/* Whether name is prefix or lies below it. */
static bool is_below(struct text name, const char *prefix)
{
	size_t size = strlen(prefix);

	return name.size >= size && !memcmp(name.bytes, prefix, size) &&
	       (name.size == size || name.bytes[size] == '.');
}

uint8_t policy_rule_looks_at(const struct policy_rule *rule)
{
	unsigned parts = 0;

	parts |= rule->name ? LOOKS_AT_NAME : 0;
	parts |= rule->path ? LOOKS_AT_PATH : 0;
	parts |= rule->interface ? LOOKS_AT_INTERFACE : 0;
	parts |= rule->member ? LOOKS_AT_MEMBER : 0;
	parts |= rule->error ? LOOKS_AT_ERROR : 0;
	parts |= rule->min_fds || rule->max_fds < POLICY_FDS_MAX ? LOOKS_AT_FDS : 0;
	parts |= rule->domains != POLICY_ANY_DOMAIN ? LOOKS_AT_DOMAIN : 0;
	return (uint8_t)parts;
}

bool policy_rule_is_sweeping(const struct policy_rule *rule)
{
	return !policy_rule_looks_at(rule) && !rule->type && !rule->broadcast;
}

bool policy_rule_is_plain(const struct policy_rule *rule)
{
	return policy_rule_is_sweeping(rule) && (rule->allow || !rule->eavesdrop);
}

static bool owns(const struct name_registry *names, const struct peer *peer, const char *text)
{
	/* Many own nothing, and a name costs a hash. */
	const struct name *name = peer->owned_count ? name_find(names, text_of(text)) : NULL;

	return name && name_find_claim(name, peer);
}

static bool owns_below(const struct peer *peer, const char *prefix)
{
	const struct name_claim *claim;

	list_for_each(claim, &peer->owned, peer_link)
		if (is_below((struct text){ claim->name->text, claim->name->size }, prefix))
			return true;
	return false;
}

/* peer is NULL for the bus and for a service that is still to be started: its name is all it
 * has. */
static bool fits_name(const struct policy_rule *rule, const struct name_registry *names,
		      const struct peer *peer, struct text addressed)
{
	if (!peer)
		return rule->is_prefix ? is_below(addressed, rule->name)
				       : text_is(addressed, rule->name);
	return rule->is_prefix ? owns_below(peer, rule->name) : owns(names, peer, rule->name);
}

static bool fits_reply(const struct policy_rule *rule, const struct policy_query *query)
{
	if (!query->message->reply_serial)
		return true;
	if (rule->allow)
		return query->is_requested_reply || !rule->requested_reply || rule->eavesdrop;
	return !query->is_requested_reply || rule->requested_reply;
}

/* Of a part that messages of some types do not have: one without it fits. */
static bool fits_if_there(const char *wanted, struct text part)
{
	return !wanted || !part.bytes || text_is(part, wanted);
}

/* Calls may leave out the interface. The service will find a method all the same, so a rule to
 * allow does not fit, and a rule to deny does. */
static bool fits_interface(const struct policy_rule *rule, struct text interface)
{
	if (!rule->interface)
		return true;
	return interface.bytes ? text_is(interface, rule->interface) : !rule->allow;
}

static bool fits_domain(const struct policy_rule *rule, const struct peer *self,
			const struct peer *other)
{
	/* The bus is in dom0, and so is what it starts. */
	uint32_t domid = other ? other->identity->domid : 0;

	if (rule->domains == POLICY_ONE_DOMAIN)
		return domid == rule->domid;
	if (rule->domains == POLICY_SAME_DOMAIN)
		return (self ? self->identity->domid : 0) == domid;
	return true;
}

static bool fits_broadcast(const struct policy_rule *rule, const struct message *message)
{
	bool is_broadcast = message->type == MESSAGE_SIGNAL && !message->destination.bytes;

	return !rule->broadcast || (rule->broadcast > 0) == is_broadcast;
}

static bool fits_eavesdropper(const struct policy_rule *rule, bool is_eavesdropping)
{
	return rule->allow ? rule->eavesdrop || !is_eavesdropping
			   : !rule->eavesdrop || is_eavesdropping;
}

static bool fits_message(const struct policy_rule *rule, const struct message *message)
{
	return (!rule->type || rule->type == message->type) &&
	       fits_interface(rule, message->interface) &&
	       fits_if_there(rule->member, message->member) &&
	       fits_if_there(rule->path, message->path) &&
	       fits_if_there(rule->error, message->error_name) &&
	       message->unix_fds >= rule->min_fds && message->unix_fds <= rule->max_fds;
}

bool policy_rule_fits(const struct policy_rule *rule, const struct policy_query *query)
{
	const struct message *message = query->message;
	bool is_send = rule->kind == POLICY_SEND;
	const struct peer *self = is_send ? query->from : query->to;
	const struct peer *other = is_send ? query->to : query->from;
	struct text addressed = text_of("org.freedesktop.DBus");

	if (!fits_message(rule, message) || !fits_reply(rule, query) ||
	    !fits_domain(rule, self, other))
		return false;
	if (is_send && !fits_broadcast(rule, message))
		return false;
	if (!is_send && !fits_eavesdropper(rule, query->is_eavesdropping))
		return false;
	if (is_send && message->destination.bytes)
		addressed = message->destination;
	return !rule->name || fits_name(rule, query->names, other, addressed);
}

static bool grant_covers(const char *grant, size_t size, struct text name)
{
	if (size == 1 && grant[0] == '*')
		return true;
	/* "prefix.*" covers what lies below the prefix, not the prefix itself. */
	if (size > 2 && grant[size - 1] == '*' && grant[size - 2] == '.')
		return name.size > size - 1 && !memcmp(name.bytes, grant, size - 1);
	return name.size == size && !memcmp(name.bytes, grant, size);
}

bool policy_is_granted(const struct identity *identity, struct text name)
{
	const char *at = identity->own;

	while (at && *at) {
		size_t size = strcspn(at, " \t\n");

		if (size && grant_covers(at, size, name))
			return true;
		at += size;
		at += strspn(at, " \t\n");
	}
	return false;
}

/* By the last rule about the name. */
static bool decide(const struct policy_profile *profile, enum policy_rule_kind kind,
		   struct text name, bool otherwise)
{
	unsigned i = profile->rule_count[kind];

	while (i--) {
		const struct policy_rule *rule = profile->rules[kind][i];

		if (!rule->name ||
		    (rule->is_prefix ? is_below(name, rule->name) : text_is(name, rule->name)))
			return rule->allow;
	}
	return otherwise;
}

bool policy_may_own(const struct policy_profile *profile, const struct identity *identity,
		    struct text name)
{
	if (identity->is_guest && !policy_is_granted(identity, name))
		return false;
	return decide(profile, POLICY_OWN, name, false);
}

bool policy_may_start(const struct policy_profile *profile, struct text name)
{
	return decide(profile, POLICY_START, name, !profile->is_guest);
}
