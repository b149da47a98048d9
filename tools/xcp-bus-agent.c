/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xcp-bus-agent: a Unix socket in a guest, behind which is the bus in another domain. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/log.h"
#include "common/notify.h"
#include "tools/agent.h"

#define DEFAULT_LISTEN "unix:path=/run/xcp-bus/bus"
#define DEFAULT_BUS "vchan:"

enum { RING_SIZE_MAX = 1024 * 1024, CLIENTS_MAX_DEFAULT = 256, CLIENTS_MAX_MAX = 100000 };

enum { EXIT_USAGE = 2 };

static const char usage[] =
	"Usage: xcp-bus-agent [OPTION]...\n"
	"Offers the message bus of another domain on a Unix socket in this one.\n"
	"Each program that connects gets a shared-memory ring of its own.\n"
	"\n"
	"  --listen=ADDRESS    the socket (" DEFAULT_LISTEN ")\n"
	"  --mode=OCTAL        its permissions (0666, in dom0 0600)\n"
	"  --bus=ADDRESS       the bus (" DEFAULT_BUS ")\n"
	"  --stdio             one client only, on standard input and output; no socket\n"
	"  --ring-size=BYTES   of each of a ring's two directions (65536)\n"
	"  --max-clients=N     more are turned away (256)\n"
	"  --max-clients-per-user=N  the same for each user but root\n"
	"  --syslog            log there and not to standard error\n"
	"  --verbose           say who comes and goes\n"
	"  --help, --version\n"
	"\n"
	"It stays in the foreground. See xcp-bus-agent(1).\n";

enum option_id {
	OPTION_LISTEN = 256,
	OPTION_MODE,
	OPTION_BUS,
	OPTION_RING_SIZE,
	OPTION_MAX_CLIENTS,
	OPTION_MAX_CLIENTS_PER_USER,
	OPTION_STDIO,
	OPTION_SYSLOG,
	OPTION_VERBOSE,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option options[] = {
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "bus", required_argument, NULL, OPTION_BUS },
	{ "ring-size", required_argument, NULL, OPTION_RING_SIZE },
	{ "max-clients", required_argument, NULL, OPTION_MAX_CLIENTS },
	{ "max-clients-per-user", required_argument, NULL, OPTION_MAX_CLIENTS_PER_USER },
	{ "stdio", no_argument, NULL, OPTION_STDIO },
	{ "syslog", no_argument, NULL, OPTION_SYSLOG },
	{ "verbose", no_argument, NULL, OPTION_VERBOSE },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static void fail_usage(const char *what, const char *value, const char *why)
{
	fprintf(stderr, "xcp-bus-agent: %s %s: %s\n", what, value, why);
	exit(EXIT_USAGE);
}

static unsigned parse_number(const char *what, const char *text, int base, unsigned min,
			     unsigned max)
{
	char why[80], *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, base);
	if (!errno && *text >= '0' && *text <= '9' && !*end && number >= min && number <= max)
		return (unsigned)number;
	snprintf(why, sizeof(why),
		 base == 8 ? "not an octal number from %#o to %#o" : "not a number from %u to %u",
		 min, max);
	fail_usage(what, text, why);
	return 0;
}

static void parse_address(const char *what, const char *text, struct address *out)
{
	struct address list[ADDRESS_LIST_MAX];
	char why[ADDRESS_WHY_MAX];
	int count = address_parse(text, list, why);

	if (count < 0)
		fail_usage(what, text, why);
	if (count > 1)
		fail_usage(what, text, "one address is wanted, not a list");
	*out = list[0];
}

/* What holds whatever comes behind it on the command line. */
struct choices {
	unsigned ring_size;
	enum log_level log_level;
	enum log_target log_target;
};

static void set_option(struct agent *agent, int option, struct choices *choices)
{
	switch (option) {
	case OPTION_LISTEN:
		parse_address("--listen", optarg, &agent->listen);
		if (agent->listen.kind != ADDRESS_UNIX)
			fail_usage("--listen", optarg, "must be a Unix socket");
		break;
	case OPTION_MODE:
		agent->socket_mode = parse_number("--mode", optarg, 8, 0, 0777);
		break;
	case OPTION_BUS:
		parse_address("--bus", optarg, &agent->bus);
		break;
	case OPTION_RING_SIZE:
		choices->ring_size = parse_number("--ring-size", optarg, 10, 1, RING_SIZE_MAX);
		break;
	case OPTION_MAX_CLIENTS:
		agent->clients_max = parse_number("--max-clients", optarg, 10, 1, CLIENTS_MAX_MAX);
		break;
	case OPTION_MAX_CLIENTS_PER_USER:
		agent->clients_per_user =
			parse_number("--max-clients-per-user", optarg, 10, 1, CLIENTS_MAX_MAX);
		break;
	case OPTION_STDIO:
		agent->is_stdio = true;
		break;
	case OPTION_SYSLOG:
		choices->log_target = LOG_TO_SYSLOG;
		break;
	case OPTION_VERBOSE:
		choices->log_level = LOG_LEVEL_DEBUG;
		break;
	case OPTION_HELP:
		fputs(usage, stdout);
		exit(0);
	case OPTION_VERSION:
		puts("xcp-bus-agent " XCP_BUS_VERSION);
		exit(0);
	default: /* getopt has said what is wrong */
		fputs("Try xcp-bus-agent --help.\n", stderr);
		exit(EXIT_USAGE);
	}
}

static void parse_options(struct agent *agent, int argc, char **argv)
{
	struct choices choices = { .log_level = LOG_LEVEL_INFO };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		set_option(agent, option, &choices);
	if (optind < argc)
		fail_usage("argument", argv[optind], "there are only options");
	if (choices.ring_size)
		agent->bus.ring_size = choices.ring_size;
	log_open("xcp-bus-agent", choices.log_level, choices.log_target);
}

/* In a guest the domain is the identity. In dom0 users are not all the same: a bus that is there
 * lets in root alone unless told otherwise, and so does the way to one that is elsewhere. */
static unsigned default_mode(void)
{
	return access("/dev/xen/xenbus_backend", F_OK) == 0 ? 0600 : 0666;
}

static void on_signal(evutil_socket_t number, short what, void *data)
{
	struct agent *agent = data;

	(void)what;
	log_debug("ends because of signal %d", (int)number);
	event_base_loopbreak(agent->base);
}

/* Several descriptors for each client: take what there is. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int run(struct agent *agent)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct event events[sizeof(signals) / sizeof(*signals)];
	int manager = notify_open();
	char why[256];
	unsigned i;

	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		evsignal_assign(&events[i], agent->base, signals[i], on_signal, agent);
		event_add(&events[i], NULL);
	}
	if (listen_start(agent, why, sizeof(why)) < 0) {
		log_error("%s", why);
		return 1;
	}
	if (place_start(agent) < 0) {
		log_error("no thread, or no memory, to look for the bus");
		listen_stop(agent);
		return 1;
	}
	log_debug("listens on %s", agent->listen.path);
	notify_state(manager, "READY=1");
	event_base_dispatch(agent->base);
	notify_state(manager, "STOPPING=1");
	listen_stop(agent);
	client_stop_all(agent);
	place_stop(agent);
	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		event_del(&events[i]);
	return 0;
}

int main(int argc, char **argv)
{
	struct agent agent = {
		.socket_mode = default_mode(),
		.clients_max = CLIENTS_MAX_DEFAULT,
		.listen_fd = -1,
	};
	int result;

	parse_address("--listen", DEFAULT_LISTEN, &agent.listen);
	parse_address("--bus", DEFAULT_BUS, &agent.bus);
	parse_options(&agent, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (agent.is_stdio)
		return stdio_run(&agent.bus);
	raise_limits();
	list_init(&agent.users);
	list_init(&agent.clients);
	list_init(&agent.waiting);
	agent.base = event_base_new();
	if (!agent.base) {
		log_error("no event loop: %s", strerror(errno));
		return 1;
	}
	result = run(&agent);
	event_base_free(agent.base);
	return result;
}
