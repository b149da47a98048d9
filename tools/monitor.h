/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of xcp-bus-monitor share.
 *
 *	xcp-bus-monitor.c    the common options, the table of commands
 *	monitor-COMMAND.c    one command each; monitor-listing.c is names, monitor-who.c who-called
 *	monitor-bus.c        the connection; failures
 *	monitor-text.c       strangers' text, times, sizes; monitor-table.c tables
 *	monitor-json.c       --json; monitor-value.c what is in a message
 *
 * Whatever comes from the bus is a stranger's: to a terminal it goes through put_text (tables do
 * that by themselves), to JSON through json_text. Nothing here has to give memory back that lives
 * as long as the command, and none of it goes on without memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "libxcpbus/xcpbus.h"

enum { EXIT_USAGE = 2 };

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

/* ---- Commands ---- */

/* What the common options say. */
struct tool {
	const char *address; /* NULL: the library's default */
	bool is_json;
	bool has_colour; /* standard output has */
};

struct command {
	const char *name;
	const char *arguments; /* "[OPTION]... [RULE]...", for --help */
	const char *summary; /* what it shows: "Messages as they pass" */
	/* The options, one a line: "  --errors            only errors\n"; or NULL. */
	const char *help;
	/* argv[0] is the name; the common options have been taken out. The exit status. */
	int (*run)(const struct tool *tool, int argc, char **argv);
};

const struct command *find_command(const char *name); /* NULL: there is none */

/* ---- monitor-bus.c ---- */

/* Both say it on standard error, with the name of the program before it. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2))); /* EXIT_FAILURE */
int fail_usage(const char *format, ...) __attribute__((format(printf, 1, 2))); /* EXIT_USAGE */
int fail_option(char **argv); /* the same: getopt_long() has met what it does not know */

/* What --timeout says, from 1 ms on. 0, or EXIT_USAGE: it was said what is wrong. */
int take_timeout(const char *text, int *ms);

/* An ordinary connection to the bus. Whoever can do nothing without it leaves with EXIT_FAILURE:
 * NULL means that it was said why there is none. */
struct xcpbus *tool_connect(const struct tool *tool);
/* The next tool_connect returns this one. */
void tool_prepare(struct xcpbus *bus);

/* The pointer, which is not NULL: without memory the program ends. */
void *need(void *memory);
char *copy_text(const char *text);

/* ---- monitor-text.c ---- */

/* Once, at the start: what characters the terminal has. */
void text_init(void);

/* A stranger's text: control characters, what cannot be seen or turns the direction of text,
 * and what is not valid are written as \n, \xNN or \u{NNNN}, a backslash as two. In at most
 * max columns of the terminal (0: all), the last three of which are "..." if it is cut. Returns how
 * many it has taken. */
unsigned put_text(FILE *out, const char *text, size_t size, size_t max);
char *escape_text(const char *text, size_t max); /* the same as a string of yours */
unsigned text_width(const char *text); /* the columns that it would take */
unsigned shown_width(const char *shown); /* the same of a text that is escaped already */

/* The character of UTF-8 at text, of *length bytes; -1 (and 1 byte) if it is none. */
int32_t decode_character(const uint8_t *text, size_t size, size_t *length);
/* What a terminal obeys, or nobody sees, or makes other text look like something else. */
bool is_hidden_character(int32_t c);

enum { SHORT_TEXT = 32 };
/* "1.2 ms", "340 us", "2.00 s", "3 min"; "5.2 kB". Returns out. */
const char *time_text(char out[SHORT_TEXT], uint64_t us);
const char *size_text(char out[SHORT_TEXT], uint64_t size);

/* "50ms", "2s", "300us", "5min", "1h"; a number alone is seconds. -EINVAL. */
int parse_time(const char *text, uint64_t *us);
int parse_number(const char *text, uint64_t *out);

enum colour { COLOUR_NONE, COLOUR_DIM, COLOUR_BOLD, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW };
/* The bytes that switch to it, or "". */
const char *colour(const struct tool *tool, enum colour colour);

/* ---- monitor-table.c ---- */

struct table;

/* Headings end with NULL, and are borrowed. One that begins with '>' is of a column of numbers. */
struct table *table_new(const char *const *headings);
struct table *table_free(struct table *table);
/* The next cell, row by row. It is copied. */
void table_add(struct table *table, const char *text);
void table_add_number(struct table *table, uint64_t number);
void table_add_format(struct table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* What is wider is cut; 0: nothing is. */
void table_limit(struct table *table, unsigned column, unsigned width);
/* On standard output. width is that of the terminal, from terminal_width: the last column is cut to
 * fit; 0: nothing is. */
void table_print(const struct table *table, const struct tool *tool, unsigned width);
unsigned terminal_width(void); /* 0: standard output is no terminal */

/* ---- monitor-json.c ---- */

/* One object or array after the other. key is NULL within arrays, and at the outermost level. */
struct json {
	FILE *out;
	bool has_item; /* so that a comma has to follow */
};

void json_open(struct json *json, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json *json, char bracket); /* '}' or ']' */
void json_end(struct json *json); /* of the line */
void json_text(struct json *json, const char *key, const char *text); /* NULL: null */
void json_number(struct json *json, const char *key, int64_t number);
void json_maybe(struct json *json, const char *key, int64_t number); /* null if it is negative */
void json_unsigned(struct json *json, const char *key, uint64_t number);
void json_double(struct json *json, const char *key, double number);
void json_bool(struct json *json, const char *key, bool value);

/* ---- monitor-value.c ---- */

/* The value that the iterator is at: "text", 5, true, [1, 2], {"key": 1}, (1, "a"), <"what is in a
 * variant">. About max characters, then "..."; 0: all. */
void put_one_value(FILE *out, DBusMessageIter *iter, size_t max);
/* All from it on, separated by ", ". */
void put_values(FILE *out, DBusMessageIter *iter);
/* The same as items of an array that is open. A variant is what is in it; bytes are a text if they
 * are one of printable ASCII, a list of numbers otherwise. */
void json_values(struct json *json, DBusMessageIter *iter);
void json_one_value(struct json *json, const char *key, DBusMessageIter *iter);
