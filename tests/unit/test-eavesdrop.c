/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is asked whether it wants to hear what is for others. */
#include "core/eavesdrop.h"

#include "test.h"

#include "policy-fixture.h"

#define RULE "eavesdrop='true',member='M'"

static void put_policy(bool lets_eavesdrop)
{
	policy = policy_new_default();
	CHECK(policy);
	if (lets_eavesdrop) {
		new_rule(POLICY_RECEIVE, true)->eavesdrop = true;
		add(&everybody);
		new_rule(POLICY_RECEIVE, true)->eavesdrop = true;
		add(&domains);
	}
	CHECK(gate_set_policy(&bus, policy) == 0);
}

static void setup(void)
{
	fake_start();
	fake_enter(a, 0);
	fake_enter(b, 0);
	fake_enter(c, 0);
	fake_enter(guest, 1);
}

static bool hears(struct fake_peer *fake)
{
	CHECK(fake_call(b, c->peer.name, "M") == 0 && fake_take(c));
	CHECK(fake_reply(c, b->peer.name, b->serial) == 0 && took_reply(b));
	return fake_drain(fake) > 0;
}

static void who_may_not_is_not_asked(void)
{
	setup();
	put_policy(false);
	fake_wants(a, RULE);
	CHECK(list_is_empty(&bus.eavesdroppers) && !hears(a));
	put_policy(true);
	CHECK(!list_is_empty(&bus.eavesdroppers) && hears(a));
	put_policy(false);
	CHECK(list_is_empty(&bus.eavesdroppers) && !hears(a));
	fake_stop();
}

static void nor_is_a_guest_whatever_the_policy(void)
{
	setup();
	put_policy(true);
	fake_wants(guest, RULE);
	CHECK(list_is_empty(&bus.eavesdroppers) && !hears(guest));
	fake_stop();
}

static void rules_come_and_go(void)
{
	setup();
	put_policy(true);
	fake_wants(a, RULE);
	fake_wants(a, RULE);
	fake_wants(a, "eavesdrop='true',member='Other'");
	CHECK(hears(a));
	CHECK(fake_ask(a, "RemoveMatch", "s", RULE) == 0 && took_reply(a) && hears(a));
	CHECK(fake_ask(a, "RemoveMatch", "s", RULE) == 0 && took_reply(a) && !hears(a));
	CHECK(!list_is_empty(&bus.eavesdroppers));
	fake_leave(a);
	CHECK(list_is_empty(&bus.eavesdroppers));
	fake_stop();
}

int main(void)
{
	RUN(who_may_not_is_not_asked);
	RUN(nor_is_a_guest_whatever_the_policy);
	RUN(rules_come_and_go);
	return test_finish();
}
