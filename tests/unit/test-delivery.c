/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queues and quotas: who waits for whom, who pays, and who is cut off. */
#include "core/delivery.h"

#include <fcntl.h>

#include "test.h"

#include "fake-bus.h"

static struct fake_peer *const a = &fakes[0], *const b = &fakes[1], *const c = &fakes[2];
static struct fake_peer *const guest = &fakes[3], *const stranger = &fakes[4];

enum { SECOND = 1000000 };

/* a, b, c in dom0, guest in domain 1, stranger in domain 2. */
static void setup_peers(void)
{
	fake_start_with_settings();
	fake_enter(a, 0);
	fake_enter(b, 0);
	fake_enter(c, 0);
	fake_enter(guest, 1);
	fake_enter(stranger, 2);
}

static void setup(void)
{
	fake_settings();
	setup_peers();
}

static struct fds *fds_of(unsigned count)
{
	int fd[FDS_MAX];
	struct fds *fds;
	unsigned i;

	for (i = 0; i < count; i++) {
		fd[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		CHECK(fd[i] >= 0);
	}
	fds = fds_new(fd, count);
	CHECK(fds);
	return fds;
}

/* A call with descriptors. */
static int send_fds(struct fake_peer *from, struct fake_peer *to, struct fds *fds)
{
	struct build_head head = fake_call_head(to->peer.name, "M");
	struct cargo cargo = { .fds = fds };
	struct message message;
	struct build build;
	uint8_t *bytes;
	uint32_t size;
	int r;

	head.serial = ++from->serial;
	build_init(&build);
	build_header(&build, &head);
	CHECK(build_finish(&build, &bytes, &size) == 0);
	CHECK(message_parse(&message, bytes, size) == MESSAGE_VALID);
	r = bus_receive(&bus, &from->peer, &message, &cargo, now_us);
	build_deinit(&build);
	return r;
}

static bool has_reason(const struct fake_peer *fake, unsigned kind, uint64_t used, uint64_t allowed)
{
	const struct reason *reason = &fake->reason;

	return reason->kind == kind && reason->used == used && reason->allowed == allowed;
}

static void a_sender_waits_while_too_much_is_unread(void)
{
	fake_settings();
	settings.unread_max = 100000;
	setup_peers();
	CHECK(fake_send_big(a, b->peer.name, 90000) == 0 && !peer_is_paused(&a->peer));
	CHECK(fake_send_big(a, b->peer.name, 90000) == 0 && peer_is_paused(&a->peer));
	CHECK(!peer_is_paused(&b->peer) && !peer_is_paused(&c->peer));
	a->wakes = 0;
	CHECK(fake_take(b) && peer_is_paused(&a->peer) && a->wakes == 0);
	CHECK(fake_take(b) && !peer_is_paused(&a->peer) && a->wakes == 1);
	fake_stop();
}

static void a_sender_waits_sooner_for_a_queue_that_is_half_full(void)
{
	fake_settings();
	settings.local_queue_max = 400000;
	setup_peers();
	CHECK(fake_send_big(b, c->peer.name, 250000) == 0 && peer_is_paused(&b->peer));
	CHECK(fake_send_big(a, c->peer.name, 50000) == 0 && !peer_is_paused(&a->peer));
	CHECK(fake_send_big(a, c->peer.name, 50000) == 0 && peer_is_paused(&a->peer));
	CHECK(fake_drain(c) == 3 && !peer_is_paused(&a->peer) && !peer_is_paused(&b->peer));
	fake_stop();
}

static void for_a_guest_half_full_is_half_of_the_guests_half(void)
{
	fake_settings();
	settings.local_queue_max = 800000;
	setup_peers();
	CHECK(fake_send_big(guest, c->peer.name, 250000) == 0 && peer_is_paused(&guest->peer));
	CHECK(fake_send_big(stranger, c->peer.name, 70000) == 0);
	CHECK(peer_is_paused(&stranger->peer));
	CHECK(fake_send_big(a, c->peer.name, 35000) == 0 &&
	      fake_send_big(a, c->peer.name, 35000) == 0);
	CHECK(!peer_is_paused(&a->peer));
	CHECK(fake_drain(c) == 4 && !peer_is_paused(&guest->peer));
	CHECK(!peer_is_paused(&stranger->peer));
	fake_stop();
}

static void a_paused_sender_goes_on_when_its_receiver_leaves(void)
{
	fake_settings();
	settings.unread_max = 1000;
	setup_peers();
	CHECK(fake_send_big(a, b->peer.name, 5000) == 0 && peer_is_paused(&a->peer));
	a->wakes = 0;
	fake_leave(b);
	CHECK(!peer_is_paused(&a->peer) && a->wakes > 0);
	fake_stop();
}

static void a_stuck_receiver_is_not_waited_for(void)
{
	fake_settings();
	settings.unread_max = 1000;
	settings.stuck_us = SECOND;
	setup_peers();
	CHECK(fake_send_big(a, b->peer.name, 5000) == 0 && peer_is_paused(&a->peer));
	now_us += SECOND - 1;
	bus_tick(&bus, now_us);
	CHECK(peer_is_paused(&a->peer));
	bus_tick(&bus, ++now_us);
	CHECK(!peer_is_paused(&a->peer));
	/* Nor for what comes after, until it has read all. */
	CHECK(fake_send_big(a, b->peer.name, 5000) == 0 && !peer_is_paused(&a->peer));
	CHECK(fake_drain(b) == 2 && !b->why);
	CHECK(fake_send_big(a, b->peer.name, 5000) == 0 && peer_is_paused(&a->peer));
	fake_stop();
}

/* The kernel has as many of them on their way to others as it takes. */
static void a_receiver_that_others_hold_up_is_not_waited_for_nor_blamed(void)
{
	struct fake_peer *const both[] = { b, c };
	unsigned i;

	fake_settings();
	settings.unread_fds_max = 2;
	settings.fd_timeout_us = 5 * SECOND;
	setup_peers();
	for (i = 0; i < 2; i++) {
		struct fds *fds = fds_of(3);

		both[i]->peer.takes_fds = true;
		CHECK(send_fds(a, both[i], fds) == 0 && peer_is_paused(&a->peer));
		fds_unref(fds);
		now_us += settings.stuck_us;
		bus_tick(&bus, now_us);
		CHECK(!peer_is_paused(&a->peer));
	}
	b->peer.is_held_up = true;
	CHECK(!peer_is_stuck(&b->peer) && peer_is_stuck(&c->peer));
	now_us += settings.fd_timeout_us;
	bus_tick(&bus, now_us);
	CHECK(!b->why && c->why && has_reason(c, REASON_FD_TIME, 6000, 5000));
	CHECK(fake_drain(b) == 1);
	fake_stop();
}

static void a_receiver_that_reads_on_is_waited_for(void)
{
	fake_settings();
	settings.unread_max = 1000;
	settings.stuck_us = SECOND;
	setup_peers();
	CHECK(fake_send_big(a, b->peer.name, 500000) == 0 && peer_is_paused(&a->peer));
	for (int i = 0; i < 5; i++) {
		peer_sent(&b->peer, 64 * 1024); /* as much as counts for reading on */
		now_us += SECOND;
		CHECK(bus_next_tick(&bus) <= now_us);
		bus_tick(&bus, now_us);
		CHECK(peer_is_paused(&a->peer));
	}
	now_us += SECOND;
	bus_tick(&bus, now_us);
	CHECK(!peer_is_paused(&a->peer));
	fake_stop();
}

static void guests_fill_no_more_than_half_of_a_queue(void)
{
	fake_settings();
	settings.local_queue_max = 100000;
	setup_peers();
	CHECK(fake_send_big(guest, b->peer.name, 30000) == 0);
	CHECK(fake_send_big(stranger, b->peer.name, 15000) == 0);
	CHECK(fake_send_big(stranger, b->peer.name, 30000) ==
	      0); /* has no room, asked for no answer */
	CHECK(fake_call(a, b->peer.name, "M") == 0);
	CHECK(fake_send_big(a, b->peer.name, 40000) == 0);
	CHECK(fake_drain(b) == 4);

	CHECK(fake_send_big(guest, b->peer.name, 49000) == 0);
	CHECK(fake_send_big(a, b->peer.name, 10000) == 0);
	CHECK(fake_call(stranger, b->peer.name, "M") == 0);
	CHECK(took_error(stranger, "LimitsExceeded") && !stranger->why);
	CHECK(has_reason(stranger, REASON_QUEUE, b->peer.outbox.size, 50000));
	CHECK(stranger->reason.full == &b->peer);
	CHECK(fake_quotas[2]->used[QUOTA_REPLIES] == 0);
	fake_stop();
}

static void the_bytes_of_a_call_are_on_its_senders_quota(void)
{
	fake_settings();
	settings.guest.max[QUOTA_BYTES] = 50000;
	setup_peers();
	CHECK(fake_send_big(guest, a->peer.name, 40000) == 0);
	CHECK(fake_quotas[1]->used[QUOTA_BYTES] > 40000 && !fake_quotas[0]->used[QUOTA_BYTES]);
	CHECK(fake_send_big(guest, a->peer.name, 20000) == 0 && fake_drain(a) == 1);
	CHECK(fake_quotas[1]->used[QUOTA_BYTES] == 0);
	fake_stop();
}

static void a_full_quota_is_an_error_for_a_call(void)
{
	struct build_head head = fake_call_head(NULL, "M");
	char text[3001];

	fake_settings();
	settings.guest.max[QUOTA_BYTES] = 10000;
	setup_peers();
	memset(text, 'x', 3000);
	text[3000] = '\0';
	head.destination = a->peer.name;
	head.signature = "s";
	CHECK(fake_send(guest, head, text) == 0 && fake_send(guest, head, text) == 0);
	CHECK(fake_send(guest, head, text) == 0 && fake_send(guest, head, text) == 0);
	CHECK(guest->reason.used > 9000 && !guest->reason.full);
	CHECK(has_reason(guest, REASON_QUOTA + QUOTA_BYTES, guest->reason.used, 10000));
	CHECK(took_error(guest, "LimitsExceeded") && fake_drain(a) == 3);
	CHECK(fake_quotas[1]->used[QUOTA_REPLIES] == 3);
	fake_stop();
}

static void bytes_stay_charged_after_their_sender_left(void)
{
	setup();
	CHECK(fake_send_big(guest, a->peer.name, 40000) == 0);
	fake_leave(guest);
	CHECK(fake_quotas[1]->used[QUOTA_BYTES] > 40000);
	CHECK(fake_drain(a) == 1 && fake_quotas[1]->used[QUOTA_BYTES] == 0);
	fake_stop();
}

static void a_reply_is_on_the_callers_quota(void)
{
	struct build_head head = { .type = MESSAGE_METHOD_RETURN, .signature = "s" };

	setup();
	CHECK(fake_call(guest, a->peer.name, "M") == 0 && fake_take(a));
	head.destination = guest->peer.name;
	head.reply_serial = got.serial;
	CHECK(fake_send(a, head, "hello") == 0);
	CHECK(fake_quotas[1]->used[QUOTA_BYTES] > 0 && fake_quotas[0]->used[QUOTA_BYTES] == 0);
	CHECK(took_reply(guest));
	fake_stop();
}

static void a_reply_that_does_not_fit_becomes_an_error(void)
{
	struct build_head head = { .type = MESSAGE_METHOD_RETURN, .signature = "s" };
	char *text = malloc(30001);

	fake_settings();
	settings.guest_queue_max = 30000;
	setup_peers();
	CHECK(text);
	memset(text, 'x', 30000);
	text[30000] = '\0';
	CHECK(fake_call(guest, a->peer.name, "M") == 0 && fake_take(a));
	head.destination = guest->peer.name;
	head.reply_serial = got.serial;
	CHECK(fake_send(a, head, text) == 0 && !a->why);
	CHECK(took_error(guest, "LimitsExceeded"));
	free(text);
	fake_stop();
}

static void a_guest_that_does_not_read_signals_is_the_one_to_go(void)
{
	unsigned i;

	fake_settings();
	settings.guest_queue_max = 100000;
	settings.unread_max = 1000;
	setup_peers();
	fake_wants(guest, "type='signal'");
	for (i = 0; i < 20 && !guest->why; i++)
		CHECK(fake_send_big(a, NULL, 20000) == 0 && !peer_is_paused(&a->peer));
	CHECK(guest->why && !a->why && i >= 4 && i < 20);
	CHECK(has_reason(guest, REASON_QUEUE, guest->reason.used, 100000));
	CHECK(fake_signal(a, "S") == 0); /* nothing more is queued for it */
	fake_reap();
	CHECK(fake_quotas[1]->used[QUOTA_BYTES] == 0);
	fake_stop();
}

static void a_program_of_dom0_that_does_not_read_signals_is_waited_for(void)
{
	fake_settings();
	settings.unread_max = 1000;
	setup_peers();
	fake_wants(b, "type='signal'");
	CHECK(fake_send_big(a, NULL, 20000) == 0 && peer_is_paused(&a->peer));
	CHECK(fake_send_big(guest, NULL, 20000) == 0 && peer_is_paused(&guest->peer));
	CHECK(fake_drain(b) == 2);
	CHECK(!peer_is_paused(&a->peer) && !peer_is_paused(&guest->peer) && !b->why);
	fake_stop();
}

static void who_does_not_read_the_bus_is_dropped(void)
{
	unsigned i;

	fake_settings();
	settings.guest_queue_max = 20000;
	setup_peers();
	for (i = 0; i < 1000 && !guest->why; i++)
		CHECK(fake_ask(guest, "GetId", NULL) == 0);
	CHECK(guest->why && i < 1000);
	fake_stop();
}

/* A queue has room for so many bytes and descriptors, and so has the quota. */
static void the_limit_that_was_in_the_way_is_named(void)
{
	struct fds *fds = fds_of(3);
	unsigned i;

	fake_settings();
	settings.guest.max[QUOTA_BYTES] = 30000;
	settings.local.max[QUOTA_FDS] = 7;
	settings.peer_fds_max = 4;
	setup_peers();
	fake_wants(guest, "type='signal'");
	for (i = 0; i < 20 && !guest->why; i++)
		CHECK(fake_send_big(a, NULL, 20000) == 0);
	CHECK(guest->why &&
	      has_reason(guest, REASON_QUOTA + QUOTA_BYTES, guest->reason.used, 30000));

	b->peer.takes_fds = c->peer.takes_fds = true;
	CHECK(send_fds(a, b, fds) == 0 && !a->reason.kind && send_fds(a, b, fds) == 0);
	CHECK(has_reason(a, REASON_QUEUE_FDS, 3, 4) && a->reason.full == &b->peer);
	settings.peer_fds_max = 100;
	bus_set_limits(&bus, &settings);
	CHECK(send_fds(a, b, fds) == 0 && send_fds(a, c, fds) == 0);
	CHECK(has_reason(a, REASON_QUOTA + QUOTA_FDS, 6, 7) && !a->reason.full);
	fds_unref(fds);
	fake_stop();
}

static void a_dropped_peer_gets_and_sends_nothing(void)
{
	setup();
	fake_wants(a, "type='signal'");
	fake_wants(b, "type='signal'");
	bus_drop(&b->peer, "a test", reason_of(REASON_BROKEN));
	bus_drop(&b->peer, "told once", reason_of(REASON_MEMORY));
	CHECK(!strcmp(b->why, "a test"));
	CHECK(fake_signal(b, "S") == 0 && !fake_take(a));
	CHECK(fake_signal(c, "S") == 0 && took_signal(a, "S", NULL) && !fake_take(b));
	CHECK(fake_call(c, b->peer.name, "M") == 0 && took_error(c, "ServiceUnknown"));
	fake_stop();
}

static void descriptors_go_only_to_those_who_take_them(void)
{
	struct fds *fds = fds_of(1);

	setup();
	b->peer.takes_fds = true;
	CHECK(send_fds(a, b, fds) == 0 && send_fds(a, guest, fds) == 0);
	CHECK(fds->refs == 2 && !fake_take(guest) && took_error(a, "NotSupported"));
	CHECK(fake_drain(b) == 1 && fds->refs == 1);
	fds_unref(fds);
	fake_stop();
}

static void a_flood_of_a_guests_signals_cuts_nobody_off_who_reads(void)
{
	unsigned i;

	fake_settings();
	settings.guest_queue_max = 100000;
	setup_peers();
	fake_wants(guest, "type='signal'");
	for (i = 0; i < 20; i++)
		CHECK(fake_send_big(stranger, NULL, 20000) == 0);
	CHECK(!guest->why && !stranger->why && fake_drain(guest) == 2);
	CHECK(fake_quotas[1]->used[QUOTA_BYTES] == 0);
	/* One that has stopped reading is another matter. */
	CHECK(fake_send_big(stranger, NULL, 20000) == 0);
	now_us += settings.stuck_us;
	bus_tick(&bus, now_us);
	for (i = 0; i < 20; i++)
		CHECK(fake_send_big(stranger, NULL, 20000) == 0);
	CHECK(guest->why && !stranger->why);
	fake_stop();
}

int main(void)
{
	RUN(a_sender_waits_while_too_much_is_unread);
	RUN(a_sender_waits_sooner_for_a_queue_that_is_half_full);
	RUN(for_a_guest_half_full_is_half_of_the_guests_half);
	RUN(a_paused_sender_goes_on_when_its_receiver_leaves);
	RUN(a_stuck_receiver_is_not_waited_for);
	RUN(a_receiver_that_others_hold_up_is_not_waited_for_nor_blamed);
	RUN(a_receiver_that_reads_on_is_waited_for);
	RUN(guests_fill_no_more_than_half_of_a_queue);
	RUN(the_bytes_of_a_call_are_on_its_senders_quota);
	RUN(a_full_quota_is_an_error_for_a_call);
	RUN(bytes_stay_charged_after_their_sender_left);
	RUN(a_reply_is_on_the_callers_quota);
	RUN(a_reply_that_does_not_fit_becomes_an_error);
	RUN(a_guest_that_does_not_read_signals_is_the_one_to_go);
	RUN(a_program_of_dom0_that_does_not_read_signals_is_waited_for);
	RUN(who_does_not_read_the_bus_is_dropped);
	RUN(the_limit_that_was_in_the_way_is_named);
	RUN(a_dropped_peer_gets_and_sends_nothing);
	RUN(descriptors_go_only_to_those_who_take_them);
	RUN(a_flood_of_a_guests_signals_cuts_nobody_off_who_reads);
	return test_finish();
}
