/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vchan-scribble PEER PATH COUNT SEED
 *
 * A hostile vchan server: offers a proper ring and, once the peer is there, writes COUNT random
 * values over its indexes, orders, live flags and notify bits, ringing the peer all the while.
 * "offered", "connected", "done".
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <libxenvchan.h>

enum { SERVER_WAITING = 2, WORDS = 6, PATIENCE_MS = 60000 };

static void say(const char *what)
{
	printf("%s\n", what);
	fflush(stdout);
}

static bool wait_for_peer(struct libxenvchan *ring)
{
	struct pollfd event = { .fd = libxenvchan_fd_for_select(ring), .events = POLLIN };

	while (libxenvchan_is_open(ring) == SERVER_WAITING) {
		if (poll(&event, 1, PATIENCE_MS) != 1)
			return false;
		libxenvchan_wait(ring);
	}
	return true;
}

/* Indexes that are wild, or only a little wrong, which gets further. */
static void scribble(struct libxenvchan *ring, unsigned long count, unsigned seed)
{
	volatile uint32_t *words = (volatile uint32_t *)ring->ring;
	volatile uint8_t *bytes = (volatile uint8_t *)ring->ring;

	for (unsigned long i = 0; i < count; i++) {
		uint32_t value = (uint32_t)rand_r(&seed) * 3u;

		if (rand_r(&seed) % 3 == 0)
			value = words[rand_r(&seed) % 4] + (uint32_t)rand_r(&seed) % 70000;
		words[rand_r(&seed) % WORDS] = value;
		if (i % 7 == 0)
			bytes[WORDS * sizeof(uint32_t)] = (uint8_t)rand_r(&seed);
		if (i % 64 == 0)
			xenevtchn_notify(ring->event, (evtchn_port_t)ring->event_port);
		if (i % 1024 == 0)
			ring->ring->srv_live = 1;
	}
	ring->ring->srv_live = 0;
	xenevtchn_notify(ring->event, (evtchn_port_t)ring->event_port);
}

int main(int argc, char **argv)
{
	struct libxenvchan *ring;

	if (argc != 5)
		return 2;
	ring = libxenvchan_server_init(NULL, atoi(argv[1]), argv[2], 65536, 16384);
	if (!ring)
		return 1;
	say("offered");
	if (!wait_for_peer(ring))
		return 1;
	say("connected");
	scribble(ring, strtoul(argv[3], NULL, 10), (unsigned)atoi(argv[4]));
	say("done");
	_exit(0); /* without libxenvchan_close(), which believes the ring */
}
