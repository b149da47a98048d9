/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The unit tests' frame: a test is a static function whose name is a sentence.
 *
 *	int main(void)
 *	{
 *		RUN(slots_lapse_in_order);
 *		return test_result();
 *	}
 *
 * A CHECK that fails says where and what, and the run goes on: the next one may tell more.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

static unsigned test_failures_;
static unsigned test_count_;

#define CHECK(condition)                                                                           \
	((condition) ? true                                                                        \
		     : (test_failures_++,                                                          \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), false))

#define RUN(test)                                                                                  \
	do {                                                                                       \
		unsigned before_ = test_failures_;                                                 \
		test_count_++;                                                                     \
		test();                                                                            \
		printf("%s %s\n", before_ == test_failures_ ? "ok" : "FAILED", #test);             \
		fflush(stdout);                                                                    \
	} while (0)

static inline int test_result(void)
{
	if (test_failures_)
		printf("%u checks failed in %u tests\n", test_failures_, test_count_);
	return test_failures_ ? 1 : 0;
}
