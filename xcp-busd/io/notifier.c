/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/notifier.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/notify.h"
#include "core/survey.h"

enum { STATUS_MAX = 160, STATUS_S = 10 };

struct notifier {
	struct server *server;
	int fd;
	struct event *watchdog, *status; /* NULL: nobody wants to know */
	uint64_t messages, counted_us; /* as of the last line */
	char line[STATUS_MAX]; /* that was said last */
};

/* Twice in the time that the manager gives: one may be lost. */
static void on_watchdog(evutil_socket_t fd, short events, void *data)
{
	const struct notifier *notifier = data;

	(void)fd;
	(void)events;
	notify_hint(notifier->fd, "WATCHDOG=1");
}

/* "1 link", "2 links" */
static size_t put_count(char *out, size_t size, uint64_t count, const char *what)
{
	return (size_t)snprintf(out, size, "%" PRIu64 " %s%s", count, what, count == 1 ? "" : "s");
}

static void format_status(struct notifier *notifier, char line[STATUS_MAX])
{
	const struct bus *bus = &notifier->server->bus;
	uint64_t messages, passed_us = bus->now_us - notifier->counted_us;
	struct survey survey;
	size_t used;

	survey_bus(bus, &survey);
	messages = survey.past.traffic.of[TRAFFIC_MESSAGES_SENT];
	used = (size_t)snprintf(line, STATUS_MAX, "STATUS=");
	used += put_count(line + used, STATUS_MAX - used, survey.links, "link");
	used += (size_t)snprintf(line + used, STATUS_MAX - used, ", ");
	used += put_count(line + used, STATUS_MAX - used, survey_count_domains(bus), "guest");
	used += (size_t)snprintf(line + used, STATUS_MAX - used, ", ");
	used += put_count(line + used, STATUS_MAX - used, bus->replies.slot_count, "pending call");
	if (notifier->counted_us && passed_us)
		snprintf(line + used, STATUS_MAX - used, ", %" PRIu64 " messages/s",
			 (messages - notifier->messages) * 1000000 / passed_us);
	notifier->messages = messages;
	notifier->counted_us = bus->now_us;
}

static void on_status(evutil_socket_t fd, short events, void *data)
{
	struct notifier *notifier = data;
	char line[STATUS_MAX];

	(void)fd;
	(void)events;
	server_begin_round(notifier->server);
	format_status(notifier, line);
	if (!strcmp(line, notifier->line))
		return;
	strcpy(notifier->line, line);
	notify_hint(notifier->fd, line);
}

static struct event *every(struct notifier *notifier, uint64_t period_us,
			   event_callback_fn callback)
{
	struct timeval period = { .tv_sec = (time_t)(period_us / 1000000),
				  .tv_usec = (suseconds_t)(period_us % 1000000) };
	struct event *event = event_new(notifier->server->base, -1, EV_PERSIST, callback, notifier);

	if (event && event_add(event, &period) == 0)
		return event;
	if (event)
		event_free(event);
	return NULL;
}

struct notifier *notifier_free(struct notifier *notifier)
{
	if (!notifier)
		return NULL;
	if (notifier->watchdog)
		event_free(notifier->watchdog);
	if (notifier->status)
		event_free(notifier->status);
	free(notifier);
	return NULL;
}

DEFINE_FREEP(struct notifier, notifier_free)

struct notifier *notifier_new(struct server *server, int fd, uint64_t watchdog_us)
{
	CLEANUP(notifier_freep) struct notifier *notifier = calloc(1, sizeof(*notifier));

	if (!notifier)
		return NULL;
	notifier->server = server;
	notifier->fd = fd;
	if (fd < 0)
		return TAKE(notifier);
	notifier->status = every(notifier, STATUS_S * 1000000, on_status);
	if (watchdog_us > 1)
		notifier->watchdog = every(notifier, watchdog_us / 2, on_watchdog);
	if (!notifier->status || (watchdog_us > 1 && !notifier->watchdog))
		return NULL;
	return TAKE(notifier);
}

void notifier_ready(struct notifier *notifier)
{
	char line[STATUS_MAX], both[STATUS_MAX + 16];

	if (notifier->fd < 0)
		return;
	format_status(notifier, line);
	strcpy(notifier->line, line);
	snprintf(both, sizeof(both), "READY=1\n%s", line);
	notify_state(notifier->fd, both);
}

/* The time is for a manager that asked for it (Type=notify-reload). */
void notifier_reloading(struct notifier *notifier)
{
	char line[64];

	snprintf(line, sizeof(line), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_us());
	notify_state(notifier->fd, line);
}

void notifier_stopping(struct notifier *notifier)
{
	notify_state(notifier->fd, "STOPPING=1\nSTATUS=it is ending all connections");
}
