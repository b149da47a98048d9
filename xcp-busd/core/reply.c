/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/reply.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SPARE_MAX = 256, BUCKETS_MIN = 64 };

static struct reply_slot **bucket_of(const struct reply_book *book,
				     const struct reply_party *caller,
				     const struct reply_party *callee, uint32_t serial)
{
	uint64_t mixed = (caller->id * 0x9e3779b97f4a7c15 + callee->id) * 0xff51afd7ed558ccd;

	mixed = (mixed + serial) * book->secret;
	return &book->buckets[(mixed >> 32) & (book->bucket_count - 1)];
}

static void bucket_add(struct reply_book *book, struct reply_slot *slot)
{
	struct reply_slot **bucket = bucket_of(book, slot->caller, slot->callee, slot->serial);

	slot->next = *bucket;
	slot->at = bucket;
	if (slot->next)
		slot->next->at = &slot->next;
	*bucket = slot;
}

static void bucket_remove(struct reply_slot *slot)
{
	*slot->at = slot->next;
	if (slot->next)
		slot->next->at = slot->at;
}

static int buckets_grow(struct reply_book *book)
{
	unsigned count = book->bucket_count * 2;
	struct reply_slot **buckets = calloc(count, sizeof(*buckets));
	struct reply_slot *slot;

	if (!buckets)
		return -ENOMEM;
	free(book->buckets);
	book->buckets = buckets;
	book->bucket_count = count;
	list_for_each(slot, &book->slots, age_link)
		bucket_add(book, slot);
	return 0;
}

static struct reply_slot *slot_new(struct reply_book *book)
{
	struct reply_slot *slot = list_first(&book->spare, struct reply_slot, age_link);

	if (!slot)
		return malloc(sizeof(*slot));
	list_remove(&slot->age_link);
	book->spare_count--;
	return slot;
}

static void slot_free(struct reply_book *book, struct reply_slot *slot)
{
	bucket_remove(slot);
	list_remove(&slot->age_link);
	list_remove(&slot->asked_link);
	list_remove(&slot->owed_link);
	quota_release(slot->caller->quota, QUOTA_REPLIES, 1);
	slot->caller->asked_count--;
	slot->callee->owed_count--;
	book->slot_count--;
	if (book->spare_count >= SPARE_MAX) {
		free(slot);
		return;
	}
	list_push_front(&book->spare, &slot->age_link);
	book->spare_count++;
}

static struct reply_party *slot_take(struct reply_book *book, struct reply_slot *slot,
				     uint32_t *serial)
{
	struct reply_party *caller = slot->caller;

	*serial = slot->serial;
	slot_free(book, slot);
	return caller;
}

int reply_book_init(struct reply_book *book, const struct hash_key *key, uint64_t timeout_us)
{
	*book = (struct reply_book){ .timeout_us = timeout_us,
				     .party_max = UINT64_MAX,
				     .secret = key->k0 | 1 };
	list_init(&book->slots);
	list_init(&book->spare);
	book->bucket_count = BUCKETS_MIN;
	book->buckets = calloc(BUCKETS_MIN, sizeof(*book->buckets));
	return book->buckets ? 0 : -ENOMEM;
}

void reply_book_deinit(struct reply_book *book)
{
	struct reply_slot *slot;

	assert(!book->slot_count);
	while ((slot = list_first(&book->spare, struct reply_slot, age_link))) {
		list_remove(&slot->age_link);
		free(slot);
	}
	free(book->buckets);
	book->buckets = NULL;
}

void reply_book_set_timeout(struct reply_book *book, uint64_t timeout_us, uint64_t now_us)
{
	struct reply_slot *slot;

	book->timeout_us = timeout_us;
	list_for_each(slot, &book->slots, age_link)
		if (slot->deadline_us > now_us + timeout_us)
			slot->deadline_us = now_us + timeout_us;
}

void reply_party_init(struct reply_party *party, struct quota *quota, uint64_t id)
{
	*party = (struct reply_party){ .quota = quota, .id = id };
	list_init(&party->asked);
	list_init(&party->owed);
}

void reply_party_deinit(struct reply_book *book, struct reply_party *party)
{
	struct reply_slot *slot;

	assert(list_is_empty(&party->owed));
	while ((slot = list_first(&party->asked, struct reply_slot, asked_link)))
		slot_free(book, slot);
}

int reply_open(struct reply_book *book, struct reply_party *caller, struct reply_party *callee,
	       uint32_t serial, uint64_t now_us)
{
	struct reply_slot *slot;

	if (caller->asked_count >= book->party_max ||
	    !quota_charge(caller->quota, QUOTA_REPLIES, 1))
		return REPLY_OVER_LIMIT;

	slot = slot_new(book);
	if (!slot || (book->slot_count >= book->bucket_count && buckets_grow(book) < 0)) {
		quota_release(caller->quota, QUOTA_REPLIES, 1);
		free(slot);
		return -ENOMEM;
	}

	slot->caller = caller;
	slot->callee = callee;
	slot->serial = serial;
	slot->asked_us = now_us;
	slot->deadline_us = now_us + book->timeout_us;
	slot->destination = slot->path = slot->interface = slot->member = 0;
	bucket_add(book, slot);
	/* Nothing that is there lapses later, so adding at the back keeps the order. */
	list_push_back(&book->slots, &slot->age_link);
	list_push_back(&caller->asked, &slot->asked_link);
	list_push_back(&callee->owed, &slot->owed_link);
	caller->asked_count++;
	callee->owed_count++;
	book->slot_count++;
	return REPLY_OPENED;
}

/* Where a string is within what is kept, if all of it is. */
static uint8_t place_of(const struct message *call, struct text text, uint32_t kept)
{
	size_t at = (size_t)(text.bytes - (const char *)call->bytes) - MESSAGE_FIXED_SIZE;

	return text.bytes && at + text.size < kept ? (uint8_t)at : 0;
}

/* The strings lie beside each other, each with its NUL: one copy takes them all. */
void reply_describe(struct reply_party *caller, const struct message *call)
{
	struct reply_slot *slot = container_of(caller->asked.prev, struct reply_slot, asked_link);
	uint32_t size = call->fields_end - MESSAGE_FIXED_SIZE;

	if (size > REPLY_KEPT_MAX)
		size = REPLY_KEPT_MAX;
	memcpy(slot->kept, call->bytes + MESSAGE_FIXED_SIZE, size);
	slot->destination = place_of(call, call->destination, size);
	slot->path = place_of(call, call->path, size);
	slot->interface = place_of(call, call->interface, size);
	slot->member = place_of(call, call->member, size);
}

static struct reply_slot *slot_find(const struct reply_book *book, const struct reply_party *caller,
				    const struct reply_party *callee, uint32_t serial)
{
	struct reply_slot *slot = *bucket_of(book, caller, callee, serial);

	while (slot && (slot->caller != caller || slot->callee != callee || slot->serial != serial))
		slot = slot->next;
	return slot;
}

bool reply_close(struct reply_book *book, struct reply_party *caller, struct reply_party *callee,
		 uint32_t serial)
{
	struct reply_slot *slot = slot_find(book, caller, callee, serial);

	if (slot)
		slot_free(book, slot);
	return slot;
}

bool reply_answer(struct reply_book *book, struct reply_party *caller, struct reply_party *callee,
		  uint32_t serial, uint64_t now_us)
{
	struct reply_slot *slot = slot_find(book, caller, callee, serial);

	if (!slot)
		return false;
	answer_times_count(&callee->answer_times, now_us - slot->asked_us);
	slot_free(book, slot);
	return true;
}

struct reply_party *reply_take_expired(struct reply_book *book, uint64_t now_us, uint32_t *serial)
{
	struct reply_slot *slot = list_first(&book->slots, struct reply_slot, age_link);

	return slot && slot->deadline_us <= now_us ? slot_take(book, slot, serial) : NULL;
}

struct reply_party *reply_take_orphan(struct reply_book *book, struct reply_party *callee,
				      uint32_t *serial)
{
	struct reply_slot *slot = list_first(&callee->owed, struct reply_slot, owed_link);

	return slot ? slot_take(book, slot, serial) : NULL;
}

uint64_t reply_next_deadline(const struct reply_book *book)
{
	const struct reply_slot *slot = list_first(&book->slots, struct reply_slot, age_link);

	return slot ? slot->deadline_us : UINT64_MAX;
}
