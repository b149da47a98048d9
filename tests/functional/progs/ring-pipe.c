/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ring-pipe LEFT RIGHT: a ring of exactly these sizes, joined to the socket on standard input.
 *
 * Says "offered PATH", then "accepted" or "refused: why", and "closed" when the daemon has ended
 * the ring. Ends when either side does. Bytes pass through; nothing is looked at.
 */
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "ring.h"

#define CHUNK 65536

struct half {
	char bytes[CHUNK];
	size_t start, end;
};

static struct libxenvchan *vchan;
static struct half to_ring, to_socket;
static bool socket_ended, socket_broken, ring_ended;

static void read_socket(void)
{
	ssize_t size;

	if (to_ring.start < to_ring.end || socket_ended)
		return;
	size = recv(STDIN_FILENO, to_ring.bytes, CHUNK, MSG_DONTWAIT);
	if (size > 0) {
		to_ring.start = 0;
		to_ring.end = (size_t)size;
	} else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
		socket_ended = true;
	}
}

static void read_ring(void)
{
	int size;

	if (to_socket.start < to_socket.end || ring_ended)
		return;
	size = libxenvchan_read(vchan, to_socket.bytes, CHUNK);
	if (size > 0) {
		to_socket.start = 0;
		to_socket.end = (size_t)size;
	} else if (size < 0) {
		ring_ended = true;
	}
}

static bool write_ring(void)
{
	int size;

	if (to_ring.start == to_ring.end || ring_ended)
		return false;
	size = libxenvchan_write(vchan, to_ring.bytes + to_ring.start, to_ring.end - to_ring.start);
	if (size < 0)
		ring_ended = libxenvchan_data_ready(vchan) <= 0;
	else
		to_ring.start += (size_t)size;
	return size > 0;
}

static bool write_socket(void)
{
	ssize_t size;

	if (to_socket.start == to_socket.end)
		return false;
	size = send(STDIN_FILENO, to_socket.bytes + to_socket.start,
		    to_socket.end - to_socket.start, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (size > 0)
		to_socket.start += (size_t)size;
	else if (errno != EAGAIN && errno != EINTR)
		socket_broken = true;
	return size > 0;
}

/* Move what can be moved, until nothing can. */
static void pump(void)
{
	bool moved;

	do {
		read_socket();
		read_ring();
		moved = write_ring();
		moved |= write_socket();
	} while (moved);
}

static void wait_for_more(void)
{
	bool full = to_ring.start < to_ring.end, waiting = to_socket.start < to_socket.end;
	struct pollfd fds[] = {
		{ .fd = libxenvchan_fd_for_select(vchan), .events = POLLIN },
		{ .fd = STDIN_FILENO,
		  .events = (short)((full ? 0 : POLLIN) | (waiting ? POLLOUT : 0)) },
	};

	/* A hang-up is reported whether asked for or not: not while the ring is full. */
	poll(fds, full && !waiting ? 1 : 2, -1);
	if (fds[0].revents & POLLIN)
		libxenvchan_wait(vchan);
}

/* The daemon connects, or leaves a sentence why it does not. */
static bool wait_for_answer(struct xs_handle *xs, const char *path)
{
	char node[RING_PATH_SIZE + 8], *why;
	struct pollfd input = { .fd = STDIN_FILENO };

	snprintf(node, sizeof(node), "%s/error", path);
	while (libxenvchan_is_open(vchan) == 2) {
		why = xs_read(xs, XBT_NULL, node, NULL);
		if (why) {
			printf("refused: %s\n", why);
			xs_rm(xs, XBT_NULL, path);
			free(why);
			return false;
		}
		if (poll(&input, 1, 10) == 1)
			return false;
	}
	ring_say("accepted");
	return true;
}

int main(int argc, char **argv)
{
	struct xs_handle *xs = ring_store();
	char path[RING_PATH_SIZE];

	if (argc != 3) {
		fputs("usage: ring-pipe LEFT RIGHT\n", stderr);
		return 2;
	}
	ring_new_path(xs, path);
	vchan = ring_offer(path, strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10));
	printf("offered %s\n", path);
	fflush(stdout);
	if (!wait_for_answer(xs, path)) {
		libxenvchan_close(vchan);
		return 3;
	}
	for (;;) {
		pump();
		if (ring_ended && to_socket.start == to_socket.end)
			break;
		if (socket_broken || (socket_ended && to_ring.start == to_ring.end))
			break;
		wait_for_more();
	}
	if (ring_ended)
		ring_say("closed");
	libxenvchan_close(vchan);
	return 0;
}
