/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One match rule: parse, compare, test (D-Bus specification, section "Match Rules"). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"
#include "common/map.h"
#include "common/text.h"
#include "wire/body.h"
#include "wire/message.h"

enum {
	RULE_TEXT_MAX = 1024,
	RULE_DEPTH_MAX = RULE_TEXT_MAX / 2, /* elements of a namespace, with what is between */
	RULE_ARGS_MAX = 64,
	RULE_FORMAT_MAX = 8 * RULE_TEXT_MAX, /* with all quoting */
};

enum rule_key { /* bits of rule::keys */
		RULE_TYPE = 0x1,
		RULE_SENDER = 0x2,
		RULE_INTERFACE = 0x4,
		RULE_MEMBER = 0x8,
		RULE_PATH = 0x10,
		RULE_PATH_NAMESPACE = 0x20,
		RULE_DESTINATION = 0x40,
		RULE_ARG0_NAMESPACE = 0x80,
		RULE_EAVESDROP = 0x100,
};

struct rule_arg {
	uint8_t index;
	bool is_path; /* argNpath */
	struct text value;
};

struct rule {
	struct list peer_link; /* peer::matches */
	struct list bucket_link; /* in the index */
	struct match_bucket *bucket;
	UT_hash_handle hh; /* match_index::rules */
	uint64_t hash; /* of all of it, and of whose it is */
	struct peer *peer;
	unsigned count; /* how often it was added */

	uint16_t keys;
	uint8_t type;
	bool eavesdrop;
	struct text sender, interface, member, path, destination, arg0_namespace;
	uint64_t exact_args; /* bit i: there is an argI */
	unsigned args_count, args_needed; /* args_needed: highest index + 1 */
	struct rule_arg *args; /* by index, argN before argNpath */
	char storage[]; /* all texts point in here */
};

/* 0, RULE_INVALID with *why a constant sentence fragment, or -ENOMEM. */
enum { RULE_PARSED, RULE_INVALID };
int rule_parse(struct text text, struct rule **out, const char **why);
struct rule *rule_free(struct rule *rule); /* NULL is fine; returns NULL */
void rule_free_list(struct list *rules); /* rule::peer_link; they are in no index */

/* As text that rule_parse understands; returns out. */
const char *rule_format(const struct rule *rule, char out[RULE_FORMAT_MAX]);

bool rule_equals(const struct rule *a, const struct rule *b);

/* Everything but sender, destination and argNpath. args covers args_needed of the rule. */
bool rule_covers(const struct rule *rule, const struct message *message,
		 const struct body_args *args);

/* How many elements a path or a name has. "/" has none. */
unsigned rule_path_depth(struct text path);
unsigned rule_name_depth(struct text name);

/* The keys that the index does not look at: argNpath. args covers args_needed of the rule. */
bool rule_matches_rest(const struct rule *rule, const struct body_args *args);
bool rule_has_rest(const struct rule *rule);
