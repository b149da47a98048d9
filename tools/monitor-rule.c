/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-rule.h"

#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 80, ARGS_MAX = 64 };

enum key_kind {
	KEY_TYPE,
	KEY_SENDER,
	KEY_DESTINATION,
	KEY_INTERFACE,
	KEY_MEMBER,
	KEY_PATH,
	KEY_PATH_NAMESPACE,
	KEY_EAVESDROP,
	KEY_ARG,
	KEY_ARG_PATH,
	KEY_ARG_NAMESPACE,
};

struct condition {
	enum key_kind kind;
	int arg; /* of the last three */
	char *value;
};

struct match_rule {
	struct condition conditions[KEYS_MAX];
	unsigned count;
};

/* ---- Reading it ---- */

/* "arg3", "arg3path", "arg0namespace". */
static bool read_arg_key(const char *key, size_t size, struct condition *condition)
{
	char *end;
	unsigned long number;

	if (size < 4 || strncmp(key, "arg", 3) != 0 || key[3] < '0' || key[3] > '9')
		return false;
	number = strtoul(key + 3, &end, 10);
	size -= (size_t)(end - key);
	condition->arg = (int)number;
	if (size == 0)
		condition->kind = KEY_ARG;
	else if (size == 4 && !strncmp(end, "path", size))
		condition->kind = KEY_ARG_PATH;
	else if (size == 9 && !strncmp(end, "namespace", size) && number == 0)
		condition->kind = KEY_ARG_NAMESPACE;
	else
		return false;
	return number < ARGS_MAX;
}

static bool read_key(const char *key, size_t size, struct condition *condition)
{
	static const char *const names[] = {
		[KEY_TYPE] = "type",
		[KEY_SENDER] = "sender",
		[KEY_DESTINATION] = "destination",
		[KEY_INTERFACE] = "interface",
		[KEY_MEMBER] = "member",
		[KEY_PATH] = "path",
		[KEY_PATH_NAMESPACE] = "path_namespace",
		[KEY_EAVESDROP] = "eavesdrop",
	};
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strlen(names[i]) != size || strncmp(names[i], key, size) != 0)
			continue;
		condition->kind = (enum key_kind)i;
		return true;
	}
	return read_arg_key(key, size, condition);
}

/* Up to the comma. Within '' all is as it is; outside of them \' is one. NULL: a quote is open. */
static const char *read_value(const char *at, char **out)
{
	char *value = need(malloc(strlen(at) + 1));
	bool is_quoted = false;
	size_t size = 0;

	for (; *at && (is_quoted || *at != ','); at++) {
		if (*at == '\'')
			is_quoted = !is_quoted;
		else if (!is_quoted && at[0] == '\\' && at[1] == '\'')
			value[size++] = *++at;
		else
			value[size++] = *at;
	}
	value[size] = '\0';
	*out = value;
	return is_quoted ? NULL : at;
}

static bool read_condition(struct match_rule *rule, const char **at)
{
	const char *equals = strchr(*at, '=');
	struct condition *condition = &rule->conditions[rule->count];

	if (!equals || rule->count == KEYS_MAX || !read_key(*at, (size_t)(equals - *at), condition))
		return false;
	*at = read_value(equals + 1, &condition->value);
	rule->count++;
	return *at && (condition->kind != KEY_TYPE ||
		       dbus_message_type_from_string(condition->value) != 0);
}

struct match_rule *match_rule_parse(const char *text)
{
	struct match_rule *rule = need(calloc(1, sizeof(*rule)));
	const char *at = text + strspn(text, " ");

	while (at && *at) {
		if (!read_condition(rule, &at))
			return match_rule_free(rule);
		at += strspn(at, ", ");
	}
	return rule;
}

struct match_rule *match_rule_free(struct match_rule *rule)
{
	unsigned i;

	if (!rule)
		return NULL;
	for (i = 0; i < rule->count; i++)
		free(rule->conditions[i].value);
	free(rule);
	return NULL;
}

/* ---- Testing it ---- */

/* Whether what begins with a prefix goes on there with the separator, or ends. */
static bool is_below(const char *text, const char *prefix, char separator)
{
	size_t size = strlen(prefix);

	if (separator == '/' && size == 1)
		return *text == '/';
	return !strncmp(text, prefix, size) && (!text[size] || text[size] == separator);
}

/* One of the two ends with "/" and the other begins with it, or they are the same. */
static bool is_path_match(const char *a, const char *b)
{
	size_t a_size = strlen(a), b_size = strlen(b);

	return !strcmp(a, b) || (a_size && a[a_size - 1] == '/' && !strncmp(a, b, a_size)) ||
	       (b_size && b[b_size - 1] == '/' && !strncmp(a, b, b_size));
}

static const char *find_arg(DBusMessage *message, int number, int *type)
{
	DBusMessageIter iter;
	const char *text;

	if (!dbus_message_iter_init(message, &iter))
		return NULL;
	while (number-- > 0)
		if (!dbus_message_iter_next(&iter))
			return NULL;
	*type = dbus_message_iter_get_arg_type(&iter);
	if (*type != DBUS_TYPE_STRING && *type != DBUS_TYPE_OBJECT_PATH)
		return NULL;
	dbus_message_iter_get_basic(&iter, &text);
	return text;
}

static bool takes_arg(const struct condition *condition, DBusMessage *message)
{
	int type;
	const char *text = find_arg(message, condition->arg, &type);

	if (!text || (condition->kind != KEY_ARG_PATH && type != DBUS_TYPE_STRING))
		return false;
	if (condition->kind == KEY_ARG)
		return !strcmp(text, condition->value);
	if (condition->kind == KEY_ARG_PATH)
		return is_path_match(text, condition->value);
	return is_below(text, condition->value, '.');
}

static bool is_equal(const char *text, const char *value)
{
	return text && !strcmp(text, value);
}

static bool takes(const struct condition *condition, DBusMessage *message,
		  const struct names *names)
{
	const char *value = condition->value, *text;

	switch (condition->kind) {
	case KEY_TYPE:
		return dbus_message_get_type(message) == dbus_message_type_from_string(value);
	case KEY_SENDER:
		text = dbus_message_get_sender(message);
		return text && names_is_owner(names, text, value);
	case KEY_DESTINATION:
		text = dbus_message_get_destination(message);
		return text && (!strcmp(text, value) || names_is_owner(names, text, value));
	case KEY_INTERFACE:
		return is_equal(dbus_message_get_interface(message), value);
	case KEY_MEMBER:
		return is_equal(dbus_message_get_member(message), value);
	case KEY_PATH:
		return is_equal(dbus_message_get_path(message), value);
	case KEY_PATH_NAMESPACE:
		text = dbus_message_get_path(message);
		return text && is_below(text, value, '/');
	case KEY_EAVESDROP:
		return true;
	default:
		return takes_arg(condition, message);
	}
}

bool match_rule_takes(const struct match_rule *rule, DBusMessage *message,
		      const struct names *names)
{
	unsigned i;

	for (i = 0; i < rule->count; i++)
		if (!takes(&rule->conditions[i], message, names))
			return false;
	return true;
}
