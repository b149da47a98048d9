/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/dialer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "common/advert.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/thread.h"
#include "io/guests.h"

enum { REOPEN_MS = 1000, STOP_SECONDS = 1, BEGIN_SECONDS = 2, SLOW_US = 5 * 1000000 };

struct report {
	struct list queue_link;
	uint64_t generation;
	enum dialer_report report;
	unsigned pages;
};

struct dialer {
	struct guests guests; /* the thread's */
	struct vchan_limits limits; /* the thread's, too */
	char run[ADVERT_RUN_MAX + 1];
	pthread_t thread;
	int events_fd; /* to the loop: there are events */
	int wake_fd; /* to the thread: there are reports, or it is to stop */
	pthread_mutex_t lock; /* for what follows */
	struct list events; /* dialer_event::queue_link */
	struct list reports; /* report::queue_link */
	struct vchan_limits new_limits; /* the same unless they were just set */
	bool is_stopping;
	bool is_elsewhere;
	bool has_begun; /* it has asked xenstored once */
	struct dialer_view view; /* but for what it waits */
	uint64_t busy_since_us; /* 0: it has nothing to do */
	pthread_cond_t begun;
	uint32_t own_domid; /* as it was at the start */
};

static void ring(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return; /* it is full of wake-ups already */
}

static void hush(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return; /* nobody rang */
}

void dialer_event_free(struct dialer_event *event)
{
	stream_close(event->stream);
	free(event->identity.own);
	free(event);
}

static bool hand_over(void *context, uint64_t generation, struct stream *stream,
		      const struct identity *identity)
{
	struct dialer *dialer = context;
	struct dialer_event *event = calloc(1, sizeof(*event));

	if (!event) {
		/* A lost link is its guest's to make again. The end of a domain is found out by its
		 * rings. */
		log_error("no memory for what domain %u does", identity->domid);
		stream_close(stream);
		free(identity->own);
		return false;
	}
	event->generation = generation;
	event->stream = stream;
	event->identity = *identity;
	pthread_mutex_lock(&dialer->lock);
	list_push_back(&dialer->events, &event->queue_link);
	pthread_mutex_unlock(&dialer->lock);
	ring(dialer->events_fd);
	return true;
}

static void take_limits(void *context)
{
	struct dialer *dialer = context;

	pthread_mutex_lock(&dialer->lock);
	dialer->limits = dialer->new_limits;
	pthread_mutex_unlock(&dialer->lock);
}

/* And new limits. False if the dialer is to stop. */
static bool take_reports(struct dialer *dialer)
{
	struct report *report;
	bool is_stopping;

	hush(dialer->wake_fd);
	take_limits(dialer);
	for (;;) {
		pthread_mutex_lock(&dialer->lock);
		is_stopping = dialer->is_stopping;
		report = list_first(&dialer->reports, struct report, queue_link);
		if (report)
			list_remove(&report->queue_link);
		pthread_mutex_unlock(&dialer->lock);
		if (!report)
			return !is_stopping;
		guests_report(&dialer->guests, report->generation, report->report, report->pages);
		free(report);
	}
}

/* Milliseconds until there is something to do without being told. */
static int work(struct dialer *dialer)
{
	struct guests *guests = &dialer->guests;
	uint64_t began = clock_us(), took;
	int timeout = REOPEN_MS, poll_ms;

	if (!guests->store && !guests_reopen(guests)) {
		guests_poll(guests, began);
		return REOPEN_MS;
	}
	if (guests_take_events(guests) < 0) {
		log_error("xenstored is gone: rings of guests wait until it is back");
		guests->store = store_free(guests->store);
	} else {
		timeout = guests_look(guests, began);
		poll_ms = guests_poll(guests, began);
		if (poll_ms >= 0 && (timeout < 0 || poll_ms < timeout))
			timeout = poll_ms;
	}
	took = clock_us() - began;
	if (took > SLOW_US)
		log_warning("xenstored kept new links waiting for %u s",
			    (unsigned)(took / 1000000));
	return timeout;
}

/* Whoever is interested is told of what is new. */
static void say_how_it_is(struct dialer *dialer, uint64_t busy_since_us)
{
	const struct guests *guests = &dialer->guests;
	struct dialer_view view = {
		.has_store = guests->store,
		.is_blind = guests->is_blind,
		.refused = guests->refused_total,
	};
	struct dialer_view *known = &dialer->view;
	bool is_new;

	pthread_mutex_lock(&dialer->lock);
	is_new = view.has_store != known->has_store || view.is_blind != known->is_blind ||
		 view.refused != known->refused;
	*known = view;
	dialer->busy_since_us = busy_since_us;
	pthread_mutex_unlock(&dialer->lock);
	if (is_new)
		ring(dialer->events_fd);
}

void dialer_look(struct dialer *dialer, struct dialer_view *view)
{
	pthread_mutex_lock(&dialer->lock);
	*view = dialer->view;
	if (dialer->busy_since_us)
		view->waiting_us = clock_us() - dialer->busy_since_us;
	pthread_mutex_unlock(&dialer->lock);
}

static void say_elsewhere(struct dialer *dialer)
{
	pthread_mutex_lock(&dialer->lock);
	dialer->is_elsewhere = true;
	pthread_mutex_unlock(&dialer->lock);
	ring(dialer->events_fd);
}

static void say_begun(struct dialer *dialer)
{
	if (dialer->has_begun)
		return; /* only this thread writes it */
	pthread_mutex_lock(&dialer->lock);
	dialer->has_begun = true;
	pthread_cond_signal(&dialer->begun);
	pthread_mutex_unlock(&dialer->lock);
}

/* Who is told that we are ready may expect that guests find us, if xenstored is there and
 * answers. */
static void wait_until_begun(struct dialer *dialer)
{
	struct timespec deadline;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += BEGIN_SECONDS;
	pthread_mutex_lock(&dialer->lock);
	while (!dialer->has_begun && r == 0)
		r = pthread_cond_timedwait(&dialer->begun, &dialer->lock, &deadline);
	if (r)
		log_info("xenstored does not answer: rings of guests wait for it");
	pthread_mutex_unlock(&dialer->lock);
}

static void *dialer_thread(void *data)
{
	struct dialer *dialer = data;
	int timeout = 0;

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = dialer->wake_fd, .events = POLLIN },
			{ .fd = dialer->guests.store ? store_fd(dialer->guests.store) : -1,
			  .events = POLLIN },
		};

		poll(fds, 2, timeout);
		if (!take_reports(dialer))
			break;
		say_how_it_is(dialer, clock_us());
		timeout = work(dialer);
		say_how_it_is(dialer, 0);
		if (dialer->guests.is_elsewhere)
			say_elsewhere(dialer);
		say_begun(dialer);
	}
	guests_withdraw(&dialer->guests);
	return NULL;
}

static void dialer_free(struct dialer *dialer)
{
	struct dialer_event *event;
	struct report *report;

	while ((event = list_first(&dialer->events, struct dialer_event, queue_link))) {
		list_remove(&event->queue_link);
		dialer_event_free(event);
	}
	while ((report = list_first(&dialer->reports, struct report, queue_link))) {
		list_remove(&report->queue_link);
		free(report);
	}
	close(dialer->events_fd);
	close(dialer->wake_fd);
	pthread_cond_destroy(&dialer->begun);
	pthread_mutex_destroy(&dialer->lock);
	free(dialer);
}

int dialer_start(const struct vchan_limits *limits, const char *run, struct dialer **out, char *why,
		 size_t why_size)
{
	struct dialer *dialer = calloc(1, sizeof(*dialer));

	if (!dialer) {
		snprintf(why, why_size, "no memory");
		return -1;
	}
	list_init(&dialer->events);
	list_init(&dialer->reports);
	pthread_mutex_init(&dialer->lock, NULL);
	pthread_cond_init(&dialer->begun, NULL);
	dialer->events_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	dialer->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	dialer->limits = dialer->new_limits = *limits;
	snprintf(dialer->run, sizeof(dialer->run), "%s", run);
	dialer->guests = (struct guests){
		.limits = &dialer->limits,
		.run = dialer->run,
		.take_limits = take_limits,
		.hand_over = hand_over,
		.context = dialer,
	};
	snprintf(why, why_size, "no file descriptors");
	if (dialer->events_fd < 0 || dialer->wake_fd < 0 ||
	    guests_open(&dialer->guests, why, why_size) < 0) {
		dialer_free(dialer);
		return -1;
	}
	dialer->own_domid = dialer->guests.own_domid;
	if (thread_start(dialer_thread, dialer, &dialer->thread) < 0) {
		snprintf(why, why_size, "no thread for the rings of guests");
		guests_close(&dialer->guests);
		dialer_free(dialer);
		return -1;
	}
	wait_until_begun(dialer);
	*out = dialer;
	return 0;
}

void dialer_set_limits(struct dialer *dialer, const struct vchan_limits *limits)
{
	pthread_mutex_lock(&dialer->lock);
	dialer->new_limits = *limits;
	pthread_mutex_unlock(&dialer->lock);
	ring(dialer->wake_fd); /* offers that had to wait may be dealt with now */
}

uint32_t dialer_own_domid(const struct dialer *dialer)
{
	return dialer->own_domid;
}

void dialer_stop(struct dialer *dialer)
{
	struct timespec deadline;

	if (!dialer)
		return;
	pthread_mutex_lock(&dialer->lock);
	dialer->is_stopping = true;
	pthread_mutex_unlock(&dialer->lock);
	ring(dialer->wake_fd);
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += STOP_SECONDS;
	if (pthread_timedjoin_np(dialer->thread, NULL, &deadline) != 0) {
		log_warning("xenstored does not answer: leaving without waiting for it");
		return;
	}
	guests_close(&dialer->guests);
	dialer_free(dialer);
}

int dialer_fd(const struct dialer *dialer)
{
	return dialer->events_fd;
}

struct dialer_event *dialer_take(struct dialer *dialer)
{
	struct dialer_event *event;

	hush(dialer->events_fd);
	pthread_mutex_lock(&dialer->lock);
	event = list_first(&dialer->events, struct dialer_event, queue_link);
	if (event)
		list_remove(&event->queue_link);
	pthread_mutex_unlock(&dialer->lock);
	return event;
}

bool dialer_is_elsewhere(struct dialer *dialer)
{
	bool is_elsewhere;

	pthread_mutex_lock(&dialer->lock);
	is_elsewhere = dialer->is_elsewhere;
	pthread_mutex_unlock(&dialer->lock);
	return is_elsewhere;
}

void dialer_report(struct dialer *dialer, uint64_t generation, enum dialer_report what,
		   unsigned pages)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report) {
		/* The domain is thought to have a link more than it has. */
		log_error("no memory for the end of a link");
		return;
	}
	report->generation = generation;
	report->report = what;
	report->pages = pages;
	pthread_mutex_lock(&dialer->lock);
	list_push_back(&dialer->reports, &report->queue_link);
	pthread_mutex_unlock(&dialer->lock);
	ring(dialer->wake_fd);
}
