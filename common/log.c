/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

static struct {
	const char *program;
	enum log_level max_level;
	enum log_target target;
	bool is_journal; /* what stderr is */
	atomic_uint_least64_t written[LOG_LEVEL_COUNT], lost;
} settings = { .program = "xcp-bus", .max_level = LOG_LEVEL_INFO };

/* The journal says in the environment which stream is its own: that may be another by now. */
static bool is_stderr_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	char own[64];

	if (!stream || fstat(STDERR_FILENO, &status) < 0)
		return false;
	snprintf(own, sizeof(own), "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)status.st_dev,
		 (uintmax_t)status.st_ino);
	return !strcmp(own, stream);
}

void log_open(const char *program, enum log_level max_level, enum log_target target)
{
	settings.program = program;
	settings.max_level = max_level;
	settings.target = target;
	settings.is_journal = is_stderr_journal();
	if (target != LOG_TO_STDERR)
		openlog(program, LOG_PID, LOG_DAEMON);
}

bool log_is_on(enum log_level level)
{
	return level <= settings.max_level;
}

static void write_line(enum log_level level, const char *line)
{
	static const int priorities[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
	int saved = errno;

	atomic_fetch_add_explicit(&settings.written[level], 1, memory_order_relaxed);
	if (settings.target != LOG_TO_STDERR)
		syslog(priorities[level], "%s", line);
	if (settings.target != LOG_TO_SYSLOG && settings.is_journal)
		fprintf(stderr, "<%d>%s\n", priorities[level], line);
	else if (settings.target != LOG_TO_SYSLOG)
		fprintf(stderr, "%s: %s\n", settings.program, line);
	errno = saved;
}

void log_line(enum log_level level, const char *format, ...)
{
	int saved = errno;
	char line[LOG_LINE_MAX];
	va_list args;

	if (!log_is_on(level))
		return;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	write_line(level, line);
	errno = saved;
}

uint64_t log_written(enum log_level level)
{
	return atomic_load_explicit(&settings.written[level], memory_order_relaxed);
}

uint64_t log_lost(void)
{
	return atomic_load_explicit(&settings.lost, memory_order_relaxed);
}

void log_count_lost(void)
{
	atomic_fetch_add_explicit(&settings.lost, 1, memory_order_relaxed);
}

/* quoted is a set of characters that get a backslash. */
static const char *escape(char *out, size_t out_size, const char *text, size_t text_size,
			  const char *quoted)
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
		if (byte && strchr(quoted, byte)) {
			out[used++] = '\\';
			out[used++] = (char)byte;
			continue;
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

const char *log_escape(char *out, size_t out_size, const char *text, size_t text_size)
{
	return escape(out, out_size, text, text_size, "");
}

/* ---- records ---- */

/* A field that does not fit is left out as a whole, so that the line can still be read. */
static void add(struct log_record *record, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct log_record *record, const char *format, ...)
{
	size_t room = sizeof(record->text) - record->size;
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(record->text + record->size, room, format, args);
	va_end(args);
	if (size >= 0 && (size_t)size < room)
		record->size += (size_t)size;
	record->text[record->size] = '\0';
}

void log_record_begin(struct log_record *record, const char *event)
{
	record->size = 0;
	add(record, "%s:", event);
}

void log_record_number(struct log_record *record, const char *key, uint64_t value)
{
	add(record, " %s=%" PRIu64, key, value);
}

static bool is_word(const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_.:/@+-";

	return *value && !value[strspn(value, plain)];
}

void log_record_text(struct log_record *record, const char *key, const char *value)
{
	char escaped[LOG_VALUE_MAX];

	escape(escaped, sizeof(escaped), value, strlen(value), "\"\\");
	add(record, is_word(escaped) ? " %s=%s" : " %s=\"%s\"", key, escaped);
}

void log_record_write(enum log_level level, const struct log_record *record)
{
	if (log_is_on(level))
		write_line(level, record->text);
}
