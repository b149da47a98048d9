/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the library share.
 *
 *	connection.c   life, the loop's functions, end
 *	open.c         xcpbus_connect; dial.c from an address to a stream; auth.c SASL
 *	reconnect.c    a new connection instead of a lost one; keepalive.c is it lost?
 *	io.c           the stream: bytes in to messages, messages out to bytes; with file
 *	               descriptors (fds.h) fds-message.c, fds-walk.c; length.c how long they may be
 *	slot.c         everything that can call back
 *	call.c         calls whose answer is awaited
 *	subscribe.c    match rules that the bus has, and who wants them; owner.c who owns a name
 *	names.c        the names that we own; monitor.c looking on
 *	rule.c         one match rule: parse, test
 *	service.c      exported objects and the calls to them; answer.c the answers
 *	standard.c     Peer, Introspectable (introspect.c), Properties (properties.c, changes.c) and
 *	               ObjectManager (manager.c), which every object has
 *	args.c         values by signature
 *	typed.c        for printed code (xcpbus-typed.h): calling; typed-export.c serving; values.c
 *	               and values-*.c (values.h) values of any type
 *
 * Callbacks are run between bus_enter and bus_leave, and nothing that they may free is freed before
 * bus_leave: it is only marked. So every walk over a list stays valid, whatever a callback does.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/bus-finder.h"
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
	KEEPALIVE_DEFAULT = -1,
	KEEPALIVE_RING_MS = 30 * 1000,
	CHANGES_INTERVAL_MS = 100, /* between two PropertiesChanged of an interface */
};

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define BUS_ERROR(name) "org.freedesktop.DBus.Error." name

struct address;
struct dial;
struct event;
struct slot_ops;

enum link_state {
	LINK_DOWN, /* no stream: waiting, or dialling */
	LINK_GREETING, /* Hello has been said */
	LINK_UP,
};

struct xcpbus_slot {
	const struct slot_ops *ops;
	struct xcpbus *bus;
	struct list link; /* of its kind */
	struct list dead_link; /* xcpbus::dead */
	uint64_t born; /* xcpbus::round in which it was made */
	bool is_dead, is_floating;
	void (*free_owned)(void *owned); /* what goes with the slot; NULL: nothing */
	void *owned;
};

struct slot_ops {
	void (*cancel)(struct xcpbus_slot *slot); /* takes effect now; may be NULL */
	void (*free)(struct xcpbus_slot *slot); /* the memory, when nobody looks any more */
};

struct xcpbus {
	struct stream *stream; /* NULL: none just now */
	enum link_state state;
	int failure; /* the first that ended the stream */
	bool is_over; /* ... and it has been reported */
	bool is_freed; /* by the program; only the memory is still here */
	bool has_more; /* the last read did not come up short */
	unsigned depth; /* of bus_enter */
	unsigned forks; /* fork_count of the process that made it */
	uint64_t round; /* counts messages dispatched */
	char *unique_name; /* NULL before Hello was answered; the last one while there is none */
	char *address; /* the one in use, as text */
	struct address *addresses; /* all that may be used */
	int address_count, address_index;
	bool is_ring, has_fds; /* of the stream */

	int reconnect_max_ms; /* 0: the end is the end */
	struct dial *dial; /* while a new connection is made */
	struct bus_finder *finder; /* of rings; NULL: not needed so far */
	struct bus_place made; /* what it said when the ring was made */
	int ring_fd; /* epoll: the ring and the finder; -1: it is no ring */
	bool was_heard; /* something was read since we looked last */
	bool is_settling; /* this domain was suspended just now */
	unsigned attempts; /* since it was lost, or was not there for long */
	uint32_t generation; /* of connections: one more with each that ends */
	bool is_lost; /* it was said, and not yet that it is back */
	bool has_complaint;
	struct xcpbus_error complaint; /* the first thing that is not as it was */
	struct xcpbus_error refusal; /* of the addresses that were tried since the last pause */
	int64_t retry_ms, up_since_ms; /* when to try, when it was made */
	struct list reconnects; /* slots of xcpbus_on_reconnect */

	int keepalive_ms; /* 0: none; KEEPALIVE_DEFAULT */
	int64_t last_read_ms;
	struct xcpbus_slot *ping;

	uint8_t *in; /* bytes that are no whole message yet */
	size_t in_size, in_capacity;
	struct list arrived; /* arrival::link, to be dispatched */
	unsigned arrived_count;
	size_t arrived_size;
	uint32_t awaited_serial; /* of a blocking call; 0: none */
	DBusMessage *awaited_reply;
	DBusMessage *error_reply; /* that was told last; NULL: none */

	struct list outgoing; /* outgoing::link */
	size_t outgoing_size;
	uint32_t length_max; /* of a message; 0: not known yet */
	uint32_t last_serial;

	struct list deadlines; /* pending calls, by deadline */
	struct list calls[CALL_BUCKETS]; /* pending::call_link, by serial */
	struct list answered; /* slots of calls that have been answered */
	struct list subscriptions, matches, owners, watchers, names;
	bool has_untold; /* a watcher has not been called yet */
	struct list objects[OBJECT_BUCKETS];
	struct list exports; /* slots of all exported interfaces */
	struct list managers; /* slots of xcpbus_export_manager */
	struct list changed; /* export::changed_link: properties that have to be told of */
	struct list changes_end; /* a mark within changed */
	int64_t changes_due_ms; /* the earliest, if there are any */
	struct list invocations; /* calls to us that are not answered */
	struct list goodbyes; /* slots of xcpbus_on_disconnect */
	struct list dead; /* slots to be freed by bus_leave */
	xcpbus_signal_fn monitor_fn; /* for all that comes; NULL: we are no monitor */
	void *monitor_data;

	struct event_base *base;
	struct event *io_event, *timer;
	short io_armed; /* what io_event waits for */
	int io_fd; /* ... where */
	int64_t timer_armed_ms; /* when timer goes off; -1: it is not armed */
};

int64_t now_ms(void);
/* What is left of a deadline, for poll. */
int time_left_ms(int64_t deadline_ms);

/* ---- connection.c ---- */
/* How many forks there are between the first process and this one. A ring is shared with the parent
 * to the last byte, so a child leaves everything as it is. */
extern unsigned fork_count;
static inline bool bus_is_ours(const struct xcpbus *bus)
{
	return bus->forks == fork_count;
}
/* After a callback: unless that has freed it, or forked and come back in the child. */
static inline bool bus_goes_on(const struct xcpbus *bus)
{
	return !bus->is_freed && bus_is_ours(bus);
}
struct xcpbus *bus_new(const struct address *addresses, int count);
/* Takes the stream of a dial that is done. */
int bus_set_stream(struct xcpbus *bus, struct dial *dial);
/* From the answer to Hello. -EPROTO, -ENOMEM */
int bus_set_name(struct xcpbus *bus, DBusMessage *hello);
/* Reports that the connection is over for good. */
void bus_end(struct xcpbus *bus);
void bus_enter(struct xcpbus *bus);
/* False if the connection was freed meanwhile: it is gone. */
bool bus_leave(struct xcpbus *bus);
/* Records why the connection is over; xcpbus_process reports it. */
void bus_fail(struct xcpbus *bus, int failure);
/* Waits until the stream may have moved on, and acks it. -ETIMEDOUT. */
int bus_wait_for_io(struct xcpbus *bus, bool want_write, int64_t deadline_ms);
/* 0, -ECHILD, or -ENOTCONN: what the program wants to send cannot be sent now. */
int bus_check(const struct xcpbus *bus);

/* ---- io.c ---- */
/* Reads until the stream is short, or enough messages have arrived. */
void io_read(struct xcpbus *bus);
void io_flush(struct xcpbus *bus);
/* Gives the message a serial and queues it; it goes out at once unless callbacks are running. */
int io_send(struct xcpbus *bus, DBusMessage *message, uint32_t *serial);
/* The same, of our own: also before the bus has answered Hello. */
int io_queue(struct xcpbus *bus, DBusMessage *message, uint32_t *serial);
int message_parse(const uint8_t *bytes, size_t size, DBusMessage **out);
DBusMessage *io_take_arrived(struct xcpbus *bus); /* NULL: none */
void io_reset(struct xcpbus *bus); /* no stream any more, and nothing of it */

/* ---- length.c ---- */
/* -EMSGSIZE: the bus would not take it. May wait for what the bus says; a failure of bus_check if
 * the connection ends meanwhile. */
int length_check(struct xcpbus *bus, size_t length);

/* ---- fds-walk.c ---- */
/* Of values of a type, in messages. What is of fixed size has the same size. */
size_t alignment_of(int type);

/* ---- fds-message.c ---- */
struct fds;
/* The descriptors that go with a message and its bytes; *out stays what it is if there are none.
 * -ENOBUFS if there are too many. */
int fds_of_message(DBusMessage *message, char *bytes, size_t size, struct fds **out);
/* As message_parse; the message may have descriptors, which are taken from the stream. */
int message_parse_with_fds(struct xcpbus *bus, uint8_t *bytes, size_t size, DBusMessage **out);

/* ---- auth.c, dial.c, reconnect.c, keepalive.c ---- */
struct auth *auth_new(bool wants_fds);
struct auth *auth_free(struct auth *auth);
/* 1: done, 0: poll the stream, with POLLOUT if auth_has_output; < 0. */
int auth_run(struct auth *auth, struct stream *stream, struct xcpbus_error *error);
bool auth_has_output(const struct auth *auth);
bool auth_has_fds(const struct auth *auth);

/* address is borrowed. */
/* finder is where to look for a bus whose domain the address does not say; it is made for any
 * ring. */
struct dial *dial_new(const struct address *address, struct bus_finder **finder);
struct dial *dial_free(struct dial *dial);
/* 1: done, 0: poll for what the next three say; < 0. */
int dial_run(struct dial *dial, struct xcpbus_error *error);
int dial_fd(const struct dial *dial);
short dial_events(const struct dial *dial);
int dial_timeout_ms(const struct dial *dial); /* -1: none */
int dial_timed_out(const struct dial *dial, struct xcpbus_error *error); /* -ETIMEDOUT */
struct stream *dial_take(struct dial *dial, bool *has_fds);

/* Every address that did not work says why: what is in reasons already, and error for this. */
void dial_explain(struct xcpbus_error *reasons, const struct address *address,
		  const struct xcpbus_error *error);

void reconnect_begin(struct xcpbus *bus); /* the stream has failed */
void reconnect_run(struct xcpbus *bus); /* there is no stream */
int reconnect_timeout_ms(const struct xcpbus *bus);
/* Something is not what it was before. Only the first is told. */
void reconnect_complain(struct xcpbus *bus, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Of a ring: whether this domain goes on elsewhere is watched from now on. Until stop. */
int keepalive_watch(struct xcpbus *bus);
void keepalive_unwatch(struct xcpbus *bus);
/* If there is news of that, deals with it. For when there was an event, and nothing to read. */
void keepalive_look(struct xcpbus *bus);
void keepalive_heard(struct xcpbus *bus);
void keepalive_run(struct xcpbus *bus);
int64_t keepalive_next(const struct xcpbus *bus); /* -1: none */

/* ---- names.c ---- */
void names_dispatch(struct xcpbus *bus, DBusMessage *signal);
void names_restore(struct xcpbus *bus);
void names_free(struct xcpbus *bus);

/* ---- slot.c ---- */
/* Puts the slot on a list and gives it to the program, or keeps it. */
void slot_add(struct xcpbus_slot *slot, struct xcpbus *bus, const struct slot_ops *ops,
	      struct list *list, struct xcpbus_slot **out);
/* The same for a slot that is ours so far, with something that it is to free. */
void slot_hand_out(struct xcpbus_slot *slot, void (*free_owned)(void *), void *owned,
		   struct xcpbus_slot **out);
void slot_free_all(struct list *list);
void slot_reap(struct xcpbus *bus);

/* ---- call.c ---- */
/* Sends a call of our own; see io_queue. */
int call_start(struct xcpbus *bus, DBusMessage *call, int timeout_ms, xcpbus_reply_fn fn,
	       void *data, struct xcpbus_slot **slot);
/* The same with what call_to_bus made, which it takes over. */
int call_bus(struct xcpbus *bus, DBusMessage *call, xcpbus_reply_fn fn, void *data,
	     struct xcpbus_slot **slot);
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
void match_restore(struct xcpbus *bus, struct match *match); /* once in each connection */
void matches_restore(struct xcpbus *bus);

struct owner;
int owner_get(struct xcpbus *bus, const char *name, struct owner **out);
void owner_put(struct owner *owner);
const char *owner_unique_name(const struct owner *owner); /* "": nobody owns it */
void owner_dispatch(struct xcpbus *bus, DBusMessage *message);
void owners_lost(struct xcpbus *bus);
void owners_restore(struct xcpbus *bus);
void watchers_tell_new(struct xcpbus *bus);

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
void changes_tell_due(struct xcpbus *bus);
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
const char *error_text_of(int failure); /* what it says of a message that cannot be sent */
/* Fills error for a failure of ours and returns the failure. */
int error_fail(struct xcpbus_error *error, int failure, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- event.c ---- */
/* What the loop should wait for may have changed. */
void event_update(struct xcpbus *bus);
/* The descriptor is about to be closed. */
void event_forget_fd(struct xcpbus *bus);
void event_detach(struct xcpbus *bus);
