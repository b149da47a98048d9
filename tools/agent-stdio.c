/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One client, which has started us, on standard input and output: "unixexec:" of sd-bus and
 * libdbus. Both may be the same socket, or pipes, or files. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/ring-offer.h"
#include "common/stream-unix.h"
#include "common/stream-vchan.h"
#include "tools/agent.h"

enum {
	RING_WAIT_MS = 30 * 1000, /* xenstored may be stopped for a while */
	WITHDRAW_MS = 2000,
	LINGER_MS = 30 * 1000, /* for the last bytes, when one side has gone */
};

/* ---- standard input and output as a stream ---- */

/* They are not made non-blocking: others may have the same open files. So poll is asked first. */
static bool is_ready(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	return poll(&poll_fd, 1, 0) > 0;
}

static ssize_t stdio_read(struct stream *stream, void *buffer, size_t size)
{
	ssize_t moved;

	(void)stream;
	if (!is_ready(STDIN_FILENO, POLLIN))
		return 0;
	moved = read(STDIN_FILENO, buffer, size);
	if (moved > 0)
		return moved;
	if (moved == 0)
		return -EPIPE;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static ssize_t stdio_write(struct stream *stream, const struct iovec *parts, int count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count };
	ssize_t moved = sendmsg(STDOUT_FILENO, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	size_t size = parts->iov_len < PIPE_BUF ? parts->iov_len : PIPE_BUF;

	(void)stream;
	if (moved < 0 && errno == ENOTSOCK) {
		/* A pipe that is ready takes that much without waiting. */
		if (!is_ready(STDOUT_FILENO, POLLOUT))
			return 0;
		moved = write(STDOUT_FILENO, parts->iov_base, size);
	}
	if (moved >= 0)
		return moved;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static const struct stream_ops stdio_ops = { .read = stdio_read, .write = stdio_write };

/* ---- getting a ring ---- */

/* A signal ends the wait: what was published has to be taken away. */
static int get_ring(const struct address *bus, const struct bus_place *place, int signal_fd,
		    struct stream **ring, char why[RING_OFFER_WHY_MAX])
{
	struct pollfd fds[2] = { [1] = { .fd = signal_fd, .events = POLLIN } };
	struct ring_offer *offer;
	int r = ring_offer_start(place_domid(bus, place), bus->ring_size, &offer);

	if (r < 0) {
		snprintf(why, RING_OFFER_WHY_MAX, "%s", strerror(-r));
		return r;
	}
	fds[0] = (struct pollfd){ .fd = ring_offer_fd(offer), .events = POLLIN };
	while ((r = ring_offer_take(offer, ring, why)) == -EAGAIN) {
		int ready = poll(fds, 2, RING_WAIT_MS);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0 || fds[1].revents) {
			snprintf(why, RING_OFFER_WHY_MAX, "%s",
				 ready > 0 ? "ended by a signal" : "xenstore does not answer");
			ring_offer_withdraw(offer, WITHDRAW_MS);
			return -ECANCELED;
		}
	}
	return r;
}

/* Until a bus is there. */
static int find_bus(struct bus_finder *finder, const struct address *bus, int signal_fd,
		    struct bus_place *place, char why[RING_OFFER_WHY_MAX])
{
	struct pollfd fds[2] = { { .fd = bus_finder_fd(finder), .events = POLLIN },
				 { .fd = signal_fd, .events = POLLIN } };
	int ready = 1;

	*place = (struct bus_place){ .why = "xenstore does not answer" };
	while (!place_is_known(bus, place) && place->found != BUS_FOUND_NO_STORE) {
		ready = poll(fds, 2, RING_WAIT_MS);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0 || fds[1].revents)
			break;
		bus_finder_look(finder, place);
	}
	if (place_is_known(bus, place))
		return 0;
	snprintf(why, RING_OFFER_WHY_MAX, "%s",
		 ready > 0 && fds[1].revents ? "ended by a signal" : place->why);
	return -ENOENT;
}

static int get_stream(const struct address *bus, struct bus_finder *finder, struct bus_place *place,
		      int signal_fd, struct stream **out, char why[RING_OFFER_WHY_MAX])
{
	int r;

	if (finder) {
		r = find_bus(finder, bus, signal_fd, place, why);
		return r < 0 ? r : get_ring(bus, place, signal_fd, out, why);
	}
	r = stream_unix_connect(bus->path, bus->is_abstract, out);
	if (r < 0)
		snprintf(why, RING_OFFER_WHY_MAX, "%s", strerror(-r));
	return r;
}

/* ---- pumping ---- */

enum { FD_IN, FD_OUT, FD_BUS, FD_SIGNAL, FD_NEWS, FD_COUNT };

struct session {
	struct stream client, *bus;
	const struct address *address;
	struct bus_finder *finder; /* NULL: it is no ring */
	struct bus_place made;
	bool is_closed; /* nobody reads standard output any more */
	struct pump up, down; /* to the bus, from the bus */
	struct pollfd fds[FD_COUNT];
};

static bool can_read(const struct pump *pump)
{
	return !pump->is_dry && !pump->is_broken && !pump_has_bytes(pump);
}

/* A ring announces both directions in one event, and is silent once that was acked. */
static short bus_events(struct session *session)
{
	bool has_bytes = pump_has_bytes(&session->up);
	short events = 0;

	if (session->finder)
		return stream_events(session->bus, has_bytes);
	if (can_read(&session->down))
		events |= POLLIN;
	return has_bytes ? events | POLLOUT : events;
}

/* What is worth waking up for. */
static void arm(struct session *session)
{
	struct pollfd *fds = session->fds;

	fds[FD_IN].fd = can_read(&session->up) ? STDIN_FILENO : -1;
	fds[FD_IN].events = POLLIN;
	/* Without events it still tells when nobody reads any more; once. */
	fds[FD_OUT].fd = session->is_closed ? -1 : STDOUT_FILENO;
	fds[FD_OUT].events = pump_has_bytes(&session->down) ? POLLOUT : 0;
	fds[FD_BUS].events = bus_events(session);
	fds[FD_BUS].fd = fds[FD_BUS].events ? stream_fd(session->bus) : -1;
}

static bool is_over(const struct session *session)
{
	if (session->down.is_dry && pump_is_done(&session->down))
		return true;
	return session->is_closed && pump_is_done(&session->up);
}

/* See agent-place.c. */
static bool is_stale(struct session *session)
{
	struct bus_place now;
	const char *why;

	bus_finder_look(session->finder, &now);
	why = place_why_stale(session->address, &session->made, &now, false);
	if (why)
		log_info("the bus is lost: %s", why);
	if (bus_place_journey(&session->made, &now) == BUS_JOURNEY_MOVED)
		stream_vchan_set_dead(session->bus);
	return why;
}

/* False: it is over, or the last bytes were not taken in time. */
static bool wait_for_more(struct session *session, bool has_more)
{
	int timeout = session->is_closed || session->down.is_dry ? LINGER_MS : -1, ready;

	arm(session);
	ready = poll(session->fds, FD_COUNT, has_more ? 0 : timeout);
	if ((ready < 0 && errno != EINTR) || (ready == 0 && !has_more))
		return false;
	if (session->fds[FD_BUS].revents)
		stream_ack(session->bus);
	if (session->fds[FD_OUT].revents & (POLLERR | POLLHUP))
		session->is_closed = session->down.is_broken = true;
	if (session->fds[FD_NEWS].revents && is_stale(session))
		return false;
	return !session->fds[FD_SIGNAL].revents;
}

static void pump_all(struct session *session)
{
	bool has_more;

	do {
		has_more = pump_run(&session->up, true);
		has_more |= pump_run(&session->down, true);
		session->is_closed |= session->down.is_broken;
	} while (!is_over(session) && wait_for_more(session, has_more));
}

int stdio_run(const struct address *bus)
{
	struct session session = { .client.ops = &stdio_ops, .address = bus };
	char why[RING_OFFER_WHY_MAX];
	CLEANUP(cleanup_close) int signal_fd = -1;
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0) {
		log_error("signalfd: %s", strerror(errno));
		return 1;
	}
	if (bus->kind == ADDRESS_VCHAN && bus_finder_start(&session.finder) < 0) {
		log_error("no thread, or no memory, to look for the bus");
		return 1;
	}
	if (get_stream(bus, session.finder, &session.made, signal_fd, &session.bus, why) < 0) {
		log_error("no connection to the bus: %s", why);
		bus_finder_stop(session.finder);
		return 1;
	}
	log_debug("connected");
	session.fds[FD_NEWS] =
		(struct pollfd){ .fd = session.finder ? bus_finder_fd(session.finder) : -1,
				 .events = POLLIN };
	session.fds[FD_SIGNAL] = (struct pollfd){ .fd = signal_fd, .events = POLLIN };
	pump_init(&session.up, &session.client, session.bus);
	pump_init(&session.down, session.bus, &session.client);
	pump_all(&session);
	pump_deinit(&session.up);
	pump_deinit(&session.down);
	stream_close(session.bus);
	bus_finder_stop(session.finder);
	return 0;
}
