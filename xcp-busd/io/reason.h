/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the log says of a reason: the limit as it is called in the configuration, and what an
 * administrator can do. docs/logs.md has all of it, which tests/functional/test_logs.py compares
 * with the table. */
#pragma once

#include <stdbool.h>

#include "core/reason.h"

struct log_record;

/* The limit's name, for a guest or for a program beside the bus; NULL if none can be set. */
const char *reason_limit_name(enum reason_kind kind, bool is_guest);

/* NULL for REASON_NONE alone. */
const char *reason_remedy(enum reason_kind kind);

/* The fields of a line, after "what": all that is known. is_guest is who it is about. */
void reason_write(struct log_record *record, const struct reason *reason, bool is_guest);
