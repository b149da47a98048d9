/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hosted-xen/store-ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "hosted-xen/hxd.h"

int store_ring_init(struct store_ring *ring, int fd)
{
	*ring = (struct store_ring){ 0 };
	ring->page = mmap(NULL, HX_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return ring->page == MAP_FAILED ? -errno : 0;
}

void store_ring_deinit(struct store_ring *ring)
{
	munmap(ring->page, HX_PAGE_SIZE);
	bytes_deinit(&ring->out);
}

int store_ring_add(struct store_ring *ring, const struct xsd_sockmsg *header, const void *body,
		   size_t size, const void *more, size_t more_size)
{
	size_t before = bytes_size(&ring->out);

	if (bytes_append(&ring->out, header, sizeof(*header)) == 0 &&
	    bytes_append(&ring->out, body, size) == 0 &&
	    bytes_append(&ring->out, more, more_size) == 0)
		return 0;
	ring->out.end = ring->out.start + before; /* half a message would be worse than none */
	return -ENOMEM;
}

void store_ring_flush(struct store_ring *ring)
{
	struct xenstore_domain_interface *page = ring->page;
	uint32_t prod = page->req_prod;
	uint32_t used = prod - __atomic_load_n(&page->req_cons, __ATOMIC_ACQUIRE);
	size_t count = bytes_size(&ring->out);
	const char *from = bytes_first(&ring->out);

	if (used > XENSTORE_RING_SIZE)
		return; /* xenstored has closed it */
	if (count > XENSTORE_RING_SIZE - used)
		count = XENSTORE_RING_SIZE - used;
	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		page->req[MASK_XENSTORE_IDX(prod + (uint32_t)i)] = from[i];
	__atomic_store_n(&page->req_prod, prod + (uint32_t)count, __ATOMIC_RELEASE);
	bytes_drop(&ring->out, count);
	ring->moved = true;
}

/* Moves bytes into the message until it has as many as wanted. */
static bool fill(struct store_ring *ring, size_t wanted)
{
	struct xenstore_domain_interface *page = ring->page;
	uint32_t cons = page->rsp_cons;
	uint32_t ready = __atomic_load_n(&page->rsp_prod, __ATOMIC_ACQUIRE) - cons;
	char *to = (char *)&ring->in;

	if (ready > XENSTORE_RING_SIZE)
		return false;
	while (ready > 0 && ring->in_used < wanted) {
		to[ring->in_used++] = page->rsp[MASK_XENSTORE_IDX(cons)];
		cons++;
		ready--;
		ring->moved = true;
	}
	__atomic_store_n(&page->rsp_cons, cons, __ATOMIC_RELEASE);
	return ring->in_used == wanted;
}

const struct store_message *store_ring_receive(struct store_ring *ring)
{
	const struct xsd_sockmsg *header = &ring->in.header;

	if (ring->in_used < sizeof(*header) && !fill(ring, sizeof(*header)))
		return NULL;
	if (header->len > XENSTORE_PAYLOAD_MAX) {
		hxd_log("xenstored sent a message of %u bytes", header->len);
		ring->in_used = 0;
		return NULL;
	}
	if (ring->in_used < sizeof(*header) + header->len &&
	    !fill(ring, sizeof(*header) + header->len))
		return NULL;
	ring->in.body[header->len] = '\0';
	ring->in_used = 0;
	return &ring->in;
}

bool store_ring_take_moved(struct store_ring *ring)
{
	bool moved = ring->moved;

	ring->moved = false;
	return moved;
}
