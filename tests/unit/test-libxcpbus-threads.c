/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rule is: one thread at a time for each connection. So here every thread has its own, all at
 * once, and one connection goes from thread to thread. Its worth is under ThreadSanitizer:
 *
 *	make BUILD=build-tsan SANFLAGS=-fsanitize=thread HARDENING= WARNINGS= \
 *		build-tsan/tests/unit/test-libxcpbus-threads
 */
#include "libxcpbus/xcpbus.h"

#include <pthread.h>

#include "tests/unit/bus-fixture.h"
#include "tests/unit/test.h"

#define PATH "/org/xen/xcp/test"
#define IFACE "org.xen.xcp.test.Thread1"

enum { THREADS = 4, CALLS = 300 };

static struct bus_fixture fixture;

struct worker {
	pthread_t thread;
	unsigned number, answered, served, heard;
	const char *failed; /* no CHECK in a thread: it would leave its stack for another's */
	struct xcpbus *bus;
};

static int on_echo(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	struct worker *self = data;
	const char *text;

	self->served++;
	xcpbus_read(message, "s", &text);
	return xcpbus_reply(call, "s", text);
}

static int get_served(const struct xcpbus_property *property, DBusMessageIter *value, void *data)
{
	const struct worker *self = data;

	return xcpbus_append_iter(value, property->signature, self->served);
}

static const struct xcpbus_method methods[] = {
	{ "Echo", "s", "s", on_echo, .in_names = "text" },
	{ .member = NULL },
};

static const struct xcpbus_property properties[] = {
	{ "Served", "u", .get = get_served, .flags = XCPBUS_EMITS_CHANGE },
	{ .name = NULL },
};

/* One table for all threads. */
static const struct xcpbus_interface interface = {
	IFACE,
	.methods = methods,
	.properties = properties,
};

static void on_signal(struct xcpbus *bus, DBusMessage *message, void *data)
{
	struct worker *self = data;

	(void)bus;
	(void)message;
	self->heard++;
}

static void on_answer(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		      void *data)
{
	struct worker *self = data;

	(void)bus;
	if (!reply)
		self->failed = error->name;
	self->answered++;
}

/* Each calls itself, over the bus: with others' help the test would be about their patience. */
static void work(struct worker *self)
{
	struct xcpbus_target target = { xcpbus_unique_name(self->bus), PATH, IFACE, 0 };
	unsigned asked = 0;

	while (!self->failed && self->answered < CALLS) {
		while (asked < CALLS && asked < self->answered + 10) {
			if (xcpbus_call_method_async(self->bus, &target, "Echo", on_answer, self,
						     NULL, "s", "hello") < 0)
				self->failed = "call";
			xcpbus_emit(self->bus, PATH, IFACE, "Said", "");
			xcpbus_changed(self->bus, PATH, IFACE, "Served");
			asked++;
		}
		if (xcpbus_wait(self->bus, 20000) < 1 || xcpbus_process(self->bus) < 0)
			self->failed = "turning";
	}
}

static int prepare(struct worker *self)
{
	char name[64];

	snprintf(name, sizeof(name), "org.xen.xcp.thread%u", self->number);
	if (xcpbus_connect(fixture.address, 0, &self->bus, NULL) < 0 ||
	    xcpbus_set_reconnect(self->bus, true, 0) < 0 ||
	    xcpbus_export_manager(self->bus, "/", NULL) < 0 ||
	    xcpbus_export(self->bus, PATH, &interface, self, NULL) < 0 ||
	    xcpbus_subscribe(self->bus, "interface='" IFACE "'", on_signal, self, NULL, NULL) < 0)
		return -1;
	return xcpbus_request_name(self->bus, name, 0, NULL);
}

static void *run(void *data)
{
	struct worker *self = data;

	for (int round = 0; round < 3 && !self->failed; round++) {
		self->answered = 0;
		if (prepare(self) < 0)
			self->failed = "connecting";
		else
			work(self);
		self->bus = xcpbus_free(self->bus);
	}
	return NULL;
}

static void every_thread_has_a_connection(void)
{
	struct worker workers[THREADS] = { 0 };

	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].number = i;
		CHECK(pthread_create(&workers[i].thread, NULL, run, &workers[i]) == 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned i = 0; i < THREADS; i++) {
		if (workers[i].failed)
			printf("%u: %s\n", i, workers[i].failed);
		CHECK(!workers[i].failed && workers[i].served == 3 * CALLS);
		CHECK(workers[i].heard > 0);
	}
}

/* ---- one connection, handed on ---- */

static struct worker shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *run_shared(void *data)
{
	(void)data;
	for (int i = 0; i < 20; i++) {
		pthread_mutex_lock(&lock);
		shared.answered = 0;
		work(&shared);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void a_connection_goes_from_thread_to_thread(void)
{
	pthread_t threads[2];

	shared = (struct worker){ .number = 99 };
	CHECK(prepare(&shared) >= 0);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&threads[i], NULL, run_shared, NULL) == 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CHECK(!shared.failed && shared.served == 40 * CALLS);
	shared.bus = xcpbus_free(shared.bus);
}

int main(void)
{
	bus_fixture_start(&fixture);
	RUN(every_thread_has_a_connection);
	RUN(a_connection_goes_from_thread_to_thread);
	bus_fixture_stop(&fixture);
	return test_finish();
}
