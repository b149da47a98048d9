/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bare limit: what a broker would cost that looked at nothing. Bytes from the
 * first connection go to all others, bytes from any other go to the first. It
 * waits when a receiver is full, and ends when the first connection closes; then
 * it takes the next group.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, READ_SIZE = 256 << 10, EVENTS_MAX = 64 };

struct relay {
	int listener, epoll;
	int fds[CONNECTIONS_MAX];
	int count;
	uint8_t buffer[READ_SIZE];
};

static struct relay relay;

/* The socket appears under its name when it can be connected to, not before. */
static void open_listener(const char *path)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int n = snprintf(where.sun_path, sizeof(where.sun_path), "%s.new", path);

	if (n < 0 || (size_t)n >= sizeof(where.sun_path))
		errx(1, "%s: the path is too long", path);
	relay.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (relay.listener < 0 ||
	    bind(relay.listener, (struct sockaddr *)&where, sizeof(where)) < 0 ||
	    listen(relay.listener, CONNECTIONS_MAX) < 0 || rename(where.sun_path, path) < 0)
		err(1, "%s", path);
}

static void watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(relay.epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		err(1, "epoll_ctl");
}

static void accept_one(void)
{
	int fd = accept(relay.listener, NULL, NULL);

	if (fd < 0)
		err(1, "accept");
	if (relay.count == CONNECTIONS_MAX)
		errx(1, "more than %d connections", CONNECTIONS_MAX);
	relay.fds[relay.count++] = fd;
	watch(fd);
}

static void close_all(void)
{
	for (int i = 0; i < relay.count; i++)
		close(relay.fds[i]);
	relay.count = 0;
}

/* False if the receiver is gone. */
static bool send_all(int fd, const uint8_t *bytes, size_t size)
{
	ssize_t n;

	while (size > 0) {
		n = send(fd, bytes, size, MSG_NOSIGNAL);
		if (n < 0)
			return false;
		bytes += n;
		size -= (size_t)n;
	}
	return true;
}

/* False if the group is at its end. */
static bool pass_on(int from)
{
	ssize_t n = recv(from, relay.buffer, sizeof(relay.buffer), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0 || relay.count < 2)
		return false;
	if (from != relay.fds[0])
		return send_all(relay.fds[0], relay.buffer, (size_t)n);
	for (int i = 1; i < relay.count; i++) {
		if (!send_all(relay.fds[i], relay.buffer, (size_t)n))
			return false;
	}
	return true;
}

static void turn(void)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(relay.epoll, events, EVENTS_MAX, -1);

	if (n < 0 && errno != EINTR)
		err(1, "epoll_wait");
	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == relay.listener) {
			accept_one();
		} else if (!pass_on(events[i].data.fd)) {
			close_all();
			return; /* the other events may be of closed connections */
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 2 || argv[1][0] == '-') {
		printf("usage: %s SOCKET\nPasses bytes between the first and the later "
		       "connections.\n",
		       argv[0]);
		return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	relay.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (relay.epoll < 0)
		err(1, "epoll_create1");
	open_listener(argv[1]);
	watch(relay.listener);
	for (;;)
		turn();
}
