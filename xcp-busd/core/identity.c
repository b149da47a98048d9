/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/identity.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

void identity_sort_groups(struct identity *identity)
{
	unsigned i, kept = 0;

	qsort(identity->gids, identity->gid_count, sizeof(*identity->gids), compare);
	for (i = 0; i < identity->gid_count; i++)
		if (!kept || identity->gids[i] != identity->gids[kept - 1])
			identity->gids[kept++] = identity->gids[i];
	identity->gid_count = kept;
}

void identity_clean_name(struct identity *identity)
{
	char *at;

	for (at = identity->domain_name; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
}
