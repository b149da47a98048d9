/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line per event, to stderr or syslog.
 *
 * Strings that come from a peer are printed through log_escape or as a field of a record, so that
 * nobody writes control characters to an operator's terminal.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_COUNT
};

enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_BOTH };

enum {
	LOG_LINE_MAX = 2048, /* with the NUL; longer ones are cut */
	LOG_VALUE_MAX = 1024, /* the same of one value of a record */
};

/* The name is borrowed for ever. Lines above max_level are not written. To stderr that is the
 * journal's, lines begin with their priority and not with the name, which the journal knows. */
void log_open(const char *program, enum log_level max_level, enum log_target target);

/* Whether lines of this level are written. */
bool log_is_on(enum log_level level);

/* Keeps errno. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Writes text to out, of out_size bytes, with everything but printable ASCII as \xNN;
 * cut with "..." if it does not fit. Returns out. */
const char *log_escape(char *out, size_t out_size, const char *text, size_t text_size);

/* An event as a word, a colon, and fields key=value, which programs can read as well. A value that
 * is not a plain word stands in quotes, in which " and \ have a \ before them, and what is not
 * printable ASCII is \xNN. */
struct log_record {
	char text[LOG_LINE_MAX];
	size_t size;
};

void log_record_begin(struct log_record *record, const char *event);
void log_record_number(struct log_record *record, const char *key, uint64_t value);
void log_record_text(struct log_record *record, const char *key, const char *value);
void log_record_write(enum log_level level, const struct log_record *record);

/* Lines that were written so far, and those that somebody was not let write any more. Any thread
 * may ask and count. */
uint64_t log_written(enum log_level level);
uint64_t log_lost(void);
void log_count_lost(void);
