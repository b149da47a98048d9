/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is there: owners of names, and the bus itself. */
#include "tests/unit/reconnect-fixture.h"

/* ---- owners ---- */

static bool has_seen_all(void)
{
	return !strcmp(owners, "service none service none ") ||
	       !strcmp(owners, "service none none service none ");
}

static void a_watcher_follows_the_owner(void)
{
	struct xcpbus_slot *slot, *unused;

	setup();
	CHECK(xcpbus_watch_name(client, "no name", on_owner, NULL, NULL) == -EINVAL);
	CHECK(xcpbus_watch_name(client, NAME, on_owner, NULL, &slot) == 0);
	CHECK(xcpbus_watch_name(client, NAME, on_owner, NULL, &unused) == 0);
	xcpbus_slot_free(unused);
	CHECK(!owners[0]); /* nothing before xcpbus_process */
	poke();
	CHECK(!strcmp(owners, "service "));
	lose();
	CHECK(!strcmp(owners, "service none "));
	come_back();
	poke();
	CHECK(xcpbus_release_name(service, NAME, &error) == 1);
	turn_until(has_seen_all);
	slot = xcpbus_slot_free(slot);
	CHECK(xcpbus_watch_name(client, "org.freedesktop.DBus", on_owner, NULL, NULL) == 0);
	teardown();
}

static bool has_first(void)
{
	return owners[0];
}

static void a_second_watcher_is_told_too(void)
{
	setup();
	CHECK(xcpbus_watch_name(client, NAME, on_owner, NULL, NULL) == 0);
	turn_until(has_first);
	CHECK(xcpbus_watch_name(client, NAME, on_owner, NULL, NULL) == 0);
	owners[0] = '\0';
	CHECK(xcpbus_get_timeout(client) == 0);
	turn_until(has_first);
	CHECK(!strcmp(owners, "service "));
	teardown();
}

/* ---- keepalive ---- */

static bool is_client_lost(void)
{
	return client_log.lost > 0;
}

static bool is_client_back(void)
{
	return client_log.back > 0;
}

static void a_bus_that_says_nothing_is_lost(void)
{
	setup();
	service = xcpbus_free(service);
	CHECK(xcpbus_set_keepalive(client, -1) == -EINVAL);
	CHECK(xcpbus_set_keepalive(client, 50) == 0);
	CHECK(xcpbus_get_timeout(client) <= 50);
	kill(fixture.pid, SIGSTOP);
	turn_until(is_client_lost);
	CHECK(xcpbus_error_is(&client_log.last, "org.freedesktop.DBus.Error.Timeout"));
	CHECK(strstr(client_log.last.message, "does not answer"));
	/* The next connection must not be lost because the machine is slow. */
	CHECK(xcpbus_set_keepalive(client, 20000) == 0);
	kill(fixture.pid, SIGCONT);
	turn_until(is_client_back);
	teardown();
}

static unsigned intervals;

static bool has_slept_on(void)
{
	return intervals++ > 20;
}

static void a_bus_that_answers_is_not(void)
{
	setup();
	CHECK(xcpbus_set_keepalive(client, 20) == 0);
	/* Each turn is about one interval, or one answer. */
	intervals = 0;
	turn_until(has_slept_on);
	CHECK(xcpbus_set_keepalive(client, 0) == 0);
	if (client_log.lost > client_log.back) /* on a machine that stood still for that long */
		turn_until(is_client_back);
	poke();
	teardown();
}

int main(void)
{
	RUN(a_watcher_follows_the_owner);
	RUN(a_second_watcher_is_told_too);
	RUN(a_bus_that_says_nothing_is_lost);
	RUN(a_bus_that_answers_is_not);
	return test_finish();
}
