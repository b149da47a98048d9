/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/driver.h"

static const char usage[] =
	"Usage: xcp-busd [OPTION]...\n"
	"The message bus for the domains of a Xen host.\n"
	"\n"
	"  --address=ADDRESS     listen here instead of where the configuration says; may be\n"
	"                        given several times: unix:path=PATH, unix:abstract=NAME,\n"
	"                        unix:dir=DIRECTORY, unix:runtime=yes, systemd: for the sockets\n"
	"                        that it passes, vchan: for the rings that guests offer\n"
	"  --config-file=FILE    read this configuration\n"
	"  --session, --system   read the configuration of the session's or the system's bus\n"
	"  --metrics=ADDRESS     have metrics there, for Prometheus: unix:path=PATH,\n"
	"                        tcp:port=PORT for this machine alone\n"
	"  --print-address[=FD]  print the address of the socket, to standard output or FD\n"
	"  --print-pid[=FD]      print the process id\n"
	"  --fork, --nofork      go into the background, or do not, whatever the configuration\n"
	"                        says\n"
	"  --nopidfile           write no pidfile\n"
	"  --syslog, --nosyslog, --syslog-only\n"
	"                        log to syslog as well as standard error, or not, or to it alone\n"
	"  --systemd-activation  let systemd start services that have a unit\n"
	"  --verbose             log more\n"
	"  --introspect          print the interfaces of the bus as XML\n"
	"  --help, --version\n"
	"\n"
	"Without a configuration it listens at " CONFIG_DEFAULT_ADDRESS " and vchan:.\n"
	"See xcp-busd(8).\n";

enum {
	OPTION_ADDRESS = 256,
	OPTION_CONFIG,
	OPTION_SESSION,
	OPTION_SYSTEM,
	OPTION_METRICS,
	OPTION_PRINT_ADDRESS,
	OPTION_PRINT_PID,
	OPTION_FORK,
	OPTION_NOFORK,
	OPTION_NOPIDFILE,
	OPTION_SYSLOG,
	OPTION_NOSYSLOG,
	OPTION_SYSLOG_ONLY,
	OPTION_SYSTEMD_ACTIVATION,
	OPTION_VERBOSE,
	OPTION_INTROSPECT,
	OPTION_HELP,
	OPTION_VERSION
};

static const struct option long_options[] = {
	{ "address", required_argument, NULL, OPTION_ADDRESS },
	{ "config-file", required_argument, NULL, OPTION_CONFIG },
	{ "session", no_argument, NULL, OPTION_SESSION },
	{ "system", no_argument, NULL, OPTION_SYSTEM },
	{ "metrics", required_argument, NULL, OPTION_METRICS },
	{ "print-address", optional_argument, NULL, OPTION_PRINT_ADDRESS },
	{ "print-pid", optional_argument, NULL, OPTION_PRINT_PID },
	{ "fork", no_argument, NULL, OPTION_FORK },
	{ "nofork", no_argument, NULL, OPTION_NOFORK },
	{ "nopidfile", no_argument, NULL, OPTION_NOPIDFILE },
	{ "syslog", no_argument, NULL, OPTION_SYSLOG },
	{ "nosyslog", no_argument, NULL, OPTION_NOSYSLOG },
	{ "syslog-only", no_argument, NULL, OPTION_SYSLOG_ONLY },
	{ "systemd-activation", no_argument, NULL, OPTION_SYSTEMD_ACTIVATION },
	{ "verbose", no_argument, NULL, OPTION_VERBOSE },
	{ "introspect", no_argument, NULL, OPTION_INTROSPECT },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ 0 },
};

static void die(const char *what, const char *detail)
{
	fprintf(stderr, "xcp-busd: %s%s\n", what, detail);
	exit(EXIT_FAILURE);
}

/* getopt takes an optional value behind = only. */
static int take_fd(int argc, char **argv)
{
	const char *text = optarg;
	char *end;
	long fd;

	if (!text && optind < argc && argv[optind][0] != '-')
		text = argv[optind++];
	if (!text)
		return STDOUT_FILENO;
	fd = strtol(text, &end, 10);
	if (*end || end == text || fd < 0 || fd > 1 << 20 || fcntl((int)fd, F_GETFD) < 0)
		die("not an open file descriptor: ", text);
	return (int)fd;
}

static void take_config(struct options *options, const char *path)
{
	if (options->config_file)
		die("one configuration at a time; the second one is ", path);
	options->config_file = path;
}

static void take_address(struct options *options, const char *text)
{
	if (options->address_count == CONFIG_LISTEN_MAX)
		die("too many addresses to listen on: ", text);
	options->addresses[options->address_count++] = text;
}

static void print_and_exit(const char *text)
{
	if (fputs(text, stdout) < 0 || fflush(stdout) != 0)
		die("cannot write to standard output", "");
	exit(EXIT_SUCCESS);
}

static void answer_and_exit(int option)
{
	const char *text = NULL;

	switch (option) {
	case OPTION_HELP:
		print_and_exit(usage);
		break;
	case OPTION_VERSION:
		print_and_exit("xcp-busd " XCP_BUS_VERSION "\n");
		break;
	case OPTION_INTROSPECT:
		text = driver_introspection(text_of(DRIVER_PATH));
		if (!text)
			die("no memory", "");
		print_and_exit(text);
		break;
	default:
		die("see xcp-busd --help", "");
	}
}

static void take_syslog(struct options *options, int option)
{
	options->syslog = option == OPTION_NOSYSLOG ? OPTIONS_NO : OPTIONS_YES;
	options->only_syslog = option == OPTION_SYSLOG_ONLY;
}

static void take_option(struct options *options, int option, int argc, char **argv)
{
	switch (option) {
	case OPTION_ADDRESS:
		take_address(options, optarg);
		break;
	case OPTION_CONFIG:
		take_config(options, optarg);
		break;
	case OPTION_SESSION:
		take_config(options, CONFIG_SESSION_FILE);
		break;
	case OPTION_SYSTEM:
		take_config(options, CONFIG_SYSTEM_FILE);
		break;
	case OPTION_METRICS:
		options->metrics = optarg;
		break;
	case OPTION_PRINT_ADDRESS:
		options->address_fd = take_fd(argc, argv);
		break;
	case OPTION_PRINT_PID:
		options->pid_fd = take_fd(argc, argv);
		break;
	case OPTION_FORK:
	case OPTION_NOFORK:
		options->fork = option == OPTION_FORK ? OPTIONS_YES : OPTIONS_NO;
		break;
	case OPTION_NOPIDFILE:
		options->no_pidfile = true;
		break;
	case OPTION_SYSLOG:
	case OPTION_NOSYSLOG:
	case OPTION_SYSLOG_ONLY:
		take_syslog(options, option);
		break;
	case OPTION_SYSTEMD_ACTIVATION:
		options->systemd_activation = true;
		break;
	case OPTION_VERBOSE:
		options->is_verbose = true;
		break;
	default:
		answer_and_exit(option);
	}
}

void options_parse(struct options *options, int argc, char **argv)
{
	int option;

	*options = (struct options){ .address_fd = -1, .pid_fd = -1 };
	/* In order, so that a value behind an option is not taken for a word of its own. */
	while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1)
		take_option(options, option, argc, argv);
	if (optind < argc)
		die("not an option: ", argv[optind]);
}

static int take_addresses(const struct options *options, struct config *config, char *why)
{
	char detail[CONFIG_WHY_MAX];
	unsigned i;

	if (!options->address_count)
		return 0;
	config->listen_count = 0;
	config->listens_to_guests = config->listens_to_systemd = false;
	for (i = 0; i < options->address_count; i++)
		if (config_add_listen(config, options->addresses[i], detail) < 0) {
			snprintf(why, CONFIG_WHY_MAX, "--address: %.480s", detail);
			return -1;
		}
	return 0;
}

int options_read_config(const struct options *options, struct config *config,
			char why[CONFIG_WHY_MAX])
{
	char detail[CONFIG_WHY_MAX];

	config_init(config);
	if (options->config_file && config_read(config, options->config_file, detail) < 0) {
		snprintf(why, CONFIG_WHY_MAX, "bad configuration: %.480s", detail);
		return -1;
	}
	if (take_addresses(options, config, why) < 0)
		return -1;
	if (options->metrics && config_set_metrics(config, options->metrics, detail) < 0) {
		snprintf(why, CONFIG_WHY_MAX, "--metrics: %.480s", detail);
		return -1;
	}
	if (options->fork != OPTIONS_AS_CONFIGURED)
		config->fork = options->fork == OPTIONS_YES;
	if (options->syslog != OPTIONS_AS_CONFIGURED)
		config->syslog = options->syslog == OPTIONS_YES;
	if (options->no_pidfile)
		config->pidfile[0] = '\0';
	config->bus.systemd_activation = options->systemd_activation;
	return 0;
}
