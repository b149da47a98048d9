/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who owns a well-known name, for subscriptions to its signals: a signal bears the unique name of
 * its sender. The bus answers and reports in the order in which it passes signals on, so what is
 * known here when a signal is dispatched is what was true when it was sent. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "libxcpbus/private.h"

struct owner {
	struct list link; /* xcpbus::owners */
	char *name, *unique_name;
	unsigned users;
	struct match *match; /* of NameOwnerChanged */
	struct xcpbus_slot *asking; /* the call of GetNameOwner */
};

static void owner_set(struct owner *owner, const char *unique_name)
{
	char *copy = strdup(unique_name);

	if (!copy)
		return; /* it stays what it was: better silent than somebody else's signals */
	free(owner->unique_name);
	owner->unique_name = copy;
}

static void owner_free(struct owner *owner)
{
	list_remove(&owner->link);
	xcpbus_slot_free(owner->asking);
	match_put(owner->match);
	free(owner->name);
	free(owner->unique_name);
	free(owner);
}

static void on_owner(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		     void *data)
{
	struct owner *owner = data;
	const char *unique_name = "";

	(void)bus;
	(void)error; /* NameHasNoOwner */
	owner->asking = xcpbus_slot_free(owner->asking);
	if (reply)
		xcpbus_read(reply, "s", &unique_name);
	owner_set(owner, unique_name);
}

static int ask(struct owner *owner, struct xcpbus *bus)
{
	CLEANUP(cleanup_free) char *rule = NULL;
	DBusMessage *call;
	int r;

	if (asprintf(&rule,
		     "type='signal',sender='" BUS_NAME "',interface='" BUS_NAME
		     "',member='NameOwnerChanged',path='" BUS_PATH "',arg0='%s'",
		     owner->name) < 0)
		return -ENOMEM;
	r = match_get(bus, rule, false, &owner->match, NULL);
	if (r < 0)
		return r;
	call = call_to_bus("GetNameOwner", "s", owner->name);
	if (!call)
		return -ENOMEM;
	r = xcpbus_call_async(bus, call, 0, on_owner, owner, &owner->asking);
	dbus_message_unref(call);
	return r;
}

int owner_get(struct xcpbus *bus, const char *name, struct owner **out)
{
	struct owner *owner;
	int r;

	list_for_each(owner, &bus->owners, link) {
		if (!strcmp(owner->name, name)) {
			owner->users++;
			*out = owner;
			return 0;
		}
	}
	owner = calloc(1, sizeof(*owner));
	if (!owner)
		return -ENOMEM;
	owner->users = 1;
	owner->name = strdup(name);
	owner->unique_name = strdup("");
	list_push_back(&bus->owners, &owner->link);
	r = owner->name && owner->unique_name ? ask(owner, bus) : -ENOMEM;
	if (r < 0)
		owner_free(owner);
	else
		*out = owner;
	return r;
}

void owner_put(struct owner *owner)
{
	if (owner && !--owner->users)
		owner_free(owner);
}

const char *owner_unique_name(const struct owner *owner)
{
	return owner->unique_name;
}

void owner_dispatch(struct xcpbus *bus, DBusMessage *message)
{
	const char *name, *before, *after;
	struct owner *owner;

	if (list_is_empty(&bus->owners) || !dbus_message_has_sender(message, BUS_NAME) ||
	    !dbus_message_is_signal(message, BUS_NAME, "NameOwnerChanged") ||
	    xcpbus_read(message, "sss", &name, &before, &after) < 0)
		return;
	list_for_each(owner, &bus->owners, link) {
		if (!strcmp(owner->name, name))
			owner_set(owner, after);
	}
}
