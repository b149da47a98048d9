/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verdicts, and the memory of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy-private.h"

enum { CACHE_SIZE = 1024, TEXT_MAX = 176 };

enum { IS_REQUESTED = 0x1, IS_EAVESDROPPING = 0x2, IS_BROADCAST = 0x4 };

/* All that a verdict depends on; what no rule looks at is 0. Names are remembered by whose they are
 * and how often they have changed. No padding: compared as bytes. */
struct verdict_key {
	uint64_t from_profile, to_profile;
	uint64_t from, from_version, to, to_version;
	uint32_t from_domid, to_domid, fds;
	uint8_t type, flags;
	uint16_t interface_size, member_size, path_size, error_size, text_size;
};

_Static_assert(sizeof(struct verdict_key) == 72, "no padding");

struct verdict {
	struct verdict_key key;
	char text[TEXT_MAX]; /* interface, member, path, error name */
	uint8_t verdict, is_known;
};

static unsigned looks_at(const struct policy_query *query)
{
	unsigned parts = 0;

	if (query->from)
		parts |= query->from->profile->looks_at[POLICY_SEND];
	if (query->to)
		parts |= query->to->profile->looks_at[POLICY_RECEIVE];
	return parts;
}

static bool take_text(struct verdict *asked, unsigned wanted, struct text part, uint16_t *size)
{
	if (!wanted || !part.bytes)
		return true;
	if (part.size > (uint32_t)(TEXT_MAX - asked->key.text_size))
		return false;
	/* An empty part is none at all, on the bus. */
	memcpy(asked->text + asked->key.text_size, part.bytes, part.size);
	*size = (uint16_t)part.size;
	asked->key.text_size = (uint16_t)(asked->key.text_size + part.size);
	return true;
}

static bool take_texts(struct verdict *asked, const struct message *message, unsigned parts)
{
	struct verdict_key *key = &asked->key;

	return take_text(asked, parts & LOOKS_AT_INTERFACE, message->interface,
			 &key->interface_size) &&
	       take_text(asked, parts & LOOKS_AT_MEMBER, message->member, &key->member_size) &&
	       take_text(asked, parts & LOOKS_AT_PATH, message->path, &key->path_size) &&
	       take_text(asked, parts & LOOKS_AT_ERROR, message->error_name, &key->error_size);
}

static void take_peers(struct verdict_key *key, const struct policy_query *query, unsigned parts)
{
	const struct peer *from = query->from, *to = query->to;

	key->from_profile = from ? from->profile->id : 0;
	key->to_profile = to ? to->profile->id : 0;
	if ((parts & LOOKS_AT_NAME) && from && from->owned_count) {
		key->from = from->id;
		key->from_version = from->names_version;
	}
	if ((parts & LOOKS_AT_NAME) && to && to->owned_count) {
		key->to = to->id;
		key->to_version = to->names_version;
	}
	if (parts & LOOKS_AT_DOMAIN) {
		key->from_domid = from ? from->identity->domid : 0;
		key->to_domid = to ? to->identity->domid : 0;
	}
}

/* False if this verdict cannot be remembered. */
static bool ask(struct verdict *asked, const struct policy_query *query)
{
	const struct message *message = query->message;
	struct verdict_key *key = &asked->key;
	unsigned parts = looks_at(query);

	/* A receiver that is not there yet has a name that the key has no room for. */
	if (!query->to && message->destination.bytes &&
	    !text_is(message->destination, "org.freedesktop.DBus"))
		return false;
	memset(key, 0, sizeof(*key));
	key->type = message->type;
	key->flags = (uint8_t)((query->is_requested_reply ? IS_REQUESTED : 0) |
			       (query->is_eavesdropping ? IS_EAVESDROPPING : 0) |
			       (message->destination.bytes ? 0 : IS_BROADCAST));
	/* Whether there is a reply serial matters, and only calls can be surprising there. */
	if (message->reply_serial && message->type != MESSAGE_METHOD_RETURN &&
	    message->type != MESSAGE_ERROR)
		return false;
	if (parts & LOOKS_AT_FDS)
		key->fds = message->unix_fds;
	take_peers(key, query, parts);
	return take_texts(asked, message, parts);
}

/* Where a verdict is looked for. Whoever makes others fall onto the same place only makes us think
 * again: keys are compared in full. */
static unsigned place(const struct verdict *asked)
{
	const struct verdict_key *key = &asked->key;
	uint64_t hash = key->from_profile * 31 + key->to_profile, tail = 0;
	uint16_t size = key->text_size;

	hash = hash * 31 + key->from + key->from_version;
	hash = hash * 31 + key->to + key->to_version;
	hash = hash * 31 + key->type + ((uint64_t)key->from_domid << 32) + key->to_domid;
	/* Members are what differs most, and in their ends. */
	memcpy(&tail, asked->text + (size > 8 ? size - 8 : 0), size > 8 ? 8 : size);
	hash = (hash ^ tail) * 0x9e3779b97f4a7c15;
	size = (uint16_t)(key->interface_size + key->member_size);
	tail = 0;
	memcpy(&tail, asked->text + (size > 8 ? size - 8 : 0), size > 8 ? 8 : size);
	hash = (hash ^ hash >> 32 ^ tail ^ key->interface_size) * 0x9e3779b97f4a7c15;
	return (unsigned)(hash >> 54) % CACHE_SIZE;
}

static const struct policy_rule *decide(const struct policy_profile *profile, unsigned kind,
					const struct policy_query *query)
{
	unsigned i = profile->rule_count[kind];

	while (i--)
		if (policy_rule_fits(profile->rules[kind][i], query))
			return profile->rules[kind][i];
	return NULL;
}

static enum policy_verdict think(const struct policy_query *query)
{
	const struct policy_rule *rule;
	bool to_log = false;

	if (query->from) {
		rule = decide(query->from->profile, POLICY_SEND, query);
		if (!rule || !rule->allow)
			return POLICY_SEND_DENIED;
		to_log = rule->to_log;
	}
	if (query->to) {
		rule = decide(query->to->profile, POLICY_RECEIVE, query);
		if (!rule || !rule->allow)
			return POLICY_RECEIVE_DENIED;
	}
	return to_log ? POLICY_ALLOWED_TO_LOG : POLICY_ALLOWED;
}

enum policy_verdict policy_look_up(const struct policy_query *query)
{
	struct policy *policy = (query->from ? query->from : query->to)->profile->policy;
	struct verdict asked, *known;

	if (!ask(&asked, query))
		return think(query);
	if (!policy->cache)
		policy->cache = calloc(CACHE_SIZE, sizeof(*policy->cache));
	if (!policy->cache)
		return think(query);
	known = &policy->cache[place(&asked)];
	if (known->is_known && !memcmp(&known->key, &asked.key, sizeof(asked.key)) &&
	    !memcmp(known->text, asked.text, asked.key.text_size))
		return known->verdict;
	known->key = asked.key;
	memcpy(known->text, asked.text, asked.key.text_size);
	known->verdict = (uint8_t)think(query);
	known->is_known = true;
	return known->verdict;
}

static unsigned count_fitting(const struct policy_profile *profile, unsigned kind,
			      const struct policy_query *query)
{
	unsigned i, count = 0;

	for (i = 0; i < profile->rule_count[kind]; i++)
		count += policy_rule_fits(profile->rules[kind][i], query);
	return count;
}

/* For a reader in a guest, who is not to learn who others are; NULL: for the administrator. */
static const char *describe(const struct peer *peer, const struct peer *reader, char *out,
			    size_t size)
{
	const struct identity *identity;

	if (!peer)
		return "bus";
	identity = peer->identity;
	if (reader && reader->identity->is_guest && reader->identity->domid != identity->domid)
		snprintf(out, size, "domain=%" PRIu32, identity->domid);
	else if (identity->is_guest)
		snprintf(out, size, "domain=%" PRIu32 " name=\"%s\"", identity->domid,
			 identity->domain_name);
	else
		snprintf(out, size, "uid=%" PRIu32 " pid=%" PRIu32, identity->uid, identity->pid);
	return out;
}

static const char *shown(struct text part, const char *otherwise)
{
	return part.bytes ? part.bytes : otherwise;
}

const char *policy_explain(const struct policy_query *query, enum policy_verdict verdict,
			   const struct peer *reader, char out[POLICY_WHY_MAX])
{
	static const char *const types[] = { "invalid", "method_call", "method_return", "error",
					     "signal" };
	const struct message *message = query->message;
	bool is_receive = verdict == POLICY_RECEIVE_DENIED;
	const struct peer *judged = is_receive ? query->to : query->from;
	char from[128], to[128];

	snprintf(out, POLICY_WHY_MAX,
		 "%s, %u matched rules; type=\"%s\", sender=\"%s\" (%s) interface=\"%.255s\" "
		 "member=\"%.255s\" error name=\"%.255s\" requested_reply=\"%d\" "
		 "destination=\"%.255s\" (%s)%s",
		 verdict == POLICY_ALLOWED_TO_LOG ? "Would reject message"
		 : is_receive                     ? "Rejected receive message"
						  : "Rejected send message",
		 count_fitting(judged->profile, is_receive ? POLICY_RECEIVE : POLICY_SEND, query),
		 types[message->type], query->from ? query->from->name : "(unset)",
		 query->from ? describe(query->from, reader, from, sizeof(from)) : "(bus)",
		 shown(message->interface, "(unset)"), shown(message->member, "(unset)"),
		 shown(message->error_name, "(unset)"), query->is_requested_reply,
		 shown(message->destination, "org.freedesktop.DBus"),
		 describe(query->to, reader, to, sizeof(to)),
		 judged && judged->identity->is_guest
			 ? "; xcp-busd.conf(5), POLICY, says what guests may do"
			 : "");
	return out;
}
