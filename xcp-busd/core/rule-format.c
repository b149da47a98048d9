/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A rule as text, such that rule_parse makes an equal one of it. */
#include <stdio.h>

#include "core/rule.h"

struct writer {
	char *at;
	bool has_begun;
};

static void put(struct writer *writer, const char *text)
{
	while (*text)
		*writer->at++ = *text++;
}

static void put_pair(struct writer *writer, const char *key, struct text value)
{
	uint32_t i;

	if (!value.bytes)
		return;
	put(writer, writer->has_begun ? "," : "");
	put(writer, key);
	put(writer, "='");
	for (i = 0; i < value.size; i++) {
		/* Nothing is special inside apostrophes, so one of those stands outside. */
		if (value.bytes[i] == '\'')
			put(writer, "'\\''");
		else
			*writer->at++ = value.bytes[i];
	}
	put(writer, "'");
	writer->has_begun = true;
}

const char *rule_format(const struct rule *rule, char out[RULE_FORMAT_MAX])
{
	static const char *const types[] = { NULL, "method_call", "method_return", "error",
					     "signal" };
	bool is_namespace = rule->keys & RULE_PATH_NAMESPACE;
	struct writer writer = { .at = out };
	char key[16];
	unsigned i;

	put_pair(&writer, "type", text_of(types[rule->type]));
	put_pair(&writer, "sender", rule->sender);
	put_pair(&writer, "interface", rule->interface);
	put_pair(&writer, "member", rule->member);
	put_pair(&writer, is_namespace ? "path_namespace" : "path", rule->path);
	put_pair(&writer, "destination", rule->destination);
	for (i = 0; i < rule->args_count; i++) {
		snprintf(key, sizeof(key), "arg%u%s", rule->args[i].index,
			 rule->args[i].is_path ? "path" : "");
		put_pair(&writer, key, rule->args[i].value);
	}
	put_pair(&writer, "arg0namespace", rule->arg0_namespace);
	if (rule->keys & RULE_EAVESDROP)
		put_pair(&writer, "eavesdrop", text_of(rule->eavesdrop ? "true" : "false"));
	*writer.at = '\0';
	return out;
}
