/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Routing: who gets what, who is told that it could not be done, and what stays charged. */
#include "core/bus.h"

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

static void owns(struct fake_peer *fake, const char *name)
{
	CHECK(fake_ask(fake, "RequestName", "su", name, 0) == 0);
	CHECK(took_signal(fake, "NameAcquired", name));
	CHECK(took_reply(fake) && got_uint32() == NAME_PRIMARY_OWNER);
}

static void wants(struct fake_peer *fake, const char *rule)
{
	CHECK(fake_ask(fake, "AddMatch", "s", rule) == 0 && took_reply(fake));
}

static void a_call_reaches_the_peer_of_that_name(void)
{
	setup();
	CHECK(fake_call(a, b->peer.name, "M") == 0);
	CHECK(fake_take(b) && got.type == MESSAGE_METHOD_CALL && text_is(got.member, "M"));
	CHECK(text_is(got.sender, a->peer.name) && text_is(got.destination, b->peer.name));
	CHECK(got.serial == a->serial);
	CHECK(!fake_take(a) && !fake_take(b) && !fake_take(c));
	fake_stop();
}

static void a_call_reaches_the_owner_of_a_well_known_name(void)
{
	setup();
	owns(guest, "test.Service");
	CHECK(fake_call(stranger, "test.Service", "M") == 0);
	CHECK(fake_take(guest) && text_is(got.destination, "test.Service"));
	CHECK(text_is(got.sender, stranger->peer.name));
	fake_stop();
}

static void a_sender_cannot_be_forged(void)
{
	struct build_head head = fake_call_head(b->peer.name, "M");

	setup();
	head.destination = b->peer.name;
	head.sender = c->peer.name;
	CHECK(fake_send(a, head) == 0);
	CHECK(fake_take(b) && text_is(got.sender, a->peer.name));
	head.sender = DRIVER_NAME;
	CHECK(fake_send(a, head) == 0);
	CHECK(fake_take(b) && text_is(got.sender, a->peer.name));
	fake_stop();
}

static void a_call_to_nobody_gets_an_error(void)
{
	struct build_head head = fake_call_head("test.Nobody", "M");

	setup();
	CHECK(fake_send(a, head) == 0 && took_error(a, "ServiceUnknown"));
	head.flags = MESSAGE_NO_AUTO_START;
	CHECK(fake_send(a, head) == 0 && took_error(a, "NameHasNoOwner"));
	CHECK(fake_call(a, ":0.99", "M") == 0 && took_error(a, "ServiceUnknown"));
	CHECK(fake_call(a, ":7.1", "M") == 0 && took_error(a, "ServiceUnknown"));
	CHECK(fake_call(a, ":0.18446744073709551617", "M") == 0 && took_error(a, "ServiceUnknown"));
	head.flags = MESSAGE_NO_REPLY_EXPECTED;
	CHECK(fake_send(a, head) == 0 && !fake_take(a));
	fake_stop();
}

static void unique_names_are_compared_whole(void)
{
	char name[PEER_NAME_MAX];

	setup();
	snprintf(name, sizeof(name), ":1.%llu", (unsigned long long)a->peer.id);
	CHECK(fake_call(b, name, "M") == 0 && took_error(b, "ServiceUnknown"));
	snprintf(name, sizeof(name), ":0.0%llu", (unsigned long long)a->peer.id);
	CHECK(fake_call(b, name, "M") == 0 && took_error(b, "ServiceUnknown"));
	snprintf(name, sizeof(name), ":0.%llu.0", (unsigned long long)a->peer.id);
	CHECK(fake_call(b, name, "M") == 0 && took_error(b, "ServiceUnknown"));
	CHECK(!fake_take(a));
	fake_stop();
}

static void nobody_speaks_before_hello(void)
{
	setup();
	fake_leave(c);
	CHECK(fake_join(c, 0) == PEER_READY);
	CHECK(fake_ask(c, "ListNames", NULL) == 0 && took_error(c, "AccessDenied") && !c->why);
	CHECK(fake_call(b, c->peer.name, "M") == 0 && took_error(b, "ServiceUnknown"));
	CHECK(fake_signal(c, "S") == 0 && c->why);
	CHECK(fake_call(c, b->peer.name, "M") == 0 && !fake_take(b));
	fake_stop();
}

static void replies_go_back_once(void)
{
	uint32_t serial;

	setup();
	CHECK(fake_call(a, b->peer.name, "M") == 0 && fake_take(b));
	serial = got.serial;
	CHECK(fake_quotas[0]->used[QUOTA_REPLIES] == 1);
	CHECK(fake_reply(c, a->peer.name, serial) == 0 && !fake_take(a));
	CHECK(fake_reply(b, a->peer.name, serial + 1) == 0 && !fake_take(a));
	CHECK(fake_reply(b, c->peer.name, serial) == 0 && !fake_take(c));
	CHECK(fake_reply(b, a->peer.name, serial) == 0 && took_reply(a));
	CHECK(text_is(got.sender, b->peer.name));
	CHECK(fake_reply(b, a->peer.name, serial) == 0 && !fake_take(a));
	CHECK(fake_reply(b, ":0.99", serial) == 0 && !fake_take(b));
	fake_stop();
}

static void errors_are_replies_too(void)
{
	struct build_head head = { .type = MESSAGE_ERROR, .error_name = "test.Error" };

	setup();
	CHECK(fake_call(a, b->peer.name, "M") == 0 && fake_take(b));
	head.destination = a->peer.name;
	head.reply_serial = got.serial;
	CHECK(fake_send(b, head) == 0 && fake_take(a) && got.type == MESSAGE_ERROR);
	CHECK(fake_send(b, head) == 0 && !fake_take(a));
	fake_stop();
}

/* Wherever it comes from: the outside has its own, of services that did not start. */
static void the_text_of_an_error_is_text(void)
{
	setup();
	CHECK(bus_send_error_serial(&bus, &a->peer, 5, "test.Error", "\303\274 \342\202") == 0);
	CHECK(fake_take(a) && text_is(got_text(0), "?? ??"));
	CHECK(bus_send_error_serial(&bus, &a->peer, 5, "test.Error", "\303\274") == 0);
	CHECK(fake_take(a) && text_is(got_text(0), "\303\274"));
	fake_stop();
}

static void a_call_without_reply_opens_no_slot(void)
{
	struct build_head head = fake_call_head(NULL, "M");

	setup();
	head.destination = b->peer.name;
	head.flags = MESSAGE_NO_REPLY_EXPECTED;
	CHECK(fake_send(a, head) == 0 && fake_take(b));
	CHECK(fake_quotas[0]->used[QUOTA_REPLIES] == 0);
	CHECK(fake_reply(b, a->peer.name, got.serial) == 0 && !fake_take(a));
	fake_stop();
}

static void who_calls_too_much_at_once_is_told(void)
{
	fake_settings();
	settings.guest.max[QUOTA_REPLIES] = 2;
	setup_peers();
	CHECK(fake_call(guest, a->peer.name, "M") == 0 && fake_call(guest, a->peer.name, "M") == 0);
	CHECK(fake_call(guest, a->peer.name, "M") == 0);
	CHECK(took_error(guest, "LimitsExceeded") && fake_drain(a) == 2);
	CHECK(fake_call(stranger, a->peer.name, "M") == 0 && fake_drain(a) == 1);
	fake_stop();
}

static void calls_that_are_never_answered_end_in_an_error(void)
{
	setup();
	CHECK(fake_call(a, b->peer.name, "M") == 0);
	CHECK(bus_next_tick(&bus) <= now_us + settings.reply_timeout_us);
	now_us += settings.reply_timeout_us - 1;
	bus_tick(&bus, now_us);
	CHECK(!fake_take(a));
	bus_tick(&bus, ++now_us);
	CHECK(took_error(a, "NoReply"));
	fake_drain(b);
	CHECK(fake_reply(b, a->peer.name, a->serial) == 0 && !fake_take(a));
	CHECK(bus_next_tick(&bus) == UINT64_MAX);
	fake_stop();
}

static void calls_to_one_that_leaves_end_in_an_error(void)
{
	setup();
	CHECK(fake_call(a, guest->peer.name, "M") == 0);
	CHECK(fake_call(stranger, guest->peer.name, "M") == 0);
	CHECK(fake_call(guest, guest->peer.name, "M") == 0);
	fake_leave(guest);
	CHECK(took_error(a, "NoReply") && took_error(stranger, "NoReply"));
	CHECK(fake_quotas[1]->used[QUOTA_REPLIES] == 0);
	fake_stop();
}

static void a_reply_to_one_that_left_goes_nowhere(void)
{
	char name[PEER_NAME_MAX];

	setup();
	CHECK(fake_call(guest, a->peer.name, "M") == 0 && fake_take(a));
	strcpy(name, guest->peer.name);
	fake_leave(guest);
	CHECK(fake_reply(a, name, got.serial) == 0 && !fake_take(a) && !a->why);
	fake_stop();
}

static void a_signal_reaches_those_who_want_it_once(void)
{
	setup();
	wants(b, "member='S'");
	wants(b, "type='signal'");
	wants(b, "type='signal'");
	wants(guest, "interface='test.Fake'");
	wants(c, "member='Other'");
	CHECK(fake_signal(a, "S") == 0);
	CHECK(took_signal(b, "S", NULL) && text_is(got.sender, a->peer.name));
	CHECK(!fake_take(b) && !fake_take(c) && !fake_take(a));
	CHECK(took_signal(guest, "S", NULL) && !fake_take(guest));
	fake_stop();
}

static void a_signal_may_be_sent_to_one_peer(void)
{
	struct build_head head = {
		.type = MESSAGE_SIGNAL, .path = "/", .interface = "test.Fake", .member = "S"
	};

	setup();
	wants(c, "type='signal'");
	head.destination = b->peer.name;
	CHECK(fake_send(a, head) == 0);
	CHECK(took_signal(b, "S", NULL) && !fake_take(c)); /* no eavesdropping */
	head.destination = "test.Nobody";
	CHECK(fake_send(a, head) == 0 && !fake_take(a));
	fake_stop();
}

static void messages_of_unknown_types_are_ignored(void)
{
	struct build_head head = { .type = 5, .path = "/", .interface = "a.b", .member = "S" };

	setup();
	wants(b, "");
	head.destination = b->peer.name;
	CHECK(fake_send(a, head) == 0 && !fake_take(b) && !fake_take(a) && !a->why);
	head.destination = NULL;
	CHECK(fake_send(a, head) == 0 && !fake_take(b));
	fake_stop();
}

static void replies_without_a_destination_are_ignored(void)
{
	setup();
	wants(b, "");
	CHECK(fake_reply(a, NULL, 5) == 0 && !fake_take(b) && !a->why);
	CHECK(fake_reply(a, DRIVER_NAME, 5) == 0 && !fake_take(a) && !a->why);
	fake_stop();
}

/* ---- back-pressure ---- */

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
	wants(guest, "type='signal'");
	for (i = 0; i < 20 && !guest->why; i++)
		CHECK(fake_send_big(a, NULL, 20000) == 0 && !peer_is_paused(&a->peer));
	CHECK(guest->why && !a->why && i >= 4 && i < 20);
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
	wants(b, "type='signal'");
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

static void a_dropped_peer_gets_and_sends_nothing(void)
{
	setup();
	wants(a, "type='signal'");
	wants(b, "type='signal'");
	bus_drop(&b->peer, "a test");
	bus_drop(&b->peer, "told once");
	CHECK(!strcmp(b->why, "a test"));
	CHECK(fake_signal(b, "S") == 0 && !fake_take(a));
	CHECK(fake_signal(c, "S") == 0 && took_signal(a, "S", NULL) && !fake_take(b));
	CHECK(fake_call(c, b->peer.name, "M") == 0 && took_error(c, "ServiceUnknown"));
	fake_stop();
}

static void descriptors_go_only_to_those_who_take_them(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct fds *fds = fds_new(&fd, 1);
	struct cargo cargo = { .fds = fds };
	struct message message;
	struct build build;
	uint8_t *bytes;
	uint32_t size;
	int i;

	setup();
	CHECK(fd >= 0 && fds);
	b->peer.takes_fds = true;
	for (i = 0; i < 2; i++) {
		struct fake_peer *to = i ? guest : b;
		struct build_head head = fake_call_head(to->peer.name, "M");

		head.serial = ++a->serial;
		build_init(&build);
		build_header(&build, &head);
		CHECK(build_finish(&build, &bytes, &size) == 0);
		CHECK(message_parse(&message, bytes, size) == MESSAGE_VALID);
		CHECK(bus_receive(&bus, &a->peer, &message, &cargo, now_us) == 0);
		build_deinit(&build);
	}
	CHECK(fds->refs == 2 && !fake_take(guest) && took_error(a, "NotSupported"));
	CHECK(fake_drain(b) == 1 && fds->refs == 1);
	fds_unref(fds);
	fake_stop();
}

/* ---- coming and going ---- */

static void connections_are_limited(void)
{
	fake_settings();
	settings.guest.max[QUOTA_PEERS] = 1;
	setup_peers();
	CHECK(fake_join(&fakes[5], 1) == PEER_OVER_QUOTA);
	fake_leave(guest);
	CHECK(fake_join(&fakes[5], 1) == PEER_READY);
	fake_stop();
}

static void names_are_never_used_again(void)
{
	char name[PEER_NAME_MAX];

	setup();
	strcpy(name, guest->peer.name);
	fake_leave(guest);
	fake_enter(guest, 1);
	CHECK(strcmp(name, guest->peer.name) != 0 && guest->peer.name[1] == '1');
	CHECK(fake_call(a, name, "M") == 0 && took_error(a, "ServiceUnknown"));
	fake_stop();
}

static void everything_is_given_back_in_any_order(void)
{
	unsigned first, i;

	for (first = 0; first < 5; first++) {
		setup();
		owns(guest, "test.Service");
		CHECK(fake_ask(stranger, "RequestName", "su", "test.Service", 0) == 0);
		wants(guest, "");
		wants(a, "type='signal',arg1path='/'");
		wants(a, "arg0namespace='test'");
		CHECK(fake_call(a, "test.Service", "M") == 0);
		CHECK(fake_call(guest, "test.Service", "M") == 0);
		CHECK(fake_call(stranger, a->peer.name, "M") == 0);
		CHECK(fake_send_big(b, guest->peer.name, 100000) == 0);
		CHECK(fake_send_big(c, NULL, 20000) == 0);
		for (i = 0; i < 5; i++)
			fake_leave(&fakes[(first + i * 2) % 5]);
		fake_stop();
	}
}

int main(void)
{
	RUN(a_call_reaches_the_peer_of_that_name);
	RUN(a_call_reaches_the_owner_of_a_well_known_name);
	RUN(a_sender_cannot_be_forged);
	RUN(a_call_to_nobody_gets_an_error);
	RUN(unique_names_are_compared_whole);
	RUN(nobody_speaks_before_hello);
	RUN(replies_go_back_once);
	RUN(errors_are_replies_too);
	RUN(the_text_of_an_error_is_text);
	RUN(a_call_without_reply_opens_no_slot);
	RUN(who_calls_too_much_at_once_is_told);
	RUN(calls_that_are_never_answered_end_in_an_error);
	RUN(calls_to_one_that_leaves_end_in_an_error);
	RUN(a_reply_to_one_that_left_goes_nowhere);
	RUN(a_signal_reaches_those_who_want_it_once);
	RUN(a_signal_may_be_sent_to_one_peer);
	RUN(messages_of_unknown_types_are_ignored);
	RUN(replies_without_a_destination_are_ignored);
	RUN(a_sender_waits_while_too_much_is_unread);
	RUN(a_sender_waits_sooner_for_a_queue_that_is_half_full);
	RUN(a_paused_sender_goes_on_when_its_receiver_leaves);
	RUN(a_stuck_receiver_is_not_waited_for);
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
	RUN(a_dropped_peer_gets_and_sends_nothing);
	RUN(descriptors_go_only_to_those_who_take_them);
	RUN(connections_are_limited);
	RUN(names_are_never_used_again);
	RUN(everything_is_given_back_in_any_order);
	return test_finish();
}
