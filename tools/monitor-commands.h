/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands of xcp-bus-monitor. A new one is declared here, and named in the table of
 * xcp-bus-monitor.c. */
#pragma once

#include "tools/monitor.h"

extern const struct command follow_command;
extern const struct command top_command;
extern const struct command domains_command;
extern const struct command names_command;
extern const struct command stuck_command;
extern const struct command health_command;
extern const struct command tree_command;
extern const struct command who_called_command;
extern const struct command sequence_command;
extern const struct command call_command;
