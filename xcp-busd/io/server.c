/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/server.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "io/journal-link.h"
#include "io/link-pulse.h"
#include "io/link.h"
#include "io/listen-vchan.h"
#include "io/services.h"

enum {
	TURN_US = 500,
	TRIM_MIN = 4 * 1024 * 1024, /* so much less than there was */
	TRIM_AFTER_US = 1000 * 1000, /* and for so long, as it may be wanted again */
};

void server_begin_round(struct server *server)
{
	if (server->has_begun)
		return;
	server->has_begun = true;
	server->round++;
	server->now_us = server->bus.now_us = clock_us();
}

uint64_t server_begin_turn(struct server *server, struct turn *turn)
{
	if (turn->round != server->round)
		*turn = (struct turn){ .round = server->round };
	if (turn->spent_us >= TURN_US)
		return 0;
	return clock_us() + TURN_US - turn->spent_us;
}

bool server_is_late(uint64_t end_us)
{
	return clock_us() >= end_us;
}

void server_end_turn(struct turn *turn, uint64_t end_us)
{
	turn->spent_us = clock_us() + TURN_US - end_us;
}

/* It may be set at any time. */
static void look_at_wall_clock(struct server *server)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	server->bus.wall_offset_us =
		(int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 - (int64_t)server->now_us;
}

void server_set_health(struct server *server, enum health_part part, const char *trouble)
{
	bool is_well = !*trouble;

	look_at_wall_clock(server);
	health_set(&server->bus, part,
		   is_well               ? HEALTH_SERVING
		   : part == HEALTH_LOOP ? HEALTH_DRAINING
					 : HEALTH_DEGRADED,
		   trouble);
}

static void on_wake(struct peer *peer)
{
	struct link *link = container_of(peer, struct link, peer);

	if (list_is_empty(&link->woken_link))
		list_push_back(&link->server->woken, &link->woken_link);
}

static void on_drop(struct peer *peer, const char *why, const struct reason *reason)
{
	link_drop(container_of(peer, struct link, peer), why, *reason);
}

static void on_report(const struct peer *peer, const char *text)
{
	journal_link_denied(container_of(peer, const struct link, peer), text);
}

static void on_look(const struct peer *peer, struct link_view *view)
{
	link_look(container_of(peer, const struct link, peer), view);
}

static void on_look_at_health(struct bus *bus)
{
	struct server *server = container_of(bus, struct server, bus);

	if (server->vchan)
		listen_vchan_look(server->vchan);
}

static void on_limited(const struct peer *peer, const char *text, const struct reason *reason)
{
	journal_link_limited(container_of(peer, const struct link, peer), text, reason);
}

static void on_start_failed(struct bus *bus, const char *name, struct quota *by, const char *why)
{
	journal_link_start_failed(container_of(bus, struct server, bus), name, by, why);
}

static int on_reload(struct bus *bus, char *why, size_t why_size)
{
	struct server *server = container_of(bus, struct server, bus);

	return server->reload(server, why, why_size);
}

/* Before the flush: who wants to know is told. */
static void look_at_shortage(struct server *server)
{
	if (server->bus.shortage.is_on == server->is_short)
		return;
	server->is_short = server->bus.shortage.is_on;
	if (server->is_short) {
		log_warning("out of memory: until there is some, nothing may grow");
		server_set_health(server, HEALTH_MEMORY,
				  "there is no memory left: until there is, nothing may grow");
	} else {
		log_info("there is memory again");
		server_set_health(server, HEALTH_MEMORY, "");
	}
}

/* What a peak leaves is free, but in pieces: the allocator gives it back only when told to. */
static void look_at_memory(struct server *server)
{
	const struct quota_meter *meter = &server->bus.meter;

	if (server->trim_us || meter->peak < meter->held || meter->peak - meter->held < TRIM_MIN)
		return;
	server->trim_us = server->now_us + TRIM_AFTER_US;
	server_look_after(server, server->trim_us);
}

static void trim_memory(struct server *server)
{
	if (!server->trim_us)
		return;
	if (server->now_us < server->trim_us) {
		server_look_after(server, server->trim_us);
		return;
	}
	malloc_trim(0);
	server->bus.meter.peak = server->bus.meter.held;
	server->trim_us = 0;
}

/* Writing may drop links, and taking one apart may wake others: go on until all is quiet. */
static void end_round(struct server *server)
{
	struct link *link;

	look_at_shortage(server);
	for (;;) {
		while ((link = list_first(&server->woken, struct link, woken_link))) {
			list_remove(&link->woken_link);
			if (!link->why)
				link_flush(link);
		}
		link = list_first(&server->dropped, struct link, dropped_link);
		if (!link)
			break;
		link_free(link);
	}
	look_at_memory(server);
	server_look_after(server, bus_next_tick(&server->bus));
	if (server->journal.owing)
		server_look_after(server, server->now_us + JOURNAL_SETTLE_US);
	server->has_begun = false;
}

void server_look_after(struct server *server, uint64_t when_us)
{
	uint64_t delay = when_us > server->now_us ? when_us - server->now_us : 0;
	struct timeval timeout = { .tv_sec = (time_t)(delay / 1000000),
				   .tv_usec = (suseconds_t)(delay % 1000000) };

	if (when_us >= server->housekeeping_us)
		return;
	server->housekeeping_us = when_us;
	evtimer_add(server->housekeeping, &timeout);
}

static void check_halves(struct server *server)
{
	struct link *link;
	uint64_t next = UINT64_MAX, deadline;

	list_for_each(link, &server->half, half_link) {
		if (link->why)
			continue;
		deadline = link_check_deadline(link, server->now_us);
		if (deadline < next)
			next = deadline;
	}
	server_look_after(server, next);
}

static void on_housekeeping(evutil_socket_t fd, short events, void *data)
{
	struct server *server = data;
	struct link *link;

	(void)fd;
	(void)events;
	server_begin_round(server);
	server->housekeeping_us = UINT64_MAX;
	bus_tick(&server->bus, server->now_us);
	check_halves(server);
	journal_settle(&server->journal, server->now_us);
	trim_memory(server);
	server_look_after(server, link_pulse_check(server));
	while ((link = list_first(&server->resting, struct link, resting_link)))
		link_wake_up(link);
}

static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (!config)
		return NULL;
	/* The loop is one thread's alone, and a round may change what it waits for twice. */
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK |
						  EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	/* What has no priority of its own is in the middle: NORMAL. */
	if (base)
		event_base_priority_init(base, SERVER_PRIORITY_COUNT);
	return base;
}

int server_init(struct server *server, const struct config *config)
{
	static const struct bus_ops ops = {
		.wake = on_wake,
		.drop = on_drop,
		.report = on_report,
		.look = on_look,
		.look_at_health = on_look_at_health,
		.limited = on_limited,
		.reload = on_reload,
		.start = services_start,
		.give_up = services_give_up,
		.start_failed = on_start_failed,
	};

	server->config = config;
	server->housekeeping_us = UINT64_MAX;
	list_init(&server->links);
	list_init(&server->woken);
	list_init(&server->dropped);
	list_init(&server->half);
	list_init(&server->resting);
	list_init(&server->rings);
	list_init(&server->again);
	list_init(&server->incomplete);
	server->base = base_new();
	if (!server->base)
		return -ENOMEM;
	if (spawner_init(&server->spawner, server->base) < 0)
		return -ENOMEM;
	server->housekeeping = evtimer_new(server->base, on_housekeeping, server);
	if (!server->housekeeping)
		return -ENOMEM;
	if (bus_init(&server->bus, &ops, &config->bus) < 0)
		return -ENOMEM;
	server_begin_round(server);
	server->bus.begun_us = server->now_us;
	look_at_wall_clock(server);
	server->bus.begun_wall_us = server->bus.wall_offset_us + (int64_t)server->now_us;
	health_init(&server->bus.health, server->bus.begun_wall_us);
	return 0;
}

void server_end_links(struct server *server)
{
	struct link *link;

	while ((link = list_first(&server->links, struct link, server_link)))
		link_free(link);
}

void server_deinit(struct server *server)
{
	bus_deinit(&server->bus);
	spawner_deinit(&server->spawner);
	event_free(server->housekeeping);
	event_base_free(server->base);
}

/* Made active before the loop looks at what else there is: made active by a callback, they would
 * have their next turn at once, and the round might never end. */
static void call_again(struct server *server)
{
	struct link *link;

	while ((link = list_first(&server->again, struct link, again_link))) {
		list_remove(&link->again_link);
		event_active(link->event, EV_READ, 0);
	}
}

int server_run(struct server *server)
{
	while (!server->is_stopping) {
		server->has_begun = false;
		call_again(server);
		if (event_base_loop(server->base, EVLOOP_ONCE) < 0)
			return -EIO;
		server_begin_round(server);
		end_round(server);
	}
	return server->failure;
}

void server_stop(struct server *server)
{
	server_begin_round(server);
	server_set_health(server, HEALTH_LOOP, "the bus is being ended");
	server->is_stopping = true;
	event_base_loopbreak(server->base);
}

void server_fail(struct server *server, int failure)
{
	server->failure = failure;
	server_stop(server);
}

struct account *server_enter(struct server *server, uint32_t uid)
{
	struct account *account;

	MAP_FIND(server->accounts, &uid, sizeof(uid), uid, account);
	if (!account) {
		account = calloc(1, sizeof(*account));
		if (!account)
			return NULL;
		account->uid = uid;
		account->quota = bus_quota_new(&server->bus, &(struct quota_owner){ .id = uid });
		if (account->quota)
			MAP_ADD(server->accounts, &account->uid, sizeof(account->uid), uid,
				account);
		if (!account->quota || !account->hh.tbl) {
			quota_unref(account->quota);
			free(account);
			return NULL;
		}
	}
	account->links++;
	return account;
}

void server_leave(struct server *server, struct account *account)
{
	if (--account->links)
		return;
	MAP_REMOVE(server->accounts, account);
	quota_unref(account->quota);
	free(account);
}
