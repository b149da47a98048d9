/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/journal-link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/bus.h"
#include "io/journal.h"
#include "io/link.h"
#include "io/reason.h"
#include "io/server.h"

/* Begins a line about a link. */
static bool begin(const struct link *link, struct log_record *record, const char *event)
{
	struct server *server = link->server;
	const struct peer *peer = &link->peer;

	if (journal_begin(&server->journal, record, event, peer->identity, peer->name,
			  server->now_us))
		return true;
	bus_count_refusal(&server->bus, peer->quota, REFUSAL_LOG_LINE);
	return false;
}

/* What happened, and what is behind it. */
static void finish(struct log_record *record, enum log_level level, const char *what,
		   const struct reason *reason, bool is_guest)
{
	log_record_text(record, "what", what);
	reason_write(record, reason, is_guest);
	log_record_write(level, record);
}

void journal_link_ended(const struct link *link)
{
	bool is_dropped = link->reason.kind != REASON_NONE;
	bool is_guest = link->party.identity.is_guest;
	enum log_level level = is_dropped ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
	struct log_record record;

	/* In dom0 every command that somebody types comes and goes. */
	if (!is_dropped && !is_guest)
		level = LOG_LEVEL_DEBUG;
	if (log_is_on(level) && begin(link, &record, is_dropped ? "dropped" : "ended"))
		finish(&record, level, link->why, &link->reason, is_guest);
}

void journal_link_denied(const struct link *link, const char *text)
{
	const struct reason reason = reason_of(REASON_POLICY);
	struct log_record record;

	if (begin(link, &record, "denied"))
		finish(&record, LOG_LEVEL_WARNING, text, &reason, link->party.identity.is_guest);
}

void journal_link_limited(const struct link *link, const char *text, const struct reason *reason)
{
	struct log_record record;

	if (begin(link, &record, "limited"))
		finish(&record, LOG_LEVEL_WARNING, text, reason, link->party.identity.is_guest);
}

static const char *explain_refusal(const struct server *server, bool is_guest, int failure,
				   struct reason *reason)
{
	const struct bus_settings *settings = &server->bus.settings;

	if (failure == -EDQUOT) {
		*reason = reason_limit(REASON_QUOTA_PEERS, REASON_UNKNOWN,
				       is_guest ? settings->guest.max[QUOTA_PEERS]
						: settings->user_peers_max);
		return is_guest ? "the domain has too many connections"
				: "its user has too many connections";
	}
	*reason = reason_of(failure == -ENOMEM ? REASON_MEMORY : REASON_SYSTEM);
	return strerror(-failure);
}

void journal_link_refused(struct server *server, const struct identity *who, int failure)
{
	struct log_record record;
	struct reason reason;
	const char *what = explain_refusal(server, who->is_guest, failure, &reason);

	if (!journal_begin(&server->journal, &record, "refused", who, NULL, server->now_us)) {
		server->bus.count.refusals.of[REFUSAL_LOG_LINE]++; /* it has no account here */
		return;
	}
	finish(&record, LOG_LEVEL_WARNING, what, &reason, who->is_guest);
}

void journal_link_pulse(const struct link *link)
{
	const struct reason reason = reason_limit(REASON_SILENCE, REASON_UNKNOWN,
						  link->server->bus.settings.silent_us / 1000);
	struct log_record record;

	if (!begin(link, &record, link->is_silent ? "link-is-silent" : "link-is-back"))
		return;
	if (link->is_silent)
		finish(&record, LOG_LEVEL_WARNING, "nobody reacts at the other end", &reason, true);
	else
		log_record_write(LOG_LEVEL_INFO, &record);
}

void journal_link_starting(const struct link *link, const char *service)
{
	struct log_record record;

	if (!begin(link, &record, "starting"))
		return;
	log_record_text(&record, "service", service);
	log_record_write(LOG_LEVEL_INFO, &record);
}

void journal_link_start_failed(struct server *server, const char *service, struct quota *by,
			       const char *why)
{
	const struct quota_owner *owner = &by->owner;
	const struct reason reason = reason_of(REASON_START_FAILED);
	struct identity who = { .is_guest = owner->is_guest, .domid = owner->id };
	struct log_record record;

	if (!owner->is_guest) {
		who.domid = server->bus.settings.domid;
		who.uid = owner->id;
	}
	memcpy(who.domain_name, owner->name, sizeof(who.domain_name));
	if (!journal_begin(&server->journal, &record, "start-failed", &who, NULL, server->now_us)) {
		bus_count_refusal(&server->bus, by, REFUSAL_LOG_LINE);
		return;
	}
	log_record_text(&record, "service", service);
	finish(&record, LOG_LEVEL_WARNING, why, &reason, owner->is_guest);
}
