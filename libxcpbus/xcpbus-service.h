/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The service side of libxcpbus: exported interfaces, and answers to calls. Part of xcpbus.h, which
 * says what holds for all of the library.
 *
 * A service:
 *
 *	static int on_start(struct xcpbus_invocation *call, DBusMessage *message, void *data)
 *	{
 *		const char *id;
 *		bool paused;
 *
 *		xcpbus_read(message, "sb", &id, &paused);
 *		return xcpbus_reply(call, "s", "task-1");
 *	}
 *
 *	static const struct xcpbus_method methods[] = {
 *		{ "start", "sb", "s", on_start, .in_names = "id paused", .out_names = "task" },
 *		{ 0 }
 *	};
 *	static const struct xcpbus_interface interface = {
 *		"org.xen.xcp.xenopsd.VM1", .methods = methods
 *	};
 *
 *	xcpbus_export(bus, "/org/xen/xcp/xenopsd", &interface, NULL, NULL);
 *	xcpbus_request_name(bus, "org.xen.xcp.xenopsd", 0, &error);
 *	while (xcpbus_process(bus) >= 0 && xcpbus_wait(bus, -1) >= 0)
 *		;
 */
#pragma once

#include "xcpbus.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct xcpbus_invocation; /* a method call that somebody made to us and that is owed an answer */

/* ---- Handlers ---- */

/* Answers a call, now or later. message is the call, borrowed for the duration of the handler. Its
 * arguments have been checked against the table. The handler does one of these:
 *
 *   - answers with xcpbus_reply, xcpbus_reply_message or xcpbus_reply_error, and returns 0;
 *   - keeps the call with xcpbus_keep to answer later, and returns 0;
 *   - returns a negative errno without having answered: the library answers with the nearest
 *     D-Bus error;
 *   - returns 0 without having answered, if the method has no results: the library answers.
 *
 * data is what xcpbus_export was given. */
typedef int (*xcpbus_method_fn)(struct xcpbus_invocation *call, DBusMessage *message, void *data);

/* ---- Tables ---- */

enum {
	XCPBUS_DEPRECATED = 1, /* all members: say so in the introspection */
	XCPBUS_NO_REPLY = 2, /* methods: nobody waits for an answer (introspection) */
	XCPBUS_EMITS_CHANGE = 4, /* properties: PropertiesChanged tells the value */
	XCPBUS_EMITS_INVALIDATION = 8, /* properties: ... the name only, and who cares asks */
	XCPBUS_CONSTANT = 16, /* properties: never changes. None of these three: no signal */
};

/* For the introspection: a list ends with a name that is NULL, and may be NULL itself. */
struct xcpbus_annotation {
	const char *name; /* such as "org.xen.xcp.Idempotent" */
	const char *value; /* any text */
};

/* Tables end with an entry whose first field is NULL. Names of arguments, for the introspection,
 * are separated by spaces; NULL or too few: the rest has none. Signatures: NULL is the same as
 * "". */
struct xcpbus_method {
	const char *member;
	const char *in_signature, *out_signature;
	xcpbus_method_fn handler;
	const char *in_names, *out_names;
	unsigned flags;
	const struct xcpbus_annotation *annotations;
};

struct xcpbus_signal { /* for the introspection only: any signal can be emitted */
	const char *member;
	const char *signature;
	const char *names;
	unsigned flags;
	const struct xcpbus_annotation *annotations;
};

struct xcpbus_property;

/* Appends the value to an iterator that is already inside the variant, for example with
 * xcpbus_append_iter(value, property->signature, ...). 0 or a negative errno. It frees no exports.
 * It also runs in xcpbus_changed's wake, and in xcpbus_export below an object manager. */
typedef int (*xcpbus_get_fn)(const struct xcpbus_property *property, DBusMessageIter *value,
			     void *data);

/* Takes a value of the right type. < 0: refused; error may be filled, or be left alone. The change
 * is told by the library, as by xcpbus_changed. */
typedef int (*xcpbus_set_fn)(const struct xcpbus_property *property, DBusMessageIter *value,
			     struct xcpbus_error *error, void *data);

struct xcpbus_property {
	const char *name;
	const char *signature;
	xcpbus_get_fn get; /* NULL: write-only */
	xcpbus_set_fn set; /* NULL: read-only */
	unsigned flags;
	const struct xcpbus_annotation *annotations;
};

struct xcpbus_interface {
	const char *name;
	const struct xcpbus_method *methods; /* NULL: none */
	const struct xcpbus_signal *signals; /* NULL: none */
	const struct xcpbus_property *properties; /* NULL: none */
	const struct xcpbus_annotation *annotations;
};

/* ---- Exports ---- */

/* Offers an interface at an object path, until the slot is freed. Several interfaces can be at one
 * path. The standard ones (Peer, Introspectable, Properties) are answered by the library,
 * Introspectable also for the parents of exported paths, up to "/". -EEXIST if the interface is
 * at that path already; -EINVAL for a bad path, or a table with a name or signature that is not
 * valid. */
int xcpbus_export(struct xcpbus *bus, const char *path, const struct xcpbus_interface *interface,
		  void *data, struct xcpbus_slot **slot);

/* Says that a property of an exported interface has another value; name NULL: all that tell of
 * changes. PropertiesChanged is sent by the next xcpbus_process, with the value or the name as the
 * table says, once for all that changed by then; changes that follow within 100 ms wait until those
 * are over (xcpbus_flush sends them at once). -ENOENT if there is no such property, -EINVAL if its
 * table says that it has no signal. */
int xcpbus_changed(struct xcpbus *bus, const char *path, const char *interface, const char *name);

/* Offers org.freedesktop.DBus.ObjectManager at path, until the slot is freed, for all that is
 * exported below it: one call gets all objects with their properties, and two signals tell of
 * interfaces that come and go. -EEXIST if there is one at that path. */
int xcpbus_export_manager(struct xcpbus *bus, const char *path, struct xcpbus_slot **slot);

/* ---- Answers ---- */

/* Each of these three answers the call and ends it: do not touch it afterwards. If the caller
 * wants no reply, nothing is sent. 0 or a negative errno; the call has ended in either case. */
int xcpbus_reply(struct xcpbus_invocation *call, const char *signature, ...);
int xcpbus_reply_message(struct xcpbus_invocation *call, DBusMessage *reply);
int xcpbus_reply_error(struct xcpbus_invocation *call, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* In a handler: the call stays, until it is answered. It may be answered when the connection is
 * over, or freed: that then only frees it. */
void xcpbus_keep(struct xcpbus_invocation *call);

/* Of a call that has not been answered: the connection it came on (NULL if that was freed), and the
 * message, borrowed until it is answered. */
struct xcpbus *xcpbus_invocation_bus(const struct xcpbus_invocation *call);
DBusMessage *xcpbus_invocation_message(const struct xcpbus_invocation *call);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
