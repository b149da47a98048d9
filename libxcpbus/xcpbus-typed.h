/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What code that `xcp-bus-idl c` prints needs of the library: tables that say what types and
 * interfaces look like, and functions that go by them. Programs include the printed header and
 * use what is declared there; only xcpbus_any_new, xcpbus_error_reply, struct xcpbus_source and
 * XCPBUS_ANY_OBJECT are for them, too.
 *
 * Values in memory are trees of constants. Who reads one (from a message, or by copying another)
 * owns all of it and gives it back with one call of xcpbus_value_free. Who builds one out of
 * pointers of their own owns those; the library borrows such a value for the duration of a call.
 *
 * Reading never trusts a message: a value of another type is -EINVAL, one that would take more than
 * 256 MiB of memory -ENOBUFS, and the error says where it is. On failure nothing is left to be
 * freed.
 */
#pragma once

#include <stddef.h>

#include "xcpbus.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- Types ---- */

/* What it is in C: */
enum xcpbus_kind {
	XCPBUS_KIND_BASIC, /* as for xcpbus_append; texts are const char *, fds an int */
	XCPBUS_KIND_ANY, /* DBusMessage *, whose body is the value */
	XCPBUS_KIND_LIST, /* struct { const ELEMENT *items; unsigned count; } */
	XCPBUS_KIND_MAYBE, /* const ELEMENT *, NULL if absent; texts and ANY as they are */
	XCPBUS_KIND_STRUCT, /* also the arguments of a call: those have no parentheses */
	XCPBUS_KIND_ENTRY, /* a structure of two; a dictionary is a list of them */
	XCPBUS_KIND_RECORD, /* a structure; a{sv} on the bus */
	XCPBUS_KIND_ENUM, /* struct { enum value; const char *word; }; 0: another word */
	XCPBUS_KIND_VARIANT, /* struct { enum kind; union; }; 0: the union has an xcpbus_case */
};

struct xcpbus_case { /* one that this side does not know */
	const char *name;
	DBusMessage *value;
};

enum {
	XCPBUS_REQUIRED = 1, /* of a record: must be there */
	XCPBUS_POINTER = 2, /* of a variant: it is a pointer to the value */
};

struct xcpbus_type;

struct xcpbus_field { /* or a case of a variant, or a word of an enum */
	const char *name; /* NULL: the end; its offset is that of a variant's xcpbus_case */
	const struct xcpbus_type *type; /* NULL: a word, or a case without value */
	size_t offset;
	unsigned flags;
};

struct xcpbus_type {
	enum xcpbus_kind kind;
	const char *name; /* for people; of arguments: their names, separated by spaces */
	const char *signature;
	size_t size;
	const struct xcpbus_type *element; /* of LIST and MAYBE */
	const struct xcpbus_field *fields; /* of those that have parts */
	const void *defaults; /* of RECORD: one with all default values */
};

void xcpbus_value_free(const struct xcpbus_type *type, void *value); /* and empties it */
int xcpbus_value_copy(const struct xcpbus_type *type, void *to, const void *from); /* -ENOMEM */

/* The iterator is left behind the value. */
int xcpbus_value_read(DBusMessageIter *iter, const struct xcpbus_type *type, void *value,
		      struct xcpbus_error *error);
/* -EINVAL: a text is missing or not valid, or it is nested too deeply for D-Bus; -ENOBUFS: it takes
 * more than 64 MiB. The message is then of no use any more. */
int xcpbus_value_append(DBusMessageIter *iter, const struct xcpbus_type *type, const void *value,
			struct xcpbus_error *error);

/* The word that travels, of a value of an enum. Borrowed. */
const char *xcpbus_enum_word(const struct xcpbus_type *type, const void *value);

/* A value of any type, which xcpbus_append takes with this signature; read it with xcpbus_read and
 * end it with dbus_message_unref. NULL: no memory, or not valid. */
DBusMessage *xcpbus_any_new(const char *signature, ...);

/* ---- Interfaces ---- */

struct xcpbus_source { /* of a signal, or of a property's change; borrowed */
	const char *sender; /* the unique name of the service */
	const char *path; /* of its object */
};

/* As the path of a target: whatever object of the service it comes from. */
#define XCPBUS_ANY_OBJECT "*"

/* Gives the program's function what it expects: the arguments, or NULL and an error. */
typedef void (*xcpbus_tell_fn)(struct xcpbus *bus, const struct xcpbus_source *from,
			       const void *values, const struct xcpbus_error *error,
			       void (*fn)(void), void *data);
typedef int (*xcpbus_run_fn)(struct xcpbus_invocation *call, const void *in, const void *handlers,
			     void *data);
typedef int (*xcpbus_run_get_fn)(void *value, const void *handlers, void *data);
typedef int (*xcpbus_run_set_fn)(const void *value, struct xcpbus_error *error,
				 const void *handlers, void *data);

/* home says where the interface is to be found; its destination and path may be NULL. */
struct xcpbus_typed_method {
	const char *member;
	const struct xcpbus_target *home;
	const struct xcpbus_type *in, *out; /* NULL: no arguments */
	int timeout_ms; /* 0: the library's */
	unsigned flags;
	size_t handler; /* where it is in the handlers */
	xcpbus_run_fn run;
	xcpbus_tell_fn tell;
	const struct xcpbus_annotation
		*annotations; /* for the introspection, as in xcpbus_method */
};

struct xcpbus_typed_signal {
	const char *member;
	const struct xcpbus_target *home;
	const struct xcpbus_type *args;
	unsigned flags;
	xcpbus_tell_fn tell;
	const struct xcpbus_annotation *annotations;
};

struct xcpbus_typed_property {
	const char *name;
	const struct xcpbus_target *home;
	const struct xcpbus_type *type;
	unsigned flags;
	size_t getter, setter; /* where they are in the handlers */
	xcpbus_run_get_fn run_get; /* NULL: write-only */
	xcpbus_run_set_fn run_set; /* NULL: read-only */
	xcpbus_tell_fn tell, tell_got; /* to who watches, and to who asked */
	const struct xcpbus_annotation *annotations;
};

struct xcpbus_typed_interface { /* lists end with NULL */
	const struct xcpbus_target *home;
	const struct xcpbus_typed_method *const *methods;
	const struct xcpbus_typed_signal *const *signals;
	const struct xcpbus_typed_property *const *properties;
	const struct xcpbus_annotation *annotations;
};

struct xcpbus_typed_error {
	const char *name; /* NULL: the end of the list */
	const struct xcpbus_type *payload; /* as arguments; NULL: none */
	const char *text; /* for people */
};

/* ---- Calling ----
 *
 * target: NULL, or what is other than in the interface's home and the method's table; its
 * interface is not looked at.
 */

/* results has a pointer for each, which may be NULL. */
int xcpbus_call_typed(struct xcpbus *bus, const struct xcpbus_target *target,
		      const struct xcpbus_typed_method *method, const void *in,
		      void *const *results, struct xcpbus_error *error);
int xcpbus_call_typed_async(struct xcpbus *bus, const struct xcpbus_target *target,
			    const struct xcpbus_typed_method *method, const void *in,
			    void (*fn)(void), void *data, struct xcpbus_slot **slot);
int xcpbus_subscribe_typed(struct xcpbus *bus, const struct xcpbus_target *target,
			   const struct xcpbus_typed_signal *signal, void (*fn)(void), void *data,
			   struct xcpbus_slot **slot, struct xcpbus_error *error);
int xcpbus_get_typed(struct xcpbus *bus, const struct xcpbus_target *target,
		     const struct xcpbus_typed_property *property, void *value,
		     struct xcpbus_error *error);
int xcpbus_set_typed(struct xcpbus *bus, const struct xcpbus_target *target,
		     const struct xcpbus_typed_property *property, const void *value,
		     struct xcpbus_error *error);
int xcpbus_get_typed_async(struct xcpbus *bus, const struct xcpbus_target *target,
			   const struct xcpbus_typed_property *property, void (*fn)(void),
			   void *data, struct xcpbus_slot **slot);
/* error: why it was not set, or NULL. */
typedef void (*xcpbus_set_done_fn)(struct xcpbus *bus, const struct xcpbus_error *error,
				   void *data);
int xcpbus_set_typed_async(struct xcpbus *bus, const struct xcpbus_target *target,
			   const struct xcpbus_typed_property *property, const void *value,
			   xcpbus_set_done_fn fn, void *data, struct xcpbus_slot **slot);
/* fn gets the new value, or NULL if the service only says that there is one. */
int xcpbus_watch_typed(struct xcpbus *bus, const struct xcpbus_target *target,
		       const struct xcpbus_typed_property *property, void (*fn)(void), void *data,
		       struct xcpbus_slot **slot, struct xcpbus_error *error);

/* The answer that is the last error that was told: by a function that waited, or, in a callback,
 * by that. NULL if it was no answer, but a failure of ours. Borrowed until the next call. */
DBusMessage *xcpbus_error_reply(const struct xcpbus *bus);
/* The position of an error in a list, from 1; 0: it is not there. */
unsigned xcpbus_error_find(const struct xcpbus_error *error,
			   const struct xcpbus_typed_error *errors);
/* From xcpbus_error_reply. -ENOENT if that is another error. */
int xcpbus_error_read(const struct xcpbus *bus, const struct xcpbus_typed_error *type,
		      void *payload, struct xcpbus_error *error);

/* ---- Serving ---- */

/* handlers are borrowed as long as the export lives. Methods and properties that have none are not
 * there. path NULL: home's. */
int xcpbus_export_typed(struct xcpbus *bus, const char *path,
			const struct xcpbus_typed_interface *interface, const void *handlers,
			void *data, struct xcpbus_slot **slot);
/* As xcpbus_reply and xcpbus_reply_error. text NULL: that of the table. */
int xcpbus_reply_typed(struct xcpbus_invocation *call, const struct xcpbus_typed_method *method,
		       const void *out);
int xcpbus_throw(struct xcpbus_invocation *call, const struct xcpbus_typed_error *type,
		 const void *payload, const char *text);
int xcpbus_emit_typed(struct xcpbus *bus, const char *path,
		      const struct xcpbus_typed_signal *signal, const void *args);
int xcpbus_changed_typed(struct xcpbus *bus, const char *path,
			 const struct xcpbus_typed_property *property);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
