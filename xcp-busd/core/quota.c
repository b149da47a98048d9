/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/quota.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

const uint16_t quota_weights[QUOTA_KIND_COUNT] = {
	[QUOTA_PEERS] = 2048,  [QUOTA_NAMES] = 256, [QUOTA_MATCHES] = 256,
	[QUOTA_REPLIES] = 288, [QUOTA_BYTES] = 1,   [QUOTA_FDS] = 16,
};

struct quota *quota_new(const struct quota_limits *limits)
{
	struct quota *quota = calloc(1, sizeof(*quota));

	if (!quota)
		return NULL;
	*quota = (struct quota){ .refs = 1, .limits = limits };
	list_init(&quota->quotas_link);
	list_init(&quota->peers);
	return quota;
}

struct quota *quota_ref(struct quota *quota)
{
	quota->refs++;
	return quota;
}

struct quota *quota_unref(struct quota *quota)
{
	if (!quota || --quota->refs)
		return NULL;
	list_remove(&quota->quotas_link);
	free(quota);
	return NULL;
}

void quota_release(struct quota *quota, enum quota_kind kind, uint64_t count)
{
	struct quota_meter *meter = quota->meter;

	assert(quota->used[kind] >= count);
	quota->used[kind] -= count;
	if (!meter)
		return;
	if (meter->held > meter->peak)
		meter->peak = meter->held;
	meter->held -= count * quota_weights[kind];
}

const char *quota_kind_limit(enum quota_kind kind)
{
	static const char *const text[] = {
		[QUOTA_PEERS] = "max_connections",   [QUOTA_NAMES] = "max_names",
		[QUOTA_MATCHES] = "max_match_rules", [QUOTA_REPLIES] = "max_replies",
		[QUOTA_BYTES] = "max_bytes",         [QUOTA_FDS] = "max_fds",
	};

	return text[kind];
}

const char *quota_unread_text(enum quota_kind kind)
{
	return kind == QUOTA_FDS ? "Too many file descriptors of the sender are unread"
				 : "Too many message bytes of the sender are unread";
}
