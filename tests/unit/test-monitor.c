/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who looks, what is shown, and that nobody is held up by it; statistics beside it. */
#include "core/monitor.h"

#include "test.h"

#include "fake-bus.h"

static struct fake_peer *const a = &fakes[0], *const b = &fakes[1], *const monitor = &fakes[2];
static struct fake_peer *const guest = &fakes[3];

static void setup_peers(void)
{
	fake_start_with_settings();
	fake_enter(a, 0);
	fake_enter(b, 0);
	fake_enter(monitor, 0);
	fake_enter(guest, 1);
	monitor->identity.uid = 0;
}

static void setup(void)
{
	fake_settings();
	setup_peers();
}

static int become(struct fake_peer *fake, const char *rule, uint32_t flags)
{
	return fake_send(fake,
			 (struct build_head){ .type = MESSAGE_METHOD_CALL,
					      .path = DRIVER_PATH,
					      .interface = "org.freedesktop.DBus.Monitoring",
					      .member = "BecomeMonitor",
					      .destination = DRIVER_NAME,
					      .signature = "asu" },
			 rule, flags);
}

/* What it sees of its own last steps is read as well. */
static void monitors(const char *rule)
{
	CHECK(become(monitor, rule, 0) == 0 && took_reply(monitor));
	fake_drain(monitor);
}

static void only_root_and_the_owner_of_the_bus_may_look(void)
{
	setup();
	CHECK(become(guest, NULL, 0) == 0 && took_error(guest, "AccessDenied"));
	CHECK(become(a, NULL, 0) == 0 && took_error(a, "AccessDenied"));
	guest->identity.uid = 0; /* of its own domain, that is */
	CHECK(become(guest, NULL, 0) == 0 && took_error(guest, "AccessDenied"));
	a->identity.uid = settings.uid;
	CHECK(become(a, NULL, 0) == 0 && took_reply(a));
	fake_stop();
}

static void rules_and_flags_are_checked(void)
{
	setup();
	CHECK(become(monitor, "nonsense", 0) == 0 && took_error(monitor, "MatchRuleInvalid"));
	CHECK(become(monitor, "type='signal'", 1) == 0 && took_error(monitor, "InvalidArgs"));
	CHECK(fake_ask(monitor, "GetId", NULL) == 0 && took_reply(monitor));
	fake_stop();
}

static void a_monitor_sees_what_passes_between_others(void)
{
	setup();
	monitors(NULL);
	CHECK(fake_call(a, b->peer.name, "M") == 0 && fake_take(b));
	CHECK(fake_take(monitor) && text_is(got.member, "M") && got.serial == a->serial);
	CHECK(text_is(got.sender, a->peer.name) && text_is(got.destination, b->peer.name));
	CHECK(fake_reply(b, a->peer.name, got.serial) == 0 && took_reply(a));
	CHECK(fake_take(monitor) && got.type == MESSAGE_METHOD_RETURN);
	CHECK(fake_signal(guest, "S") == 0);
	CHECK(took_signal(monitor, "S", NULL) && text_is(got.sender, guest->peer.name));
	CHECK(fake_call(a, "x.y", "N") == 0 && took_error(a, "ServiceUnknown"));
	CHECK(fake_take(monitor) && text_is(got.member, "N"));
	CHECK(fake_take(monitor) && got.type == MESSAGE_ERROR);
	CHECK(text_is(got.sender, DRIVER_NAME) && !fake_take(monitor));
	fake_stop();
}

static void rules_choose_what_it_sees(void)
{
	setup();
	CHECK(fake_ask(b, "RequestName", "su", "x.y", 0) == 0 && fake_drain(b) == 2);
	monitors("destination='x.y'");
	CHECK(fake_call(a, "x.y", "ByName") == 0 && fake_call(a, b->peer.name, "ByNumber") == 0);
	CHECK(fake_call(a, guest->peer.name, "Other") == 0 && fake_signal(a, "S") == 0);
	CHECK(fake_take(monitor) && text_is(got.member, "ByName"));
	CHECK(fake_take(monitor) && text_is(got.member, "ByNumber") && !fake_take(monitor));
	fake_leave(monitor);

	fake_enter(monitor, 0);
	monitor->identity.uid = 0;
	monitors("sender='x.y',path_namespace='/p'");
	CHECK(fake_signal(b, "S") == 0 && took_signal(monitor, "S", NULL));
	CHECK(fake_drain(b) == 2 && fake_reply(b, a->peer.name, a->serial) == 0);
	CHECK(fake_call(a, "x.y", "M") == 0 && !fake_take(monitor));
	fake_stop();
}

static void it_is_on_the_bus_no_more(void)
{
	char name[PEER_NAME_MAX];

	setup();
	CHECK(fake_ask(monitor, "RequestName", "su", "x.y", 0) == 0);
	CHECK(fake_call(a, "x.y", "M") == 0);
	strcpy(name, monitor->peer.name);
	fake_drain(monitor);
	CHECK(become(monitor, NULL, 0) == 0);
	CHECK(took_error(a, "NoReply")); /* it was waiting */
	CHECK(fake_ask(a, "NameHasOwner", "s", "x.y") == 0 && took_reply(a) && !got_uint32());
	CHECK(fake_ask(a, "NameHasOwner", "s", name) == 0 && took_reply(a) && !got_uint32());
	CHECK(fake_quotas[0]->used[QUOTA_NAMES] == 0);
	fake_drain(monitor);
	CHECK(fake_signal(monitor, "S") == 0 && monitor->why);
	fake_reap();
	CHECK(list_is_empty(&bus.monitors));
	fake_stop();
}

static void one_that_does_not_look_holds_nobody_up(void)
{
	unsigned i;

	fake_settings();
	settings.local_queue_max = 100000;
	settings.unread_max = 1000;
	setup_peers();
	monitors("member='Big'");
	for (i = 0; i < 20; i++) {
		CHECK(fake_send_big(a, b->peer.name, 20000) == 0 && fake_drain(b) == 1);
		CHECK(!peer_is_paused(&a->peer));
	}
	CHECK(!monitor->why && monitor->peer.lost_count > 0 && fake_drain(monitor) == 4);
	/* It is told how many it has missed before it sees more. */
	CHECK(fake_send_big(a, b->peer.name, 10) == 0);
	CHECK(took_signal(monitor, "MessagesLost", NULL) && text_is(got.signature, "t"));
	CHECK(fake_take(monitor) && text_is(got.member, "Big") && !fake_take(monitor));
	fake_stop();
}

static void nor_does_it_use_up_what_its_user_may_hold(void)
{
	unsigned i;

	fake_settings();
	settings.local.max[QUOTA_BYTES] = 200000;
	setup_peers();
	monitors(NULL);
	for (i = 0; i < 100; i++)
		CHECK(fake_send_big(guest, NULL, 5000) == 0);
	CHECK(fake_quotas[0]->used[QUOTA_BYTES] <= 100000);
	CHECK(fake_send_big(a, b->peer.name, 90000) == 0 && fake_drain(b) == 1);
	CHECK(!a->why && !b->why && !monitor->why);
	/* It is told of its loss when it has read. */
	CHECK(fake_drain(monitor) > 10 && fake_signal(guest, "S") == 0);
	CHECK(took_signal(monitor, "MessagesLost", NULL) && took_signal(monitor, "S", NULL));
	fake_stop();
}

static void statistics_are_for_dom0(void)
{
	struct build_head head = { .type = MESSAGE_METHOD_CALL,
				   .path = DRIVER_PATH,
				   .interface = "org.freedesktop.DBus.Debug.Stats",
				   .destination = DRIVER_NAME };
	static const char *const members[] = { "GetStats", "GetAllMatchRules" };
	unsigned i;

	setup();
	CHECK(fake_ask(guest, "AddMatch", "s", "arg0='it'\\''s',eavesdrop='true'") == 0);
	CHECK(took_reply(guest));
	for (i = 0; i < 2; i++) {
		head.member = members[i];
		CHECK(fake_send(monitor, head) == 0 && took_reply(monitor));
		CHECK(fake_send(guest, head) == 0 && took_error(guest, "AccessDenied"));
	}
	/* What others wait for is for who may monitor them, and it costs. */
	CHECK(fake_send(a, head) == 0 && took_error(a, "AccessDenied"));
	head.member = "GetConnectionStats";
	head.signature = "s";
	CHECK(fake_send(a, head, guest->peer.name) == 0 && took_reply(a));
	CHECK(fake_send(a, head, "x.y") == 0 && took_error(a, "NameHasNoOwner"));
	CHECK(fake_send(a, head, DRIVER_NAME) == 0 && took_error(a, "NameHasNoOwner"));
	CHECK(fake_send(guest, head, a->peer.name) == 0 && took_error(guest, "AccessDenied"));
	fake_stop();
}

static void all_match_rules_fit_into_one_reply(void)
{
	struct build_head head = { .type = MESSAGE_METHOD_CALL,
				   .path = DRIVER_PATH,
				   .interface = "org.freedesktop.DBus.Debug.Stats",
				   .member = "GetAllMatchRules",
				   .destination = DRIVER_NAME };
	char rule[64];
	unsigned i;

	fake_settings();
	settings.local_queue_max = 20000;
	setup_peers();
	/* However often one is added, it is told once. */
	for (i = 0; i < 1000; i++)
		fake_wants(b, "type='signal',interface='x.y'");
	CHECK(fake_send(monitor, head) == 0 && took_reply(monitor) && got.body_size < 1000);
	for (i = 0; i < 1000; i++) {
		snprintf(rule, sizeof(rule), "arg0='%u'", i);
		fake_wants(b, rule);
	}
	CHECK(fake_send(monitor, head) == 0 && took_error(monitor, "LimitsExceeded"));
	CHECK(!monitor->why);
	fake_stop();
}

int main(void)
{
	RUN(only_root_and_the_owner_of_the_bus_may_look);
	RUN(rules_and_flags_are_checked);
	RUN(a_monitor_sees_what_passes_between_others);
	RUN(rules_choose_what_it_sees);
	RUN(it_is_on_the_bus_no_more);
	RUN(one_that_does_not_look_holds_nobody_up);
	RUN(nor_does_it_use_up_what_its_user_may_hold);
	RUN(statistics_are_for_dom0);
	RUN(all_match_rules_fit_into_one_reply);
	return test_finish();
}
