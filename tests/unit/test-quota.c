/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/quota.h"

#include <string.h>

#include "test.h"

static struct quota_limits limits;
static struct quota *quota;

static void setup(uint64_t bytes)
{
	limits = (struct quota_limits){ .max = { [QUOTA_NAMES] = 2, [QUOTA_BYTES] = bytes } };
	quota_unref(quota);
	quota = quota_new(&limits);
	CHECK(quota);
}

static void a_charge_up_to_the_limit_is_taken(void)
{
	setup(100);
	CHECK(quota_charge(quota, QUOTA_BYTES, 60));
	CHECK(quota_charge(quota, QUOTA_BYTES, 40));
	CHECK(quota->used[QUOTA_BYTES] == 100);
	CHECK(quota_charge(quota, QUOTA_BYTES, 0));
}

static void a_charge_beyond_the_limit_changes_nothing(void)
{
	setup(100);
	CHECK(quota_charge(quota, QUOTA_BYTES, 60));
	CHECK(!quota_charge(quota, QUOTA_BYTES, 41));
	CHECK(quota->used[QUOTA_BYTES] == 60);
}

static void the_largest_number_does_not_wrap_around(void)
{
	setup(100);
	CHECK(quota_charge(quota, QUOTA_BYTES, 1));
	CHECK(!quota_charge(quota, QUOTA_BYTES, UINT64_MAX));
	CHECK(!quota_charge(quota, QUOTA_BYTES, UINT64_MAX - 1));
	CHECK(quota->used[QUOTA_BYTES] == 1);

	setup(UINT64_MAX);
	CHECK(quota_charge(quota, QUOTA_BYTES, UINT64_MAX));
	CHECK(!quota_charge(quota, QUOTA_BYTES, 1));
}

static void what_is_released_can_be_charged_again(void)
{
	setup(100);
	CHECK(quota_charge(quota, QUOTA_BYTES, 100));
	quota_release(quota, QUOTA_BYTES, 30);
	CHECK(quota->used[QUOTA_BYTES] == 70);
	CHECK(quota_charge(quota, QUOTA_BYTES, 30));
	CHECK(!quota_charge(quota, QUOTA_BYTES, 1));
}

static void a_limit_may_be_lowered_below_what_is_used(void)
{
	setup(100);
	CHECK(quota_charge(quota, QUOTA_BYTES, 60));
	limits.max[QUOTA_BYTES] = 50;
	CHECK(!quota_charge(quota, QUOTA_BYTES, 1));
	quota_release(quota, QUOTA_BYTES, 11);
	CHECK(quota_charge(quota, QUOTA_BYTES, 1) && !quota_charge(quota, QUOTA_BYTES, 1));
}

static void the_kinds_do_not_share(void)
{
	setup(100);
	CHECK(quota_charge(quota, QUOTA_BYTES, 100));
	CHECK(quota_charge(quota, QUOTA_NAMES, 2));
	CHECK(!quota_charge(quota, QUOTA_NAMES, 1));
	CHECK(!quota_charge(quota, QUOTA_MATCHES, 1)); /* its limit is 0 */
}

static void a_quota_lives_as_long_as_its_last_reference(void)
{
	setup(100);
	CHECK(quota_ref(quota) == quota && quota->refs == 2);
	CHECK(!quota_unref(quota));
	CHECK(quota->refs == 1 && quota_charge(quota, QUOTA_BYTES, 1));
	quota = quota_unref(quota);
	CHECK(!quota && !quota_unref(NULL));
}

static void every_kind_has_a_limit_of_its_own(void)
{
	int a, b;

	for (a = 0; a < QUOTA_KIND_COUNT; a++) {
		CHECK(quota_kind_limit((enum quota_kind)a)[0]);
		for (b = 0; b < a; b++)
			CHECK(strcmp(quota_kind_limit((enum quota_kind)a),
				     quota_kind_limit((enum quota_kind)b)) != 0);
	}
}

static void a_meter_adds_up_what_many_hold(void)
{
	struct quota_meter meter = { 0 };
	struct quota *other;

	setup(100);
	other = quota_new(&limits);
	quota->meter = other->meter = &meter;
	CHECK(quota_charge(quota, QUOTA_BYTES, 60) && quota_charge(other, QUOTA_BYTES, 40));
	CHECK(!quota_charge(other, QUOTA_BYTES, 61) && meter.held == 100);
	CHECK(quota_charge(other, QUOTA_NAMES, 1) && meter.held > 200);
	quota_release(other, QUOTA_NAMES, 1);
	quota_release(quota, QUOTA_BYTES, 60);
	quota_release(other, QUOTA_BYTES, 40);
	CHECK(meter.held == 0 && meter.peak > 200);
	quota_unref(other);
}

int main(void)
{
	RUN(a_charge_up_to_the_limit_is_taken);
	RUN(a_charge_beyond_the_limit_changes_nothing);
	RUN(the_largest_number_does_not_wrap_around);
	RUN(what_is_released_can_be_charged_again);
	RUN(a_limit_may_be_lowered_below_what_is_used);
	RUN(the_kinds_do_not_share);
	RUN(a_quota_lives_as_long_as_its_last_reference);
	RUN(every_kind_has_a_limit_of_its_own);
	RUN(a_meter_adds_up_what_many_hold);
	quota_unref(quota);
	return test_finish();
}
