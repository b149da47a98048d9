/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The metrics, over HTTP: GET /metrics at a Unix socket or at a port of this machine alone.
 *
 * Whoever asks must cost the bus next to nothing. So few are let in at once, each for a short time
 * and with a short question; one answer is made for all who ask at nearly the same time; and the
 * rest wait outside, in the backlog of the socket.
 */
#pragma once

#include "config.h"
#include "io/server.h"

enum { METRICS_WHY_MAX = 512 };

struct metrics;

/* Begins to serve. 0, or -1 and a sentence. */
int metrics_new(struct server *server, const struct metrics_address *address, struct metrics **out,
		char why[METRICS_WHY_MAX]);
struct metrics *metrics_free(struct metrics *metrics); /* NULL is fine; returns NULL */
