/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line per event, to stderr or syslog.
 *
 * Strings that come from a peer are printed through log_escape, so that nobody writes
 * control characters to an operator's terminal.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_BOTH };

/* The name is borrowed for ever. Lines above max_level are not written. */
void log_open(const char *program, enum log_level max_level, enum log_target target);

/* Keeps errno. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Writes text to out, of out_size bytes, with everything but printable ASCII as \xNN;
 * cut with "..." if it does not fit. Returns out. */
const char *log_escape(char *out, size_t out_size, const char *text, size_t text_size);
