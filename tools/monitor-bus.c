/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tools/monitor.h"

static void complain(const char *format, va_list values)
{
	fflush(stdout);
	fputs("xcp-bus-monitor: ", stderr);
	vfprintf(stderr, format, values);
	fputc('\n', stderr);
}

int fail(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	complain(format, values);
	va_end(values);
	return EXIT_FAILURE;
}

int fail_usage(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	complain(format, values);
	va_end(values);
	fputs("Try xcp-bus-monitor --help.\n", stderr);
	return EXIT_USAGE;
}

static struct xcpbus *prepared;

void tool_prepare(struct xcpbus *bus)
{
	prepared = bus;
}

struct xcpbus *tool_connect(const struct tool *tool)
{
	struct xcpbus_error error;
	struct xcpbus *bus;
	char *why;

	if (prepared)
		return TAKE(prepared);
	if (xcpbus_connect(tool->address, 0, &bus, &error) >= 0)
		return bus;
	why = escape_text(error.message);
	fail("there is no connection to the bus: %s", why);
	free(why);
	return NULL;
}

void *need(void *memory)
{
	if (!memory)
		exit(fail("there is no memory"));
	return memory;
}

char *copy_text(const char *text)
{
	return need(strdup(text));
}
