/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/monitor-remedy.h"

#define ERROR "org.freedesktop.DBus.Error."

static const struct {
	const char *name, *remedy;
} remedies[] = {
	{ ERROR "ServiceUnknown",
	  "nobody has this name, and nothing starts who would; \"xcp-bus-monitor names\" lists "
	  "those that are there" },
	{ ERROR "NameHasNoOwner", "\"xcp-bus-monitor names\" lists the names that are there" },
	{ ERROR "UnknownObject", "\"xcp-bus-monitor tree SERVICE\" lists its objects" },
	{ ERROR "UnknownInterface",
	  "\"xcp-bus-monitor tree SERVICE OBJECT\" lists the interfaces of an object" },
	{ ERROR "UnknownMethod",
	  "\"xcp-bus-monitor tree SERVICE OBJECT\" lists the methods of an object" },
	{ ERROR "UnknownProperty",
	  "\"xcp-bus-monitor tree SERVICE OBJECT\" lists the properties of an object" },
	{ ERROR "InvalidArgs", "\"xcp-bus-monitor tree SERVICE OBJECT\" says what a method takes" },
	{ ERROR "AccessDenied",
	  "a policy forbids it, of the bus (its log says more; xcp-busd.conf(5), POLICY) or "
	  "of the service" },
	{ ERROR "LimitsExceeded",
	  "a limit is reached; \"xcp-bus-monitor domains\" shows who uses how much, and "
	  "xcp-busd.conf(5) how to raise it" },
	{ ERROR "NoReply",
	  "the service has not answered; \"xcp-bus-monitor stuck\" shows what it owes, and a "
	  "longer --timeout waits longer" },
	{ ERROR "Timeout", "\"xcp-bus-monitor stuck\" shows what waits for whom" },
	{ ERROR "TimedOut", "the service was started, and has not come: see its own log" },
	{ ERROR "Disconnected", "the bus has gone, or has cut us off: see its log" },
};

/* NULL: it is not known. */
static const char *find_remedy(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(remedies) / sizeof(*remedies); i++)
		if (!strcmp(remedies[i].name, name))
			return remedies[i].remedy;
	return NULL;
}

static void print_json(const struct xcpbus_error *error, DBusMessageIter *details)
{
	struct json json = { .out = stdout };

	json_open(&json, NULL, '{');
	json_text(&json, "error", error->name);
	json_text(&json, "message", error->message);
	json_text(&json, "remedy", find_remedy(error->name));
	json_open(&json, "details", '[');
	if (details)
		json_values(&json, details);
	json_close(&json, ']');
	json_close(&json, '}');
	json_end(&json);
}

int fail_answer(const struct tool *tool, const struct xcpbus_error *error, DBusMessageIter *details)
{
	const char *remedy = find_remedy(error->name);

	if (tool->is_json) {
		print_json(error, details);
	} else {
		fail("%s: %s", error->name, error->message);
		if (details) {
			fputs("It carries ", stderr);
			put_values(stderr, details);
			fputc('\n', stderr);
		}
		if (remedy)
			fprintf(stderr, "What to do: %s.\n", remedy);
	}
	return xcpbus_error_to_errno(error->name) == -ETIMEDOUT ? EXIT_NO_ANSWER : EXIT_FAILURE;
}
