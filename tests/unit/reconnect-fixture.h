/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client and a service that reconnect, and a bus of their own that a test can kill and run again;
 * with what was reported to them. */
#pragma once

#include "libxcpbus/xcpbus.h"

#include <errno.h>

#include "tests/unit/bus-fixture.h"
#include "tests/unit/test.h"
#include "tests/unit/turn.h"

#define NAME "org.xen.xcp.test"
#define PATH "/org/xen/xcp/test"
#define IFACE "org.xen.xcp.test.Test1"

static struct bus_fixture fixture;
static struct xcpbus *client, *service, *buses[2];
static struct xcpbus_error error;
static const struct xcpbus_target target = { NAME, PATH, IFACE, 0 };

/* ---- the service ---- */

static struct xcpbus_invocation *kept;

static inline int on_keep(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	kept = call;
	xcpbus_keep(call);
	return 0;
}

static inline int on_ping(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)call;
	(void)message;
	(void)data;
	return 0;
}

static const struct xcpbus_method methods[] = {
	{ .member = "Keep", .handler = on_keep },
	{ .member = "Poke", .handler = on_ping },
	{ .member = NULL },
};

static const struct xcpbus_interface interface = { IFACE, .methods = methods };

/* ---- what was reported ---- */

struct log {
	unsigned lost, retried, back;
	bool has_complaint;
	struct xcpbus_error last;
};

static struct log client_log, service_log;

static inline void on_reconnect(struct xcpbus *bus, int event, const struct xcpbus_error *why,
				void *data)
{
	struct log *log = data;

	CHECK(event == XCPBUS_RECONNECTED || why);
	CHECK(xcpbus_is_connected(bus) == (event == XCPBUS_RECONNECTED));
	log->lost += event == XCPBUS_LOST;
	log->retried += event == XCPBUS_RETRYING;
	log->back += event == XCPBUS_RECONNECTED;
	log->has_complaint = why != NULL;
	if (why)
		log->last = *why;
}

struct answer {
	unsigned count;
	bool is_good;
	struct xcpbus_error error;
};

static struct answer answer;

static inline void on_answer(struct xcpbus *bus, DBusMessage *reply,
			     const struct xcpbus_error *failure, void *data)
{
	(void)bus;
	(void)data;
	answer.count++;
	answer.is_good = reply != NULL;
	if (failure)
		answer.error = *failure;
}

static unsigned signals;

static inline void on_signal(struct xcpbus *bus, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	CHECK(bus == client);
	signals++;
}

static char owners[512];

static inline void on_owner(struct xcpbus *bus, const char *name, const char *owner, void *data)
{
	const char *now = *owner ? "other " : "none ";

	(void)data;
	CHECK(bus == client && !strcmp(name, NAME));
	if (service && !strcmp(owner, xcpbus_unique_name(service)))
		now = "service ";
	strcat(owners, now);
}

/* ---- turning ---- */

static inline void turn_until(bool (*is_done)(void))
{
	buses[0] = client;
	buses[1] = service;
	turn(buses, 2, is_done);
}

static inline bool is_lost(void)
{
	return client_log.lost && service_log.lost;
}

static inline bool is_back(void)
{
	return client_log.back && service_log.back;
}

static inline bool has_answer(void)
{
	return answer.count > 0;
}

static inline bool has_kept(void)
{
	return kept != NULL;
}

static inline bool has_signal(void)
{
	return signals > 0;
}

static inline bool has_retried(void)
{
	return client_log.retried >= 3;
}

static inline void teardown(void)
{
	client = xcpbus_free(client);
	service = xcpbus_free(service);
	bus_fixture_stop(&fixture);
}

static inline void setup(void)
{
	teardown(); /* of a test that failed */
	bus_fixture_start(&fixture);
	client_log = service_log = (struct log){ 0 };
	answer = (struct answer){ 0 };
	signals = 0;
	owners[0] = '\0';
	kept = NULL;
	CHECK(xcpbus_connect(fixture.address, 0, &client, &error) == 0);
	CHECK(xcpbus_connect(fixture.address, 0, &service, &error) == 0);
	CHECK(xcpbus_set_reconnect(client, true, 50) == 0);
	CHECK(xcpbus_set_reconnect(service, true, 50) == 0);
	CHECK(xcpbus_on_reconnect(client, on_reconnect, &client_log, NULL) == 0);
	CHECK(xcpbus_on_reconnect(service, on_reconnect, &service_log, NULL) == 0);
	CHECK(xcpbus_export(service, PATH, &interface, NULL, NULL) == 0);
	CHECK(xcpbus_request_name(service, NAME, 0, &error) == XCPBUS_NAME_PRIMARY_OWNER);
}

static inline void poke(void)
{
	answer.count = 0;
	CHECK(xcpbus_call_method_async(client, &target, "Poke", on_answer, NULL, NULL, "") == 0);
	turn_until(has_answer);
	CHECK(answer.is_good);
}

static inline void lose(void)
{
	bus_fixture_kill(&fixture);
	turn_until(is_lost);
}

static inline void come_back(void)
{
	bus_fixture_run_again(&fixture);
	turn_until(is_back);
}
