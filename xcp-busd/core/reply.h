/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replies that are owed.
 *
 * Passing on a method call opens a slot and the reply closes it. A reply without a slot is
 * refused: nobody answers a question that was not put to them. Time is an argument, so a test
 * lets an hour pass in one line.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/hash.h"
#include "common/list.h"
#include "core/count.h"
#include "core/quota.h"
#include "wire/message.h"

enum { REPLY_OPENED, REPLY_OVER_LIMIT };

/* Of the header of a call, so much is kept for those who ask what waits. */
enum { REPLY_KEPT_MAX = 168 };

/* Who looks at the slots may read all of it. */
struct reply_slot {
	struct list age_link, asked_link, owed_link;
	struct reply_slot *next, **at; /* in its bucket, and what points to the slot there */
	struct reply_party *caller, *callee;
	uint64_t asked_us, deadline_us;
	uint32_t serial;
	/* Where each string begins in what is kept; 0: it was not there, or did not fit. */
	uint8_t destination, path, interface, member;
	char kept[REPLY_KEPT_MAX];
};

struct reply_book { /* one for the bus */
	struct list slots; /* reply_slot::age_link, oldest first */
	struct list spare; /* freed slots, kept for reuse: age_link */
	unsigned spare_count;
	struct reply_slot **buckets; /* by caller, callee and serial: all in a chain look alike */
	unsigned bucket_count, slot_count;
	uint64_t secret; /* odd: callers choose serials, not buckets */
	uint64_t timeout_us;
	uint64_t party_max; /* slots that one party may have asked for */
};

struct reply_party { /* one inside each peer */
	struct list asked, owed; /* reply_slot::asked_link, ::owed_link */
	uint64_t asked_count;
	uint32_t owed_count;
	struct quota *quota; /* borrowed from the peer */
	uint64_t id; /* the peer's */
	struct answer_times answer_times; /* of this callee */
};

int reply_book_init(struct reply_book *book, const struct hash_key *key, uint64_t timeout_us);
void reply_book_deinit(struct reply_book *book);
/* From now on; what is owed already lapses no later than what is asked now. */
void reply_book_set_timeout(struct reply_book *book, uint64_t timeout_us, uint64_t now_us);
void reply_party_init(struct reply_party *party, struct quota *quota, uint64_t id);
/* Forgets what the party asked; take its orphans first. */
void reply_party_deinit(struct reply_book *book, struct reply_party *party);

/* An outcome from above, or -ENOMEM. The slot is charged to the caller. */
int reply_open(struct reply_book *book, struct reply_party *caller, struct reply_party *callee,
	       uint32_t serial, uint64_t now_us);

/* Keeps what the caller's last call was about. */
void reply_describe(struct reply_party *caller, const struct message *call);

/* The reply has come: counts how long that took. False if callee owes caller no such reply. */
bool reply_answer(struct reply_book *book, struct reply_party *caller, struct reply_party *callee,
		  uint32_t serial, uint64_t now_us);

/* There will be none, and nobody is to be told. The same. */
bool reply_close(struct reply_book *book, struct reply_party *caller, struct reply_party *callee,
		 uint32_t serial);

/* Take out one slot: the oldest if its time is up, or one that a leaving callee never answered.
 * Return the caller, who is to be told, or NULL if none is left. */
struct reply_party *reply_take_expired(struct reply_book *book, uint64_t now_us, uint32_t *serial);
struct reply_party *reply_take_orphan(struct reply_book *book, struct reply_party *callee,
				      uint32_t *serial);

/* When the oldest slot lapses, or UINT64_MAX. */
uint64_t reply_next_deadline(const struct reply_book *book);
