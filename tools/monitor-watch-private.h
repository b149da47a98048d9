/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between monitor-watch.c, which looks on, monitor-open.c, which begins that, and monitor-seen.c,
 * which understands what is seen. */
#pragma once

#include "tools/monitor-child.h"
#include "tools/monitor-rule.h"
#include "tools/monitor-watch.h"

struct watch {
	const struct tool *tool;
	const struct watch_options *options;
	seen_fn fn;
	void *data;

	struct xcpbus *monitor, *asker; /* NULL: it is a capture */
	struct child *child; /* the command that is run meanwhile, or NULL */
	char *own[2]; /* their unique names: what they say is not shown */
	struct match_rule **rules;
	struct names *names;
	struct calls *calls;
	struct watch_summary summary;
	uint64_t now_us;
	uint64_t shown;
	bool is_over, is_good;
	bool is_learning; /* who is who, and showing nothing */
	bool has_left; /* the monitor has, as the asker has heard */
	bool is_stale; /* messages were lost: perhaps some that say who is who */
	bool is_marked; /* the marker that ends the watch was seen */
};

enum { WATCH_RULES_MAX = 64 };

#define WATCH_MARKER "GetId" /* what the asker asks for when all before that is to be seen */

/* time_us is since 1970; clock_us is of a clock that does not jump. */
void watch_see(struct watch *watch, DBusMessage *message, uint64_t time_us, uint64_t clock_us);

/* False: it was said why not. */
bool watch_open_bus(struct watch *watch);
