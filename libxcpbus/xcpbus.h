/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxcpbus: a program's connection to xcp-bus (or to any D-Bus message bus).
 *
 * A client:
 *
 *	static const struct xcpbus_target vm = {
 *		"org.xen.xcp.xenopsd", "/org/xen/xcp/xenopsd", "org.xen.xcp.xenopsd.VM1"
 *	};
 *	struct xcpbus_error error;
 *	DBusMessage *reply;
 *	struct xcpbus *bus;
 *	const char *task;
 *
 *	if (xcpbus_connect(NULL, 0, &bus, &error) < 0)
 *		errx(1, "%s", error.message);
 *	if (xcpbus_call_method(bus, &vm, "start", &reply, &error, "sb", "vm-1", false) < 0)
 *		errx(1, "%s: %s", error.name, error.message);
 *	xcpbus_read(reply, "s", &task);
 *	puts(task);
 *	dbus_message_unref(reply);
 *	xcpbus_free(bus);
 *
 * What services need besides is in xcpbus-service.h, which this header includes.
 *
 * Messages are libdbus-1's DBusMessage, so all of its functions for messages can be used as well.
 * Its connections are not used.
 *
 * Results: an int is >= 0 if all went well and a negative errno otherwise. Results behind pointers
 * are written on success only. A function that takes a struct xcpbus_error fills it if, and only
 * if, it returns < 0; NULL may be given by whoever does not care. A D-Bus error that came back as
 * an answer is such a failure too: its name and message are in the struct, and the errno is the
 * nearest (see xcpbus_error_to_errno).
 *
 * Ownership: what a function gives out through DBusMessage ** is the caller's, to be ended with
 * dbus_message_unref. Messages that are passed in are borrowed: the caller unrefs its own. Strings
 * passed in are copied, but interface tables are not: they must live as long as their export.
 *
 * Threads: a connection, with everything that hangs from it, is used by one thread at a time; to
 * hand it on, the program has a lock of its own.
 * Different connections can be used by different threads at once. Callbacks run in the thread
 * that calls xcpbus_process (or turns the event loop that the connection is attached to) and in
 * no other place.
 *
 * Processes: a connection belongs to the one that made it. In a child that was forked all that
 * needs the bus fails with -ECHILD (Disconnected), xcpbus_get_fd too; no callback runs, and nothing
 * that the parent has, or shares with the bus, is touched. A child that neither ends soon nor calls
 * exec is to call xcpbus_free, which there gives up the child's share of a socket or a ring, and
 * frees nothing: while somebody has one, the bus does not see that the parent has ended. It is
 * fork(2) that is noticed, not clone(2) or vfork(2), after which little else may be called either.
 * A child that goes on with a libevent loop calls event_reinit first, as libevent asks for.
 *
 * Waiting: only xcpbus_connect, xcpbus_connect_wait, xcpbus_call, xcpbus_call_method,
 * xcpbus_request_name, xcpbus_release_name, xcpbus_subscribe, xcpbus_wait and xcpbus_flush wait,
 * each with a deadline; and, once, whatever sends a long message (see xcpbus_send). While they
 * wait, no callback runs: what arrives meanwhile is kept and dealt with by the next
 * xcpbus_process. While there is no connection, or when it is lost, they fail at once, with
 * -ENOTCONN: none of them waits for the bus to come back.
 */
#pragma once

#include <dbus/dbus.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct event_base;
struct xcpbus; /* a connection */
struct xcpbus_slot; /* something that can call you back; see "Slots" */

/* ---- Errors ---- */

/* Needs neither to be initialised nor to be freed. */
struct xcpbus_error {
	char name[256]; /* such as org.freedesktop.DBus.Error.ServiceUnknown */
	char message[1024]; /* for people; cut if longer */
};

/* Fills error, if it is not NULL. */
void xcpbus_error_set(struct xcpbus_error *error, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

bool xcpbus_error_is(const struct xcpbus_error *error, const char *name);

/* The negative errno for the name of a D-Bus error: -ETIMEDOUT (NoReply, Timeout, TimedOut),
 * -EHOSTUNREACH (ServiceUnknown, NameHasNoOwner), -EACCES (AccessDenied, AuthFailed), -ENOSYS
 * (UnknownMethod, UnknownInterface, UnknownObject, UnknownProperty), -EINVAL (InvalidArgs,
 * InvalidSignature, MatchRuleInvalid), -ENOBUFS (LimitsExceeded), -ENOMEM (NoMemory), -EOPNOTSUPP
 * (NotSupported), -EROFS (PropertyReadOnly), -ENOTCONN (Disconnected), and -EREMOTEIO for all
 * others. */
int xcpbus_error_to_errno(const char *name);

/* The other way round: the nearest D-Bus error, and a text, for what a function here returned. */
void xcpbus_error_set_errno(struct xcpbus_error *error, int failure);

/* ---- Connections ---- */

/* Connects, authenticates and says Hello; waits for at most timeout_ms (0: 10 seconds) in all.
 *
 * address is a list of D-Bus addresses, separated by ';', of which the first that works is taken:
 * "unix:path=PATH", "unix:abstract=NAME", "vchan:" (a ring to the bus in the domain that xenstore
 * names; domain=N: in domain N, size=BYTES says how large, 65536 each way if not given). NULL
 * stands for $XCP_BUS_ADDRESS if that is set, else "unix:path=/run/xcp-bus/bus" if that socket
 * exists, else "vchan:". If there is no bus, it fails at once. */
int xcpbus_connect(const char *address, int timeout_ms, struct xcpbus **out,
		   struct xcpbus_error *error);

/* The same for a program that may start before the bus: until one of the addresses works, all are
 * tried again, after pauses of at most 2 seconds and, with "vchan:", as soon as xenstore says that
 * there is a bus. For at most timeout_ms in all (0: for ever); the error is that of the last
 * attempt. NULL stands for $XCP_BUS_ADDRESS, or "unix:path=/run/xcp-bus/bus;vchan:". */
int xcpbus_connect_wait(const char *address, int timeout_ms, struct xcpbus **out,
			struct xcpbus_error *error);

/* Ends the connection, without waiting for what is still to be sent (xcpbus_flush does), and frees
 * all slots that are left; no callback runs any more. Invocations that were kept stay to be
 * answered, which then only frees them. May be called from a callback. NULL is fine. Returns
 * NULL. */
struct xcpbus *xcpbus_free(struct xcpbus *bus);

/* False while there is no connection. Every function that needs the bus then fails with -ENOTCONN.
 * Unless xcpbus_set_reconnect was called, it stays so: connect anew. */
bool xcpbus_is_connected(const struct xcpbus *bus);

/* Such as ":7.12"; each connection to the bus has another. Borrowed until the next
 * xcpbus_process. */
const char *xcpbus_unique_name(const struct xcpbus *bus);

/* The one address out of the list that is in use. Borrowed until the next xcpbus_process. */
const char *xcpbus_address(const struct xcpbus *bus);

/* ---- When the bus goes ----
 *
 * A connection that was told to reconnect is not over when the bus closes it, or does not answer
 * any more. The next xcpbus_process
 *
 *   - ends all calls that wait for an answer with the error Disconnected, and drops what was not
 *     sent; calls that are owed an answer (xcpbus_keep) can only be ended, without one;
 *   - tells watchers of names that nobody owns them, and then reports XCPBUS_LOST.
 *
 * Those that follow dial the addresses of xcpbus_connect again, after 0.1 s and then after ever
 * longer pauses, each shortened by chance by up to a half; with "vchan:" also as soon as xenstore
 * says that there is a bus again. When the bus is there, they ask for the
 * names that were owned or queued for (with the same flags) and for the signals that were
 * subscribed to, in this order: signals, names, XCPBUS_RECONNECTED. Exports and slots stay what
 * they were; the unique name is another. Signals that were sent meanwhile are gone: look at the
 * state anew. Calls can be made and come in from shortly before XCPBUS_RECONNECTED.
 */

enum {
	XCPBUS_LOST = 1, /* error: why */
	XCPBUS_RETRYING = 2, /* an attempt failed, and error says why; another follows */
	XCPBUS_RECONNECTED = 3, /* error: NULL, or the first name or rule that is not ours again */
};

/* pause_max_ms is the longest pause between two attempts; 0: 30 seconds. Not wanted, as at first:
 * the end of the connection is the end; if it is lost already, the next xcpbus_process says so. */
int xcpbus_set_reconnect(struct xcpbus *bus, bool is_wanted, int pause_max_ms);

/* Runs for each of the events above. */
typedef void (*xcpbus_reconnect_fn)(struct xcpbus *bus, int event, const struct xcpbus_error *error,
				    void *data);
int xcpbus_on_reconnect(struct xcpbus *bus, xcpbus_reconnect_fn fn, void *data,
			struct xcpbus_slot **slot);

/* When nothing came from the bus for interval_ms, ask it for an answer; if there is none for as
 * long again, the connection is lost (-ETIMEDOUT). 0: never. At first 30 seconds on a ring, which
 * dies without a word when its domain is suspended and resumed, and never on a socket. Behind
 * xcp-bus-agent, whose rings are rings too, say what you want. */
int xcpbus_set_keepalive(struct xcpbus *bus, int interval_ms);

/* ---- The loop is yours ---- */

/* Poll this for xcpbus_get_events for at most xcpbus_get_timeout, then call xcpbus_process; it need
 * not be known whether the descriptor or the time was the reason. Ask for all three anew before
 * every poll. The descriptor stays the same for the life of the connection, that is until
 * XCPBUS_LOST; use it for nothing but polling. -ENOTCONN if there is none: poll takes no notice of
 * such an entry. */
int xcpbus_get_fd(const struct xcpbus *bus);
short xcpbus_get_events(const struct xcpbus *bus); /* POLLIN, POLLIN | POLLOUT */
int xcpbus_get_timeout(const struct xcpbus *bus); /* ms; 0: do not poll at all; -1: none */

/* Does what can be done without waiting: reads, runs callbacks (for a bounded number of messages;
 * the timeout is 0 if there are more), ends calls whose time is up, writes. Returns 0 or more, or
 * a negative errno once the connection is over; in the call in which that turns out, all
 * callbacks that report it have run. -EDEADLK from within a callback. */
int xcpbus_process(struct xcpbus *bus);

/* Waits until xcpbus_process has something to do, for at most timeout_ms (-1: for ever). Returns
 * 1 if so, 0 if the time is up. For programs without a loop of their own. */
int xcpbus_wait(struct xcpbus *bus, int timeout_ms);

/* Waits until everything is sent, for at most timeout_ms (0: 25 seconds). -ETIMEDOUT. */
int xcpbus_flush(struct xcpbus *bus, int timeout_ms);

/* Lets a libevent loop do all of this, until the connection is over or freed. base must outlive the
 * attachment; NULL detaches. -EBUSY if it is attached to another. */
int xcpbus_attach_event_base(struct xcpbus *bus, struct event_base *base);

/* ---- Slots ----
 *
 * Whatever can call the program back is a slot: a call whose answer is awaited, a subscription, an
 * exported interface, a watched name, a wish to hear of the end. Functions that make one take a
 * struct xcpbus_slot **:
 *
 *   NULL: the slot is the library's. It ends when nothing more can come, or with the connection.
 *   otherwise: the slot is yours until you free it or free the connection, whichever is first.
 */

/* Cancels what the slot stands for: its callback does not run any more. May be called at any time,
 * also from callbacks, its own included. NULL is fine. Returns NULL. */
struct xcpbus_slot *xcpbus_slot_free(struct xcpbus_slot *slot);

/* Runs once, when the connection is over for good and for another reason than xcpbus_free, after
 * all awaited answers have been reported as lost. failure is a negative errno: -EPIPE if the bus
 * closed the connection in good order. */
typedef void (*xcpbus_disconnect_fn)(struct xcpbus *bus, int failure, void *data);
int xcpbus_on_disconnect(struct xcpbus *bus, xcpbus_disconnect_fn fn, void *data,
			 struct xcpbus_slot **slot);

/* ---- Arguments ----
 *
 * Values are written and read by D-Bus signature. Types in C:
 *
 *	     append takes	read takes
 *	y    uint8_t		uint8_t *
 *	b    bool		bool *
 *	n q  int16_t uint16_t	int16_t * uint16_t *
 *	i u  int32_t uint32_t	int32_t * uint32_t *
 *	x t  int64_t uint64_t	int64_t * uint64_t *
 *	d    double		double *
 *	s o g  const char *	const char **, borrowed from the message
 *	h    int: copied		int *: a copy, yours to close
 *	v    a signature of one complete type, then its value or values
 *				the signature that is expected, then as for that
 *	( )  the members, one after the other
 *	{ }  key, then value
 *	a    unsigned count, then count times what the element takes
 *				only of y n q i u x t d: const T **, unsigned *, borrowed;
 *				of s o g: const char ***, unsigned *: free() the array
 *
 * For example xcpbus_append(message, "a{sv}", 2, "size", "t", (uint64_t)4096, "name", "s", "x").
 * Mind the casts: the compiler cannot check these. What has no row above (reading arrays of
 * containers) is done with libdbus's DBusMessageIter, and xcpbus_read_iter at each level.
 *
 * File descriptors (h) go between programs that are connected through Unix sockets to one bus, at
 * most 64 with a message: more are -ENOBUFS. One that came but cannot be had (this process has
 * too many open, or its place is wrong) reads as -1. On a ring they cannot go: sending fails with
 * -EOPNOTSUPP, and the caller whose answer has some gets NotSupported.
 */

/* -EINVAL for a bad signature, a string that is not UTF-8, a bad object path: the message is then
 * of no use any more. -ENOMEM. */
int xcpbus_append(DBusMessage *message, const char *signature, ...);

/* The same at an iterator, inside of a container for example. */
int xcpbus_append_iter(DBusMessageIter *iter, const char *signature, ...);

/* Reads the arguments from the first on. -EINVAL, and nothing written, if the message does not
 * begin with this signature. */
int xcpbus_read(DBusMessage *message, const char *signature, ...);

/* The same from an iterator, which is left behind what was read. */
int xcpbus_read_iter(DBusMessageIter *iter, const char *signature, ...);

/* ---- Calls ---- */

/* Where a call goes; interface may be NULL. timeout_ms 0 stands for 25 seconds. */
struct xcpbus_target {
	const char *destination, *path, *interface;
	int timeout_ms;
};

/* A call to be filled with arguments. -EINVAL if one of the names is not valid, -ENOMEM. */
int xcpbus_new_call(const struct xcpbus_target *target, const char *member, DBusMessage **out);

/* Sends any message and forgets about it (set "no reply" in calls). The serial is set by this. If
 * the other side does not read, messages queue up, to a limit: -ENOBUFS.
 *
 * A bus ends the connection of who sends it a message that is too long; xcp-busd takes 1 MiB from a
 * guest and 32 MiB from dom0, unless it is configured otherwise. So a longer one is not sent, by
 * whatever function: -EMSGSIZE (LimitsExceeded); if it was an answer, the caller gets that error.
 * For that, the first message of more than 64 KiB waits until the bus has said what it takes. Of a
 * bus that does not say it, only the 128 MiB of the specification are known; and one that is
 * configured to take less than 64 KiB is not asked before it ends the connection. */
int xcpbus_send(struct xcpbus *bus, DBusMessage *message);

/* Sends a call and waits for the answer, for at most timeout_ms (0: 25 seconds). reply may be NULL.
 * -ETIMEDOUT with NoReply if none came. */
int xcpbus_call(struct xcpbus *bus, DBusMessage *call, int timeout_ms, DBusMessage **reply,
		struct xcpbus_error *error);

/* Runs exactly once, unless the slot or the connection is freed before. Either reply is there, or
 * error (an error that was answered, or NoReply when the time is up, or Disconnected); both are
 * borrowed for the duration of the callback. */
typedef void (*xcpbus_reply_fn)(struct xcpbus *bus, DBusMessage *reply,
				const struct xcpbus_error *error, void *data);

/* Sends a call and returns at once. */
int xcpbus_call_async(struct xcpbus *bus, DBusMessage *call, int timeout_ms, xcpbus_reply_fn fn,
		      void *data, struct xcpbus_slot **slot);

/* Both in one go: make the call, append the arguments (signature may be "" or NULL), send. */
int xcpbus_call_method(struct xcpbus *bus, const struct xcpbus_target *target, const char *member,
		       DBusMessage **reply, struct xcpbus_error *error, const char *signature, ...);
int xcpbus_call_method_async(struct xcpbus *bus, const struct xcpbus_target *target,
			     const char *member, xcpbus_reply_fn fn, void *data,
			     struct xcpbus_slot **slot, const char *signature, ...);

/* ---- Names ---- */

/* Flags of xcpbus_request_name; D-Bus's numbers */
enum {
	XCPBUS_NAME_ALLOW_REPLACEMENT = 1,
	XCPBUS_NAME_REPLACE_EXISTING = 2,
	XCPBUS_NAME_DO_NOT_QUEUE = 4,
};

/* What xcpbus_request_name returns */
enum {
	XCPBUS_NAME_PRIMARY_OWNER = 1,
	XCPBUS_NAME_IN_QUEUE = 2,
	XCPBUS_NAME_EXISTS = 3, /* somebody else has it, and XCPBUS_NAME_DO_NOT_QUEUE was given */
	XCPBUS_NAME_ALREADY_OWNER = 4,
};

/* What xcpbus_release_name returns */
enum {
	XCPBUS_NAME_RELEASED = 1,
	XCPBUS_NAME_NON_EXISTENT = 2,
	XCPBUS_NAME_NOT_OWNER = 3,
};

/* Runs in xcpbus_process: soon, with whoever owns the name now ("" if nobody does), and whenever
 * that changes. The bus being lost is a change, too. name and owner are borrowed for the duration
 * of the callback. */
typedef void (*xcpbus_owner_fn)(struct xcpbus *bus, const char *name, const char *owner,
				void *data);

/* Follows who owns a name, well-known or unique. Does not wait. */
int xcpbus_watch_name(struct xcpbus *bus, const char *name, xcpbus_owner_fn fn, void *data,
		      struct xcpbus_slot **slot);

/* Both wait for the bus, for at most 25 seconds, and return one of the above or a negative errno:
 * -EACCES if this program may not own the name. */
int xcpbus_request_name(struct xcpbus *bus, const char *name, unsigned flags,
			struct xcpbus_error *error);
int xcpbus_release_name(struct xcpbus *bus, const char *name, struct xcpbus_error *error);

/* The same without waiting: the argument of the answer ("u") is one of the above. To free the slot
 * does not take the request back. */
int xcpbus_request_name_async(struct xcpbus *bus, const char *name, unsigned flags,
			      xcpbus_reply_fn fn, void *data, struct xcpbus_slot **slot);
int xcpbus_release_name_async(struct xcpbus *bus, const char *name, xcpbus_reply_fn fn, void *data,
			      struct xcpbus_slot **slot);

/* ---- Signals ---- */

int xcpbus_emit(struct xcpbus *bus, const char *path, const char *interface, const char *member,
		const char *signature, ...);

/* message is borrowed for the duration of the callback. */
typedef void (*xcpbus_signal_fn)(struct xcpbus *bus, DBusMessage *message, void *data);

/* Calls fn for every signal that matches a match rule of the D-Bus specification, such as
 * "type='signal',sender='org.xen.xcp.xenopsd',member='Progress'". A sender that is a well-known
 * name stands for whoever owns it when the signal is sent. Waits for the bus to accept the rule,
 * for at most 25 seconds; -EINVAL if it is not one. Programs may subscribe to the same rule
 * twice. */
int xcpbus_subscribe(struct xcpbus *bus, const char *rule, xcpbus_signal_fn fn, void *data,
		     struct xcpbus_slot **slot, struct xcpbus_error *error);

/* The same without waiting. Signals that are answers to what is sent from here on will be seen.
 * Should the bus refuse the rule after all (a limit), on_refused runs, if it is not NULL, with
 * data and no reply, and the subscription stays silent. */
int xcpbus_subscribe_async(struct xcpbus *bus, const char *rule, xcpbus_signal_fn fn,
			   xcpbus_reply_fn on_refused, void *data, struct xcpbus_slot **slot);

/* Looks on from now on: the connection leaves the bus and gets a copy of what passes there, or, if
 * there are any, of what one of the rules describes. fn runs for each message, until the connection
 * is over; nothing can be sent any more (-EPERM). Waits as xcpbus_subscribe does. -EACCES if this
 * program may not. A bus that is faster than fn leaves messages out; xcp-busd then sends the signal
 * org.xen.xcp.Bus1.MessagesLost. */
int xcpbus_become_monitor(struct xcpbus *bus, const char *const *rules, unsigned count,
			  xcpbus_signal_fn fn, void *data, struct xcpbus_error *error);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#include "xcpbus-service.h"
