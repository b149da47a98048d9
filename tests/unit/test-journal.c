/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/journal.h"

#include <stdio.h>
#include <string.h>

#include "capture.h"
#include "core/peer.h"
#include "io/reason.h"

enum { SECOND = 1000000, AT_ONCE = 10 };

static struct journal journal;
static struct log_record record;

static struct identity guest(uint32_t domid)
{
	struct identity who = { .domid = domid, .is_guest = true };

	snprintf(who.domain_name, sizeof(who.domain_name), "name%u", domid);
	return who;
}

static bool begins(const struct identity *who, uint64_t now_us)
{
	return journal_begin(&journal, &record, "event", who, ":1.2", now_us);
}

static void setup(void)
{
	memset(&journal, 0, sizeof(journal));
	log_open("x", LOG_LEVEL_INFO, LOG_TO_STDERR);
}

static void a_line_says_who(void)
{
	struct identity web = guest(5), local = { .pid = 7, .uid = 8 }, nameless = { .domid = 6 };

	setup();
	nameless.is_guest = true;
	CHECK(begins(&web, SECOND));
	CHECK(!strcmp(record.text, "event: domain=5 name=name5 link=:1.2"));
	CHECK(begins(&local, SECOND));
	CHECK(!strcmp(record.text, "event: domain=0 link=:1.2 pid=7 uid=8"));
	CHECK(journal_begin(&journal, &record, "event", &nameless, NULL, SECOND));
	CHECK(!strcmp(record.text, "event: domain=6"));
}

static void one_who_floods_is_cut_off_alone(void)
{
	struct identity loud = guest(5), quiet = guest(6);
	unsigned i, said = 0;

	setup();
	for (i = 0; i < 1000; i++)
		said += begins(&loud, SECOND);
	CHECK(said == AT_ONCE);
	CHECK(begins(&quiet, SECOND));
	CHECK(begins(&loud, 2 * SECOND));
	CHECK(!strcmp(record.text, "event: domain=5 name=name5 link=:1.2 suppressed=990"));
}

static void those_who_come_and_go_do_not_hide_the_rest(void)
{
	struct identity loud = guest(5);
	unsigned i, said = 0;

	setup();
	for (i = 0; i < 1000; i++)
		said += journal_begin(&journal, &record, "ended", &loud, ":1.2", SECOND);
	CHECK(said == AT_ONCE / 2);
	for (i = 0; i < 1000; i++)
		said += begins(&loud, SECOND);
	CHECK(said == AT_ONCE);
}

static void what_was_left_out_is_said_when_it_is_quiet(void)
{
	struct identity loud = guest(5);
	unsigned i;

	setup();
	for (i = 0; i < AT_ONCE + 7; i++)
		begins(&loud, SECOND);
	capture_begin();
	CHECK(journal_settle(&journal, SECOND));
	CHECK(journal_settle(&journal, 2 * SECOND)); /* one is left for who has more to say */
	CHECK(!journal_settle(&journal, 3 * SECOND));
	CHECK(!strncmp(capture_end(), "x: suppressed: domain=5 name=name5 suppressed=7 ", 48));
	CHECK(strchr(capture.text, '\n') == capture.text + strlen(capture.text) - 1);
	CHECK(begins(&loud, 4 * SECOND) && !strstr(record.text, "suppressed"));
}

static void users_are_told_apart(void)
{
	struct identity one = { .uid = 1 }, two = { .uid = 2 }, domain = guest(1);
	unsigned i;

	setup();
	for (i = 0; i < 100; i++)
		begins(&one, SECOND);
	CHECK(!begins(&one, SECOND) && begins(&two, SECOND) && begins(&domain, SECOND));
}

static void a_life_that_is_new_has_no_new_allowance(void)
{
	struct identity first = guest(5), second = guest(5);
	unsigned i;

	setup();
	second.uuid[0] = 1;
	for (i = 0; i < 100; i++)
		begins(&first, SECOND);
	CHECK(!begins(&second, SECOND));
}

static void too_many_at_a_time_share_one(void)
{
	struct identity who;
	unsigned i, said = 0;

	setup();
	for (i = 1; i <= 5000; i++) {
		who = guest(i);
		said += begins(&who, SECOND);
	}
	CHECK(said == JOURNAL_BOOKS - 1 + AT_ONCE);
	capture_begin();
	CHECK(!journal_settle(&journal, 60 * (uint64_t)SECOND));
	CHECK(!strncmp(capture_end(), "x: suppressed: domain=several suppressed=4735 ", 46));
	/* By then the others have been quiet for long, and their books are free. */
	who = guest(6000);
	CHECK(begins(&who, 60 * (uint64_t)SECOND));
	for (i = 0; i < 100; i++)
		begins(&who, 60 * (uint64_t)SECOND);
	who = guest(6001);
	CHECK(begins(&who, 60 * (uint64_t)SECOND));
}

static void a_book_with_something_to_tell_is_kept(void)
{
	struct identity loud = guest(1), who;
	unsigned i;

	setup();
	for (i = 0; i < 100; i++)
		begins(&loud, SECOND);
	for (i = 2; i < 2000; i++) {
		who = guest(i);
		begins(&who, 100 * (uint64_t)SECOND);
	}
	CHECK(begins(&loud, 100 * (uint64_t)SECOND) && strstr(record.text, "suppressed=90"));
}

static void each_reason_has_a_remedy(void)
{
	unsigned kind;

	for (kind = REASON_NONE + 1; kind < REASON_COUNT; kind++)
		CHECK(reason_remedy(kind) && *reason_remedy(kind));
	CHECK(!reason_remedy(REASON_NONE) && !reason_limit_name(REASON_NONE, true));
}

static void a_reason_is_written_with_what_is_known(void)
{
	struct identity local = { .uid = 8 };
	struct peer full = { .identity = &local, .name = ":0.7" };
	struct reason queue = reason_limit(REASON_QUEUE, 5, 6);
	struct reason size = reason_limit(REASON_MESSAGE_SIZE, REASON_UNKNOWN, 7);
	struct reason none = reason_of(REASON_NONE), memory = reason_of(REASON_MEMORY);

	setup();
	log_record_begin(&record, "e");
	reason_write(&record, &none, true);
	CHECK(!strcmp(record.text, "e:"));
	reason_write(&record, &queue, true);
	CHECK(strstr(record.text, "e: limit=max_guest_outgoing_bytes used=5 allowed=6 remedy="));
	/* The queue is another's, and that one is no guest. */
	queue.full = &full;
	log_record_begin(&record, "e");
	reason_write(&record, &queue, true);
	CHECK(strstr(record.text,
		     "e: limit=max_outgoing_bytes used=5 allowed=6 full=:0.7 remedy="));
	log_record_begin(&record, "e");
	reason_write(&record, &size, false);
	CHECK(strstr(record.text, "e: limit=max_message_size allowed=7 remedy="));
	log_record_begin(&record, "e");
	reason_write(&record, &memory, false);
	CHECK(!strncmp(record.text, "e: remedy=", 10));
}

int main(void)
{
	RUN(a_line_says_who);
	RUN(one_who_floods_is_cut_off_alone);
	RUN(those_who_come_and_go_do_not_hide_the_rest);
	RUN(what_was_left_out_is_said_when_it_is_quiet);
	RUN(users_are_told_apart);
	RUN(a_life_that_is_new_has_no_new_allowance);
	RUN(too_many_at_a_time_share_one);
	RUN(a_book_with_something_to_tell_is_kept);
	RUN(each_reason_has_a_remedy);
	RUN(a_reason_is_written_with_what_is_known);
	return test_finish();
}
