/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "tools/agent.h"

/* Buffers in one turn of the loop: the other clients want to live as well. */
enum { ROUNDS_MAX = 16 };

void pump_init(struct pump *pump, struct stream *from, struct stream *to)
{
	*pump = (struct pump){ .from = from, .to = to };
}

void pump_deinit(struct pump *pump)
{
	free(TAKE(pump->buffer));
	pump->start = pump->end = 0;
}

static void end_from(struct pump *pump, int failure)
{
	pump->is_dry = true;
	pump->failure = failure;
}

/* False if there is nothing, now or ever. */
static bool fill(struct pump *pump)
{
	ssize_t moved;

	if (!pump->buffer)
		pump->buffer = malloc(PUMP_SIZE);
	moved = pump->buffer ? stream_read(pump->from, pump->buffer, PUMP_SIZE) : -ENOMEM;
	if (moved < 0)
		end_from(pump, (int)moved);
	if (moved <= 0) {
		pump->is_full = false;
		return false;
	}
	pump->start = 0;
	pump->end = (size_t)moved;
	pump->is_full = stream_may_have_more(pump->from, moved, PUMP_SIZE);
	return true;
}

/* False if to takes no more just now, or is gone. */
static bool drain(struct pump *pump)
{
	struct iovec part = { pump->buffer + pump->start, pump->end - pump->start };
	ssize_t moved = stream_write(pump->to, &part, 1);

	if (moved < 0) {
		pump->is_broken = true;
		pump_deinit(pump);
		return false;
	}
	pump->start += (size_t)moved;
	return !pump_has_bytes(pump);
}

static bool run(struct pump *pump)
{
	unsigned round;

	/* While they waited, the event that tells of more may have come and gone. */
	if (pump_has_bytes(pump))
		pump->is_full = true;
	for (round = 0; round < ROUNDS_MAX; round++) {
		if (!pump_has_bytes(pump) && !fill(pump))
			return false;
		if (!drain(pump))
			return false;
		/* A short read has asked the stream to tell of more. */
		if (!pump->is_full)
			return false;
	}
	return true;
}

bool pump_run(struct pump *pump, bool is_readable)
{
	bool has_more;

	/* A look at a socket costs a system call. */
	if (!is_readable && !pump->is_full && !pump_has_bytes(pump))
		return false;
	has_more = !pump_is_done(pump) && run(pump);

	/* An idle client costs no buffer. */
	if (!pump_has_bytes(pump) && !has_more)
		pump_deinit(pump);
	return has_more;
}
