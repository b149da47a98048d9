/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-driver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void take(struct credentials *credentials, const char *key, DBusMessageIter *value)
{
	const struct {
		const char *key;
		int64_t *number;
	} numbers[] = { { "org.xen.xcp.DomainID", &credentials->domid },
			{ "UnixUserID", &credentials->uid },
			{ "ProcessID", &credentials->pid } };
	int type = dbus_message_iter_get_arg_type(value);
	DBusBasicValue basic;
	size_t i;

	if (type != DBUS_TYPE_UINT32 && type != DBUS_TYPE_STRING)
		return;
	dbus_message_iter_get_basic(value, &basic);
	if (type == DBUS_TYPE_STRING && !credentials->domain &&
	    !strcmp(key, "org.xen.xcp.DomainName"))
		credentials->domain = copy_text(basic.str);
	for (i = 0; type == DBUS_TYPE_UINT32 && i < sizeof(numbers) / sizeof(*numbers); i++)
		if (!strcmp(numbers[i].key, key))
			*numbers[i].number = basic.u32;
}

static void take_all(struct credentials *credentials, DBusMessage *reply)
{
	DBusMessageIter iter, pairs, pair, value;
	const char *key;

	if (!dbus_message_has_signature(reply, "a{sv}") || !dbus_message_iter_init(reply, &iter))
		return;
	dbus_message_iter_recurse(&iter, &pairs);
	for (; dbus_message_iter_get_arg_type(&pairs) == DBUS_TYPE_DICT_ENTRY;
	     dbus_message_iter_next(&pairs)) {
		dbus_message_iter_recurse(&pairs, &pair);
		dbus_message_iter_get_basic(&pair, &key);
		dbus_message_iter_next(&pair);
		dbus_message_iter_recurse(&pair, &value);
		take(credentials, key, &value);
	}
}

static int ask(struct xcpbus *bus, const char *method, const char *name, int timeout_ms,
	       DBusMessage **reply, struct xcpbus_error *error)
{
	const struct xcpbus_target driver = { BUS_NAME, BUS_PATH, BUS_NAME, timeout_ms };

	return name ? xcpbus_call_method(bus, &driver, method, reply, error, "s", name)
		    : xcpbus_call_method(bus, &driver, method, reply, error, "");
}

static int fail_type(DBusMessage *reply, const char *method, struct xcpbus_error *error)
{
	dbus_message_unref(reply);
	if (error)
		xcpbus_error_set(error, DBUS_ERROR_FAILED, "the bus does not answer %s", method);
	return -EBADMSG;
}

int driver_credentials(struct xcpbus *bus, const char *name, int timeout_ms,
		       struct credentials *out)
{
	DBusMessage *reply;
	int r = ask(bus, "GetConnectionCredentials", name, timeout_ms, &reply, NULL);

	if (r < 0)
		return r;
	*out = (struct credentials){ .domid = -1, .uid = -1, .pid = -1 };
	take_all(out, reply);
	dbus_message_unref(reply);
	return 0;
}

int driver_owner(struct xcpbus *bus, const char *name, int timeout_ms, char **owner,
		 struct xcpbus_error *error)
{
	const char *unique;
	DBusMessage *reply;
	int r = ask(bus, "GetNameOwner", name, timeout_ms, &reply, error);

	if (r < 0)
		return r;
	if (xcpbus_read(reply, "s", &unique) < 0)
		return fail_type(reply, "GetNameOwner", error);
	*owner = copy_text(unique);
	dbus_message_unref(reply);
	return 0;
}

int driver_list(struct xcpbus *bus, const char *method, int timeout_ms, struct name_list *out,
		struct xcpbus_error *error)
{
	struct name_list list;
	int r = ask(bus, method, NULL, timeout_ms, &list.reply, error);

	if (r < 0)
		return r;
	if (xcpbus_read(list.reply, "as", &list.items, &list.count) < 0)
		return fail_type(list.reply, method, error);
	*out = list;
	return 0;
}

void name_list_deinit(struct name_list *list)
{
	free(list->items);
	dbus_message_unref(list->reply);
}

const char *program_name(char out[PROGRAM_SIZE], int64_t pid)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(out, PROGRAM_SIZE, file))
		*out = '\0';
	if (file)
		fclose(file);
	out[strcspn(out, "\n")] = '\0';
	return out;
}
