/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xcp-bus-domain: in dom0, while the bus is in another domain.
 *
 * The domain of the bus has no privilege of its own. What it has to read in xenstore to know who is
 * who (docs/protocol.md), this program lets it read, in each domain that comes; and it names the
 * domain to the guests. Both for as long as there is such a domain, whatever domids it has, and for
 * as long as we run.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/advert.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/store.h"

enum { EXIT_USAGE = 2, RETRY_MS = 1000, PATH_SIZE = 96, NONE = -1, DOMIDS = 0x7ff0 };

static const char usage[] =
	"Usage: xcp-bus-domain [OPTION]... DOMAIN\n"
	"Lets the message bus be in DOMAIN, a name or a domid. For dom0.\n"
	"\n"
	"Guests are told where the bus is, and xcp-busd in DOMAIN may see which domains there are "
	"and\n"
	"what the toolstack says of them, while this program runs.\n"
	"\n"
	"  --verbose           say which domains it may see\n"
	"  --help, --version\n"
	"\n"
	"It stays in the foreground and writes to standard error. See xcp-bus-domain(8).\n";

struct place {
	const char *name; /* or number */
	struct store *store;
	int64_t domid; /* of the bus now; NONE: there is no such domain */
	uint32_t named; /* what xenstore said before: it may still be let in */
	bool is_there[DOMIDS], was_there[DOMIDS]; /* the second are watched */
};

/* What a domain is, in words of dom0 that guests cannot write. */
static const char *const readable[] = { "vm", "name", "target", "xcp-bus", "xcp-bus/own" };

static bool is_called(struct place *place, const char *domid)
{
	CLEANUP(cleanup_free) char *name = NULL;
	char path[PATH_SIZE];

	if (!strcmp(domid, place->name))
		return true;
	snprintf(path, sizeof(path), "/local/domain/%.16s/name", domid);
	return store_read(place->store, path, &name, NULL) == 0 && !strcmp(name, place->name);
}

static int allow(struct place *place, const char *path)
{
	int r = store_let_read(place->store, path, (uint32_t)place->domid, place->named);

	return r == -ENOENT ? 0 : r; /* not written, or gone already */
}

static int allow_domain(struct place *place, const char *domid)
{
	char path[PATH_SIZE];
	unsigned i;
	int r = 0;

	/* What says who it is comes last: with that the bus begins to look. */
	for (i = sizeof(readable) / sizeof(*readable); i-- > 0 && r == 0;) {
		snprintf(path, sizeof(path), "/local/domain/%.16s/%s", domid, readable[i]);
		r = allow(place, path);
	}
	log_debug("domain %s may be seen", domid);
	return r;
}

static void leave(struct place *place)
{
	if (place->domid == NONE)
		return;
	log_info("domain %" PRId64 ", in which the bus was, is gone", place->domid);
	advert_unname_domain(place->store, (uint32_t)place->domid);
	place->named = (uint32_t)place->domid;
	place->domid = NONE;
}

static int enter(struct place *place, uint32_t domid)
{
	struct advert before = { 0 };

	if (advert_read(place->store, &before) == 0)
		place->named = before.domid;
	place->domid = domid;
	log_info("the bus is in domain %" PRIu32, domid);
	return advert_name_domain(place->store, domid);
}

/* The toolstack may write later what a domain may own. */
static int watch(struct place *place)
{
	char path[PATH_SIZE];
	uint32_t domid;
	int r = 0;

	for (domid = 0; domid < DOMIDS && r == 0; domid++) {
		if (place->is_there[domid] == place->was_there[domid])
			continue;
		snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/xcp-bus", domid);
		if (place->is_there[domid])
			r = store_watch(place->store, path, "domains");
		else
			store_unwatch(place->store, path, "domains");
		place->was_there[domid] = place->is_there[domid];
	}
	return r;
}

/* All domains anew: after one came or went. */
static int look(struct place *place)
{
	CLEANUP(cleanup_free) char **domids = NULL;
	unsigned count, i;
	int64_t found = NONE;
	int r = store_list(place->store, "/local/domain", &domids, &count);

	for (i = 0; r == 0 && i < count && found == NONE; i++)
		if (is_called(place, domids[i]))
			found = (int64_t)strtoul(domids[i], NULL, 10);
	if (found == 0) {
		log_error("%s is domain 0: xcp-busd needs no help there", place->name);
		exit(EXIT_FAILURE);
	}
	if (r == 0 && found != place->domid) {
		leave(place);
		if (found != NONE)
			r = enter(place, (uint32_t)found);
	}
	if (r < 0 || place->domid == NONE)
		return r;
	memset(place->is_there, 0, sizeof(place->is_there));
	for (i = 0; r == 0 && i < count; i++) {
		unsigned long domid = strtoul(domids[i], NULL, 10);

		if (domid < DOMIDS)
			place->is_there[domid] = true;
		r = allow_domain(place, domids[i]);
	}
	if (r == 0)
		r = allow(place, "/local/domain");
	return r < 0 ? r : watch(place);
}

static int open_place(struct place *place)
{
	int r = store_open_for_long(&place->store);

	if (r == 0)
		r = store_watch(place->store, "@introduceDomain", "domains");
	if (r == 0)
		r = store_watch(place->store, "@releaseDomain", "domains");
	place->domid = NONE;
	memset(place->was_there, 0, sizeof(place->was_there));
	return r;
}

/* Takes in what has happened. */
static int run(struct place *place)
{
	const char *path, *token;
	int r = place->store ? 0 : open_place(place);

	while (r == 0 && (r = store_next_event(place->store, &path, &token)) > 0)
		r = 0;
	return r < 0 ? r : look(place);
}

static int open_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int serve(struct place *place)
{
	CLEANUP(cleanup_close) int signal_fd = open_signals();
	struct pollfd fds[] = { { .fd = signal_fd, .events = POLLIN }, { .events = POLLIN } };
	CLEANUP(cleanup_close) int manager = notify_open();
	bool is_lost = false, is_ready = false;
	int r;

	while (!fds[0].revents) {
		r = run(place);
		if (r < 0 && !is_lost)
			log_error("xenstored: %s; trying again", strerror(-r));
		if (r < 0)
			place->store = store_free(place->store);
		else if (is_lost)
			log_info("xenstored is back");
		is_lost = r < 0;
		if (!is_lost && !is_ready)
			notify_state(manager, "READY=1");
		is_ready |= !is_lost;
		fds[1].fd = place->store ? store_fd(place->store) : -1;
		poll(fds, 2, place->store ? -1 : RETRY_MS);
	}
	/* The bus in the domain goes on with those whom it knows. */
	if (place->store && place->domid != NONE)
		advert_unname_domain(place->store, (uint32_t)place->domid);
	store_free(place->store);
	return 0;
}

static int fail_usage(const char *what)
{
	fprintf(stderr, "xcp-bus-domain: %s\nTry xcp-bus-domain --help.\n", what);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	static struct place place = { .domid = NONE };
	enum log_level level = LOG_LEVEL_INFO;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'v':
			level = LOG_LEVEL_DEBUG;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			puts("xcp-bus-domain " XCP_BUS_VERSION);
			return 0;
		default:
			return fail_usage("only these options are known");
		}
	}
	if (optind + 1 != argc || !*argv[optind])
		return fail_usage("one domain is wanted, a name or a domid");
	place.name = argv[optind];
	log_open("xcp-bus-domain", level, LOG_TO_STDERR);
	signal(SIGPIPE, SIG_IGN); /* xenstored may end at any moment */
	return serve(&place);
}
