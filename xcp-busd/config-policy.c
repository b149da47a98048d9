/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <policy>, <allow> and <deny>: from attributes to rules. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config-private.h"

static bool parse_number(const char *text, uint64_t max, uint32_t *out)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || end == text || text[0] < '0' || text[0] > '9' || value > max)
		return false;
	*out = (uint32_t)value;
	return true;
}

static bool find_user(const char *name, uint32_t *uid)
{
	const struct passwd *entry = getpwnam(name);

	if (entry)
		*uid = (uint32_t)entry->pw_uid;
	return entry || parse_number(name, UINT32_MAX - 1, uid);
}

static bool find_group(const char *name, uint32_t *gid)
{
	const struct group *entry = getgrnam(name);

	if (entry)
		*gid = (uint32_t)entry->gr_gid;
	return entry || parse_number(name, UINT32_MAX - 1, gid);
}

static bool parse_uuid(const char *text, uint8_t uuid[16])
{
	static const char hex[] = "0123456789abcdef";
	unsigned digits = 0;
	size_t i;

	if (strlen(text) != 36)
		return false;
	for (i = 0; i < 36; i++) {
		const char *found = memchr(hex, text[i] | 0x20, 16);

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return false;
			continue;
		}
		if (!found || text[i] == '\0')
			return false;
		uuid[digits / 2] = (uint8_t)(uuid[digits / 2] << 4 | (found - hex));
		digits++;
	}
	return true;
}

enum { DOMID_MAX = 0x7fef };

static void set_domain(struct config_reader *reader, const char *value)
{
	struct policy_scope *scope = &reader->scope;

	if (!strcmp(value, "*")) {
		scope->kind = POLICY_ALL_DOMAINS;
	} else if (parse_number(value, DOMID_MAX, &scope->id)) {
		scope->kind = POLICY_DOMAIN_ID;
		if (!scope->id)
			config_complain(reader, "domain 0 has users and groups: write user= or "
						"group=");
	} else if (parse_uuid(value, scope->uuid)) {
		scope->kind = POLICY_DOMAIN_UUID;
	} else {
		memset(scope->uuid, 0, sizeof(scope->uuid));
		scope->kind = POLICY_DOMAIN_NAME;
		if (!*value || strlen(value) >= sizeof(scope->domain_name))
			config_complain(reader, "not the name of a domain: %.100s", value);
		else
			strcpy(scope->domain_name, value);
	}
}

static void set_context(struct config_reader *reader, const char *value)
{
	if (!strcmp(value, "default"))
		reader->scope.kind = POLICY_DEFAULT;
	else if (!strcmp(value, "mandatory"))
		reader->scope.kind = POLICY_MANDATORY;
	else
		config_complain(reader, "context is default or mandatory, not %.100s", value);
}

static void set_user(struct config_reader *reader, const char *value)
{
	reader->scope.kind = POLICY_USER;
	reader->is_scope_ignored = !find_user(value, &reader->scope.id);
	if (reader->is_scope_ignored)
		config_note(reader->config,
			    "%.200s: the policy for user %.64s is ignored: there is "
			    "no such user",
			    reader->path, value);
}

static void set_group(struct config_reader *reader, const char *value)
{
	reader->scope.kind = POLICY_GROUP;
	reader->is_scope_ignored = !find_group(value, &reader->scope.id);
	if (reader->is_scope_ignored)
		config_note(reader->config,
			    "%.200s: the policy for group %.64s is ignored: there "
			    "is no such group",
			    reader->path, value);
}

static void set_console(struct config_reader *reader, const char *value)
{
	reader->scope.kind = POLICY_NO_CONSOLE;
	if (!strcmp(value, "true")) {
		reader->is_scope_ignored = true;
		config_note(reader->config,
			    "at_console=\"true\" is ignored: nobody is at the console");
	} else if (strcmp(value, "false") != 0) {
		config_complain(reader, "at_console is true or false, not %.100s", value);
	}
}

void config_begin_policy(struct config_reader *reader, const XML_Char **attributes)
{
	static const struct {
		const char *name;
		void (*set)(struct config_reader *reader, const char *value);
	} scopes[] = {
		{ "context", set_context },    { "user", set_user },     { "group", set_group },
		{ "at_console", set_console }, { "domain", set_domain },
	};
	struct config *config = reader->config;
	size_t i;

	reader->scope = (struct policy_scope){ 0 };
	reader->is_scope_ignored = false;
	if (!attributes[0] || attributes[2]) {
		config_complain(reader, "<policy> has one attribute: context, user, group, "
					"at_console or domain");
		return;
	}
	for (i = 0; i < sizeof(scopes) / sizeof(*scopes); i++)
		if (!strcmp(scopes[i].name, attributes[0]))
			break;
	if (i == sizeof(scopes) / sizeof(*scopes)) {
		config_complain(reader, "<policy> has no attribute %.100s", attributes[0]);
		return;
	}
	if (!config->policy)
		config->policy = policy_new();
	if (!config->policy)
		config_complain(reader, "no memory");
	else
		scopes[i].set(reader, attributes[1]);
	config->has_user_policy |= scopes[i].set != set_domain;
}

/* A rule on its way: which attributes it has decides what it is. */
struct draft {
	struct config_reader *reader;
	struct policy_rule rule;
	bool allow;
	bool is_send, is_receive, is_connect;
	bool has_modifier; /* of a rule to send or receive */
	bool has_eavesdrop;
	bool is_unknown; /* about a user or group that is not there */
	unsigned alone; /* how many of those that must be alone */
};

/* NULL stands for all. */
static const char *unless_all(const char *value)
{
	return strcmp(value, "*") != 0 ? value : NULL;
}

static bool take_bool(struct draft *draft, const char *name, const char *value)
{
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		config_complain(draft->reader, "%s is true or false, not %.100s", name, value);
	return !strcmp(value, "true");
}

static void take_interface(struct draft *draft, const char *name, const char *value)
{
	(void)name;
	draft->rule.interface = value;
}

static void take_member(struct draft *draft, const char *name, const char *value)
{
	(void)name;
	draft->rule.member = value;
}

static void take_error(struct draft *draft, const char *name, const char *value)
{
	(void)name;
	draft->rule.error = value;
}

static void take_path(struct draft *draft, const char *name, const char *value)
{
	(void)name;
	draft->rule.path = value;
}

static void take_other_end(struct draft *draft, const char *name, const char *value)
{
	if (draft->rule.name)
		config_complain(draft->reader, "a name and a prefix exclude each other");
	draft->rule.is_prefix = strstr(name, "_prefix") != NULL;
	draft->rule.name = value;
}

static void take_type(struct draft *draft, const char *name, const char *value)
{
	static const char *const types[] = { "*", "method_call", "method_return", "error",
					     "signal" };
	uint8_t i;

	for (i = 0; i < sizeof(types) / sizeof(*types) && strcmp(types[i], value) != 0; i++)
		;
	if (i == sizeof(types) / sizeof(*types))
		config_complain(draft->reader, "%s has no value %.100s", name, value);
	draft->rule.type = i;
}

static void take_requested(struct draft *draft, const char *name, const char *value)
{
	draft->rule.requested_reply = take_bool(draft, name, value);
}

static void take_broadcast(struct draft *draft, const char *name, const char *value)
{
	draft->rule.broadcast = take_bool(draft, name, value) ? 1 : -1;
}

/* Ours: the domain at the other end. */
static void take_domain(struct draft *draft, const char *name, const char *value)
{
	if (!strcmp(value, "same"))
		draft->rule.domains = POLICY_SAME_DOMAIN;
	else if (parse_number(value, DOMID_MAX, &draft->rule.domid))
		draft->rule.domains = POLICY_ONE_DOMAIN;
	else if (strcmp(value, "*") != 0)
		config_complain(draft->reader, "%s is a domain id, same or *, not %.100s", name,
				value);
}

static void take_eavesdrop(struct draft *draft, const char *name, const char *value)
{
	draft->has_eavesdrop = true;
	draft->rule.eavesdrop = take_bool(draft, name, value);
}

static void take_fds(struct draft *draft, const char *name, const char *value)
{
	uint32_t *bound = name[1] == 'a' ? &draft->rule.max_fds : &draft->rule.min_fds;

	if (!parse_number(value, POLICY_FDS_MAX, bound))
		config_complain(draft->reader, "%s is a number of descriptors, not %.100s", name,
				value);
}

/* dbus-daemon takes any text for false here. */
static void take_log(struct draft *draft, const char *name, const char *value)
{
	(void)name;
	draft->rule.to_log = !strcmp(value, "true");
}

/* To start is ours. */
static void take_name(struct draft *draft, const char *name, const char *value)
{
	draft->rule.kind = name[0] == 'o' ? POLICY_OWN : POLICY_START;
	draft->rule.is_prefix = strstr(name, "_prefix") != NULL;
	draft->rule.name = draft->rule.is_prefix ? value : unless_all(value);
}

static void take_connect(struct draft *draft, const char *name, const char *value)
{
	bool is_user = !strcmp(name, "user");

	draft->is_connect = true;
	draft->rule.kind = is_user ? POLICY_CONNECT_USER : POLICY_CONNECT_GROUP;
	draft->rule.any_id = !unless_all(value);
	if (draft->rule.any_id)
		return;
	draft->is_unknown =
		is_user ? !find_user(value, &draft->rule.id) : !find_group(value, &draft->rule.id);
	if (draft->is_unknown)
		config_note(draft->reader->config,
			    "%.200s: a rule for %s %.64s is ignored: there "
			    "is no such %s",
			    draft->reader->path, name, value, name);
}

enum form { SEND, RECEIVE, EITHER, ALONE };

static const struct rule_attribute {
	const char *name;
	enum form form;
	bool takes_all; /* "*" is as if it were absent */
	void (*take)(struct draft *draft, const char *name, const char *value);
} rule_attributes[] = {
	{ "send_interface", SEND, true, take_interface },
	{ "send_member", SEND, true, take_member },
	{ "send_error", SEND, true, take_error },
	{ "send_destination", SEND, true, take_other_end },
	{ "send_destination_prefix", SEND, false, take_other_end },
	{ "send_path", SEND, true, take_path },
	{ "send_type", SEND, true, take_type },
	{ "send_requested_reply", SEND, false, take_requested },
	{ "send_broadcast", SEND, false, take_broadcast },
	{ "send_domain", SEND, true, take_domain },
	{ "receive_interface", RECEIVE, true, take_interface },
	{ "receive_member", RECEIVE, true, take_member },
	{ "receive_error", RECEIVE, true, take_error },
	{ "receive_sender", RECEIVE, true, take_other_end },
	{ "receive_sender_prefix", RECEIVE, false, take_other_end },
	{ "receive_path", RECEIVE, true, take_path },
	{ "receive_type", RECEIVE, true, take_type },
	{ "receive_requested_reply", RECEIVE, false, take_requested },
	{ "receive_domain", RECEIVE, true, take_domain },
	{ "eavesdrop", EITHER, false, take_eavesdrop },
	{ "min_fds", EITHER, false, take_fds },
	{ "max_fds", EITHER, false, take_fds },
	{ "own", ALONE, false, take_name },
	{ "own_prefix", ALONE, false, take_name },
	{ "start", ALONE, false, take_name },
	{ "start_prefix", ALONE, false, take_name },
	{ "user", ALONE, false, take_connect },
	{ "group", ALONE, false, take_connect },
};

static void take_attribute(struct draft *draft, const char *name, const char *value)
{
	const struct rule_attribute *known = rule_attributes;
	const struct rule_attribute *end =
		known + sizeof(rule_attributes) / sizeof(*rule_attributes);

	if (!strcmp(name, "log")) {
		take_log(draft, name, value);
		return;
	}
	while (known < end && strcmp(known->name, name) != 0)
		known++;
	if (known == end) {
		config_complain(draft->reader, "a rule has no attribute %.100s", name);
		return;
	}
	draft->is_send |= known->form == SEND;
	draft->is_receive |= known->form == RECEIVE;
	draft->has_modifier |= known->form == EITHER;
	draft->alone += known->form == ALONE;
	if (!known->takes_all || unless_all(value))
		known->take(draft, name, value);
}

/* What cannot be combined, in the manual's order. */
static void check(struct draft *draft, const XML_Char **attributes)
{
	struct config_reader *reader = draft->reader;
	const struct policy_rule *rule = &draft->rule;
	bool has_member = config_attribute(attributes, "send_member") ||
			  config_attribute(attributes, "receive_member");
	bool has_interface = config_attribute(attributes, "send_interface") ||
			     config_attribute(attributes, "receive_interface");
	bool has_path = config_attribute(attributes, "send_path") ||
			config_attribute(attributes, "receive_path");
	bool has_error = config_attribute(attributes, "send_error") ||
			 config_attribute(attributes, "receive_error");
	bool is_message = draft->is_send || draft->is_receive || draft->has_modifier;

	if (!draft->is_send && !draft->is_receive && !draft->has_eavesdrop && !draft->alone)
		config_complain(reader, "the rule says neither what nor who");
	else if (has_member && !has_interface && !has_path)
		config_complain(reader, "a member needs an interface or a path beside it");
	else if (draft->alone + is_message > 1)
		config_complain(reader, "own, start, user and group stand alone");
	else if (draft->is_send && draft->is_receive)
		config_complain(reader, "attributes for sending and for receiving exclude each "
					"other");
	else if (has_error && (has_interface || has_member))
		config_complain(reader, "an error has neither interface nor member");
	else if (rule->broadcast > 0 && rule->name && !rule->is_prefix)
		config_complain(reader, "a broadcast has no destination");
}

static bool is_for_all(const struct policy_scope *scope)
{
	return scope->kind == POLICY_DEFAULT || scope->kind == POLICY_MANDATORY;
}

void config_add_rule(struct config_reader *reader, bool allow, const XML_Char **attributes)
{
	struct draft draft = { .reader = reader, .allow = allow };
	size_t i;

	policy_rule_init(&draft.rule, POLICY_SEND, allow);
	for (i = 0; attributes[i] && !reader->has_failed; i += 2)
		take_attribute(&draft, attributes[i], attributes[i + 1]);
	if (!reader->has_failed)
		check(&draft, attributes);
	if (reader->has_failed || draft.is_unknown || reader->is_scope_ignored)
		return;
	if (!draft.alone)
		draft.rule.kind = draft.is_send ? POLICY_SEND : POLICY_RECEIVE;
	if (draft.is_connect && !is_for_all(&reader->scope))
		config_complain(reader, "who may connect is said for all, in the contexts default "
					"and mandatory");
	else if (policy_add(reader->config->policy, &reader->scope, &draft.rule) < 0)
		config_complain(reader, "no memory");
}
