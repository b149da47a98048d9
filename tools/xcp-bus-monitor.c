/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xcp-bus-monitor: what is happening on the bus. One command each is in a file of its own. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/monitor-commands.h"
#include "tools/monitor.h"

/* The first is what is done if none is named. */
static const struct command *const commands[] = {
	&follow_command,
	&who_called_command,
	&sequence_command,
	&top_command,
	&domains_command,
	&names_command,
	&stuck_command,
	&health_command,
	&tree_command,
	&call_command,
	NULL,
};

static const char common_help[] =
	"Common options, before or after the command:\n"
	"  --address=ADDRESS   of the bus, as D-Bus writes it; --bus=ADDRESS is the same\n"
	"  --json              for programs: one JSON object a line\n"
	"  --colour, --no-colour\n"
	"                      by default if standard output is a terminal\n"
	"  --help, --version   print and exit; COMMAND --help says what the command takes\n";

static int print_help(const struct command *command)
{
	unsigned i;

	if (command) {
		printf("Usage: xcp-bus-monitor %s %s\n%s.\n", command->name, command->arguments,
		       command->summary);
		if (command->help)
			printf("\n%s", command->help);
		printf("\n%s", common_help);
		return 0;
	}
	printf("Usage: xcp-bus-monitor [COMMAND] [OPTION]... [ARGUMENT]...\n"
	       "Shows what is happening on the message bus. For root in dom0.\n\nCommands:\n");
	for (i = 0; commands[i]; i++)
		printf("  %-12s %s%s\n", commands[i]->name, commands[i]->summary,
		       i ? "" : "; done if none is named");
	printf("\n%s\nSee xcp-bus-monitor(1).\n", common_help);
	return 0;
}

const struct command *find_command(const char *name)
{
	unsigned i;

	for (i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

/* ---- The common options, which may be anywhere before "--" ---- */

struct common {
	struct tool tool;
	bool is_help, is_version;
};

static bool is_terminal(void)
{
	const char *terminal = getenv("TERM"), *without = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0 &&
	       !(without && *without);
}

/* "--name=value" or "--name value", which is then *next. */
static bool takes_value(const char *argument, const char *name, const char *next,
			const char **value, bool *is_next)
{
	size_t size = strlen(name);

	if (strncmp(argument, name, size) != 0)
		return false;
	*is_next = !argument[size];
	if (argument[size] && argument[size] != '=')
		return false;
	*value = *is_next ? next : argument + size + 1;
	return true;
}

static bool take_flag(struct common *common, const char *argument)
{
	const struct {
		const char *name;
		bool *flag, value;
	} flags[] = {
		{ "--json", &common->tool.is_json, true },
		{ "--colour", &common->tool.has_colour, true },
		{ "--color", &common->tool.has_colour, true },
		{ "--no-colour", &common->tool.has_colour, false },
		{ "--no-color", &common->tool.has_colour, false },
		{ "--help", &common->is_help, true },
		{ "--version", &common->is_version, true },
	};
	unsigned i;

	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		if (strcmp(flags[i].name, argument) != 0)
			continue;
		*flags[i].flag = flags[i].value;
		return true;
	}
	return false;
}

/* Takes them out of argv. Returns how many arguments are left, or -EXIT_USAGE. */
static int take_common(struct common *common, int argc, char **argv)
{
	const char **address = &common->tool.address;
	bool is_next;
	int i, left = 1;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (take_flag(common, argv[i]))
			continue;
		if (!takes_value(argv[i], "--address", argv[i + 1], address, &is_next) &&
		    !takes_value(argv[i], "--bus", argv[i + 1], address, &is_next)) {
			argv[left++] = argv[i];
			continue;
		}
		if (!*address)
			return -fail_usage("%s wants an address", argv[i]);
		i += is_next;
	}
	while (i < argc)
		argv[left++] = argv[i++];
	argv[left] = NULL;
	return left;
}

int main(int argc, char **argv)
{
	struct common common = { .tool.has_colour = is_terminal() };
	const struct command *command = NULL;
	int status;

	text_init();
	argc = take_common(&common, argc, argv);
	if (argc < 0)
		return -argc;
	if (argc > 1)
		command = find_command(argv[1]);
	if (common.is_version)
		return puts("xcp-bus-monitor " XCP_BUS_VERSION) < 0;
	if (common.is_help)
		return print_help(command);
	if (command) {
		argv++;
		argc--;
	} else if (argc > 1 && *argv[1] != '-' && !strchr(argv[1], '=')) {
		return fail_usage("there is no command %s", argv[1]);
	} else { /* options and match rules */
		command = commands[0];
		argv[0] = (char *)(uintptr_t)command->name;
	}
	opterr = 0; /* fail_option() says what is wrong */
	status = command->run(&common.tool, argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout))
		return fail("standard output: it cannot be written");
	return status;
}
