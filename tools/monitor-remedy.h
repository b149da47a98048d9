/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors of D-Bus, with what can be done about them. */
#pragma once

#include "tools/monitor.h"

enum { EXIT_NO_ANSWER = 3 };

/* Says what was answered, and what to do: on standard error, or with --json as an object on
 * standard output. details is the body of the error behind its text, or NULL. Returns the exit
 * status: EXIT_NO_ANSWER if none came in time, EXIT_FAILURE otherwise. */
int fail_answer(const struct tool *tool, const struct xcpbus_error *error,
		DBusMessageIter *details);
