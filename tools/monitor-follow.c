/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdlib.h>

#include "common/clock.h"
#include "tools/monitor-commands.h"
#include "tools/monitor-line.h"
#include "tools/monitor-pcap.h"
#include "tools/monitor-secrets.h"

enum { WAITING_SHOWN = 10, ASK_MS = 1000 };

struct follow {
	const struct tool *tool;
	struct watch_options options;
	const char *pcap_path;
	FILE *pcap; /* NULL: lines */
	bool has_body;
	int ask_ms; /* how long services may take to say what is secret */
	struct secrets *secrets;
};

static bool on_seen(struct watch *watch, const struct seen *seen, void *data)
{
	const struct follow *follow = data;

	uint64_t bits, *hidden = NULL;

	if (follow->has_body && seen->kind != SEEN_LOST) {
		bits = secrets_of(follow->secrets, watch_asker(watch), seen);
		hidden = &bits;
	}
	if (follow->pcap)
		pcap_put(follow->pcap, seen->time_us, seen->bytes, seen->size);
	else if (follow->tool->is_json)
		json_seen(stdout, seen, hidden);
	else
		put_seen(follow->tool, stdout, seen, hidden);
	/* Nobody reads it any more, or there is no room. */
	return !ferror(follow->pcap ? follow->pcap : stdout);
}

/* ---- At the end ---- */

/* Calls that have waited at least as long as was asked for, the oldest first. */
static void say_waiting(const struct follow *follow, struct watch *watch)
{
	uint64_t now = watch_now_us(watch), least = follow->options.slower_us, waited;
	const struct call *call = calls_oldest(watch_calls(watch));
	struct party from, to;
	char text[SHORT_TEXT];
	unsigned count = 0;

	if (!follow->options.is_slow)
		return;
	for (; call && count < WAITING_SHOWN; call = calls_next(watch_calls(watch), call)) {
		waited = now > call->begin_us ? now - call->begin_us : 0;
		if (waited < least || !call->is_chosen)
			continue;
		count++;
		names_describe(watch_names(watch), call->caller, &from);
		names_describe(watch_names(watch), call->destination, &to);
		fprintf(stderr, "no answer for %s: ", time_text(text, waited));
		put_party(stderr, &from);
		fputs(" -> ", stderr);
		put_party(stderr, &to);
		fputs("  ", stderr);
		put_member(stderr, *call->interface ? call->interface : NULL,
			   *call->member ? call->member : NULL);
		fputc('\n', stderr);
	}
}

static void say_summary(const struct follow *follow, struct watch *watch, uint64_t took_us)
{
	const struct watch_summary *summary = watch_summary(watch);
	char size[SHORT_TEXT], time[SHORT_TEXT];
	uint64_t all = 0;
	unsigned i;

	for (i = 0; i < SEEN_LOST; i++)
		all += summary->kinds[i];
	fflush(stdout);
	if (!all && !watch_is_good(watch))
		return; /* it has not come to that, and has been said */
	say_waiting(follow, watch);
	fprintf(stderr,
		"%" PRIu64 " messages: %" PRIu64 " calls, %" PRIu64 " answers, %" PRIu64
		" errors, %" PRIu64 " signals; %s",
		all, summary->kinds[SEEN_CALL], summary->kinds[SEEN_ANSWER],
		summary->kinds[SEEN_ERROR], summary->kinds[SEEN_SIGNAL],
		size_text(size, summary->bytes));
	if (!follow->options.read)
		fprintf(stderr, " in %s", time_text(time, took_us));
	fprintf(stderr, "; %u calls wait for their answer; %" PRIu64 " messages lost\n",
		calls_chosen(watch_calls(watch)), summary->lost);
	if (calls_forgotten(watch_calls(watch)))
		fprintf(stderr, "%" PRIu64 " more calls waited: too many to tell their answers\n",
			calls_forgotten(watch_calls(watch)));
}

/* ---- The beginning ---- */

static int parse(struct follow *follow, int argc, char **argv)
{
	static const struct option options[] = {
		WATCH_OPTIONS,
		{ "body", no_argument, NULL, 'b' },
		{ "timeout", required_argument, NULL, 't' },
		{ "pcap", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	int option, r = 0;

	while (r == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return fail_option(argv);
		if (option == 'b')
			follow->has_body = true;
		else if (option == 'p')
			follow->pcap_path = optarg;
		else if (option == 't')
			r = take_timeout(optarg, &follow->ask_ms);
		else
			r = watch_option(&follow->options, option, optarg);
	}
	return r ? r : watch_take_rules(&follow->options, argv + optind, argc - optind);
}

static int finish(struct follow *follow, struct watch *watch, uint64_t begin_us)
{
	int status = EXIT_FAILURE;

	if (watch) {
		say_summary(follow, watch, clock_us() - begin_us);
		status = watch_is_good(watch) ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	if (follow->pcap && follow->pcap != stdout && fclose(follow->pcap) != 0)
		status = fail("%s: it cannot be written", follow->pcap_path);
	watch_free(watch);
	secrets_free(follow->secrets);
	return status;
}

static int run(const struct tool *tool, int argc, char **argv)
{
	struct follow follow = { .tool = tool, .ask_ms = ASK_MS };
	uint64_t begin_us = clock_us();
	int r = parse(&follow, argc, argv);

	if (r)
		return r;
	follow.options.is_whole = follow.pcap_path;
	follow.secrets = secrets_new(follow.ask_ms);
	if (follow.pcap_path && !(follow.pcap = pcap_create(follow.pcap_path)))
		return EXIT_FAILURE;
	return finish(&follow, watch_run(tool, &follow.options, on_seen, &follow), begin_us);
}

const struct command follow_command = {
	.name = "follow",
	.arguments = "[OPTION]... [RULE]...",
	.summary = "Messages as they pass",
	.help = WATCH_HELP
	"  --body              what is in the messages, too\n"
	"  --timeout=TIME      how long a service has to say what of that is secret\n"
	"  --pcap=FILE         a capture instead of lines; - is standard output\n"
	"A RULE is a match rule of D-Bus, such as \"interface='org.xen.xcp.storage1.VDI'\";\n"
	"the answers to what it describes are shown with it.\n",
	.run = run,
};
