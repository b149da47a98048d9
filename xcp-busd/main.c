/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xcp-busd: start, signals, readiness, new configurations; the end. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/notify.h"
#include "config.h"
#include "core/gate.h"
#include "io/listen-unix.h"
#include "io/listen-vchan.h"
#include "io/metrics.h"
#include "io/notifier.h"
#include "io/server.h"
#include "io/services.h"
#include "options.h"
#include "process.h"

enum { FIRST_PASSED_FD = 3 };

struct daemon {
	struct options options;
	struct config config;
	struct server *server;
	struct listen_unix *listeners[CONFIG_LISTEN_MAX];
	unsigned listener_count;
	unsigned passed_sockets; /* by systemd */
	int ready; /* for process_ready */
	int manager; /* for the notifier; -1: nobody wants to know */
	uint64_t watchdog_us;
	struct notifier *notifier;
	struct metrics *metrics; /* NULL: off */
};

static void die(const char *what)
{
	fprintf(stderr, "xcp-busd: %s\n", what);
	exit(EXIT_FAILURE);
}

static void set_default_address(struct config *config)
{
	char why[CONFIG_WHY_MAX];

	if (config->listen_count || config->listens_to_guests || config->listens_to_systemd)
		return;
	config_add_listen(config, CONFIG_DEFAULT_ADDRESS ";vchan:", why);
}

static void open_log(const struct options *options, const struct config *config)
{
	enum log_target target = LOG_TO_STDERR;

	if (config->syslog)
		target = options->only_syslog ? LOG_TO_SYSLOG : LOG_TO_BOTH;
	log_open("xcp-busd", options->is_verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, target);
}

static void log_notes(const struct config *config)
{
	unsigned i;

	for (i = 0; i < config->note_count; i++)
		log_info("%s", config->notes[i]);
}

static int listen_at(struct daemon *daemon, const struct address *address, int fd,
		     char why[LISTEN_WHY_MAX])
{
	struct listen_unix **slot = &daemon->listeners[daemon->listener_count];
	int r;

	if (daemon->listener_count == CONFIG_LISTEN_MAX) {
		snprintf(why, LISTEN_WHY_MAX, "more than %d sockets", CONFIG_LISTEN_MAX);
		return -1;
	}
	r = address ? listen_unix_new(daemon->server, address, slot, why)
		    : listen_unix_adopt(daemon->server, fd, slot, why);
	daemon->listener_count += r == 0;
	return r;
}

static int open_listeners(struct daemon *daemon, char why[LISTEN_WHY_MAX])
{
	const struct config *config = &daemon->config;
	unsigned i;
	int r = 0;

	if (config->listens_to_systemd && !daemon->passed_sockets) {
		snprintf(why, LISTEN_WHY_MAX, "systemd: has passed no socket");
		return -1;
	}
	for (i = 0; config->listens_to_systemd && i < daemon->passed_sockets && r == 0; i++)
		r = listen_at(daemon, NULL, FIRST_PASSED_FD + (int)i, why);
	for (i = 0; i < config->listen_count && r == 0; i++)
		r = listen_at(daemon, &config->listen[i], -1, why);
	return r;
}

static void announce(const struct daemon *daemon)
{
	const struct options *options = &daemon->options;
	char text[ADDRESS_TEXT_MAX];
	unsigned i;

	for (i = 0; options->address_fd >= 0 && i < daemon->listener_count; i++)
		dprintf(options->address_fd, "%s%s,guid=%s", i ? ";" : "",
			address_format(listen_unix_address(daemon->listeners[i]), text),
			daemon->server->bus.settings.guid);
	if (options->address_fd >= 0)
		dprintf(options->address_fd, "\n");
	if (options->pid_fd >= 0)
		dprintf(options->pid_fd, "%d\n", (int)getpid());
}

/* Of a name that was drawn, the configuration says no more than the directory. */
static bool is_elsewhere(const struct config *a, const struct config *b, unsigned i)
{
	size_t size = sizeof(a->listen[i].path);

	if (a->is_drawn[i] && b->is_drawn[i])
		size = strlen(a->listen[i].path) - CONFIG_DRAWN_SIZE;
	return a->listen[i].is_abstract != b->listen[i].is_abstract ||
	       strncmp(a->listen[i].path, b->listen[i].path, size) != 0;
}

static bool listens_elsewhere(const struct config *a, const struct config *b)
{
	unsigned i;

	if (a->listen_count != b->listen_count || a->listens_to_guests != b->listens_to_guests ||
	    a->listens_to_systemd != b->listens_to_systemd)
		return true;
	for (i = 0; i < a->listen_count; i++)
		if (is_elsewhere(a, b, i))
			return true;
	return false;
}

static bool has_other_metrics(const struct metrics_address *a, const struct metrics_address *b)
{
	return a->kind != b->kind || a->port != b->port || strcmp(a->host, b->host) != 0 ||
	       a->socket.is_abstract != b->socket.is_abstract ||
	       strcmp(a->socket.path, b->socket.path) != 0;
}

/* What can change while peers are connected changes; the rest is as at the start. */
static void take_over(struct config *config, struct config *next)
{
	struct config old = *config;

	config->bus = next->bus;
	config->vchan = next->vchan;
	config->has_auth = next->has_auth;
	config->takes_external = next->takes_external;
	config->takes_anonymous = next->takes_anonymous;
	config->allow_anonymous = next->allow_anonymous;
	config->auth_timeout_us = next->auth_timeout_us;
	config->message_timeout_us = next->message_timeout_us;
	config->incomplete_max = next->incomplete_max;
	config->servicedirs = next->servicedirs;
	config->servicedir_count = next->servicedir_count;
	next->servicedirs = old.servicedirs;
	next->servicedir_count = old.servicedir_count;
}

static int on_reload(struct server *server, char *why, size_t why_size)
{
	struct daemon *daemon = server->owner;
	char detail[CONFIG_WHY_MAX];
	struct config next;

	if (options_read_config(&daemon->options, &next, detail) < 0) {
		log_warning("the configuration stays as it was: %s", detail);
		snprintf(why, why_size, "%s", detail);
		config_deinit(&next);
		return -1;
	}
	set_default_address(&next);
	if (!next.policy)
		next.policy = policy_new_default();
	if (!next.policy || gate_set_policy(&server->bus, next.policy) < 0) {
		log_warning("the configuration stays as it was: no memory");
		snprintf(why, why_size, "no memory");
		config_deinit(&next);
		return -1;
	}
	next.policy = NULL;
	bus_set_limits(&server->bus, &next.bus);
	log_notes(&next);
	if (listens_elsewhere(&daemon->config, &next) ||
	    has_other_metrics(&daemon->config.metrics, &next.metrics))
		log_info("other addresses to listen on count from the next start");
	take_over(&daemon->config, &next);
	if (server->vchan)
		listen_vchan_limits_changed(server->vchan);
	services_reload(server->services);
	config_deinit(&next);
	log_info("the configuration was read anew");
	return 0;
}

static void on_signal(evutil_socket_t number, short events, void *data)
{
	struct server *server = data;
	const struct daemon *daemon = server->owner;
	char why[CONFIG_WHY_MAX];

	(void)events;
	if (number == SIGHUP) {
		server_begin_round(server);
		notifier_reloading(daemon->notifier);
		server->reload(server, why, sizeof(why));
		notifier_ready(daemon->notifier);
		return;
	}
	log_info("ended by signal %d", (int)number);
	notifier_stopping(daemon->notifier);
	server_stop(server);
}

static struct event *catch_signal(struct server *server, int number)
{
	struct event *event = evsignal_new(server->base, number, on_signal, server);

	if (!event || evsignal_add(event, NULL) < 0)
		die("cannot handle signals");
	return event;
}

/* Once the sockets are there, what is left can be done as a user that may do less. Not with guests:
 * libxenvchan opens xenstored and the devices of Xen for each ring, and whoever may do that in dom0
 * has the host, as root or not. */
static int become_user(const struct config *config, char why[LISTEN_WHY_MAX])
{
	char detail[PROCESS_WHY_MAX];

	if (!config->user[0] || geteuid() != 0)
		return 0;
	if (config->listens_to_guests) {
		log_warning("<user> is ignored: the rings of guests need root");
		return 0;
	}
	if (process_become(config->user, detail) == 0)
		return 0;
	snprintf(why, LISTEN_WHY_MAX, "%s", detail);
	return -1;
}

/* What is started finds the bus where its clients do. */
static int start_services(struct daemon *daemon, char why[LISTEN_WHY_MAX])
{
	struct server *server = daemon->server;
	char text[ADDRESS_TEXT_MAX], address[ADDRESS_TEXT_MAX + 64] = "";

	if (daemon->listener_count)
		snprintf(address, sizeof(address), "%s,guid=%s",
			 address_format(listen_unix_address(daemon->listeners[0]), text),
			 server->bus.settings.guid);
	server->services = services_new(server, address);
	if (server->services)
		return 0;
	snprintf(why, LISTEN_WHY_MAX, "no memory");
	return -1;
}

static int get_ready(struct daemon *daemon, char why[LISTEN_WHY_MAX])
{
	const struct config *config = &daemon->config;

	if (open_listeners(daemon, why) < 0)
		return -1;
	if (config->metrics.kind != METRICS_OFF &&
	    metrics_new(daemon->server, &config->metrics, &daemon->metrics, why) < 0)
		return -1;
	if (config->pidfile[0] && process_write_pidfile(config->pidfile, why) < 0)
		return -1;
	if (become_user(config, why) < 0 || start_services(daemon, why) < 0)
		return -1;
	announce(daemon);
	process_ready(daemon->ready);
	notifier_ready(daemon->notifier);
	return 0;
}

static int serve(struct daemon *daemon)
{
	struct server *server = daemon->server;
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	struct event *signals[sizeof(numbers) / sizeof(*numbers)];
	char why[LISTEN_WHY_MAX];
	unsigned i;
	int r = 0;

	daemon->notifier = notifier_new(server, daemon->manager, daemon->watchdog_us);
	if (!daemon->notifier)
		die("no memory");
	/* This waits for xenstored, and for as long as signals are not caught it can be ended. */
	if (daemon->config.listens_to_guests)
		r = listen_vchan_new(server, &server->vchan, why, sizeof(why));
	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		signals[i] = catch_signal(server, numbers[i]);
	if (r == 0)
		r = get_ready(daemon, why);
	if (r < 0)
		fprintf(stderr, "xcp-busd: cannot listen: %s\n", why);
	else
		r = server_run(server);
	for (i = 0; i < daemon->listener_count; i++)
		listen_unix_free(daemon->listeners[i]);
	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		event_free(signals[i]);
	daemon->metrics = metrics_free(daemon->metrics);
	daemon->notifier = notifier_free(daemon->notifier);
	return r;
}

/* All that comes before there is a server. */
static void start(struct daemon *daemon, int argc, char **argv)
{
	struct config *config = &daemon->config;
	char why[CONFIG_WHY_MAX], detail[PROCESS_WHY_MAX];

	process_fill_standard_fds();
	daemon->passed_sockets = process_count_passed_sockets();
	daemon->manager = notify_open();
	daemon->watchdog_us = notify_watchdog_us();
	daemon->ready = -1;
	options_parse(&daemon->options, argc, argv);
	if (options_read_config(&daemon->options, config, why) < 0)
		die(why);
	set_default_address(config);
	if (config->fork)
		daemon->ready = process_fork(config->keep_umask, detail);
	if (daemon->ready < -1)
		die(detail);
	open_log(&daemon->options, config);
	log_notes(config);
	if (process_set_identity(&config->bus, detail) < 0)
		die(detail);
	/* The bus belongs to the user that it will be. */
	if (config->user[0] && geteuid() == 0 && !config->listens_to_guests &&
	    process_find_user(config->user, &config->bus.uid, detail) < 0)
		die(detail);
	process_prepare();
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	struct daemon daemon = { 0 };
	struct server *server = calloc(1, sizeof(*server));
	int r;

	if (server)
		spawner_note_limits(&server->spawner);
	start(&daemon, argc, argv);
	if (!server || server_init(server, &daemon.config) < 0)
		die("no memory");
	daemon.server = server;
	server->owner = &daemon;
	server->reload = on_reload;
	if (daemon.config.policy) {
		if (gate_set_policy(&server->bus, daemon.config.policy) < 0)
			die("no memory");
		daemon.config.policy = NULL; /* the bus has taken it over */
	}
	r = serve(&daemon);
	server_end_links(server);
	server->services = services_free(server->services);
	listen_vchan_free(server->vchan);
	server_deinit(server);
	free(server);
	if (daemon.config.pidfile[0])
		unlink(daemon.config.pidfile);
	config_deinit(&daemon.config);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
