/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* health: which services do their work. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/monitor-commands.h"
#include "tools/monitor-driver.h"
#include "tools/monitor-probe.h"
#include "tools/monitor-remedy.h"

enum { TIMEOUT_MS = 5000 };

#define SINCE_MAX_S 1e12

static const char help[] =
	"  --timeout=TIME      how long each service has to answer, such as 500ms, 10s (5s)\n";

struct round {
	const struct tool *tool;
	struct xcpbus *bus;
	int timeout_ms;
	bool is_asked_for; /* services that were named: all of their parts are shown */
	struct probes *probes;
};

/* ---- Who there is ---- */

static int compare(const void *left, const void *right)
{
	return strverscmp(*(const char *const *)left, *(const char *const *)right);
}

/* Well-known names, the bus's own among them. */
static int list_names(struct xcpbus *bus, struct name_list *names, struct xcpbus_error *error)
{
	unsigned kept = 0, i;
	int r = driver_list(bus, "ListNames", 0, names, error);

	if (r < 0)
		return r;
	for (i = 0; i < names->count; i++)
		if (*names->items[i] != ':')
			names->items[kept++] = names->items[i];
	names->count = kept;
	if (kept)
		qsort(names->items, kept, sizeof(*names->items), compare);
	return 0;
}

/* ---- What is shown ---- */

static const char *reason_of(const struct probe *probe, unsigned part)
{
	switch (probe->state) {
	case PROBE_KNOWN:
		return probe->parts[part].reason;
	case PROBE_NO_ANSWER:
		return "it does not answer in time";
	case PROBE_FAILED:
		return probe->why;
	case PROBE_GONE:
		return "nobody has this name";
	default:
		return "it has no org.xen.xcp.Health1";
	}
}

/* Since 1970; 0 if that is not known, or no time. */
static uint64_t since_us(const struct health1_health *health)
{
	return health->since > 0 && health->since < SINCE_MAX_S ? (uint64_t)(health->since * 1e6)
								: 0;
}

/* What we do not know of the interface is passed on. */
static const char *json_word(const struct probe *probe, unsigned part)
{
	if (probe->state == PROBE_KNOWN)
		return health1_status_word(&probe->parts[part].status);
	return health_words[probe_health(probe, part)].json;
}

static void print_json(const struct probe *probe, unsigned part)
{
	bool is_known = probe->state == PROBE_KNOWN;
	struct json json = { .out = stdout };

	json_open(&json, NULL, '{');
	json_text(&json, "service", probe->name);
	json_text(&json, "component", is_known ? probe->parts[part].component : "");
	json_text(&json, "status", json_word(probe, part));
	json_text(&json, "reason", reason_of(probe, part));
	if (is_known && since_us(&probe->parts[part]))
		json_unsigned(&json, "since_us", since_us(&probe->parts[part]));
	else
		json_text(&json, "since_us", NULL);
	json_close(&json, '}');
	json_end(&json);
}

/* For how long it has been so; "" if that is not known. */
static const char *duration_text(char out[SHORT_TEXT], const struct probe *probe, unsigned part)
{
	uint64_t now_us = (uint64_t)time(NULL) * 1000000;
	uint64_t begin_us = probe->state == PROBE_KNOWN ? since_us(&probe->parts[part]) : 0;

	*out = '\0';
	return begin_us && begin_us <= now_us ? time_text(out, now_us - begin_us) : out;
}

static void add_row(struct table *table, const struct probe *probe, unsigned part)
{
	const char *component = probe->state == PROBE_KNOWN ? probe->parts[part].component : "";
	char time[SHORT_TEXT];

	table_add(table, health_words[probe_health(probe, part)].text);
	table_add(table, duration_text(time, probe, part));
	table_add_format(table, "%s%s%s", probe->name, *component ? "/" : "", component);
	table_add(table, reason_of(probe, part));
}

/* Who is there and does not have the interface is nobody's fault, unless somebody asked. */
static bool is_shown(const struct round *round, const struct probe *probe)
{
	return round->is_asked_for || (probe->state != PROBE_NONE && probe->state != PROBE_GONE);
}

static int print(const struct round *round)
{
	static const char *const headings[] = { "STATUS", ">FOR", "SERVICE", "REASON", NULL };
	struct table *table = table_new(headings);
	unsigned silent = 0, i, part;
	const struct probe *probe;
	int status = 0;

	for (i = 0; i < round->probes->count; i++) {
		probe = round->probes->items[i];
		if (!is_shown(round, probe)) {
			silent += probe->state == PROBE_NONE;
			continue;
		}
		for (part = 0; part == 0 || part < probe->count; part++) {
			if (probe_health(probe, part) != HEALTH_SERVING)
				status = EXIT_FAILURE;
			if (round->tool->is_json)
				print_json(probe, part);
			else
				add_row(table, probe, part);
		}
	}
	if (!round->tool->is_json) {
		table_print(table, round->tool, terminal_width());
		if (silent)
			printf("%u more do not say: they have no org.xen.xcp.Health1.\n", silent);
	}
	table_free(table);
	return status;
}

/* ---- Asking ---- */

static int ask(struct round *round, const char *const *names, unsigned count)
{
	int r = 0, status;

	round->probes =
		probes_begin(round->bus, names, count, round->timeout_ms, round->is_asked_for);
	while (round->probes->open && r >= 0) {
		r = xcpbus_process(round->bus);
		if (r >= 0 && round->probes->open)
			r = xcpbus_wait(round->bus, -1);
	}
	status = r < 0 ? fail("the bus has gone: %s", strerror(-r)) : print(round);
	round->probes = probes_free(round->probes);
	return status;
}

static int ask_all(struct round *round)
{
	struct xcpbus_error error;
	struct name_list names;
	int status;

	if (list_names(round->bus, &names, &error) < 0)
		return fail_answer(round->tool, &error, NULL);
	status = ask(round, names.items, names.count);
	name_list_deinit(&names);
	return status;
}

static int run(const struct tool *tool, int argc, char **argv)
{
	static const struct option options[] = { { "timeout", required_argument, NULL, 't' },
						 { 0 } };
	struct round round = { .tool = tool, .timeout_ms = TIMEOUT_MS };
	int option, status = 0, i;

	while (!status && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
		status =
			option == 't' ? take_timeout(optarg, &round.timeout_ms) : fail_option(argv);
	if (status)
		return status;
	for (i = optind; i < argc; i++)
		if (!dbus_validate_bus_name(argv[i], NULL))
			return fail_usage("%s is no name of a service", argv[i]);
	round.is_asked_for = optind < argc;
	round.bus = tool_connect(tool);
	if (!round.bus)
		return EXIT_FAILURE;
	if (round.is_asked_for)
		status = ask(&round, (const char *const *)argv + optind, (unsigned)(argc - optind));
	else
		status = ask_all(&round);
	xcpbus_free(round.bus);
	return status;
}

const struct command health_command = {
	.name = "health",
	.arguments = "[--timeout=TIME] [SERVICE]...",
	.summary = "Which services do their work, and why others do not",
	.help = help,
	.run = run,
};
