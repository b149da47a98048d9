/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loop and its rounds.
 *
 * One round: every link that fired reads once and hands its messages to the core; then every link
 * that was woken writes what is queued; then every link that was dropped is taken apart. Nothing
 * is freed in the first two parts.
 *
 * A round must end, whatever is being sent meanwhile: a link that has more to read goes on in the
 * next one, and so does a domain whose links together have used up the time that it has in this.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"
#include "common/map.h"
#include "config.h"
#include "core/bus.h"
#include "io/journal.h"
#include "io/spawn.h"

enum { SERVER_BUFFER_SIZE = 128 * 1024 };

/* Of events: what the others depend on comes first. */
enum { SERVER_PRIORITY_FIRST, SERVER_PRIORITY_NORMAL, SERVER_PRIORITY_COUNT };

/* How much of a round all links of one domain, or of one user, have taken together. */
struct turn {
	uint64_t round; /* that this is about */
	uint64_t spent_us;
};

/* A user of dom0: what its connections share. */
struct account {
	UT_hash_handle hh;
	uint32_t uid;
	struct quota *quota;
	struct turn turn;
	unsigned links;
	unsigned incomplete; /* of these, in server::incomplete */
};

struct server {
	const struct config *config; /* borrowed */
	struct event_base *base;
	struct event *housekeeping; /* a timer, pending while there is something to look after */
	uint64_t housekeeping_us; /* when it fires */
	struct bus bus;
	/* Reads the configuration anew; the owner's. 0, or -1 and why. */
	int (*reload)(struct server *server, char *why, size_t why_size);
	void *owner;
	struct list links; /* link::server_link */
	struct list woken; /* link::woken_link */
	struct list dropped; /* link::dropped_link */
	struct list half; /* link::half_link: not authenticated, or within a message */
	struct list resting; /* link::resting_link: not listened to for a moment */
	struct list rings; /* link::pulse_link: the next to be looked at first */
	struct list again; /* link::again_link: read on in the next round */
	struct list incomplete; /* link::incomplete_link: local, not authenticated; oldest first */
	unsigned incomplete_count;
	struct account *accounts;
	struct listen_vchan *vchan; /* NULL: not listening to guests */
	struct services *services; /* NULL: nothing is started yet */
	struct spawner spawner;
	struct journal journal;
	bool is_short; /* of memory, and said so */
	uint64_t trim_us; /* when free memory goes back to the system; 0: there is not much */
	uint64_t round; /* its number */
	uint64_t now_us; /* of this round */
	bool has_begun; /* the round: now_us is fresh */
	bool is_stopping;
	int failure; /* that it stops for, or 0 */
	uint8_t buffer[SERVER_BUFFER_SIZE]; /* what a link has just read */
};

int server_init(struct server *server, const struct config *config);
/* Ends all links; the listeners go next, then the rest. */
void server_end_links(struct server *server);
void server_deinit(struct server *server);

/* Runs until server_stop, or returns the failure. */
int server_run(struct server *server);
void server_stop(struct server *server);
void server_fail(struct server *server, int failure);

/* The quota of a user, for one more link; NULL without memory. Give it back with server_leave. */
struct account *server_enter(struct server *server, uint32_t uid);
void server_leave(struct server *server, struct account *account);

/* Asks for housekeeping no later than this. */
void server_look_after(struct server *server, uint64_t when_us);

/* How a part of the bus is from now on: "" is well, else a constant. */
void server_set_health(struct server *server, enum health_part part, const char *trouble);

/* What every callback of the loop begins with: reads the clock once a round, for the bus too. */
void server_begin_round(struct server *server);

/* When the turn that begins now has to end; 0 if this round has no more time for it. */
uint64_t server_begin_turn(struct server *server, struct turn *turn);
bool server_is_late(uint64_t end_us);
void server_end_turn(struct turn *turn, uint64_t end_us);
