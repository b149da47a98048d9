/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A peer that says anything: the first byte chooses the rules and how large the pieces are, the
 * rest is what it says. In pieces the outcome and the replies are the same as in one go, and nobody
 * gets through who was not told OK. */
#include "wire/auth.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(expression)                                                                          \
	do {                                                                                       \
		if (!(expression))                                                                 \
			abort();                                                                   \
	} while (0)

enum { SAID_MAX = 64 * 1024 };

struct talk {
	char said[SAID_MAX];
	size_t said_size, used;
	int outcome;
	struct auth auth;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feeds what has arrived, which grows by piece. */
static void talk(struct talk *talk, const struct auth_rules *rules, const uint8_t *data,
		 size_t size, size_t piece)
{
	size_t arrived = 0, used, reply_size;
	char reply[AUTH_REPLY_MAX];
	const char *why = NULL;
	uint8_t *copy;

	memset(talk, 0, sizeof(*talk));
	auth_init(&talk->auth, rules);
	while (arrived < size && talk->outcome == AUTH_CONTINUES) {
		arrived = size - arrived > piece ? arrived + piece : size;
		do {
			/* A copy, so that the sanitizer sees a byte too many. */
			copy = malloc(arrived - talk->used + 1);
			CHECK(copy);
			memcpy(copy, data + talk->used, arrived - talk->used);
			talk->outcome = auth_feed(&talk->auth, copy, arrived - talk->used, &used,
						  reply, &reply_size, &why);
			free(copy);
			CHECK(used <= arrived - talk->used && reply_size < AUTH_REPLY_MAX);
			CHECK(talk->said_size + reply_size <= SAID_MAX);
			CHECK(talk->outcome != AUTH_FAILED || why);
			memcpy(talk->said + talk->said_size, reply, reply_size);
			talk->said_size += reply_size;
			talk->used += used;
		} while (used && talk->outcome == AUTH_CONTINUES);
	}
}

/* The last of the replies that says anything about being let in. */
static bool was_let_in(const struct talk *talk)
{
	bool result = false;
	const char *at = talk->said, *end = at + talk->said_size;

	while (at < end) {
		if (!strncmp(at, "OK ", 3))
			result = true;
		if (!strncmp(at, "REJECTED", 8))
			result = false;
		at = memchr(at, '\n', (size_t)(end - at));
		CHECK(at && at[-1] == '\r');
		at++;
	}
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct talk whole, pieces;
	struct auth_rules rules = { .external_uid = 1000,
				    .guid = "0123456789abcdef0123456789abcdef" };

	if (size < 1 || size > 16 * 1024)
		return 0;
	rules.external_any = data[0] & 1;
	rules.allow_external = data[0] & 2;
	rules.allow_anonymous = data[0] & 4;
	rules.allow_unix_fds = data[0] & 8;

	talk(&whole, &rules, data + 1, size - 1, size);
	talk(&pieces, &rules, data + 1, size - 1, 1 + (data[0] >> 4));
	CHECK(whole.outcome == pieces.outcome && whole.said_size == pieces.said_size);
	CHECK(whole.outcome == AUTH_FAILED || whole.used == pieces.used);
	CHECK(!memcmp(whole.said, pieces.said, whole.said_size));

	if (whole.outcome == AUTH_DONE) {
		CHECK(was_let_in(&whole));
		CHECK(rules.allow_anonymous || !whole.auth.is_anonymous);
		CHECK(rules.allow_external || whole.auth.is_anonymous);
		CHECK(rules.allow_unix_fds || !whole.auth.has_unix_fds);
	}
	return 0;
}
