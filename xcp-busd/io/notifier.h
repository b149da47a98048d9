/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What whoever started the daemon is told of it (common/notify.h): that it is ready, reloads,
 * stops; a line about what it does; and that it is alive, which the loop says, so that it is. */
#pragma once

#include <stdint.h>

#include "io/server.h"

struct notifier;

/* fd is notify_open's: if it is -1, nothing is ever said. watchdog_us: notify_watchdog_us's. NULL
 * without memory. */
struct notifier *notifier_new(struct server *server, int fd, uint64_t watchdog_us);
struct notifier *notifier_free(struct notifier *notifier); /* NULL is fine; returns NULL */

void notifier_ready(struct notifier *notifier);
void notifier_reloading(struct notifier *notifier);
void notifier_stopping(struct notifier *notifier);
