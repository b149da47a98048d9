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

enum {
	EXIT_USAGE = 2,
	RETRY_MS = 1000,
	PATH_SIZE = 96,
	VM_SIZE = 64,
	UUID_LENGTH = 36,
	NONE = -1,
	DOMIDS = 0x7ff0,
};

static const char usage[] =
	"Usage: xcp-bus-domain [OPTION]... DOMAIN\n"
	"Lets the message bus be in DOMAIN, a uuid, a name or a domid. For dom0.\n"
	"\n"
	"Guests are told where the bus is, and xcp-busd in DOMAIN may see which domains there\n"
	"are and what the toolstack says of them, while this program runs.\n"
	"\n"
	"  --verbose           say which domains it may see\n"
	"  --help, --version\n"
	"\n"
	"It stays in the foreground and writes to standard error. See xcp-bus-domain(8).\n";

struct domain {
	int64_t domid; /* or NONE */
	char vm[VM_SIZE]; /* who it is: "/vm/" and a uuid, in the toolstack's word */
};

struct place {
	const char *name; /* what the domain of the bus is called */
	enum { BY_NAME, BY_UUID, BY_DOMID } kind; /* of name */
	struct store *store;
	struct domain bus; /* as it is now; of a domid, who it was stays after it has gone */
	uint32_t forget; /* may still be let in; 0: nobody */
	bool has_looked; /* since the store was opened */
	bool is_unclear; /* who is meant, and it was said */
	bool is_there[DOMIDS], was_there[DOMIDS]; /* the second are watched */
};

/* What a domain is, in words of dom0 that guests cannot write. */
static const char *const readable[] = { "vm", "name", "target", "xcp-bus", "xcp-bus/own" };

static bool is_called(struct place *place, const char *domid, const char *vm)
{
	static const char prefix[] = "/vm/";
	CLEANUP(cleanup_free) char *name = NULL;
	char path[PATH_SIZE];

	if (place->kind == BY_DOMID)
		return !strcmp(domid, place->name);
	if (place->kind == BY_UUID)
		return !strncmp(vm, prefix, strlen(prefix)) &&
		       !strcasecmp(vm + strlen(prefix), place->name);
	snprintf(path, sizeof(path), "/local/domain/%.16s/name", domid);
	return store_read(place->store, path, &name, NULL) == 0 && !strcmp(name, place->name);
}

/* Whether the domain is one that the name may mean. Nodes may be left of one that is no more. */
static bool meet(struct place *place, const char *domid, struct domain *domain)
{
	CLEANUP(cleanup_free) char *vm = NULL;
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/local/domain/%.16s/vm", domid);
	domain->domid = (int64_t)strtoul(domid, NULL, 10);
	store_read(place->store, path, &vm, NULL);
	snprintf(domain->vm, sizeof(domain->vm), "%s", vm ? vm : "");
	return is_called(place, domid, domain->vm) &&
	       store_knows_domain(place->store, (uint32_t)domain->domid);
}

static void set_unclear(struct place *place, bool is_unclear)
{
	if (is_unclear && !place->is_unclear && place->kind == BY_DOMID)
		log_warning("domain %s is another one now: the bus is not there", place->name);
	else if (is_unclear && !place->is_unclear)
		log_warning("more than one domain is called %s: only the one that was it first can "
			    "be that of the bus",
			    place->name);
	place->is_unclear = is_unclear;
}

/* The domain that the name means, with the domid NONE if there is none. It is not for guests to
 * become it: by a number that comes back, or by a name that some toolstacks let them choose. Who is
 * the domain of the bus stays it, whoever else is called so. */
static struct domain find(struct place *place, char **domids, unsigned count)
{
	struct domain found = { .domid = NONE }, one;
	unsigned matches = 0, i;
	bool is_same = false;

	for (i = 0; i < count; i++) {
		if (!meet(place, domids[i], &one))
			continue;
		matches++;
		if (!is_same)
			found = one;
		is_same |= one.domid == place->bus.domid && !strcmp(one.vm, place->bus.vm);
	}
	if (place->kind == BY_DOMID)
		set_unclear(place,
			    matches && *place->bus.vm && strcmp(found.vm, place->bus.vm) != 0);
	else
		set_unclear(place, matches > 1);
	if (place->is_unclear && !is_same)
		found.domid = NONE;
	return found;
}

static int allow(struct place *place, const char *path)
{
	uint32_t domid = place->bus.domid == NONE ? 0 : (uint32_t)place->bus.domid;
	int r = store_let_read(place->store, path, domid, place->forget);

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
	return r;
}

static void leave(struct place *place)
{
	if (place->bus.domid == NONE)
		return;
	log_info("domain %" PRId64 ", in which the bus was, is gone", place->bus.domid);
	advert_unname_domain(place->store, (uint32_t)place->bus.domid);
	place->forget = (uint32_t)place->bus.domid;
	place->bus.domid = NONE;
}

static int enter(struct place *place, const struct domain *domain)
{
	int r;

	place->bus = *domain;
	r = advert_name_domain(place->store, (uint32_t)domain->domid);
	if (r == 0)
		log_info("the bus is in domain %" PRId64, domain->domid);
	return r == -ENOENT ? 0 : r; /* it has gone again, and we will be told */
}

/* Somebody who was killed may have named a domain that is gone, and its number another's. */
static void take_over(struct place *place, const struct domain *found)
{
	struct advert before;
	bool is_first = !place->has_looked;

	place->has_looked = true;
	if (!is_first || advert_read(place->store, &before) < 0)
		return;
	place->forget = before.domid;
	if (before.domid && before.domid != found->domid)
		advert_unname_domain(place->store, before.domid);
}

/* Of those that are new: the toolstack may write later what a domain may own. */
static int watch(struct place *place)
{
	char path[PATH_SIZE];
	uint32_t domid;
	int r = 0;

	for (domid = 0; domid < DOMIDS && r == 0; domid++) {
		if (place->is_there[domid] == place->was_there[domid])
			continue;
		snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/xcp-bus", domid);
		if (place->is_there[domid]) {
			log_debug("domain %" PRIu32 " may be seen", domid);
			r = store_watch(place->store, path, "domains");
		} else {
			store_unwatch(place->store, path, "domains");
		}
		place->was_there[domid] = place->is_there[domid];
	}
	return r;
}

static int allow_all(struct place *place, char **domids, unsigned count)
{
	unsigned long domid;
	unsigned i;
	int r = 0;

	memset(place->is_there, 0, sizeof(place->is_there));
	for (i = 0; r == 0 && i < count; i++) {
		domid = strtoul(domids[i], NULL, 10);
		if (domid < DOMIDS)
			place->is_there[domid] = true;
		r = allow_domain(place, domids[i]);
	}
	if (r == 0)
		r = allow(place, "/local/domain");
	if (r == 0)
		place->forget = 0;
	return r < 0 || place->bus.domid == NONE ? r : watch(place);
}

static bool is_same(const struct domain *a, const struct domain *b)
{
	return a->domid == b->domid && (a->domid == NONE || !strcmp(a->vm, b->vm));
}

/* All domains anew: after one came or went. */
static int look(struct place *place)
{
	CLEANUP(cleanup_free) char **domids = NULL;
	struct domain found;
	unsigned count;
	int r = store_list(place->store, "/local/domain", &domids, &count);

	if (r < 0)
		return r;
	found = find(place, domids, count);
	if (found.domid == 0) {
		log_error("%s is domain 0: xcp-busd needs no help there", place->name);
		exit(EXIT_FAILURE);
	}
	take_over(place, &found);
	if (!is_same(&found, &place->bus)) {
		leave(place);
		if (found.domid != NONE)
			r = enter(place, &found);
	}
	/* xenstored forgets what a domain that has gone might read; but we may have let it in
	 * after that. */
	if (r < 0 || (place->bus.domid == NONE && !place->forget))
		return r;
	return allow_all(place, domids, count);
}

static int open_place(struct place *place)
{
	int r = store_open_for_long(&place->store);

	if (r == 0)
		r = store_watch(place->store, "@introduceDomain", "domains");
	if (r == 0)
		r = store_watch(place->store, "@releaseDomain", "domains");
	place->bus.domid = NONE;
	place->has_looked = false;
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
	if (place->store && place->bus.domid != NONE)
		advert_unname_domain(place->store, (uint32_t)place->bus.domid);
	store_free(place->store);
	return 0;
}

/* A domain whose name is another's number or uuid is not meant. */
static void set_name(struct place *place, const char *name)
{
	place->name = name;
	if (name[strspn(name, "0123456789")] == '\0')
		place->kind = BY_DOMID;
	else if (strlen(name) == UUID_LENGTH &&
		 strspn(name, "0123456789abcdefABCDEF-") == UUID_LENGTH)
		place->kind = BY_UUID;
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
	static struct place place = { .bus.domid = NONE };
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
		return fail_usage("one domain is wanted: a uuid, a name or a domid");
	set_name(&place, argv[optind]);
	log_open("xcp-bus-domain", level, LOG_TO_STDERR);
	signal(SIGPIPE, SIG_IGN); /* xenstored may end at any moment */
	return serve(&place);
}
