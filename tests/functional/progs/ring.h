/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the test programs in a guest share: offering a ring to domain 0, straight through
 * libxenvchan, so that a mistake in our own stream code cannot hide itself.
 *
 * Every program prints one line when it has begun and goes on until its standard input ends.
 */
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <libxenvchan.h>
#include <xenstore.h>

#define RING_PATH_SIZE 64

static inline void ring_die(const char *what)
{
	perror(what);
	exit(1);
}

static inline void ring_say(const char *word)
{
	puts(word);
	fflush(stdout);
}

static inline struct xs_handle *ring_store(void)
{
	struct xs_handle *xs = xs_open(0);

	if (!xs)
		ring_die("xs_open");
	return xs;
}

static inline unsigned ring_own_domid(struct xs_handle *xs)
{
	char *text = xs_read(xs, XBT_NULL, "domid", NULL);
	unsigned domid;

	if (!text)
		ring_die("reading domid");
	domid = (unsigned)strtoul(text, NULL, 10);
	free(text);
	return domid;
}

/* A new place to offer a ring at: /local/domain/<own>/data/xcp-bus/<12 digits>. */
static inline void ring_new_path(struct xs_handle *xs, char path[RING_PATH_SIZE])
{
	unsigned char id[6];

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		ring_die("getrandom");
	snprintf(path, RING_PATH_SIZE, "/local/domain/%u/data/xcp-bus/%02x%02x%02x%02x%02x%02x",
		 ring_own_domid(xs), id[0], id[1], id[2], id[3], id[4], id[5]);
}

/* "left" is what the server reads. */
static inline struct libxenvchan *ring_offer(const char *path, size_t left, size_t right)
{
	struct libxenvchan *vchan = libxenvchan_server_init(NULL, 0, path, left, right);

	if (!vchan)
		ring_die("libxenvchan_server_init");
	vchan->blocking = 0;
	return vchan;
}

static inline bool ring_told_to_stop(int timeout_ms)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte;

	return poll(&input, 1, timeout_ms) == 1 && read(STDIN_FILENO, &byte, 1) <= 0;
}

/* Until the daemon has connected. False if we were told to stop before. */
static inline bool ring_wait_accepted(struct libxenvchan *vchan)
{
	while (libxenvchan_is_open(vchan) == 2) {
		if (ring_told_to_stop(5))
			return false;
	}
	return true;
}
