/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Routing: who gets what, who is told that it could not be done, and what stays charged. */
#include "core/answer.h"
#include "core/bus.h"

#include "test.h"

#include "fake-bus.h"

static struct fake_peer *const a = &fakes[0], *const b = &fakes[1], *const c = &fakes[2];
static struct fake_peer *const guest = &fakes[3], *const stranger = &fakes[4];

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
	fake_owns(guest, "test.Service");
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
	CHECK(answer_error_serial(&bus, &a->peer, 5, "test.Error", "\303\274 \342\202") == 0);
	CHECK(fake_take(a) && text_is(got_text(0), "?? ??"));
	CHECK(answer_error_serial(&bus, &a->peer, 5, "test.Error", "\303\274") == 0);
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
	fake_wants(b, "member='S'");
	fake_wants(b, "type='signal'");
	fake_wants(b, "type='signal'");
	fake_wants(guest, "interface='test.Fake'");
	fake_wants(c, "member='Other'");
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
	fake_wants(c, "type='signal'");
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
	fake_wants(b, "");
	head.destination = b->peer.name;
	CHECK(fake_send(a, head) == 0 && !fake_take(b) && !fake_take(a) && !a->why);
	head.destination = NULL;
	CHECK(fake_send(a, head) == 0 && !fake_take(b));
	fake_stop();
}

static void replies_without_a_destination_are_ignored(void)
{
	setup();
	fake_wants(b, "");
	CHECK(fake_reply(a, NULL, 5) == 0 && !fake_take(b) && !a->why);
	CHECK(fake_reply(a, DRIVER_NAME, 5) == 0 && !fake_take(a) && !a->why);
	fake_stop();
}

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
		fake_owns(guest, "test.Service");
		CHECK(fake_ask(stranger, "RequestName", "su", "test.Service", 0) == 0);
		fake_wants(guest, "");
		fake_wants(a, "type='signal',arg1path='/'");
		fake_wants(a, "arg0namespace='test'");
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
	RUN(connections_are_limited);
	RUN(names_are_never_used_again);
	RUN(everything_is_given_back_in_any_order);
	return test_finish();
}
