/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CHECK and RUN.
 *
 *	static void lists_start_empty(void)
 *	{
 *		CHECK(list_is_empty(&list));
 *	}
 *
 *	int main(void)
 *	{
 *		RUN(lists_start_empty);
 *		return test_finish();
 *	}
 *
 * A CHECK that does not hold ends the test that RUN started, from whatever depth, and prints
 * "FAILED name: file:line: expression". One that holds prints "ok name". test_finish prints
 * "N passed, N failed" and returns what main should.
 */
#pragma once

#include <setjmp.h>
#include <stdio.h>

static struct {
	jmp_buf end;
	const char *name;
	unsigned passed, failed;
} test_state;

#define CHECK(expression)                                                                          \
	do {                                                                                       \
		if (!(expression))                                                                 \
			test_fail(__FILE__, __LINE__, #expression);                                \
	} while (0)

#define RUN(function) test_run(#function, function)

static _Noreturn inline void test_fail(const char *file, int line, const char *expression)
{
	printf("FAILED %s: %s:%d: %s\n", test_state.name, file, line, expression);
	longjmp(test_state.end, 1);
}

static inline void test_run(const char *name, void (*function)(void))
{
	test_state.name = name;
	if (setjmp(test_state.end)) {
		test_state.failed++;
	} else {
		function();
		printf("ok %s\n", name);
		test_state.passed++;
	}
	fflush(stdout);
}

static inline int test_finish(void)
{
	printf("%u passed, %u failed\n", test_state.passed, test_state.failed);
	return test_state.failed ? 1 : 0;
}
