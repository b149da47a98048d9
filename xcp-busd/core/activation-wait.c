/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What waits for a service to start: at whose expense, and how it goes on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/activation-private.h"
#include "core/answer.h"
#include "core/driver.h"

void waiter_free(struct waiter *waiter)
{
	struct activation_table *table = &waiter->from->bus->activations;

	list_remove(&waiter->link);
	list_remove(&waiter->peer_link);
	table->waiting_count--;
	waiter->activation->held_size -= waiter->charged;
	waiter->from->quota->held_size -= waiter->charged;
	waiter->from->quota->held_count--;
	quota_release(waiter->from->quota, QUOTA_BYTES, waiter->charged);
	if (waiter->fds)
		quota_release(waiter->from->quota, QUOTA_FDS, waiter->fds->count);
	fds_unref(waiter->fds);
	blob_unref(waiter->blob);
	free(waiter);
}

/* The bytes of the message have moved. */
static void rebase(struct message *message, uint8_t *bytes)
{
	struct text *const texts[] = { &message->path,        &message->interface,
				       &message->member,      &message->error_name,
				       &message->destination, &message->sender,
				       &message->signature };
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i]->bytes)
			texts[i]->bytes = (const char *)bytes +
					  (texts[i]->bytes - (const char *)message->bytes);
	message->bytes = bytes;
}

/* In the waiter's own memory, or that in which it came, if it has it for itself. */
static bool keep_message(struct waiter *waiter, const struct message *message,
			 const struct cargo *cargo)
{
	waiter->message = *message;
	if (!cargo)
		return true;
	if (cargo->fds)
		waiter->fds = fds_ref(cargo->fds);
	if (cargo->body) {
		waiter->blob = blob_ref(cargo->body);
		return true;
	}
	waiter->blob = blob_new(message->size);
	if (!waiter->blob)
		return false;
	memcpy(waiter->blob->bytes, message->bytes, message->size);
	waiter->blob->size = message->size;
	rebase(&waiter->message, waiter->blob->bytes);
	return true;
}

static int refuse_unread(struct activation_refusal *refusal, const struct peer *from,
			 enum quota_kind kind)
{
	return activation_limit(refusal, reason_quota(from->quota, kind), "%s (limit: %llu)",
				quota_unread_text(kind),
				(unsigned long long)from->quota->limits->max[kind]);
}

/* Of what may wait for a name, in bytes, one user or domain gets half, and the last quarter is
 * root's. */
static bool has_room(const struct activation *activation, const struct peer *from, uint64_t size)
{
	uint64_t max = from->bus->settings.local_queue_max;

	if (!peer_is_privileged(from) && from->quota->held_size + size > max / 2)
		return false;
	return activation->held_size + size <= (peer_is_privileged(from) ? max : max - max / 4);
}

int waiter_add(struct activation *activation, struct peer *from, const struct message *message,
	       const struct cargo *cargo, struct activation_refusal *refusal)
{
	struct bus *bus = from->bus;
	uint64_t size = sizeof(struct waiter) + (cargo ? message->size : 0);
	unsigned fds = cargo && cargo->fds ? cargo->fds->count : 0;
	struct waiter *waiter;

	if (!has_room(activation, from, size))
		return activation_limit(
			refusal, reason_of(REASON_START_SIZE),
			"Too many bytes already wait for %s to be started (limit: %llu)",
			activation->name, (unsigned long long)bus->settings.local_queue_max);
	if (!quota_charge(from->quota, QUOTA_BYTES, size))
		return refuse_unread(refusal, from, QUOTA_BYTES);
	if (fds && !quota_charge(from->quota, QUOTA_FDS, fds)) {
		quota_release(from->quota, QUOTA_BYTES, size);
		return refuse_unread(refusal, from, QUOTA_FDS);
	}
	waiter = calloc(1, sizeof(*waiter));
	if (!waiter || !keep_message(waiter, message, cargo)) {
		if (waiter)
			fds_unref(waiter->fds);
		free(waiter);
		quota_release(from->quota, QUOTA_BYTES, size);
		if (fds)
			quota_release(from->quota, QUOTA_FDS, fds);
		return -ENOMEM;
	}
	waiter->activation = activation;
	waiter->from = from;
	waiter->charged = size;
	activation->held_size += size;
	from->quota->held_size += size;
	from->quota->held_count++;
	bus->activations.waiting_count++;
	list_push_back(&activation->waiting, &waiter->link);
	list_push_back(&from->waiting, &waiter->peer_link);
	return ACTIVATION_WAITS;
}

bool waiter_wants_answer(const struct waiter *waiter)
{
	return !waiter->from->is_dropped && waiter->message.type == MESSAGE_METHOD_CALL &&
	       !(waiter->message.flags & MESSAGE_NO_REPLY_EXPECTED);
}

/* The answer to StartServiceByName. */
static int send_started(struct bus *bus, struct waiter *waiter)
{
	enum { STARTED = 1 };
	struct build build;
	uint8_t *bytes;
	uint32_t size;
	int r;

	build_init(&build);
	build_header(&build, &(struct build_head){
				     .type = MESSAGE_METHOD_RETURN,
				     .flags = MESSAGE_NO_REPLY_EXPECTED,
				     .serial = driver_serial(bus),
				     .reply_serial = waiter->message.serial,
				     .destination = waiter->from->name,
				     .sender = DRIVER_NAME,
				     .signature = "u",
			     });
	build_uint32(&build, STARTED);
	r = build_finish(&build, &bytes, &size);
	if (r == 0)
		answer_send(bus, waiter->from, bytes, size);
	build_deinit(&build);
	return r;
}

void waiter_let_go(struct bus *bus, struct waiter *waiter, struct peer *owner)
{
	struct cargo cargo = { .body = waiter->blob, .fds = waiter->fds };
	int r = 0;

	if (waiter->from->is_dropped)
		return;
	if (waiter->blob)
		r = bus_route_unicast(bus, waiter->from, owner, &waiter->message, &cargo);
	else if (waiter_wants_answer(waiter))
		r = send_started(bus, waiter);
	if (r < 0)
		bus_drop(waiter->from, "no memory for what waited for a service to start",
			 reason_of(REASON_MEMORY));
}
