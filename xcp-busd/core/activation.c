/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/activation-private.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/answer.h"
#include "core/driver.h"
#include "core/gate.h"
#include "core/policy.h"

void activation_table_init(struct activation_table *table, const struct hash_key *key)
{
	*table = (struct activation_table){ .key = key, .names = { .key = key } };
	list_init(&table->by_age);
}

static void activation_free(struct activation_table *table, struct activation *activation)
{
	assert(list_is_empty(&activation->waiting));
	MAP_REMOVE(table->pending, activation);
	list_remove(&activation->age_link);
	quota_unref(activation->by);
	free(activation->unit);
	free(activation);
}

void activation_table_deinit(struct activation_table *table)
{
	struct activation *activation;
	unsigned i;

	while ((activation = list_first(&table->by_age, struct activation, age_link)))
		activation_free(table, activation);
	activatable_table_deinit(&table->names);
	for (i = 0; i < table->environment_count; i++)
		free(table->environment[i]);
	free(table->environment);
}

static struct activation *find_pending(const struct activation_table *table, struct text name)
{
	struct activation *activation = NULL;

	if (table->pending)
		MAP_FIND(table->pending, name.bytes, name.size,
			 hash_bytes(table->key, name.bytes, name.size), activation);
	return activation;
}

static int say_refusal(struct activation_refusal *refusal, const char *error, struct reason reason,
		       const char *format, va_list args)
{
	refusal->error = error;
	refusal->reason = reason;
	vsnprintf(refusal->text, sizeof(refusal->text), format, args);
	return ACTIVATION_REFUSED;
}

static int __attribute__((format(printf, 3, 4)))
refuse(struct activation_refusal *refusal, const char *error, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = say_refusal(refusal, error, reason_of(REASON_NONE), format, args);
	va_end(args);
	return r;
}

int activation_limit(struct activation_refusal *refusal, struct reason reason, const char *format,
		     ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = say_refusal(refusal, "LimitsExceeded", reason, format, args);
	va_end(args);
	return r;
}

static struct activation *activation_new(struct bus *bus, const struct peer *from, struct text name,
					 const struct activatable *activatable)
{
	struct activation_table *table = &bus->activations;
	struct activation *activation = calloc(1, sizeof(*activation) + name.size + 1);
	bool has_unit = bus->settings.systemd_activation && activatable && activatable->unit;

	if (!activation)
		return NULL;
	memcpy(activation->name, name.bytes, name.size);
	activation->name_size = name.size;
	activation->hash = hash_bytes(table->key, name.bytes, name.size);
	activation->deadline_us = bus->now_us + bus->settings.start_timeout_us;
	activation->unit = has_unit ? strdup(activatable->unit) : NULL;
	list_init(&activation->waiting);
	list_init(&activation->age_link);
	if (!has_unit || activation->unit)
		MAP_ADD(table->pending, activation->name, name.size, activation->hash, activation);
	if (!activation->hh.tbl) {
		free(activation->unit);
		free(activation);
		return NULL;
	}
	activation->by = quota_ref(from->quota);
	list_push_back(&table->by_age, &activation->age_link);
	return activation;
}

/* The same for how many wait, for whatever name: a quarter for each, and the last one is root's. */
static bool is_crowded(const struct bus *bus, const struct peer *from)
{
	uint64_t max = bus->settings.pending_starts_max, count = bus->activations.waiting_count;

	if (peer_is_privileged(from))
		return count >= max;
	return count >= max - max / 4 || from->quota->held_count >= max - max / 4 * 3;
}

static void report_denial(struct bus *bus, const struct peer *from, struct text name)
{
	const struct identity *identity = from->identity;
	char text[ACTIVATION_TEXT_MAX];

	if (!bus->ops->report)
		return;
	if (identity->is_guest)
		snprintf(text, sizeof(text), "domain %u (%s) may not have %.255s started",
			 identity->domid, identity->domain_name, name.bytes);
	else
		snprintf(text, sizeof(text), "uid %u (pid %u) may not have %.255s started",
			 identity->uid, identity->pid, name.bytes);
	bus->ops->report(from, text);
}

/* Whether somebody may have this started, and now. */
static int check(struct bus *bus, const struct peer *from, struct text name,
		 const struct activatable *activatable, bool is_new,
		 struct activation_refusal *refusal)
{
	const struct identity *identity = from->identity;
	bool may_start = policy_may_start(from->profile, name);

	if (activatable && !may_start)
		report_denial(bus, from, name);
	/* What a guest may not have started is not there for it: it learns nothing of dom0. */
	if ((identity->is_guest && !may_start) ||
	    (!activatable &&
	     !(bus->settings.systemd_activation && text_is(name, ACTIVATION_SYSTEMD))))
		return refuse(refusal, "ServiceUnknown",
			      "The name %.255s was not provided by any .service files", name.bytes);
	if (!may_start)
		return refuse(refusal, "AccessDenied",
			      "The policy of the bus does not let uid %u have %.255s "
			      "started, and it is not running",
			      identity->uid, name.bytes);
	if (bus->shortage.is_on)
		return refuse(refusal, "NoMemory", "The bus has no memory to start %.255s",
			      name.bytes);
	if (is_crowded(bus, from))
		return activation_limit(
			refusal,
			reason_limit(REASON_STARTS, bus->activations.waiting_count,
				     bus->settings.pending_starts_max),
			"The maximum number of pending activations has been reached, "
			"activation of %.255s failed (max_pending_service_starts=%u)",
			name.bytes, bus->settings.pending_starts_max);
	if (is_new && activatable && activatable_is_exhausted(activatable, bus->now_us))
		return activation_limit(
			refusal, reason_of(REASON_START_RATE),
			"%.255s was started too often, and is not started again for a "
			"while%s%.200s",
			name.bytes, activatable->failure ? "; at last: " : "",
			activatable->failure ? activatable->failure : "");
	return ACTIVATION_WAITS;
}

/* From here on the activation may be gone: what is started may fail at once. */
static void start(struct bus *bus, struct activation *activation, struct activatable *activatable,
		  const struct peer *from)
{
	struct text name = { activation->name, activation->name_size };
	int pid;

	if (!activatable) /* systemd: it comes by itself */
		return;
	activatable_started(activatable, bus->now_us);
	if (activation->unit) {
		activation->is_asked = activation_ask_systemd(bus, activation->unit, true);
		return;
	}
	name = (struct text){ activatable->name, activation->name_size };
	pid = bus->ops->start(bus, activatable->name, activatable->handle, from);
	activation = find_pending(&bus->activations, name);
	if (activation && pid > 0)
		activation->pid = (uint32_t)pid;
}

int activation_request(struct bus *bus, struct peer *from, struct text name,
		       const struct message *message, const struct cargo *cargo,
		       struct activation_refusal *refusal)
{
	struct activation *activation = find_pending(&bus->activations, name);
	struct activatable *activatable = activatable_find(&bus->activations.names, name);
	bool is_new = !activation;
	int r = check(bus, from, name, activatable, is_new, refusal);

	if (r != ACTIVATION_WAITS)
		return r;
	if (cargo && !gate_lets_pass(bus, from, NULL, message, false))
		return ACTIVATION_DENIED;
	if (is_new)
		activation = activation_new(bus, from, name, activatable);
	if (!activation)
		return -ENOMEM;
	r = waiter_add(activation, from, message, cargo, refusal);
	if (r != ACTIVATION_WAITS && is_new)
		activation_free(&bus->activations, activation);
	else if (is_new)
		start(bus, activation, activatable, from);
	return r;
}

/* Of systemd, once it is there, all that is still to be asked for. */
static void ask_again(struct bus *bus)
{
	struct activation *activation;

	list_for_each(activation, &bus->activations.by_age, age_link)
		if (activation->unit && !activation->is_asked)
			activation->is_asked = activation_ask_systemd(bus, activation->unit, false);
}

void activation_appeared(struct bus *bus, struct text name, struct peer *owner)
{
	struct activation *activation = find_pending(&bus->activations, name);
	struct activatable *activatable;
	struct waiter *waiter;

	if (activation_find_systemd(bus) == owner && text_is(name, ACTIVATION_SYSTEMD)) {
		activation_pass_environment(bus, owner);
		ask_again(bus);
	}
	if (!activation)
		return;
	bus->count.services_started++;
	activatable = activatable_find(&bus->activations.names, name);
	if (activatable)
		activatable_succeeded(activatable);
	while ((waiter = list_first(&activation->waiting, struct waiter, link))) {
		/* Nothing of it counts any more when it is charged to its way on. */
		struct waiter moved = *waiter;

		moved.blob = waiter->blob ? blob_ref(waiter->blob) : NULL;
		moved.fds = waiter->fds ? fds_ref(waiter->fds) : NULL;
		waiter_free(waiter);
		waiter_let_go(bus, &moved, owner);
		blob_unref(moved.blob);
		fds_unref(moved.fds);
	}
	activation_free(&bus->activations, activation);
}

/* error_name in full. */
static void fail(struct bus *bus, struct activation *activation, const char *error_name,
		 const char *text)
{
	struct text name = { activation->name, activation->name_size };
	struct activatable *activatable = activatable_find(&bus->activations.names, name);
	struct waiter *waiter;

	bus->count.starts_failed++;
	if (bus->ops->start_failed)
		bus->ops->start_failed(bus, activation->name, activation->by, text);
	if (activatable)
		activatable_failed(activatable, bus->now_us, text);
	while ((waiter = list_first(&activation->waiting, struct waiter, link))) {
		if (waiter_wants_answer(waiter) &&
		    answer_error_serial(bus, waiter->from, waiter->message.serial, error_name,
					text) < 0)
			bus_drop(waiter->from, "no memory to tell it that its call has failed",
				 reason_of(REASON_MEMORY));
		waiter_free(waiter);
	}
	activation_free(&bus->activations, activation);
}

void activation_failed(struct bus *bus, const char *name, const char *error, const char *text)
{
	struct activation *activation = find_pending(&bus->activations, text_of(name));
	char error_name[128];

	if (!activation)
		return;
	snprintf(error_name, sizeof(error_name), "org.freedesktop.DBus.Error.%s", error);
	fail(bus, activation, error_name, text);
}

void activation_failed_unit(struct bus *bus, const char *unit, const char *error_name,
			    const char *text)
{
	struct activation *activation, *next;

	HASH_ITER(hh, bus->activations.pending, activation, next)
	{
		if (!activation->unit || strcmp(activation->unit, unit) != 0)
			continue;
		bus->ops->give_up(bus, activation->name);
		fail(bus, activation, error_name, text);
	}
}

void activation_limit_deadlines(struct activation_table *table, uint64_t latest_us)
{
	struct activation *activation;

	/* Which keeps them in order, too. */
	list_for_each(activation, &table->by_age, age_link)
		if (activation->deadline_us > latest_us)
			activation->deadline_us = latest_us;
}

void activation_forget(struct peer *peer)
{
	struct waiter *waiter;

	while ((waiter = list_first(&peer->waiting, struct waiter, peer_link)))
		waiter_free(waiter);
}

/* A service that came but calls itself something else is the usual reason. */
static const char *find_other_name(const struct bus *bus, uint32_t pid)
{
	const struct name_claim *claim;
	const struct peer *peer;

	if (!pid)
		return NULL;
	list_for_each(peer, &bus->peers, bus_link) {
		if (peer->identity->is_guest || peer->identity->pid != pid)
			continue;
		claim = list_first(&peer->owned, struct name_claim, peer_link);
		if (claim)
			return claim->name->text;
	}
	return NULL;
}

static void time_out(struct bus *bus, struct activation *activation)
{
	const char *other = find_other_name(bus, activation->pid);
	char text[2 * ACTIVATION_TEXT_MAX], more[ACTIVATION_TEXT_MAX] = "";

	if (other)
		snprintf(more, sizeof(more), "; its process asked for %s instead", other);
	snprintf(text, sizeof(text),
		 "Failed to activate service '%s': timed out (service_start_timeout=%llums)%s",
		 activation->name, (unsigned long long)bus->settings.start_timeout_us / 1000, more);
	bus->ops->give_up(bus, activation->name);
	fail(bus, activation, "org.freedesktop.DBus.Error.TimedOut", text);
}

void activation_expire(struct bus *bus)
{
	struct activation *activation;

	while ((activation = list_first(&bus->activations.by_age, struct activation, age_link)) &&
	       activation->deadline_us <= bus->now_us)
		time_out(bus, activation);
}

uint64_t activation_next_deadline(const struct activation_table *table)
{
	const struct activation *activation =
		list_first(&table->by_age, struct activation, age_link);

	return activation ? activation->deadline_us : UINT64_MAX;
}

unsigned activation_count(const struct activation_table *table)
{
	return HASH_COUNT(table->pending);
}
