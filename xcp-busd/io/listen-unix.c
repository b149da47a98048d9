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
#include "common/rate.h"
#include "common/stream-unix.h"
#include "io/link.h"

enum { ACCEPT_MAX = 32, RETRY_MS = 200 };

struct listen_unix {
	struct server *server;
	struct address address;
	int fd;
	struct event *event, *retry;
	char path[ADDRESS_PATH_MAX + 1]; /* to be removed; empty: abstract */
	dev_t device; /* of the socket we made, so that we remove no other's */
	ino_t inode;
	struct rate lines; /* of the log, about those who were refused */
	bool is_starved; /* out of descriptors, and said so */
};

static socklen_t make_name(const struct address *address, struct sockaddr_un *name)
{
	size_t size = strlen(address->path);

	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(name->sun_path + (address->is_abstract ? 1 : 0), address->path, size);
	/* An abstract name is as long as it is; a path ends with its NUL. */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
}

/* Whether somebody answers at a path. */
static bool is_served(const struct sockaddr_un *name, socklen_t size)
{
	CLEANUP(cleanup_close)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd >= 0 &&
	       (connect(fd, (const struct sockaddr *)name, size) == 0 || errno == EAGAIN);
}

/* /run is empty after a boot, and the default is to work then. Other directories are made by who
 * chose them. */
static int make_default_directory(const char *path, char *why)
{
	if (strcmp(path, CONFIG_DEFAULT_DIRECTORY "/bus") != 0)
		return 0;
	if (mkdir(CONFIG_DEFAULT_DIRECTORY, 0755) == 0 || errno == EEXIST)
		return 0;
	snprintf(why, LISTEN_WHY_MAX, CONFIG_DEFAULT_DIRECTORY " cannot be made: %s",
		 strerror(errno));
	return -1;
}

static int bind_name(int fd, const struct address *address, char *why)
{
	struct sockaddr_un name;
	socklen_t size = make_name(address, &name);
	struct stat status;
	mode_t mask;
	int r;

	if (!address->is_abstract && make_default_directory(address->path, why) < 0)
		return -1;
	if (!address->is_abstract && lstat(address->path, &status) == 0) {
		if (!S_ISSOCK(status.st_mode)) {
			snprintf(why, LISTEN_WHY_MAX, "%s exists and is not a socket",
				 address->path);
			return -1;
		}
		if (is_served(&name, size)) {
			snprintf(why, LISTEN_WHY_MAX, "%s is in use: is another xcp-busd running?",
				 address->path);
			return -1;
		}
		unlink(address->path);
	}
	mask = umask(0111); /* everybody may come; authentication says who may stay */
	r = bind(fd, (struct sockaddr *)&name, size);
	umask(mask);
	if (r < 0)
		snprintf(why, LISTEN_WHY_MAX, "%s: %s", address->path,
			 errno == ENOENT ? "there is no such directory" : strerror(errno));
	return r;
}

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

/* Those who have not authenticated may be from a user who never will. One user but root gets a
 * quarter of the places, so that it keeps out nobody but itself. */
static bool is_greedy(const struct server *server, const struct account *account)
{
	return account->uid && account->incomplete > server->config->incomplete_max / 4;
}

static int welcome(struct server *server, int fd)
{
	struct link_party party = { 0 };
	struct stream *stream;
	int r = read_credentials(fd, &party.identity);

	if (r < 0)
		return r;
	party.identity.domid = server->bus.settings.domid;
	if (server->bus.shortage.is_on)
		return -ENOMEM;
	party.account = server_enter(server, party.identity.uid);
	if (!party.account)
		return -ENOMEM;
	if (is_greedy(server, party.account)) {
		server_leave(server, party.account);
		return -EBUSY;
	}
	party.quota = party.account->quota;
	party.turn = &party.account->turn;
	r = stream_unix_new(fd, &stream);
	if (r < 0) {
		server_leave(server, party.account);
		return r;
	}
	r = link_new(server, stream, &party);
	if (r < 0) {
		if (r == -ENOMEM)
			shortage_begin(&server->bus.shortage, server->now_us);
		stream_close(stream); /* and with it the descriptor */
		server_leave(server, party.account);
		return 1;
	}
	return 0;
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

/* Whoever does not authenticate goes when its time is up: wait for that, refuse nobody. */
static bool is_crowded(const struct server *server)
{
	return server->incomplete >= server->config->incomplete_max;
}

static const char *why_refused(int r)
{
	if (r > 0)
		return "its user has too many connections, or there is no memory";
	return r == -EBUSY ? "its user has too many that are not authenticated" : strerror(-r);
}

static void on_connection(evutil_socket_t listen_fd, short events, void *data)
{
	struct listen_unix *listener = data;
	unsigned lost;
	int i, fd, r;

	(void)events;
	server_begin_round(listener->server);
	for (i = 0; i < ACCEPT_MAX; i++) {
		if (is_crowded(listener->server)) {
			hold(listener);
			return;
		}
		fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
			starve(listener);
		if (fd < 0)
			return;
		listener->is_starved = false;
		r = welcome(listener->server, fd);
		if (r == 0)
			continue;
		listener->server->bus.count.links_refused++;
		if (r == -ENOMEM)
			shortage_begin(&listener->server->bus.shortage, listener->server->now_us);
		if (r < 0)
			close(fd);
		if (rate_take(&listener->lines, listener->server->now_us, &lost))
			log_warning("a local connection was refused: %s (%u more not shown)",
				    why_refused(r), lost);
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
	struct stat status;

	if (!listener)
		return NULL;
	if (listener->event)
		event_free(listener->event);
	if (listener->retry)
		event_free(listener->retry);
	if (listener->fd >= 0)
		close(listener->fd);
	if (listener->path[0] && lstat(listener->path, &status) == 0 &&
	    status.st_dev == listener->device && status.st_ino == listener->inode)
		unlink(listener->path);
	free(listener);
	return NULL;
}

DEFINE_FREEP(struct listen_unix, listen_unix_free)

static int remember_path(struct listen_unix *listener, const struct address *address)
{
	struct stat status;

	if (address->is_abstract)
		return 0;
	if (lstat(address->path, &status) < 0)
		return -errno;
	strcpy(listener->path, address->path);
	listener->device = status.st_dev;
	listener->inode = status.st_ino;
	return 0;
}

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
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener->fd < 0) {
		snprintf(why, LISTEN_WHY_MAX, "no socket: %s", strerror(errno));
		return -1;
	}
	if (bind_name(listener->fd, address, why) < 0)
		return -1;
	if (listen(listener->fd, SOMAXCONN) < 0 || remember_path(listener, address) < 0) {
		snprintf(why, LISTEN_WHY_MAX, "%s: %s", address->path, strerror(errno));
		return -1;
	}
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
