/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a handle is made to forget its port, in Linux 6.1 and, by their sources, others:
 *
 * Xen gives out the lowest port that is free. So ports are taken, and kept, until it is the turn of
 * the dead one's number; then the old handle asks for it. The kernel says that it has it already,
 * which is right, and then loses all that the handle has. Should another kernel do otherwise, the
 * handle still knows the port, which we ask it before anything is closed.
 */
#include "common/dead-port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/file.h>

enum {
	ANY_DOMAIN = 0, /* nobody will come to these ports */
	PORTS_MAX = 4096, /* to be taken at once */
	LOCK_MAX_MS = 1000,
	LOCK_STEP_MS = 5,
	ATTEMPTS = 3, /* programs without the lock open channels at the same time */
};

/* Takes all free ports below, and gives back what comes then. */
static bool is_next(xenevtchn_handle *others, evtchn_port_t port)
{
	int next, count = 0;

	do
		next = xenevtchn_bind_unbound_port(others, ANY_DOMAIN);
	while (next >= 0 && (evtchn_port_t)next < port && ++count < PORTS_MAX);
	if (next < 0 || (evtchn_port_t)next < port)
		return false;
	xenevtchn_unbind(others, (evtchn_port_t)next);
	return (evtchn_port_t)next == port;
}

/* Nothing is heard by anybody: nobody is at the other end. */
static bool knows(xenevtchn_handle *event, evtchn_port_t port)
{
	return xenevtchn_notify(event, port) == 0;
}

xenevtchn_handle *dead_port_lock(void)
{
	xenevtchn_handle *lock = xenevtchn_open(NULL, 0);
	int waited_ms;

	for (waited_ms = 0; lock && waited_ms < LOCK_MAX_MS; waited_ms += LOCK_STEP_MS) {
		if (flock(xenevtchn_fd(lock), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			break;
		poll(NULL, 0, LOCK_STEP_MS);
	}
	return lock;
}

void dead_port_unlock(xenevtchn_handle *lock)
{
	if (!lock)
		return;
	/* Closing is not enough: a child that was forked meanwhile has the descriptor, too. */
	flock(xenevtchn_fd(lock), LOCK_UN);
	xenevtchn_close(lock);
}

static enum dead_port release(xenevtchn_handle *event, xenevtchn_handle *others, evtchn_port_t port)
{
	int attempt, other;

	for (attempt = 0; attempt < ATTEMPTS; attempt++) {
		if (!is_next(others, port))
			return DEAD_PORT_TAKEN;
		other = xenevtchn_bind_unbound_port(event, ANY_DOMAIN);
		if (other < 0)
			return knows(event, port) ? DEAD_PORT_KEPT : DEAD_PORT_RELEASED;
		xenevtchn_unbind(event, (evtchn_port_t)other);
	}
	return DEAD_PORT_KEPT;
}

enum dead_port dead_port_release(xenevtchn_handle *event, evtchn_port_t port)
{
	/* Not the lock itself: as it is closed, the lock goes first, and its ports later. */
	xenevtchn_handle *others = xenevtchn_open(NULL, 0);
	enum dead_port result;

	if (!others)
		return DEAD_PORT_TAKEN;
	result = release(event, others, port);
	xenevtchn_close(others);
	return result;
}

void dead_port_abandon(xenevtchn_handle *event)
{
	/* Two descriptors of one handle: it lives until the second is closed. */
	if (fcntl(xenevtchn_fd(event), F_DUPFD_CLOEXEC, 0) >= 0)
		xenevtchn_close(event);
}
