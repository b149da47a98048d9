/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is behind the reason for which a link ended or a ring was refused: a limit, and what an
 * administrator can do.
 *
 * Whoever does that gives a constant sentence, so the sentence finds the rest. docs/logs.md has
 * all of them, which tests/functional/test_logs.py compares with this table and with the sources.
 */
#pragma once

enum reason_limit {
	REASON_NO_LIMIT,
	REASON_BYTES, /* the quota for messages */
	REASON_QUEUE, /* what waits for the peer, or the same quota: what is nearer to its limit */
	REASON_MESSAGE_SIZE,
	REASON_MESSAGE_TIME,
	REASON_AUTH_TIME,
	REASON_FD_TIME,
	REASON_FDS,
	REASON_MESSAGE_FDS,
	/* Of what a peer was refused, from here on. */
	REASON_NAMES,
	REASON_MATCHES,
	REASON_REPLIES,
	REASON_ALL_PEERS,
	REASON_USER_PEERS,
	REASON_PEER_NAMES,
	REASON_PEER_MATCHES,
	REASON_STARTS,
	REASON_RECEIVER,
	/* Of rings. */
	REASON_LINKS,
	REASON_PAGES,
};

struct reason {
	const char *why;
	enum reason_limit limit;
	const char *remedy; /* NULL: the link ended in good order, there is nothing to do */
};

/* Never NULL. For what a peer was refused: of these sentences a part is enough. */
const struct reason *reason_find_limit(const char *text);

/* Never NULL: broken messages are most of the reasons, and all say the same. */
const struct reason *reason_find(const char *why);
