/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/rule.h"

#include <stdio.h>
#include <stdlib.h>

#include "test.h"

static struct rule *rule;
static const char *why;

/* From a copy that ends where the text ends, so that the sanitizer sees what is read beyond. */
static int parse_to(const char *text, size_t size, struct rule **out)
{
	char *copy = malloc(size ? size : 1);
	int r;

	CHECK(copy);
	memcpy(copy, text, size);
	why = NULL;
	r = rule_parse((struct text){ copy, (uint32_t)size }, out, &why);
	free(copy);
	CHECK(r == RULE_PARSED || why);
	return r;
}

static bool parses(const char *text)
{
	rule = rule_free(rule);
	return parse_to(text, strlen(text), &rule) == RULE_PARSED;
}

static bool fails_because(const char *text, const char *wanted)
{
	struct rule *unused = NULL;
	int r = parse_to(text, strlen(text), &unused);

	if (r == RULE_INVALID && !strcmp(why, wanted) && !unused)
		return true;
	printf("\"%s\": %s\n", text, r == RULE_PARSED ? "valid" : why);
	rule_free(unused);
	return false;
}

static void an_empty_rule_has_no_keys(void)
{
	CHECK(parses("") && rule->keys == 0 && rule->args_count == 0 && rule->count == 1);
	CHECK(parses(" \t ") && rule->keys == 0);
}

static void every_key_is_found(void)
{
	CHECK(parses("type='signal',sender='org.xen.a',interface='org.xen.I',member='M',"
		     "path='/a/b',destination=':0.7',arg0namespace='org.xen',eavesdrop='true'"));
	CHECK(rule->keys == (RULE_TYPE | RULE_SENDER | RULE_INTERFACE | RULE_MEMBER | RULE_PATH |
			     RULE_DESTINATION | RULE_ARG0_NAMESPACE | RULE_EAVESDROP));
	CHECK(rule->type == MESSAGE_SIGNAL && rule->eavesdrop);
	CHECK(text_is(rule->sender, "org.xen.a") && text_is(rule->interface, "org.xen.I"));
	CHECK(text_is(rule->member, "M") && text_is(rule->path, "/a/b"));
	CHECK(text_is(rule->destination, ":0.7") && text_is(rule->arg0_namespace, "org.xen"));
	CHECK(rule->args_needed == 1);

	CHECK(parses("path_namespace='/a',eavesdrop=false"));
	CHECK(rule->keys == (RULE_PATH_NAMESPACE | RULE_EAVESDROP) && !rule->eavesdrop);
	CHECK(text_is(rule->path, "/a") && rule->args_needed == 0);
}

static void every_type_has_its_number(void)
{
	CHECK(parses("type=method_call") && rule->type == MESSAGE_METHOD_CALL);
	CHECK(parses("type=method_return") && rule->type == MESSAGE_METHOD_RETURN);
	CHECK(parses("type=error") && rule->type == MESSAGE_ERROR);
	CHECK(parses("type=signal") && rule->type == MESSAGE_SIGNAL);
	CHECK(fails_because("type=Signal", "the type is not a message type"));
	CHECK(fails_because("type=''", "the type is not a message type"));
}

static void arguments_are_sorted_by_number(void)
{
	CHECK(parses("arg63='z',arg2path='/p/',arg0='',arg10='ten'"));
	CHECK(rule->args_count == 4 && rule->args_needed == 64 && rule_has_rest(rule));
	CHECK(rule->args[0].index == 0 && !rule->args[0].is_path &&
	      text_is(rule->args[0].value, ""));
	CHECK(rule->args[1].index == 2 && rule->args[1].is_path);
	CHECK(text_is(rule->args[1].value, "/p/"));
	CHECK(rule->args[2].index == 10 && text_is(rule->args[2].value, "ten"));
	CHECK(rule->args[3].index == 63 && text_is(rule->args[3].value, "z"));
	CHECK(rule->exact_args == ((uint64_t)1 << 63 | 1 << 10 | 1));

	CHECK(parses("arg1='a'") && !rule_has_rest(rule) && rule->args_needed == 2);
	CHECK(parses("arg1path='a'") && rule_has_rest(rule) && rule->args_needed == 2);
	/* Any text will do: what is no path can still be equal. */
	CHECK(parses("arg1path=''"));
}

static void argument_numbers_end_at_63(void)
{
	static const char limit[] = "arg numbers go from 0 to 63";
	static const char unknown[] = "a key is not known";

	CHECK(fails_because("arg64='a'", limit));
	CHECK(fails_because("arg100path='a'", limit));
	CHECK(fails_because("arg4294967296='a'", unknown));
	CHECK(fails_because("arg='a'", unknown));
	CHECK(fails_because("arg-1='a'", unknown));
	CHECK(fails_because("arg0x='a'", unknown));
	CHECK(fails_because("arg0paths='a'", unknown));
	CHECK(fails_because("argpath='a'", unknown));
	CHECK(fails_because("arg1namespace='a'", unknown));
}

static void quoting(void)
{
	CHECK(parses("arg0=plain") && text_is(rule->args[0].value, "plain"));
	CHECK(parses("arg0='a,b'") && text_is(rule->args[0].value, "a,b"));
	CHECK(parses("arg0='a'','b") && text_is(rule->args[0].value, "a,b"));
	CHECK(parses("arg0='a\\b'") && text_is(rule->args[0].value, "a\\b"));
	CHECK(parses("arg0=a\\b") && text_is(rule->args[0].value, "a\\b"));
	CHECK(parses("arg0=it\\'s") && text_is(rule->args[0].value, "it's"));
	CHECK(parses("arg0='it'\\''s'") && text_is(rule->args[0].value, "it's"));
	CHECK(parses("arg0='\\',arg1=b") && text_is(rule->args[0].value, "\\") &&
	      text_is(rule->args[1].value, "b"));
	CHECK(parses("arg0=\\") && text_is(rule->args[0].value, "\\"));
	CHECK(parses("arg0=a=b") && text_is(rule->args[0].value, "a=b"));
	CHECK(parses("arg0= a ") && text_is(rule->args[0].value, " a "));
	CHECK(parses("arg0=") && text_is(rule->args[0].value, ""));
	CHECK(parses("arg0=,arg1=") && rule->args_count == 2);
	CHECK(fails_because("arg0='a", "an apostrophe is not closed"));
	CHECK(fails_because("arg0='a,arg1=b", "an apostrophe is not closed"));
	CHECK(fails_because("arg0=a'", "an apostrophe is not closed"));
}

static void white_space_around_keys_is_skipped(void)
{
	CHECK(parses("  type =signal, \tmember\t='M', ") &&
	      rule->keys == (RULE_TYPE | RULE_MEMBER));
	CHECK(parses("type='signal',") && rule->keys == RULE_TYPE);
}

static void what_is_not_key_equals_value(void)
{
	static const char missing[] = "a key must be followed by '='";

	CHECK(fails_because("type", missing));
	CHECK(fails_because("=signal", missing));
	CHECK(fails_because("type signal=x", missing));
	CHECK(fails_because(",", missing));
	CHECK(fails_because("type='signal',,member='M'", "a key is not known"));
	CHECK(fails_because("Type='signal'", "a key is not known"));
	CHECK(fails_because("type'x'='signal'", "a key is not known"));
}

static void values_must_look_like_what_they_stand_for(void)
{
	CHECK(fails_because("sender='a'", "the sender is not a bus name"));
	CHECK(fails_because("sender=''", "the sender is not a bus name"));
	CHECK(fails_because("interface='a'", "the interface is not an interface name"));
	CHECK(fails_because("member='a.b'", "the member is not a member name"));
	CHECK(fails_because("path='a'", "the path is not an object path"));
	CHECK(fails_because("path='/a/'", "the path is not an object path"));
	CHECK(fails_because("path_namespace='/a/'", "the path_namespace is not an object path"));
	CHECK(fails_because("destination='a b'", "the destination is not a bus name"));
	CHECK(fails_because("arg0namespace='.a'",
			    "the arg0namespace is not a bus name or the beginning of one"));
	CHECK(fails_because("arg0namespace=':1.0'",
			    "the arg0namespace is not a bus name or the beginning of one"));
	CHECK(fails_because("eavesdrop='yes'", "eavesdrop is neither true nor false"));
	CHECK(parses("arg0namespace='org'") && parses("path_namespace='/'"));
}

static void a_key_is_given_once(void)
{
	CHECK(fails_because("type='signal',type='error'", "a key is given twice"));
	CHECK(fails_because("eavesdrop='false',eavesdrop='false'", "a key is given twice"));
	CHECK(fails_because("arg1='a',arg1='a'", "an arg is given twice"));
	CHECK(fails_because("arg1='a',arg0='b',arg1path='a'", "an arg is given twice"));
	CHECK(fails_because("arg1='a',arg01='b'", "an arg is given twice"));
	CHECK(fails_because("path='/a',path_namespace='/a'",
			    "path and path_namespace exclude each other"));
	CHECK(fails_because("path_namespace='/a',path='/a'",
			    "path and path_namespace exclude each other"));
	CHECK(fails_because("arg0='a',arg0namespace='a'",
			    "arg0 and arg0namespace exclude each other"));
	CHECK(fails_because("arg0namespace='a',arg0path='/a'",
			    "arg0 and arg0namespace exclude each other"));
	CHECK(parses("arg0namespace='a',arg1='a'") && rule->args_needed == 2);
}

static void the_length_is_limited(void)
{
	char text[RULE_TEXT_MAX + 2];

	memset(text, 'a', sizeof(text));
	memcpy(text, "arg0='", 6);
	text[RULE_TEXT_MAX - 1] = '\'';
	text[RULE_TEXT_MAX] = '\0';
	CHECK(parses(text) && rule->args[0].value.size == RULE_TEXT_MAX - 7);
	text[RULE_TEXT_MAX - 1] = 'a';
	text[RULE_TEXT_MAX] = '\'';
	text[RULE_TEXT_MAX + 1] = '\0';
	CHECK(fails_because(text, "it is longer than 1024 bytes"));
}

static void a_nul_inside_is_no_end(void)
{
	struct rule *unused = NULL;

	CHECK(parse_to("member='M\0'", 11, &unused) == RULE_INVALID);
	CHECK(parse_to("type=signal\0,member=M", 21, &unused) == RULE_INVALID);
	CHECK(!unused);
}

static bool equal(const char *left, const char *right)
{
	struct rule *a = NULL, *b = NULL;
	bool is_equal;

	CHECK(parse_to(left, strlen(left), &a) == RULE_PARSED);
	CHECK(parse_to(right, strlen(right), &b) == RULE_PARSED);
	is_equal = rule_equals(a, b);
	CHECK(rule_equals(b, a) == is_equal && rule_equals(a, a) && rule_equals(b, b));
	rule_free(a);
	rule_free(b);
	return is_equal;
}

static void rules_are_equal_whatever_their_spelling(void)
{
	CHECK(equal("", " "));
	CHECK(equal("type='signal',member='M'", "member=M, type=signal"));
	CHECK(equal("arg1='b',arg0='a'", "arg0=a,arg1='b'"));
	CHECK(equal("arg0='a''b'", "arg0=ab"));
}

/* Each of them differs from each other. */
static void rules_differ_in_any_key(void)
{
	static const char *const rules[] = {
		"",
		"type=signal",
		"type=error",
		"sender=a.b",
		"sender=:1.0",
		"destination=a.b",
		"interface=a.b",
		"interface=a.c",
		"member=M",
		"member=N",
		"path='/a'",
		"path_namespace='/a'",
		"path='/b'",
		"arg0namespace=a.b",
		"arg0=a.b",
		"arg0path=a.b",
		"arg1=a.b",
		"arg0=a.b,arg1=a.b",
		"arg0=''",
		"eavesdrop=true",
		"eavesdrop=false",
		"arg0=a.b,arg1path=a.b",
		"arg0path=a.b,arg1=a.b",
	};
	size_t i, j;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		for (j = 0; j < sizeof(rules) / sizeof(rules[0]); j++)
			CHECK(equal(rules[i], rules[j]) == (i == j));
}

static bool meets(const char *text, char type, const char *value)
{
	struct body_args args = { .count = value ? 1 : 0 };

	CHECK(parses(text));
	args.type[0] = type;
	args.value[0] = text_of(value);
	return rule_matches_rest(rule, &args);
}

/* "A match occurs if the argument is equal, or if one of them ends with '/' and is a prefix of the
 * other" (specification, Match Rules; with its examples). */
static void paths_in_arguments_meet_both_ways(void)
{
	CHECK(meets("arg0path='/aa/bb/'", 's', "/"));
	CHECK(meets("arg0path='/aa/bb/'", 's', "/aa/"));
	CHECK(meets("arg0path='/aa/bb/'", 'o', "/aa/bb/"));
	CHECK(meets("arg0path='/aa/bb/'", 's', "/aa/bb/cc"));
	CHECK(meets("arg0path='/aa/bb/'", 's', "/aa/bb/cc/"));
	CHECK(!meets("arg0path='/aa/bb/'", 's', "/aa/b"));
	CHECK(!meets("arg0path='/aa/bb/'", 's', "/aa"));
	CHECK(!meets("arg0path='/aa/bb/'", 's', "/aa/bb"));
	CHECK(meets("arg0path='/aa'", 'o', "/aa"));
	CHECK(!meets("arg0path='/aa'", 'o', "/aa/b"));
	CHECK(!meets("arg0path='/aa/'", 'g', "/aa/"));
	CHECK(!meets("arg0path='/aa/'", 0, ""));
	CHECK(!meets("arg0path='/aa/'", 's', NULL));
	CHECK(meets("arg0path=''", 's', "") && !meets("arg0path=''", 's', "/"));
	CHECK(!meets("arg1path='/'", 's', "/"));
}

int main(void)
{
	RUN(an_empty_rule_has_no_keys);
	RUN(every_key_is_found);
	RUN(every_type_has_its_number);
	RUN(arguments_are_sorted_by_number);
	RUN(argument_numbers_end_at_63);
	RUN(quoting);
	RUN(white_space_around_keys_is_skipped);
	RUN(what_is_not_key_equals_value);
	RUN(values_must_look_like_what_they_stand_for);
	RUN(a_key_is_given_once);
	RUN(the_length_is_limited);
	RUN(a_nul_inside_is_no_end);
	RUN(rules_are_equal_whatever_their_spelling);
	RUN(rules_differ_in_any_key);
	RUN(paths_in_arguments_meet_both_ways);
	rule_free(rule);
	return test_finish();
}
