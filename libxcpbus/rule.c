/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match rules of the D-Bus specification, on the receiving side: several subscriptions share one
 * connection, so each signal that arrives is held against each rule. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "libxcpbus/private.h"

enum { ARG_MAX_INDEX = 63, KEY_MAX = 32, RULE_MAX = 4096 };

enum rule_key {
	KEY_SENDER,
	KEY_INTERFACE,
	KEY_MEMBER,
	KEY_PATH,
	KEY_PATH_NAMESPACE,
	KEY_DESTINATION,
	KEY_COUNT
};

enum arg_kind { ARG_NONE, ARG_EQUAL, ARG_PATH, ARG_NAMESPACE };

struct rule_arg {
	enum arg_kind kind;
	char *value;
};

struct rule {
	int type; /* 0: any */
	char *keys[KEY_COUNT];
	struct rule_arg args[ARG_MAX_INDEX + 1];
	int arg_count; /* one more than the highest index */
};

static bool is_ok_bus_name(const char *value)
{
	return dbus_validate_bus_name(value, NULL);
}

static bool is_ok_interface(const char *value)
{
	return dbus_validate_interface(value, NULL);
}

static bool is_ok_member(const char *value)
{
	return dbus_validate_member(value, NULL);
}

static bool is_ok_path(const char *value)
{
	return dbus_validate_path(value, NULL);
}

static const struct {
	const char *name;
	bool (*is_ok)(const char *value);
} keys[KEY_COUNT] = {
	[KEY_SENDER] = { "sender", is_ok_bus_name },
	[KEY_INTERFACE] = { "interface", is_ok_interface },
	[KEY_MEMBER] = { "member", is_ok_member },
	[KEY_PATH] = { "path", is_ok_path },
	[KEY_PATH_NAMESPACE] = { "path_namespace", is_ok_path },
	[KEY_DESTINATION] = { "destination", is_ok_bus_name },
};

/* ---- parse ---- */

/* Reads key= and leaves text behind it. */
static bool parse_key(const char **text, char key[KEY_MAX])
{
	size_t size = strcspn(*text, "=");

	if ((*text)[size] != '=' || !size || size >= KEY_MAX)
		return false;
	memcpy(key, *text, size);
	key[size] = '\0';
	*text += size + 1;
	return true;
}

/* Apostrophes quote; outside of them \' is one. */
static bool parse_value(const char **text, char value[RULE_MAX])
{
	bool is_quoted = false;
	const char *at = *text;
	size_t used = 0;

	for (; *at && (is_quoted || *at != ','); at++) {
		if (*at == '\'') {
			is_quoted = !is_quoted;
			continue;
		}
		if (!is_quoted && at[0] == '\\' && at[1] == '\'')
			at++;
		value[used++] = *at;
	}
	value[used] = '\0';
	*text = *at ? at + 1 : at;
	return !is_quoted;
}

static int parse_type(struct rule *rule, const char *value)
{
	if (rule->type)
		return -EINVAL;
	rule->type = dbus_message_type_from_string(value);
	return rule->type ? 0 : -EINVAL;
}

static int set_key(struct rule *rule, unsigned key, const char *value)
{
	if (rule->keys[key] || !keys[key].is_ok(value))
		return -EINVAL;
	rule->keys[key] = strdup(value);
	return rule->keys[key] ? 0 : -ENOMEM;
}

/* argN, argNpath, arg0namespace */
static int parse_arg(struct rule *rule, const char *key, const char *value)
{
	enum arg_kind kind;
	char *end;
	unsigned long index;

	if (strncmp(key, "arg", 3) || !isdigit((unsigned char)key[3]))
		return -EINVAL;
	index = strtoul(key + 3, &end, 10);
	if (!*end)
		kind = ARG_EQUAL;
	else if (!strcmp(end, "path"))
		kind = ARG_PATH;
	else if (!strcmp(end, "namespace") && index == 0)
		kind = ARG_NAMESPACE;
	else
		return -EINVAL;
	if (index > ARG_MAX_INDEX || rule->args[index].kind != ARG_NONE)
		return -EINVAL;
	rule->args[index].value = strdup(value);
	if (!rule->args[index].value)
		return -ENOMEM;
	rule->args[index].kind = kind;
	if ((int)index >= rule->arg_count)
		rule->arg_count = (int)index + 1;
	return 0;
}

static int parse_pair(struct rule *rule, const char *key, const char *value)
{
	unsigned i;

	if (!strcmp(key, "type"))
		return parse_type(rule, value);
	if (!strcmp(key, "eavesdrop"))
		return !strcmp(value, "true") || !strcmp(value, "false") ? 0 : -EINVAL;
	for (i = 0; i < KEY_COUNT; i++)
		if (!strcmp(key, keys[i].name))
			return set_key(rule, i, value);
	return parse_arg(rule, key, value);
}

static int parse_all(struct rule *rule, const char *text, struct xcpbus_error *error)
{
	CLEANUP(cleanup_free) char *value = malloc(RULE_MAX);
	char key[KEY_MAX];
	int r;

	if (!value)
		return error_fail(error, -ENOMEM, "out of memory");
	while (*text) {
		text += strspn(text, " \t\r\n");
		if (!parse_key(&text, key))
			return error_fail(
				error, -EINVAL,
				"a match rule is key='value' with commas between, but this "
				"has '%.100s'",
				text);
		if (!parse_value(&text, value))
			return error_fail(error, -EINVAL, "no apostrophe after the value of %s",
					  key);
		r = parse_pair(rule, key, value);
		if (r < 0)
			return error_fail(error, r,
					  "%s='%.200s' is not valid in a match rule, or "
					  "there twice",
					  key, value);
	}
	if (rule->keys[KEY_PATH] && rule->keys[KEY_PATH_NAMESPACE])
		return error_fail(error, -EINVAL,
				  "a match rule has path or path_namespace, not both");
	return 0;
}

int rule_parse(const char *text, struct rule **out, struct xcpbus_error *error)
{
	struct rule *rule;
	int r;

	if (strlen(text) >= RULE_MAX)
		return error_fail(error, -EINVAL, "the match rule is too long");
	rule = calloc(1, sizeof(*rule));
	if (!rule)
		return error_fail(error, -ENOMEM, "out of memory");
	r = parse_all(rule, text, error);
	if (r < 0)
		rule_free(rule);
	else
		*out = rule;
	return r;
}

struct rule *rule_free(struct rule *rule)
{
	unsigned i;

	if (!rule)
		return NULL;
	for (i = 0; i < KEY_COUNT; i++)
		free(rule->keys[i]);
	for (i = 0; i <= ARG_MAX_INDEX; i++)
		free(rule->args[i].value);
	free(rule);
	return NULL;
}

const char *rule_sender(const struct rule *rule)
{
	return rule->keys[KEY_SENDER];
}

/* ---- test ---- */

static bool is_equal(const char *wanted, const char *found)
{
	return !wanted || (found && !strcmp(wanted, found));
}

static bool is_below(const char *name, const char *root, char separator)
{
	size_t size = strlen(root);

	return !strncmp(name, root, size) && (!name[size] || name[size] == separator);
}

static bool is_path_below(const char *wanted, const char *path)
{
	if (!wanted || !strcmp(wanted, "/"))
		return true;
	return path && is_below(path, wanted, '/');
}

static bool ends_with_slash(const char *text)
{
	size_t size = strlen(text);

	return size && text[size - 1] == '/';
}

/* Either is the other, or a directory of the other. */
static bool is_path_related(const char *wanted, const char *found)
{
	if (!strcmp(wanted, found))
		return true;
	return (ends_with_slash(wanted) && !strncmp(found, wanted, strlen(wanted))) ||
	       (ends_with_slash(found) && !strncmp(wanted, found, strlen(found)));
}

static bool arg_matches(const struct rule_arg *arg, DBusMessageIter *iter)
{
	int type = dbus_message_iter_get_arg_type(iter);
	const char *found;

	if (arg->kind == ARG_NONE)
		return true;
	if (type != DBUS_TYPE_STRING && (type != DBUS_TYPE_OBJECT_PATH || arg->kind != ARG_PATH))
		return false;
	dbus_message_iter_get_basic(iter, &found);
	switch (arg->kind) {
	case ARG_PATH:
		return is_path_related(arg->value, found);
	case ARG_NAMESPACE:
		return is_below(found, arg->value, '.');
	default:
		return !strcmp(arg->value, found);
	}
}

static bool args_match(const struct rule *rule, DBusMessage *message)
{
	DBusMessageIter iter;
	int i;

	if (!rule->arg_count)
		return true;
	if (!dbus_message_iter_init(message, &iter))
		return false;
	for (i = 0; i < rule->arg_count; i++) {
		if (!arg_matches(&rule->args[i], &iter))
			return false;
		if (!dbus_message_iter_next(&iter))
			return i + 1 == rule->arg_count;
	}
	return true;
}

bool rule_matches(const struct rule *rule, DBusMessage *message, const char *sender)
{
	if (rule->type && rule->type != dbus_message_get_type(message))
		return false;
	return is_equal(sender, dbus_message_get_sender(message)) &&
	       is_equal(rule->keys[KEY_MEMBER], dbus_message_get_member(message)) &&
	       is_equal(rule->keys[KEY_INTERFACE], dbus_message_get_interface(message)) &&
	       is_equal(rule->keys[KEY_PATH], dbus_message_get_path(message)) &&
	       is_equal(rule->keys[KEY_DESTINATION], dbus_message_get_destination(message)) &&
	       is_path_below(rule->keys[KEY_PATH_NAMESPACE], dbus_message_get_path(message)) &&
	       args_match(rule, message);
}
