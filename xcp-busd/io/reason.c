/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/reason.h"

#include <string.h>

#define BROKEN "the program does not speak D-Bus as it should: update it, or stop it"
#define SLOW "see why the receiver does not read what waits for it, or raise the limit"
#define MEMORY "give the bus more memory, or lower the limits of who takes it"

static const struct reason reasons[] = {
	{ "it closed the connection", REASON_NO_LIMIT, NULL },
	{ "its domain is gone", REASON_NO_LIMIT, NULL },
	{ "the bus is stopping", REASON_NO_LIMIT, NULL },

	{ "it did not authenticate in time", REASON_AUTH_TIME,
	  "see what opens connections and says nothing, or raise the limit" },
	{ "too many failed attempts to authenticate", REASON_NO_LIMIT,
	  "see as whom the program tries to come in, and what the policy says of that user" },
	{ "half a message came, and no other half", REASON_MESSAGE_TIME,
	  "see whether the program hangs, or raise the limit" },
	{ "the message is too long", REASON_MESSAGE_SIZE,
	  "let the program send less at a time, or raise the limit" },
	{ "its messages take more memory than its quota allows", REASON_BYTES,
	  "see who does not read what it sends, or raise the limit" },

	{ "it does not read the signals it subscribed to", REASON_QUEUE, SLOW },
	{ "it does not read what the bus answers", REASON_QUEUE, SLOW },
	{ "it does not read what it eavesdrops on", REASON_QUEUE, SLOW },
	{ "it does not take the file descriptors that wait for it", REASON_FD_TIME, SLOW },

	{ "a message has more file descriptors than one may have", REASON_MESSAGE_FDS,
	  "let the program send fewer at a time, or raise the limit" },
	{ "more file descriptors came than its quota allows", REASON_FDS,
	  "see who does not read what it sends, or raise the limit" },

	{ "it moved the ring's indexes where they cannot be", REASON_NO_LIMIT,
	  "no libxenvchan does that: see what runs in the domain" },
	{ "reading from it failed", REASON_NO_LIMIT, "see what the kernel's log says" },

	{ "the domain has as many connections to the bus as it may have", REASON_LINKS,
	  "see what opens them, or raise the limit" },
	{ "the domain's rings take as much memory as they may: offer a smaller one", REASON_PAGES,
	  "let its programs offer smaller rings, or raise the limit" },
	{ "the bus may not take the offer away", REASON_NO_LIMIT,
	  "see who else than the domain writes where it offers rings" },
	{ "the ring is not of a size that libxenvchan makes", REASON_NO_LIMIT,
	  "no libxenvchan does that: see what runs in the domain" },
	{ "the bus is out of file descriptors", REASON_NO_LIMIT, "raise LimitNOFILE of xcp-busd" },
	{ "a domain cannot have a ring to itself", REASON_NO_LIMIT,
	  "programs in the bus's own domain connect to its socket" },
	{ "the ring cannot be mapped: is the program that offered it still there?", REASON_NO_LIMIT,
	  "if it happens again and again, see what runs in the domain" },

	{ "no memory", REASON_NO_LIMIT, MEMORY },
	{ "no memory for a signal it subscribed to", REASON_NO_LIMIT, MEMORY },
	{ "no memory to tell it that its call has failed", REASON_NO_LIMIT, MEMORY },
	{ "no memory to tell it of a change of names", REASON_NO_LIMIT, MEMORY },
	{ "no memory to tell it that it lost a name", REASON_NO_LIMIT, MEMORY },
	{ "no memory to tell it that it owns a name", REASON_NO_LIMIT, MEMORY },
	{ "no memory for what waited for a service to start", REASON_NO_LIMIT, MEMORY },
};

const struct reason *reason_find(const char *why)
{
	static const struct reason broken = { "", REASON_NO_LIMIT, BROKEN };
	unsigned i;

	for (i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (!strcmp(reasons[i].why, why))
			return &reasons[i];
	return &broken;
}

/* What peers were told when a limit was in the way: parts of sentences. */
static const struct reason limits[] = {
	{ "maximum number of active connections has been", REASON_ALL_PEERS,
	  "see who has so many connections, or raise the limit" },
	{ "maximum number of active connections for UID", REASON_USER_PEERS,
	  "see who has so many connections, or raise the limit" },
	{ "max_names_per_connection", REASON_PEER_NAMES,
	  "see why the program wants so many names, or raise the limit" },
	{ "maximum number of names is reached", REASON_NAMES,
	  "see why its programs want so many names, or raise the limit" },
	{ "requests names too often", REASON_NO_LIMIT,
	  "see which program in the domain takes and leaves names all the time" },
	{ "max_match_rules_per_connection", REASON_PEER_MATCHES,
	  "see why the program adds rules and does not remove them, or raise the limit" },
	{ "maximum number of match rules is reached", REASON_MATCHES,
	  "see which program adds rules and does not remove them, or raise the limit" },
	{ "Too many calls of the sender wait for their reply", REASON_REPLIES,
	  "see which service does not answer it, or raise the limit" },
	{ "Too many message bytes of the sender are unread", REASON_BYTES,
	  "see who does not read what it sends, or raise the limit" },
	{ "Too many file descriptors of the sender are unread", REASON_FDS,
	  "see who does not read what it sends, or raise the limit" },
	{ "No room for the message", REASON_RECEIVER, SLOW },
	{ "The reply did not fit", REASON_QUEUE, SLOW },
	{ "a signal of another guest is lost to it", REASON_QUEUE, SLOW },
	{ "max_pending_service_starts", REASON_STARTS,
	  "see which service does not come, or raise the limit" },
	{ "already wait for", REASON_NO_LIMIT, "see why the service does not come" },
	{ "was started too often", REASON_NO_LIMIT, "see why the service does not stay" },
	{ "variables have more than", REASON_NO_LIMIT, "see who sets variables for services" },
	{ "rules do not fit into one message", REASON_NO_LIMIT, "ask for one connection's" },
};

const struct reason *reason_find_limit(const char *text)
{
	static const struct reason other = { "", REASON_NO_LIMIT,
					     "docs/limits.md says what is limited" };
	unsigned i;

	for (i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		if (strstr(text, limits[i].why))
			return &limits[i];
	return &other;
}
