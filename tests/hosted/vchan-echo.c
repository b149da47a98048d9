/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vchan-echo server PEER PATH READ_MIN WRITE_MIN   echoes until the peer is gone
 * vchan-echo client PEER PATH COUNT SIZE           COUNT round trips of SIZE bytes
 * vchan-echo hold PEER PATH                        one round trip, then waits for the peer's end
 *
 * Says what happens on stdout, a line for each event: "offered", "connected", "ok COUNT SIZE",
 * "closed", "event". Non-blocking, as a daemon uses the library.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libxenvchan.h>

enum { SERVER_WAITING = 2, PATIENCE_MS = 60000, BUFFER = 1 << 20 };

static char sent[BUFFER], received[BUFFER];

static void say(const char *what)
{
	printf("%s\n", what);
	fflush(stdout);
}

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return 1;
}

/* False when nothing happened for far too long. */
static bool wait_event(struct libxenvchan *ring)
{
	struct pollfd event = { .fd = libxenvchan_fd_for_select(ring), .events = POLLIN };

	if (poll(&event, 1, PATIENCE_MS) != 1)
		return false;
	libxenvchan_wait(ring);
	return true;
}

static struct libxenvchan *dial(int peer, const char *path)
{
	struct timespec pause = { .tv_nsec = 10000000 };

	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		struct libxenvchan *ring = libxenvchan_client_init(NULL, peer, path);

		if (ring) {
			ring->blocking = 0;
			return ring;
		}
		if (errno != ENOENT)
			return NULL;
		nanosleep(&pause, NULL); /* not offered yet */
	}
	return NULL;
}

static int echo_all(struct libxenvchan *ring)
{
	int got, put;

	while ((got = libxenvchan_read(ring, received, BUFFER)) > 0) {
		for (int done = 0; done < got; done += put) {
			put = libxenvchan_write(ring, received + done, (size_t)(got - done));
			if (put < 0)
				return -1;
			if (put == 0 && !wait_event(ring))
				return -1;
		}
	}
	return got;
}

static int serve(int peer, const char *path, size_t read_min, size_t write_min)
{
	struct libxenvchan *ring = libxenvchan_server_init(NULL, peer, path, read_min, write_min);
	bool connected = false;

	if (!ring)
		return fail("server_init");
	ring->blocking = 0;
	printf("offered %d %d\n", 1 << ring->read.order, 1 << ring->write.order);
	fflush(stdout);
	for (;;) {
		int state = libxenvchan_is_open(ring);

		if (!connected && state != SERVER_WAITING) {
			connected = true;
			say("connected");
		}
		if (echo_all(ring) < 0 || state == 0)
			break;
		if (!wait_event(ring))
			return fail("nothing happens");
	}
	say("closed");
	libxenvchan_close(ring);
	return 0;
}

static int round_trip(struct libxenvchan *ring, size_t size, unsigned seed)
{
	size_t out = 0, in = 0;

	for (size_t i = 0; i < size; i++)
		sent[i] = (char)(seed * 31 + i * 7);
	while (in < size) {
		int put = out < size ? libxenvchan_write(ring, sent + out, size - out) : 0;
		int got;

		if (put < 0)
			return -1;
		out += (size_t)put;
		got = libxenvchan_read(ring, received + in, size - in);
		if (got < 0)
			return -1;
		in += (size_t)got;
		if (got == 0 && put == 0 && !wait_event(ring))
			return -1;
	}
	if (memcmp(sent, received, size) == 0)
		return 0;
	errno = EBADMSG;
	return -1;
}

static int client(int peer, const char *path, unsigned count, size_t size, bool hold)
{
	struct libxenvchan *ring = dial(peer, path);

	if (!ring)
		return fail("client_init");
	say("connected");
	for (unsigned i = 0; i < count; i++) {
		if (round_trip(ring, size, i) < 0) {
			fail("round trip");
			libxenvchan_close(ring);
			return 1;
		}
	}
	printf("ok %u %zu\n", count, size);
	fflush(stdout);
	while (hold && libxenvchan_is_open(ring) == 1) {
		if (!wait_event(ring))
			return fail("nothing happens");
		say("event");
	}
	if (hold)
		say("closed");
	libxenvchan_close(ring);
	return 0;
}

int main(int argc, char **argv)
{
	int peer = argc > 2 ? atoi(argv[2]) : 0;

	if (argc == 6 && strcmp(argv[1], "server") == 0)
		return serve(peer, argv[3], (size_t)atol(argv[4]), (size_t)atol(argv[5]));
	if (argc == 6 && strcmp(argv[1], "client") == 0 && atol(argv[5]) <= BUFFER)
		return client(peer, argv[3], (unsigned)atoi(argv[4]), (size_t)atol(argv[5]), false);
	if (argc == 4 && strcmp(argv[1], "hold") == 0)
		return client(peer, argv[3], 1, 100, true);
	fprintf(stderr, "usage: see the top of vchan-echo.c\n");
	return 2;
}
