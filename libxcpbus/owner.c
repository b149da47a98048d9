/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who owns a name: for programs that want to know, and for subscriptions to the signals of a
 * well-known name, because a signal bears the unique name of its sender. The bus answers and
 * reports in the order in which it passes signals on, so what is known here when a signal is
 * dispatched is what was true when it was sent. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "libxcpbus/private.h"

struct owner {
	struct list link; /* xcpbus::owners */
	char *name, *unique_name;
	bool is_known; /* the bus has said who it is, or there is no bus */
	unsigned users;
	struct match *match; /* of NameOwnerChanged */
	struct xcpbus_slot *asking; /* the call of GetNameOwner */
};

struct watcher {
	struct xcpbus_slot slot; /* xcpbus::watchers */
	struct owner *owner;
	char *name; /* its own: it may outlive the owner */
	char *told; /* NULL: nothing yet */
	xcpbus_owner_fn fn;
	void *data;
};

static void owner_set(struct owner *owner, const char *unique_name)
{
	char *copy = strdup(unique_name);

	if (!copy)
		return; /* it stays what it was: better silent than somebody else's signals */
	free(owner->unique_name);
	owner->unique_name = copy;
	owner->is_known = true;
}

/* ---- watchers ---- */

static void tell(struct watcher *watcher)
{
	struct owner *owner = watcher->owner;
	char *now;

	if (!owner->is_known || (watcher->told && !strcmp(watcher->told, owner->unique_name)))
		return;
	now = strdup(owner->unique_name);
	if (!now)
		return; /* with the next change */
	free(watcher->told);
	watcher->told = now;
	watcher->fn(watcher->slot.bus, watcher->name, now, watcher->data);
}

static void tell_all(struct xcpbus *bus)
{
	struct watcher *watcher;

	bus->has_untold = false;
	list_for_each(watcher, &bus->watchers, slot.link) {
		if (!watcher->slot.is_dead && bus_goes_on(bus))
			tell(watcher);
	}
}

void watchers_tell_new(struct xcpbus *bus)
{
	if (bus->has_untold)
		tell_all(bus);
}

static void watcher_cancel(struct xcpbus_slot *slot)
{
	struct watcher *watcher = container_of(slot, struct watcher, slot);

	owner_put(TAKE(watcher->owner));
}

static void watcher_free(struct xcpbus_slot *slot)
{
	struct watcher *watcher = container_of(slot, struct watcher, slot);

	free(watcher->name);
	free(watcher->told);
	free(watcher);
}

static const struct slot_ops watcher_ops = { .cancel = watcher_cancel, .free = watcher_free };

int xcpbus_watch_name(struct xcpbus *bus, const char *name, xcpbus_owner_fn fn, void *data,
		      struct xcpbus_slot **slot)
{
	struct watcher *watcher;
	int r;

	if (!dbus_validate_bus_name(name, NULL))
		return -EINVAL;
	watcher = calloc(1, sizeof(*watcher));
	if (!watcher)
		return -ENOMEM;
	r = bus_check(bus);
	watcher->name = strdup(name);
	if (r == 0)
		r = watcher->name ? owner_get(bus, name, &watcher->owner) : -ENOMEM;
	if (r < 0) {
		watcher_free(&watcher->slot);
		return r;
	}
	watcher->fn = fn;
	watcher->data = data;
	slot_add(&watcher->slot, bus, &watcher_ops, &bus->watchers, slot);
	if (watcher->owner->is_known)
		bus->has_untold = true;
	event_update(bus);
	return 0;
}

/* ---- owners ---- */

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

	(void)error; /* NameHasNoOwner */
	owner->asking = xcpbus_slot_free(owner->asking);
	if (bus->failure)
		return; /* it will be asked for again */
	if (reply)
		xcpbus_read(reply, "s", &unique_name);
	owner_set(owner, unique_name);
	tell_all(bus);
}

static int ask(struct owner *owner, struct xcpbus *bus)
{
	CLEANUP(cleanup_free) char *rule = NULL;
	int r;

	if (asprintf(&rule,
		     "type='signal',sender='" BUS_NAME "',interface='" BUS_NAME
		     "',member='NameOwnerChanged',path='" BUS_PATH "',arg0='%s'",
		     owner->name) < 0)
		return -ENOMEM;
	r = match_get(bus, rule, false, &owner->match, NULL);
	if (r < 0)
		return r;
	return call_bus(bus, call_to_bus("GetNameOwner", "s", owner->name), on_owner, owner,
			&owner->asking);
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
	tell_all(bus);
}

/* Whoever it was is out of reach. */
void owners_lost(struct xcpbus *bus)
{
	struct owner *owner;

	list_for_each(owner, &bus->owners, link)
		owner_set(owner, "");
	tell_all(bus);
}

void owners_restore(struct xcpbus *bus)
{
	struct owner *owner;

	list_for_each(owner, &bus->owners, link) {
		match_restore(bus, owner->match);
		call_bus(bus, call_to_bus("GetNameOwner", "s", owner->name), on_owner, owner,
			 &owner->asking);
	}
}
