/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the daemon is as a process: in the background or not, as which user, under which limits. */
#pragma once

#include "core/bus.h"

enum { PROCESS_WHY_MAX = 256 };

/* Goes into the background. The parent ends when the child says that it is ready, or with a failure
 * when it ends before. Returns the descriptor for process_ready, -1 without fork, or -2 and why. */
int process_fork(bool keep_umask, char why[PROCESS_WHY_MAX]);

/* Lets the parent go; standard input and outputs lead nowhere from then on. ready is -1 without
 * fork. */
void process_ready(int ready);

/* The uid of a user by name or number. 0, or -1 and why. */
int process_find_user(const char *user, uint32_t *uid, char why[PROCESS_WHY_MAX]);

/* Becomes that user, with its groups. 0, or -1 and why. */
int process_become(const char *user, char why[PROCESS_WHY_MAX]);

/* The part of the settings that is this process's own. 0, or -1 and why. */
int process_set_identity(struct bus_settings *settings, char why[PROCESS_WHY_MAX]);

/* Raises the limit of descriptors, sets the allocator up for large messages that come and go. */
void process_prepare(void);

/* Whoever starts us may have closed standard input, output and error: nothing else may get their
 * numbers, or what is written there goes astray. Before anything is opened. */
void process_fill_standard_fds(void);

int process_write_pidfile(const char *path, char why[PROCESS_WHY_MAX]);

/* How many sockets systemd has passed to us, from descriptor 3 on; to be asked before
 * process_fork. */
unsigned process_count_passed_sockets(void);
