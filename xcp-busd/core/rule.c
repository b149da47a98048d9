/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/rule.h"

#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "wire/syntax.h"

/* What comes off the text, before it is known to be right. */
struct parser {
	const char *at, *end;
	char *store; /* where values are unquoted to */
	struct rule *rule;
	const char *why;
};

struct rule *rule_free(struct rule *rule)
{
	if (rule) {
		free(rule->args);
		free(rule);
	}
	return NULL;
}

DEFINE_FREEP(struct rule, rule_free)

void rule_free_list(struct list *rules)
{
	struct rule *rule;

	while ((rule = list_first(rules, struct rule, peer_link))) {
		list_remove(&rule->peer_link);
		rule_free(rule);
	}
}

static int fail(struct parser *parser, const char *why)
{
	parser->why = why;
	return RULE_INVALID;
}

static void skip_blanks(struct parser *parser)
{
	while (parser->at < parser->end && (*parser->at == ' ' || *parser->at == '\t'))
		parser->at++;
}

static int take_key(struct parser *parser, struct text *key)
{
	skip_blanks(parser);
	key->bytes = parser->at;
	while (parser->at < parser->end && *parser->at != '=' && *parser->at != ' ' &&
	       *parser->at != '\t')
		parser->at++;
	key->size = (uint32_t)(parser->at - key->bytes);
	skip_blanks(parser);
	if (!key->size || parser->at == parser->end || *parser->at != '=')
		return fail(parser, "a key must be followed by '='");
	parser->at++;
	return RULE_PARSED;
}

/* Apostrophes switch quoting on and off; outside of it \' is an apostrophe and a comma ends. */
static int take_value(struct parser *parser, struct text *value)
{
	bool is_quoted = false;

	value->bytes = parser->store;
	for (; parser->at < parser->end; parser->at++) {
		if (*parser->at == '\'') {
			is_quoted = !is_quoted;
			continue;
		}
		if (!is_quoted && *parser->at == ',')
			break;
		if (!is_quoted && *parser->at == '\\' && parser->at + 1 < parser->end &&
		    parser->at[1] == '\'')
			parser->at++;
		*parser->store++ = *parser->at;
	}
	if (is_quoted)
		return fail(parser, "an apostrophe is not closed");
	value->size = (uint32_t)(parser->store - value->bytes);
	*parser->store++ = '\0';
	return RULE_PARSED;
}

static bool is_type(struct rule *rule, struct text value)
{
	static const char *const names[] = { "", "method_call", "method_return", "error",
					     "signal" };
	uint8_t i;

	for (i = 1; i < 5; i++)
		if (text_is(value, names[i]))
			rule->type = i;
	return rule->type != 0;
}

static bool is_truth(struct rule *rule, struct text value)
{
	rule->eavesdrop = text_is(value, "true");
	return rule->eavesdrop || text_is(value, "false");
}

/* The keys with one value each: which bit, where to, and what it must look like. */
struct key_form {
	const char *name;
	enum rule_key key;
	size_t offset;
	bool (*is_valid)(const char *text, size_t size);
	bool (*take)(struct rule *rule, struct text value);
	const char *why;
};

static const struct key_form forms[] = {
	{ "type", RULE_TYPE, 0, NULL, is_type, "the type is not a message type" },
	{ "sender", RULE_SENDER, offsetof(struct rule, sender), syntax_is_bus_name, NULL,
	  "the sender is not a bus name" },
	{ "interface", RULE_INTERFACE, offsetof(struct rule, interface), syntax_is_interface, NULL,
	  "the interface is not an interface name" },
	{ "member", RULE_MEMBER, offsetof(struct rule, member), syntax_is_member, NULL,
	  "the member is not a member name" },
	{ "path", RULE_PATH, offsetof(struct rule, path), syntax_is_path, NULL,
	  "the path is not an object path" },
	{ "path_namespace", RULE_PATH_NAMESPACE, offsetof(struct rule, path), syntax_is_path, NULL,
	  "the path_namespace is not an object path" },
	{ "destination", RULE_DESTINATION, offsetof(struct rule, destination), syntax_is_bus_name,
	  NULL, "the destination is not a bus name" },
	{ "arg0namespace", RULE_ARG0_NAMESPACE, offsetof(struct rule, arg0_namespace),
	  syntax_is_namespace, NULL,
	  "the arg0namespace is not a bus name or the beginning of one" },
	{ "eavesdrop", RULE_EAVESDROP, 0, NULL, is_truth, "eavesdrop is neither true nor false" },
};

static int take_single(struct parser *parser, const struct key_form *form, struct text value)
{
	struct rule *rule = parser->rule;

	if (rule->keys & form->key)
		return fail(parser, "a key is given twice");
	if (form->is_valid ? !form->is_valid(value.bytes, value.size) : !form->take(rule, value))
		return fail(parser, form->why);
	rule->keys = (uint16_t)(rule->keys | form->key);
	if (form->is_valid)
		*(struct text *)((char *)rule + form->offset) = value;
	return RULE_PARSED;
}

/* "arg12" or "arg12path"; false if it is neither. */
static bool is_arg_key(struct text key, unsigned *index, bool *is_path)
{
	uint32_t i = 3;

	if (key.size < 4 || memcmp(key.bytes, "arg", 3) != 0)
		return false;
	*index = 0;
	for (; i < key.size && key.bytes[i] >= '0' && key.bytes[i] <= '9' && i < 6; i++)
		*index = *index * 10 + (unsigned)(key.bytes[i] - '0');
	if (i == 3)
		return false;
	*is_path = key.size - i == 4 && !memcmp(key.bytes + i, "path", 4);
	return *is_path || i == key.size;
}

static int take_arg(struct parser *parser, unsigned index, bool is_path, struct text value)
{
	struct rule *rule = parser->rule;
	struct rule_arg *grown;
	unsigned at, i;

	if (index >= RULE_ARGS_MAX)
		return fail(parser, "arg numbers go from 0 to 63");
	for (at = 0; at < rule->args_count; at++) {
		if (rule->args[at].index == index)
			return fail(parser, "an arg is given twice");
		if (rule->args[at].index > index)
			break;
	}
	grown = realloc(rule->args, (rule->args_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	rule->args = grown;
	for (i = rule->args_count; i > at; i--)
		grown[i] = grown[i - 1];
	grown[at] = (struct rule_arg){ (uint8_t)index, is_path, value };
	rule->args_count++;
	if (!is_path)
		rule->exact_args |= (uint64_t)1 << index;
	return RULE_PARSED;
}

static int take_pair(struct parser *parser)
{
	struct text key, value;
	unsigned index;
	bool is_path;
	size_t i;
	int r = take_key(parser, &key);

	if (r == RULE_PARSED)
		r = take_value(parser, &value);
	if (r != RULE_PARSED)
		return r;
	for (i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		if (text_is(key, forms[i].name))
			return take_single(parser, &forms[i], value);
	if (is_arg_key(key, &index, &is_path))
		return take_arg(parser, index, is_path, value);
	return fail(parser, "a key is not known");
}

static int finish(struct parser *parser)
{
	struct rule *rule = parser->rule;

	if ((rule->keys & RULE_PATH) && (rule->keys & RULE_PATH_NAMESPACE))
		return fail(parser, "path and path_namespace exclude each other");
	if ((rule->keys & RULE_ARG0_NAMESPACE) && rule->args_count && rule->args[0].index == 0)
		return fail(parser, "arg0 and arg0namespace exclude each other");
	if (rule->args_count)
		rule->args_needed = rule->args[rule->args_count - 1].index + 1U;
	if ((rule->keys & RULE_ARG0_NAMESPACE) && !rule->args_needed)
		rule->args_needed = 1;
	return RULE_PARSED;
}

int rule_parse(struct text text, struct rule **out, const char **why)
{
	CLEANUP(rule_freep) struct rule *rule = NULL;
	struct parser parser = { .at = text.bytes, .end = text.bytes + text.size };
	int r = RULE_PARSED;

	if (text.size > RULE_TEXT_MAX) {
		*why = "it is longer than 1024 bytes";
		return RULE_INVALID;
	}
	/* Every value needs at least "k=" in the text and one NUL more here. */
	rule = calloc(1, sizeof(*rule) + text.size + 1);
	if (!rule)
		return -ENOMEM;
	list_init(&rule->peer_link);
	list_init(&rule->bucket_link);
	rule->count = 1;
	parser.rule = rule;
	parser.store = rule->storage;

	for (skip_blanks(&parser); r == RULE_PARSED && parser.at < parser.end;
	     skip_blanks(&parser)) {
		r = take_pair(&parser);
		if (r == RULE_PARSED && parser.at < parser.end)
			parser.at++; /* the comma */
	}
	if (r == RULE_PARSED)
		r = finish(&parser);
	if (r != RULE_PARSED) {
		*why = parser.why;
		return r;
	}
	*out = TAKE(rule);
	return RULE_PARSED;
}

bool rule_equals(const struct rule *a, const struct rule *b)
{
	unsigned i;

	if (a->keys != b->keys || a->type != b->type || a->eavesdrop != b->eavesdrop ||
	    a->args_count != b->args_count || a->exact_args != b->exact_args ||
	    !text_equals(a->sender, b->sender) || !text_equals(a->interface, b->interface) ||
	    !text_equals(a->member, b->member) || !text_equals(a->path, b->path) ||
	    !text_equals(a->destination, b->destination) ||
	    !text_equals(a->arg0_namespace, b->arg0_namespace))
		return false;
	for (i = 0; i < a->args_count; i++)
		if (a->args[i].index != b->args[i].index ||
		    a->args[i].is_path != b->args[i].is_path ||
		    !text_equals(a->args[i].value, b->args[i].value))
			return false;
	return true;
}
