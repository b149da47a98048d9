/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What policy.c, policy-match.c and policy-verdict.c share. */
#pragma once

#include "core/policy.h"

/* Parts of a message that verdicts depend on: bits of policy_profile::looks_at. */
enum {
	LOOKS_AT_NAME = 0x1, /* that the other end owns */
	LOOKS_AT_PATH = 0x2,
	LOOKS_AT_INTERFACE = 0x4,
	LOOKS_AT_MEMBER = 0x8,
	LOOKS_AT_ERROR = 0x10,
	LOOKS_AT_FDS = 0x20,
	LOOKS_AT_DOMAIN = 0x40,
};

struct policy_section { /* the rules for one scope */
	struct list sections_link; /* policy::sections */
	struct policy_scope scope;
	struct policy_rule **rules; /* each with its texts behind it */
	unsigned count, room;
};

struct policy {
	struct list sections; /* in the order in which they are applied */
	struct list profiles;
	uint64_t next_profile;
	struct verdict *cache; /* NULL until the first verdict is remembered */
};

uint8_t policy_rule_looks_at(const struct policy_rule *rule);

/* Whether it fits every message that is not only for eavesdroppers. */
bool policy_rule_is_plain(const struct policy_rule *rule);

/* Whether it begins anew: dbus-daemon forgets the rules before one that names nothing, even if it
 * is about replies or eavesdroppers only, and policies rely on that. */
bool policy_rule_is_sweeping(const struct policy_rule *rule);

/* Whether a rule to send or to receive fits. */
bool policy_rule_fits(const struct policy_rule *rule, const struct policy_query *query);
