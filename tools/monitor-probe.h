/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How services are: each is asked for org.xen.xcp.Health1, all at once, and without waiting.
 *
 * A service has that interface at its root object, which is not known from outside. It is looked
 * for where the name says (org.xen.xcp.storage1: /org/xen/xcp/storage1), and then by introspection
 * from "/" on. Whoever does not answer at all in time is NO_ANSWER, whatever it has.
 */
#pragma once

#include <health1.h>

#include "tools/monitor.h"

enum health { /* from good to bad */
	      HEALTH_UNKNOWN, /* nothing is said, or there is no such interface */
	      HEALTH_SERVING,
	      HEALTH_DEGRADED,
	      HEALTH_DRAINING,
	      HEALTH_NO_ANSWER,
	      HEALTH_FAILED, /* to say how it is */
	      HEALTH_NOT_SERVING, /* or something that we do not know */
};

extern const struct health_word {
	const char *text, *json; /* for people; for programs, as in the interface */
	char mark; /* in one column */
} health_words[]; /* by enum health */

enum probe_state {
	PROBE_OPEN, /* not known yet */
	PROBE_KNOWN, /* it has said how it is */
	PROBE_NONE, /* it has no such interface */
	PROBE_NO_ANSWER, /* in time */
	PROBE_FAILED, /* it has the interface, and answers with an error */
	PROBE_GONE, /* nobody has the name any more */
};

struct probe { /* of one service; to be looked at, not written */
	char *name;
	enum probe_state state;
	struct health1_health *parts; /* if it is known: the whole first */
	unsigned count;
	char *why; /* of PROBE_FAILED; otherwise NULL */
	struct probes *all;
	struct xcpbus_slot *slot; /* what is waited for */
	char **paths; /* objects to be introspected */
	unsigned path_count, path_at;
	uint64_t deadline_us;
	bool is_there; /* by introspection */
};

struct probes {
	struct xcpbus *bus;
	struct probe **items;
	unsigned count, open;
	bool has_parts; /* they are asked for, too */
};

/* bus is borrowed. Nothing happens but in xcpbus_process of it. */
struct probes *probes_begin(struct xcpbus *bus, const char *const *names, unsigned count,
			    int timeout_ms, bool has_parts);
/* What is not known yet is given up. */
struct probes *probes_free(struct probes *probes);

/* Of a part that there is, or of part 0: of the whole, which has no parts if it is not known. */
enum health probe_health(const struct probe *probe, unsigned part);
