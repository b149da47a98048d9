/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <libgen.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/stream-unix.h"
#include "tools/agent.h"

enum {
	BACKLOG = 128,
	ACCEPTS_MAX = 16, /* in one turn of the loop */
	RETRY_S = 1, /* when we are out of descriptors and no client goes */
};

/* ---- accepting ---- */

static bool is_exhaustion(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void pause_accepting(struct agent *agent, int error)
{
	struct timeval time = { .tv_sec = RETRY_S };

	if (!event_pending(&agent->retry_event, EV_TIMEOUT, NULL))
		log_warning("no clients are accepted for a while: %s", strerror(error));
	event_del(&agent->accept_event);
	event_add(&agent->retry_event, &time);
}

static void take_or_refuse(struct agent *agent, int fd)
{
	struct user *user;

	if (agent->client_count < agent->clients_max) {
		user = user_enter(agent, fd);
		if (user)
			client_start(agent, user, fd);
		else
			close(fd);
		return;
	}
	close(fd);
	if (!agent->is_full)
		log_warning(
			"there are %u clients, the most that are allowed (--max-clients): more are "
			"turned away",
			agent->client_count);
	agent->is_full = true;
}

static void on_accept(evutil_socket_t listener, short what, void *data)
{
	struct agent *agent = data;
	unsigned count;
	int fd;

	(void)what;
	for (count = 0; count < ACCEPTS_MAX; count++) {
		fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			take_or_refuse(agent, fd);
			continue;
		}
		if (is_exhaustion(errno))
			pause_accepting(agent, errno);
		return; /* nobody more, or one that went again */
	}
}

static void on_retry(evutil_socket_t fd, short what, void *data)
{
	struct agent *agent = data;

	(void)fd;
	(void)what;
	event_add(&agent->accept_event, NULL);
}

void listen_resume(struct agent *agent)
{
	if (agent->client_count < agent->clients_max)
		agent->is_full = false;
	if (event_pending(&agent->retry_event, EV_TIMEOUT, NULL)) {
		event_del(&agent->retry_event);
		event_add(&agent->accept_event, NULL);
	}
}

/* ---- the socket ---- */

/* The directory is ours to make; its parent is not. */
static int make_directory(const char *path)
{
	char copy[ADDRESS_PATH_MAX + 1];

	snprintf(copy, sizeof(copy), "%s", path);
	if (mkdir(dirname(copy), 0755) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

/* A socket file that nobody listens on is what a killed agent left. */
static int remove_stale(const char *path)
{
	struct stream *stream;
	struct stat status;
	int r;

	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	r = stream_unix_connect(path, false, &stream);
	if (r == 0)
		stream_close(stream);
	if (r != -ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(path) < 0 ? -errno : 0;
}

static int bind_to(struct agent *agent, int fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	bool is_abstract = agent->listen.is_abstract;
	size_t length = strlen(agent->listen.path);
	mode_t before;
	int r;

	memcpy(address.sun_path + (is_abstract ? 1 : 0), agent->listen.path, length);
	before = umask((mode_t)(0777 & ~agent->socket_mode));
	r = bind(fd, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1));
	r = r < 0 ? -errno : 0;
	umask(before);
	return r;
}

static int open_socket(struct agent *agent)
{
	CLEANUP(cleanup_close) int fd = -1;
	int r = 0;

	if (!agent->listen.is_abstract)
		r = make_directory(agent->listen.path);
	if (r == 0 && !agent->listen.is_abstract)
		r = remove_stale(agent->listen.path);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = bind_to(agent, fd);
	if (r < 0)
		return r;
	agent->has_bound = !agent->listen.is_abstract;
	if (listen(fd, BACKLOG) < 0)
		return -errno;
	agent->listen_fd = fd;
	fd = -1;
	return 0;
}

static const char *explain(int failure)
{
	if (failure == -EADDRINUSE)
		return "another program listens there already";
	if (failure == -EEXIST)
		return "there is a file of that name that is no socket";
	return strerror(-failure);
}

int listen_start(struct agent *agent, char *why, size_t why_size)
{
	int r = open_socket(agent);

	if (r < 0) {
		snprintf(why, why_size, "cannot listen on %s: %s", agent->listen.path, explain(r));
		return r;
	}
	event_assign(&agent->accept_event, agent->base, agent->listen_fd, EV_READ | EV_PERSIST,
		     on_accept, agent);
	evtimer_assign(&agent->retry_event, agent->base, on_retry, agent);
	event_add(&agent->accept_event, NULL);
	return 0;
}

void listen_stop(struct agent *agent)
{
	if (agent->listen_fd < 0)
		return;
	event_del(&agent->accept_event);
	event_del(&agent->retry_event);
	close(agent->listen_fd);
	agent->listen_fd = -1;
	if (agent->has_bound)
		unlink(agent->listen.path);
}
