/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/listen-unix.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/stream-unix.h"
#include "io/bind-unix.h"
#include "io/journal-link.h"
#include "io/link.h"

enum { ACCEPT_MAX = 32, RETRY_MS = 200 };

struct listen_unix {
	struct server *server;
	struct address address;
	int fd;
	struct event *event, *retry;
	struct bound_unix bound;
	bool is_starved; /* out of descriptors, and said so */
};

static int read_credentials(int fd, struct identity *identity)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	*identity = (struct identity){ 0 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;
	identity->uid = credentials.uid;
	identity->pid = (uint32_t)credentials.pid;

	size = sizeof(identity->gids);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, identity->gids, &size) == 0)
		identity->gid_count = size / (socklen_t)sizeof(*identity->gids);
	/* The effective group is one of them, and D-Bus wants each once, in order. */
	if (identity->gid_count < IDENTITY_GROUPS_MAX)
		identity->gids[identity->gid_count++] = credentials.gid;
	identity_sort_groups(identity);
	return 0;
}

/* Finds out who it is, and whether it may come in: then it has an account. */
static int admit(struct server *server, int fd, struct link_party *party)
{
	int r = read_credentials(fd, &party->identity);

	if (r < 0)
		return r;
	party->identity.domid = server->bus.settings.domid;
	if (server->bus.shortage.is_on)
		return -ENOMEM;
	party->account = server_enter(server, party->identity.uid);
	if (!party->account)
		return -ENOMEM;
	party->quota = party->account->quota;
	party->turn = &party->account->turn;
	return 0;
}

/* Those who have not authenticated may be from users who never will. The last quarter of the places
 * (of a few, the last) is root's, so that nobody keeps it out; and when the others have filled
 * theirs, the oldest of the user who has most goes, so that none of them keeps out another. */
static void make_room(struct server *server)
{
	unsigned max = server->config->incomplete_max, kept = max < 4 ? 1 : max / 4, strangers = 0;
	struct link *link, *oldest = NULL;

	list_for_each(link, &server->incomplete, incomplete_link) {
		if (peer_is_privileged(&link->peer))
			continue;
		strangers++;
		if (!oldest || link->party.account->incomplete > oldest->party.account->incomplete)
			oldest = link;
	}
	if (strangers > 1 && strangers + kept > max)
		link_drop(oldest, "it has not authenticated, and others want to come in",
			  reason_limit(REASON_INCOMPLETE, REASON_UNKNOWN, max));
}

/* Takes the descriptor over, whatever becomes of it. */
static int welcome(struct server *server, int fd, struct link_party *party)
{
	struct stream *stream;
	int r = admit(server, fd, party);

	if (r < 0) {
		close(fd);
		return r;
	}
	r = stream_unix_new(fd, &stream);
	if (r < 0) {
		close(fd);
		server_leave(server, party->account);
		return r;
	}
	r = link_new(server, stream, party);
	if (r < 0) {
		stream_close(stream); /* and with it the descriptor */
		server_leave(server, party->account);
	}
	return r;
}

/* New connections wait in the backlog. It stays readable, so look again later, not at once. */
static void hold(struct listen_unix *listener)
{
	struct timeval delay = { .tv_usec = RETRY_MS * 1000 };

	event_del(listener->event);
	evtimer_add(listener->retry, &delay);
}

static void starve(struct listen_unix *listener)
{
	if (!listener->is_starved)
		log_warning("out of file descriptors: new connections wait (raise LimitNOFILE)");
	listener->is_starved = true;
	hold(listener);
}

static void on_connection(evutil_socket_t listen_fd, short events, void *data)
{
	struct listen_unix *listener = data;
	struct server *server = listener->server;
	int i, fd, r;

	(void)events;
	server_begin_round(server);
	for (i = 0; i < ACCEPT_MAX; i++) {
		struct link_party party = { 0 };

		/* Then root has filled the last quarter: wait, refuse nobody. */
		if (server->incomplete_count >= server->config->incomplete_max) {
			hold(listener);
			return;
		}
		fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
			starve(listener);
		if (fd < 0)
			return;
		listener->is_starved = false;
		r = welcome(server, fd, &party);
		if (r == 0) {
			make_room(server);
			continue;
		}
		listener->server->bus.count.links_refused++;
		if (r == -ENOMEM)
			shortage_begin(&server->bus.shortage, server->now_us);
		journal_link_refused(server, &party.identity, r);
	}
}

static void on_retry(evutil_socket_t fd, short events, void *data)
{
	struct listen_unix *listener = data;

	(void)fd;
	(void)events;
	event_add(listener->event, NULL);
}

struct listen_unix *listen_unix_free(struct listen_unix *listener)
{
	if (!listener)
		return NULL;
	if (listener->event)
		event_free(listener->event);
	if (listener->retry)
		event_free(listener->retry);
	if (listener->fd >= 0)
		close(listener->fd);
	bind_unix_remove(&listener->bound);
	free(listener);
	return NULL;
}

DEFINE_FREEP(struct listen_unix, listen_unix_free)

static int watch(struct listen_unix *listener)
{
	struct event_base *base = listener->server->base;

	listener->event =
		event_new(base, listener->fd, EV_READ | EV_PERSIST, on_connection, listener);
	listener->retry = evtimer_new(base, on_retry, listener);
	return listener->event && listener->retry && event_add(listener->event, NULL) == 0 ? 0 : -1;
}

int listen_unix_new(struct server *server, const struct address *address, struct listen_unix **out,
		    char why[LISTEN_WHY_MAX])
{
	CLEANUP(listen_unix_freep) struct listen_unix *listener = calloc(1, sizeof(*listener));

	snprintf(why, LISTEN_WHY_MAX, "no memory");
	if (!listener)
		return -1;
	listener->server = server;
	/* Everybody may come; authentication says who may stay. */
	listener->fd = bind_unix(address, 0111, &listener->bound, why);
	if (listener->fd < 0)
		return -1;
	listener->address = *address;
	if (watch(listener) < 0)
		return -1;
	*out = TAKE(listener);
	return 0;
}

static int read_address(int fd, struct address *address)
{
	struct sockaddr_un name = { 0 };
	socklen_t size = sizeof(name);
	size_t used;

	if (getsockname(fd, (struct sockaddr *)&name, &size) < 0)
		return -errno;
	if (name.sun_family != AF_UNIX || size <= offsetof(struct sockaddr_un, sun_path))
		return -EAFNOSUPPORT;
	used = size - offsetof(struct sockaddr_un, sun_path);
	*address = (struct address){ .kind = ADDRESS_UNIX, .is_abstract = !name.sun_path[0] };
	used -= address->is_abstract;
	memcpy(address->path, name.sun_path + address->is_abstract,
	       used < ADDRESS_PATH_MAX ? used : ADDRESS_PATH_MAX);
	return 0;
}

int listen_unix_adopt(struct server *server, int fd, struct listen_unix **out,
		      char why[LISTEN_WHY_MAX])
{
	CLEANUP(listen_unix_freep) struct listen_unix *listener = calloc(1, sizeof(*listener));
	int r, listens = 0;
	socklen_t size = sizeof(listens);

	snprintf(why, LISTEN_WHY_MAX, "no memory");
	if (!listener)
		return -1;
	listener->server = server;
	listener->fd = -1;
	r = read_address(fd, &listener->address);
	if (r < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || !listens) {
		snprintf(why, LISTEN_WHY_MAX, "descriptor %d: %s", fd,
			 r < 0 ? strerror(-r) : "not a socket that listens");
		return -1;
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	listener->fd = fd;
	if (watch(listener) < 0)
		return -1;
	*out = TAKE(listener);
	return 0;
}

const struct address *listen_unix_address(const struct listen_unix *listener)
{
	return &listener->address;
}
