/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of xcp-bus-agent share.
 *
 *	xcp-bus-agent.c   options, start, stop
 *	agent-listen.c    the Unix socket
 *	agent-user.c      what the clients of one user may have together
 *	agent-client.c    one client: the offer of its ring, then two pumps
 *	agent-place.c     where the bus is, and whether it still is
 *	agent-pump.c      bytes from one stream to the other
 *	agent-stdio.c     --stdio: the one client that has started us
 *
 * The agent moves bytes and parses nothing: authentication, names and replies are between the
 * client and the bus, as if there were no agent.
 */
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"
#include "common/bus-finder.h"
#include "common/list.h"
#include "common/rate.h"
#include "common/stream.h"

/* Who has clients. */
struct user {
	struct list link;
	uid_t uid;
	unsigned clients, offers;
};

struct agent {
	struct event_base *base;
	struct address listen, bus;
	bool is_stdio; /* there is no socket */
	unsigned socket_mode;
	unsigned clients_max, client_count;
	unsigned clients_per_user; /* 0: see agent-user.c */
	uint64_t last_number; /* of a client, for the log */

	int listen_fd;
	bool has_bound; /* there is a socket file of ours */
	bool is_full; /* ... and it has been said */
	struct event accept_event, retry_event;

	struct bus_finder *finder; /* NULL: the bus is a socket */
	struct bus_place place; /* what it said last */
	struct event news_event, gone_event, settled_event;
	bool is_settling; /* this domain was suspended just now: no new rings yet */

	struct list users; /* user::link */
	struct rate complaints; /* that programs can cause */
	struct list clients; /* client::link */
	struct list waiting; /* client::wait_link: for their turn to offer a ring */
	unsigned offer_count;
};

/* ---- agent-listen.c ---- */
int listen_start(struct agent *agent, char *why, size_t why_size);
void listen_stop(struct agent *agent);
/* A client has gone: there may be room again. */
void listen_resume(struct agent *agent);

/* ---- agent-user.c ---- */
/* A client more, of whoever is at the other end of fd; NULL: he may have no more, and that is in
 * the log. */
struct user *user_enter(struct agent *agent, int fd);
void user_leave(struct user *user);
/* To the log, but not as often as somebody likes. */
void agent_complain(struct agent *agent, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- agent-client.c ---- */
/* Takes fd and the user's place over in any case. */
void client_start(struct agent *agent, struct user *user, int fd);
void client_stop_all(struct agent *agent);
/* The bus may be at another place: ends who has a ring to nobody, and makes rings for who waits.
 * is_gone: it has been at none for long. */
void clients_check(struct agent *agent, bool is_gone);

/* ---- agent-place.c ---- */
int place_start(struct agent *agent);
void place_stop(struct agent *agent);
/* Whether, and to which domain, a ring can be offered. */
bool place_is_known(const struct address *bus, const struct bus_place *place);
uint32_t place_domid(const struct address *bus, const struct bus_place *place);
/* Of a ring that was made when it was as in made; NULL: it may be alive. */
const char *place_why_stale(const struct address *bus, const struct bus_place *made,
			    const struct bus_place *now, bool is_gone);

/* ---- agent-stdio.c ---- */
/* Until the client or the bus ends it. Returns the exit status. */
int stdio_run(const struct address *bus);

/* ---- agent-pump.c ---- */
enum { PUMP_SIZE = 64 * 1024 };

struct pump {
	struct stream *from, *to; /* borrowed */
	size_t start, end; /* of the bytes that were read and are not written */
	bool is_full; /* there may be more, of which no event will tell */
	bool is_dry; /* from has ended */
	bool is_broken; /* to has ended; what was still for it is lost */
	int failure; /* how from ended */
	uint8_t *buffer; /* PUMP_SIZE; allocated while bytes are under way */
};

void pump_init(struct pump *pump, struct stream *from, struct stream *to);
void pump_deinit(struct pump *pump);

/* Moves what can be moved now, to a bound; is_readable: an event says that there is something,
 * which needs no saying if the pump had to leave off. True if there is more to move at once. */
bool pump_run(struct pump *pump, bool is_readable);

static inline bool pump_has_bytes(const struct pump *pump)
{
	return pump->start < pump->end;
}

/* Nothing more can ever come out of it. */
static inline bool pump_is_done(const struct pump *pump)
{
	return pump->is_broken || (pump->is_dry && !pump_has_bytes(pump));
}
