/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads that may wait, for xenstored, while the rest of the program does not. */
#pragma once

#include <pthread.h>

/* Starts one that takes no signals: those are the program's. 0 or a negative errno. */
int thread_start(void *(*run)(void *), void *data, pthread_t *out);
