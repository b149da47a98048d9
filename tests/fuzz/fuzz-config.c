/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A configuration of any text: refused with a sentence, or taken; and the policy in it is put
 * together for a user and a guest. Other files are not read: what would include some is left
 * out. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/policy.h"

#define CHECK(expression)                                                                          \
	do {                                                                                       \
		if (!(expression))                                                                 \
			abort();                                                                   \
	} while (0)

enum { TEXT_MAX = 16 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct policy *policy, const struct identity *identity)
{
	struct policy_profile *profile = policy_profile_get(policy, identity);

	CHECK(profile);
	policy_may_own(profile, identity, text_of("org.xen.xcp.a"));
	policy_profile_put(profile);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct identity user = { .uid = 1000, .gids = { 5, 7 }, .gid_count = 2 };
	struct identity guest = { .domid = 5, .is_guest = true, .domain_name = "guest" };
	char why[CONFIG_WHY_MAX] = "";
	struct config config;

	if (size > TEXT_MAX || memmem(data, size, "<include", 8))
		return 0;
	config_init(&config);
	if (config_read_text(&config, "fuzz.conf", (const char *)data, size, why) < 0) {
		CHECK(!strncmp(why, "fuzz.conf:", 10) && memchr(why, '\0', sizeof(why)));
	} else if (config.policy) {
		guest.own = (char *)(uintptr_t) "*";
		use(config.policy, &user);
		use(config.policy, &guest);
		policy_may_connect(config.policy, &user, 0);
	}
	config_deinit(&config);
	return 0;
}
