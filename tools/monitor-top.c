/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* top: who does how much on the bus, and whom it waits for. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "tools/monitor-checkup.h"
#include "tools/monitor-commands.h"
#include "tools/monitor-remedy.h"
#include "tools/monitor-terminal.h"
#include "tools/monitor-view.h"

enum { MS_US = 1000, INTERVAL_US = 1000000, INTERVAL_MIN_US = 100000 };
enum { INTERVAL_MAX_US = 1000000000, PAGE = 10 };

static const char help[] =
	"  --by=KIND           service, domain or connection (service)\n"
	"  --sort=COLUMN       name, messages, bytes, pending, oldest, p50, p99, queue, ring, "
	"drops,\n"
	"                      denied, idle, health (messages)\n"
	"  --reverse           the other way round\n"
	"  --interval=TIME     between two looks, such as 500ms, 10s (1s)\n"
	"  --total             what has been since each began, rather than what is in an interval\n"
	"  --once              prints one table and ends; so it is also if standard output is no\n"
	"                      terminal, and with --json\n"
	"  --health            with --once: asks services how they are\n"
	"\n"
	"Keys: q ends; s, d, c by service, domain, connection; left, right sort by another "
	"column;\n"
	"r the other way round; t totals or rates; up, down scroll.\n";

struct top {
	const struct tool *tool;
	struct xcpbus *bus;
	struct view view;
	uint64_t interval_us;
	bool is_once, has_health;
	struct checkup *checkup; /* NULL: nobody is asked */
	struct sample before, now;
	bool has_before;
	struct xcpbus_error trouble; /* why there is no new sample; "" if there is one */
};

/* ---- Looking ---- */

static int load(struct top *top)
{
	struct sample sample;
	struct xcpbus_error error;
	int r = sample_load(top->bus, &sample, &error);

	if (r < 0) {
		top->trouble = error;
		return r;
	}
	*top->trouble.message = '\0';
	sample_deinit(&top->before);
	top->before = top->now;
	top->has_before = top->now.at_us != 0;
	top->now = sample;
	return 0;
}

static void make_rows(struct top *top, struct rows *rows)
{
	const char *const ours[] = { xcpbus_unique_name(top->bus),
				     checkup_unique_name(top->checkup), NULL };
	const struct sample *before = top->has_before ? &top->before : NULL;
	unsigned i;

	rows_make(rows, top->view.kind, top->view.is_total ? NULL : before, &top->now, ours);
	for (i = 0; i < rows->count; i++)
		checkup_mark(top->checkup, &top->now.links, &rows->items[i]);
	checkup_mark(top->checkup, &top->now.links, &rows->bus);
	view_sort(&top->view, rows);
}

static int earlier(int timeout, int other)
{
	return timeout < 0 || (other >= 0 && other < timeout) ? other : timeout;
}

/* Waits for a key, the bus, those that are asked how they are, or until it is time. < 0: the bus
 * has gone. */
static int wait_until(struct top *top, uint64_t until_us)
{
	enum { BUS, CHECKUP, TERMINAL };
	struct pollfd fds[TERMINAL + TERMINAL_FDS];
	int terminal[TERMINAL_FDS], timeout, i;
	uint64_t now = clock_us();

	timeout = now < until_us ? (int)((until_us - now) / MS_US) + 1 : 0;
	timeout = earlier(timeout, xcpbus_get_timeout(top->bus));
	timeout = earlier(timeout, checkup_timeout(top->checkup));
	fds[BUS] = (struct pollfd){ .fd = xcpbus_get_fd(top->bus),
				    .events = xcpbus_get_events(top->bus) };
	fds[CHECKUP] = checkup_poll(top->checkup);
	terminal_fds(terminal);
	for (i = 0; i < TERMINAL_FDS; i++)
		fds[TERMINAL + i] = (struct pollfd){ .fd = terminal[i], .events = POLLIN };
	if (poll(fds, TERMINAL + TERMINAL_FDS, timeout) < 0 && errno != EINTR)
		return -errno;
	checkup_process(top->checkup);
	return xcpbus_process(top->bus);
}

/* ---- Once ---- */

/* Lets the interval pass; services that are asked how they are answer meanwhile, or have their time
 * to do so. */
static int pass(struct top *top, uint64_t until_us)
{
	int r = 0;

	while (r >= 0 && clock_us() < until_us)
		r = wait_until(top, until_us);
	while (r >= 0 && checkup_is_busy(top->checkup))
		r = wait_until(top, clock_us() + INTERVAL_US);
	return r;
}

static int run_once(struct top *top)
{
	struct rows rows;
	int r = load(top);

	if (r >= 0 && top->has_health) {
		top->checkup = checkup_new(top->tool);
		checkup_begin(top->checkup, &top->now.links);
	}
	if (r >= 0 && (!top->view.is_total || top->has_health)) {
		r = pass(top, top->now.at_us + top->interval_us);
		if (r < 0)
			return fail("the bus has gone: %s", strerror(-r));
		r = load(top);
	}
	if (r < 0)
		return fail_bus1(top->tool, &top->trouble);
	make_rows(top, &rows);
	if (top->tool->is_json)
		view_print_json(&top->view, &rows);
	else
		view_print(&top->view, &rows, &top->now.counters, stdout, terminal_width(), 0);
	if (!top->tool->is_json)
		putchar('\n');
	rows_deinit(&rows);
	return 0;
}

/* ---- Live ---- */

static void draw(struct top *top)
{
	unsigned width, height;
	struct rows rows;
	const char *why = top->trouble.message;
	enum colour is = *why ? COLOUR_RED : COLOUR_DIM;
	char *text;
	size_t size;
	FILE *out = need(open_memstream(&text, &size));

	terminal_size(&width, &height);
	make_rows(top, &rows);
	view_print(&top->view, &rows, &top->now.counters, out, width, height > 1 ? height - 1 : 1);
	rows_deinit(&rows);
	if (!*why)
		why = "q quit  s d c service, domain, connection  <- -> sort  r reverse  t totals";
	fprintf(out, "\n%s", colour(top->tool, is));
	put_text(out, why, strlen(why), width);
	fputs(colour(top->tool, COLOUR_NONE), out);
	fclose(out);
	terminal_show(text);
	free(text);
}

static void scroll(struct view *view, int lines)
{
	if (lines < 0 && view->first < (unsigned)-lines)
		view->first = 0;
	else
		view->first += (unsigned)lines;
}

/* False: that was all. */
static bool obey(struct top *top, int key)
{
	static const char kinds[] = "sdc"; /* as in enum row_kind */
	struct view *view = &top->view;

	if (key == 'q' || key == KEY_END)
		return false;
	if (key > 0 && key < 256 && strchr(kinds, key)) {
		view->kind = (enum row_kind)(strchr(kinds, key) - kinds);
		view_turn(view, 1); /* to a column that there is */
		view_turn(view, -1);
	}
	if (key == KEY_LEFT || key == KEY_RIGHT || key == '<' || key == '>')
		view_turn(view, key == KEY_LEFT || key == '<' ? -1 : 1);
	if (key == 'r')
		view->is_reverse = !view->is_reverse;
	if (key == 't')
		view->is_total = !view->is_total;
	if (key == KEY_UP || key == KEY_DOWN)
		scroll(view, key == KEY_UP ? -1 : 1);
	if (key == KEY_PAGE_UP || key == KEY_PAGE_DOWN)
		scroll(view, key == KEY_PAGE_UP ? -PAGE : PAGE);
	return true;
}

/* One interval: what is typed changes at once what is shown. 0: the program ends. */
static int spend(struct top *top)
{
	uint64_t until_us = clock_us() + top->interval_us;
	bool is_drawn = false;
	int key, r = 1;

	while (r >= 0) {
		while ((key = terminal_key()) != KEY_NONE) {
			if (!obey(top, key))
				return 0;
			is_drawn = false;
		}
		if (!is_drawn)
			draw(top);
		is_drawn = true;
		if (clock_us() >= until_us)
			return 1;
		r = wait_until(top, until_us);
	}
	return r;
}

static int run_live(struct top *top)
{
	int r = load(top);

	if (r < 0)
		return fail_bus1(top->tool, &top->trouble);
	r = terminal_open();
	if (r < 0)
		return fail("this is no terminal: %s", strerror(-r));
	top->checkup = checkup_new(top->tool);
	do {
		checkup_begin(top->checkup, &top->now.links);
		r = spend(top);
		/* What is wrong for a moment is shown; it may be good again the next time. */
		if (r > 0 && load(top) == -ENOTCONN)
			r = -ENOTCONN;
	} while (r > 0);
	terminal_close();
	return r < 0 ? fail("the bus has gone: %s", strerror(-r)) : 0;
}

/* ---- The command line ---- */

static int take_kind(struct view *view, const char *text)
{
	unsigned i;

	for (i = 0; i < ROW_KIND_COUNT; i++) {
		if (strcmp(row_kind_names[i], text) != 0)
			continue;
		view->kind = (enum row_kind)i;
		return 0;
	}
	return fail_usage("--by wants service, domain or connection, not %s", text);
}

static int take_option(struct top *top, int option, char **argv)
{
	struct view *view = &top->view;

	switch (option) {
	case 'b':
		return take_kind(view, optarg);
	case 's':
		if (view_find_column(optarg) < 0)
			return fail_usage("there is no column %s", optarg);
		view->sort = (unsigned)view_find_column(optarg);
		return 0;
	case 'r':
		view->is_reverse = true;
		return 0;
	case 'i':
		if (parse_time(optarg, &top->interval_us) < 0 ||
		    top->interval_us < INTERVAL_MIN_US || top->interval_us > INTERVAL_MAX_US)
			return fail_usage("%s is no interval, which is at least 100ms", optarg);
		return 0;
	case 't':
		view->is_total = true;
		return 0;
	case 'o':
		top->is_once = true;
		return 0;
	case 'h':
		top->has_health = true;
		return 0;
	default:
		return fail_option(argv);
	}
}

static int take_options(struct top *top, int argc, char **argv)
{
	static const struct option options[] = {
		{ "by", required_argument, NULL, 'b' },
		{ "sort", required_argument, NULL, 's' },
		{ "reverse", no_argument, NULL, 'r' },
		{ "interval", required_argument, NULL, 'i' },
		{ "total", no_argument, NULL, 't' },
		{ "once", no_argument, NULL, 'o' },
		{ "health", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option, status = 0;

	while (!status && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
		status = take_option(top, option, argv);
	if (!status && optind < argc)
		return fail_usage("top takes no %s", argv[optind]);
	return status;
}

static int run(const struct tool *tool, int argc, char **argv)
{
	struct top top = {
		.tool = tool,
		.interval_us = INTERVAL_US,
		.is_once = tool->is_json || !isatty(STDOUT_FILENO),
		.view = { .tool = tool, .sort = (unsigned)view_find_column("messages") },
	};
	struct xcpbus_error error;
	char *version = NULL;
	int status = take_options(&top, argc, argv);

	if (status)
		return status;
	top.bus = tool_connect(tool);
	if (!top.bus)
		return EXIT_FAILURE;
	if (bus1_version_get(top.bus, &bus1_home, &version, &error) < 0 ||
	    bus1_answer_time_bounds_get(top.bus, &bus1_home, &top.view.bounds, &error) < 0) {
		status = fail_bus1(tool, &error);
	} else {
		top.view.version = version;
		status = top.is_once ? run_once(&top) : run_live(&top);
	}
	checkup_free(top.checkup);
	sample_deinit(&top.before);
	sample_deinit(&top.now);
	bus1_uint64s_free(&top.view.bounds);
	free(version);
	xcpbus_free(top.bus);
	return status;
}

const struct command top_command = {
	.name = "top",
	.arguments = "[OPTION]...",
	.summary = "Who does how much on the bus, as it changes",
	.help = help,
	.run = run,
};
