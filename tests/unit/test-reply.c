/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/reply.h"

#include "random.h"
#include "test.h"

enum { TIMEOUT = 25, LIMIT = 4096 };

static struct reply_book book;
static struct quota_limits limits;
static struct quota *quota;
static struct reply_party client, other, service, rival;

static void setup(uint64_t slots_max)
{
	static const struct hash_key key = { 0x1234567890abcdef, 99 };

	limits.max[QUOTA_REPLIES] = slots_max;
	quota = quota_new(&limits);
	CHECK(quota && reply_book_init(&book, &key, TIMEOUT) == 0);
	reply_party_init(&client, quota, 1);
	reply_party_init(&other, quota, 2);
	reply_party_init(&service, quota, 3);
	reply_party_init(&rival, quota, 4);
}

static void leave(struct reply_party *party)
{
	uint32_t serial;

	while (reply_take_orphan(&book, party, &serial))
		;
	reply_party_deinit(&book, party);
}

static void teardown(void)
{
	leave(&client);
	leave(&other);
	leave(&service);
	leave(&rival);
	CHECK(book.slot_count == 0 && quota->used[QUOTA_REPLIES] == 0);
	reply_book_deinit(&book);
	CHECK(quota->refs == 1);
	quota = quota_unref(quota);
}

static int open_at(struct reply_party *caller, struct reply_party *callee, uint32_t serial,
		   uint64_t now_us)
{
	return reply_open(&book, caller, callee, serial, now_us);
}

static void a_reply_closes_its_slot_once(void)
{
	setup(LIMIT);
	CHECK(open_at(&client, &service, 7, 100) == REPLY_OPENED);
	CHECK(quota->used[QUOTA_REPLIES] == 1);
	CHECK(reply_close(&book, &client, &service, 7));
	CHECK(quota->used[QUOTA_REPLIES] == 0);
	CHECK(!reply_close(&book, &client, &service, 7));
	teardown();
}

static void nobody_answers_a_question_that_was_not_put_to_them(void)
{
	setup(LIMIT);
	CHECK(open_at(&client, &service, 7, 100) == REPLY_OPENED);
	CHECK(!reply_close(&book, &client, &rival, 7));
	CHECK(!reply_close(&book, &client, &service, 8));
	CHECK(!reply_close(&book, &other, &service, 7));
	CHECK(!reply_close(&book, &service, &client, 7));
	CHECK(reply_close(&book, &client, &service, 7));
	teardown();
}

static void slots_lapse_in_order(void)
{
	uint32_t serial;

	setup(2);
	CHECK(reply_next_deadline(&book) == UINT64_MAX);
	CHECK(open_at(&client, &service, 7, 100) == REPLY_OPENED);
	CHECK(open_at(&client, &rival, 8, 110) == REPLY_OPENED);
	CHECK(reply_next_deadline(&book) == 125);
	CHECK(!reply_take_expired(&book, 124, &serial));
	CHECK(reply_take_expired(&book, 125, &serial) == &client);
	CHECK(serial == 7);
	CHECK(!reply_take_expired(&book, 134, &serial));
	CHECK(reply_next_deadline(&book) == 135);
	CHECK(reply_take_expired(&book, UINT64_MAX, &serial) == &client && serial == 8);
	CHECK(reply_next_deadline(&book) == UINT64_MAX);
	teardown();
}

static void a_shorter_timeout_is_for_what_is_owed_already(void)
{
	uint32_t serial;

	setup(LIMIT);
	CHECK(open_at(&client, &service, 7, 100) == REPLY_OPENED);
	reply_book_set_timeout(&book, 10, 101);
	CHECK(reply_next_deadline(&book) == 111);
	CHECK(open_at(&client, &service, 8, 102) == REPLY_OPENED);
	CHECK(reply_take_expired(&book, 111, &serial) == &client && serial == 7);
	CHECK(reply_next_deadline(&book) == 112);
	/* A longer one is not. */
	reply_book_set_timeout(&book, 1000, 103);
	CHECK(open_at(&client, &service, 9, 103) == REPLY_OPENED);
	CHECK(reply_take_expired(&book, 112, &serial) == &client && serial == 8);
	CHECK(reply_next_deadline(&book) == 1103);
	teardown();
}

static void a_reply_that_comes_too_late_is_refused(void)
{
	uint32_t serial;

	setup(LIMIT);
	CHECK(open_at(&client, &service, 7, 100) == REPLY_OPENED);
	CHECK(reply_take_expired(&book, 200, &serial) == &client);
	CHECK(!reply_close(&book, &client, &service, 7));
	teardown();
}

static void the_orphans_of_a_callee_come_out_oldest_first(void)
{
	uint32_t serial;

	setup(LIMIT);
	CHECK(open_at(&client, &service, 1, 100) == REPLY_OPENED);
	CHECK(open_at(&other, &service, 2, 100) == REPLY_OPENED);
	CHECK(open_at(&client, &rival, 3, 100) == REPLY_OPENED);
	CHECK(reply_take_orphan(&book, &service, &serial) == &client && serial == 1);
	CHECK(reply_take_orphan(&book, &service, &serial) == &other && serial == 2);
	CHECK(!reply_take_orphan(&book, &service, &serial));
	CHECK(reply_close(&book, &client, &rival, 3));
	teardown();
}

static void what_a_leaving_caller_asked_is_forgotten(void)
{
	uint32_t serial;

	setup(LIMIT);
	CHECK(open_at(&client, &service, 1, 100) == REPLY_OPENED);
	CHECK(open_at(&client, &rival, 2, 100) == REPLY_OPENED);
	CHECK(open_at(&other, &service, 3, 100) == REPLY_OPENED);
	reply_party_deinit(&book, &client);
	CHECK(quota->used[QUOTA_REPLIES] == 1);
	CHECK(!reply_close(&book, &client, &service, 1));
	CHECK(reply_take_orphan(&book, &service, &serial) == &other && serial == 3);
	teardown();
}

static void over_the_limit_nothing_is_opened(void)
{
	setup(2);
	CHECK(open_at(&client, &service, 7, 100) == REPLY_OPENED);
	CHECK(open_at(&client, &service, 8, 100) == REPLY_OPENED);
	CHECK(open_at(&client, &service, 9, 100) == REPLY_OVER_LIMIT);
	CHECK(!reply_close(&book, &client, &service, 9));
	CHECK(reply_close(&book, &client, &service, 7));
	CHECK(open_at(&client, &service, 9, 100) == REPLY_OPENED);
	teardown();
}

static void a_serial_that_is_used_twice_is_answered_twice(void)
{
	setup(LIMIT);
	CHECK(open_at(&client, &service, 7, 100) == REPLY_OPENED);
	CHECK(open_at(&client, &service, 7, 100) == REPLY_OPENED);
	CHECK(open_at(&client, &rival, 7, 100) == REPLY_OPENED);
	CHECK(open_at(&other, &service, 7, 100) == REPLY_OPENED);
	CHECK(reply_close(&book, &client, &service, 7));
	CHECK(reply_close(&book, &client, &service, 7));
	CHECK(!reply_close(&book, &client, &service, 7));
	CHECK(reply_close(&book, &client, &rival, 7));
	CHECK(reply_close(&book, &other, &service, 7));
	teardown();
}

/* A caller that uses one serial for everything makes work for nobody. With a walk over the slots
 * that look alike, this takes a minute and more. */
static void one_serial_for_everything_costs_nothing(void)
{
	enum { MANY = 300000 };
	uint32_t serial;
	unsigned i;

	setup(2 * MANY);
	for (i = 0; i < MANY; i++) {
		CHECK(open_at(&client, &rival, 7, i) == REPLY_OPENED);
		CHECK(open_at(&other, &service, 7, i) == REPLY_OPENED);
	}
	for (i = 0; i < MANY / 2; i++) {
		CHECK(reply_close(&book, &other, &service, 7));
		CHECK(!reply_close(&book, &client, &service, 7));
	}
	while (reply_take_expired(&book, MANY / 2 + TIMEOUT, &serial))
		;
	teardown();
}

static void a_peer_may_call_itself(void)
{
	uint32_t serial;

	setup(LIMIT);
	CHECK(open_at(&client, &client, 7, 100) == REPLY_OPENED);
	CHECK(open_at(&client, &client, 8, 100) == REPLY_OPENED);
	CHECK(reply_close(&book, &client, &client, 7));
	CHECK(reply_take_orphan(&book, &client, &serial) == &client && serial == 8);
	teardown();
}

/* Thousands of slots, so that the buckets grow, with few serials, so that they collide; beside it a
 * plain array. */
static void the_book_agrees_with_a_plain_array(void)
{
	struct {
		unsigned caller, callee, serial, used;
	} slots[LIMIT];
	struct reply_party *parties[] = { &client, &other, &service, &rival };
	struct random random = { 4711 };
	unsigned step, i, count = 0;

	setup(LIMIT);
	for (step = 0; step < 40000; step++) {
		unsigned caller = random_below(&random, 4), callee = random_below(&random, 4);
		unsigned serial = 1 + random_below(&random, step < 20000 ? 1000000 : 50);
		bool closes = random_below(&random, 8) < (step % 20000 < 10000 ? 2 : 5);

		if (closes && count && random_below(&random, 2)) {
			i = random_below(&random, count);
			caller = slots[i].caller;
			callee = slots[i].callee;
			serial = slots[i].serial;
		}
		if (!closes) {
			CHECK(open_at(parties[caller], parties[callee], serial, 0) ==
			      (count < LIMIT ? REPLY_OPENED : REPLY_OVER_LIMIT));
			if (count < LIMIT) {
				slots[count].caller = caller;
				slots[count].callee = callee;
				slots[count++].serial = serial;
			}
			continue;
		}
		for (i = 0; i < count; i++)
			if (slots[i].caller == caller && slots[i].callee == callee &&
			    slots[i].serial == serial)
				break;
		CHECK(reply_close(&book, parties[caller], parties[callee], serial) == (i < count));
		if (i < count)
			slots[i] = slots[--count];
	}
	CHECK(book.slot_count == count && quota->used[QUOTA_REPLIES] == count);
	teardown();
}

int main(void)
{
	RUN(a_reply_closes_its_slot_once);
	RUN(nobody_answers_a_question_that_was_not_put_to_them);
	RUN(slots_lapse_in_order);
	RUN(a_shorter_timeout_is_for_what_is_owed_already);
	RUN(a_reply_that_comes_too_late_is_refused);
	RUN(the_orphans_of_a_callee_come_out_oldest_first);
	RUN(what_a_leaving_caller_asked_is_forgotten);
	RUN(over_the_limit_nothing_is_opened);
	RUN(a_serial_that_is_used_twice_is_answered_twice);
	RUN(one_serial_for_everything_costs_nothing);
	RUN(a_peer_may_call_itself);
	RUN(the_book_agrees_with_a_plain_array);
	return test_finish();
}
