/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/shortage.h"

#include <errno.h>
#include <stdlib.h>

enum { RESERVE_SIZE = 512 * 1024, RETRY_US = 250 * 1000 };

int shortage_init(struct shortage *shortage)
{
	*shortage = (struct shortage){ .retry_us = UINT64_MAX };
	shortage->reserve = malloc(RESERVE_SIZE);
	return shortage->reserve ? 0 : -ENOMEM;
}

void shortage_deinit(struct shortage *shortage)
{
	free(shortage->reserve);
	shortage->reserve = NULL;
}

bool shortage_begin(struct shortage *shortage, uint64_t now_us)
{
	if (shortage->is_on)
		return false;
	free(shortage->reserve);
	shortage->reserve = NULL;
	shortage->is_on = true;
	shortage->retry_us = now_us + RETRY_US;
	return true;
}

void shortage_tick(struct shortage *shortage, uint64_t now_us)
{
	if (now_us < shortage->retry_us)
		return;
	shortage->retry_us = now_us + RETRY_US;
	shortage->reserve = malloc(RESERVE_SIZE);
	if (!shortage->reserve)
		return;
	shortage->is_on = false;
	shortage->retry_us = UINT64_MAX;
}
