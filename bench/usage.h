/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What another process has used. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Time on a CPU of all its threads; 0 if pid is 0 or the kernel does not say. */
uint64_t usage_cpu_ns(pid_t pid);
