/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One message on its way into queues: stamped once, delivered to as many as it concerns, and who
 * answers for it in each. */
#pragma once

#include "core/bus.h"

enum {
	DELIVERED,
	DELIVER_RECEIVER_FULL,
	DELIVER_OVER_QUOTA, /* the payer's */
	DELIVER_NO_FDS, /* it has descriptors, and the receiver takes none */
};

struct delivery {
	struct iovec parts[3];
	int count;
	uint64_t size;
	struct cargo cargo; /* without a body: copy it */
	struct peer *from; /* NULL: the bus itself */
	uint8_t type; /* of the message; 0: this is none */
};

/* Stamps the message with its sender. Borrows from all three, and from the bus until the next one
 * is stamped. 0 or -ENOMEM. */
int delivery_init(struct delivery *delivery, struct bus *bus, struct peer *from,
		  struct message *message, const struct cargo *cargo);

/* Of a message of the bus itself, which has its sender. */
void delivery_init_own(struct delivery *delivery, const uint8_t *bytes, uint32_t size);

/* What is behind it that a message could not be delivered: an outcome other than DELIVERED, or
 * -ENOMEM. */
struct reason delivery_reason(const struct delivery *delivery, int outcome, const struct peer *to,
			      const struct quota *payer);

/* Into one peer's queue, charged to payer. If there is a sender, the bytes are unread of it, and it
 * is paused when they are too many. An outcome, or -ENOMEM. */
int delivery_send(struct bus *bus, struct peer *to, const struct delivery *delivery,
		  struct quota *payer, struct sender *sender);
