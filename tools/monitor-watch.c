/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "tools/monitor-pcap.h"
#include "tools/monitor-watch-private.h"

enum { RELOAD_EVERY_US = 1000 * 1000, MARKER_MS = 5000 };

/* ---- Options ---- */

static int set_number(const char *name, const char *value, uint64_t *out)
{
	if (parse_number(value, out) < 0 || !*out)
		return fail_usage("%s wants a number, and not %s", name, value);
	return 0;
}

static int set_time(const char *name, const char *value, uint64_t *out)
{
	if (parse_time(value, out) < 0)
		return fail_usage("%s wants a time such as 50ms or 2s, and not %s", name, value);
	return 0;
}

int watch_option(struct watch_options *options, int option, const char *value)
{
	switch (option) {
	case WATCH_DOMAIN:
		options->domain = value;
		return 0;
	case WATCH_SERVICE:
		options->service = value;
		return dbus_validate_bus_name(value, NULL)
			       ? 0
			       : fail_usage("%s is no name of a service", value);
	case WATCH_ERRORS:
		options->is_errors = true;
		return 0;
	case WATCH_SLOWER:
		options->is_slow = true;
		return set_time("--slower-than", value, &options->slower_us);
	case WATCH_COUNT:
		return set_number("--count", value, &options->count_max);
	case WATCH_FOR:
		return set_time("--for", value, &options->for_us);
	default:
		options->read = value;
		return 0;
	}
}

int watch_check_what(const char *what)
{
	const char *dot = strrchr(what, '.');
	CLEANUP(cleanup_free) char *interface = need(strndup(what, dot ? (size_t)(dot - what) : 0));

	/* A method may be as long as its interface, so both together need not be one. */
	if (dbus_validate_bus_name(what, NULL) || dbus_validate_interface(what, NULL) ||
	    dbus_validate_member(what, NULL) ||
	    (dot && dbus_validate_interface(interface, NULL) &&
	     dbus_validate_member(dot + 1, NULL)))
		return 0;
	return fail_usage("%s is no method, no interface and no service", what);
}

/* ---- The end ---- */

static int signal_pipe[2] = { -1, -1 };

static void on_signal(int number)
{
	ssize_t written;
	int kept = errno;

	(void)number;
	written = write(signal_pipe[1], "", 1);
	(void)written;
	errno = kept;
}

/* Not blocked, and no restart: who waits for somebody to read its output is to end, too. The second
 * one ends it at once. */
static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	if (signal_pipe[0] < 0 && pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		exit(fail("pipe: %s", strerror(errno)));
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

/* Wherever we are. Somebody who wants it twice gets it at once. */
static bool is_signalled(void)
{
	struct pollfd fd = { .fd = signal_pipe[0], .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

/* ---- From the bus ---- */

/* Somebody may have come or gone in what was lost. */
static void reload(struct watch *watch, uint64_t *last_us)
{
	if (!watch->is_stale || *last_us + RELOAD_EVERY_US > clock_us())
		return;
	names_free(watch->names);
	watch->names = names_new();
	names_load(watch->names, watch->asker, NULL);
	watch->is_stale = false;
	*last_us = clock_us();
}

/* How it goes on. */
struct course {
	uint64_t end_us; /* when it is over at the latest; 0: never */
	bool is_ending; /* all that has been sent until now is still read */
};

/* What the bus shows until it shows the marker is all that was sent before. */
static void begin_end(struct watch *watch, struct course *course)
{
	char byte;

	while (read(signal_pipe[0], &byte, 1) > 0)
		;
	watch->is_marked = false;
	course->is_ending = true;
	course->end_us = clock_us() + MARKER_MS * 1000;
	xcpbus_call_method(watch->asker, &(struct xcpbus_target){ BUS_NAME, BUS_PATH, BUS_NAME, 0 },
			   WATCH_MARKER, NULL, NULL, "");
}

/* ---- The loop ---- */

static int time_left(const struct watch *watch, uint64_t end_us)
{
	int left = xcpbus_get_timeout(watch->monitor), own = xcpbus_get_timeout(watch->asker);
	uint64_t now = clock_us();

	if (own >= 0 && (left < 0 || own < left))
		left = own;
	if (!end_us)
		return left;
	if (now >= end_us)
		return 0;
	if (left < 0 || (uint64_t)left > (end_us - now) / 1000)
		left = (int)((end_us - now) / 1000 < 3600000 ? (end_us - now + 999) / 1000
							     : 3600000);
	return left;
}

static void wait_for_something(const struct watch *watch, struct pollfd fds[4],
			       const struct course *course)
{
	fds[0] = (struct pollfd){ .fd = signal_pipe[0], .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = watch->child ? child_fd(watch->child) : -1,
				  .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = xcpbus_get_fd(watch->monitor),
				  .events = xcpbus_get_events(watch->monitor) };
	fds[3] = (struct pollfd){ .fd = xcpbus_get_fd(watch->asker),
				  .events = xcpbus_get_events(watch->asker) };
	poll(fds, 4, time_left(watch, course->end_us));
}

/* Whoever follows lines has seen enough; a count is of all until now. */
static bool goes_on(struct watch *watch, const struct pollfd fds[4], struct course *course)
{
	bool is_late = course->end_us && clock_us() >= course->end_us;
	bool is_over = fds[1].revents;

	if (course->is_ending)
		return !is_late;
	if (!fds[0].revents && !is_late && !is_over)
		return true;
	if (watch->child)
		child_end(watch->child, is_over && !fds[0].revents);
	if (!is_over && !watch->options->is_whole)
		return false;
	begin_end(watch, course);
	return true;
}

static void look_on(struct watch *watch)
{
	uint64_t for_us = watch->options->for_us, last_us = 0;
	struct course course = { .end_us = for_us ? clock_us() + for_us : 0 };
	struct pollfd fds[4];
	int r = 0;

	if (watch->child)
		child_go(watch->child);
	while (r >= 0 && !watch->is_over && !(course.is_ending && watch->is_marked)) {
		fflush(stdout);
		wait_for_something(watch, fds, &course);
		if (!goes_on(watch, fds, &course))
			break;
		r = xcpbus_process(watch->monitor);
		xcpbus_process(watch->asker);
		reload(watch, &last_us);
	}
	if (watch->child)
		child_end(watch->child, false);
	watch->is_good = r >= 0;
	if (r < 0)
		fail("the bus has ended the connection: %s", strerror(-r));
}

/* ---- From a capture ---- */

static int read_all(struct watch *watch)
{
	struct pcap *pcap = pcap_open(watch->options->read, watch->is_learning);
	DBusMessage *message;
	uint64_t time_us;
	int r = 1;

	if (!pcap)
		return -1;
	while (r > 0 && !watch->is_over && !is_signalled()) {
		r = pcap_next(pcap, &time_us, &message);
		if (r <= 0)
			break;
		if (dbus_message_get_sender(message))
			names_infer(watch->names, NULL, dbus_message_get_sender(message));
		watch_see(watch, message, time_us, time_us);
		dbus_message_unref(message);
	}
	pcap_close(pcap);
	return r;
}

/* A pipe can be read but once, by whatever name. */
static bool is_file(const char *path)
{
	struct stat is;

	return strcmp(path, "-") != 0 && stat(path, &is) == 0 && S_ISREG(is.st_mode);
}

/* Twice: who has which name is only known when the first one has answered. */
static void read_capture(struct watch *watch)
{
	watch->is_learning = is_file(watch->options->read);
	if (watch->is_learning) {
		read_all(watch);
		calls_free(watch->calls);
		watch->calls = calls_new();
	}
	watch->is_learning = false;
	watch->is_good = read_all(watch) >= 0;
}

/* ---- Life ---- */

/* A name may be misspelt. It may also be one of who has not come yet. */
static void say_unknown(const struct watch *watch)
{
	const struct watch_options *options = watch->options;
	const char *where = options->read ? options->read : "the bus";
	const char *then = options->read ? "" : "; waiting for somebody";
	uint64_t domid;

	if (options->service && !names_has_owner(watch->names, options->service))
		fail("nobody on %s has the name %s%s", where, options->service, then);
	if (!options->domain || names_has_domain(watch->names, options->domain))
		return;
	fail("nobody on %s is of a domain %s%s", where, options->domain, then);
	if (options->read && parse_number(options->domain, &domid) < 0)
		fail("domains have no names in a capture, but numbers");
}

int watch_take_rules(struct watch_options *options, char *const *rules, int count)
{
	int i;

	if (count > WATCH_RULES_MAX)
		return fail_usage("these are too many rules");
	options->rules = (const char *const *)rules;
	options->rule_count = (unsigned)count;
	for (i = 0; i < count; i++) {
		struct match_rule *rule = match_rule_parse(rules[i]);

		if (!rule)
			return fail_usage("this is no match rule: %s", rules[i]);
		match_rule_free(rule);
	}
	return 0;
}

static void parse_rules(struct watch *watch)
{
	const struct watch_options *options = watch->options;
	unsigned i;

	watch->rules = need(calloc(options->rule_count + 1, sizeof(*watch->rules)));
	for (i = 0; i < options->rule_count; i++)
		watch->rules[i] = match_rule_parse(options->rules[i]);
}

struct watch *watch_run(const struct tool *tool, const struct watch_options *options, seen_fn fn,
			void *data)
{
	struct watch *watch = need(calloc(1, sizeof(*watch)));

	watch->tool = tool;
	watch->options = options;
	watch->fn = fn;
	watch->data = data;
	watch->names = names_new();
	watch->calls = calls_new();
	catch_signals();
	parse_rules(watch);
	if (options->read) {
		read_capture(watch);
		if (watch->is_good && !watch->shown)
			say_unknown(watch);
		return watch;
	}
	if (!watch_open_bus(watch))
		return watch_free(watch);
	say_unknown(watch);
	look_on(watch);
	return watch;
}

struct watch *watch_free(struct watch *watch)
{
	unsigned i;

	if (!watch)
		return NULL;
	for (i = 0; watch->rules && i < watch->options->rule_count; i++)
		match_rule_free(watch->rules[i]);
	free(watch->rules);
	names_free(watch->names);
	calls_free(watch->calls);
	xcpbus_free(watch->monitor);
	xcpbus_free(watch->asker);
	child_free(watch->child);
	free(watch->own[0]);
	free(watch->own[1]);
	free(watch);
	return NULL;
}

bool watch_is_good(const struct watch *watch)
{
	return watch->is_good;
}

const struct watch_summary *watch_summary(const struct watch *watch)
{
	return &watch->summary;
}

struct calls *watch_calls(const struct watch *watch)
{
	return watch->calls;
}

uint64_t watch_now_us(const struct watch *watch)
{
	return watch->asker ? clock_us() : watch->now_us;
}

struct names *watch_names(const struct watch *watch)
{
	return watch->names;
}

struct xcpbus *watch_asker(const struct watch *watch)
{
	return watch->asker;
}

const char *watch_command_name(const struct watch *watch)
{
	return watch->child ? child_name(watch->child) : NULL;
}

int watch_command_status(const struct watch *watch)
{
	return watch->child ? child_status(watch->child) : 0;
}
