/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server's side of the SASL exchange (D-Bus specification, section "Authentication
 * Protocol"): a line in, a line out, no I/O and no memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	AUTH_LINE_MAX = 1024, /* with its CR LF */
	AUTH_REPLY_MAX = 128, /* bytes that one call of auth_feed can add */
	AUTH_REJECTS_MAX = 16, /* answers of REJECTED or ERROR; who gets more is wasting our time */
};

struct auth_rules {
	bool external_any; /* EXTERNAL with any identity: the transport says who it is (a ring) */
	uint32_t external_uid; /* otherwise: the uid that the kernel gave for the peer */
	bool allow_external, allow_anonymous;
	bool allow_unix_fds; /* answer AGREE_UNIX_FD */
	char guid[33]; /* 32 hex digits: the server's */
};

struct auth {
	const struct auth_rules *rules; /* borrowed for the life of the exchange */
	uint8_t state;
	bool has_unix_fds; /* agreed */
	bool is_anonymous;
	uint8_t rejects;
};

enum { AUTH_CONTINUES, AUTH_DONE, AUTH_FAILED };

void auth_init(struct auth *auth, const struct auth_rules *rules);

/* Takes one line or the leading NUL byte off input. *used is what was consumed; 0 together with
 * AUTH_CONTINUES means that a line is not complete yet. What is to be sent back is written to
 * reply, *reply_size bytes (0: nothing). After AUTH_DONE (the peer's BEGIN) the rest of the input
 * is messages. AUTH_FAILED: close; *why is a sentence without a full stop, constant. */
int auth_feed(struct auth *auth, const uint8_t *input, size_t size, size_t *used,
	      char reply[AUTH_REPLY_MAX], size_t *reply_size, const char **why);
