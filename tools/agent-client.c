/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/ring-offer.h"
#include "common/stream-unix.h"
#include "common/stream-vchan.h"
#include "tools/agent.h"

enum {
	OFFERS_MAX = 8, /* at once: each has a thread */
	OFFERS_PER_USER = OFFERS_MAX / 2,
	RING_WAIT_S = 30, /* for a ring, with all queueing: xenstored may be stopped for a while */
	LINGER_S = 30, /* for the last bytes, when one side has gone */
};

/* One of the two things that a client's bytes go between. */
struct end {
	struct stream *stream;
	bool is_ring;
	struct event read_event, write_event;
};

struct client {
	struct list link, wait_link;
	struct agent *agent;
	struct user *user;
	uint64_t number;
	struct end socket, ring;
	struct ring_offer *offer; /* until there is a ring */
	struct bus_place made; /* where the bus was then */
	struct pump up, down; /* to the bus, from the bus */
	struct event offer_event, gone_event, deadline_event;
	int gone_fd; /* see watch_for_close */
	bool is_lingering;
};

static void start_offers(struct agent *agent);

/* ---- the end ---- */

static void end_close(struct end *end)
{
	event_del(&end->read_event);
	event_del(&end->write_event);
	stream_close(TAKE(end->stream));
}

/* It has been taken, or is closed. */
static void offer_end(struct client *client)
{
	event_del(&client->offer_event);
	client->offer = NULL;
	client->agent->offer_count--;
	client->user->offers--;
}

static void offer_close(struct client *client)
{
	if (!client->offer)
		return;
	ring_offer_cancel(client->offer);
	offer_end(client);
}

static void client_free(struct client *client)
{
	struct agent *agent = client->agent;

	offer_close(client);
	event_del(&client->gone_event);
	event_del(&client->deadline_event);
	pump_deinit(&client->up);
	pump_deinit(&client->down);
	end_close(&client->socket);
	end_close(&client->ring);
	if (client->gone_fd >= 0)
		close(client->gone_fd);
	list_remove(&client->link);
	list_remove(&client->wait_link);
	user_leave(client->user);
	free(client);
	agent->client_count--;
}

/* Ends a client in the middle of the agent's life. */
static void client_stop(struct client *client, const char *why)
{
	struct agent *agent = client->agent;

	log_debug("client %llu: %s", (unsigned long long)client->number, why);
	client_free(client);
	listen_resume(agent);
	start_offers(agent);
}

static void log_refusal(const struct client *client, const char *why)
{
	agent_complain(client->agent, "client %llu gets no connection to the bus: %s",
		       (unsigned long long)client->number, why);
}

static void client_refuse(struct client *client, const char *why)
{
	log_refusal(client, why);
	client_stop(client, "closed");
}

static const char *why_stale(const struct client *client, bool is_gone)
{
	return place_why_stale(&client->agent->bus, &client->made, &client->agent->place, is_gone);
}

/* Its ring was offered to a bus that is elsewhere by now. Its deadline goes on. */
static void client_wait_again(struct client *client, const char *why)
{
	log_debug("client %llu waits again: %s", (unsigned long long)client->number, why);
	offer_close(client);
	list_push_back(&client->agent->waiting, &client->wait_link);
}

/* Whether the program has closed the socket altogether, not only its writing side. */
static bool is_closed(const struct client *client)
{
	struct pollfd fd = { .fd = stream_fd(client->socket.stream) };

	return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLHUP | POLLERR));
}

static void on_deadline(evutil_socket_t fd, short what, void *data)
{
	struct client *client = data;

	(void)fd;
	(void)what;
	if (client->ring.stream)
		client_stop(client, "the last bytes were not taken in time");
	else
		client_refuse(client, client->agent->place.found == BUS_FOUND_NOWHERE
					      ? client->agent->place.why
					      : "xenstore does not answer");
}

static void set_deadline(struct client *client, int seconds)
{
	struct timeval time = { .tv_sec = seconds };

	event_add(&client->deadline_event, &time);
}

/* ---- pumping ---- */

static void set_event(struct event *event, short what, bool is_wanted)
{
	bool is_set = event_pending(event, what, NULL);

	if (is_wanted && !is_set)
		event_add(event, NULL);
	else if (!is_wanted && is_set)
		event_del(event);
}

static void end_arm(struct end *end, const struct pump *from, const struct pump *to)
{
	/* A ring announces both directions in one event, and only when it was asked to. */
	bool want_read =
		end->is_ring || (!from->is_dry && !from->is_broken && !pump_has_bytes(from));
	bool want_write = !end->is_ring && pump_has_bytes(to);

	set_event(&end->read_event, EV_READ, want_read);
	set_event(&end->write_event, EV_WRITE, want_write);
}

/* NULL: it goes on. */
static const char *why_over(struct client *client)
{
	if (pump_is_done(&client->down) && client->down.is_dry)
		return "the bus closed the ring";
	if (client->up.is_broken && client->down.is_broken)
		return "both sides closed";
	if (pump_is_done(&client->up) && (client->down.is_broken || is_closed(client)))
		return "the client closed the socket";
	return NULL;
}

/* When the client has closed its writing side only, the other direction goes on, and we have to
 * hear of the rest. Level-triggered that is readable for ever; edge-triggered it must be another
 * descriptor, because libevent does not mix the two on one. */
static void watch_for_close(struct client *client)
{
	if (client->gone_fd >= 0)
		return;
	client->gone_fd = dup(stream_fd(client->socket.stream));
	if (client->gone_fd < 0)
		return; /* then a failing write tells */
	event_assign(&client->gone_event, client->agent->base, client->gone_fd,
		     EV_CLOSED | EV_ET | EV_PERSIST, event_get_callback(&client->gone_event),
		     client);
	event_add(&client->gone_event, NULL);
}

/* One side has gone, and bytes are left for the other: not for ever. */
static void linger(struct client *client)
{
	if (client->is_lingering)
		return;
	client->is_lingering = true;
	set_deadline(client, LINGER_S);
}

static void client_run(struct client *client, bool is_socket_readable, bool is_ring_readable)
{
	bool has_more = pump_run(&client->up, is_socket_readable);
	const char *why;

	has_more |= pump_run(&client->down, is_ring_readable);
	why = why_over(client);
	if (why) {
		client_stop(client, why);
		return;
	}
	if (client->up.is_dry)
		watch_for_close(client);
	if (client->down.is_dry || client->down.is_broken || client->up.is_broken ||
	    (client->up.is_dry && is_closed(client)))
		linger(client);
	end_arm(&client->socket, &client->up, &client->down);
	end_arm(&client->ring, &client->down, &client->up);
	if (has_more)
		event_active(&client->ring.read_event, EV_READ, 0);
}

static void on_socket(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	client_run(data, what & EV_READ, false);
}

static void on_ring(evutil_socket_t fd, short what, void *data)
{
	struct client *client = data;

	(void)fd;
	stream_ack(client->ring.stream);
	client_run(client, false, what & EV_READ);
}

static void on_gone(evutil_socket_t fd, short what, void *data)
{
	struct client *client = data;

	(void)fd;
	(void)what;
	if (client->ring.stream)
		client_run(client, true, true);
	else if (is_closed(client))
		client_stop(client, "the client went before there was a ring");
}

/* Takes ring over. */
static void start_pumping(struct client *client, struct stream *ring)
{
	struct event_base *base = client->agent->base;
	struct end *end = &client->ring;

	log_debug("client %llu: connected", (unsigned long long)client->number);
	end->stream = ring;
	end->is_ring = client->agent->bus.kind == ADDRESS_VCHAN;
	event_assign(&end->read_event, base, stream_fd(ring), EV_READ | EV_PERSIST, on_ring,
		     client);
	event_assign(&end->write_event, base, stream_fd(ring), EV_WRITE | EV_PERSIST, on_ring,
		     client);
	pump_init(&client->up, client->socket.stream, ring);
	pump_init(&client->down, ring, client->socket.stream);
	event_del(&client->gone_event);
	event_del(&client->deadline_event);
	client_run(client, true, true);
}

/* ---- getting a ring ---- */

static void on_offer(evutil_socket_t fd, short what, void *data)
{
	struct client *client = data;
	struct agent *agent = client->agent;
	char why[RING_OFFER_WHY_MAX];
	struct stream *ring;
	int r = ring_offer_take(client->offer, &ring, why);

	(void)fd;
	(void)what;
	if (r == -EAGAIN)
		return;
	offer_end(client);
	if (r < 0 && why_stale(client, true)) {
		client_wait_again(client, why);
		start_offers(agent);
		return;
	}
	if (r < 0) {
		client_refuse(client, why);
		return;
	}
	start_pumping(client, ring);
	start_offers(agent);
}

static void start_offer(struct client *client)
{
	const struct address *bus = &client->agent->bus;
	const struct bus_place *place = &client->agent->place;
	int r = -ENOENT;

	if (place_is_known(bus, place))
		r = ring_offer_start(place_domid(bus, place), bus->ring_size, &client->offer);
	client->made = *place;
	if (r < 0) {
		log_refusal(client, r == -ENOENT ? place->why : strerror(-r));
		client_free(client); /* whoever waits comes next in our caller's loop */
		return;
	}
	client->agent->offer_count++;
	client->user->offers++;
	event_assign(&client->offer_event, client->agent->base, ring_offer_fd(client->offer),
		     EV_READ | EV_PERSIST, on_offer, client);
	event_add(&client->offer_event, NULL);
}

/* Of those who have the fewest offers under way, who has waited longest. */
static struct client *next_in_turn(const struct agent *agent)
{
	struct client *client, *next = NULL;

	list_for_each(client, &agent->waiting, wait_link)
		if (client->user->offers < (next ? next->user->offers : OFFERS_PER_USER))
			next = client;
	return next;
}

static void start_offers(struct agent *agent)
{
	struct client *client;

	if (agent->is_settling)
		return;
	/* Who comes before the bus waits for it; but without xenstore there will be none. */
	if (!place_is_known(&agent->bus, &agent->place) && agent->place.found != BUS_FOUND_NO_STORE)
		return;
	while (agent->offer_count < OFFERS_MAX && (client = next_in_turn(agent))) {
		list_remove(&client->wait_link);
		start_offer(client);
	}
}

void clients_check(struct agent *agent, bool is_gone)
{
	struct client *client, *next;
	const char *why;

	for (client = list_first(&agent->clients, struct client, link); client; client = next) {
		next = client->link.next == &agent->clients
			       ? NULL
			       : container_of(client->link.next, struct client, link);
		why = client->ring.stream || client->offer ? why_stale(client, is_gone) : NULL;
		if (!why)
			continue;
		if (client->offer) {
			client_wait_again(client, why);
			continue;
		}
		if (bus_place_journey(&client->made, &agent->place) == BUS_JOURNEY_MOVED)
			stream_vchan_set_dead(client->ring.stream);
		log_info("client %llu has lost the bus: %s", (unsigned long long)client->number,
			 why);
		client_free(client);
	}
	listen_resume(agent);
	start_offers(agent);
}

static void connect_unix(struct client *client)
{
	const struct address *bus = &client->agent->bus;
	struct stream *stream;
	int r = stream_unix_connect(bus->path, bus->is_abstract, &stream);

	if (r < 0)
		client_refuse(client, strerror(-r));
	else
		start_pumping(client, stream);
}

/* ---- the beginning ---- */

static void assign_events(struct client *client)
{
	struct event_base *base = client->agent->base;
	int fd = stream_fd(client->socket.stream);

	event_assign(&client->socket.read_event, base, fd, EV_READ | EV_PERSIST, on_socket, client);
	event_assign(&client->socket.write_event, base, fd, EV_WRITE | EV_PERSIST, on_socket,
		     client);
	event_assign(&client->ring.read_event, base, -1, 0, on_ring, client);
	event_assign(&client->ring.write_event, base, -1, 0, on_ring, client);
	event_assign(&client->offer_event, base, -1, 0, on_offer, client);
	/* Once, not level-triggered: a client may close its writing side early and wait. */
	event_assign(&client->gone_event, base, fd, EV_CLOSED, on_gone, client);
	evtimer_assign(&client->deadline_event, base, on_deadline, client);
}

void client_start(struct agent *agent, struct user *user, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client || stream_unix_new(fd, &client->socket.stream) < 0) {
		log_error("a client is turned away: out of memory");
		user_leave(user);
		free(client);
		close(fd);
		return;
	}
	client->agent = agent;
	client->user = user;
	client->number = ++agent->last_number;
	client->gone_fd = -1;
	assign_events(client);
	list_push_back(&agent->clients, &client->link);
	list_init(&client->wait_link);
	agent->client_count++;
	log_debug("client %llu: accepted", (unsigned long long)client->number);
	if (agent->bus.kind == ADDRESS_UNIX) {
		connect_unix(client);
		return;
	}
	event_add(&client->gone_event, NULL);
	set_deadline(client, RING_WAIT_S);
	list_push_back(&agent->waiting, &client->wait_link);
	start_offers(agent);
}

void client_stop_all(struct agent *agent)
{
	struct client *client;

	while ((client = list_first(&agent->clients, struct client, link)))
		client_free(client);
}
