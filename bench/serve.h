/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The other end of calls that come from another process, in another domain perhaps. */
#pragma once

#include "bench/options.h"

/* Connects, prints the name to call, and answers until the bus ends. */
_Noreturn void serve(const struct options *options);
