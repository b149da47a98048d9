/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/auth.h"

#include <string.h>

#include "test.h"

#define GUID "0123456789abcdef0123456789abcdef"
#define OK "OK " GUID "\r\n"

static struct auth auth;
static char said[8192];
static size_t said_size;
static const char *why;
static size_t total_used;

static const struct auth_rules local = {
	.external_uid = 1000,
	.allow_external = true,
	.allow_unix_fds = true,
	.guid = GUID,
};
static const struct auth_rules ring = {
	.external_any = true,
	.allow_external = true,
	.allow_anonymous = true,
	.guid = GUID,
};

static void setup(const struct auth_rules *rules)
{
	auth_init(&auth, rules);
	said_size = 0;
	total_used = 0;
	why = NULL;
}

/* Feeds it all, collects the replies, returns the last outcome. */
static int feed(const char *input, size_t size)
{
	char reply[AUTH_REPLY_MAX];
	size_t used, reply_size;
	int outcome;

	do {
		outcome = auth_feed(&auth, (const uint8_t *)input, size, &used, reply, &reply_size,
				    &why);
		CHECK(used <= size && reply_size <= AUTH_REPLY_MAX);
		CHECK(said_size + reply_size < sizeof(said));
		memcpy(said + said_size, reply, reply_size);
		said_size += reply_size;
		said[said_size] = '\0';
		input += used;
		size -= used;
		total_used += used;
	} while (outcome == AUTH_CONTINUES && used);
	return outcome;
}

static int feed_text(const char *input)
{
	return feed(input, strlen(input));
}

/* From the NUL byte on; what the server says in one go. */
static bool talks(const struct auth_rules *rules, const char *input, int outcome, const char *reply)
{
	setup(rules);
	if (feed("", 1) != AUTH_CONTINUES)
		return false;
	return feed_text(input) == outcome && !strcmp(said, reply);
}

static void dialect_of_busctl(void)
{
	CHECK(talks(&local, "AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n", AUTH_DONE,
		    "DATA\r\n" OK "AGREE_UNIX_FD\r\n"));
	CHECK(auth.has_unix_fds && !auth.is_anonymous);
	CHECK(talks(&ring, "AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n", AUTH_DONE,
		    "DATA\r\n" OK "ERROR \"File descriptors cannot be passed here\"\r\n"));
	CHECK(!auth.has_unix_fds);
}

static void dialect_of_libdbus_and_obus(void)
{
	CHECK(talks(&local, "AUTH EXTERNAL 31303030\r\n", AUTH_CONTINUES, OK));
	CHECK(feed_text("NEGOTIATE_UNIX_FD\r\n") == AUTH_CONTINUES);
	CHECK(!strcmp(said, OK "AGREE_UNIX_FD\r\n"));
	/* BEGIN and the first message come in one piece. */
	total_used = 0;
	CHECK(feed_text("BEGIN\r\nl\1\0\1") == AUTH_DONE);
	CHECK(total_used == 7 && auth.has_unix_fds);
}

static void dialect_of_gdbus(void)
{
	CHECK(talks(&local, "AUTH\r\n", AUTH_CONTINUES, "REJECTED EXTERNAL\r\n"));
	CHECK(feed_text("AUTH EXTERNAL 31303030\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n") == AUTH_DONE);
	CHECK(!strcmp(said, "REJECTED EXTERNAL\r\n" OK "AGREE_UNIX_FD\r\n"));
	CHECK(talks(&ring, "AUTH\r\n", AUTH_CONTINUES, "REJECTED EXTERNAL ANONYMOUS\r\n"));
}

static void dialect_of_jeepney_and_dbus_fast(void)
{
	CHECK(talks(&local, "AUTH EXTERNAL 31303030\r\nBEGIN\r\n", AUTH_DONE, OK));
	CHECK(!auth.has_unix_fds);
}

static void in_pieces_it_is_the_same(void)
{
	static const char input[] = "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
	char reply[AUTH_REPLY_MAX];
	size_t begin = 0, end = 0, used, reply_size;
	int outcome = AUTH_CONTINUES;

	setup(&local);
	while (outcome == AUTH_CONTINUES && end < sizeof(input) - 1) {
		end++;
		outcome = auth_feed(&auth, (const uint8_t *)input + begin, end - begin, &used,
				    reply, &reply_size, &why);
		CHECK(used == 0 || used == end - begin);
		begin += used;
		memcpy(said + said_size, reply, reply_size);
		said_size += reply_size;
	}
	said[said_size] = '\0';
	CHECK(outcome == AUTH_DONE && end == sizeof(input) - 1);
	CHECK(!strcmp(said, "DATA\r\n" OK "AGREE_UNIX_FD\r\n"));
}

static void identities(void)
{
	static const char *const right[] = { "AUTH EXTERNAL 31303030\r\n",
					     "AUTH EXTERNAL\r\nDATA\r\n",
					     "AUTH EXTERNAL\r\nDATA 31303030\r\n",
					     "AUTH \t EXTERNAL \t 31303030\r\n" };
	static const char *const wrong[] = {
		"AUTH EXTERNAL 30\r\n", /* root */
		"AUTH EXTERNAL 3130303030\r\n", /* 10000 */
		"AUTH EXTERNAL 313030\r\n", /* 100 */
		"AUTH EXTERNAL 3031303030\r\n", /* 01000 */
		"AUTH EXTERNAL 2b31303030\r\n", /* +1000 */
		"AUTH EXTERNAL 2031303030\r\n", /* a blank */
		"AUTH EXTERNAL 3130303000\r\n", /* a NUL behind */
		"AUTH EXTERNAL 726f6f74\r\n", /* a name */
		"AUTH EXTERNAL 2d31\r\n", /* -1 */
	};

	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		setup(&local);
		feed("", 1);
		feed_text(right[i]);
		CHECK(!strcmp(said + said_size - strlen(OK), OK));
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		CHECK(talks(&local, wrong[i], AUTH_CONTINUES, "REJECTED EXTERNAL\r\n"));
		CHECK(talks(&ring, wrong[i], AUTH_CONTINUES, OK)); /* the domain is the identity */
	}
	/* 2^32 + 1000 is not 1000. */
	CHECK(talks(&local, "AUTH EXTERNAL 34323934393638323936\r\n", AUTH_CONTINUES,
		    "REJECTED EXTERNAL\r\n"));
	CHECK(talks(&local, "AUTH EXTERNAL\r\nDATA 30\r\n", AUTH_CONTINUES,
		    "DATA\r\nREJECTED EXTERNAL\r\n"));
}

static void hexadecimal(void)
{
	static const char *const bad[] = { "3",         "313",  "zz",        "31303030 ",
					   "3130 3030", "0x31", "31303030\r" };
	char line[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "AUTH EXTERNAL %s\r\n", bad[i]);
		CHECK(talks(&local, line, AUTH_CONTINUES, "ERROR \"Not hexadecimal\"\r\n"));
		/* The attempt has not begun. */
		CHECK(feed_text("AUTH EXTERNAL 31303030\r\n") == AUTH_CONTINUES);
		CHECK(strstr(said, OK));

		CHECK(talks(&local, "AUTH EXTERNAL\r\n", AUTH_CONTINUES, "DATA\r\n"));
		snprintf(line, sizeof(line), "DATA %s\r\n", bad[i]);
		CHECK(feed_text(line) == AUTH_CONTINUES);
		CHECK(!strcmp(said, "DATA\r\nERROR \"Not hexadecimal\"\r\n"));
		CHECK(feed_text("DATA\r\nBEGIN\r\n") == AUTH_DONE);
	}
	CHECK(talks(&ring, "AUTH EXTERNAL aAfF\r\n", AUTH_CONTINUES, OK));
}

static void anonymous(void)
{
	static const struct auth_rules nobody = { .guid = GUID };
	struct auth_rules only = nobody;

	CHECK(talks(&local, "AUTH ANONYMOUS\r\n", AUTH_CONTINUES, "REJECTED EXTERNAL\r\n"));
	CHECK(talks(&ring, "AUTH ANONYMOUS\r\nBEGIN\r\n", AUTH_DONE, OK));
	CHECK(auth.is_anonymous);
	CHECK(talks(&ring, "AUTH ANONYMOUS 6c6962646275732031\r\nBEGIN\r\n", AUTH_DONE, OK));
	CHECK(talks(&ring, "AUTH ANONYMOUS ff\r\n", AUTH_CONTINUES,
		    "REJECTED EXTERNAL ANONYMOUS\r\n"));
	CHECK(talks(&ring, "AUTH ANONYMOUS f\r\n", AUTH_CONTINUES,
		    "ERROR \"Not hexadecimal\"\r\n"));
	only.allow_anonymous = true;
	CHECK(talks(&only, "AUTH EXTERNAL 30\r\n", AUTH_CONTINUES, "REJECTED ANONYMOUS\r\n"));
	CHECK(talks(&nobody, "AUTH EXTERNAL 30\r\n", AUTH_CONTINUES, "REJECTED\r\n"));
	CHECK(talks(&nobody, "AUTH ANONYMOUS\r\n", AUTH_CONTINUES, "REJECTED\r\n"));

	/* Thinking better of it leaves nothing behind. */
	CHECK(talks(&ring, "AUTH ANONYMOUS\r\nCANCEL\r\nAUTH EXTERNAL 30\r\nBEGIN\r\n", AUTH_DONE,
		    OK "REJECTED EXTERNAL ANONYMOUS\r\n" OK));
	CHECK(!auth.is_anonymous);
}

static void begin_needs_authentication(void)
{
	CHECK(talks(&local, "BEGIN\r\n", AUTH_FAILED, ""));
	CHECK(why);
	CHECK(talks(&local, "AUTH EXTERNAL\r\nBEGIN\r\n", AUTH_FAILED, "DATA\r\n"));
	CHECK(talks(&local, "AUTH EXTERNAL 30\r\nBEGIN\r\n", AUTH_FAILED, "REJECTED EXTERNAL\r\n"));
	CHECK(talks(&local, "AUTH EXTERNAL 31303030\r\nCANCEL\r\nBEGIN\r\n", AUTH_FAILED,
		    OK "REJECTED EXTERNAL\r\n"));
	/* It is over for good. */
	CHECK(feed_text("AUTH EXTERNAL 31303030\r\n") == AUTH_FAILED && why);
}

/* Each command in each state. */
static void every_command_in_every_state(void)
{
#define REJECTED "REJECTED EXTERNAL\r\n"
#define SAYS_ERROR "ERROR"
	static const char *const states[] = { "", "AUTH EXTERNAL\r\n",
					      "AUTH EXTERNAL 31303030\r\n" };
	static const struct {
		const char *line;
		const char *reply[3]; /* what it begins with, by state */
	} cases[] = {
		{ "AUTH\r\n", { REJECTED, SAYS_ERROR, SAYS_ERROR } },
		{ "AUTH EXTERNAL 31303030\r\n", { OK, SAYS_ERROR, SAYS_ERROR } },
		{ "AUTH DBUS_COOKIE_SHA1 30\r\n", { REJECTED, SAYS_ERROR, SAYS_ERROR } },
		{ "DATA\r\n", { SAYS_ERROR, OK, SAYS_ERROR } },
		{ "CANCEL\r\n", { SAYS_ERROR, REJECTED, REJECTED } },
		{ "ERROR \"what?\"\r\n", { REJECTED, REJECTED, REJECTED } },
		{ "NEGOTIATE_UNIX_FD\r\n", { SAYS_ERROR, SAYS_ERROR, "AGREE_UNIX_FD\r\n" } },
		{ "OK\r\n", { SAYS_ERROR, SAYS_ERROR, SAYS_ERROR } },
		{ "REJECTED\r\n", { SAYS_ERROR, SAYS_ERROR, SAYS_ERROR } },
		{ "AGREE_UNIX_FD\r\n", { SAYS_ERROR, SAYS_ERROR, SAYS_ERROR } },
		{ "\r\n", { SAYS_ERROR, SAYS_ERROR, SAYS_ERROR } },
		{ " AUTH\r\n", { SAYS_ERROR, SAYS_ERROR, SAYS_ERROR } },
		{ "auth\r\n", { SAYS_ERROR, SAYS_ERROR, SAYS_ERROR } },
		{ "AUTHX\r\n", { SAYS_ERROR, SAYS_ERROR, SAYS_ERROR } },
		{ "BEGI\r\n", { SAYS_ERROR, SAYS_ERROR, SAYS_ERROR } },
		{ "BEGIN\r \r\n", { SAYS_ERROR, SAYS_ERROR, SAYS_ERROR } },
		{ "\303\244\r\n", { SAYS_ERROR, SAYS_ERROR, SAYS_ERROR } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t state = 0; state < 3; state++) {
			setup(&local);
			feed("", 1);
			feed_text(states[state]);
			said_size = 0;
			CHECK(feed_text(cases[i].line) == AUTH_CONTINUES);
			CHECK(!strncmp(said, cases[i].reply[state], strlen(cases[i].reply[state])));
			CHECK(!strcmp(said + said_size - 2, "\r\n"));
			CHECK(memchr(said, '\n', said_size) == said + said_size - 1);
		}
	}
}

static void an_embedded_nul_is_not_ascii(void)
{
	setup(&local);
	CHECK(feed("\0AUTH\0 EXTERNAL 31303030\r\n", 26) == AUTH_CONTINUES);
	CHECK(!strcmp(said, "ERROR \"Not ASCII\"\r\n"));
}

static void the_first_byte_is_nul(void)
{
	setup(&local);
	CHECK(feed_text("AUTH EXTERNAL 31303030\r\n") == AUTH_FAILED && why);
	setup(&local);
	CHECK(feed("", 0) == AUTH_CONTINUES && total_used == 0);
}

static void lines_end_in_cr_lf(void)
{
	CHECK(talks(&local, "AUTH EXTERNAL 31303030\n", AUTH_FAILED, ""));
	CHECK(talks(&local, "\n", AUTH_FAILED, ""));
	CHECK(talks(&local, "AUTH EXTERNAL 31303030\r", AUTH_CONTINUES, ""));
	CHECK(talks(&local, "AUTH EXTERNAL 31303030\r\nBEGIN\n", AUTH_FAILED, OK));
}

static void lines_have_a_limit(void)
{
	char line[AUTH_LINE_MAX + 2];

	memset(line, 'A', sizeof(line));
	setup(&local);
	feed("", 1);
	CHECK(feed(line, AUTH_LINE_MAX - 1) == AUTH_CONTINUES);
	CHECK(feed(line, AUTH_LINE_MAX) == AUTH_FAILED && why);

	memcpy(line + AUTH_LINE_MAX - 2, "\r\n", 2);
	setup(&local);
	feed("", 1);
	CHECK(feed(line, AUTH_LINE_MAX) == AUTH_CONTINUES);
	CHECK(!strcmp(said, "ERROR \"Unknown command\"\r\n"));

	memcpy(line + AUTH_LINE_MAX - 2, "A\r\n", 3);
	setup(&local);
	feed("", 1);
	CHECK(feed(line, AUTH_LINE_MAX + 1) == AUTH_FAILED);

	/* The longest identity there can be. */
	memset(line, '6', sizeof(line));
	memcpy(line, "AUTH EXTERNAL ", 14);
	memcpy(line + AUTH_LINE_MAX - 2, "\r\n", 2);
	setup(&ring);
	feed("", 1);
	CHECK(feed(line, AUTH_LINE_MAX) == AUTH_CONTINUES && !strcmp(said, OK));
}

static void patience_is_limited(void)
{
	static const char *const lines[] = { "AUTH\r\n", "NONSENSE\r\n", "AUTH EXTERNAL 3\r\n" };

	for (size_t i = 0; i < 3; i++) {
		setup(&local);
		feed("", 1);
		for (int n = 0; n < AUTH_REJECTS_MAX; n++)
			CHECK(feed_text(lines[i]) == AUTH_CONTINUES);
		CHECK(feed_text(lines[i]) == AUTH_FAILED && why);
	}
}

int main(void)
{
	RUN(dialect_of_busctl);
	RUN(dialect_of_libdbus_and_obus);
	RUN(dialect_of_gdbus);
	RUN(dialect_of_jeepney_and_dbus_fast);
	RUN(in_pieces_it_is_the_same);
	RUN(identities);
	RUN(hexadecimal);
	RUN(anonymous);
	RUN(begin_needs_authentication);
	RUN(every_command_in_every_state);
	RUN(an_embedded_nul_is_not_ascii);
	RUN(the_first_byte_is_nul);
	RUN(lines_end_in_cr_lf);
	RUN(lines_have_a_limit);
	RUN(patience_is_limited);
	return test_finish();
}
