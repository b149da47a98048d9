/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the library share.
 *
 *	connection.c   open, the loop's functions, end
 *	io.c           the stream: bytes in to messages, messages out to bytes
 *	auth.c         the client's side of the SASL exchange
 *	slot.c         everything that can call back
 *	call.c         calls whose answer is awaited
 *	subscribe.c    match rules that the bus has, and who wants them; owner.c who owns a name
 *	rule.c         one match rule: parse, test
 *	service.c      exported objects and the calls to them; answer.c the answers
 *	standard.c     Peer, Introspectable (introspect.c), Properties (properties.c, changes.c) and
 *	               ObjectManager (manager.c), which every object has
 *	args.c         values by signature
 *
 * Callbacks are run between bus_enter and bus_leave, and nothing that they may free is freed before
 * bus_leave: it is only marked. So every walk over a list stays valid, whatever a callback does.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/list.h"
#include "common/stream.h"
#include "libxcpbus/xcpbus.h"

enum {
	DEFAULT_TIMEOUT_MS = 25 * 1000,
	CONNECT_TIMEOUT_MS = 10 * 1000,
	DISPATCH_MAX = 64, /* messages in one xcpbus_process */
	READ_SIZE = 64 * 1024, /* what the input buffer has at least */
	ARRIVED_MAX = 1024 * 1024, /* bytes of messages read ahead of their dispatch */
	ARRIVED_WAITING_MAX = 256 * 1024 * 1024, /* ... while a blocking call waits */
	OUTGOING_MAX = 64 * 1024 * 1024, /* or one message, however large */
	CALL_BUCKETS = 256,
	OBJECT_BUCKETS = 64,
	CHANGES_INTERVAL_MS = 100, /* between two PropertiesChanged of an interface */
};

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define BUS_ERROR(name) "org.freedesktop.DBus.Error." name

struct event;
struct slot_ops;

struct xcpbus_slot {
	const struct slot_ops *ops;
	struct xcpbus *bus;
	struct list link; /* of its kind */
	struct list dead_link; /* xcpbus::dead */
	uint64_t born; /* xcpbus::round in which it was made */
	bool is_dead, is_floating;
};

struct slot_ops {
	void (*cancel)(struct xcpbus_slot *slot); /* takes effect now; may be NULL */
	void (*free)(struct xcpbus_slot *slot); /* the memory, when nobody looks any more */
};

struct xcpbus {
	struct stream *stream;
	int failure; /* the first that ended the connection */
	bool is_over; /* ... and it has been reported */
	bool is_freed; /* by the program; only the memory is still here */
	bool has_more; /* the last read did not come up short */
	unsigned depth; /* of bus_enter */
	uint64_t round; /* counts messages dispatched */
	char *unique_name; /* NULL before Hello was answered */
	char *address;

	uint8_t *in; /* bytes that are no whole message yet */
	size_t in_size, in_capacity;
	struct list arrived; /* arrival::link, to be dispatched */
	unsigned arrived_count;
	size_t arrived_size;
	uint32_t awaited_serial; /* of a blocking call; 0: none */
	DBusMessage *awaited_reply;

	struct list outgoing; /* outgoing::link */
	size_t outgoing_size;
	uint32_t last_serial;

	struct list deadlines; /* pending calls, by deadline */
	struct list calls[CALL_BUCKETS]; /* pending::call_link, by serial */
	struct list answered; /* slots of calls that have been answered */
	struct list subscriptions, matches, owners;
	struct list objects[OBJECT_BUCKETS];
	struct list exports; /* slots of all exported interfaces */
	struct list managers; /* slots of xcpbus_export_manager */
	struct list changed; /* export::changed_link: properties that have to be told of */
	struct list changes_end; /* a mark within changed */
	int64_t changes_due_ms; /* the earliest, if there are any */
	struct list invocations; /* calls to us that are not answered */
	struct list goodbyes; /* slots of xcpbus_on_disconnect */
	struct list dead; /* slots to be freed by bus_leave */

	struct event_base *base;
	struct event *io_event, *timer;
	short io_armed; /* what io_event waits for */
	int64_t timer_armed_ms; /* when timer goes off; -1: it is not armed */
};

int64_t now_ms(void);
/* What is left of a deadline, for poll. */
int time_left_ms(int64_t deadline_ms);

/* ---- connection.c ---- */
void bus_enter(struct xcpbus *bus);
/* False if the connection was freed meanwhile: it is gone. */
bool bus_leave(struct xcpbus *bus);
/* Records why the connection is over; xcpbus_process reports it. */
void bus_fail(struct xcpbus *bus, int failure);
/* Waits until the stream may have moved on, and acks it. -ETIMEDOUT. */
int bus_wait_for_io(struct xcpbus *bus, bool want_write, int64_t deadline_ms);
/* 0, or -ENOTCONN. */
int bus_check(const struct xcpbus *bus);

/* ---- io.c ---- */
/* Reads until the stream is short, or enough messages have arrived. */
void io_read(struct xcpbus *bus);
void io_flush(struct xcpbus *bus);
/* Gives the message a serial and queues it; it goes out at once unless callbacks are running. */
int io_send(struct xcpbus *bus, DBusMessage *message, uint32_t *serial);
DBusMessage *io_take_arrived(struct xcpbus *bus); /* NULL: none */
void io_deinit(struct xcpbus *bus);

/* ---- auth.c ---- */
int auth_run(struct xcpbus *bus, int64_t deadline_ms, struct xcpbus_error *error);

/* ---- slot.c ---- */
/* Puts the slot on a list and gives it to the program, or keeps it. */
void slot_add(struct xcpbus_slot *slot, struct xcpbus *bus, const struct slot_ops *ops,
	      struct list *list, struct xcpbus_slot **out);
void slot_free_all(struct list *list);
void slot_reap(struct xcpbus *bus);

/* ---- call.c ---- */
void call_dispatch(struct xcpbus *bus, DBusMessage *reply);
void call_expire(struct xcpbus *bus);
void call_fail_all(struct xcpbus *bus); /* the connection is over */
int64_t call_next_deadline(const struct xcpbus *bus); /* -1: none */
DBusMessage *call_to_bus(const char *member, const char *signature, ...);

/* ---- subscribe.c and owner.c ---- */
struct match;
void subscribe_dispatch(struct xcpbus *bus, DBusMessage *message);
/* The same rule is asked for once. With error, waits for the bus's answer. */
int match_get(struct xcpbus *bus, const char *text, bool is_blocking, struct match **out,
	      struct xcpbus_error *error);
void match_put(struct match *match);

struct owner;
int owner_get(struct xcpbus *bus, const char *name, struct owner **out);
void owner_put(struct owner *owner);
const char *owner_unique_name(const struct owner *owner); /* "": nobody owns it */
void owner_dispatch(struct xcpbus *bus, DBusMessage *message);

/* ---- rule.c ---- */
struct rule;
int rule_parse(const char *text, struct rule **out, struct xcpbus_error *error);
struct rule *rule_free(struct rule *rule);
const char *rule_sender(const struct rule *rule); /* NULL: any */
/* sender is the unique name that the rule's sender stands for. */
bool rule_matches(const struct rule *rule, DBusMessage *message, const char *sender);

/* ---- service.c and what goes with it: answer.c, standard.c, properties.c, changes.c, manager.c,
 * introspect.c ---- */
struct object {
	struct list link; /* xcpbus::objects */
	struct list exports; /* export::object_link */
	char *path;
};

struct export
{
	struct xcpbus_slot slot;
	struct list object_link;
	struct object *object;
	const struct xcpbus_interface *interface;
	void *data;
	struct list changed_link; /* xcpbus::changed */
	bool *changed; /* for each property; NULL: none */
	int64_t due_ms, told_ms; /* when to tell, when it was told last */
};

void service_dispatch(struct xcpbus *bus, DBusMessage *call);
struct object *object_find(const struct xcpbus *bus, const char *path);
struct export *object_find_export(const struct object *object, const char *interface);
bool object_is_parent(const struct xcpbus *bus, const char *path);
enum {
	STANDARD_PEER,
	STANDARD_INTROSPECTABLE,
	STANDARD_PROPERTIES,
	STANDARD_OBJECT_MANAGER,
};
/* Ends with NULL. Their handlers get the connection as data. */
extern const struct xcpbus_interface *const standard_interfaces[];
/* The XML for a path, to be freed; object may be NULL. */
char *introspect(const struct xcpbus *bus, const struct object *object, const char *path);

/* Runs the method's handler, whose call was checked against the table. */
void answer_run(struct xcpbus *bus, DBusMessage *message, const struct xcpbus_method *method,
		void *data);
void answer_refuse(struct xcpbus *bus, DBusMessage *message, const char *name, const char *format,
		   ...) __attribute__((format(printf, 4, 5)));
void answer_orphan_all(struct xcpbus *bus);

#define PROPERTIES_NAME "org.freedesktop.DBus.Properties"
extern const struct xcpbus_interface properties_interface, manager_interface;
const struct xcpbus_property *property_find(const struct xcpbus_interface *interface,
					    const char *name);
/* Name and value, into an a{sv}. */
int property_append_entry(DBusMessageIter *array, const struct xcpbus_property *property,
			  void *data);
/* All that can be read. On failure *failed is the one that could not be had. */
int property_append_all(DBusMessageIter *array, const struct export *export,
			const struct xcpbus_property **failed);

void change_mark(struct export *export, const struct xcpbus_property *property);
/* Sends what is due, or all if hurried. Between bus_enter and bus_leave. */
void changes_tell(struct xcpbus *bus, bool is_hurried);
void changes_forget(struct xcpbus *bus);
int64_t changes_next_due(const struct xcpbus *bus); /* -1: none */

bool manager_is_at(const struct xcpbus *bus, const char *path);
void managers_tell_added(struct xcpbus *bus, const struct export *export);
void managers_tell_removed(struct xcpbus *bus, const struct export *export);

/* ---- args.c ---- */
int append_valist(DBusMessage *message, const char *signature, va_list values);

/* ---- error.c ---- */
void error_from_message(struct xcpbus_error *error, DBusMessage *message);
const char *error_name_of(int failure); /* the D-Bus error for a negative errno */
/* Fills error for a failure of ours and returns the failure. */
int error_fail(struct xcpbus_error *error, int failure, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- event.c ---- */
/* What the loop should wait for may have changed. */
void event_update(struct xcpbus *bus);
void event_detach(struct xcpbus *bus);
