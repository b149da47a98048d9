/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How services are, asked now and then, on a connection that is there only for that: what is not
 * answered in time would wait in the daemon for minutes otherwise, and look like a call that is
 * stuck. Who has said that it has no org.xen.xcp.Health1 is not asked again.
 *
 * A checkup that is NULL asks nobody.
 */
#pragma once

#include <poll.h>

#include "tools/monitor-sample.h"

struct checkup;

struct checkup *checkup_new(const struct tool *tool);
struct checkup *checkup_free(struct checkup *checkup);

/* Asks, if it is time and the last time is over. */
void checkup_begin(struct checkup *checkup, const struct links *links);

/* As of a connection. */
struct pollfd checkup_poll(const struct checkup *checkup);
int checkup_timeout(const struct checkup *checkup);
void checkup_process(struct checkup *checkup);
bool checkup_is_busy(const struct checkup *checkup); /* somebody has not answered yet */
/* "" while there is no connection. */
const char *checkup_unique_name(const struct checkup *checkup);

/* Sets the health of a row to the worst of its services. */
void checkup_mark(const struct checkup *checkup, const struct links *links, struct row *row);
