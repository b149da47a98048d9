/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/stream-unix.h"
#include "common/stream-vchan.h"
#include "core/policy.h"
#include "io/journal-link.h"
#include "io/link-pulse.h"
#include "io/listen-vchan.h"
#include "io/server.h"

enum {
	FLUSH_PARTS_MAX = 64,
	IDLE_EVENTS_MAX = 64, /* so many events for nothing, and the next ones are put off */
	IDLE_REST_US = 10 * 1000,
};

static void enter_incomplete(struct link *link)
{
	list_push_back(&link->server->incomplete, &link->incomplete_link);
	link->server->incomplete_count++;
	link->party.account->incomplete++;
}

void link_leave_incomplete(struct link *link)
{
	if (list_is_empty(&link->incomplete_link))
		return;
	list_remove(&link->incomplete_link);
	link->server->incomplete_count--;
	link->party.account->incomplete--;
}

void link_end(struct link *link, const char *why)
{
	if (link->why)
		return;
	link->why = why;
	link->peer.is_dropped = true;
	link_leave_incomplete(link);
	list_push_back(&link->server->dropped, &link->dropped_link);
}

void link_drop(struct link *link, const char *why, struct reason reason)
{
	if (link->why)
		return;
	bus_count_refusal(&link->server->bus, link->peer.quota, REFUSAL_DISCONNECTED);
	link->reason = reason;
	link_end(link, why);
}

void link_starve(struct link *link)
{
	shortage_begin(&link->server->bus.shortage, link->server->now_us);
	link_drop(link, "no memory", reason_of(REASON_MEMORY));
}

static void on_event(evutil_socket_t fd, short events, void *data);

/* Arms the event for what the link waits for. A socket that is not to be read is not polled for
 * reading, or the loop would spin; a ring announces both directions by one event. */
static int arm(struct link *link)
{
	short wanted = stream_events(link->stream, link->is_short), events = EV_PERSIST;

	if (peer_is_paused(&link->peer) && !(link->is_short && !(wanted & POLLOUT)))
		wanted &= (short)~POLLIN;
	if (wanted & POLLIN)
		events |= EV_READ;
	if (wanted & POLLOUT)
		events |= EV_WRITE;
	if (events == link->events || !list_is_empty(&link->resting_link))
		return 0;
	event_del(link->event);
	link->events = events;
	if (events == EV_PERSIST)
		return 0;
	event_assign(link->event, link->server->base, stream_fd(link->stream), events, on_event,
		     link);
	return event_add(link->event, NULL) < 0 ? -ENOMEM : 0;
}

static void arm_or_drop(struct link *link)
{
	if (!link->why && arm(link) < 0)
		link_starve(link);
}

/* A ring tells of more only after a read that came up short, so one that may have more is put in
 * line again. */
static void again(struct link *link)
{
	if (list_is_empty(&link->again_link))
		list_push_back(&link->server->again, &link->again_link);
}

/* One read for each link and round, so that nobody is kept waiting by a busy one. */
static void read_once(struct link *link)
{
	bool has_more;

	if (link->why || peer_is_paused(&link->peer))
		return;
	link->turn_end_us = server_begin_turn(link->server, link->party.turn);
	if (!link->turn_end_us) {
		link->idle_events = 0; /* it is not to blame */
		again(link);
		return;
	}
	has_more = link_read(link);
	server_end_turn(link->party.turn, link->turn_end_us);
	/* What is left over is looked at when the pause ends, even if no more ever comes. */
	link->was_paused = peer_is_paused(&link->peer);
	if (has_more && !link->why && !peer_is_paused(&link->peer))
		again(link);
}

static void rest(struct link *link)
{
	struct server *server = link->server;

	event_del(link->event);
	link->events = 0;
	list_remove(&link->resting_link); /* from an earlier rest that is not over yet */
	list_push_back(&server->resting, &link->resting_link);
	server_look_after(server, server->now_us + IDLE_REST_US);
}

/* A peer can raise events as fast as it likes. One that keeps doing so with nothing to tell is not
 * listened to for a moment. Returns whether the link rests now. */
static bool rest_if_idle(struct link *link)
{
	if (++link->idle_events < IDLE_EVENTS_MAX)
		return false;
	link->idle_events = 0;
	rest(link);
	return true;
}

static void on_event(evutil_socket_t fd, short events, void *data)
{
	struct link *link = data;
	uint64_t moved;

	(void)fd;
	if (link->why)
		return;
	server_begin_round(link->server);
	link_pulse_heard(link);
	stream_ack(link->stream);
	moved = link->moved;
	if (link->is_short || (events & EV_WRITE))
		link_flush(link);
	read_once(link);
	if (link->moved != moved)
		link->idle_events = 0;
	else if (!link->why && rest_if_idle(link))
		return;
	arm_or_drop(link);
}

void link_wake_up(struct link *link)
{
	list_remove(&link->resting_link);
	arm_or_drop(link);
}

/* Reads on after a pause. */
static void go_on(struct link *link)
{
	link->was_paused = false;
	link->is_cut = link->rest_size > 0;
	again(link);
}

void link_flush(struct link *link)
{
	struct outbox *outbox = &link->peer.outbox;
	struct iovec parts[FLUSH_PARTS_MAX];
	struct fds *fds;

	link->is_short = false;
	while (outbox->size && !link->is_short && !link->why) {
		int count = outbox_peek(outbox, parts, FLUSH_PARTS_MAX, &fds), i;
		size_t wanted = 0;
		ssize_t n;

		for (i = 0; i < count; i++)
			wanted += parts[i].iov_len;
		n = fds ? stream_unix_write_fds(link->stream, parts, count, fds)
			: stream_write(link->stream, parts, count);
		/* As many are on their way as the kernel lets us have there. */
		if (n == -ETOOMANYREFS) {
			link->is_short = true;
			link->peer.is_held_up = stream_unix_is_read(link->stream);
			rest(link);
			break;
		}
		link->peer.is_held_up = false;
		if (n < 0) {
			link_end(link, "it closed the connection");
			break;
		}
		if (n && fds)
			outbox_fds_sent(outbox);
		link->is_short = (size_t)n < wanted;
		link->moved += (uint64_t)n;
		peer_sent(&link->peer, (uint64_t)n);
	}
	if (link->was_paused && !peer_is_paused(&link->peer) && !link->why)
		go_on(link);
	link->was_paused = peer_is_paused(&link->peer);
	arm_or_drop(link);
}

static void init_rules(struct link *link)
{
	const struct config *config = link->server->config;
	const struct identity *identity = &link->party.identity;
	const struct bus_settings *settings = &link->server->bus.settings;

	bool takes_external = !config->has_auth || config->takes_external;
	bool takes_anonymous = !config->has_auth || config->takes_anonymous;

	link->rules = (struct auth_rules){
		.external_any = identity->is_guest,
		.external_uid = identity->uid,
		.allow_external = identity->is_guest ||
				  (takes_external && policy_may_connect(link->server->bus.policy,
									identity, settings->uid)),
		.allow_anonymous =
			identity->is_guest || (takes_anonymous && config->allow_anonymous),
		.allow_unix_fds = !identity->is_guest,
	};
	memcpy(link->rules.guid, settings->guid, sizeof(link->rules.guid));
	auth_init(&link->auth, &link->rules);
}

static int link_start(struct link *link)
{
	int r = peer_init(&link->peer, &link->server->bus, &link->party.identity,
			  link->party.quota);

	if (r == PEER_OVER_QUOTA)
		return -EDQUOT;
	if (r < 0)
		return r;
	link->event = event_new(link->server->base, stream_fd(link->stream), EV_READ | EV_PERSIST,
				on_event, link);
	if (!link->event || arm(link) < 0) {
		peer_deinit(&link->peer, link->server->now_us);
		if (link->event)
			event_free(link->event);
		return -ENOMEM;
	}
	return 0;
}

int link_new(struct server *server, struct stream *stream, const struct link_party *party)
{
	struct link *link = calloc(1, sizeof(*link));
	int r;

	if (!link)
		return -ENOMEM;
	link->server = server;
	link->stream = stream;
	link->party = *party;
	list_init(&link->woken_link);
	list_init(&link->dropped_link);
	list_init(&link->half_link);
	list_init(&link->resting_link);
	list_init(&link->again_link);
	list_init(&link->pulse_link);
	list_init(&link->incomplete_link);
	r = link_start(link);
	if (r < 0) {
		free(link);
		return r;
	}
	init_rules(link);
	list_push_back(&server->links, &link->server_link);
	if (party->identity.is_guest)
		link_pulse_begin(link);
	else
		enter_incomplete(link);
	link_set_half(link, true);
	/* A ring may have been written to before its event channel was bound. */
	event_active(link->event, EV_READ, 0);
	return 0;
}

void link_free(struct link *link)
{
	struct server *server = link->server;

	if (!link->why)
		link->why = "the bus is stopping";
	journal_link_ended(link);
	event_free(link->event);
	link_forget_input(link);
	peer_deinit(&link->peer, server->now_us);
	stream_close(link->stream);
	list_remove(&link->server_link);
	list_remove(&link->woken_link);
	list_remove(&link->dropped_link);
	list_remove(&link->half_link);
	list_remove(&link->resting_link);
	list_remove(&link->again_link);
	link_leave_incomplete(link);
	link_pulse_end(link);
	if (link->party.identity.is_guest)
		listen_vchan_closed(server->vchan, &link->party, link->is_authenticated);
	else
		server_leave(server, link->party.account);
	free(link->party.identity.own);
	free(link);
}

uint64_t link_check_deadline(struct link *link, uint64_t now_us)
{
	const struct config *config = link->server->config;
	enum reason_kind kind = REASON_AUTH_TIME;
	uint64_t allowed = config->auth_timeout_us, took = now_us - link->half_since_us;

	if (link->is_authenticated) {
		kind = REASON_MESSAGE_TIME;
		allowed = config->message_timeout_us;
	}
	if (link->peer.takes_fds && stream_unix_fds_count(link->stream) &&
	    config->bus.fd_timeout_us < allowed) {
		kind = REASON_FD_TIME;
		allowed = config->bus.fd_timeout_us;
	}
	if (took < allowed)
		return link->half_since_us + allowed;
	link_drop(link,
		  link->is_authenticated ? "half a message came, and no other half"
					 : "it did not authenticate in time",
		  reason_time(kind, took, allowed));
	return UINT64_MAX;
}

void link_look(const struct link *link, struct link_view *view)
{
	struct stream_vchan_fill fill;

	*view = (struct link_view){ .is_ring = link->party.identity.is_guest };
	if (!view->is_ring)
		return;
	stream_vchan_measure(link->stream, &fill);
	view->is_silent = link->is_silent;
	view->to_bus = (struct ring_fill){ fill.read_size, fill.read_used };
	view->from_bus = (struct ring_fill){ fill.write_size, fill.write_used };
}
