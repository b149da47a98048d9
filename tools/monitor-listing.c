/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* names: who owns which name. It asks for nothing that is not in the D-Bus Specification, so it
 * works on any bus; what that does not know is left out. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tools/monitor-commands.h"
#include "tools/monitor-driver.h"
#include "tools/monitor-remedy.h"

enum { ASK_MS = 5000, DOMAIN_MAX = 24 };

struct entry {
	char *name; /* well-known, or unique */
	char *owner; /* NULL: nobody, but it can be started */
	struct credentials is;
	char program[PROGRAM_SIZE]; /* "": not known */
	bool is_activatable;
};

struct listing {
	const struct tool *tool;
	struct xcpbus *bus;
	struct entry *entries;
	unsigned count, capacity;
};

static const char help[] = "  --all               also connections, by their unique names\n";

static struct entry *find_entry(struct listing *listing, const char *name)
{
	unsigned i;

	for (i = 0; i < listing->count; i++)
		if (!strcmp(listing->entries[i].name, name))
			return &listing->entries[i];
	return NULL;
}

static struct entry *add_entry(struct listing *listing, const char *name)
{
	struct entry *entry;

	if (listing->count == listing->capacity) {
		listing->capacity = listing->capacity ? 2 * listing->capacity : 64;
		listing->entries = need(reallocarray(listing->entries, listing->capacity,
						     sizeof(*listing->entries)));
	}
	entry = &listing->entries[listing->count++];
	*entry = (struct entry){ .name = copy_text(name),
				 .is = { .domid = -1, .uid = -1, .pid = -1 } };
	return entry;
}

/* ---- What the bus says ---- */

/* Whoever has gone meanwhile is not listed: 0. */
static int add_owned(struct listing *listing, const char *name, struct xcpbus_error *error)
{
	struct entry *entry;
	char *owner;
	int r = driver_owner(listing->bus, name, ASK_MS, &owner, error);

	if (r < 0)
		return xcpbus_error_is(error, DBUS_ERROR_NAME_HAS_NO_OWNER) ? 0 : r;
	entry = add_entry(listing, name);
	entry->owner = owner;
	if (driver_credentials(listing->bus, name, ASK_MS, &entry->is) < 0)
		return 0;
	if (!entry->is.domain && entry->is.domid == 0)
		entry->is.domain = copy_text("Domain-0"); /* as Xen's tools call it */
	if (entry->is.pid > 0)
		program_name(entry->program, entry->is.pid);
	return 0;
}

static int add_activatable(struct listing *listing, const char *name, struct xcpbus_error *error)
{
	struct entry *entry = find_entry(listing, name);

	(void)error;
	if (!entry)
		entry = add_entry(listing, name);
	entry->is_activatable = true;
	return 0;
}

static int for_each_name(struct listing *listing, const char *method, bool has_unique,
			 int (*add)(struct listing *, const char *, struct xcpbus_error *),
			 struct xcpbus_error *error)
{
	struct name_list names;
	unsigned i;
	int r = driver_list(listing->bus, method, ASK_MS, &names, error);

	if (r < 0)
		return r;
	for (i = 0; r >= 0 && i < names.count; i++)
		if ((has_unique || *names.items[i] != ':') &&
		    strcmp(names.items[i], xcpbus_unique_name(listing->bus)) != 0)
			r = add(listing, names.items[i], error);
	name_list_deinit(&names);
	return r;
}

/* ---- What is shown ---- */

static int compare(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if ((*a->name == ':') != (*b->name == ':'))
		return *a->name == ':' ? 1 : -1;
	return strverscmp(a->name, b->name);
}

static void print_json(const struct entry *entry)
{
	struct json json = { .out = stdout };

	json_open(&json, NULL, '{');
	json_text(&json, "name", entry->name);
	json_text(&json, "owner", entry->owner);
	json_maybe(&json, "domid", entry->is.domid);
	json_text(&json, "domain", entry->is.domain);
	json_maybe(&json, "uid", entry->is.uid);
	json_maybe(&json, "pid", entry->is.pid);
	json_text(&json, "program", *entry->program ? entry->program : NULL);
	json_bool(&json, "is_activatable", entry->is_activatable);
	json_close(&json, '}');
	json_end(&json);
}

static void add_number(struct table *table, int64_t number)
{
	if (number < 0)
		table_add(table, "");
	else
		table_add_number(table, (uint64_t)number);
}

static const char *owner_text(const struct entry *entry)
{
	if (!entry->owner)
		return "-";
	return *entry->owner == ':' ? entry->owner : "the bus";
}

/* Names are longest, and come last. */
static void print_table(const struct listing *listing)
{
	static const char *const headings[] = { "OWNER",   ">DOMID", "DOMAIN", ">UID", ">PID",
						"PROGRAM", "STARTS", "NAME",   NULL };
	struct table *table = table_new(headings);
	unsigned width = terminal_width(), i;
	const struct entry *entry;

	table_limit(table, 2, width ? DOMAIN_MAX : 0);
	for (i = 0; i < listing->count; i++) {
		entry = &listing->entries[i];
		table_add(table, owner_text(entry));
		add_number(table, entry->is.domid);
		table_add(table, entry->is.domid == 0 ? "dom0"
				 : entry->is.domain   ? entry->is.domain
						      : "");
		add_number(table, entry->is.uid);
		add_number(table, entry->is.pid);
		table_add(table, entry->program);
		table_add(table, entry->is_activatable ? "yes" : "");
		table_add(table, entry->name);
	}
	table_print(table, listing->tool, width);
	table_free(table);
}

static int list(struct listing *listing, bool is_all)
{
	struct xcpbus_error error;
	unsigned i;
	int r = for_each_name(listing, "ListNames", is_all, add_owned, &error);

	if (r >= 0)
		r = for_each_name(listing, "ListActivatableNames", false, add_activatable, &error);
	if (r < 0)
		return fail_answer(listing->tool, &error, NULL);
	if (listing->count)
		qsort(listing->entries, listing->count, sizeof(*listing->entries), compare);
	if (!listing->tool->is_json)
		print_table(listing);
	for (i = 0; listing->tool->is_json && i < listing->count; i++)
		print_json(&listing->entries[i]);
	return 0;
}

static int run(const struct tool *tool, int argc, char **argv)
{
	static const struct option options[] = { { "all", no_argument, NULL, 'a' }, { 0 } };
	struct listing listing = { .tool = tool };
	bool is_all = false;
	int option, status;
	unsigned i;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'a')
			return fail_option(argv);
		is_all = true;
	}
	if (optind < argc)
		return fail_usage("names takes no %s", argv[optind]);
	listing.bus = tool_connect(tool);
	if (!listing.bus)
		return EXIT_FAILURE;
	status = list(&listing, is_all);
	for (i = 0; i < listing.count; i++) {
		free(listing.entries[i].name);
		free(listing.entries[i].owner);
		free(listing.entries[i].is.domain);
	}
	free(listing.entries);
	xcpbus_free(listing.bus);
	return status;
}

const struct command names_command = {
	.name = "names",
	.arguments = "[--all]",
	.summary = "Who owns which name, and which can be started",
	.help = help,
	.run = run,
};
