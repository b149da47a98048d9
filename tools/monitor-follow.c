/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "tools/monitor-commands.h"

static void on_message(struct xcpbus *bus, DBusMessage *message, void *data)
{
	const struct tool *tool = data;

	(void)bus;
	printf("%s %s\n", colour(tool, COLOUR_NONE), dbus_message_get_member(message));
}

static int run(const struct tool *tool, int argc, char **argv)
{
	struct xcpbus *bus = tool_connect(tool);
	struct xcpbus_error error;

	(void)argc;
	(void)argv;
	if (!bus)
		return EXIT_FAILURE;
	if (xcpbus_become_monitor(bus, NULL, 0, on_message, (void *)(uintptr_t)tool, &error) < 0) {
		xcpbus_free(bus);
		return fail("%s", error.message);
	}
	while (xcpbus_process(bus) >= 0 && xcpbus_wait(bus, -1) >= 0)
		fflush(stdout);
	xcpbus_free(bus);
	return 0;
}

const struct command follow_command = {
	.name = "follow",
	.arguments = "[OPTION]... [RULE]...",
	.summary = "messages as they pass",
	.run = run,
};
