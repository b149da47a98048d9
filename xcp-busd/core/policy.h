/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may connect, own, send and receive.
 *
 * A policy is a list of rules, sorted by whom they are for (dbus-daemon(1), "policy"). What holds
 * for one kind of peer is put together once, when the first of that kind connects, as a profile; of
 * the rules in it that fit a message, the last one decides. Whatever no rule allows is denied.
 *
 * Verdicts are remembered by everything that they depend on: both profiles, the names that both
 * own, and the parts of the message that any rule of the two looks at.
 *
 * A guest owns the names that the toolstack wrote for its domain where the guest cannot write
 * (docs/protocol.md); rules can only take some of them away.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/text.h"
#include "core/peer.h"

struct name_registry;
struct policy;

enum { POLICY_FDS_MAX = 1 << 25, POLICY_WHY_MAX = 1600 };

/* Whom rules are for. They are applied in this order. */
enum policy_scope_kind {
	POLICY_DEFAULT, /* users */
	POLICY_GROUP, /* users of a group */
	POLICY_USER, /* one user */
	POLICY_NO_CONSOLE, /* users who are not at the console: all */
	POLICY_ALL_DOMAINS, /* guests */
	POLICY_DOMAIN_NAME, /* guests that the toolstack calls so */
	POLICY_DOMAIN_UUID,
	POLICY_DOMAIN_ID,
	POLICY_MANDATORY, /* users; what it denies is denied to guests as well */
};

struct policy_scope {
	uint8_t kind;
	uint8_t uuid[16];
	uint32_t id; /* group, user or domain */
	char domain_name[IDENTITY_NAME_MAX];
};

enum policy_rule_kind {
	POLICY_OWN,
	POLICY_SEND,
	POLICY_RECEIVE,
	POLICY_START, /* what has no owner, for whoever sends to it */
	POLICY_CONNECT_USER, /* only in POLICY_DEFAULT and POLICY_MANDATORY */
	POLICY_CONNECT_GROUP,
	POLICY_RULE_KINDS
};

enum policy_domains { POLICY_ANY_DOMAIN, POLICY_SAME_DOMAIN, POLICY_ONE_DOMAIN };

/* What a rule is about; a part that is absent (NULL, 0, false) fits everything. */
struct policy_rule {
	uint8_t kind;
	bool allow;
	bool to_log; /* what it allows is reported all the same */
	bool is_prefix; /* name stands for what is below it, too */
	bool eavesdrop; /* allow: messages to others, too; deny: only these */
	bool requested_reply; /* allow: replies only if asked for; deny: even then */
	int8_t broadcast; /* 1: broadcasts only, -1: all but broadcasts */
	uint8_t type; /* message_type */
	uint8_t domains; /* policy_domains: of the one at the other end */
	uint32_t domid;
	uint32_t id; /* of a user or group to connect */
	bool any_id;
	uint32_t min_fds, max_fds;
	const char *name; /* to own or start; that the receiver or the sender owns */
	const char *path, *interface, *member, *error;
};

/* A rule about nothing in particular, with what is usual for allow or deny. */
void policy_rule_init(struct policy_rule *rule, enum policy_rule_kind kind, bool allow);

/* The rules for one kind of peer. */
struct policy_profile {
	bool sends_all, receives_all; /* no rule needs to be looked at, except for eavesdroppers */
	bool eavesdrops; /* may see something of what is for others */
	bool is_guest;
	uint8_t looks_at[POLICY_RULE_KINDS]; /* parts of a message that any of its rules names */
	unsigned refs;
	uint64_t id; /* never used again */
	struct policy *policy;
	struct list profiles_link; /* policy::profiles */
	struct policy_section **sections; /* whose rules it has: what makes it what it is */
	unsigned section_count;
	const struct policy_rule **rules[POLICY_RULE_KINDS]; /* the last that fits decides */
	unsigned rule_count[POLICY_RULE_KINDS];
};

/* An empty policy denies everything to users; guests have what guests have by default. NULL without
 * memory. */
struct policy *policy_new(void);
/* What holds for users as long as nothing else is said of them: they own, send and receive what
 * they like, but only root and the user that runs the bus can connect. 0 or -ENOMEM. */
int policy_add_user_default(struct policy *policy);
/* Both: what holds without a configuration. */
struct policy *policy_new_default(void);
struct policy *policy_free(struct policy *policy); /* no profile is in use; NULL is fine */

/* Copies the rule behind the others for the same. 0 or -ENOMEM. */
int policy_add(struct policy *policy, const struct policy_scope *scope,
	       const struct policy_rule *rule);

/* Whether a user may connect; owner_uid is who runs the bus. */
bool policy_may_connect(const struct policy *policy, const struct identity *identity,
			uint32_t owner_uid);

/* The profile of whoever has this identity, with a reference; NULL without memory. */
struct policy_profile *policy_profile_get(struct policy *policy, const struct identity *identity);
void policy_profile_put(struct policy_profile *profile); /* NULL is fine */

/* Whether the toolstack has granted the name to the guest. */
bool policy_is_granted(const struct identity *identity, struct text name);
bool policy_may_own(const struct policy_profile *profile, const struct identity *identity,
		    struct text name);

/* Whether it may have the name started: users if no rule denies it, guests if one allows it. */
bool policy_may_start(const struct policy_profile *profile, struct text name);

/* One message on its way from one to another; either may be NULL: the bus itself, or, as to, a
 * receiver that is not there yet (activation), who will own the message's destination and nothing
 * else. */
struct policy_query {
	const struct name_registry *names;
	const struct peer *from, *to;
	const struct message *message;
	bool is_requested_reply;
	bool is_eavesdropping; /* the message is for somebody else */
};

enum policy_verdict {
	POLICY_ALLOWED,
	POLICY_ALLOWED_TO_LOG, /* policy_explain says what to report */
	POLICY_SEND_DENIED,
	POLICY_RECEIVE_DENIED,
};

enum policy_verdict policy_look_up(const struct policy_query *query);

/* At least one end of the query is a peer. */
static inline enum policy_verdict policy_check(const struct policy_query *query)
{
	const struct peer *from = query->from, *to = query->to;

	if ((!from || from->profile->sends_all) && (!to || to->profile->receives_all) &&
	    (!query->message->reply_serial || query->is_requested_reply) &&
	    !query->is_eavesdropping)
		return POLICY_ALLOWED;
	return policy_look_up(query);
}

/* A line on a denial or on what is to be logged, in dbus-daemon's words, for one of the bus's peers
 * to read or, NULL, for the administrator. Returns out. */
const char *policy_explain(const struct policy_query *query, enum policy_verdict verdict,
			   const struct peer *reader, char out[POLICY_WHY_MAX]);
