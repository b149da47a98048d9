/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes on when memory has run out. */
#include "core/shortage.h"

#include "test.h"

#include "fake-bus.h"

static struct fake_peer *const a = &fakes[0], *const b = &fakes[1];

static void setup_peers(void)
{
	fake_start();
	fake_enter(a, 0);
	fake_enter(b, 0);
	fake_drain(a);
	fake_drain(b);
}

static void it_begins_once_and_ends_by_itself(void)
{
	struct shortage shortage;

	CHECK(shortage_init(&shortage) == 0 && !shortage.is_on);
	shortage_tick(&shortage, 5000000);
	CHECK(shortage_begin(&shortage, 1000000) && shortage.is_on && !shortage.reserve);
	CHECK(!shortage_begin(&shortage, 1000000));
	shortage_tick(&shortage, 1000001);
	CHECK(shortage.is_on);
	shortage_tick(&shortage, shortage.retry_us);
	CHECK(!shortage.is_on && shortage.reserve && shortage.retry_us == UINT64_MAX);
	shortage_deinit(&shortage);
}

static void queues_stay_short_meanwhile(void)
{
	setup_peers();
	shortage_begin(&bus.shortage, now_us);
	CHECK(fake_send_big(a, b->peer.name, 40000) == 0 && b->peer.outbox.size > 40000);
	CHECK(fake_send_big(a, b->peer.name, 40000) == 0 && b->peer.outbox.size < 50000);
	CHECK(!a->peer.is_dropped && !b->peer.is_dropped);
	fake_drain(a);
	fake_ask(a, "AddMatch", "s", "member='M'");
	CHECK(took_error(a, "NoMemory"));
	fake_ask(a, "RequestName", "su", "org.example.A", 0);
	CHECK(took_error(a, "NoMemory"));
	CHECK(bus_next_tick(&bus) <= bus.shortage.retry_us);
	bus_tick(&bus, bus.shortage.retry_us);
	CHECK(!bus.shortage.is_on);
	CHECK(fake_send_big(a, b->peer.name, 40000) == 0 && b->peer.outbox.size > 80000);
	fake_stop();
}

int main(void)
{
	RUN(it_begins_once_and_ends_by_itself);
	RUN(queues_stay_short_meanwhile);
	return test_finish();
}
