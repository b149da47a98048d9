/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/thread.h"

#include <signal.h>

int thread_start(void *(*run)(void *), void *data, pthread_t *out)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(out, NULL, run, data);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}
