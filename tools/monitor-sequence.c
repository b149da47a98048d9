/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One call, with the calls that it causes: a call belongs to the chain if whoever makes it owes an
 * answer to a call of the chain at that time. Without a call to begin with, all is shown. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/monitor-commands.h"
#include "tools/monitor-diagram.h"

enum { OPEN_MAX = 1024 };

struct sequence {
	const struct tool *tool;
	struct watch_options options;
	const char *what; /* the first call of a chain; NULL: any */
	const char *svg_path;
	bool has_bus; /* calls to the bus itself, too */
	struct diagram diagram;
	struct open_call { /* of the chain, not answered yet */
		uint64_t id; /* call::id */
		char *callee; /* a unique name; "" is not known */
	} open[OPEN_MAX];
	unsigned open_count;
	uint64_t last_id;
	uint64_t count_max; /* messages in it; 0: any number */
	unsigned waiting; /* calls of the diagram without answer */
};

/* ---- What belongs to it ---- */

static bool is_housekeeping(const struct seen *seen)
{
	return (seen->from.unique && !strcmp(seen->from.unique, BUS_NAME) &&
		!(seen->call && seen->call->id)) ||
	       (seen->to.unique && !strcmp(seen->to.unique, BUS_NAME)) ||
	       (seen->interface && !strncmp(seen->interface, BUS_NAME ".", strlen(BUS_NAME ".")));
}

static bool is_first(const struct sequence *sequence, const struct watch *watch,
		     const struct seen *seen)
{
	const char *command = watch_command_name(watch);

	if (command && strcmp(command, seen->from.unique) != 0)
		return false;
	return !sequence->what || seen_is_of(seen, sequence->what);
}

/* Whether who sends it is busy with a call of the chain. */
static bool is_caused(const struct sequence *sequence, const struct seen *seen)
{
	unsigned i;

	for (i = 0; i < sequence->open_count; i++)
		if (!strcmp(sequence->open[i].callee, seen->from.unique))
			return true;
	return false;
}

static void open_call(struct sequence *sequence, const struct seen *seen)
{
	struct open_call *open = &sequence->open[sequence->open_count];

	if (!seen->call || sequence->open_count == OPEN_MAX)
		return;
	open->id = seen->call->id = ++sequence->last_id;
	open->callee = copy_text(seen->to.unique ? seen->to.unique : "");
	sequence->open_count++;
	sequence->waiting++;
}

static bool close_call(struct sequence *sequence, uint64_t id)
{
	unsigned i;

	for (i = 0; id && i < sequence->open_count; i++) {
		if (sequence->open[i].id != id)
			continue;
		free(sequence->open[i].callee);
		sequence->open[i] = sequence->open[--sequence->open_count];
		sequence->waiting--;
		return true;
	}
	return false;
}

static bool belongs(struct sequence *sequence, const struct watch *watch, const struct seen *seen)
{
	bool is_whole = !sequence->what && !watch_command_name(watch);

	switch (seen->kind) {
	case SEEN_CALL:
		if (!is_first(sequence, watch, seen) && !is_caused(sequence, seen))
			return false;
		open_call(sequence, seen);
		return true;
	case SEEN_ANSWER:
	case SEEN_ERROR:
		return seen->call && close_call(sequence, seen->call->id);
	case SEEN_SIGNAL:
		return is_whole || is_caused(sequence, seen);
	case SEEN_LOST:
		break;
	}
	return false;
}

static bool on_seen(struct watch *watch, const struct seen *seen, void *data)
{
	struct sequence *sequence = data;

	if (seen->kind == SEEN_LOST) {
		fprintf(stderr, "%" PRIu64 " messages are missing in the diagram\n", seen->lost);
		return true;
	}
	if (!seen->from.unique || (!sequence->has_bus && is_housekeeping(seen)))
		return true;
	if (belongs(sequence, watch, seen))
		diagram_add(&sequence->diagram, seen);
	return !sequence->count_max || sequence->diagram.arrow_count < sequence->count_max;
}

/* ---- The command ---- */

/* A command that has failed has said why. */
static int print(const struct sequence *sequence, int command_status)
{
	const struct diagram *diagram = &sequence->diagram;
	FILE *out = stdout;

	if (!diagram->arrow_count)
		return command_status ? command_status
				      : fail("nothing was called that belongs to it");
	if (sequence->svg_path && strcmp(sequence->svg_path, "-") != 0)
		out = fopen(sequence->svg_path, "we");
	if (!out)
		return fail("%s: %s", sequence->svg_path, strerror(errno));
	if (sequence->svg_path)
		diagram_put_svg(diagram, out);
	else if (sequence->tool->is_json)
		diagram_put_json(diagram, out);
	else
		diagram_put_text(diagram, out);
	if (sequence->waiting)
		fprintf(stderr, "%u calls were not answered until the end\n", sequence->waiting);
	if (diagram->left_out)
		fprintf(stderr, "%" PRIu64 " messages are left out: there were too many\n",
			diagram->left_out);
	if (out != stdout && fclose(out) != 0)
		return fail("%s: it cannot be written", sequence->svg_path);
	return command_status;
}

/* What is behind "--" is a command of ours. */
static int split(struct sequence *sequence, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		argv[i] = NULL;
		sequence->options.command = argv + i + 1;
		return i;
	}
	return argc;
}

static int parse(struct sequence *sequence, int argc, char **argv)
{
	static const struct option options[] = { WATCH_OPTIONS,
						 { "svg", required_argument, NULL, 's' },
						 { "with-bus", no_argument, NULL, 'b' },
						 { NULL, 0, NULL, 0 } };
	int option, r = 0;

	argc = split(sequence, argc, argv);
	while (r == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return fail_option(argv);
		if (option == 's')
			sequence->svg_path = optarg;
		else if (option == 'b')
			sequence->has_bus = true;
		else
			r = watch_option(&sequence->options, option, optarg);
	}
	if (r == 0 && (sequence->options.is_errors || sequence->options.is_slow))
		r = fail_usage("a chain is shown whole: --errors and --slower-than are of follow");
	if (r == 0 && argc - optind > 1)
		r = fail_usage("one method, interface or service is enough");
	if (r == 0 && sequence->options.command && !*sequence->options.command)
		r = fail_usage("a command belongs behind --");
	if (r == 0 && sequence->options.command && !find_command(*sequence->options.command))
		r = fail_usage("there is no command %s", *sequence->options.command);
	if (r == 0 && sequence->options.command && sequence->options.read)
		r = fail_usage("a command cannot be run within a capture");
	sequence->what = argv[optind];
	if (r == 0 && sequence->what)
		r = watch_check_what(sequence->what);
	sequence->count_max = sequence->options.count_max;
	sequence->options.count_max = 0;
	return r;
}

static int run(const struct tool *tool, int argc, char **argv)
{
	struct sequence *sequence = need(calloc(1, sizeof(*sequence)));
	struct watch *watch;
	int status = parse(sequence, argc, argv);

	sequence->tool = tool;
	sequence->options.is_whole = true;
	if (status == 0) {
		watch = watch_run(tool, &sequence->options, on_seen, sequence);
		status = watch && watch_is_good(watch) ? EXIT_SUCCESS : EXIT_FAILURE;
		if (status == EXIT_SUCCESS)
			status = print(sequence, watch_command_status(watch));
		watch_free(watch);
	}
	while (sequence->open_count)
		free(sequence->open[--sequence->open_count].callee);
	diagram_deinit(&sequence->diagram);
	free(sequence);
	return status;
}

const struct command sequence_command = {
	.name = "sequence",
	.arguments = "[OPTION]... [METHOD|INTERFACE|SERVICE] [-- COMMAND [ARGUMENT]...]",
	.summary = "Who calls whom because of whom, as a diagram",
	.help = "The chain begins with the call that is named, or with those of COMMAND, which is\n"
		"another of these commands, such as call. Otherwise all calls are shown.\n\n"
		"  --svg=FILE          a picture; - is standard output\n"
		"  --with-bus          also what is said to the bus itself\n"
		"  --domain=NAME|ID    only messages of which one end is in this domain\n"
		"  --service=NAME      only messages of which one end is this "
		"name\n" WATCH_HELP_END,
	.run = run,
};
