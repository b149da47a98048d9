/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may be freed when: slots, connections, calls that are owed an answer. */
#include "tests/unit/call-fixture.h"

static void a_kept_call_survives_its_connection(void)
{
	struct answer answer = { 0 };
	struct xcpbus_slot *slot;

	setup();
	CHECK(xcpbus_call_method_async(client, &target, "Keep", on_answer, &answer, &slot, "") ==
	      0);
	kept = NULL;
	while (!kept) {
		CHECK(xcpbus_wait(service, 20000) == 1);
		CHECK(xcpbus_process(service) >= 0);
	}
	teardown();
	CHECK(!xcpbus_invocation_bus(kept));
	CHECK(xcpbus_reply(kept, "s", "to nobody") == -ENOTCONN);
	CHECK(answer.count == 0);
}

static void a_freed_slot_is_silent(void)
{
	struct answer cancelled = { 0 }, other;
	struct xcpbus_slot *slot;

	setup();
	CHECK(xcpbus_call_method_async(client, &target, "Echo", on_answer, &cancelled, &slot, "s",
				       "x") == 0);
	CHECK(xcpbus_slot_free(slot) == NULL);
	other = ask("Echo", "s", "y");
	CHECK(cancelled.count == 0);
	dbus_message_unref(other.reply);
	CHECK(xcpbus_slot_free(NULL) == NULL);
	teardown();
}

static struct xcpbus_slot *own_slot;

static void free_own_slot(struct xcpbus *bus, DBusMessage *reply,
			  const struct xcpbus_error *failure, void *data)
{
	(void)bus;
	(void)reply;
	(void)failure;
	(void)data;
	own_slot = xcpbus_slot_free(own_slot);
	is_own_done = true;
}

static void a_slot_can_be_freed_by_its_callback(void)
{
	setup();
	is_own_done = false;
	CHECK(xcpbus_call_method_async(client, &target, "Poke", free_own_slot, NULL, &own_slot,
				       "") == 0);
	turn_until(&is_own_done);
	teardown();
}

static void a_slot_that_is_kept_can_be_freed_after_the_answer(void)
{
	struct answer answer = { 0 };
	struct xcpbus_slot *slot, *left;

	setup();
	CHECK(xcpbus_call_method_async(client, &target, "Poke", on_answer, &answer, &slot, "") ==
	      0);
	CHECK(xcpbus_call_method_async(client, &target, "Poke", on_answer, &answer, &left, "") ==
	      0);
	while (answer.count < 2) {
		answer.is_done = false;
		turn_until(&answer.is_done);
	}
	dbus_message_unref(answer.reply);
	xcpbus_slot_free(slot);
	teardown(); /* frees the other */
}

static void a_connection_can_be_freed_by_a_callback(void)
{
	struct answer never = { 0 };
	struct xcpbus *dying;

	setup();
	dying = client;
	is_own_done = false;
	CHECK(xcpbus_call_method_async(client, &target, "Poke", free_the_bus, NULL, NULL, "") == 0);
	CHECK(xcpbus_call_method_async(client, &target, "Poke", on_answer, &never, NULL, "") == 0);
	while (!is_own_done) {
		CHECK(xcpbus_process(service) >= 0);
		if (xcpbus_process(dying) < 0)
			break;
		CHECK(xcpbus_wait(service, 10) >= 0);
	}
	CHECK(is_own_done && never.count == 0);
	teardown();
}

int main(void)
{
	bus_fixture_start(&fixture);
	RUN(a_kept_call_survives_its_connection);
	RUN(a_freed_slot_is_silent);
	RUN(a_slot_can_be_freed_by_its_callback);
	RUN(a_slot_that_is_kept_can_be_freed_after_the_answer);
	RUN(a_connection_can_be_freed_by_a_callback);
	bus_fixture_stop(&fixture);
	return test_finish();
}
