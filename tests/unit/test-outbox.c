/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/outbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"
#include "test.h"

enum { RESUMED_MAX = 16 };

static struct blob_pool pool;
static struct outbox outbox;
static struct quota_limits limits;
static struct quota *payer;
static struct sender *sender;
static struct sender *resumed[RESUMED_MAX];
static unsigned resumed_count;

static void resume(struct sender *who)
{
	CHECK(resumed_count < RESUMED_MAX);
	resumed[resumed_count++] = who;
}

static void setup(void)
{
	limits = (struct quota_limits){ .max = { [QUOTA_BYTES] = 10000000, [QUOTA_FDS] = 4 } };
	payer = quota_new(&limits);
	sender = sender_new(NULL);
	CHECK(payer && sender);
	outbox_init(&outbox, &pool);
	resumed_count = 0;
}

static void teardown(void)
{
	outbox_deinit(&outbox, resume);
	CHECK(sender->unread == 0 && sender->refs == 1);
	CHECK(payer->used[QUOTA_BYTES] == 0 && payer->used[QUOTA_FDS] == 0 && payer->refs == 1);
	sender = sender_unref(sender);
	payer = quota_unref(payer);
	blob_pool_deinit(&pool);
	CHECK(!pool.count && !pool.free);
}

static int add_from(const char *text, struct sender *from)
{
	struct iovec part = { (char *)(uintptr_t)text, strlen(text) };

	return outbox_add(&outbox, &part, 1, strlen(text), &(struct cargo){ 0 }, payer, from);
}

static int add(const char *text)
{
	return add_from(text, sender);
}

static struct blob *blob_of(char fill, uint32_t size)
{
	struct blob *blob = blob_new(size);

	CHECK(blob && blob->refs == 1 && blob->capacity == size);
	memset(blob->bytes, fill, size);
	blob->size = size;
	return blob;
}

/* One header of its own, and the blob's bytes from offset on by reference. */
static int add_blob(const char *head, struct blob *blob, uint32_t offset)
{
	struct iovec parts[2] = { { (char *)(uintptr_t)head, strlen(head) },
				  { blob->bytes + offset, blob->size - offset } };

	return outbox_add(&outbox, parts, 2, parts[0].iov_len + parts[1].iov_len,
			  &(struct cargo){ .body = blob }, payer, sender);
}

static int peek(struct iovec *parts, int max)
{
	struct fds *fds;
	int count = outbox_peek(&outbox, parts, max, &fds);

	CHECK(!fds);
	return count;
}

static bool front_is(const char *text)
{
	struct iovec parts[64];
	size_t done = 0;
	int count = peek(parts, 64), i;

	for (i = 0; i < count; i++) {
		if (done + parts[i].iov_len > strlen(text) ||
		    memcmp(text + done, parts[i].iov_base, parts[i].iov_len) != 0)
			return false;
		done += parts[i].iov_len;
	}
	return done == strlen(text);
}

static void an_empty_queue_has_nothing_to_write(void)
{
	struct iovec part;

	setup();
	CHECK(peek(&part, 1) == 0 && outbox.size == 0);
	teardown();
}

static void small_messages_leave_together(void)
{
	struct iovec parts[4];

	setup();
	CHECK(add("one") == OUTBOX_QUEUED && add("two") == OUTBOX_QUEUED);
	CHECK(outbox.size == 6 && peek(parts, 4) == 1 && front_is("onetwo"));
	outbox_consume(&outbox, 4, resume);
	CHECK(front_is("wo") && outbox.size == 2 && outbox.sent_size == 4);
	CHECK(add("three") == OUTBOX_QUEUED && front_is("wothree"));
	outbox_consume(&outbox, 7, resume);
	CHECK(peek(parts, 4) == 0 && outbox.sent_size == 11);
	teardown();
}

static void the_parts_of_a_message_are_put_one_behind_the_other(void)
{
	struct iovec parts[] = { { "ab", 2 }, { "", 0 }, { "cde", 3 }, { "f", 1 } };

	setup();
	CHECK(outbox_add(&outbox, parts, 4, 6, &(struct cargo){ 0 }, payer, NULL) == 0);
	CHECK(front_is("abcdef"));
	teardown();
}

static void a_large_body_is_not_copied(void)
{
	struct blob *blob = blob_of('x', 10);
	struct iovec parts[4];

	setup();
	CHECK(add("first,") == 0 && add_blob("head:", blob, 7) == 0 && add(",last") == 0);
	CHECK(blob->refs == 2);
	CHECK(peek(parts, 4) == 3 && parts[1].iov_base == blob->bytes + 7);
	CHECK(front_is("first,head:xxx,last"));
	CHECK(peek(parts, 2) == 2);
	outbox_consume(&outbox, 12, resume);
	CHECK(front_is("xx,last") && blob->refs == 2);
	outbox_consume(&outbox, 2, resume);
	CHECK(front_is(",last") && blob->refs == 1);
	blob_unref(blob);
	teardown();
}

static void what_does_not_fit_a_chunk_gets_its_own(void)
{
	struct blob *large = blob_of('y', 3 * BLOB_CHUNK_SIZE);
	struct iovec part = { large->bytes, large->size }, parts[4];

	setup();
	CHECK(add("a") == 0);
	CHECK(outbox_add(&outbox, &part, 1, part.iov_len, &(struct cargo){ 0 }, payer, NULL) == 0);
	CHECK(add("b") == 0);
	CHECK(peek(parts, 4) == 3 && parts[1].iov_len == large->size);
	CHECK(!memcmp(parts[1].iov_base, large->bytes, large->size));
	outbox_consume(&outbox, outbox.size, resume);
	CHECK(pool.count == 2); /* the odd one is not kept */
	blob_unref(large);
	teardown();
}

static void empty_chunks_are_kept_up_to_a_limit(void)
{
	struct blob *part_of = blob_of('z', BLOB_CHUNK_SIZE);
	struct iovec part = { part_of->bytes, part_of->size };
	int i;

	setup();
	for (i = 0; i < BLOB_POOL_MAX + 8; i++)
		CHECK(outbox_add(&outbox, &part, 1, part.iov_len, &(struct cargo){ 0 }, payer,
				 NULL) == 0);
	outbox_consume(&outbox, outbox.size, resume);
	CHECK(pool.count == BLOB_POOL_MAX);
	CHECK(add("again") == 0 && pool.count == BLOB_POOL_MAX - 1 && front_is("again"));
	blob_unref(part_of);
	teardown();
}

static void bytes_are_charged_until_they_are_gone(void)
{
	setup();
	limits.max[QUOTA_BYTES] = 10;
	CHECK(add("12345") == OUTBOX_QUEUED && add("123456") == OUTBOX_OVER_QUOTA);
	CHECK(payer->used[QUOTA_BYTES] == 5 && front_is("12345") && sender->unread == 5);
	outbox_consume(&outbox, 1, resume);
	CHECK(payer->used[QUOTA_BYTES] == 4 && add("123456") == OUTBOX_QUEUED);
	teardown();
}

static void a_queue_keeps_payers_and_senders_alive(void)
{
	struct quota *other = quota_new(&limits);
	struct sender *gone = sender_new(NULL);
	struct iovec part = { "abc", 3 };

	setup();
	CHECK(outbox_add(&outbox, &part, 1, 3, &(struct cargo){ 0 }, other, gone) == 0);
	CHECK(other->refs == 2 && gone->refs == 2);
	quota_unref(other);
	sender_unref(gone);
	outbox_consume(&outbox, 2, resume);
	CHECK(other->used[QUOTA_BYTES] == 1 && gone->unread == 1);
	outbox_consume(&outbox, 1, resume); /* the sanitizer would see a leak, or a second free */
	teardown();
}

static void every_sender_knows_what_of_its_own_is_unread(void)
{
	struct sender *other = sender_new(NULL);

	setup();
	CHECK(add("aaa") == 0 && add_from("bbbb", other) == 0 && add("cc") == 0);
	CHECK(add_from("ddd", NULL) == 0);
	CHECK(sender->unread == 5 && other->unread == 4);
	outbox_consume(&outbox, 4, resume);
	CHECK(sender->unread == 2 && other->unread == 3);
	outbox_consume(&outbox, 5, resume);
	CHECK(sender->unread == 0 && other->unread == 0 && front_is("ddd"));
	CHECK(other->refs == 1);
	sender_unref(other);
	teardown();
}

static void a_paused_sender_is_resumed_once_enough_is_read(void)
{
	setup();
	CHECK(add("0123456789") == 0);
	sender->resume_at = 4;
	outbox_consume(&outbox, 5, resume);
	CHECK(resumed_count == 0 && sender->resume_at == 4);
	outbox_consume(&outbox, 1, resume);
	CHECK(resumed_count == 1 && resumed[0] == sender && sender->resume_at == 0);
	outbox_consume(&outbox, 4, resume);
	CHECK(resumed_count == 1);
	teardown();
}

static void nobody_waits_for_a_stuck_queue(void)
{
	struct sender *other = sender_new(NULL);

	setup();
	CHECK(add("aaaa") == 0 && add_from("bbbb", other) == 0 && add("cc") == 0);
	outbox_consume(&outbox, 1, resume);
	sender->resume_at = other->resume_at = 1;
	outbox_set_stuck(&outbox, resume);
	CHECK(resumed_count == 2 && sender->unread == 0 && other->unread == 0);
	CHECK(payer->used[QUOTA_BYTES] == 9); /* somebody still pays */

	CHECK(add("more") == 0 && sender->unread == 0);
	outbox_consume(&outbox, 12, resume);
	CHECK(outbox.is_stuck && sender->unread == 0);
	outbox_consume(&outbox, 1, resume); /* all read: it gets another chance */
	CHECK(!outbox.is_stuck && add("x") == 0 && sender->unread == 1);
	sender_unref(other);
	teardown();
}

static void taking_a_queue_apart_lets_its_senders_go_on(void)
{
	setup();
	CHECK(add("aaaa") == 0);
	sender->resume_at = 2;
	outbox_deinit(&outbox, resume);
	CHECK(resumed_count == 1 && sender->unread == 0 && outbox.size == 0);
	teardown();
}

static struct fds *open_fds(unsigned count)
{
	int fd[FDS_MAX];
	unsigned i;
	struct fds *fds;

	for (i = 0; i < count; i++)
		fd[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds = fds_new(fd, count);
	CHECK(fds);
	return fds;
}

static int add_fds(const char *text, struct fds *fds)
{
	struct iovec part = { (char *)(uintptr_t)text, strlen(text) };

	return outbox_add(&outbox, &part, 1, strlen(text), &(struct cargo){ .fds = fds }, payer,
			  sender);
}

static void descriptors_leave_with_the_first_byte_of_their_message(void)
{
	struct fds *fds = open_fds(2), *out;
	struct iovec parts[4];

	setup();
	CHECK(add("before") == 0 && add_fds("with", fds) == 0 && add("after") == 0);
	CHECK(fds->refs == 2 && payer->used[QUOTA_FDS] == 2);
	CHECK(outbox_peek(&outbox, parts, 4, &out) == 1 && !out && parts[0].iov_len == 6);
	outbox_consume(&outbox, 6, resume);
	CHECK(outbox_peek(&outbox, parts, 4, &out) == 1 && out == fds);
	outbox_fds_sent(&outbox);
	CHECK(fds->refs == 1 && payer->used[QUOTA_FDS] == 0);
	CHECK(outbox_peek(&outbox, parts, 4, &out) == 1 && !out && front_is("withafter"));
	fds_unref(fds);
	teardown();
}

static void descriptors_are_charged_and_closed(void)
{
	struct fds *fds = open_fds(3);
	int fd = fds->fd[0];

	setup();
	CHECK(add_fds("one", fds) == 0);
	CHECK(add_fds("two", fds) == OUTBOX_OVER_QUOTA);
	CHECK(payer->used[QUOTA_FDS] == 3 && payer->used[QUOTA_BYTES] == 3);
	fds_unref(fds);
	CHECK(fcntl(fd, F_GETFD) >= 0);
	outbox_consume(&outbox, 3, resume);
	CHECK(fcntl(fd, F_GETFD) < 0 && payer->used[QUOTA_FDS] == 0);
	teardown();
}

static void descriptors_that_nobody_reads_keep_their_sender_waiting(void)
{
	struct fds *fds = open_fds(2);

	setup();
	CHECK(add_fds("one", fds) == 0 && add_fds("two", fds) == 0 && sender->unread_fds == 4);
	sender->resume_at = 100;
	sender->resume_at_fds = 1;
	outbox_consume(&outbox, 5, resume);
	CHECK(resumed_count == 0 && sender->unread == 1);
	outbox_consume(&outbox, 1, resume);
	CHECK(resumed_count == 1 && sender->unread_fds == 0);
	CHECK(add_fds("three", fds) == 0 && sender->unread_fds == 2);
	sender->resume_at = 100;
	outbox_set_stuck(&outbox, resume);
	CHECK(resumed_count == 2 && sender->unread_fds == 0);
	CHECK(add_fds("four", fds) == 0 && sender->unread_fds == 0);
	fds_unref(fds);
	teardown();
}

/* Random messages in, random amounts out; beside it one flat array. */
static void the_queue_agrees_with_a_flat_array(void)
{
	enum { FLAT = 4 * 1024 * 1024 };
	uint8_t *flat = malloc(FLAT);
	size_t begin = 0, end = 0;
	struct random random = { 31337 };
	struct blob *blob = blob_of('b', 100000);
	struct iovec parts[8];
	unsigned i;
	int count;

	setup();
	CHECK(flat);
	for (i = 0; i < blob->size; i++)
		blob->bytes[i] = (uint8_t)(i * 7);
	while (end < FLAT - 200000) {
		uint32_t size = random_below(&random, random_below(&random, 4) ? 300 : 70000);
		uint32_t from = random_below(&random, 30000), head = random_below(&random, 40);
		bool by_reference = random_below(&random, 2);

		parts[0] = (struct iovec){ blob->bytes, head };
		parts[1] = (struct iovec){ blob->bytes + from, size };
		CHECK(outbox_add(&outbox, parts, 2, head + size,
				 &(struct cargo){ .body = by_reference ? blob : NULL }, payer,
				 random_below(&random, 2) ? sender : NULL) == OUTBOX_QUEUED);
		memcpy(flat + end, blob->bytes, head);
		memcpy(flat + end + head, blob->bytes + from, size);
		end += head + size;
		CHECK(outbox.size == end - begin && payer->used[QUOTA_BYTES] == outbox.size);

		count = peek(parts, 8);
		for (i = 0, size = 0; i < (unsigned)count; size += (uint32_t)parts[i++].iov_len)
			CHECK(!memcmp(flat + begin + size, parts[i].iov_base, parts[i].iov_len));
		size = random_below(&random, size + 1);
		outbox_consume(&outbox, size, resume);
		begin += size;
	}
	outbox_consume(&outbox, outbox.size, resume);
	CHECK(blob->refs == 1);
	blob_unref(blob);
	free(flat);
	teardown();
}

int main(void)
{
	RUN(an_empty_queue_has_nothing_to_write);
	RUN(small_messages_leave_together);
	RUN(the_parts_of_a_message_are_put_one_behind_the_other);
	RUN(a_large_body_is_not_copied);
	RUN(what_does_not_fit_a_chunk_gets_its_own);
	RUN(empty_chunks_are_kept_up_to_a_limit);
	RUN(bytes_are_charged_until_they_are_gone);
	RUN(a_queue_keeps_payers_and_senders_alive);
	RUN(every_sender_knows_what_of_its_own_is_unread);
	RUN(a_paused_sender_is_resumed_once_enough_is_read);
	RUN(nobody_waits_for_a_stuck_queue);
	RUN(taking_a_queue_apart_lets_its_senders_go_on);
	RUN(descriptors_leave_with_the_first_byte_of_their_message);
	RUN(descriptors_are_charged_and_closed);
	RUN(descriptors_that_nobody_reads_keep_their_sender_waiting);
	RUN(the_queue_agrees_with_a_flat_array);
	return test_finish();
}
