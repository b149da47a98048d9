/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the callers' functions of xcpbus-typed.h share. typed.c has calls, signals and errors,
 * typed-properties.c properties. */
#pragma once

#include "libxcpbus/values.h"

struct listener { /* what an answer, a signal or a change is for */
	const struct xcpbus_typed_method *method;
	const struct xcpbus_typed_signal *signal;
	const struct xcpbus_typed_property *property;
	void (*fn)(void);
	void *data;
};

struct listener *listener_new(void (*fn)(void), void *data);

/* Where a call goes: the interface's home, but for what target says. */
struct xcpbus_target typed_resolve(const struct xcpbus_target *target,
				   const struct xcpbus_target *home, int timeout_ms);
int typed_new_call(const struct xcpbus_target *to, const char *member, DBusMessage **out,
		   struct xcpbus_error *error);
/* Takes call and self over. */
int typed_begin(struct xcpbus *bus, const struct xcpbus_target *to, DBusMessage *call,
		xcpbus_reply_fn fn, struct listener *self, struct xcpbus_slot **slot);
/* What reading said, as the failure of a call: -EINVAL becomes InvalidReply. */
int typed_invalid_reply(struct xcpbus_error *error, const char *member, int r);

struct xcpbus_source typed_source(DBusMessage *message); /* borrows from it */
/* A match rule for signals of this member; more: the first argument, or NULL. */
int typed_rule(const struct xcpbus_target *to, const char *interface, const char *member,
	       const char *more, char **rule, struct xcpbus_error *error);
/* Takes self over. */
int typed_subscribe(struct xcpbus *bus, const char *rule, xcpbus_signal_fn fn,
		    struct listener *self, struct xcpbus_slot **slot, struct xcpbus_error *error);
