/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's side of docs/protocol.md: offer a ring to the domain in which the bus is, and learn
 * whether it was taken.
 *
 * All that talks to xenstored happens in a thread of the offer's own, because xenstored may be slow
 * or stopped. Nothing here ever waits, not even cancelling.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/stream.h"

struct ring_offer;

enum { RING_OFFER_WHY_MAX = 256 };

/* How long a published ring waits to be taken. */
enum { RING_OFFER_TIMEOUT_MS = 5000 };

/* Begins to offer a ring of ring_size bytes each way to domid. */
int ring_offer_start(uint32_t domid, size_t ring_size, struct ring_offer **out);

/* Becomes readable once, when there is a result to take. */
int ring_offer_fd(const struct ring_offer *offer);

/* Takes the result and frees the offer: 0 and a ring that the bus has taken, or a negative errno
 * and a sentence (what the bus wrote is in it, with control characters escaped). -EAGAIN, and
 * nothing freed, if there is no result yet. */
int ring_offer_take(struct ring_offer *offer, struct stream **ring, char why[RING_OFFER_WHY_MAX]);

/* Withdraws an offer whose result has not been taken, and frees it; NULL is fine. Returns NULL. */
struct ring_offer *ring_offer_cancel(struct ring_offer *offer);

/* The same, and waits until nothing of it is left in xenstore, for at most timeout_ms: for a
 * program that is about to end, and the thread with it. */
struct ring_offer *ring_offer_withdraw(struct ring_offer *offer, int timeout_ms);
