/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "libxcpbus/private.h"

struct match { /* a rule that the bus has from us, once however many want it */
	struct list link; /* xcpbus::matches */
	struct xcpbus *bus;
	char *text;
	unsigned users;
	bool is_refused;
	uint32_t generation; /* of the connection in which it was sent */
	struct xcpbus_slot *adding; /* the call of AddMatch, while nobody waited for it */
};

struct subscription {
	struct xcpbus_slot slot; /* xcpbus::subscriptions */
	struct rule *rule;
	struct match *match;
	struct owner *owner; /* if the rule's sender is a well-known name */
	xcpbus_signal_fn fn;
	xcpbus_reply_fn on_refused;
	void *data;
};

/* ---- matches ---- */

static void match_free(struct match *match)
{
	list_remove(&match->link);
	xcpbus_slot_free(match->adding);
	free(match->text);
	free(match);
}

static void send_remove(struct match *match)
{
	DBusMessage *call;

	if (match->is_refused || bus_check(match->bus) < 0)
		return;
	call = call_to_bus("RemoveMatch", "s", match->text);
	if (!call)
		return; /* the bus then sends what nobody wants, no more */
	dbus_message_set_no_reply(call, true);
	io_send(match->bus, call, NULL);
	dbus_message_unref(call);
}

void match_put(struct match *match)
{
	if (!match || --match->users)
		return;
	send_remove(match);
	match_free(match);
}

static void tell_refused(struct match *match, const struct xcpbus_error *error)
{
	struct xcpbus *bus = match->bus;
	struct subscription *one;

	match->is_refused = true;
	match->users++; /* it stays while its subscribers do what they want */
	list_for_each(one, &bus->subscriptions, slot.link) {
		if (one->match == match && !one->slot.is_dead && one->on_refused)
			one->on_refused(bus, NULL, error, one->data);
	}
	match_put(match);
}

static void on_added(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *error,
		     void *data)
{
	struct match *match = data;

	(void)reply;
	match->adding = xcpbus_slot_free(match->adding);
	if (!error || (bus->failure && bus->reconnect_max_ms))
		return; /* taken; or it will be sent again */
	if (bus->is_lost)
		reconnect_complain(bus, error->name, "the match rule \"%.300s\" is refused: %s",
				   match->text, error->message);
	tell_refused(match, error);
}

static int add_match(struct match *match, bool is_blocking, struct xcpbus_error *error)
{
	DBusMessage *call = call_to_bus("AddMatch", "s", match->text);
	int r;

	if (!call)
		return error_fail(error, -ENOMEM, "out of memory");
	if (is_blocking)
		r = xcpbus_call(match->bus, call, 0, NULL, error);
	else
		r = xcpbus_call_async(match->bus, call, 0, on_added, match, &match->adding);
	dbus_message_unref(call);
	if (r < 0 && !is_blocking)
		error_fail(error, r, "the rule cannot be sent: %s", error_text_of(r));
	return r;
}

static struct match *match_find(struct xcpbus *bus, const char *text)
{
	struct match *match;

	list_for_each(match, &bus->matches, link) {
		if (!match->is_refused && !strcmp(match->text, text))
			return match;
	}
	return NULL;
}

int match_get(struct xcpbus *bus, const char *text, bool is_blocking, struct match **out,
	      struct xcpbus_error *error)
{
	struct match *match = match_find(bus, text);
	int r;

	if (match) {
		match->users++;
		*out = match;
		return 0;
	}
	match = calloc(1, sizeof(*match));
	if (!match)
		return error_fail(error, -ENOMEM, "out of memory");
	match->bus = bus;
	match->generation = bus->generation;
	match->users = 1;
	match->text = strdup(text);
	list_push_back(&bus->matches, &match->link);
	r = match->text ? add_match(match, is_blocking, error)
			: error_fail(error, -ENOMEM, "out of memory");
	if (r < 0)
		match_free(match);
	else
		*out = match;
	return r;
}

void match_restore(struct xcpbus *bus, struct match *match)
{
	int r;

	if (match->generation == bus->generation)
		return;
	match->generation = bus->generation;
	match->is_refused = false;
	r = call_bus(bus, call_to_bus("AddMatch", "s", match->text), on_added, match,
		     &match->adding);
	if (r < 0)
		reconnect_complain(bus, error_name_of(r), "the match rule \"%.300s\": %s",
				   match->text, strerror(-r));
}

void matches_restore(struct xcpbus *bus)
{
	struct match *match;

	list_for_each(match, &bus->matches, link)
		match_restore(bus, match);
}

/* ---- subscriptions ---- */

static void subscription_cancel(struct xcpbus_slot *slot)
{
	struct subscription *self = container_of(slot, struct subscription, slot);

	match_put(self->match);
	owner_put(self->owner);
	self->match = NULL;
	self->owner = NULL;
}

static void subscription_free(struct xcpbus_slot *slot)
{
	struct subscription *self = container_of(slot, struct subscription, slot);

	rule_free(self->rule);
	free(self);
}

static const struct slot_ops subscription_ops = {
	.cancel = subscription_cancel,
	.free = subscription_free,
};

static bool is_well_known(const char *name)
{
	return name && name[0] != ':' && strcmp(name, BUS_NAME);
}

static int fill(struct subscription *self, struct xcpbus *bus, const char *rule, bool is_blocking,
		struct xcpbus_error *error)
{
	int r = rule_parse(rule, &self->rule, error);

	if (r < 0)
		return r;
	/* In this order: the owner is known before the first signal comes. */
	if (is_well_known(rule_sender(self->rule))) {
		r = owner_get(bus, rule_sender(self->rule), &self->owner);
		if (r < 0)
			return error_fail(error, r, "the sender's owner cannot be asked for: %s",
					  error_text_of(r));
	}
	return match_get(bus, rule, is_blocking, &self->match, error);
}

static int subscribe(struct xcpbus *bus, const char *rule, bool is_blocking,
		     struct subscription **out, struct xcpbus_error *error)
{
	struct subscription *self;
	int r = bus_check(bus);

	if (r < 0)
		return error_fail(error, r, "%s", error_text_of(r));
	self = calloc(1, sizeof(*self));
	if (!self)
		return error_fail(error, -ENOMEM, "out of memory");
	r = fill(self, bus, rule, is_blocking, error);
	if (r == 0) {
		*out = self;
		return 0;
	}
	subscription_cancel(&self->slot);
	subscription_free(&self->slot);
	return r;
}

int xcpbus_subscribe(struct xcpbus *bus, const char *rule, xcpbus_signal_fn fn, void *data,
		     struct xcpbus_slot **slot, struct xcpbus_error *error)
{
	struct subscription *self;
	int r = subscribe(bus, rule, true, &self, error);

	if (r < 0)
		return r;
	self->fn = fn;
	self->data = data;
	slot_add(&self->slot, bus, &subscription_ops, &bus->subscriptions, slot);
	return 0;
}

int xcpbus_subscribe_async(struct xcpbus *bus, const char *rule, xcpbus_signal_fn fn,
			   xcpbus_reply_fn on_refused, void *data, struct xcpbus_slot **slot)
{
	struct subscription *self;
	int r = subscribe(bus, rule, false, &self, NULL);

	if (r < 0)
		return r;
	self->fn = fn;
	self->on_refused = on_refused;
	self->data = data;
	slot_add(&self->slot, bus, &subscription_ops, &bus->subscriptions, slot);
	return 0;
}

static bool is_wanted(const struct subscription *self, DBusMessage *message)
{
	const char *sender = self->owner ? owner_unique_name(self->owner) : rule_sender(self->rule);

	return rule_matches(self->rule, message, sender);
}

void subscribe_dispatch(struct xcpbus *bus, DBusMessage *message)
{
	struct subscription *one;

	list_for_each(one, &bus->subscriptions, slot.link) {
		/* One that was made by a callback for this message is for the next. */
		if (one->slot.is_dead || one->slot.born == bus->round)
			continue;
		if (is_wanted(one, message))
			one->fn(bus, message, one->data);
	}
}
