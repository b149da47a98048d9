/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

static struct {
	const char *program;
	enum log_level max_level;
	enum log_target target;
} settings = { .program = "xcp-bus", .max_level = LOG_LEVEL_INFO };

void log_open(const char *program, enum log_level max_level, enum log_target target)
{
	settings.program = program;
	settings.max_level = max_level;
	settings.target = target;
	if (target != LOG_TO_STDERR)
		openlog(program, LOG_PID, LOG_DAEMON);
}

void log_line(enum log_level level, const char *format, ...)
{
	static const int priority[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
	int saved = errno;
	char line[1024];
	va_list args;

	if (level > settings.max_level)
		return;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (settings.target != LOG_TO_STDERR)
		syslog(priority[level], "%s", line);
	if (settings.target != LOG_TO_SYSLOG)
		fprintf(stderr, "%s: %s\n", settings.program, line);
	errno = saved;
}

const char *log_escape(char *out, size_t out_size, const char *text, size_t text_size)
{
	static const char hex[] = "0123456789abcdef";
	size_t used = 0, i;

	for (i = 0; i < text_size; i++) {
		uint8_t byte = (uint8_t)text[i];

		/* Room for one escaped byte, the dots and the end. */
		if (used + 4 + 3 + 1 > out_size) {
			snprintf(out + used, out_size - used, "...");
			return out;
		}
		if (byte >= 0x20 && byte < 0x7f && byte != '\\') {
			out[used++] = (char)byte;
			continue;
		}
		out[used++] = '\\';
		out[used++] = 'x';
		out[used++] = hex[byte >> 4];
		out[used++] = hex[byte & 15];
	}
	out[used] = '\0';
	return out;
}
