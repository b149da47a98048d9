/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking on, from the bus or from a capture: which messages, from whom to whom, and which answer
 * belongs to which call. */
#pragma once

#include <getopt.h>

#include "tools/monitor-calls.h"
#include "tools/monitor-names.h"

struct match_rule;
struct watch;

/* ---- What is watched ---- */

struct watch_options {
	const char *domain, *service; /* one of both ends is of it; NULL: any */
	bool is_errors; /* only those */
	bool is_slow; /* only answers that took slower_us and more */
	uint64_t slower_us;
	const char *const *rules; /* of these, one must describe the message or its call */
	unsigned rule_count;
	uint64_t count_max; /* so many messages are shown; 0: all */
	uint64_t for_us; /* so long; 0: until it is ended */
	bool is_whole; /* at the end, all that was sent before it is to be seen */
	const char *read; /* a capture; NULL: from the bus */
	char *const *command; /* to be run meanwhile, by ourselves: it ends with that; NULL: none */
};

enum {
	WATCH_DOMAIN = 256,
	WATCH_SERVICE,
	WATCH_ERRORS,
	WATCH_SLOWER,
	WATCH_COUNT,
	WATCH_FOR,
	WATCH_READ,
};

/* For a command's table of options. */
#define WATCH_OPTIONS                                                                              \
	{ "domain", required_argument, NULL, WATCH_DOMAIN },                                       \
		{ "service", required_argument, NULL, WATCH_SERVICE },                             \
		{ "errors", no_argument, NULL, WATCH_ERRORS },                                     \
		{ "slower-than", required_argument, NULL, WATCH_SLOWER },                          \
		{ "count", required_argument, NULL, WATCH_COUNT },                                 \
		{ "for", required_argument, NULL, WATCH_FOR },                                     \
	{                                                                                          \
		"read", required_argument, NULL, WATCH_READ                                        \
	}

#define WATCH_HELP WATCH_HELP_CHOICE WATCH_HELP_END
#define WATCH_HELP_CHOICE                                                                          \
	"  --domain=NAME|ID    one end is in this domain\n"                                        \
	"  --service=NAME      one end is this name\n"                                             \
	"  --errors            only errors\n"                                                      \
	"  --slower-than=TIME  only answers that took as long: 50ms, 2s\n"
#define WATCH_HELP_END                                                                             \
	"  --count=N           end after so many\n"                                                \
	"  --for=TIME          end after so long\n"                                                \
	"  --read=FILE         not from the bus but from a capture (pcap)\n"

/* One option. 0, or EXIT_USAGE: it was said what is wrong. */
int watch_option(struct watch_options *options, int option, const char *value);
/* What is to be a method, with its interface or without, an interface or a service. 0, or
 * EXIT_USAGE if nothing can ever be called so. */
int watch_check_what(const char *what);
/* The rules that are left in argv. They are borrowed. 0 or EXIT_USAGE. */
int watch_take_rules(struct watch_options *options, char *const *rules, int count);

/* ---- What is seen ---- */

enum seen_kind { SEEN_CALL, SEEN_ANSWER, SEEN_ERROR, SEEN_SIGNAL, SEEN_LOST };
extern const char *const seen_words[]; /* "call" */

/* Borrowed for the duration of the callback. */
struct seen {
	enum seen_kind kind;
	DBusMessage *message;
	uint64_t time_us; /* since 1970, when it was seen */
	const char *bytes;
	size_t size;
	struct party from, to; /* to.unique and to.name are NULL: to all */
	const char *path, *interface, *member; /* of the call that is answered; NULL: not known */
	struct call *call; /* itself, if it wants an answer, or that it is one to; NULL: none */
	uint64_t took_us; /* of an answer with a call */
	uint64_t lost; /* of SEEN_LOST: how many messages */
};

/* Whether a call is one of what has passed watch_check_what. */
bool seen_is_of(const struct seen *seen, const char *what);

/* True: go on. */
typedef bool (*seen_fn)(struct watch *watch, const struct seen *seen, void *data);

struct watch_summary {
	uint64_t kinds[SEEN_LOST + 1], lost, bytes;
};

/* Runs fn for what is chosen, until the end, which is: SIGINT, SIGTERM, what the options say,
 * fn. Returns NULL if it was said why nothing can be watched. */
struct watch *watch_run(const struct tool *tool, const struct watch_options *options, seen_fn fn,
			void *data);
struct watch *watch_free(struct watch *watch);
/* Whether the end was one that was wished for: otherwise it was said what happened. */
bool watch_is_good(const struct watch *watch);
const struct watch_summary *watch_summary(const struct watch *watch); /* of what was shown */
struct calls *watch_calls(const struct watch *watch); /* those without answer */
uint64_t watch_now_us(const struct watch *watch); /* of the last message, or now */
struct names *watch_names(const struct watch *watch);
/* An ordinary connection, for questions; NULL: it is a capture that is watched. */
struct xcpbus *watch_asker(const struct watch *watch);
/* Who the command is that is run meanwhile; NULL: there is none. */
const char *watch_command_name(const struct watch *watch);
int watch_command_status(const struct watch *watch); /* its exit status, when it is over */
