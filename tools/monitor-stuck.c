/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stuck: the calls that wait for their answer, the oldest first. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

#include "tools/monitor-commands.h"
#include "tools/monitor-remedy.h"
#include "tools/monitor-snapshot.h"

enum { PARTY_MIN = 20, OTHERS = 40 }; /* columns of the terminal: a party's, and what is no party */

static const char help[] =
	"  --older-than=TIME   only calls that have waited for so long, such as 5s, 500ms, 2min\n";

struct stuck {
	const struct tool *tool;
	struct xcpbus *bus;
	uint64_t older_than_us;
	struct links links;
	struct bus1_list_of_pending_call calls;
	uint32_t total;
};

struct end { /* who waits, or is waited for */
	struct party party;
	const struct bus1_link *link; /* NULL: it has gone meanwhile */
};

/* By the name that it was called, if that is known: who owns several is asked by one. */
static struct end end_of(const struct stuck *stuck, const char *unique, uint32_t domid,
			 const char *called)
{
	struct end end = { .party = { .unique = unique, .domid = domid },
			   .link = links_find(&stuck->links, unique) };

	if (end.link)
		end.party = link_party(end.link);
	if (*called && *called != ':')
		end.party.name = called;
	return end;
}

static struct end caller_of(const struct stuck *stuck, const struct bus1_pending_call *call)
{
	return end_of(stuck, call->caller, call->caller_domid, "");
}

static struct end callee_of(const struct stuck *stuck, const struct bus1_pending_call *call)
{
	return end_of(stuck, call->callee, call->callee_domid, call->destination);
}

/* ---- JSON ---- */

static void end_json(struct json *json, const char *key, struct end end)
{
	unsigned i;

	json_party_open(json, key, &end.party);
	json_open(json, "names", '[');
	for (i = 0; end.link && i < end.link->names.count; i++)
		json_text(json, NULL, end.link->names.items[i]);
	json_close(json, ']');
	json_maybe(json, "pid", end.link && end.link->pid ? (int64_t)*end.link->pid : -1);
	json_close(json, '}');
}

static void print_json(const struct stuck *stuck, const struct bus1_pending_call *call)
{
	struct json json = { .out = stdout };

	json_open(&json, NULL, '{');
	json_unsigned(&json, "age_us", call->age_us);
	json_unsigned(&json, "lapses_us", call->lapses_us);
	end_json(&json, "caller", caller_of(stuck, call));
	end_json(&json, "callee", callee_of(stuck, call));
	json_text(&json, "destination", call->destination);
	json_text(&json, "path", call->path);
	json_text(&json, "interface", call->interface);
	json_text(&json, "member", call->member);
	json_unsigned(&json, "serial", call->serial);
	json_close(&json, '}');
	json_end(&json);
}

/* ---- For people ---- */

static void add_end(struct table *table, struct end end)
{
	char *text = party_text(&end.party);

	table_add(table, text);
	free(text);
}

static void print_table(const struct stuck *stuck)
{
	static const char *const headings[] = { ">AGE",     ">LAPSES IN", "WHO WAITS",
						"FOR WHOM", "WHAT",       NULL };
	struct table *table = table_new(headings);
	unsigned width = terminal_width(), limit = 0, i;
	char time[SHORT_TEXT];

	if (width)
		limit = width > OTHERS + 2 * PARTY_MIN ? (width - OTHERS) / 2 : PARTY_MIN;
	table_limit(table, 2, limit);
	table_limit(table, 3, limit);
	for (i = 0; i < stuck->calls.count; i++) {
		const struct bus1_pending_call *call = &stuck->calls.items[i];

		table_add(table, time_text(time, call->age_us));
		table_add(table, call->lapses_us ? time_text(time, call->lapses_us) : "never");
		add_end(table, caller_of(stuck, call));
		add_end(table, callee_of(stuck, call));
		table_add_format(table, "%s %s %s", *call->member ? call->member : "?", call->path,
				 call->interface);
	}
	table_print(table, stuck->tool, width);
	table_free(table);
}

static void print_all(const struct stuck *stuck)
{
	unsigned i;

	for (i = 0; stuck->tool->is_json && i < stuck->calls.count; i++)
		print_json(stuck, &stuck->calls.items[i]);
	if (stuck->tool->is_json)
		return;
	if (stuck->calls.count)
		print_table(stuck);
	else if (stuck->total)
		printf("None of the %" PRIu32 " calls that wait is that old.\n", stuck->total);
	else
		puts("No call waits for its answer.");
	if (stuck->calls.count && stuck->total > stuck->calls.count)
		printf("%" PRIu32 " calls wait in all.\n", stuck->total);
}

/* Who is who is asked for last: whoever waits or is waited for is there by then, or has gone. */
static int load(struct stuck *stuck)
{
	struct xcpbus_error error;
	int r = bus1_list_pending_calls(stuck->bus, &bus1_home, stuck->older_than_us, 0,
					&stuck->calls, &stuck->total, &error);

	if (r < 0)
		return fail_bus1(stuck->tool, &error);
	r = links_load(stuck->bus, &stuck->links, &error);
	if (r >= 0)
		return 0;
	bus1_list_of_pending_call_free(&stuck->calls);
	return fail_bus1(stuck->tool, &error);
}

static int run(const struct tool *tool, int argc, char **argv)
{
	static const struct option options[] = { { "older-than", required_argument, NULL, 'o' },
						 { 0 } };
	struct stuck stuck = { .tool = tool };
	int option, status;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'o')
			return fail_option(argv);
		if (parse_time(optarg, &stuck.older_than_us) < 0)
			return fail_usage("%s is no time", optarg);
	}
	if (optind < argc)
		return fail_usage("stuck takes no %s", argv[optind]);
	stuck.bus = tool_connect(tool);
	if (!stuck.bus)
		return EXIT_FAILURE;
	status = load(&stuck);
	xcpbus_free(stuck.bus);
	if (status)
		return status;
	print_all(&stuck);
	bus1_list_of_pending_call_free(&stuck.calls);
	links_deinit(&stuck.links);
	return 0;
}

const struct command stuck_command = {
	.name = "stuck",
	.arguments = "[--older-than=TIME]",
	.summary = "Calls that wait for their answer: how long, who, for whom",
	.help = help,
	.run = run,
};
