/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's end of a xenstore ring page: whole messages in, whole messages out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

#include "hosted-xen/bytes.h"

struct store_message {
	struct xsd_sockmsg header;
	char body[XENSTORE_PAYLOAD_MAX + 1]; /* ends with a zero that is not counted */
};

struct store_ring {
	struct xenstore_domain_interface *page;
	struct bytes out; /* requests that wait for room in the ring */
	struct store_message in;
	size_t in_used;
	bool moved; /* since store_ring_take_moved() */
};

int store_ring_init(struct store_ring *ring, int fd); /* 0 or a negative errno */
void store_ring_deinit(struct store_ring *ring);

/* The body may be in two parts. Returns 0 or -ENOMEM; flush sends. */
int store_ring_add(struct store_ring *ring, const struct xsd_sockmsg *header, const void *body,
		   size_t size, const void *more, size_t more_size);
void store_ring_flush(struct store_ring *ring);

/* The next message, valid until the next call, or NULL. */
const struct store_message *store_ring_receive(struct store_ring *ring);

/* Does xenstored have to be told? */
bool store_ring_take_moved(struct store_ring *ring);
