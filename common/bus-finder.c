/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/bus-finder.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/thread.h"

/* The domain of the bus writes one of the nodes itself, as often as it likes, and each look costs
 * xenstored seven answers: so there are a few at once, and then five in a second. */
enum { REOPEN_MS = 1000, LOOK_EVERY_MS = 200, LOOKS_AT_ONCE = 10 };

/* Shared by the caller and the thread: whoever is the last to leave frees it. */
struct bus_finder {
	pthread_mutex_t lock; /* of these three */
	struct bus_place place;
	unsigned users;

	int news_fd; /* eventfd: the place is another */
	int stop_fd; /* eventfd: nobody wants to know any more */

	/* the thread's own */
	struct store *store;
	char mark_path[ADVERT_PATH_MAX], run_path[ADVERT_PATH_MAX]; /* watched; empty: not */
	bool is_watching; /* the event that every watch begins with has come */
	int64_t domid; /* that was named last; -1: none */
	unsigned resumes;
	int64_t looks_until_ms; /* ours are spent until then */
};

static void finder_leave(struct bus_finder *finder)
{
	bool is_last;

	pthread_mutex_lock(&finder->lock);
	is_last = --finder->users == 0;
	pthread_mutex_unlock(&finder->lock);
	if (!is_last)
		return;
	if (finder->news_fd >= 0)
		close(finder->news_fd);
	if (finder->stop_fd >= 0)
		close(finder->stop_fd);
	pthread_mutex_destroy(&finder->lock);
	free(finder);
}

bool bus_place_is_same(const struct bus_place *a, const struct bus_place *b)
{
	return a->found == BUS_FOUND && b->found == BUS_FOUND && a->own_domid == b->own_domid &&
	       a->resumes == b->resumes && a->advert.domid == b->advert.domid &&
	       !strcmp(a->advert.run, b->advert.run);
}

enum bus_journey bus_place_journey(const struct bus_place *before, const struct bus_place *now)
{
	if (before->found < BUS_FOUND_NOWHERE || now->found < BUS_FOUND_NOWHERE)
		return BUS_JOURNEY_NONE;
	if (before->own_domid != now->own_domid)
		return BUS_JOURNEY_MOVED;
	return before->resumes != now->resumes ? BUS_JOURNEY_RESUMED : BUS_JOURNEY_NONE;
}

static void tell(struct bus_finder *finder, const struct bus_place *place)
{
	bool is_new;

	pthread_mutex_lock(&finder->lock);
	is_new = place->found != finder->place.found ||
		 place->own_domid != finder->place.own_domid ||
		 (place->found == BUS_FOUND && !bus_place_is_same(place, &finder->place));
	finder->place = *place;
	pthread_mutex_unlock(&finder->lock);
	if (is_new)
		eventfd_write(finder->news_fd, 1);
}

static int watch_instead(struct bus_finder *finder, char old[ADVERT_PATH_MAX], const char *path)
{
	int r;

	if (!strcmp(path, old))
		return 0;
	if (*old)
		store_unwatch(finder->store, old, "named");
	r = store_watch(finder->store, path, "named");
	snprintf(old, ADVERT_PATH_MAX, "%s", r < 0 ? "" : path);
	return r;
}

/* In the domain that is named the other two nodes are watched as well. */
static int follow(struct bus_finder *finder, uint32_t domid)
{
	char path[ADVERT_PATH_MAX];
	int r;

	advert_mark_path(path, domid);
	r = watch_instead(finder, finder->mark_path, path);
	advert_run_path(path, domid);
	return r < 0 ? r : watch_instead(finder, finder->run_path, path);
}

/* What xenstore says just now. A negative errno if it does not answer. */
static int look(struct bus_finder *finder, struct bus_place *place)
{
	int r = store_own_domid(finder->store, &place->own_domid);

	if (r == 0)
		r = advert_read(finder->store, &place->advert);
	if (r == 0)
		r = follow(finder, place->advert.domid);
	/* Again: it may have come before the watch. */
	if (r == 0)
		r = advert_read(finder->store, &place->advert);
	place->found = BUS_FOUND_NOWHERE;
	if (r == -ENOENT)
		snprintf(place->why, sizeof(place->why),
			 "xenstore names no domain in which the bus is (" ADVERT_DOMID_PATH
			 "): is xcp-busd running?");
	else if (r == -EPROTO)
		snprintf(place->why, sizeof(place->why), ADVERT_DOMID_PATH " is no domid");
	else if (r == 0 && !place->advert.is_marked)
		snprintf(place->why, sizeof(place->why),
			 "domain %u, which xenstore names, is not that of the bus any more (%s is "
			 "not there)",
			 place->advert.domid, finder->mark_path);
	else if (r == 0 && !*place->advert.run)
		snprintf(place->why, sizeof(place->why),
			 "xcp-busd in domain %u does not run, or takes no rings (%s is not there)",
			 place->advert.domid, finder->run_path);
	else if (r == 0)
		place->found = BUS_FOUND;
	return r == -ENOENT || r == -EPROTO ? 0 : r;
}

/* The kernel makes all watches anew when its domain was suspended and goes on, and each begins with
 * an event. So one about a node that is as it was tells of that: no ring of before is alive. */
static void notice_resume(struct bus_finder *finder, const struct bus_place *place, bool was_fired)
{
	int64_t domid = place->found == BUS_FOUND ? (int64_t)place->advert.domid : -1;

	if (was_fired && finder->is_watching && domid >= 0 && domid == finder->domid)
		finder->resumes++;
	finder->is_watching |= was_fired;
	finder->domid = domid;
}

static int open_store(struct bus_finder *finder)
{
	int r = store_open_for_long(&finder->store);

	*finder->mark_path = *finder->run_path = '\0';
	finder->is_watching = false;
	return r < 0 ? r : store_watch(finder->store, ADVERT_DOMID_PATH, "domid");
}

/* Takes in what has happened. A negative errno if xenstored is not there. */
static int run(struct bus_finder *finder)
{
	struct bus_place place = { 0 };
	const char *path, *token;
	bool was_fired = false;
	int r = finder->store ? 0 : open_store(finder);

	/* All events first: whatever they are about, all is read anew. */
	while (r == 0 && (r = store_next_event(finder->store, &path, &token)) > 0) {
		was_fired |= !strcmp(token, "domid");
		r = 0;
	}
	if (r == 0)
		r = look(finder, &place);
	if (r < 0)
		return r;
	notice_resume(finder, &place, was_fired);
	place.resumes = finder->resumes;
	tell(finder, &place);
	return 0;
}

static void lose_store(struct bus_finder *finder, int failure)
{
	struct bus_place place = { .found = BUS_FOUND_NO_STORE };
	bool was_found;

	finder->store = store_free(finder->store);
	pthread_mutex_lock(&finder->lock);
	was_found = finder->place.found >= BUS_FOUND_NOWHERE;
	pthread_mutex_unlock(&finder->lock);
	/* If xenstored comes back, what it said before may still be true. */
	if (was_found)
		return;
	snprintf(place.why, sizeof(place.why), "xenstore cannot be reached (%s): %s",
		 strerror(-failure), store_hint(failure));
	tell(finder, &place);
}

/* After a look: how long what happens is left alone. */
static int pause_ms(struct bus_finder *finder)
{
	int64_t now = (int64_t)(clock_us() / 1000);
	int64_t earliest = now - LOOKS_AT_ONCE * LOOK_EVERY_MS;

	if (finder->looks_until_ms < earliest)
		finder->looks_until_ms = earliest;
	finder->looks_until_ms += LOOK_EVERY_MS;
	return finder->looks_until_ms > now ? (int)(finder->looks_until_ms - now) : 0;
}

static void *finder_thread(void *data)
{
	struct bus_finder *finder = data;
	int r;

	for (;;) {
		struct pollfd fds[] = { { .fd = finder->stop_fd, .events = POLLIN },
					{ .events = POLLIN } };

		r = run(finder);
		if (r < 0)
			lose_store(finder, r);
		if (poll(fds, 1, pause_ms(finder)) > 0)
			break;
		fds[1].fd = finder->store ? store_fd(finder->store) : -1;
		poll(fds, 2, finder->store ? -1 : REOPEN_MS);
		if (fds[0].revents)
			break;
	}
	store_free(finder->store);
	finder_leave(finder);
	return NULL;
}

static int start_thread(struct bus_finder *finder)
{
	pthread_t thread;
	int r = thread_start(finder_thread, finder, &thread);

	if (r == 0)
		pthread_detach(thread);
	return r;
}

int bus_finder_start(struct bus_finder **out)
{
	struct bus_finder *finder = calloc(1, sizeof(*finder));
	int r = 0;

	if (!finder)
		return -ENOMEM;
	pthread_mutex_init(&finder->lock, NULL);
	finder->users = 2;
	finder->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	finder->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (finder->news_fd < 0 || finder->stop_fd < 0)
		r = -errno;
	if (r == 0)
		r = start_thread(finder);
	if (r < 0) {
		finder->users = 1;
		finder_leave(finder);
		return r;
	}
	*out = finder;
	return 0;
}

struct bus_finder *bus_finder_stop(struct bus_finder *finder)
{
	if (!finder)
		return NULL;
	eventfd_write(finder->stop_fd, 1);
	finder_leave(finder);
	return NULL;
}

int bus_finder_fd(const struct bus_finder *finder)
{
	return finder->news_fd;
}

bool bus_finder_has_news(const struct bus_finder *finder)
{
	struct pollfd fd = { .fd = finder->news_fd, .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

void bus_finder_look(struct bus_finder *finder, struct bus_place *place)
{
	eventfd_t count;

	if (eventfd_read(finder->news_fd, &count) < 0)
		count = 0; /* nothing new: what is known already is asked for */
	pthread_mutex_lock(&finder->lock);
	*place = finder->place;
	pthread_mutex_unlock(&finder->lock);
}
