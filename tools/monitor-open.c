/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How looking on begins. Who is who has to be known as it was when the first message that we see
 * was sent, and not later: so the asker hears of changes before it asks, until it hears that the
 * monitor has left the bus. What changes from then on, the monitor sees. */
#include <string.h>

#include "common/clock.h"
#include "tools/monitor-watch-private.h"

enum { LEAVE_US = 25 * 1000 * 1000 };

static const char changes[] = "type='signal',sender='" BUS_NAME "',member='NameOwnerChanged'";
static const char marker[] =
	"type='method_call',destination='" BUS_NAME "',member='" WATCH_MARKER "'";

static uint64_t time_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void on_message(struct xcpbus *bus, DBusMessage *message, void *data)
{
	(void)bus;
	watch_see(data, message, time_now_us(), clock_us());
}

static void on_change(struct xcpbus *bus, DBusMessage *message, void *data)
{
	struct watch *watch = data;
	const char *name;

	(void)bus;
	if (watch->has_left)
		return;
	names_observe(watch->names, message);
	watch->has_left = names_is_end(message) && xcpbus_read(message, "s", &name) >= 0 &&
			  !strcmp(name, watch->own[0]);
}

/* What the bus is asked for: not more than is needed. */
static unsigned choose_rules(const struct watch_options *options, const char **rules)
{
	unsigned count = 0, i;

	if (!options->rule_count && !options->is_errors && !options->is_slow)
		return 0;
	for (i = 0; i < options->rule_count; i++)
		rules[count++] = options->rules[i];
	rules[count++] = "type='error'";
	rules[count++] = "type='method_return'"; /* also for errors: these calls wait no more */
	if (!options->rule_count)
		rules[count++] = "type='method_call'";
	rules[count++] = changes;
	rules[count++] = marker;
	return count;
}

static int wait_until_left(struct watch *watch, struct xcpbus_error *error)
{
	uint64_t end_us = clock_us() + LEAVE_US;
	int r = 0;

	while (!watch->has_left && r >= 0) {
		r = xcpbus_process(watch->asker);
		if (r >= 0 && !watch->has_left)
			r = xcpbus_wait(watch->asker, LEAVE_US / 1000);
		if (r >= 0 && clock_us() > end_us)
			r = -1;
	}
	if (r < 0)
		xcpbus_error_set(error, BUS_NAME ".Error.NoReply",
				 "the bus does not say that we look on");
	return r;
}

static int look_on(struct watch *watch, struct xcpbus_error *error)
{
	const char *rules[WATCH_RULES_MAX + 8];
	unsigned count = choose_rules(watch->options, rules);
	struct xcpbus_slot *slot;
	int r;

	r = xcpbus_subscribe(watch->asker, changes, on_change, watch, &slot, error);
	if (r >= 0)
		r = names_load(watch->names, watch->asker, error);
	if (r >= 0)
		r = xcpbus_become_monitor(watch->monitor, rules, count, on_message, watch, error);
	if (r >= 0)
		r = wait_until_left(watch, error);
	if (r >= 0)
		xcpbus_slot_free(slot);
	return r;
}

bool watch_open_bus(struct watch *watch)
{
	struct xcpbus_error error;

	if (watch->options->command) {
		watch->child = child_start(watch->tool, watch->options->command);
		if (!watch->child)
			return false;
	}
	watch->monitor = tool_connect(watch->tool);
	watch->asker = watch->monitor ? tool_connect(watch->tool) : NULL;
	if (!watch->asker)
		return false;
	watch->own[0] = copy_text(xcpbus_unique_name(watch->monitor));
	watch->own[1] = copy_text(xcpbus_unique_name(watch->asker));
	if (look_on(watch, &error) >= 0)
		return true;
	fail("the bus does not let us look on: %s", error.message);
	return false;
}
