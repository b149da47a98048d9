/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a service tells whoever started it: sd_notify(3), which is a datagram for each word.
 *
 * Without NOTIFY_SOCKET in the environment nothing is said.
 */
#pragma once

#include <stdint.h>

/* A descriptor for notify_send, or -1. Takes NOTIFY_SOCKET out of the environment: it is about
 * this process. */
int notify_open(void);

/* Lines of VARIABLE=VALUE. Waits until whoever started us has room for it: a READY=1 that is lost
 * is a service that never starts. */
void notify_state(int fd, const char *text);

/* The same for what may be lost: never waits. */
void notify_hint(int fd, const char *text);

/* "WATCHDOG=1" is expected in every such time; 0: it is not. Takes the variables out. */
uint64_t notify_watchdog_us(void);
