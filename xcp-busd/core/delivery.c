/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/delivery.h"

enum { PAUSE_SMALL = 64 * 1024 };

/* How far a queue may be filled by one sender. Guests share one half of it; the other half is for
 * dom0 alone. */
static uint64_t queue_max(const struct peer *to, const struct peer *from)
{
	return from && from->identity->is_guest ? to->outbox_max / 2 : to->outbox_max;
}

static bool queue_has_room(const struct peer *to, const struct delivery *delivery)
{
	uint64_t max = queue_max(to, delivery->from), size = delivery->size;

	if (to->bus->shortage.is_on && max > SHORTAGE_QUEUE_MAX)
		max = SHORTAGE_QUEUE_MAX;
	return size <= max && to->outbox.size <= max - size;
}

static bool queue_has_room_for_fds(const struct peer *to, const struct delivery *delivery)
{
	const struct fds *fds = delivery->cargo.fds;

	return !fds || to->outbox.fds_count + fds->count <= to->bus->settings.peer_fds_max;
}

struct reason delivery_reason(const struct delivery *delivery, int outcome, const struct peer *to,
			      const struct quota *payer)
{
	const struct fds *fds = delivery->cargo.fds;

	if (outcome == DELIVER_OVER_QUOTA)
		return reason_quota(payer, fds && !quota_has_room(payer, QUOTA_FDS, fds->count)
						   ? QUOTA_FDS
						   : QUOTA_BYTES);
	if (outcome != DELIVER_RECEIVER_FULL || to->bus->shortage.is_on)
		return reason_of(REASON_MEMORY);
	if (!queue_has_room_for_fds(to, delivery))
		return reason_limit(REASON_QUEUE_FDS, to->outbox.fds_count,
				    to->bus->settings.peer_fds_max);
	return reason_limit(REASON_QUEUE, to->outbox.size, queue_max(to, delivery->from));
}

/* A sender waits when too much of what it sent, or too many descriptors, are unread, and sooner if
 * of the queue it fills half of what it may fill is full. */
static void pause_sender(struct bus *bus, struct sender *sender, const struct peer *to,
			 const struct peer *from)
{
	uint64_t limit = bus->settings.unread_max, fds_limit = bus->settings.unread_fds_max;

	if (to->outbox.size > queue_max(to, from) / 2 && limit > PAUSE_SMALL)
		limit = PAUSE_SMALL;
	if (sender->unread <= limit && sender->unread_fds <= fds_limit)
		return;
	sender->resume_at = limit / 2 + 1;
	sender->resume_at_fds = fds_limit / 2;
}

static void count(struct traffic *traffic, const struct delivery *delivery)
{
	if (!delivery->type)
		return;
	traffic->of[TRAFFIC_MESSAGES_RECEIVED]++;
	traffic->of[TRAFFIC_BYTES_RECEIVED] += delivery->size;
	traffic->of[TRAFFIC_ERRORS_RECEIVED] += delivery->type == MESSAGE_ERROR;
}

int delivery_send(struct bus *bus, struct peer *to, const struct delivery *delivery,
		  struct quota *payer, struct sender *sender)
{
	bool was_empty = !to->outbox.size;
	int r;

	if (to->is_dropped)
		return DELIVERED;
	if (delivery->cargo.fds && !to->takes_fds)
		return DELIVER_NO_FDS;
	if (!queue_has_room_for_fds(to, delivery) || !queue_has_room(to, delivery))
		return DELIVER_RECEIVER_FULL;
	r = outbox_add(&to->outbox, delivery->parts, delivery->count, delivery->size,
		       &delivery->cargo, payer, sender);
	if (r == OUTBOX_OVER_QUOTA)
		return DELIVER_OVER_QUOTA;
	if (r < 0 && shortage_begin(&bus->shortage, bus->now_us))
		return delivery_send(bus, to, delivery, payer, sender);
	if (r < 0)
		return r;
	if (was_empty) {
		list_push_back(&bus->busy, &to->busy_link);
		to->progress_us = bus->now_us;
		to->progress_size = to->outbox.sent_size;
		bus->ops->wake(to);
	}
	if (sender)
		pause_sender(bus, sender, to, delivery->from);
	count(&to->traffic, delivery);
	return DELIVERED;
}

int delivery_init(struct delivery *delivery, struct bus *bus, struct peer *from,
		  struct message *message, const struct cargo *cargo)
{
	const struct message_stamp *stamp = from ? &from->stamp : &bus->driver_stamp;
	int64_t size =
		message_stamp(message, stamp, &bus->scratch, &bus->scratch_size, delivery->parts);

	if (size < 0)
		return (int)size;
	delivery->count = 3;
	delivery->size = (uint64_t)size;
	delivery->from = from;
	delivery->type = message->type;
	delivery->cargo = *cargo;
	if (delivery->parts[2].iov_len <= OUTBOX_COPY_MAX)
		delivery->cargo.body = NULL;
	return 0;
}

void delivery_init_own(struct delivery *delivery, const uint8_t *bytes, uint32_t size)
{
	*delivery = (struct delivery){
		.parts = { { .iov_base = (void *)(uintptr_t)bytes, .iov_len = size } },
		.count = 1,
		.size = size,
		.type = bytes[1],
	};
}
