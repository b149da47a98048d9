/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.freedesktop.DBus.Monitoring. */
#include <errno.h>

#include "core/driver.h"
#include "core/monitor.h"

static int take_rules(struct driver_call *call, struct list *rules)
{
	const char *why = "";
	struct rule *rule;
	struct text text;
	uint32_t end;
	int r;

	if (!body_enter_array(&call->args, 's', &end))
		return driver_fail(call, "InvalidArgs", "The rules are not an array of strings");
	while (body_read_array_string(&call->args, end, &text)) {
		r = rule_parse(text, &rule, &why);
		if (r == RULE_INVALID)
			return driver_fail(call, "MatchRuleInvalid", "Match rule \"%.200s\": %s",
					   text.bytes, why);
		if (r < 0)
			return r;
		list_push_back(rules, &rule->peer_link);
	}
	return DRIVER_DONE;
}

int driver_become_monitor(struct driver_call *call)
{
	uint32_t flags = 0;
	int r;

	if (!driver_is_privileged(call))
		return driver_fail(
			call, "AccessDenied",
			"Only root and the owner of the bus, in its domain, may monitor it");
	r = take_rules(call, &call->rules);
	if (r == DRIVER_DONE && (!body_read_uint32(&call->args, &flags) || flags))
		r = driver_fail(call, "InvalidArgs", "BecomeMonitor has no flags: they must be 0");
	return r;
}

void driver_after_become_monitor(struct driver_call *call)
{
	monitor_become(call->bus, call->peer, &call->rules);
}
