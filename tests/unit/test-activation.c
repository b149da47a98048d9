/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names that are started: who waits, in what order it goes on, and what it is told otherwise. */
#include "core/activation.h"

#include "test.h"

#include "fake-bus.h"

static struct fake_peer *const a = &fakes[0], *const b = &fakes[1], *const service = &fakes[2];
static struct fake_peer *const guest = &fakes[3];

static int handle;

static void setup_peers(void)
{
	fake_start_with_settings();
	fake_enter(a, 0);
	fake_enter(b, 0);
	fake_enter(service, 0);
	fake_enter(guest, 1);
	CHECK(activatable_add(&bus.activations.names, "x.y", NULL, &handle) == 0);
}

static void setup(void)
{
	fake_settings();
	setup_peers();
}

/* The service gets its name and then all that waits for it. */
static void service_appears(void)
{
	CHECK(fake_ask(service, "RequestName", "su", "x.y", 0) == 0);
	CHECK(took_signal(service, "NameAcquired", "x.y"));
}

static void a_call_starts_the_name_and_waits_for_it(void)
{
	setup();
	CHECK(fake_call(a, "x.y", "M") == 0 && !fake_take(a));
	CHECK(fake_outside.started == 1 && fake_outside.handle == &handle);
	CHECK(!strcmp(fake_outside.name, "x.y"));
	service_appears();
	CHECK(fake_take(service) && text_is(got.member, "M") && got.serial == a->serial);
	CHECK(text_is(got.sender, a->peer.name));
	CHECK(fake_reply(service, a->peer.name, got.serial) == 0 && took_reply(a));
	CHECK(fake_outside.given_up == 0);
	fake_stop();
}

static void all_that_waits_goes_on_in_its_order(void)
{
	setup();
	CHECK(fake_call(a, "x.y", "First") == 0 && fake_call(b, "x.y", "Second") == 0);
	CHECK(fake_send_big(a, "x.y", 100000) == 0 && fake_call(b, "x.y", "Last") == 0);
	CHECK(fake_outside.started == 1);
	service_appears();
	CHECK(fake_take(service) && text_is(got.member, "First"));
	CHECK(fake_take(service) && text_is(got.member, "Second"));
	CHECK(fake_take(service) && text_is(got.member, "Big") && got.body_size > 100000);
	CHECK(fake_take(service) && text_is(got.member, "Last"));
	CHECK(took_reply(service) && !fake_take(service));
	CHECK(bus.activations.waiting_count == 0);
	fake_stop();
}

static void starting_by_name_is_answered_when_it_is_there(void)
{
	setup();
	CHECK(fake_ask(a, "StartServiceByName", "su", "x.y", 0) == 0 && !fake_take(a));
	CHECK(fake_ask(b, "StartServiceByName", "su", "x.y", 0) == 0 && !fake_take(b));
	CHECK(fake_outside.started == 1);
	service_appears();
	CHECK(took_reply(a) && got_uint32() == 1 && took_reply(b) && got_uint32() == 1);
	CHECK(fake_ask(a, "StartServiceByName", "su", "x.y", 0) == 0);
	CHECK(took_reply(a) && got_uint32() == 2);
	fake_stop();
}

static void who_minds_does_not_start_anything(void)
{
	struct build_head head = fake_call_head("x.y", "M");

	setup();
	head.flags = MESSAGE_NO_AUTO_START;
	CHECK(fake_send(a, head) == 0 && took_error(a, "NameHasNoOwner"));
	CHECK(fake_call(a, "x.z", "M") == 0 && took_error(a, "ServiceUnknown"));
	CHECK(fake_outside.started == 0);
	fake_stop();
}

/* Nor does it learn what could be. */
static void a_guest_starts_nothing(void)
{
	setup();
	CHECK(fake_call(guest, "x.y", "M") == 0 && took_error(guest, "ServiceUnknown"));
	CHECK(fake_ask(guest, "StartServiceByName", "su", "x.y", 0) == 0);
	CHECK(took_error(guest, "ServiceUnknown"));
	CHECK(fake_ask(guest, "ListActivatableNames", NULL) == 0 && took_reply(guest));
	CHECK(got.body_size < 40 && fake_outside.started == 0);
	fake_stop();
}

static void set_start_rule(enum policy_scope_kind kind, bool allow, const char *name)
{
	static const struct policy_scope guests = { .kind = POLICY_ALL_DOMAINS };
	const struct policy_scope scope = { .kind = (uint8_t)kind };
	struct policy *policy = policy_new_default();
	struct policy_rule rule;

	CHECK(policy);
	policy_rule_init(&rule, POLICY_SEND, true);
	CHECK(policy_add(policy, &guests, &rule) == 0);
	policy_rule_init(&rule, POLICY_START, allow);
	rule.name = name;
	CHECK(policy_add(policy, &scope, &rule) == 0);
	CHECK(gate_set_policy(&bus, policy) == 0);
}

static void a_guest_starts_what_a_rule_says(void)
{
	setup();
	CHECK(activatable_add(&bus.activations.names, "x.z", NULL, NULL) == 0);
	set_start_rule(POLICY_ALL_DOMAINS, true, "x.y");
	CHECK(fake_ask(guest, "ListActivatableNames", NULL) == 0 && took_reply(guest));
	CHECK(got.body_size > 30 && got.body_size < 45);
	CHECK(fake_call(guest, "x.z", "M") == 0 && took_error(guest, "ServiceUnknown"));
	CHECK(fake_ask(guest, "StartServiceByName", "su", "x.z", 0) == 0);
	CHECK(took_error(guest, "ServiceUnknown") && fake_outside.started == 0);
	CHECK(fake_call(guest, "x.y", "M") == 0 && !fake_take(guest));
	CHECK(fake_outside.started == 1 && fake_quotas[1]->held_count == 1);
	service_appears();
	CHECK(fake_take(service) && text_is(got.member, "M"));
	CHECK(text_is(got.sender, guest->peer.name));
	fake_stop();
}

static void a_user_starts_what_no_rule_denies(void)
{
	setup();
	CHECK(activatable_add(&bus.activations.names, "x.z", NULL, NULL) == 0);
	set_start_rule(POLICY_DEFAULT, false, "x.y");
	CHECK(fake_call(a, "x.y", "M") == 0 && took_error(a, "AccessDenied"));
	CHECK(fake_ask(a, "StartServiceByName", "su", "x.y", 0) == 0);
	CHECK(took_error(a, "AccessDenied") && fake_outside.started == 0);
	CHECK(fake_ask(a, "StartServiceByName", "su", "x.z", 0) == 0 && !fake_take(a));
	CHECK(fake_outside.started == 1);
	fake_stop();
}

static void all_who_wait_are_told_of_a_failure(void)
{
	struct build_head silent = fake_call_head("x.y", "M");

	setup();
	silent.flags = MESSAGE_NO_REPLY_EXPECTED;
	CHECK(fake_send(b, silent) == 0);
	CHECK(fake_call(a, "x.y", "M") == 0);
	CHECK(fake_ask(service, "StartServiceByName", "su", "x.y", 0) == 0);
	activation_failed(&bus, "x.y", "Spawn.ChildExited", "it said \"no\"");
	CHECK(took_error(a, "Spawn.ChildExited") && text_is(got_text(0), "it said \"no\""));
	CHECK(took_error(service, "Spawn.ChildExited") && !fake_take(b));
	activation_failed(&bus, "x.y", "Spawn.ChildExited", "again");
	CHECK(fake_outside.failed == 1);
	CHECK(fake_quotas[0]->used[QUOTA_BYTES] == 0);
	fake_stop();
}

static void a_failure_is_whose_who_wanted_it_first(void)
{
	setup();
	set_start_rule(POLICY_ALL_DOMAINS, true, "x.y");
	CHECK(fake_call(guest, "x.y", "M") == 0 && fake_call(a, "x.y", "M") == 0);
	fake_leave(guest);
	now_us += settings.start_timeout_us;
	bus_tick(&bus, now_us);
	CHECK(took_error(a, "TimedOut") && fake_outside.failed == 1);
	CHECK(fake_outside.failed_by == fake_quotas[1]);
	fake_stop();
}

static void a_start_may_fail_at_once(void)
{
	setup();
	fake_outside.fails = true;
	CHECK(fake_call(a, "x.y", "M") == 0 && took_error(a, "Spawn.ExecFailed"));
	CHECK(fake_ask(a, "StartServiceByName", "su", "x.y", 0) == 0);
	CHECK(took_error(a, "Spawn.ExecFailed") && fake_outside.started == 2);
	fake_stop();
}

static void a_start_that_takes_too_long_is_given_up(void)
{
	setup();
	CHECK(fake_call(a, "x.y", "M") == 0);
	CHECK(bus_next_tick(&bus) == now_us + settings.start_timeout_us);
	now_us += settings.start_timeout_us;
	bus_tick(&bus, now_us);
	CHECK(took_error(a, "TimedOut") && fake_outside.given_up == 1);
	CHECK(bus_next_tick(&bus) == UINT64_MAX);
	fake_stop();
}

static void a_new_timeout_holds_for_what_has_begun(void)
{
	struct bus_settings shorter;

	setup();
	shorter = settings;
	shorter.start_timeout_us = 1000000;
	CHECK(activatable_add(&bus.activations.names, "x.z", NULL, &handle) == 0);
	CHECK(fake_call(a, "x.y", "M") == 0);
	bus_set_limits(&bus, &shorter);
	CHECK(fake_call(b, "x.z", "M") == 0);
	CHECK(bus_next_tick(&bus) == now_us + 1000000);
	now_us += 1000000;
	bus_tick(&bus, now_us);
	CHECK(took_error(a, "TimedOut") && took_error(b, "TimedOut"));
	CHECK(fake_outside.given_up == 2);
	fake_stop();
}

static void who_leaves_takes_with_it_what_it_sent(void)
{
	setup();
	CHECK(fake_call(a, "x.y", "M") == 0 && fake_call(b, "x.y", "N") == 0);
	fake_leave(a);
	service_appears();
	CHECK(fake_take(service) && text_is(got.member, "N"));
	CHECK(took_reply(service) && !fake_take(service));
	fake_stop();
}

static void what_waits_is_on_its_senders_quota(void)
{
	fake_settings();
	settings.local.max[QUOTA_BYTES] = 50000;
	setup_peers();
	CHECK(fake_send_big(a, "x.y", 30000) == 0);
	CHECK(fake_quotas[0]->used[QUOTA_BYTES] > 30000);
	CHECK(fake_call(a, "x.y", "M") == 0 && fake_send_big(a, "x.y", 30000) == 0);
	service_appears();
	CHECK(fake_take(service) && text_is(got.member, "Big"));
	CHECK(fake_take(service) && text_is(got.member, "M"));
	CHECK(took_reply(service) && !fake_take(service));
	CHECK(fake_quotas[0]->used[QUOTA_BYTES] == 0);
	fake_stop();
}

static void waiting_is_limited(void)
{
	fake_settings();
	settings.pending_starts_max = 2;
	setup_peers();
	CHECK(fake_call(a, "x.y", "M") == 0 && fake_call(a, "x.y", "M") == 0);
	CHECK(fake_call(b, "x.y", "M") == 0 && took_error(b, "LimitsExceeded"));
	fake_stop();
}

/* Nobody but root keeps out anybody else. */
static void everybody_has_a_share_of_what_waits(void)
{
	unsigned i;

	fake_settings();
	settings.pending_starts_max = 8;
	setup_peers();
	for (i = 0; i < 2; i++)
		CHECK(fake_call(a, "x.y", "M") == 0 && !fake_take(a));
	CHECK(fake_call(a, "x.y", "M") == 0 && took_error(a, "LimitsExceeded"));
	/* Another connection of the same user. */
	CHECK(fake_call(b, "x.y", "M") == 0 && took_error(b, "LimitsExceeded"));
	service->identity.uid = 0;
	for (i = 0; i < 6; i++)
		CHECK(fake_call(service, "x.y", "M") == 0 && !fake_take(service));
	CHECK(fake_call(service, "x.y", "M") == 0 && took_error(service, "LimitsExceeded"));
	fake_leave(service);
	CHECK(bus.activations.waiting_count == 2 && fake_quotas[0]->held_count == 2);
	fake_stop();
}

static void everybody_has_a_share_of_the_bytes(void)
{
	fake_settings();
	settings.local_queue_max = 100000;
	setup_peers();
	CHECK(fake_send_big(a, "x.y", 40000) == 0 && fake_quotas[0]->held_size > 40000);
	CHECK(fake_send_big(b, "x.y", 20000) == 0 && fake_quotas[0]->held_size < 50000);
	a->identity.uid = 0;
	CHECK(fake_send_big(a, "x.y", 50000) == 0 && fake_quotas[0]->held_size > 90000);
	fake_stop();
	CHECK(!a->why && !b->why);
}

static void nothing_more_is_held_when_memory_has_run_out(void)
{
	setup();
	CHECK(fake_call(a, "x.y", "M") == 0 && !fake_take(a));
	shortage_begin(&bus.shortage, now_us);
	CHECK(fake_call(a, "x.y", "M") == 0 && took_error(a, "NoMemory"));
	service->identity.uid = 0;
	CHECK(fake_ask(service, "StartServiceByName", "su", "x.y", 0) == 0);
	CHECK(took_error(service, "NoMemory") && fake_outside.started == 1);
	fake_stop();
}

static void a_name_that_is_started_over_and_over_rests(void)
{
	unsigned i;

	setup();
	fake_outside.fails = true;
	for (i = 0; i < 1000; i++) {
		CHECK(fake_call(a, "x.y", "M") == 0 && fake_take(a));
		if (text_is(got.error_name, "org.freedesktop.DBus.Error.LimitsExceeded"))
			break;
	}
	CHECK(i > 3 && i < 100 && fake_outside.started == i);
	CHECK(strstr(got_text(0).bytes, "it could not be run"));
	now_us += 60 * 1000000;
	fake_outside.fails = false;
	CHECK(fake_call(a, "x.y", "M") == 0 && !fake_take(a) && fake_outside.started == i + 1);
	fake_stop();
}

static void names_can_be_taken_away(void)
{
	setup();
	CHECK(activatable_add(&bus.activations.names, "x.z", NULL, NULL) == 0);
	CHECK(fake_ask(a, "ListActivatableNames", NULL) == 0 && took_reply(a));
	CHECK(got.body_size > 40);
	activatable_remove(&bus.activations.names, "x.z");
	activatable_remove(&bus.activations.names, "x.z");
	CHECK(fake_call(a, "x.z", "M") == 0 && took_error(a, "ServiceUnknown"));
	/* One that is under way goes on. */
	CHECK(fake_call(a, "x.y", "M") == 0);
	activatable_remove(&bus.activations.names, "x.y");
	CHECK(!fake_take(a));
	service_appears();
	CHECK(fake_take(service) && text_is(got.member, "M"));
	fake_stop();
}

/* ---- by systemd ---- */

static void setup_systemd(void)
{
	fake_settings();
	settings.systemd_activation = true;
	setup_peers();
	CHECK(activatable_add(&bus.activations.names, "x.unit", "xy.service", NULL) == 0);
	service->identity.uid = settings.uid;
}

static int send_failure(struct fake_peer *from)
{
	struct build_head head = { .type = MESSAGE_SIGNAL,
				   .path = "/org/freedesktop/DBus",
				   .interface = "org.freedesktop.systemd1.Activator",
				   .member = "ActivationFailure",
				   .destination = DRIVER_NAME,
				   .signature = "sss" };

	return fake_send(from, head, "xy.service", "test.NoUnit", "there is no such unit");
}

static void systemd_is_asked_once_it_is_there(void)
{
	setup_systemd();
	CHECK(fake_call(a, "x.unit", "M") == 0 && !fake_take(a) && fake_outside.started == 0);
	CHECK(fake_ask(service, "RequestName", "su", ACTIVATION_SYSTEMD, 0) == 0);
	CHECK(took_signal(service, "NameAcquired", ACTIVATION_SYSTEMD));
	CHECK(took_signal(service, "ActivationRequest", "xy.service"));
	CHECK(text_is(got.sender, DRIVER_NAME) && took_reply(service));
	CHECK(fake_call(b, "x.unit", "M") == 0 && !fake_take(service));
	CHECK(send_failure(service) == 0);
	CHECK(fake_take(a) && text_is(got.error_name, "test.NoUnit"));
	CHECK(text_is(got_text(0), "there is no such unit") && fake_take(b));
	CHECK(fake_outside.given_up == 1);
	fake_stop();
}

static void only_systemd_is_believed(void)
{
	setup_systemd();
	CHECK(fake_ask(service, "RequestName", "su", ACTIVATION_SYSTEMD, 0) == 0);
	CHECK(fake_call(a, "x.unit", "M") == 0);
	CHECK(send_failure(b) == 0 && send_failure(guest) == 0 && !fake_take(a));
	service->identity.uid = 1000; /* it has the name, but who is it? */
	CHECK(send_failure(service) == 0 && !fake_take(a));
	service->identity.uid = 0;
	CHECK(send_failure(service) == 0 && fake_take(a));
	fake_stop();
}

static void who_merely_has_its_name_is_told_nothing(void)
{
	setup_systemd();
	service->identity.uid = 1000;
	CHECK(activation_set_environment(&bus.activations, text_of("A"), text_of("secret")) ==
	      ACTIVATION_ENVIRONMENT_SET);
	bus.activations.environment_is_owed = true;
	fake_owns(service, ACTIVATION_SYSTEMD); /* and no SetEnvironment between */
	CHECK(fake_call(a, "x.unit", "M") == 0 && !fake_take(service));
	fake_leave(service);
	fake_owns(guest, ACTIVATION_SYSTEMD);
	CHECK(!fake_take(guest));
	fake_leave(guest);
	b->identity.uid = 0;
	CHECK(fake_ask(b, "RequestName", "su", ACTIVATION_SYSTEMD, 0) == 0);
	CHECK(took_signal(b, "NameAcquired", ACTIVATION_SYSTEMD));
	CHECK(fake_take(b) && text_is(got.member, "SetEnvironment"));
	CHECK(took_signal(b, "ActivationRequest", "xy.service"));
	fake_stop();
}

/* ---- what it is started with ---- */

static bool set(const char *key, const char *value)
{
	return activation_set_environment(&bus.activations, text_of(key), text_of(value)) ==
	       ACTIVATION_ENVIRONMENT_SET;
}

static void the_environment_is_kept_and_limited(void)
{
	static char large[ACTIVATION_ENVIRONMENT_MAX + 1];

	setup();
	memset(large, 'x', sizeof(large) - 1);
	CHECK(set("A", "1") && set("AB", "2") && set("A", "three"));
	CHECK(bus.activations.environment_count == 2);
	CHECK(!strcmp(bus.activations.environment[0], "A=three"));
	CHECK(!strcmp(bus.activations.environment[1], "AB=2"));
	CHECK(!bus.activations.environment[2]);
	CHECK(bus.activations.environment_size == sizeof("A=three") + sizeof("AB=2"));
	CHECK(!set("L", large) && !set("A", large));
	CHECK(!strcmp(bus.activations.environment[0], "A=three"));
	CHECK(set("A", ""));
	CHECK(bus.activations.environment_size == sizeof("A=") + sizeof("AB=2"));
	fake_stop();
}

int main(void)
{
	RUN(a_call_starts_the_name_and_waits_for_it);
	RUN(all_that_waits_goes_on_in_its_order);
	RUN(starting_by_name_is_answered_when_it_is_there);
	RUN(who_minds_does_not_start_anything);
	RUN(a_guest_starts_nothing);
	RUN(a_guest_starts_what_a_rule_says);
	RUN(a_user_starts_what_no_rule_denies);
	RUN(all_who_wait_are_told_of_a_failure);
	RUN(a_failure_is_whose_who_wanted_it_first);
	RUN(a_start_may_fail_at_once);
	RUN(a_start_that_takes_too_long_is_given_up);
	RUN(a_new_timeout_holds_for_what_has_begun);
	RUN(who_leaves_takes_with_it_what_it_sent);
	RUN(what_waits_is_on_its_senders_quota);
	RUN(waiting_is_limited);
	RUN(everybody_has_a_share_of_what_waits);
	RUN(everybody_has_a_share_of_the_bytes);
	RUN(nothing_more_is_held_when_memory_has_run_out);
	RUN(a_name_that_is_started_over_and_over_rests);
	RUN(names_can_be_taken_away);
	RUN(systemd_is_asked_once_it_is_there);
	RUN(only_systemd_is_believed);
	RUN(who_merely_has_its_name_is_told_nothing);
	RUN(the_environment_is_kept_and_limited);
	return test_finish();
}
