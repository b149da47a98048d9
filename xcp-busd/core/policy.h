/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may own what.
 *
 * A guest owns the names that the toolstack wrote for its domain where the guest cannot write
 * (docs/protocol.md); programs of dom0 may own any name. Absent is not a wildcard.
 */
#pragma once

#include <stdbool.h>

#include "common/text.h"
#include "core/peer.h"

bool policy_may_own(const struct identity *identity, struct text name);
