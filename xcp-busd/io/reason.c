/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/reason.h"

#include <stddef.h>

#include "common/log.h"
#include "core/peer.h"

#define OR_RAISE ", or raise the limit"
#define SLOW "see why the receiver does not read what waits for it" OR_RAISE
#define UNREAD "see who does not read what it sends" OR_RAISE

static const struct help {
	const char *limit, *guest_limit; /* guest_limit: if a guest has another */
	const char *remedy;
} helps[REASON_COUNT] = {
	[REASON_BROKEN] = { .remedy = "the program does not speak D-Bus as it should: update it, "
				      "or stop it" },
	[REASON_MEMORY] = { .remedy = "give the bus more memory, or lower the limits of who takes "
				      "it" },
	[REASON_POLICY] = { .remedy =
				    "if it should be allowed, say so in a <policy>, or, of a name "
				    "for a guest, in its xcp-bus/own: xcp-busd.conf(5)" },
	[REASON_SYSTEM] = { .remedy = "see what the kernel's log says" },

	[REASON_QUOTA + QUOTA_PEERS] = { "max_connections_per_user", "max_connections_per_domain",
					 "see what opens them" OR_RAISE },
	[REASON_QUOTA + QUOTA_NAMES] = { "max_names_per_user", "max_names_per_domain",
					 "see why its programs want so many names" OR_RAISE },
	[REASON_QUOTA + QUOTA_MATCHES] = { "max_match_rules_per_user", "max_match_rules_per_domain",
					   "see which program adds rules and does not remove "
					   "them" OR_RAISE },
	[REASON_QUOTA + QUOTA_REPLIES] = { "max_replies_per_user", "max_replies_per_domain",
					   "see which service does not answer it" OR_RAISE },
	[REASON_QUOTA + QUOTA_BYTES] = { "max_bytes_per_user", "max_bytes_per_domain", UNREAD },
	[REASON_QUOTA + QUOTA_FDS] = { "max_fds_per_user", NULL, UNREAD },

	[REASON_QUEUE] = { "max_outgoing_bytes", "max_guest_outgoing_bytes", SLOW },
	[REASON_QUEUE_FDS] = { "max_outgoing_unix_fds", NULL, SLOW },
	[REASON_PEERS] = { "max_completed_connections", NULL,
			   "see who has so many connections" OR_RAISE },
	[REASON_PEER_NAMES] = { "max_names_per_connection", NULL,
				"see why the program wants so many names" OR_RAISE },
	[REASON_PEER_MATCHES] = { "max_match_rules_per_connection", NULL,
				  "see why the program adds rules and does not remove "
				  "them" OR_RAISE },
	[REASON_PEER_REPLIES] = { "max_replies_per_connection", NULL,
				  "see which service does not answer it" OR_RAISE },
	[REASON_STARTS] = { "max_pending_service_starts", NULL,
			    "see which service does not come" OR_RAISE },
	[REASON_MESSAGE_SIZE] = { "max_message_size", "max_guest_message_size",
				  "let the program send less at a time" OR_RAISE },
	[REASON_MESSAGE_FDS] = { "max_message_unix_fds", NULL,
				 "let the program send fewer at a time" OR_RAISE },
	[REASON_MESSAGE_TIME] = { "message_timeout", NULL,
				  "see whether the program hangs" OR_RAISE },
	[REASON_AUTH_TIME] = { "auth_timeout", NULL,
			       "see what opens connections and says nothing" OR_RAISE },
	[REASON_FD_TIME] = { "pending_fd_timeout", NULL, "see whether the program hangs" OR_RAISE },
	[REASON_SILENCE] = { "silent_timeout", NULL,
			     "see whether the domain is paused, or its program hangs" },
	[REASON_INCOMPLETE] = { "max_incomplete_connections", NULL,
				"see what opens connections and says nothing" OR_RAISE },
	[REASON_RING_PAGES] = { "max_ring_pages_per_domain", NULL,
				"let its programs offer smaller rings" OR_RAISE },

	[REASON_AUTH_ATTEMPTS] = { .remedy = "see as whom the program tries to come in, and what "
					     "the policy says of that user" },
	[REASON_NAME_RATE] = { .remedy = "see which program in the domain takes and leaves names "
					 "all the time" },
	[REASON_START_RATE] = { .remedy = "see why the service does not stay" },
	[REASON_START_SIZE] = { .remedy = "see why the service does not come" },
	[REASON_START_FAILED] = { .remedy = "see what the service itself has logged" },
	[REASON_ENVIRONMENT] = { .remedy = "see who sets variables for services" },
	[REASON_RULES_SIZE] = { .remedy = "ask for one connection's" },
	[REASON_ANSWER_SIZE] = { .remedy = "ask for fewer, or raise max_outgoing_bytes" },
	[REASON_DESCRIPTORS] = { .remedy = "raise LimitNOFILE of xcp-busd" },
	[REASON_OWN_SIZE] = { .remedy = "let the toolstack grant a prefix, as in org.example.*" },

	[REASON_RING] = { .remedy = "no libxenvchan does that: see what runs in the domain" },
	[REASON_RING_LOCAL] = { .remedy =
					"programs in the bus's own domain connect to its socket" },
	[REASON_RING_UNMAPPED] = { .remedy = "if it happens again and again, see what runs in the "
					     "domain" },
	[REASON_RING_STAYS] = { .remedy = "see who else than the domain writes where it offers "
					  "rings" },
};

const char *reason_limit_name(enum reason_kind kind, bool is_guest)
{
	const struct help *help = &helps[kind];

	return is_guest && help->guest_limit ? help->guest_limit : help->limit;
}

const char *reason_remedy(enum reason_kind kind)
{
	return helps[kind].remedy;
}

void reason_write(struct log_record *record, const struct reason *reason, bool is_guest)
{
	const struct peer *full = reason->full;
	const char *limit =
		reason_limit_name(reason->kind, full ? full->identity->is_guest : is_guest);

	if (limit) {
		log_record_text(record, "limit", limit);
		if (reason->used != REASON_UNKNOWN)
			log_record_number(record, "used", reason->used);
		log_record_number(record, "allowed", reason->allowed);
	}
	if (full)
		log_record_text(record, "full", full->name);
	if (reason_remedy(reason->kind))
		log_record_text(record, "remedy", reason_remedy(reason->kind));
}
