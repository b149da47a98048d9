/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the stubs share.
 *
 * The library's callbacks run no OCaml: they put what happened into a queue, out of which OCaml
 * takes it when the library has returned. So no exception passes through the library, and no
 * callback can come while a finaliser runs. The one exception are properties, whose value has to be
 * had at once.
 *
 * The runtime lock is held in all of this but where a function waits. OCaml has a lock of its own
 * for each connection, so that no two threads are in the library with one.
 */
#pragma once

#define CAML_NAME_SPACE

#include <caml/fail.h>
#include <caml/mlvalues.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <xcpbus.h>

enum { /* in the order of Value.t */
       TAG_BYTE,
       TAG_BOOL,
       TAG_INT16,
       TAG_UINT16,
       TAG_INT32,
       TAG_UINT32,
       TAG_INT64,
       TAG_UINT64,
       TAG_DOUBLE,
       TAG_STRING,
       TAG_PATH,
       TAG_SIGNATURE,
       TAG_FD,
       TAG_BYTES,
       TAG_ARRAY,
       TAG_DICT,
       TAG_STRUCT,
       TAG_VARIANT,
};

enum event_kind { /* in the order of Raw.event */
		  EVENT_REPLY,
		  EVENT_FAILURE,
		  EVENT_SIGNAL,
		  EVENT_CALL,
		  EVENT_OWNER,
		  EVENT_LINK,
		  EVENT_REFUSED,
};

enum { LINK_OVER = 4 }; /* beside XCPBUS_LOST and the others */

struct ticket;

struct event {
	STAILQ_ENTRY(event) link;
	enum event_kind kind;
	intnat id;
	int code;
	DBusMessage *message;
	struct xcpbus_invocation *call;
	char *out_signature; /* of the call */
	char *name, *text;
	struct ticket *ticket; /* this is a part of it, and goes with it */
};

/* Something that can call back, by the number that OCaml gave it. */
struct ticket {
	LIST_ENTRY(ticket) link;
	struct connection *connection;
	intnat id;
	struct xcpbus_slot *slot;
	struct table *table; /* of an export */
	value properties; /* its closure; a root if has_properties */
	bool has_properties;
	struct event answer; /* of a call: so that it cannot fail */
};

struct invocation {
	SLIST_ENTRY(invocation) link; /* connection::orphans */
	struct connection *connection;
	struct xcpbus_invocation *call; /* NULL: answered */
	char *out_signature;
};

struct connection {
	struct xcpbus *bus; /* NULL: closed */
	unsigned references; /* the block that OCaml has, and each invocation */
	int wake_fd;
	bool is_woken; /* wake_fd has something to be read */
	bool is_waiting; /* without the runtime lock */
	STAILQ_HEAD(, event) events;
	LIST_HEAD(, ticket) tickets;
	SLIST_HEAD(, invocation) orphans; /* dropped by OCaml without an answer */
};

/* ---- connection.c ---- */
#define Connection_val(block) (*(struct connection **)Data_custom_val(block))
/* Raises Xcpbus.Error if it was closed. */
struct connection *connection_of(value block);
void connection_wake(struct connection *connection);
/* The text of a string without NUL in it; raises otherwise. */
const char *text_of(value string, const char *what);
/* error may be NULL. */
_Noreturn void fail(int failure, const struct xcpbus_error *error, const char *what);

/* ---- events.c ---- */
struct ticket *ticket_new(struct connection *connection, value id);
void ticket_free(struct ticket *ticket);
/* NULL: no memory. */
struct event *event_push(struct ticket *ticket, enum event_kind kind);
void event_free(struct event *event);

/* ---- answer.c ---- */
value invocation_take(struct connection *connection, struct event *event);
void orphans_end(struct connection *connection);
void connection_unref(struct connection *connection);

/* ---- export.c ---- */
struct table *table_free(struct table *table);

/* ---- fd.c ---- */
value fd_own(int fd); /* a Value.fd that closes it if nobody takes it */
int fd_number(value fd);

/* ---- values-read.c, values.c ---- */
enum { READ_MAX = 256 * 1024 * 1024 }; /* bytes of OCaml's memory that one message may fill */

struct reader {
	size_t left; /* of READ_MAX */
	bool is_over; /* what was read is not all: it must not be used */
};

extern const char read_too_large[];

/* The whole body as a list of Value.t. */
value message_body(struct reader *reader, DBusMessage *message);
/* One value; the iterator stands on it. */
value iter_read(struct reader *reader, DBusMessageIter *iter);
/* NULL if all went well; otherwise what is wrong, and the message is of no use any more. */
const char *message_append(DBusMessage *message, value list);
/* One value of this type. */
const char *iter_append(DBusMessageIter *iter, const char *signature, value item);
