/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A match rule of the D-Bus specification, tested here. The bus is given the user's rules, too, but
 * a monitor asks it for more than those: answers, which have little that a rule can ask for. */
#pragma once

#include "tools/monitor-names.h"

struct match_rule;

/* NULL: it is none. */
struct match_rule *match_rule_parse(const char *text);
struct match_rule *match_rule_free(struct match_rule *rule);
bool match_rule_takes(const struct match_rule *rule, DBusMessage *message,
		      const struct names *names);
