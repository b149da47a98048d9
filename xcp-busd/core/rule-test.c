/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a rule says of one message. */
#include "core/rule.h"

/* The prefix of a path with so many elements; false if it has not so many. */
static bool path_prefix(struct text path, unsigned depth, struct text *prefix)
{
	uint32_t i;

	if (path.size == 1) {
		*prefix = path;
		return depth == 0;
	}
	if (depth == 0) {
		*prefix = (struct text){ path.bytes, 1 };
		return true;
	}
	for (i = 1; i < path.size; i++)
		if (path.bytes[i] == '/' && --depth == 0)
			break;
	*prefix = (struct text){ path.bytes, i };
	return depth == 0 || (i == path.size && depth == 1);
}

unsigned rule_path_depth(struct text path)
{
	unsigned depth = 0;
	uint32_t i;

	for (i = 0; i < path.size && path.size > 1; i++)
		depth += path.bytes[i] == '/';
	return depth;
}

/* The same of a name. */
static bool name_prefix(struct text name, unsigned depth, struct text *prefix)
{
	uint32_t i;

	for (i = 0; i < name.size; i++)
		if (name.bytes[i] == '.' && --depth == 0)
			break;
	*prefix = (struct text){ name.bytes, i };
	return depth == 0 || (i == name.size && depth == 1);
}

unsigned rule_name_depth(struct text name)
{
	unsigned depth = 1;
	uint32_t i;

	for (i = 0; i < name.size; i++)
		depth += name.bytes[i] == '.';
	return depth;
}

/* Whether the strings that a rule asks for are there. */
static bool args_cover(const struct rule *rule, const struct body_args *args)
{
	struct text prefix;
	unsigned i;

	for (i = 0; i < rule->args_count; i++) {
		const struct rule_arg *arg = &rule->args[i];

		if (arg->is_path)
			continue;
		if (arg->index >= args->count || args->type[arg->index] != 's' ||
		    !text_equals(arg->value, args->value[arg->index]))
			return false;
	}
	if (!(rule->keys & RULE_ARG0_NAMESPACE))
		return true;
	return args->count && args->type[0] == 's' &&
	       name_prefix(args->value[0], rule_name_depth(rule->arg0_namespace), &prefix) &&
	       text_equals(prefix, rule->arg0_namespace);
}

bool rule_covers(const struct rule *rule, const struct message *message,
		 const struct body_args *args)
{
	struct text prefix;

	if (((rule->keys & RULE_TYPE) && rule->type != message->type) ||
	    ((rule->keys & RULE_INTERFACE) && !text_equals(rule->interface, message->interface)) ||
	    ((rule->keys & RULE_MEMBER) && !text_equals(rule->member, message->member)) ||
	    ((rule->keys & RULE_PATH) && !text_equals(rule->path, message->path)))
		return false;
	if ((rule->keys & RULE_PATH_NAMESPACE) &&
	    (!message->path.bytes ||
	     !path_prefix(message->path, rule_path_depth(rule->path), &prefix) ||
	     !text_equals(prefix, rule->path)))
		return false;
	return args_cover(rule, args);
}

/* Equal, or one of them ends in '/' and is the beginning of the other. */
static bool paths_meet(struct text rule, struct text arg)
{
	struct text shorter = rule.size < arg.size ? rule : arg;
	struct text longer = rule.size < arg.size ? arg : rule;

	if (text_equals(rule, arg))
		return true;
	return shorter.size && shorter.bytes[shorter.size - 1] == '/' &&
	       !memcmp(shorter.bytes, longer.bytes, shorter.size);
}

bool rule_has_rest(const struct rule *rule)
{
	return (unsigned)__builtin_popcountll(rule->exact_args) != rule->args_count;
}

bool rule_matches_rest(const struct rule *rule, const struct body_args *args)
{
	unsigned i;

	for (i = 0; i < rule->args_count; i++) {
		const struct rule_arg *arg = &rule->args[i];

		if (!arg->is_path)
			continue;
		if (arg->index >= args->count ||
		    (args->type[arg->index] != 's' && args->type[arg->index] != 'o') ||
		    !paths_meet(arg->value, args->value[arg->index]))
			return false;
	}
	return true;
}
