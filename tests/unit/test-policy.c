/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/policy.h"

#include "test.h"

static bool guest_may(const char *grants, const char *name)
{
	struct identity identity = { .domid = 5,
				     .is_guest = true,
				     .own = (char *)(uintptr_t)grants };

	return policy_may_own(&identity, text_of(name));
}

static void programs_of_dom0_own_any_name(void)
{
	struct identity identity = { .uid = 1000 };

	CHECK(policy_may_own(&identity, text_of("org.xen.xcp.squeezed")));
}

static void a_guest_owns_nothing_unless_told(void)
{
	CHECK(!guest_may(NULL, "org.xen.xcp.storage"));
	CHECK(!guest_may("", "org.xen.xcp.storage"));
	CHECK(!guest_may("   ", "org.xen.xcp.storage"));
	CHECK(!guest_may("org.xen.xcp.squeezed", "org.xen.xcp.storage"));
}

static void a_name_in_the_list_is_granted_in_full(void)
{
	const char *grants = "  org.xen.a\torg.xen.b\n\norg.xen.c ";

	CHECK(guest_may(grants, "org.xen.a"));
	CHECK(guest_may(grants, "org.xen.b"));
	CHECK(guest_may(grants, "org.xen.c"));
	CHECK(!guest_may(grants, "org.xen.ab"));
	CHECK(!guest_may(grants, "org.xen."));
	CHECK(!guest_may(grants, "org.xen"));
	CHECK(!guest_may(grants, "xen.a"));
	CHECK(!guest_may(grants, "org.xen.A"));
}

static void a_prefix_grants_what_is_below_it(void)
{
	CHECK(guest_may("org.xen.storage.*", "org.xen.storage.nfs"));
	CHECK(guest_may("org.xen.storage.*", "org.xen.storage.nfs.one"));
	CHECK(!guest_may("org.xen.storage.*", "org.xen.storage"));
	CHECK(!guest_may("org.xen.storage.*", "org.xen.storage."));
	CHECK(!guest_may("org.xen.storage.*", "org.xen.storagex"));
	CHECK(!guest_may("org.xen.storage.*", "org.xen.storagex.nfs"));
}

static void a_lonely_star_grants_everything(void)
{
	CHECK(guest_may("*", "org.xen.xcp.squeezed"));
	CHECK(guest_may("org.xen.a *", "org.xen.xcp.squeezed"));
}

static void a_star_elsewhere_grants_nothing(void)
{
	CHECK(!guest_may("org.xen*", "org.xenial.a"));
	CHECK(!guest_may("org.*.a", "org.xen.a"));
	CHECK(!guest_may("*.a", "org.xen.a"));
	CHECK(!guest_may("**", "org.xen.a"));
	CHECK(!guest_may(".*", "org.xen.a"));
}

int main(void)
{
	RUN(programs_of_dom0_own_any_name);
	RUN(a_guest_owns_nothing_unless_told);
	RUN(a_name_in_the_list_is_granted_in_full);
	RUN(a_prefix_grants_what_is_below_it);
	RUN(a_lonely_star_grants_everything);
	RUN(a_star_elsewhere_grants_nothing);
	return test_finish();
}
