/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The answers are those of dbus-daemon, whose dialect the clients have learnt. Stricter than it:
 * lines end in CR LF and in nothing else, a hexadecimal text has an even number of digits, and an
 * identity is a uid written without leading zeros. */
#include "wire/auth.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "wire/syntax.h"

enum { EXPECT_NUL, EXPECT_AUTH, EXPECT_DATA, EXPECT_BEGIN, EXPECT_NOTHING };

struct reply {
	char *bytes; /* AUTH_REPLY_MAX of them */
	size_t size;
	const char *why;
};

static void say(struct reply *reply, const char *line)
{
	reply->size = (size_t)snprintf(reply->bytes, AUTH_REPLY_MAX, "%s\r\n", line);
}

static int fail(struct auth *auth, struct reply *reply, const char *why)
{
	auth->state = EXPECT_NOTHING;
	reply->why = why;
	return AUTH_FAILED;
}

/* Answers with ERROR or REJECTED are counted: the peer may go on, but not for ever. */
static int refuse(struct auth *auth, struct reply *reply, const char *line)
{
	if (++auth->rejects > AUTH_REJECTS_MAX)
		return fail(auth, reply, "too many failed attempts to authenticate");
	say(reply, line);
	return AUTH_CONTINUES;
}

static int reject(struct auth *auth, struct reply *reply)
{
	static const char *const lines[] = { "REJECTED", "REJECTED EXTERNAL", "REJECTED ANONYMOUS",
					     "REJECTED EXTERNAL ANONYMOUS" };
	const struct auth_rules *rules = auth->rules;

	auth->state = EXPECT_AUTH;
	auth->is_anonymous = false;
	auth->has_unix_fds = false;
	return refuse(auth, reply, lines[rules->allow_external + 2 * rules->allow_anonymous]);
}

static int accept(struct auth *auth, struct reply *reply)
{
	auth->state = EXPECT_BEGIN;
	reply->size =
		(size_t)snprintf(reply->bytes, AUTH_REPLY_MAX, "OK %s\r\n", auth->rules->guid);
	return AUTH_CONTINUES;
}

/* out has room for half of hex. */
static bool decode_hex(struct text hex, char *out, struct text *decoded)
{
	int high, low;
	uint32_t i;

	if (hex.size % 2)
		return false;
	for (i = 0; i < hex.size; i += 2) {
		high = text_hex_digit(hex.bytes[i]);
		low = text_hex_digit(hex.bytes[i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i / 2] = (char)(high << 4 | low);
	}
	*decoded = (struct text){ out, hex.size / 2 };
	return true;
}

/* Is this the peer that the kernel told us of? */
static bool is_identity(const struct auth_rules *rules, struct text identity)
{
	char uid[16];

	snprintf(uid, sizeof(uid), "%u", rules->external_uid);
	return rules->external_any || text_is(identity, uid);
}

/* response: what came with AUTH or with DATA, in hexadecimal. */
static int try_external(struct auth *auth, struct text response, struct reply *reply)
{
	char buffer[AUTH_LINE_MAX / 2];
	struct text identity;

	if (!decode_hex(response, buffer, &identity))
		return refuse(auth, reply, "ERROR \"Not hexadecimal\"");
	if (!identity.size && auth->state == EXPECT_AUTH) {
		auth->state = EXPECT_DATA;
		say(reply, "DATA");
		return AUTH_CONTINUES;
	}
	/* Who names nobody, even when asked, means whom the transport names. */
	if (!identity.size || is_identity(auth->rules, identity))
		return accept(auth, reply);
	return reject(auth, reply);
}

/* What comes with it is text for a log; we keep none. */
static int try_anonymous(struct auth *auth, struct text response, struct reply *reply)
{
	char buffer[AUTH_LINE_MAX / 2];
	struct text trace;

	if (!decode_hex(response, buffer, &trace))
		return refuse(auth, reply, "ERROR \"Not hexadecimal\"");
	if (!syntax_is_utf8(trace.bytes, trace.size))
		return reject(auth, reply);
	auth->is_anonymous = true;
	return accept(auth, reply);
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes the first word and the blanks behind it off rest. */
static struct text take_word(struct text *rest)
{
	struct text word = { rest->bytes, 0 };

	while (word.size < rest->size && !is_blank(rest->bytes[word.size]))
		word.size++;
	rest->bytes += word.size;
	rest->size -= word.size;
	while (rest->size && is_blank(rest->bytes[0])) {
		rest->bytes++;
		rest->size--;
	}
	return word;
}

static int on_auth(struct auth *auth, struct text rest, struct reply *reply)
{
	struct text mechanism;

	if (auth->state != EXPECT_AUTH)
		return refuse(auth, reply, "ERROR \"AUTH is not expected now\"");
	mechanism = take_word(&rest);
	if (auth->rules->allow_external && text_is(mechanism, "EXTERNAL"))
		return try_external(auth, rest, reply);
	if (auth->rules->allow_anonymous && text_is(mechanism, "ANONYMOUS"))
		return try_anonymous(auth, rest, reply);
	return reject(auth, reply);
}

/* Only EXTERNAL asks for data. */
static int on_data(struct auth *auth, struct text rest, struct reply *reply)
{
	if (auth->state != EXPECT_DATA)
		return refuse(auth, reply, "ERROR \"DATA is not expected now\"");
	return try_external(auth, rest, reply);
}

static int on_cancel(struct auth *auth, struct text rest, struct reply *reply)
{
	(void)rest;
	if (auth->state == EXPECT_AUTH)
		return refuse(auth, reply, "ERROR \"Nothing to cancel\"");
	return reject(auth, reply);
}

static int on_error(struct auth *auth, struct text rest, struct reply *reply)
{
	(void)rest;
	return reject(auth, reply);
}

static int on_negotiate(struct auth *auth, struct text rest, struct reply *reply)
{
	(void)rest;
	if (auth->state != EXPECT_BEGIN)
		return refuse(auth, reply, "ERROR \"Authenticate first\"");
	if (!auth->rules->allow_unix_fds)
		return refuse(auth, reply, "ERROR \"File descriptors cannot be passed here\"");
	auth->has_unix_fds = true;
	say(reply, "AGREE_UNIX_FD");
	return AUTH_CONTINUES;
}

static int on_begin(struct auth *auth, struct text rest, struct reply *reply)
{
	(void)rest;
	if (auth->state != EXPECT_BEGIN)
		return fail(auth, reply, "BEGIN without authentication");
	auth->state = EXPECT_NOTHING;
	return AUTH_DONE;
}

static bool is_ascii(struct text line)
{
	uint32_t i;

	for (i = 0; i < line.size; i++)
		if (line.bytes[i] <= 0 || (uint8_t)line.bytes[i] > 0x7f)
			return false;
	return true;
}

static int on_line(struct auth *auth, struct text line, struct reply *reply)
{
	static const struct {
		const char *name;
		int (*run)(struct auth *auth, struct text rest, struct reply *reply);
	} commands[] = {
		{ "AUTH", on_auth },
		{ "DATA", on_data },
		{ "CANCEL", on_cancel },
		{ "ERROR", on_error },
		{ "NEGOTIATE_UNIX_FD", on_negotiate },
		{ "BEGIN", on_begin },
	};
	struct text command;
	size_t i;

	if (!is_ascii(line))
		return refuse(auth, reply, "ERROR \"Not ASCII\"");
	command = take_word(&line);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (text_is(command, commands[i].name))
			return commands[i].run(auth, line, reply);
	return refuse(auth, reply, "ERROR \"Unknown command\"");
}

void auth_init(struct auth *auth, const struct auth_rules *rules)
{
	*auth = (struct auth){ .rules = rules, .state = EXPECT_NUL };
}

/* The first line of input with its CR LF; 0 bytes if it is not complete. */
static int find_line(struct auth *auth, const uint8_t *input, size_t size, size_t *line_size,
		     struct reply *reply)
{
	size_t limit = size < AUTH_LINE_MAX ? size : AUTH_LINE_MAX;
	const uint8_t *end = memchr(input, '\n', limit);

	if (!end && limit == AUTH_LINE_MAX)
		return fail(auth, reply, "a line of the authentication is too long");
	if (end && (end == input || end[-1] != '\r'))
		return fail(auth, reply, "a line of the authentication does not end in CR LF");
	*line_size = end ? (size_t)(end - input) + 1 : 0;
	return AUTH_CONTINUES;
}

int auth_feed(struct auth *auth, const uint8_t *input, size_t size, size_t *used,
	      char reply_bytes[AUTH_REPLY_MAX], size_t *reply_size, const char **why)
{
	struct reply reply = { .bytes = reply_bytes };
	size_t line_size = 0;
	int outcome = AUTH_CONTINUES;

	*used = 0;
	*reply_size = 0;
	if (!size)
		return AUTH_CONTINUES;
	if (auth->state == EXPECT_NOTHING) {
		outcome = fail(auth, &reply, "the authentication is over");
	} else if (auth->state == EXPECT_NUL) {
		if (input[0])
			outcome = fail(auth, &reply, "the first byte is not NUL");
		else
			auth->state = EXPECT_AUTH;
		*used = 1;
	} else {
		outcome = find_line(auth, input, size, &line_size, &reply);
		if (line_size) {
			struct text line = { (const char *)input, (uint32_t)line_size - 2 };

			outcome = on_line(auth, line, &reply);
			*used = line_size;
		}
	}
	*reply_size = reply.size;
	if (outcome == AUTH_FAILED)
		*why = reply.why;
	return outcome;
}
