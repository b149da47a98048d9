/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-line.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

const char *clock_text(char out[SHORT_TEXT], uint64_t time_us)
{
	time_t seconds = (time_t)(time_us / 1000000);
	struct tm local;
	size_t size;

	localtime_r(&seconds, &local);
	size = strftime(out, SHORT_TEXT, "%H:%M:%S", &local);
	snprintf(out + size, SHORT_TEXT - size, ".%06u", (unsigned)(time_us % 1000000));
	return out;
}

/* Borrowed from the message; NULL: it has none. */
static const char *error_text(DBusMessage *message)
{
	const char *text;

	if (dbus_message_get_type(message) != DBUS_MESSAGE_TYPE_ERROR ||
	    xcpbus_read(message, "s", &text) < 0)
		return NULL;
	return text;
}

/* ---- For people ---- */

void put_member(FILE *out, const char *interface, const char *member)
{
	if (interface)
		fprintf(out, "%s%s", interface, member ? "." : "");
	if (member)
		fputs(member, out);
	if (!interface && !member)
		fputs("(a call that was not seen)", out);
}

static enum colour colour_of(enum seen_kind kind)
{
	return kind == SEEN_ERROR || kind == SEEN_LOST ? COLOUR_RED
	       : kind == SEEN_SIGNAL                   ? COLOUR_YELLOW
	       : kind == SEEN_CALL                     ? COLOUR_GREEN
						       : COLOUR_DIM;
}

static void put_error(const struct tool *tool, FILE *out, const struct seen *seen)
{
	const char *text = error_text(seen->message);

	fprintf(out, "  %s%s%s", colour(tool, COLOUR_RED),
		dbus_message_get_error_name(seen->message), colour(tool, COLOUR_NONE));
	if (!text)
		return;
	fputs(": ", out);
	put_text(out, text, strlen(text), ERROR_SHOWN);
}

static void put_ends(const struct tool *tool, FILE *out, const struct seen *seen)
{
	put_party(out, &seen->from);
	fputs(" -> ", out);
	if (seen->to.unique || seen->to.name)
		put_party(out, &seen->to);
	else
		fputs("all", out);
	fprintf(out, "  %s", colour(tool, COLOUR_BOLD));
	put_member(out, seen->interface, seen->member);
	fputs(colour(tool, COLOUR_NONE), out);
}

/* Of an answer that somebody else gave than who was called: the bus, mostly. */
static void put_called(FILE *out, const struct seen *seen)
{
	const char *called = seen->call ? seen->call->destination : "";

	if ((seen->kind == SEEN_ANSWER || seen->kind == SEEN_ERROR) && *called &&
	    !(seen->from.name && !strcmp(seen->from.name, called)) &&
	    !(seen->from.unique && !strcmp(seen->from.unique, called)))
		fprintf(out, " of %s", called);
	if (seen->kind == SEEN_CALL || seen->kind == SEEN_SIGNAL) {
		fputc(' ', out);
		put_text(out, seen->path, strlen(seen->path), PATH_SHOWN);
	}
}

/* Those beyond the last bit are hidden if that is. */
static bool is_hidden(uint64_t hidden, unsigned number)
{
	return hidden >> (number < 64 ? number : 63) & 1;
}

static void put_body(FILE *out, DBusMessage *message, uint64_t hidden)
{
	DBusMessageIter iter;
	unsigned number = 0;
	bool has_more = dbus_message_iter_init(message, &iter);

	fputs("\n    (", out);
	while (has_more) {
		if (is_hidden(hidden, number++))
			fputs("(not shown)", out);
		else
			put_one_value(out, &iter, BODY_SHOWN);
		has_more = dbus_message_iter_next(&iter);
		if (has_more)
			fputs(", ", out);
	}
	fputc(')', out);
}

void put_seen(const struct tool *tool, FILE *out, const struct seen *seen, const uint64_t *hidden)
{
	char text[SHORT_TEXT];

	fprintf(out, "%s%s%s %s%-6s%s ", colour(tool, COLOUR_DIM), clock_text(text, seen->time_us),
		colour(tool, COLOUR_NONE), colour(tool, colour_of(seen->kind)),
		seen_words[seen->kind], colour(tool, COLOUR_NONE));
	if (seen->kind == SEEN_LOST) {
		fprintf(out, "%" PRIu64 " messages are missing here: the bus was faster than we\n",
			seen->lost);
		return;
	}
	put_ends(tool, out, seen);
	put_called(out, seen);
	fprintf(out, "  %s", size_text(text, seen->size));
	if (seen->call && seen->kind != SEEN_CALL)
		fprintf(out, "  %s", time_text(text, seen->took_us));
	if (seen->kind == SEEN_ERROR)
		put_error(tool, out, seen);
	if (hidden)
		put_body(out, seen->message, *hidden);
	fputc('\n', out);
}

/* ---- For programs ---- */

static void json_header(struct json *json, const struct seen *seen)
{
	DBusMessage *message = seen->message;

	json_unsigned(json, "serial", dbus_message_get_serial(message));
	if (seen->kind == SEEN_ANSWER || seen->kind == SEEN_ERROR)
		json_unsigned(json, "reply_serial", dbus_message_get_reply_serial(message));
	json_party(json, "from", &seen->from);
	if (seen->to.unique || seen->to.name)
		json_party(json, "to", &seen->to);
	else
		json_text(json, "to", NULL);
	json_text(json, "path", seen->path);
	json_text(json, "interface", seen->interface);
	json_text(json, "member", seen->member);
	if (seen->call && seen->kind != SEEN_CALL)
		json_text(json, "called", seen->call->destination);
	json_unsigned(json, "size", seen->size);
	if (seen->call && seen->kind != SEEN_CALL)
		json_unsigned(json, "took_us", seen->took_us);
	if (seen->kind == SEEN_ERROR) {
		json_text(json, "error", dbus_message_get_error_name(message));
		json_text(json, "text", error_text(message));
	}
	json_text(json, "signature", dbus_message_get_signature(message));
}

static void json_body(struct json *json, DBusMessage *message, uint64_t hidden)
{
	DBusMessageIter iter;
	bool has_more = dbus_message_iter_init(message, &iter), is_whole = true;
	unsigned number;

	json_open(json, "body", '[');
	for (number = 0; has_more; number++, has_more = dbus_message_iter_next(&iter)) {
		if (is_hidden(hidden, number))
			json_text(json, NULL, NULL);
		else
			json_one_value(json, NULL, &iter);
		is_whole &= !is_hidden(hidden, number);
	}
	json_close(json, ']');
	if (!is_whole)
		json_bool(json, "is_partial", true);
}

void json_seen(FILE *out, const struct seen *seen, const uint64_t *hidden)
{
	struct json json = { .out = out };

	json_open(&json, NULL, '{');
	json_unsigned(&json, "time_us", seen->time_us);
	json_text(&json, "kind", seen_words[seen->kind]);
	if (seen->kind == SEEN_LOST)
		json_unsigned(&json, "lost", seen->lost);
	else
		json_header(&json, seen);
	if (hidden && seen->kind != SEEN_LOST)
		json_body(&json, seen->message, *hidden);
	json_close(&json, '}');
	json_end(&json);
}
