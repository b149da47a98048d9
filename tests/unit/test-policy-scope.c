/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom rules are for, and what holds for whom without any: users, guests, and the names that the
 * toolstack grants. */
#include "core/policy.h"

#include "test.h"

#include "policy-fixture.h"

/* --- what the toolstack grants --- */

static bool guest_may(const char *grants, const char *name)
{
	struct identity identity = { .domid = 5,
				     .is_guest = true,
				     .own = (char *)(uintptr_t)grants };
	struct policy_profile *profile;
	bool result;

	policy = policy_new_default();
	CHECK(policy);
	profile = policy_profile_get(policy, &identity);
	CHECK(profile);
	result = policy_may_own(profile, &identity, text_of(name));
	policy_profile_put(profile);
	policy_free(policy);
	return result;
}

static void programs_of_dom0_own_any_name(void)
{
	fake_start();
	CHECK(fake_join(a, 0) == 0);
	CHECK(may_own(a, "org.xen.xcp.squeezed"));
	fake_stop();
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

/* --- whom rules are for --- */

static void contexts_come_in_their_order(void)
{
	const struct policy_scope user = { .kind = POLICY_USER, .id = 1000 };
	const struct policy_scope other = { .kind = POLICY_USER, .id = 1001 };
	const struct policy_scope group = { .kind = POLICY_GROUP, .id = 50 };

	begin();
	new_rule(POLICY_OWN, false)->name = "x.mandatory";
	add(&mandatory);
	add_all(&user, POLICY_OWN, true);
	new_rule(POLICY_OWN, false)->name = "x.other";
	add(&other);
	new_rule(POLICY_OWN, false)->name = "x.group";
	add(&group);
	new_rule(POLICY_OWN, false)->name = "x.default";
	add(&everybody);
	put_in_force();
	CHECK(may_own(a, "x.default") && may_own(a, "x.group") && may_own(a, "x.other"));
	CHECK(!may_own(a, "x.mandatory"));
	CHECK(a->peer.profile == b->peer.profile && a->peer.profile != guest->peer.profile);
	fake_stop();
}

static void domains_have_rules_of_their_own(void)
{
	const struct policy_scope one = { .kind = POLICY_DOMAIN_ID, .id = 1 };
	struct message message = call_to("x.y");

	begin();
	add_all(&everybody, POLICY_SEND, true);
	add_all(&everybody, POLICY_RECEIVE, true);
	add_all(&domains, POLICY_SEND, false);
	new_rule(POLICY_SEND, true)->domains = POLICY_SAME_DOMAIN;
	add(&domains);
	new_rule(POLICY_SEND, true)->domains = POLICY_ONE_DOMAIN;
	add(&one);
	new_rule(POLICY_OWN, false)->name = "x.no";
	add(&mandatory);
	add_all(&mandatory, POLICY_SEND, true);
	put_in_force();
	CHECK(passes(guest, guest, &message) && !passes(guest, stranger, &message));
	CHECK(passes(guest, a, &message) && !passes(stranger, a, &message));
	CHECK(may_own(guest, "x.y") && !may_own(guest, "x.no"));
	fake_stop();
}

static void who_may_connect(void)
{
	struct identity identity = { .uid = 5, .gids = { 7, 9 }, .gid_count = 2 };

	begin();
	CHECK(!policy_may_connect(policy, &identity, 42));
	CHECK(policy_may_connect(policy, &identity, 5));
	new_rule(POLICY_CONNECT_GROUP, true)->id = 9;
	add(&everybody);
	CHECK(policy_may_connect(policy, &identity, 42));
	new_rule(POLICY_CONNECT_USER, false)->id = 5;
	add(&mandatory);
	CHECK(!policy_may_connect(policy, &identity, 5));
	new_rule(POLICY_CONNECT_USER, true)->any_id = true;
	add(&mandatory);
	CHECK(policy_may_connect(policy, &identity, 42));
	policy_free(policy);
}

static void by_default_root_and_the_owner_connect(void)
{
	struct identity identity = { .uid = 5 };

	policy = policy_new_default();
	CHECK(policy && !policy_may_connect(policy, &identity, 42));
	CHECK(policy_may_connect(policy, &identity, 5));
	identity.uid = 0;
	CHECK(policy_may_connect(policy, &identity, 5));
	policy_free(policy);
}

static void guests_by_default(void)
{
	struct message call = call_to(":2.5"), signal = signal_to(NULL);
	struct message to_bus = call_to("org.freedesktop.DBus");
	struct message reply = { .type = MESSAGE_METHOD_RETURN,
				 .reply_serial = 7,
				 .destination = text_of(":2.5") };

	policy = policy_new_default();
	CHECK(policy);
	put_in_force();
	CHECK(passes(guest, NULL, &to_bus));
	CHECK(!passes(guest, stranger, &call) && !passes(guest, a, &call));
	CHECK(passes(a, guest, &call) && passes(a, guest, &signal));
	CHECK(passes(guest, guest, &call) && passes(guest, guest, &signal));
	CHECK(passes(guest, stranger, &reply) && passes(guest, a, &reply));
	CHECK(passes(guest, a, &signal));
	CHECK(verdict(guest, stranger, &signal) == POLICY_RECEIVE_DENIED);
	own(stranger, "org.xen.xcp.storage.nfs");
	own(a, "org.xen.xcp.xenopsd");
	CHECK(passes(guest, stranger, &call) && passes(guest, a, &call));
	CHECK(!passes(guest, b, &call) && !passes(guest, stranger, &signal));
	CHECK(passes(stranger, guest, &signal)); /* of a service */
	call = call_to("org.xen.xcp.later");
	CHECK(passes(guest, NULL, &call)); /* may be started */
	call = call_to("org.other");
	CHECK(!passes(guest, NULL, &call));
	fake_stop();
}

int main(void)
{
	RUN(programs_of_dom0_own_any_name);
	RUN(a_guest_owns_nothing_unless_told);
	RUN(a_name_in_the_list_is_granted_in_full);
	RUN(a_prefix_grants_what_is_below_it);
	RUN(a_lonely_star_grants_everything);
	RUN(a_star_elsewhere_grants_nothing);
	RUN(contexts_come_in_their_order);
	RUN(domains_have_rules_of_their_own);
	RUN(who_may_connect);
	RUN(by_default_root_and_the_owner_connect);
	RUN(guests_by_default);
	return test_finish();
}
