/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tools/monitor.h"

enum { MS_US = 1000, TIMEOUT_MAX_US = 1000000000 };

/* In what is said there may be what strangers say. */
static void complain(const char *format, va_list values)
{
	CLEANUP(cleanup_free) char *text = NULL;

	fflush(stdout);
	fputs("xcp-bus-monitor: ", stderr);
	if (vasprintf(&text, format, values) >= 0)
		put_text(stderr, text, strlen(text), 0);
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

int fail_option(char **argv)
{
	fail("%s: %s is not known, or wants a value", argv[0], argv[optind - 1]);
	fprintf(stderr, "Try xcp-bus-monitor %s --help.\n", argv[0]);
	return EXIT_USAGE;
}

int take_timeout(const char *text, int *ms)
{
	uint64_t us;

	if (parse_time(text, &us) < 0 || us < MS_US || us > TIMEOUT_MAX_US)
		return fail_usage("%s is no time to wait", text);
	*ms = (int)(us / MS_US);
	return 0;
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

	if (prepared)
		return TAKE(prepared);
	if (xcpbus_connect(tool->address, 0, &bus, &error) >= 0)
		return bus;
	fail("there is no connection to the bus: %s", error.message);
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
