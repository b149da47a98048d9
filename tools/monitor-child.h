/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A command of ours that is run while we look on, in a process of its own: a connection is of the
 * process that made it. It connects and waits, so that it is known who it is before it does
 * anything. */
#pragma once

#include "tools/monitor.h"

struct child;

/* argv[0] is a command that there is; what it prints goes to standard error. NULL: it was said why
 * there is none. */
struct child *child_start(const struct tool *tool, char *const *argv);
void child_go(struct child *child);
/* Ends it, if it is not over by itself. */
void child_end(struct child *child, bool is_over);
struct child *child_free(struct child *child);

int child_fd(const struct child *child); /* readable when it is over; -1: it was ended */
const char *child_name(const struct child *child); /* its unique name */
int child_status(const struct child *child); /* with which it was over by itself; 0: it was not */
