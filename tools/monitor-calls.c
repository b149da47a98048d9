/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-calls.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/hash.h"

enum { CALLS_MAX = 4096, KEY_MAX = 288 };

struct calls {
	struct hash_key key;
	struct call *map;
	struct list all;
	unsigned count;
	uint64_t forgotten;
};

struct calls *calls_new(void)
{
	struct calls *calls = need(calloc(1, sizeof(*calls)));

	if (getrandom(&calls->key, sizeof(calls->key), 0) != sizeof(calls->key))
		exit(fail("there is nothing random"));
	list_init(&calls->all);
	return calls;
}

struct call *call_free(struct call *call)
{
	if (!call)
		return NULL;
	free(call->key);
	free(call->caller);
	free(call->destination);
	free(call->callee);
	free(call->about);
	free(call->name);
	free(call->path);
	free(call->interface);
	free(call->member);
	free(call);
	return NULL;
}

static struct call *take(struct calls *calls, struct call *call)
{
	MAP_REMOVE(calls->map, call);
	list_remove(&call->link);
	calls->count--;
	return call;
}

struct calls *calls_free(struct calls *calls)
{
	struct call *call;

	if (!calls)
		return NULL;
	while ((call = list_first(&calls->all, struct call, link)))
		call_free(take(calls, call));
	free(calls);
	return NULL;
}

static struct call *find(struct calls *calls, const char *caller, uint32_t serial,
			 char key[KEY_MAX], uint64_t *hash)
{
	int size = snprintf(key, KEY_MAX, "%s %" PRIu32, caller, serial);
	struct call *call;

	*hash = hash_bytes(&calls->key, key, (size_t)size);
	MAP_FIND(calls->map, key, (size_t)size, *hash, call);
	return call;
}

static char *keep(const char *text)
{
	return need(strndup(text ? text : "", CALL_TEXT_MAX));
}

/* What the answer will be about. */
static void keep_property(struct call *call, DBusMessage *message)
{
	const char *interface = NULL, *name = NULL;

	if (dbus_message_has_interface(message, DBUS_INTERFACE_PROPERTIES) &&
	    xcpbus_read(message, "ss", &interface, &name) < 0)
		xcpbus_read(message, "s", &interface);
	call->about = keep(interface);
	call->name = keep(name);
}

struct call *calls_add(struct calls *calls, DBusMessage *message, const char *callee,
		       uint64_t now_us)
{
	const char *caller = dbus_message_get_sender(message);
	char key[KEY_MAX];
	uint64_t hash;
	/* A serial that is used twice is the caller's mistake. */
	struct call *call = find(calls, caller, dbus_message_get_serial(message), key, &hash);

	if (call)
		call_free(take(calls, call));
	if (calls->count == CALLS_MAX) {
		call_free(take(calls, list_first(&calls->all, struct call, link)));
		calls->forgotten++;
	}
	call = need(calloc(1, sizeof(*call)));
	call->key = copy_text(key);
	call->begin_us = now_us;
	call->caller = copy_text(caller);
	call->destination = keep(dbus_message_get_destination(message));
	call->callee = keep(callee);
	call->path = keep(dbus_message_get_path(message));
	call->interface = keep(dbus_message_get_interface(message));
	call->member = keep(dbus_message_get_member(message));
	keep_property(call, message);
	list_push_back(&calls->all, &call->link);
	MAP_ADD(calls->map, call->key, strlen(key), hash, call);
	need(call->hh.tbl);
	calls->count++;
	return call;
}

const struct call *calls_find(struct calls *calls, const char *caller, uint32_t serial)
{
	char key[KEY_MAX];
	uint64_t hash;

	return find(calls, caller, serial, key, &hash);
}

struct call *calls_take(struct calls *calls, const char *caller, uint32_t serial)
{
	char key[KEY_MAX];
	uint64_t hash;
	struct call *call = find(calls, caller, serial, key, &hash);

	return call ? take(calls, call) : NULL;
}

unsigned calls_chosen(const struct calls *calls)
{
	const struct call *call;
	unsigned count = 0;

	list_for_each(call, &calls->all, link)
		count += call->is_chosen;
	return count;
}

uint64_t calls_forgotten(const struct calls *calls)
{
	return calls->forgotten;
}

const struct call *calls_oldest(const struct calls *calls)
{
	return list_first(&calls->all, struct call, link);
}

const struct call *calls_next(const struct calls *calls, const struct call *call)
{
	return call->link.next == &calls->all ? NULL
					      : container_of(call->link.next, struct call, link);
}
