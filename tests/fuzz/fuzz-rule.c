/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a match rule, or two of them with a newline between. A rule equals itself, its copy
 * and what is parsed out of its text; equal rules share a bucket of the index, which is empty in
 * the end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/match.h"
#include "core/rule.h"

#define CHECK(expression)                                                                          \
	do {                                                                                       \
		if (!(expression))                                                                 \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rule *parse(const uint8_t *data, size_t size)
{
	/* A copy that ends where the text ends. */
	char *copy = malloc(size ? size : 1);
	struct rule *rule = NULL;
	const char *why = NULL;
	int r;

	CHECK(copy);
	memcpy(copy, data, size);
	r = rule_parse((struct text){ copy, (uint32_t)size }, &rule, &why);
	CHECK(r == RULE_PARSED ? rule != NULL : r == RULE_INVALID && why && !rule);
	free(copy);
	return rule;
}

static void check_args(const struct rule *rule)
{
	unsigned i;

	for (i = 0; i < rule->args_count; i++) {
		CHECK(rule->args[i].index < RULE_ARGS_MAX);
		CHECK(rule->args[i].index < rule->args_needed);
		CHECK(!i || rule->args[i - 1].index < rule->args[i].index);
		CHECK(rule->args[i].is_path ==
		      !(rule->exact_args >> rule->args[i].index & (uint64_t)1));
	}
}

static void check_text(const struct rule *rule)
{
	char *text = malloc(RULE_FORMAT_MAX);
	struct rule *again = NULL;
	const char *why;

	CHECK(text);
	CHECK(rule_format(rule, text) == text);
	/* It may be longer than what a peer may send. */
	if (strlen(text) <= RULE_TEXT_MAX) {
		CHECK(rule_parse(text_of(text), &again, &why) == RULE_PARSED);
		CHECK(rule_equals(rule, again));
	}
	rule_free(again);
	free(text);
}

static void file(struct rule *one, struct rule *two)
{
	static const struct hash_key key = { 3, 4 };
	struct match_index index;

	match_index_init(&index, &key);
	CHECK(match_add(&index, one) == 0 && match_add(&index, two) == 0);
	CHECK(!rule_equals(one, two) || one->bucket == two->bucket);
	match_remove(&index, one);
	match_remove(&index, two);
	match_index_deinit(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = memchr(data, '\n', size);
	size_t first = newline ? (size_t)(newline - data) : size;
	struct rule *one = parse(data, first);
	struct rule *two = newline ? parse(newline + 1, size - first - 1) : parse(data, first);

	if (one) {
		check_args(one);
		if (!memchr(data, 0, first)) /* as in any string on the wire */
			check_text(one);
		CHECK(rule_equals(one, one));
		CHECK(newline || rule_equals(one, two));
	}
	if (one && two) {
		CHECK(rule_equals(one, two) == rule_equals(two, one));
		file(one, two);
	}
	rule_free(one);
	rule_free(two);
	return 0;
}
