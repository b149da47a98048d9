/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench/options.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: load --address=ADDRESS [options]\n"
	"Sends D-Bus messages to itself through a broker and prints, as JSON, how long it took.\n\n"
	"  --kind=KIND       call (no reply wanted), call-reply or signal; default call\n"
	"  --size=BYTES      length of the string in the body; default 0, no body\n"
	"  --batch=N         messages in one send; default 1\n"
	"  --window=N        messages in flight; default as --batch: lock step\n"
	"  --receivers=N     how many get the signal; default 1\n"
	"  --rules=N         match rules that do not match, held by another connection\n"
	"  --rule-kind=KIND  where they differ: member, path, namespace or arg0\n"
	"  --count=N         messages to send; default 10000\n"
	"  --seconds=S       send for this long instead\n"
	"  --warm-up=N       messages to send before measuring\n"
	"  --pid=PID         report the CPU time this process used meanwhile\n"
	"  --serve           only answer the calls of others: prints the name to call\n"
	"  --to=NAME         call this name, of a load --serve, perhaps in another domain\n"
	"  --raw             the far end is the relay, not a bus\n";

static const char *const kinds[] = { "call", "call-reply", "signal", NULL };
static const char *const rule_kinds[] = { "member", "path", "namespace", "arg0", NULL };

static unsigned parse_word(const char *option, const char *value, const char *const *words)
{
	for (unsigned i = 0; words[i]; i++) {
		if (strcmp(value, words[i]) == 0)
			return i;
	}
	errx(2, "--%s=%s: no such kind", option, value);
}

static uint64_t parse_number(const char *option, const char *value, uint64_t min, uint64_t max)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(value, &end, 10);
	if (errno || *end || end == value || value[0] == '-' || number < min || number > max)
		errx(2, "--%s=%s: not a number from %llu to %llu", option, value,
		     (unsigned long long)min, (unsigned long long)max);
	return number;
}

static double parse_seconds(const char *value)
{
	char *end;
	double seconds = strtod(value, &end);

	if (*end || end == value || !(seconds > 0 && seconds <= 3600))
		errx(2, "--seconds=%s: not a time up to an hour", value);
	return seconds;
}

static void check(struct options *options)
{
	if (!options->address)
		errx(2, "--address is missing; see --help");
	if (options->window == 0)
		options->window = options->batch;
	if (options->window < options->batch)
		errx(2, "--window must not be smaller than --batch");
	if (options->receivers > 1 && options->kind != KIND_SIGNAL)
		errx(2, "only a signal has several --receivers");
	if (options->raw && options->rules > 0)
		errx(2, "the relay has no --rules");
	if (options->to && (options->kind != KIND_CALL_REPLY || options->raw))
		errx(2, "--to is for --kind=call-reply through a bus");
	if (options->seconds > 0)
		options->count = 0;
}

/* False if the option is none with a number. */
static bool take_number(struct options *options, int letter, const char *name, const char *value)
{
	switch (letter) {
	case 's':
		options->size = parse_number(name, value, 0, 64 << 20);
		return true;
	case 'b':
		options->batch = (unsigned)parse_number(name, value, 1, 1 << 16);
		return true;
	case 'w':
		options->window = (unsigned)parse_number(name, value, 1, 1 << 20);
		return true;
	case 'r':
		options->receivers = (unsigned)parse_number(name, value, 1, 1000);
		return true;
	case 'R':
		options->rules = (unsigned)parse_number(name, value, 0, 1 << 20);
		return true;
	case 'n':
		options->count = parse_number(name, value, 1, UINT64_MAX);
		return true;
	case 'u':
		options->warm_up = parse_number(name, value, 0, UINT64_MAX);
		return true;
	case 'p':
		options->pid = (pid_t)parse_number(name, value, 1, 1 << 30);
		return true;
	default:
		return false;
	}
}

static void take(struct options *options, int letter, const char *name, const char *value)
{
	switch (letter) {
	case 'a':
		options->address = value;
		break;
	case 'k':
		options->kind = (enum kind)parse_word(name, value, kinds);
		break;
	case 'K':
		options->rule_kind = (enum rule_kind)parse_word(name, value, rule_kinds);
		break;
	case 'S':
		options->seconds = parse_seconds(value);
		break;
	case 'V':
		options->serve = true;
		break;
	case 't':
		options->to = value;
		break;
	case 'x':
		options->raw = true;
		break;
	case 'h':
		fputs(help, stdout);
		exit(0);
	default:
		if (!take_number(options, letter, name, value))
			exit(2); /* getopt has said why */
	}
}

void options_parse(struct options *options, int argc, char **argv)
{
	static const struct option table[] = {
		{ "address", required_argument, NULL, 'a' },
		{ "kind", required_argument, NULL, 'k' },
		{ "size", required_argument, NULL, 's' },
		{ "batch", required_argument, NULL, 'b' },
		{ "window", required_argument, NULL, 'w' },
		{ "receivers", required_argument, NULL, 'r' },
		{ "rules", required_argument, NULL, 'R' },
		{ "rule-kind", required_argument, NULL, 'K' },
		{ "count", required_argument, NULL, 'n' },
		{ "warm-up", required_argument, NULL, 'u' },
		{ "seconds", required_argument, NULL, 'S' },
		{ "pid", required_argument, NULL, 'p' },
		{ "serve", no_argument, NULL, 'V' },
		{ "to", required_argument, NULL, 't' },
		{ "raw", no_argument, NULL, 'x' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int letter, index = 0;

	*options = (struct options){ .batch = 1, .receivers = 1, .count = 10000 };
	while ((letter = getopt_long(argc, argv, "", table, &index)) != -1)
		take(options, letter, letter == '?' ? NULL : table[index].name, optarg);
	if (optind < argc)
		errx(2, "%s: what is this? See --help", argv[optind]);
	check(options);
}
