/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PropertiesChanged. A change is only marked, and told at the end of the round; what changes again
 * soon after that waits for a moment. So a property that is set a thousand times a second costs its
 * watchers ten signals, and several that change together cost one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "libxcpbus/private.h"

enum { TELLS = XCPBUS_EMITS_CHANGE | XCPBUS_EMITS_INVALIDATION };

static unsigned count_of(const struct xcpbus_interface *interface)
{
	const struct xcpbus_property *property = interface->properties;

	while (property && property->name)
		property++;
	return (unsigned)(property - interface->properties);
}

/* ---- marking ---- */

static void queue(struct export *export)
{
	struct xcpbus *bus = export->slot.bus;
	int64_t now = now_ms();

	if (export->changed_link.next != &export->changed_link)
		return;
	export->due_ms = now;
	if (export->told_ms && export->told_ms + CHANGES_INTERVAL_MS > now)
		export->due_ms = export->told_ms + CHANGES_INTERVAL_MS;
	if (list_is_empty(&bus->changed) || export->due_ms < bus->changes_due_ms)
		bus->changes_due_ms = export->due_ms;
	list_push_back(&bus->changed, &export->changed_link);
}

void change_mark(struct export *export, const struct xcpbus_property *property)
{
	unsigned count = count_of(export->interface);

	if (!(property->flags & TELLS) || export->slot.is_dead || bus_check(export->slot.bus) < 0)
		return;
	if (!export->changed)
		export->changed = calloc(count, 1);
	if (!export->changed)
		return; /* as if the signal had been lost */
	export->changed[property - export->interface->properties] = true;
	queue(export);
}

static void mark_all(struct export *export)
{
	const struct xcpbus_property *property = export->interface->properties;

	for (; property && property->name; property++)
		change_mark(export, property);
}

int xcpbus_changed(struct xcpbus *bus, const char *path, const char *interface, const char *name)
{
	struct object *object = object_find(bus, path);
	struct export *export = object ? object_find_export(object, interface) : NULL;
	const struct xcpbus_property *property;

	if (!export)
		return -ENOENT;
	if (bus_check(bus) < 0)
		return -ENOTCONN;
	if (!name) {
		mark_all(export);
	} else {
		property = property_find(export->interface, name);
		if (!property)
			return -ENOENT;
		if (!(property->flags & TELLS))
			return -EINVAL;
		change_mark(export, property);
	}
	event_update(bus);
	return 0;
}

/* ---- telling ---- */

static int append_values(DBusMessageIter *iter, const struct export *export, const bool *changed,
			 bool has_values)
{
	const struct xcpbus_property *property = export->interface->properties;
	DBusMessageIter array;
	int r = 0;

	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "{sv}", &array))
		return -ENOMEM;
	for (; has_values && r == 0 && property->name; property++, changed++) {
		if (*changed && property->get && (property->flags & XCPBUS_EMITS_CHANGE))
			r = property_append_entry(&array, property, export->data);
	}
	if (r < 0)
		dbus_message_iter_abandon_container(iter, &array);
	else if (!dbus_message_iter_close_container(iter, &array))
		r = -ENOMEM;
	return r;
}

static int append_names(DBusMessageIter *iter, const struct export *export, const bool *changed,
			bool has_values)
{
	const struct xcpbus_property *property = export->interface->properties;
	DBusMessageIter array;
	int r = 0;

	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "s", &array))
		return -ENOMEM;
	for (; r == 0 && property->name; property++, changed++) {
		bool is_told =
			has_values && property->get && (property->flags & XCPBUS_EMITS_CHANGE);

		if (*changed && !is_told)
			r = xcpbus_append_iter(&array, "s", property->name);
	}
	if (r < 0)
		dbus_message_iter_abandon_container(iter, &array);
	else if (!dbus_message_iter_close_container(iter, &array))
		r = -ENOMEM;
	return r;
}

static int tell_with(struct export *export, const char *path, const bool *changed, bool has_values)
{
	DBusMessage *message = dbus_message_new_signal(path, PROPERTIES_NAME, "PropertiesChanged");
	DBusMessageIter iter;
	int r;

	if (!message)
		return -ENOMEM;
	dbus_message_iter_init_append(message, &iter);
	r = xcpbus_append_iter(&iter, "s", export->interface->name);
	if (r == 0)
		r = append_values(&iter, export, changed, has_values);
	if (r == 0)
		r = append_names(&iter, export, changed, has_values);
	if (r == 0)
		io_send(export->slot.bus, message, NULL);
	dbus_message_unref(message);
	return r;
}

static void tell(struct export *export, int64_t now)
{
	CLEANUP(cleanup_free) bool *changed = TAKE(export->changed);
	CLEANUP(cleanup_free) char *path = strdup(export->object->path);

	list_remove(&export->changed_link);
	export->told_ms = now;
	/* A value that cannot be had is for whoever asks for it to find out. */
	if (path && tell_with(export, path, changed, true) < 0)
		tell_with(export, path, changed, false);
}

void changes_tell(struct xcpbus *bus, bool is_hurried)
{
	struct list *link;
	int64_t now;

	if (list_is_empty(&bus->changed))
		return;
	now = now_ms();
	if (!is_hurried && bus->changes_due_ms > now)
		return;
	/* To what was the last of them: the program's functions may mark more, or unexport. */
	list_push_back(&bus->changed, &bus->changes_end);
	bus->changes_due_ms = INT64_MAX;
	for (link = bus->changed.next; link != &bus->changes_end; link = bus->changed.next) {
		struct export *export = container_of(link, struct export, changed_link);

		if (is_hurried || export->due_ms <= now) {
			tell(export, now);
			continue;
		}
		list_remove(link);
		list_push_back(&bus->changed, link);
		if (export->due_ms < bus->changes_due_ms)
			bus->changes_due_ms = export->due_ms;
	}
	list_remove(&bus->changes_end);
}

void changes_tell_due(struct xcpbus *bus)
{
	changes_tell(bus, false);
}

void changes_forget(struct xcpbus *bus)
{
	struct export *export;

	while ((export = list_first(&bus->changed, struct export, changed_link))) {
		free(TAKE(export->changed));
		list_remove(&export->changed_link);
	}
}

int64_t changes_next_due(const struct xcpbus *bus)
{
	return list_is_empty(&bus->changed) ? -1 : bus->changes_due_ms;
}
