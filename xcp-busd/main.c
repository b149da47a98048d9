/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xcp-busd: options, signals, readiness; the only exit(). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "config.h"
#include "io/listen-unix.h"
#include "io/listen-vchan.h"
#include "io/server.h"

struct options {
	struct config config;
	const char *config_file;
	bool has_address;
	int address_fd, pid_fd; /* to print to; -1: not asked for */
	bool is_verbose, is_syslog;
};

static const char usage[] =
	"Usage: xcp-busd [OPTION]...\n"
	"The message bus for the domains of a Xen host.\n"
	"\n"
	"  --address=ADDRESS     listen here instead of where the configuration says; may be\n"
	"                        given several times: unix:path=PATH, unix:abstract=NAME, or\n"
	"                        vchan: for the rings that guests offer\n"
	"  --config-file=FILE    read this configuration\n"
	"  --print-address[=FD]  print the address of the socket, to standard output or FD\n"
	"  --print-pid[=FD]      print the process id\n"
	"  --nofork              stay in the foreground (it always does)\n"
	"  --syslog              log to syslog instead of standard error\n"
	"  --verbose             log more\n"
	"  --help, --version\n"
	"\n"
	"Without a configuration it listens at " CONFIG_DEFAULT_ADDRESS " and vchan:.\n"
	"See xcp-busd(8).\n";

enum {
	OPTION_ADDRESS = 256,
	OPTION_CONFIG,
	OPTION_PRINT_ADDRESS,
	OPTION_PRINT_PID,
	OPTION_NOFORK,
	OPTION_SYSLOG,
	OPTION_VERBOSE,
	OPTION_HELP,
	OPTION_VERSION
};

static const struct option long_options[] = {
	{ "address", required_argument, NULL, OPTION_ADDRESS },
	{ "config-file", required_argument, NULL, OPTION_CONFIG },
	{ "print-address", optional_argument, NULL, OPTION_PRINT_ADDRESS },
	{ "print-pid", optional_argument, NULL, OPTION_PRINT_PID },
	{ "nofork", no_argument, NULL, OPTION_NOFORK },
	{ "syslog", no_argument, NULL, OPTION_SYSLOG },
	{ "verbose", no_argument, NULL, OPTION_VERBOSE },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ 0 },
};

static void die(const char *what, const char *detail)
{
	fprintf(stderr, "xcp-busd: %s%s\n", what, detail);
	exit(EXIT_FAILURE);
}

static int parse_fd(const char *text)
{
	char *end;
	long fd;

	if (!text)
		return STDOUT_FILENO;
	fd = strtol(text, &end, 10);
	if (*end || end == text || fd < 0 || fd > 1 << 20 || fcntl((int)fd, F_GETFD) < 0)
		die("not an open file descriptor: ", text);
	return (int)fd;
}

static void add_address(struct options *options, const char *text)
{
	char why[CONFIG_WHY_MAX];

	if (!options->has_address) {
		options->config.listen_count = 0;
		options->config.listens_to_guests = false;
		options->has_address = true;
	}
	if (config_add_listen(&options->config, text, why) < 0)
		die("--address: ", why);
}

static void take_option(struct options *options, int option)
{
	switch (option) {
	case OPTION_ADDRESS:
		add_address(options, optarg);
		break;
	case OPTION_CONFIG: /* was read before all others */
	case OPTION_NOFORK:
		break;
	case OPTION_PRINT_ADDRESS:
		options->address_fd = parse_fd(optarg);
		break;
	case OPTION_PRINT_PID:
		options->pid_fd = parse_fd(optarg);
		break;
	case OPTION_SYSLOG:
		options->is_syslog = true;
		break;
	case OPTION_VERBOSE:
		options->is_verbose = true;
		break;
	case OPTION_HELP:
		fputs(usage, stdout);
		exit(EXIT_SUCCESS);
	case OPTION_VERSION:
		puts("xcp-busd " XCP_BUS_VERSION);
		exit(EXIT_SUCCESS);
	default:
		die("see xcp-busd --help", "");
	}
}

/* The configuration comes first, wherever it stands, so that the command line has the last word. */
static void read_config(struct options *options, int argc, char **argv)
{
	char why[CONFIG_WHY_MAX];
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		if (option == OPTION_CONFIG)
			options->config_file = optarg;
	opterr = 1;
	optind = 1;
	if (options->config_file && config_read(&options->config, options->config_file, why) < 0)
		die("bad configuration: ", why);
}

static void parse_options(struct options *options, int argc, char **argv)
{
	int option;

	config_init(&options->config);
	read_config(options, argc, argv);
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		take_option(options, option);
	if (optind < argc)
		die("not an option: ", argv[optind]);
}

static void set_default_address(struct config *config)
{
	char why[CONFIG_WHY_MAX];

	if (config->listen_count || config->listens_to_guests)
		return;
	config_add_listen(config, CONFIG_DEFAULT_ADDRESS ";vchan:", why);
	mkdir("/run/xcp-bus", 0755); /* if it cannot, binding the socket says so */
}

static void draw_hex(char *hex)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char random[16];
	int i;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		die("no random numbers: ", strerror(errno));
	for (i = 0; i < 16; i++) {
		hex[2 * i] = digits[random[i] >> 4];
		hex[2 * i + 1] = digits[random[i] & 15];
	}
	hex[32] = '\0';
}

static bool read_machine_id(const char *path, char *hex)
{
	FILE *file = fopen(path, "re");
	bool is_there;

	if (!file)
		return false;
	is_there = fread(hex, 1, 32, file) == 32;
	fclose(file);
	hex[32] = '\0';
	return is_there && strspn(hex, "0123456789abcdef") == 32;
}

static void set_identity(struct bus_settings *settings)
{
	draw_hex(settings->guid);
	if (!read_machine_id("/etc/machine-id", settings->machine_id) &&
	    !read_machine_id("/var/lib/dbus/machine-id", settings->machine_id))
		draw_hex(settings->machine_id);
	settings->uid = (uint32_t)geteuid();
	settings->pid = (uint32_t)getpid();
	if (getrandom(&settings->hash_key, sizeof(settings->hash_key), 0) !=
	    sizeof(settings->hash_key))
		die("no random numbers: ", strerror(errno));
}

/* Every guest's ring and every program takes descriptors; the usual limit is for interactive use. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Large messages come and go: keep some room between them rather than ask the kernel for each, and
 * give back what a peak leaves. */
static void set_up_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 8 * 1024 * 1024);
}

static void write_pidfile(const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file || fprintf(file, "%d\n", (int)getpid()) < 0 || fclose(file) != 0)
		die("cannot write the pidfile: ", path);
}

static void announce(const struct options *options)
{
	const struct config *config = &options->config;
	char text[ADDRESS_TEXT_MAX];
	unsigned i;

	if (config->pidfile[0])
		write_pidfile(config->pidfile);
	for (i = 0; options->address_fd >= 0 && i < config->listen_count; i++)
		dprintf(options->address_fd, "%s%s,guid=%s", i ? ";" : "",
			address_format(&config->listen[i], text), config->bus.guid);
	if (options->address_fd >= 0)
		dprintf(options->address_fd, "\n");
	if (options->pid_fd >= 0)
		dprintf(options->pid_fd, "%d\n", (int)getpid());
}

static void on_signal(evutil_socket_t number, short events, void *data)
{
	(void)events;
	if (number == SIGHUP) {
		log_info("SIGHUP: the configuration is read at start only");
		return;
	}
	log_info("ended by signal %d", (int)number);
	server_stop(data);
}

static struct event *catch_signal(struct server *server, int number)
{
	struct event *event = evsignal_new(server->base, number, on_signal, server);

	if (!event || evsignal_add(event, NULL) < 0)
		die("cannot handle signals", "");
	return event;
}

static int serve(struct server *server, const struct options *options)
{
	const struct config *config = &options->config;
	struct listen_unix *listeners[CONFIG_LISTEN_MAX] = { 0 };
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	struct event *signals[sizeof(numbers) / sizeof(*numbers)];
	char why[LISTEN_WHY_MAX];
	unsigned i;
	int r = 0;

	/* This waits for xenstored, and for as long as signals are not caught it can be ended. */
	if (config->listens_to_guests)
		r = listen_vchan_new(server, &server->vchan, why, sizeof(why));
	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		signals[i] = catch_signal(server, numbers[i]);
	for (i = 0; i < config->listen_count && r == 0; i++)
		r = listen_unix_new(server, &config->listen[i], &listeners[i], why);
	if (r < 0) {
		fprintf(stderr, "xcp-busd: cannot listen: %s\n", why);
	} else {
		announce(options);
		r = server_run(server);
	}
	for (i = 0; i < config->listen_count; i++)
		listen_unix_free(listeners[i]);
	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		event_free(signals[i]);
	return r;
}

int main(int argc, char **argv)
{
	struct options options = { .address_fd = -1, .pid_fd = -1 };
	struct server *server = calloc(1, sizeof(*server));
	int r;

	parse_options(&options, argc, argv);
	log_open("xcp-busd", options.is_verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		 options.is_syslog);
	set_default_address(&options.config);
	set_identity(&options.config.bus);
	raise_descriptor_limit();
	set_up_memory();
	signal(SIGPIPE, SIG_IGN);
	if (!server || server_init(server, &options.config) < 0)
		die("no memory", "");
	r = serve(server, &options);
	server_end_links(server);
	listen_vchan_free(server->vchan);
	server_deinit(server);
	free(server);
	if (options.config.pidfile[0])
		unlink(options.config.pidfile);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
