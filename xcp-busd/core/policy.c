/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/policy.h"

#include <string.h>

static bool grant_covers(const char *grant, size_t size, struct text name)
{
	if (size == 1 && grant[0] == '*')
		return true;
	/* "prefix.*" covers what lies below the prefix, not the prefix itself. */
	if (size > 2 && grant[size - 1] == '*' && grant[size - 2] == '.')
		return name.size > size - 1 && !memcmp(name.bytes, grant, size - 1);
	return name.size == size && !memcmp(name.bytes, grant, size);
}

bool policy_may_own(const struct identity *identity, struct text name)
{
	const char *at = identity->own;

	if (!identity->is_guest)
		return true;
	while (at && *at) {
		size_t size = strcspn(at, " \t\n");

		if (size && grant_covers(at, size, name))
			return true;
		at += size;
		at += strspn(at, " \t\n");
	}
	return false;
}
