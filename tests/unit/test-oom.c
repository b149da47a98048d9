/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Without memory: every allocation of a scenario fails once, and then all from there on. Nothing
 * may crash, leak or stay charged, what comes out must be valid, and whoever was told that its call
 * was taken gets an answer to it or is disconnected. The linker sends allocations here
 * (Makefile). */
#include <errno.h>

#include "oom.h"

#define FAKE_BEGIN() (oom.is_armed = true)
#define FAKE_END() (oom.is_armed = false)

#include "fake-bus.h"

static struct fake_peer *const a = &fakes[0], *const b = &fakes[1], *const guest = &fakes[2];

static void enter(struct fake_peer *fake, uint32_t domid)
{
	if (fake_join(fake, domid) == PEER_READY)
		fake_ask(fake, "Hello", NULL);
}

static bool is_here(const struct fake_peer *fake)
{
	return fake->is_in && !fake->why && fake->peer.is_registered;
}

/* What the link would do: nothing is sent by one that is gone. */
#define IF_HERE(fake, action)                                                                      \
	do {                                                                                       \
		if (is_here(fake))                                                                 \
			(void)(action);                                                            \
		fake_reap();                                                                       \
	} while (0)

static void read_all(void)
{
	unsigned i;

	for (i = 0; i < FAKE_PEERS; i++)
		if (fakes[i].is_in)
			fake_drain(&fakes[i]);
}

static void enter_all(void)
{
	fake_start();
	enter(a, 0);
	enter(b, 0);
	enter(guest, 1);
	fake_reap();
}

static void finish(void)
{
	read_all();
	fake_stop();
}

static void names(void)
{
	enter_all();
	IF_HERE(a, fake_ask(a, "AddMatch", "s", "type='signal',member='NameOwnerChanged'"));
	IF_HERE(a, fake_ask(a, "RequestName", "su", "x.y", NAME_ALLOW_REPLACEMENT));
	IF_HERE(b, fake_ask(b, "RequestName", "su", "x.y", NAME_REPLACE_EXISTING));
	IF_HERE(guest, fake_ask(guest, "RequestName", "su", "x.y", 0));
	IF_HERE(guest, fake_ask(guest, "RequestName", "su", "x.z", NAME_DO_NOT_QUEUE));
	IF_HERE(a, fake_ask(a, "ListNames", NULL));
	IF_HERE(a, fake_ask(a, "ListQueuedOwners", "s", "x.y"));
	IF_HERE(b, fake_ask(b, "ReleaseName", "s", "x.y"));
	fake_leave(a);
	fake_reap();
	finish();
}

/* A name that is announced late or never would deceive whoever watches it. */
static void watchers(void)
{
	bool is_known, is_announced = false;

	enter_all();
	IF_HERE(a, fake_ask(a, "AddMatch", "s", "member='NameOwnerChanged',arg0='x.y'"));
	if (!is_here(a) || !a->peer.matches_count) {
		finish();
		return;
	}
	fake_drain(a);
	IF_HERE(guest, fake_ask(guest, "RequestName", "su", "x.y", 0));
	is_known = bus_find_peer(&bus, text_of("x.y")) != NULL;
	while (is_here(a) && fake_take(a))
		is_announced = !is_announced && text_is(got.member, "NameOwnerChanged");
	CHECK(!is_here(a) || is_known == is_announced);
	finish();
}

static void matches(void)
{
	enter_all();
	IF_HERE(a, fake_ask(a, "AddMatch", "s", "type='signal',arg3='x',arg0path='/y',path='/'"));
	IF_HERE(a, fake_ask(a, "AddMatch", "s", "type='signal',arg3='x',arg0path='/y',path='/'"));
	IF_HERE(a, fake_ask(a, "AddMatch", "s", "path_namespace='/p'"));
	IF_HERE(a, fake_ask(a, "AddMatch", "s", "nonsense"));
	IF_HERE(guest, fake_ask(guest, "AddMatch", "s", "path_namespace='/p'"));
	IF_HERE(guest, fake_ask(guest, "AddMatch", "s", "destination='a.b'"));
	IF_HERE(b, fake_signal(b, "S"));
	IF_HERE(b, fake_send_big(b, NULL, 100000));
	IF_HERE(a, fake_ask(a, "RemoveMatch", "s", "path_namespace='/p'"));
	IF_HERE(a, fake_ask(a, "RemoveMatch", "s", "path_namespace='/p'"));
	finish();
}

/* Whether from, which sent a call and was told nothing wrong, hears of it in the end. */
static void expect_answer(struct fake_peer *from, uint32_t serial)
{
	unsigned answers = 0;

	while (is_here(from) && fake_take(from))
		answers += got.reply_serial == serial;
	CHECK(!is_here(from) || answers == 1);
}

static void answered_calls(void)
{
	uint32_t serial = 0;
	bool is_taken = false;

	enter_all();
	read_all();
	if (is_here(a) && is_here(guest)) {
		is_taken = fake_call(a, guest->peer.name, "M") == 0;
		serial = a->serial;
	}
	if (is_taken)
		IF_HERE(guest, fake_reply(guest, a->peer.name, serial));
	if (is_taken)
		expect_answer(a, serial);
	finish();
}

static void calls_to_one_that_leaves(void)
{
	uint32_t serial = 0;
	bool is_taken = false;

	enter_all();
	read_all();
	if (is_here(a) && is_here(b)) {
		is_taken = fake_call(a, b->peer.name, "M") == 0;
		serial = a->serial;
	}
	fake_leave(b);
	fake_reap();
	if (is_taken)
		expect_answer(a, serial);
	finish();
}

static void calls_that_lapse(void)
{
	uint32_t serial = 0;
	bool is_taken = false;

	enter_all();
	read_all();
	if (is_here(guest) && is_here(b)) {
		is_taken = fake_call(guest, b->peer.name, "M") == 0;
		serial = guest->serial;
	}
	settings.reply_timeout_us = 1000; /* and it can be lowered whatever memory there is */
	now_us += settings.reply_timeout_us;
	FAKE_BEGIN();
	bus_set_limits(&bus, &settings);
	bus_tick(&bus, now_us + settings.reply_timeout_us);
	FAKE_END();
	fake_reap();
	if (is_taken)
		expect_answer(guest, serial);
	finish();
}

static void calls_to_nobody(void)
{
	bool is_taken = false;

	enter_all();
	read_all();
	if (is_here(a))
		is_taken = fake_call(a, "x.y", "M") == 0;
	fake_reap();
	if (is_taken)
		expect_answer(a, a->serial);
	finish();
}

/* So many that the book of replies and the queues have to grow. */
static void many_calls(void)
{
	int i;

	enter_all();
	read_all();
	for (i = 0; i < 100; i++)
		if (is_here(a) && is_here(b))
			fake_call(a, b->peer.name, "M");
	for (i = 0; i < 10; i++) {
		if (is_here(a) && is_here(b))
			fake_send_big(a, b->peer.name, 40000);
		if (is_here(b) && is_here(guest))
			fake_send_big(b, guest->peer.name, 20000);
	}
	fake_reap();
	finish();
}

static void questions(void)
{
	struct build_head head = { .type = MESSAGE_METHOD_CALL,
				   .path = DRIVER_PATH,
				   .interface = "org.freedesktop.DBus.Introspectable",
				   .member = "Introspect",
				   .destination = DRIVER_NAME };

	enter_all();
	a->identity.uid = settings.uid;
	IF_HERE(a, fake_ask(a, "GetConnectionCredentials", "s", guest->peer.name));
	IF_HERE(a, fake_ask(a, "GetConnectionCredentials", "s", b->peer.name));
	IF_HERE(a, fake_ask(a, "GetNameOwner", "s", "x.y"));
	IF_HERE(a, fake_ask(a, "GetId", NULL));
	IF_HERE(a, fake_send(a, head));
	head.interface = "org.freedesktop.DBus.Debug.Stats";
	head.member = "GetAllMatchRules";
	IF_HERE(b, fake_ask(b, "AddMatch", "s", "arg0='some text',arg1path='/'"));
	IF_HERE(guest, fake_ask(guest, "AddMatch", "s", "arg0='some text'"));
	IF_HERE(a, fake_send(a, head));
	finish();
}

static void ask_about_bus(const char *interface, const char *member)
{
	struct build_head head = { .type = MESSAGE_METHOD_CALL,
				   .path = DRIVER_PATH,
				   .interface = interface,
				   .member = member,
				   .destination = DRIVER_NAME };

	IF_HERE(a, fake_send(a, head));
}

static void looks(void)
{
	struct build_head head = { .type = MESSAGE_METHOD_CALL,
				   .path = DRIVER_PATH,
				   .interface = DRIVER_BUS1,
				   .member = "ListLinks",
				   .destination = DRIVER_NAME,
				   .signature = "tu" };

	enter_all();
	if (is_here(guest))
		IF_HERE(b, fake_call(b, guest->peer.name, "Wait"));
	IF_HERE(a, fake_send(a, head, UINT64_C(0), 0));
	head.member = "ListPendingCalls";
	IF_HERE(a, fake_send(a, head, UINT64_C(0), 0));
	ask_about_bus(DRIVER_BUS1, "ListDomains");
	ask_about_bus(DRIVER_BUS1, "ListUsers");
	ask_about_bus(DRIVER_BUS1, "GetCounters");
	ask_about_bus(DRIVER_HEALTH1, "List");
	IF_HERE(b, fake_ask(b, "AddMatch", "s", "interface='org.xen.xcp.Health1'"));
	FAKE_BEGIN();
	health_set(&bus, HEALTH_GUESTS, HEALTH_DEGRADED, "for a test");
	FAKE_END();
	fake_reap();
	finish();
}

/* A call that waits for a service to start; it comes, or it fails. */
static void start_and(bool comes)
{
	uint32_t serial = 0;
	bool is_taken = false;
	int r;

	enter_all();
	read_all();
	FAKE_BEGIN();
	r = activatable_add(&bus.activations.names, "x.y", "unit", NULL);
	FAKE_END();
	if (r == 0 && is_here(a)) {
		is_taken = fake_call(a, "x.y", "M") == 0;
		serial = a->serial;
	}
	IF_HERE(guest, fake_send_big(guest, "x.y", 20000));
	IF_HERE(b, fake_ask(b, "StartServiceByName", "su", "x.y", 0));
	if (comes) {
		IF_HERE(b, fake_ask(b, "RequestName", "su", "x.y", 0));
	} else {
		FAKE_BEGIN();
		activation_failed(&bus, "x.y", "Spawn.ExecFailed", "no");
		FAKE_END();
	}
	now_us += settings.start_timeout_us;
	FAKE_BEGIN();
	bus_tick(&bus, now_us);
	FAKE_END();
	fake_leave(b);
	fake_reap();
	if (is_taken)
		expect_answer(a, serial);
	finish();
}

static void starts_that_work(void)
{
	start_and(true);
}

static void starts_that_fail(void)
{
	start_and(false);
}

static void monitors(void)
{
	struct build_head head = { .type = MESSAGE_METHOD_CALL,
				   .path = DRIVER_PATH,
				   .interface = "org.freedesktop.DBus.Monitoring",
				   .member = "BecomeMonitor",
				   .destination = DRIVER_NAME,
				   .signature = "asu" };

	enter_all();
	a->identity.uid = settings.uid;
	IF_HERE(a, fake_ask(a, "AddMatch", "s", "type='signal'"));
	IF_HERE(a, fake_ask(a, "RequestName", "su", "x.y", 0));
	IF_HERE(a, fake_send(a, head, "path_namespace='/p'", 0));
	IF_HERE(b, fake_call(b, "x.y", "M"));
	IF_HERE(b, fake_signal(b, "S"));
	IF_HERE(guest, fake_send_big(guest, NULL, 20000));
	IF_HERE(b, fake_ask(b, "GetId", NULL));
	finish();
}

static void a_bus_cannot_be_made_of_nothing(void)
{
	static const struct bus_ops ops = { .wake = fake_wake, .drop = fake_drop };
	struct bus unborn;
	unsigned long at;

	fake_settings();
	for (at = 1;; at++) {
		int r;

		oom.left = at;
		oom.failed = 0;
		FAKE_BEGIN();
		r = bus_init(&unborn, &ops, &settings);
		FAKE_END();
		CHECK(r == (oom.failed ? -ENOMEM : 0));
		bus_deinit(&unborn);
		if (!oom.failed)
			break;
	}
	CHECK(at > 1);
}

static void a_peer_that_found_no_memory_is_not_there(void)
{
	unsigned long at;

	fake_start();
	for (at = 1;; at++) {
		int r;

		oom.left = at;
		oom.failed = 0;
		r = fake_join(a, 1);
		CHECK(r == (oom.failed ? -ENOMEM : PEER_READY));
		if (!r)
			break;
		CHECK(!bus.by_id && list_is_empty(&bus.peers) && fake_quotas[1]->refs == 1);
		CHECK(fake_quotas[1]->used[QUOTA_PEERS] == 0);
	}
	CHECK(at > 1);
	oom.left = 0;
	fake_stop();
}

static void names_come_and_go(void)
{
	starve(names);
}

static void watchers_are_not_deceived(void)
{
	starve(watchers);
}

static void matches_come_and_go(void)
{
	starve(matches);
}

static void answered_calls_are_answered(void)
{
	starve(answered_calls);
}

static void calls_to_a_leaving_peer_are_answered(void)
{
	starve(calls_to_one_that_leaves);
}

static void calls_that_lapse_are_answered(void)
{
	starve(calls_that_lapse);
}

static void calls_to_nobody_are_answered(void)
{
	starve(calls_to_nobody);
}

static void many_calls_at_once(void)
{
	starve(many_calls);
}

static void questions_to_the_bus(void)
{
	starve(questions);
}

static void looks_at_the_bus(void)
{
	starve(looks);
}

static void starts_are_answered(void)
{
	starve(starts_that_work);
	starve(starts_that_fail);
}

static void monitors_come_and_look(void)
{
	starve(monitors);
}

int main(void)
{
	RUN(a_bus_cannot_be_made_of_nothing);
	RUN(a_peer_that_found_no_memory_is_not_there);
	RUN(names_come_and_go);
	RUN(watchers_are_not_deceived);
	RUN(matches_come_and_go);
	RUN(answered_calls_are_answered);
	RUN(calls_to_a_leaving_peer_are_answered);
	RUN(calls_that_lapse_are_answered);
	RUN(calls_to_nobody_are_answered);
	RUN(many_calls_at_once);
	RUN(questions_to_the_bus);
	RUN(looks_at_the_bus);
	RUN(starts_are_answered);
	RUN(monitors_come_and_look);
	return test_finish();
}
