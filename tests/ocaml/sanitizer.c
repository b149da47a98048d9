/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Linked into OCaml programs that are built with sanitizers. OCaml's threads bring signal stacks of
 * their own, which ASan must not take away, and which OCaml 4.13 forgets to free. */
#pragma GCC visibility push(default)
const char *__lsan_default_options(void);
const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);
#pragma GCC visibility pop

const char *__asan_default_options(void)
{
	return "use_sigaltstack=0";
}

const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}

const char *__lsan_default_suppressions(void)
{
	return "leak:caml_setup_stack_overflow_detection\n";
}
