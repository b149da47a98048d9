/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Well-known names that the program wants to have, so that a new connection can ask for them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libxcpbus/private.h"

struct own {
	struct list link; /* xcpbus::names */
	char *name;
	unsigned flags;
	struct xcpbus_slot *asking; /* the call of RequestName, in a new connection */
};

static struct own *own_find(const struct xcpbus *bus, const char *name)
{
	struct own *own;

	list_for_each(own, &bus->names, link) {
		if (!strcmp(own->name, name))
			return own;
	}
	return NULL;
}

static void own_free(struct own *own)
{
	list_remove(&own->link);
	xcpbus_slot_free(own->asking);
	free(own->name);
	free(own);
}

static void forget(struct xcpbus *bus, const char *name)
{
	struct own *own = own_find(bus, name);

	if (own)
		own_free(own);
}

static int remember(struct xcpbus *bus, const char *name, unsigned flags)
{
	struct own *own = own_find(bus, name);

	if (!own) {
		own = calloc(1, sizeof(*own));
		if (!own)
			return -ENOMEM;
		list_push_back(&bus->names, &own->link);
		own->name = strdup(name);
		if (!own->name) {
			own_free(own);
			return -ENOMEM;
		}
	}
	own->flags = flags;
	return 0;
}

void names_free(struct xcpbus *bus)
{
	struct own *own;

	while ((own = list_first(&bus->names, struct own, link)))
		own_free(own);
}

/* Who does not queue has lost a name for good. */
void names_dispatch(struct xcpbus *bus, DBusMessage *message)
{
	const char *name;
	struct own *own;

	if (list_is_empty(&bus->names) || !dbus_message_has_sender(message, BUS_NAME) ||
	    !dbus_message_is_signal(message, BUS_NAME, "NameLost") ||
	    xcpbus_read(message, "s", &name) < 0)
		return;
	own = own_find(bus, name);
	if (own && (own->flags & XCPBUS_NAME_DO_NOT_QUEUE))
		own_free(own);
}

/* ---- again ---- */

static void on_requested(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
			 void *data)
{
	struct own *own = data;
	uint32_t outcome = 0;

	own->asking = xcpbus_slot_free(own->asking);
	if (reply)
		xcpbus_read(reply, "u", &outcome);
	if (error)
		reconnect_complain(bus, error->name, "the name %s is not ours again: %s", own->name,
				   error->message);
	else if (outcome != XCPBUS_NAME_PRIMARY_OWNER && outcome != XCPBUS_NAME_ALREADY_OWNER)
		reconnect_complain(bus, BUS_ERROR("Failed"), "the name %s is somebody else's now",
				   own->name);
}

void names_restore(struct xcpbus *bus)
{
	struct own *own;
	int r;

	list_for_each(own, &bus->names, link) {
		r = call_bus(bus, call_to_bus("RequestName", "su", own->name, own->flags),
			     on_requested, own, &own->asking);
		if (r < 0)
			reconnect_complain(bus, error_name_of(r), "the name %s: %s", own->name,
					   strerror(-r));
	}
}

/* ---- what the program asks for ---- */

static int call_for_number(struct xcpbus *bus, DBusMessage *call, struct xcpbus_error *error)
{
	DBusMessage *reply;
	uint32_t number;
	int r;

	if (!call)
		return error_fail(error, -ENOMEM, "out of memory");
	r = xcpbus_call(bus, call, 0, &reply, error);
	dbus_message_unref(call);
	if (r < 0)
		return r;
	r = xcpbus_read(reply, "u", &number);
	dbus_message_unref(reply);
	if (r < 0 || number > INT16_MAX)
		return error_fail(error, -EPROTO, "the bus's answer makes no sense");
	return (int)number;
}

static int check_name(const char *name, struct xcpbus_error *error)
{
	if (dbus_validate_bus_name(name, NULL) && name[0] != ':')
		return 0;
	return error_fail(error, -EINVAL, "'%.255s' is not a well-known bus name", name);
}

int xcpbus_request_name(struct xcpbus *bus, const char *name, unsigned flags,
			struct xcpbus_error *error)
{
	int r = check_name(name, error);

	if (r < 0)
		return r;
	r = call_for_number(bus, call_to_bus("RequestName", "su", name, flags), error);
	if (r < 0)
		return r;
	if (r == XCPBUS_NAME_EXISTS)
		forget(bus, name);
	else if (remember(bus, name, flags) < 0)
		return error_fail(error, -ENOMEM, "out of memory");
	return r;
}

int xcpbus_release_name(struct xcpbus *bus, const char *name, struct xcpbus_error *error)
{
	int r = check_name(name, error);

	if (r < 0)
		return r;
	forget(bus, name); /* also while there is no connection: it will not be asked for */
	return call_for_number(bus, call_to_bus("ReleaseName", "s", name), error);
}

/* ---- without waiting ---- */

static int check_request(const struct xcpbus *bus, const char *name)
{
	int r = check_name(name, NULL);

	return r < 0 ? r : bus_check(bus);
}

struct request {
	unsigned flags;
	xcpbus_reply_fn fn;
	void *data;
	char name[];
};

static void on_answered(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
			void *data)
{
	struct request *self = data;
	uint32_t outcome;

	if (reply && xcpbus_read(reply, "u", &outcome) == 0) {
		if (outcome == XCPBUS_NAME_EXISTS)
			forget(bus, self->name);
		else
			remember(bus, self->name, self->flags); /* or it is ours just this time */
	}
	self->fn(bus, reply, error, self->data);
}

int xcpbus_request_name_async(struct xcpbus *bus, const char *name, unsigned flags,
			      xcpbus_reply_fn fn, void *data, struct xcpbus_slot **slot)
{
	struct xcpbus_slot *own;
	struct request *self;
	int r = check_request(bus, name);

	if (r < 0)
		return r;
	self = malloc(sizeof(*self) + strlen(name) + 1);
	if (!self)
		return -ENOMEM;
	*self = (struct request){ .flags = flags, .fn = fn, .data = data };
	strcpy(self->name, name);
	r = call_bus(bus, call_to_bus("RequestName", "su", name, flags), on_answered, self, &own);
	if (r < 0)
		free(self);
	else
		slot_hand_out(own, free, self, slot);
	return r;
}

int xcpbus_release_name_async(struct xcpbus *bus, const char *name, xcpbus_reply_fn fn, void *data,
			      struct xcpbus_slot **slot)
{
	int r = check_name(name, NULL);

	if (r < 0)
		return r;
	forget(bus, name);
	r = bus_check(bus);
	return r < 0 ? r : call_bus(bus, call_to_bus("ReleaseName", "s", name), fn, data, slot);
}
