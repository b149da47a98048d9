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

enum { MS = 1000, SETTLE_US = 1000 * MS };

static bool begin(const struct link *link, struct log_record *record, const char *event)
{
	return server_begin_line(link->server, record, event, &link->peer);
}

static void add_quota(struct log_record *record, const struct peer *peer, enum quota_kind kind)
{
	char limit[64];

	snprintf(limit, sizeof(limit), "%s_per_%s", quota_kind_limit(kind),
		 peer->identity->is_guest ? "domain" : "user");
	journal_add_limit(record, limit, peer->quota->used[kind], peer->quota->limits->max[kind]);
}

static void add_outbox(struct log_record *record, const struct peer *peer, uint64_t allowed)
{
	journal_add_limit(record,
			  peer->identity->is_guest ? "max_guest_outgoing_bytes"
						   : "max_outgoing_bytes",
			  peer->outbox.size, allowed);
}

/* Of two limits that it may have run into, the one that it has used up more of. */
static void add_queue(struct log_record *record, const struct peer *peer)
{
	double queue = (double)peer->outbox.size / (double)(peer->outbox_max + 1);
	double bytes = (double)peer->quota->used[QUOTA_BYTES] /
		       (double)(peer->quota->limits->max[QUOTA_BYTES] + 1);

	if (bytes > queue)
		add_quota(record, peer, QUOTA_BYTES);
	else
		add_outbox(record, peer, peer->outbox_max);
}

static void add_replies(struct log_record *record, const struct peer *peer)
{
	const struct bus_settings *settings = &peer->bus->settings;

	if (peer->replies.asked_count >= settings->peer_replies_max)
		journal_add_limit(record, "max_replies_per_connection", peer->replies.asked_count,
				  settings->peer_replies_max);
	else
		add_quota(record, peer, QUOTA_REPLIES);
}

static void add_allowed(struct log_record *record, const char *limit, uint64_t allowed)
{
	log_record_text(record, "limit", limit);
	log_record_number(record, "allowed", allowed);
}

/* Times are in the log as in the configuration, in milliseconds. */
static void add_time(struct log_record *record, const char *limit, uint64_t took_us,
		     uint64_t allowed_us)
{
	journal_add_limit(record, limit, took_us / MS, allowed_us / MS);
}

/* What a link was dropped for. */
static void add_link_limit(struct log_record *record, const struct link *link,
			   enum reason_limit limit)
{
	const struct config *config = link->server->config;
	const struct peer *peer = &link->peer;
	const struct bus_settings *settings = &peer->bus->settings;
	bool is_guest = peer->identity->is_guest;
	uint64_t now_us = link->server->now_us;

	if (limit == REASON_BYTES)
		add_quota(record, peer, QUOTA_BYTES);
	else if (limit == REASON_FDS)
		add_quota(record, peer, QUOTA_FDS);
	else if (limit == REASON_QUEUE)
		add_queue(record, peer);
	else if (limit == REASON_MESSAGE_SIZE)
		add_allowed(record, is_guest ? "max_guest_message_size" : "max_message_size",
			    is_guest ? settings->guest_message_max : settings->local_message_max);
	else if (limit == REASON_MESSAGE_FDS)
		add_allowed(record, "max_message_unix_fds", settings->message_fds_max);
	else if (limit == REASON_MESSAGE_TIME)
		add_time(record, "message_timeout", now_us - link->half_since_us,
			 config->message_timeout_us);
	else if (limit == REASON_AUTH_TIME)
		add_time(record, "auth_timeout", now_us - link->half_since_us,
			 config->auth_timeout_us);
	else if (limit == REASON_FD_TIME)
		add_time(record, "pending_fd_timeout", now_us - peer->progress_us,
			 settings->fd_timeout_us);
}

/* What something of a peer's was refused for. */
static void add_peer_limit(struct log_record *record, const struct peer *peer,
			   const struct peer *full, enum reason_limit limit)
{
	const struct bus *bus = peer->bus;
	const struct bus_settings *settings = &bus->settings;

	if (limit == REASON_BYTES)
		add_quota(record, peer, QUOTA_BYTES);
	else if (limit == REASON_FDS)
		add_quota(record, peer, QUOTA_FDS);
	else if (limit == REASON_NAMES)
		add_quota(record, peer, QUOTA_NAMES);
	else if (limit == REASON_MATCHES)
		add_quota(record, peer, QUOTA_MATCHES);
	else if (limit == REASON_REPLIES)
		add_replies(record, peer);
	else if (limit == REASON_QUEUE)
		add_queue(record, peer);
	else if (limit == REASON_RECEIVER && full)
		/* Guests share one half of it. */
		add_outbox(record, full, full->outbox_max / (peer->identity->is_guest ? 2 : 1));
	else if (limit == REASON_ALL_PEERS)
		journal_add_limit(record, "max_completed_connections", bus->ready_count,
				  settings->peers_max);
	else if (limit == REASON_USER_PEERS)
		journal_add_limit(record, "max_connections_per_user", peer->quota->ready,
				  settings->user_peers_max);
	else if (limit == REASON_PEER_NAMES)
		journal_add_limit(record, "max_names_per_connection", peer->owned_count + 1,
				  settings->peer_names_max);
	else if (limit == REASON_PEER_MATCHES)
		journal_add_limit(record, "max_match_rules_per_connection", peer->matches_count,
				  settings->peer_matches_max);
	else if (limit == REASON_STARTS)
		journal_add_limit(record, "max_pending_service_starts",
				  bus->activations.waiting_count, settings->pending_starts_max);
}

void journal_link_ended(const struct link *link)
{
	const struct reason *reason = reason_find(link->why);
	enum log_level level = reason->remedy ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
	struct log_record record;

	/* In dom0 every command that somebody types comes and goes. */
	if (!reason->remedy && !link->party.identity.is_guest)
		level = LOG_LEVEL_DEBUG;
	if (!log_is_on(level) || !begin(link, &record, reason->remedy ? "dropped" : "ended"))
		return;
	log_record_text(&record, "what", link->why);
	add_link_limit(&record, link, reason->limit);
	if (reason->remedy)
		log_record_text(&record, "remedy", reason->remedy);
	log_record_write(level, &record);
}

void journal_link_denied(const struct link *link, const char *text)
{
	struct log_record record;

	if (!begin(link, &record, "denied"))
		return;
	log_record_text(&record, "what", text);
	log_record_text(&record, "remedy",
			"if it should be allowed, say so in a <policy>: xcp-busd.conf(5)");
	log_record_write(LOG_LEVEL_WARNING, &record);
}

void journal_link_limited(const struct link *link, const struct peer *full, const char *text)
{
	const struct reason *reason = reason_find_limit(text);
	struct log_record record;

	if (!begin(link, &record, "limited"))
		return;
	log_record_text(&record, "what", text);
	add_peer_limit(&record, &link->peer, full, reason->limit);
	if (full && full != &link->peer)
		log_record_text(&record, "full", full->name);
	log_record_text(&record, "remedy", reason->remedy);
	log_record_write(LOG_LEVEL_WARNING, &record);
}

static void add_crowd(struct log_record *record, const struct server *server, bool is_guest)
{
	const struct bus_settings *settings = &server->bus.settings;

	log_record_text(record, "what",
			is_guest ? "the domain has too many connections"
				 : "its user has too many connections");
	add_allowed(record, is_guest ? "max_connections_per_domain" : "max_connections_per_user",
		    is_guest ? settings->guest.max[QUOTA_PEERS] : settings->user_peers_max);
	log_record_text(record, "remedy", "see what opens them, or raise the limit");
}

static void add_incomplete(struct log_record *record, const struct server *server)
{
	log_record_text(record, "what", "its user has too many that are not authenticated");
	add_allowed(record, "max_incomplete_connections", server->config->incomplete_max);
	log_record_text(record, "remedy", "see what opens connections and says nothing");
}

void journal_link_refused(struct server *server, const struct identity *who, int failure)
{
	struct log_record record;

	if (!journal_begin(&server->journal, &record, "refused", who, NULL, server->now_us)) {
		server->bus.count.refusals.of[REFUSAL_LOG_LINE]++; /* it has no account here */
		server_look_after(server, server->now_us + SETTLE_US);
		return;
	}
	if (failure == -EDQUOT) {
		add_crowd(&record, server, who->is_guest);
	} else if (failure == -EBUSY) {
		add_incomplete(&record, server);
	} else {
		log_record_text(&record, "what", strerror(-failure));
		log_record_text(&record, "remedy",
				failure == -ENOMEM ? reason_find("no memory")->remedy
						   : "see what the kernel's log says");
	}
	log_record_write(LOG_LEVEL_WARNING, &record);
}

void journal_link_pulse(const struct link *link)
{
	struct log_record record;

	if (!begin(link, &record, link->is_silent ? "link-is-silent" : "link-is-back"))
		return;
	if (link->is_silent) {
		log_record_text(&record, "what", "nobody reacts at the other end");
		add_allowed(&record, "silent_timeout", link->server->bus.settings.silent_us / MS);
		log_record_text(&record, "remedy",
				"see whether the domain is paused, or its program hangs");
	}
	log_record_write(link->is_silent ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, &record);
}
