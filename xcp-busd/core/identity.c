/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/identity.h"

#include <stdio.h>
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

const char *identity_format_uuid(char out[IDENTITY_UUID_TEXT], const uint8_t uuid[16])
{
	static const char dashes[16] = { [4] = '-', [6] = '-', [8] = '-', [10] = '-' };
	char *at = out;
	int i;

	for (i = 0; i < 16; i++) {
		if (dashes[i])
			*at++ = dashes[i];
		at += sprintf(at, "%02x", uuid[i]);
	}
	return out;
}
