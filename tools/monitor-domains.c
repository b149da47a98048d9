/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domains: who is on the bus, by domain, and what of it is used up. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/monitor-commands.h"
#include "tools/monitor-snapshot.h"

/* ---- One value each ---- */

/* As it is shown. */
static const char *name_of(const struct bus1_domain *domain)
{
	return domain->domid ? domain->name : "dom0";
}

static unsigned percent(const struct bus1_quota *quota)
{
	if (!quota->allowed)
		return quota->used ? 100 : 0;
	return (unsigned)((double)quota->used * 100 / (double)quota->allowed);
}

static unsigned worst(const struct bus1_map_of_quota_by_string *quotas)
{
	unsigned most = 0, i;

	for (i = 0; i < quotas->count; i++)
		if (percent(&quotas->items[i].value) > most)
			most = percent(&quotas->items[i].value);
	return most;
}

/* ---- JSON ---- */

static void traffic_json(struct json *json, const struct bus1_traffic *traffic)
{
	json_open(json, "traffic", '{');
	json_unsigned(json, "messages_sent", traffic->messages_sent);
	json_unsigned(json, "messages_received", traffic->messages_received);
	json_unsigned(json, "bytes_sent", traffic->bytes_sent);
	json_unsigned(json, "bytes_received", traffic->bytes_received);
	json_unsigned(json, "calls_sent", traffic->calls_sent);
	json_unsigned(json, "errors_received", traffic->errors_received);
	json_close(json, '}');
}

static void refusals_json(struct json *json, const struct bus1_refusals *refusals)
{
	json_open(json, "refusals", '{');
	json_unsigned(json, "denied", refusals->denied);
	json_unsigned(json, "over_quota", refusals->over_quota);
	json_unsigned(json, "receiver_full", refusals->receiver_full);
	json_unsigned(json, "signals_lost", refusals->signals_lost);
	json_unsigned(json, "disconnected", refusals->disconnected);
	json_unsigned(json, "log_lines_lost", refusals->log_lines_lost);
	json_close(json, '}');
}

static void quotas_json(struct json *json, const struct bus1_map_of_quota_by_string *quotas)
{
	unsigned i;

	json_open(json, "quotas", '{');
	for (i = 0; i < quotas->count; i++) {
		json_open(json, quotas->items[i].key, '{');
		json_unsigned(json, "used", quotas->items[i].value.used);
		json_unsigned(json, "allowed", quotas->items[i].value.allowed);
		json_close(json, '}');
	}
	json_close(json, '}');
}

static void users_json(struct json *json, const struct bus1_list_of_user *users)
{
	unsigned i;

	json_open(json, "users", '[');
	for (i = 0; i < users->count; i++) {
		json_open(json, NULL, '{');
		json_unsigned(json, "uid", users->items[i].uid);
		json_unsigned(json, "links", users->items[i].links);
		quotas_json(json, &users->items[i].quotas);
		refusals_json(json, &users->items[i].refusals);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void print_json(const struct bus1_domain *domain, const struct bus1_list_of_user *users)
{
	struct json json = { .out = stdout };
	unsigned i;

	json_open(&json, NULL, '{');
	json_unsigned(&json, "domid", domain->domid);
	json_unsigned(&json, "generation", domain->generation);
	json_text(&json, "name", domain->name);
	json_text(&json, "uuid", domain->uuid);
	json_unsigned(&json, "links", domain->links);
	json_open(&json, "names", '[');
	for (i = 0; i < domain->names.count; i++)
		json_text(&json, NULL, domain->names.items[i]);
	json_close(&json, ']');
	json_unsigned(&json, "idle_us", domain->idle_us);
	json_unsigned(&json, "oldest_owed_us", domain->oldest_owed_us);
	traffic_json(&json, &domain->traffic);
	refusals_json(&json, &domain->refusals);
	quotas_json(&json, &domain->quotas);
	if (!domain->generation)
		users_json(&json, users);
	json_close(&json, '}');
	json_end(&json);
}

/* ---- All of one domain ---- */

static void put_label(const char *label)
{
	printf("%-14s", label);
}

static void print_texts(const char *label, const struct bus1_strings *texts)
{
	unsigned i;

	put_label(label);
	for (i = 0; i < texts->count; i++) {
		if (i)
			fputs(", ", stdout);
		put_text(stdout, texts->items[i], strlen(texts->items[i]), 0);
	}
	fputs(texts->count ? "\n" : "none\n", stdout);
}

static void print_text(const char *label, const char *text)
{
	const struct bus1_strings one = { .items = &text, .count = 1 };

	print_texts(label, &one);
}

static void print_traffic(const struct bus1_traffic *traffic)
{
	char size[SHORT_TEXT];

	put_label("sent");
	printf("%" PRIu64 " messages, %s, of which %" PRIu64 " calls\n", traffic->messages_sent,
	       size_text(size, traffic->bytes_sent), traffic->calls_sent);
	put_label("received");
	printf("%" PRIu64 " messages, %s, of which %" PRIu64 " errors\n",
	       traffic->messages_received, size_text(size, traffic->bytes_received),
	       traffic->errors_received);
}

static void print_refusals(const struct bus1_refusals *refusals)
{
	const struct {
		uint64_t count;
		const char *what;
	} kinds[] = {
		{ refusals->denied, "denied by the policy" },
		{ refusals->over_quota, "over a limit of its own" },
		{ refusals->receiver_full, "for a receiver that does not read" },
		{ refusals->signals_lost, "signals that it was too slow for" },
		{ refusals->disconnected, "connections that the bus has ended" },
		{ refusals->log_lines_lost, "lines too many for the log" },
	};
	const char *label = "refused";
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!kinds[i].count)
			continue;
		put_label(label);
		printf("%" PRIu64 " %s\n", kinds[i].count, kinds[i].what);
		label = "";
	}
	if (*label) {
		put_label(label);
		puts("nothing");
	}
}

static void print_quotas(const struct tool *tool, const struct bus1_map_of_quota_by_string *quotas)
{
	static const char *const headings[] = { "LIMIT", ">USED", ">ALLOWED", ">%", NULL };
	struct table *table = table_new(headings);
	unsigned i;

	for (i = 0; i < quotas->count; i++) {
		table_add(table, quotas->items[i].key);
		table_add_number(table, quotas->items[i].value.used);
		table_add_number(table, quotas->items[i].value.allowed);
		table_add_number(table, percent(&quotas->items[i].value));
	}
	if (quotas->count)
		table_print(table, tool, 0);
	table_free(table);
}

static void print_users(const struct tool *tool, const struct bus1_list_of_user *users)
{
	unsigned i;

	for (i = 0; i < users->count; i++) {
		printf("\nuser %" PRIu32 "\n", users->items[i].uid);
		put_label("links");
		printf("%" PRIu32 "\n", users->items[i].links);
		print_refusals(&users->items[i].refusals);
		print_quotas(tool, &users->items[i].quotas);
	}
}

static void print_one(const struct tool *tool, const struct bus1_domain *domain,
		      const struct bus1_list_of_user *users)
{
	char time[SHORT_TEXT];

	put_label("domid");
	printf("%" PRIu32 "\n", domain->domid);
	print_text("name", name_of(domain));
	if (*domain->uuid)
		print_text("uuid", domain->uuid);
	put_label("links");
	printf("%" PRIu32 "\n", domain->links);
	print_texts("names", &domain->names);
	put_label("idle for");
	puts(time_text(time, domain->idle_us));
	put_label("oldest owed");
	puts(domain->oldest_owed_us ? time_text(time, domain->oldest_owed_us) : "none");
	print_traffic(&domain->traffic);
	print_refusals(&domain->refusals);
	print_quotas(tool, &domain->quotas);
	if (!domain->generation)
		print_users(tool, users);
}

/* ---- The table ---- */

static void print_table(const struct tool *tool, const struct bus1_list_of_domain *domains,
			const struct bus1_list_of_user *users)
{
	static const char *const headings[] = { ">DOMID", ">LINKS", ">SENT", ">RECEIVED", ">DENIED",
						">LIMIT", ">OWED",  ">IDLE", "DOMAIN",    NULL };
	struct table *table = table_new(headings);
	const struct bus1_domain *domain;
	char time[SHORT_TEXT];
	unsigned limit, i, j;

	for (i = 0; i < domains->count; i++) {
		domain = &domains->items[i];
		limit = worst(&domain->quotas);
		for (j = 0; !domain->generation && j < users->count; j++)
			if (worst(&users->items[j].quotas) > limit)
				limit = worst(&users->items[j].quotas);
		table_add_number(table, domain->domid);
		table_add_number(table, domain->links);
		table_add_number(table, domain->traffic.messages_sent);
		table_add_number(table, domain->traffic.messages_received);
		table_add_number(table, domain->refusals.denied);
		table_add_format(table, "%u %%", limit);
		table_add(table,
			  domain->oldest_owed_us ? time_text(time, domain->oldest_owed_us) : "");
		table_add(table, time_text(time, domain->idle_us));
		table_add(table, name_of(domain));
	}
	table_print(table, tool, terminal_width());
	table_free(table);
}

static bool is_called(const struct bus1_domain *domain, const char *wanted)
{
	return domain_is_called(wanted, domain->domid, domain->name) ||
	       (*domain->uuid && !strcmp(domain->uuid, wanted));
}

/* wanted NULL: all. */
static int show(const struct tool *tool, const char *wanted,
		const struct bus1_list_of_domain *domains, const struct bus1_list_of_user *users)
{
	unsigned i, shown = 0;

	if (!wanted && !tool->is_json) {
		print_table(tool, domains, users);
		return 0;
	}
	for (i = 0; i < domains->count; i++) {
		if (wanted && !is_called(&domains->items[i], wanted))
			continue;
		if (shown++ && !tool->is_json)
			putchar('\n');
		if (tool->is_json)
			print_json(&domains->items[i], users);
		else
			print_one(tool, &domains->items[i], users);
	}
	if (wanted && !shown)
		return fail("no domain %s is on the bus", wanted);
	return 0;
}

static int run(const struct tool *tool, int argc, char **argv)
{
	static const struct option none[] = { { 0 } };
	struct bus1_list_of_domain domains;
	struct bus1_list_of_user users;
	struct xcpbus_error error;
	struct xcpbus *bus;
	int status, r;

	if (getopt_long(argc, argv, "", none, NULL) != -1)
		return fail_option(argv);
	if (argc - optind > 1)
		return fail_usage("domains takes one DOMAIN at most");
	bus = tool_connect(tool);
	if (!bus)
		return EXIT_FAILURE;
	r = bus1_list_domains(bus, &bus1_home, &domains, &error);
	if (r >= 0) {
		r = bus1_list_users(bus, &bus1_home, &users, &error);
		if (r < 0)
			bus1_list_of_domain_free(&domains);
	}
	xcpbus_free(bus);
	if (r < 0)
		return fail_bus1(tool, &error);
	status = show(tool, argv[optind], &domains, &users);
	bus1_list_of_domain_free(&domains);
	bus1_list_of_user_free(&users);
	return status;
}

const struct command domains_command = {
	.name = "domains",
	.arguments = "[DOMAIN]",
	.summary = "Which domains are on the bus; of one also which limits it has used up",
	.run = run,
};
