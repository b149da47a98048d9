/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who wants to hear what. */
#include <errno.h>

#include "core/driver.h"
#include "core/eavesdrop.h"

static int take_rule(struct driver_call *call, struct rule **rule)
{
	const char *why = "";
	struct text text;
	int r;

	body_read_string(&call->args, &text);
	r = rule_parse(text, rule, &why);
	if (r == RULE_INVALID)
		return driver_fail(call, "MatchRuleInvalid", "Match rule \"%.200s\": %s",
				   text.bytes, why);
	return r < 0 ? r : DRIVER_DONE;
}

static int keep_rule(struct driver_call *call, struct rule *rule)
{
	struct peer *peer = call->peer;
	struct rule *known = match_find_equal(&call->bus->matches, rule, peer);
	int r;

	if (known) {
		known->count++;
		rule_free(rule);
		return 0;
	}
	rule->peer = peer;
	r = match_add(&call->bus->matches, rule);
	if (r < 0) {
		rule_free(rule);
		return r;
	}
	list_push_front(&peer->matches, &rule->peer_link);
	if (rule->eavesdrop)
		eavesdrop_begin(peer);
	return 0;
}

static void count_rule(struct bus *bus, struct peer *peer)
{
	struct count *count = &bus->count;

	count->match_rules++;
	peak_raise(&count->match_rules_peak, count->match_rules);
	peak_raise(&peer->match_rules_peak, peer->matches_count);
	peak_raise(&count->peer_match_rules_peak, peer->matches_count);
}

int driver_add_match(struct driver_call *call)
{
	struct peer *peer = call->peer;
	struct rule *rule;
	int r = take_rule(call, &rule);

	if (r != DRIVER_DONE)
		return r;
	if (call->bus->shortage.is_on) {
		rule_free(rule);
		return driver_fail(call, "NoMemory", "The bus has no memory for more match rules");
	}
	if (peer->matches_count >= call->bus->settings.peer_matches_max) {
		rule_free(rule);
		return driver_limit(
			call,
			reason_limit(REASON_PEER_MATCHES, peer->matches_count,
				     call->bus->settings.peer_matches_max),
			"Connection \"%s\" is not allowed to add more match rules (increase "
			"limits in configuration file if required; "
			"max_match_rules_per_connection=%llu)",
			peer->name, (unsigned long long)call->bus->settings.peer_matches_max);
	}
	if (!quota_charge(peer->quota, QUOTA_MATCHES, 1)) {
		rule_free(rule);
		return driver_limit(
			call, reason_quota(peer->quota, QUOTA_MATCHES),
			"The maximum number of match rules is reached (limit: %llu, for "
			"all connections of the owner)",
			(unsigned long long)peer->quota->limits->max[QUOTA_MATCHES]);
	}
	r = keep_rule(call, rule);
	if (r < 0) {
		quota_release(peer->quota, QUOTA_MATCHES, 1);
		return r;
	}
	peer->matches_count++;
	count_rule(call->bus, peer);
	return DRIVER_DONE;
}

int driver_remove_match(struct driver_call *call)
{
	struct peer *peer = call->peer;
	struct rule *rule, *known;
	int r = take_rule(call, &rule);

	if (r != DRIVER_DONE)
		return r;
	known = match_find_equal(&call->bus->matches, rule, peer);
	rule_free(rule);
	if (!known)
		return driver_fail(call, "MatchRuleNotFound",
				   "The given match rule wasn't found and can't be removed");
	quota_release(peer->quota, QUOTA_MATCHES, 1);
	peer->matches_count--;
	call->bus->count.match_rules--;
	if (--known->count == 0) {
		match_remove(&call->bus->matches, known);
		list_remove(&known->peer_link);
		if (known->eavesdrop)
			eavesdrop_end(peer);
		rule_free(known);
	}
	return DRIVER_DONE;
}
