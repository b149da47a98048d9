/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting what owns a name when somebody wants it (D-Bus specification, "Message Bus Starting
 * Services (Activation)").
 *
 * The outside says which names can be started, and starts them. What is sent to such a name while
 * nobody owns it is held here, in order, and routed as if it had just come once the name has an
 * owner; if it gets none, every sender that waits for an answer is told why. A sender that leaves
 * takes what it has held with it, as with dbus-daemon.
 *
 * A name that is started over and over is not started any more for a while.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/hash.h"
#include "common/list.h"
#include "common/text.h"
#include "core/activatable.h"
#include "core/reason.h"

struct body_reader;
struct bus;
struct cargo;
struct message;
struct peer;

enum {
	ACTIVATION_TEXT_MAX = 512,
	ACTIVATION_ENVIRONMENT_MAX = 128 * 1024, /* bytes of UpdateActivationEnvironment's */
};

struct activation_table { /* one for the bus */
	struct activatable_table names;
	struct activation *pending;
	struct list by_age; /* activation::age_link, oldest first */
	unsigned waiting_count; /* messages and calls, for all names */
	const struct hash_key *key; /* borrowed */
	/* UpdateActivationEnvironment's, as NAME=VALUE; ends with NULL, or is NULL */
	char **environment;
	unsigned environment_count;
	uint64_t environment_size;
	bool environment_is_owed; /* to systemd, which was not there to be told of changes */
};

void activation_table_init(struct activation_table *table, const struct hash_key *key);
void activation_table_deinit(struct activation_table *table); /* no peer is left */

/* ---- for the outside ---- */

/* What was started has ended, or could not be started: everybody who waits for the name gets this
 * error; error is the part after "org.freedesktop.DBus.Error.". */
void activation_failed(struct bus *bus, const char *name, const char *error, const char *text);

/* ---- for the core ---- */

/* Why something was not started; error as above. */
struct activation_refusal {
	const char *error;
	char text[ACTIVATION_TEXT_MAX];
	struct reason reason; /* of LimitsExceeded */
};

enum { ACTIVATION_WAITS, ACTIVATION_REFUSED, ACTIVATION_DENIED /* by the policy */ };

/* Starts the name, if that is not under way, and keeps the message until it has an owner. Without a
 * cargo it is a call of StartServiceByName, which is answered then. An outcome from above, or
 * -ENOMEM. */
int activation_request(struct bus *bus, struct peer *from, struct text name,
		       const struct message *message, const struct cargo *cargo,
		       struct activation_refusal *refusal);

/* The name has an owner. */
void activation_appeared(struct bus *bus, struct text name, struct peer *owner);

/* The timeout has been changed: nothing waits for longer than what begins now. */
void activation_limit_deadlines(struct activation_table *table, uint64_t latest_us);

void activation_forget(struct peer *peer); /* it leaves */
void activation_expire(struct bus *bus);
unsigned
activation_count(const struct activation_table *table); /* of names that are being started */
uint64_t activation_next_deadline(const struct activation_table *table); /* or UINT64_MAX */

/* ---- over the bus, by systemd: activation-systemd.c ---- */

#define ACTIVATION_SYSTEMD "org.freedesktop.systemd1"

/* The owner of that name, if it can be systemd; NULL if there is none. */
struct peer *activation_find_systemd(const struct bus *bus);
/* Asks systemd for the unit. True if it is there to be asked. Monitors see it the first time. */
bool activation_ask_systemd(struct bus *bus, const char *unit, bool is_first);
/* A signal to the bus: ActivationFailure, if it is that and comes from systemd. */
void activation_take_signal(struct bus *bus, struct peer *from, const struct message *message);
void activation_failed_unit(struct bus *bus, const char *unit, const char *error_name,
			    const char *text);

/* ---- the environment of what is started: activation-environment.c ---- */

enum { ACTIVATION_ENVIRONMENT_SET, ACTIVATION_ENVIRONMENT_FULL };
/* An outcome, or -ENOMEM. */
int activation_set_environment(struct activation_table *table, struct text key, struct text value);
/* Tells systemd, which starts some of it; pairs stands before an array of variables. It gets what
 * it has missed when it comes. 0 or -ENOMEM. */
int activation_pass_variables(struct bus *bus, struct body_reader *pairs);
void activation_pass_environment(struct bus *bus, struct peer *systemd);
