/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who called a method, an interface or a service, counted by caller and method. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/monitor-commands.h"
#include "tools/monitor-line.h"

enum { ROWS_MAX = 1024 }; /* of more, those that called first are forgotten */

struct row {
	uint64_t id; /* call::id; they only grow */
	char *unique, *name, *domain, *program; /* name, domain and program may be NULL */
	int64_t domid;
	int pid;
	char *interface, *member;
	uint64_t calls, errors, last_us;
};

struct who {
	const struct tool *tool;
	struct watch_options options;
	const char *what;
	uint64_t calls, calls_max, rows_max;
	struct row rows[ROWS_MAX];
	unsigned count;
	uint64_t last_id, forgotten;
};

/* ---- Counting ---- */

static char *copy_or_null(const char *text)
{
	return text ? copy_text(text) : NULL;
}

static void row_clear(struct row *row)
{
	free(row->unique);
	free(row->name);
	free(row->domain);
	free(row->program);
	free(row->interface);
	free(row->member);
	*row = (struct row){ 0 };
}

static struct row *row_find(struct who *who, const struct seen *seen)
{
	const char *interface = seen->interface ? seen->interface : "";
	unsigned i;

	for (i = 0; i < who->count; i++) {
		struct row *row = &who->rows[i];

		if (!strcmp(row->unique, seen->from.unique) && !strcmp(row->member, seen->member) &&
		    !strcmp(row->interface, interface))
			return row;
	}
	return NULL;
}

static struct row *row_place(struct who *who)
{
	struct row *oldest = &who->rows[0];
	unsigned i;

	if (who->count < ROWS_MAX)
		return &who->rows[who->count++];
	for (i = 1; i < who->count; i++)
		if (who->rows[i].last_us < oldest->last_us)
			oldest = &who->rows[i];
	who->forgotten += oldest->calls;
	row_clear(oldest);
	return oldest;
}

static struct row *row_get(struct who *who, struct watch *watch, const struct seen *seen)
{
	struct row *row = row_find(who, seen);

	if (row)
		return row;
	row = row_place(who);
	row->id = ++who->last_id;
	row->unique = copy_text(seen->from.unique);
	row->name = copy_or_null(seen->from.name);
	row->domid = seen->from.domid;
	row->domain = copy_or_null(seen->from.domain);
	row->interface = copy_text(seen->interface ? seen->interface : "");
	row->member = copy_text(seen->member);
	row->program = copy_or_null(names_program(watch_names(watch), row->unique, &row->pid));
	return row;
}

static void count_error(struct who *who, uint64_t id)
{
	unsigned i;

	for (i = 0; id && i < who->count; i++)
		if (who->rows[i].id == id)
			who->rows[i].errors++;
}

static bool on_seen(struct watch *watch, const struct seen *seen, void *data)
{
	struct who *who = data;
	struct row *row;

	if (seen->kind == SEEN_ERROR && seen->call)
		count_error(who, seen->call->id);
	if (seen->kind != SEEN_CALL || !seen->from.unique || !seen_is_of(seen, who->what))
		return true;
	row = row_get(who, watch, seen);
	row->calls++;
	row->last_us = seen->time_us;
	if (seen->call)
		seen->call->id = row->id;
	who->calls++;
	return !who->calls_max || who->calls < who->calls_max;
}

/* ---- Saying it ---- */

static int later_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->last_us < y->last_us ? 1 : x->last_us > y->last_us ? -1 : 0;
}

static void add_row(struct table *table, const struct row *row)
{
	char text[SHORT_TEXT];

	table_add(table, row->name ? row->name : row->unique);
	table_add(table, domain_text(row->domid, row->domain));
	if (row->program)
		table_add_format(table, "%s[%d]", row->program, row->pid);
	else
		table_add(table, "-");
	table_add_number(table, row->calls);
	table_add_number(table, row->errors);
	table_add(table, clock_text(text, row->last_us));
	table_add_format(table, "%s%s%s", row->interface, *row->interface ? "." : "", row->member);
}

static void print_table(const struct who *who, unsigned count)
{
	static const char *const headings[] = { "CALLER",  "DOMAIN", "PROGRAM", ">CALLS",
						">ERRORS", "LAST",   "METHOD",  NULL };
	struct table *table = table_new(headings);
	unsigned i;

	for (i = 0; i < count; i++)
		add_row(table, &who->rows[i]);
	table_print(table, who->tool, terminal_width());
	table_free(table);
}

static void print_json(const struct row *row)
{
	const struct party party = { row->unique, row->name, row->domid, row->domain };
	struct json json = { .out = stdout };

	json_open(&json, NULL, '{');
	json_party(&json, "from", &party);
	json_text(&json, "program", row->program);
	json_maybe(&json, "pid", row->pid ? row->pid : -1);
	json_text(&json, "interface", *row->interface ? row->interface : NULL);
	json_text(&json, "member", row->member);
	json_unsigned(&json, "calls", row->calls);
	json_unsigned(&json, "errors", row->errors);
	json_unsigned(&json, "last_us", row->last_us);
	json_close(&json, '}');
	json_end(&json);
}

static void print(struct who *who)
{
	unsigned count = who->count, i;

	qsort(who->rows, who->count, sizeof(*who->rows), later_first);
	if (who->rows_max && who->rows_max < count)
		count = (unsigned)who->rows_max;
	if (!who->tool->is_json)
		print_table(who, count);
	for (i = 0; who->tool->is_json && i < count; i++)
		print_json(&who->rows[i]);
	fflush(stdout);
	if (who->forgotten)
		fprintf(stderr, "%" PRIu64 " calls by others are not listed: too many callers\n",
			who->forgotten);
}

/* ---- The command ---- */

static int parse(struct who *who, int argc, char **argv)
{
	static const struct option options[] = { WATCH_OPTIONS,
						 { "last", required_argument, NULL, 'l' },
						 { NULL, 0, NULL, 0 } };
	int option, r = 0;

	while (r == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return fail_option(argv);
		if (option == 'l' && parse_number(optarg, &who->rows_max) < 0)
			r = fail_usage("--last wants a number, and not %s", optarg);
		else if (option != 'l')
			r = watch_option(&who->options, option, optarg);
	}
	if (r == 0 && (who->options.is_errors || who->options.is_slow))
		r = fail_usage("this is about calls: --errors and --slower-than are of follow");
	if (r == 0 && optind + 1 != argc)
		r = fail_usage("one method, interface or service is wanted");
	who->what = argv[optind];
	r = r ? r : watch_check_what(who->what);
	/* What the user counts are calls. */
	who->calls_max = who->options.count_max;
	who->options.count_max = 0;
	return r;
}

static int run(const struct tool *tool, int argc, char **argv)
{
	static const char *const calls[] = { "type='method_call'" };
	struct who *who = need(calloc(1, sizeof(*who)));
	struct watch *watch;
	int status, i;

	who->tool = tool;
	who->options.rules = calls;
	who->options.rule_count = 1;
	who->options.is_whole = true;
	status = parse(who, argc, argv);
	if (status == 0) {
		watch = watch_run(tool, &who->options, on_seen, who);
		status = watch && watch_is_good(watch) ? EXIT_SUCCESS : EXIT_FAILURE;
		if (watch)
			print(who);
		watch_free(watch);
	}
	for (i = 0; i < (int)who->count; i++)
		row_clear(&who->rows[i]);
	free(who);
	return status;
}

const struct command who_called_command = {
	.name = "who-called",
	.arguments = "[OPTION]... METHOD|INTERFACE|SERVICE",
	.summary = "Who calls a method, an interface or a service, and how often",
	.help = "  --domain=NAME|ID    the caller or who is called is in this domain\n"
		"  --service=NAME      one of both is this name\n"
		"  --last=N            only the N that called last\n" WATCH_HELP_END,
	.run = run,
};
