/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values for people, in lines of a width that one can read: what is short is one line, and of what
 * is long each part begins another. */
#pragma once

#include "tools/monitor.h"

/* The value at the iterator, and the end of the line. */
void put_pretty(FILE *out, DBusMessageIter *iter);
