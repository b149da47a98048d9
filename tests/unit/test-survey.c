/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is counted, what is added up, what outlives whom; and how the bus is. */
#include "core/survey.h"

#include "test.h"
#include "wire/syntax.h"

#include "fake-bus.h"

static struct fake_peer *const a = &fakes[0], *const b = &fakes[1];
static struct fake_peer *const guest = &fakes[2], *const other = &fakes[3];

static void setup(void)
{
	fake_settings();
	fake_start_with_settings();
	bus.begun_us = now_us;
	fake_enter(a, 0);
	fake_enter(b, 0);
	fake_enter(guest, 1);
	fake_enter(other, 1);
}

static uint64_t count_of(const struct fake_peer *fake, enum traffic_kind kind)
{
	return fake->peer.traffic.of[kind];
}

static uint64_t refused_to(uint32_t domid, enum refusal_kind kind)
{
	return fake_quotas[domid]->refusals.of[kind];
}

static void classes_double(void)
{
	struct answer_times times = { 0 };
	unsigned i;

	answer_times_count(&times, 0);
	answer_times_count(&times, 16);
	CHECK(times.of[0] == 2 && answer_bound_us(0) == 16);
	answer_times_count(&times, 17);
	answer_times_count(&times, 32);
	CHECK(times.of[1] == 2 && times.total_us == 65);
	for (i = 0; i < ANSWER_BOUND_COUNT; i++) {
		times = (struct answer_times){ 0 };
		answer_times_count(&times, answer_bound_us(i));
		answer_times_count(&times, answer_bound_us(i) + 1);
		CHECK(times.of[i] == 1 && times.of[i + 1] == 1);
	}
	times = (struct answer_times){ 0 };
	answer_times_count(&times, UINT64_MAX);
	CHECK(times.of[ANSWER_CLASS_COUNT - 1] == 1);
}

static void a_message_counts_for_both_its_ends(void)
{
	uint64_t sent, received;

	setup();
	sent = count_of(a, TRAFFIC_MESSAGES_SENT);
	received = count_of(b, TRAFFIC_MESSAGES_RECEIVED);
	CHECK(fake_call(a, b->peer.name, "Work") == 0);
	CHECK(count_of(a, TRAFFIC_MESSAGES_SENT) == sent + 1);
	CHECK(count_of(a, TRAFFIC_CALLS_SENT) == 2); /* with Hello */
	CHECK(count_of(b, TRAFFIC_MESSAGES_RECEIVED) == received + 1);
	CHECK(count_of(b, TRAFFIC_BYTES_RECEIVED) >= b->peer.outbox.size);
	CHECK(fake_take(b) && fake_reply(b, a->peer.name, got.serial) == 0);
	CHECK(fake_take(a) && count_of(a, TRAFFIC_ERRORS_RECEIVED) == 0);
	CHECK(fake_call(a, "no.body", "Work") == 0 && fake_take(a));
	CHECK(count_of(a, TRAFFIC_ERRORS_RECEIVED) == 1);
	fake_stop();
}

static void sums_are_of_all_and_of_each_owner(void)
{
	struct survey all, local, domain;
	int kind;

	setup();
	CHECK(fake_call(guest, a->peer.name, "Work") == 0 && fake_take(a));
	now_us += 100;
	CHECK(fake_reply(a, guest->peer.name, got.serial) == 0);
	survey_bus(&bus, &all);
	survey_local(&bus, &local);
	survey_quota(fake_quotas[1], &domain);
	CHECK(all.links == 4 && local.links == 2 && domain.links == 2);
	CHECK(survey_count_domains(&bus) == 1);
	for (kind = 0; kind < TRAFFIC_KIND_COUNT; kind++)
		CHECK(all.past.traffic.of[kind] ==
		      local.past.traffic.of[kind] + domain.past.traffic.of[kind]);
	CHECK(all.past.answer_times.of[3] == 1 && all.past.answer_times.total_us == 100);
	CHECK(local.past.answer_times.of[3] == 1 && !answer_times_all(&domain.past.answer_times));
	CHECK(a->peer.replies.answer_times.of[3] == 1); /* up to 128 us */
	fake_stop();
}

static void what_links_did_outlives_them(void)
{
	struct survey before, after, domain;

	setup();
	CHECK(fake_call(a, guest->peer.name, "Work") == 0 && fake_take(guest));
	CHECK(fake_reply(guest, a->peer.name, got.serial) == 0);
	survey_bus(&bus, &before);
	fake_leave(guest);
	fake_leave(b);
	survey_bus(&bus, &after);
	CHECK(after.links == 2 && !memcmp(&before.past, &after.past, sizeof(after.past)));
	CHECK(after.past.answer_times.of[0] == 1);
	survey_quota(fake_quotas[1], &domain);
	CHECK(domain.links == 1 && domain.past.traffic.of[TRAFFIC_CALLS_SENT] == 2);
	CHECK(domain.past.answer_times.of[0] == 1);
	CHECK(bus.count.links_accepted == 4);
	fake_stop();
}

static void who_owes_for_how_long(void)
{
	struct survey domain;

	setup();
	CHECK(survey_oldest_owed_us(&guest->peer) == UINT64_MAX);
	CHECK(fake_call(a, guest->peer.name, "First") == 0);
	now_us += 1000;
	CHECK(fake_call(b, guest->peer.name, "Second") == 0);
	CHECK(guest->peer.replies.owed_count == 2 && a->peer.replies.owed_count == 0);
	survey_quota(fake_quotas[1], &domain);
	CHECK(domain.oldest_owed_us == now_us - 1000);
	CHECK(fake_take(guest) && fake_reply(guest, a->peer.name, got.serial) == 0);
	survey_quota(fake_quotas[1], &domain);
	CHECK(domain.oldest_owed_us == now_us && guest->peer.replies.owed_count == 1);
	fake_leave(guest);
	CHECK(bus.count.calls_orphaned == 1);
	fake_stop();
}

static void what_a_slot_keeps(void)
{
	char path[220] = "/";
	struct build_head head = fake_call_head("", "Member");
	struct reply_slot *slot;

	setup();
	CHECK(fake_call(a, b->peer.name, "Member") == 0);
	slot = list_first(&bus.replies.slots, struct reply_slot, age_link);
	CHECK(slot && !strcmp(slot->kept + slot->member, "Member"));
	CHECK(!strcmp(slot->kept + slot->path, "/p"));
	CHECK(!strcmp(slot->kept + slot->interface, "test.Fake"));
	CHECK(!strcmp(slot->kept + slot->destination, b->peer.name));

	/* What does not fit is not cut in pieces, and the other is no worse for it. */
	CHECK(fake_take(b) && fake_reply(b, a->peer.name, got.serial) == 0);
	memset(path + 1, 'x', sizeof(path) - 2);
	head.path = path;
	head.interface = NULL;
	head.destination = b->peer.name;
	CHECK(fake_send(a, head) == 0);
	slot = list_first(&bus.replies.slots, struct reply_slot, age_link);
	CHECK(slot && !slot->path && !slot->interface);
	fake_stop();
}

static void refusals_are_their_owners(void)
{
	setup();
	CHECK(fake_ask(guest, "RequestName", "su", "org.example.N", 0) == 0);
	fake_drain(guest);
	settings.guest.max[QUOTA_REPLIES] = 0;
	bus_set_limits(&bus, &settings);
	CHECK(fake_call(guest, a->peer.name, "Work") == 0 && took_error(guest, "LimitsExceeded"));
	CHECK(refused_to(1, REFUSAL_OVER_QUOTA) == 1 && refused_to(0, REFUSAL_OVER_QUOTA) == 0);
	CHECK(fake_send(guest, (struct build_head){ .type = MESSAGE_METHOD_CALL,
						    .path = DRIVER_PATH,
						    .interface = DRIVER_BUS1,
						    .member = "GetCounters",
						    .destination = DRIVER_NAME }) == 0);
	CHECK(took_error(guest, "AccessDenied") && refused_to(1, REFUSAL_DENIED) == 1);
	CHECK(bus.count.refusals.of[REFUSAL_DENIED] == 1);
	CHECK(bus.count.local_refusals.of[REFUSAL_DENIED] == 0);
	fake_stop();
}

static void quotas_are_in_order(void)
{
	static const uint32_t ids[] = { 7, 3, 9, 5 };
	struct quota *quotas[8];
	const struct quota *quota, *last = NULL;
	unsigned i;

	setup();
	for (i = 0; i < 8; i++) {
		quotas[i] = bus_quota_new(
			&bus, &(struct quota_owner){ .is_guest = i % 2, .id = ids[i / 2] });
		CHECK(quotas[i]);
	}
	list_for_each(quota, &bus.quotas, quotas_link) {
		CHECK(!last || last->owner.is_guest < quota->owner.is_guest ||
		      (last->owner.is_guest == quota->owner.is_guest &&
		       last->owner.id <= quota->owner.id));
		last = quota;
	}
	for (i = 0; i < 8; i++)
		quota_unref(quotas[i]);
	fake_stop();
}

/* ListDomains has no pages: one message holds as many as Xen can number (DOMID_FIRST_RESERVED). */
static void all_domains_that_there_can_be_fit_into_one_answer(void)
{
	enum { DOMAINS = 0x7ff0 };
	static struct quota *quotas[DOMAINS];
	struct build_head head = { .type = MESSAGE_METHOD_CALL,
				   .path = DRIVER_PATH,
				   .interface = DRIVER_BUS1,
				   .member = "ListDomains",
				   .destination = DRIVER_NAME };
	struct quota_owner owner = { .is_guest = true };
	char name[SYNTAX_NAME_MAX + 1] = "a.";
	unsigned i;

	setup();
	memset(name + 2, 'x', sizeof(name) - 3);
	for (i = 0; i < 6000; i++) {
		snprintf(name + sizeof(name) - 6, 6, "x%04u", i);
		CHECK(fake_ask(a, "RequestName", "su", name, 0) == 0 && fake_drain(a));
	}
	memset(owner.name, 'x', sizeof(owner.name) - 1);
	for (i = 0; i < DOMAINS; i++) {
		owner.id = i + 1;
		owner.generation = owner.id;
		quotas[i] = bus_quota_new(&bus, &owner);
		CHECK(quotas[i]);
	}
	CHECK(fake_send(a, head) == 0 && took_reply(a) && !a->why);
	CHECK(got.body_size > DOMAINS * sizeof(owner.name));
	for (i = 0; i < DOMAINS; i++)
		quota_unref(quotas[i]);
	fake_stop();
}

static void the_whole_is_as_its_worst_part(void)
{
	struct health whole;

	setup();
	fake_wants(a, "interface='org.xen.xcp.Health1'");
	health_set(&bus, HEALTH_MEMORY, HEALTH_SERVING, "");
	CHECK(!fake_take(a)); /* no news */
	bus.wall_offset_us = 5;
	bus.now_us = 2000000;
	health_set(&bus, HEALTH_GUESTS, HEALTH_DEGRADED, "alone");
	whole = health_get(&bus.health, HEALTH_WHOLE);
	CHECK(whole.status == HEALTH_DEGRADED && !strcmp(whole.reason, "alone"));
	CHECK(whole.since_us == 2000005);
	CHECK(took_signal(a, "Changed", NULL) && took_signal(a, "Changed", NULL) && !fake_take(a));
	health_set(&bus, HEALTH_MEMORY, HEALTH_DEGRADED, "hungry");
	CHECK(took_signal(a, "Changed", NULL));
	fake_drain(a);
	health_set(&bus, HEALTH_LOOP, HEALTH_DRAINING, "leaving");
	CHECK(health_get(&bus.health, HEALTH_WHOLE).status == HEALTH_DRAINING);
	CHECK(!strcmp(health_part_name(HEALTH_WHOLE), ""));
	fake_stop();
}

int main(void)
{
	RUN(classes_double);
	RUN(a_message_counts_for_both_its_ends);
	RUN(sums_are_of_all_and_of_each_owner);
	RUN(what_links_did_outlives_them);
	RUN(who_owes_for_how_long);
	RUN(what_a_slot_keeps);
	RUN(refusals_are_their_owners);
	RUN(quotas_are_in_order);
	RUN(all_domains_that_there_can_be_fit_into_one_answer);
	RUN(the_whole_is_as_its_worst_part);
	return test_finish();
}
