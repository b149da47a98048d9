/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.example.torture1, printed by xcp-bus-idl from org.example.torture1.xml.
 *
 * A service that gives back what it gets.
 *
 * Memory: a value that came out of one of these functions is yours, ended with NAME_free (texts
 * with free, DBusMessage with dbus_message_unref). What you build yourself is lent for the
 * duration of a call, whatever it is made of; it is not for NAME_free, nor is what NAME_init
 * filled. What a callback or a handler gets is lent to you: NAME_copy. Results go to pointers
 * that may be NULL, and are written if the function returns >= 0.
 *
 * target: NULL, or where the service is other than org.example.torture1 /org/example/torture1. */
#pragma once

#include <xcpbus-typed.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TORTURE1_SERVICE "org.example.torture1"
#define TORTURE1_PATH "/org/example/torture1"

/* Where a PCI device is. */
struct torture1_address {
	uint16_t domain; /* The PCI domain. */
	uint8_t bus; /* The bus in it. */
	uint8_t dev; /* The slot on the bus. */
	uint8_t fn; /* The function of the device. */
};

/* One of a few colours. */
enum torture1_colour_value {
	TORTURE1_COLOUR_NOT_KNOWN,
	TORTURE1_COLOUR_RED, /* As blood. */
	TORTURE1_COLOUR_DARK_GREEN, /* As ivy. */
	TORTURE1_COLOUR_NONE, /* Not a colour; a keyword in some languages. */
};

struct torture1_colour {
	enum torture1_colour_value value;
	const char *word; /* if it is not known */
};

struct torture1_list_of_shape {
	const struct torture1_shape *items;
	unsigned count;
};

/* A form, with what it needs. */
enum torture1_shape_kind {
	TORTURE1_SHAPE_NOT_KNOWN,
	TORTURE1_SHAPE_EMPTY, /* Nothing at all. */
	TORTURE1_SHAPE_CIRCLE, /* Its radius. */
	TORTURE1_SHAPE_SEGMENT, /* Where it begins and ends. */
	TORTURE1_SHAPE_DEVICE, /* The form of a device. */
	TORTURE1_SHAPE_GROUP, /* Several of them. */
	TORTURE1_SHAPE_LABELLED, /* One with a text. */
};

struct torture1_shape {
	enum torture1_shape_kind kind;
	union {
		double circle;
		const struct torture1_tuple_of_int64_and_int64 *segment;
		const struct torture1_address *device;
		struct torture1_list_of_shape group;
		const struct torture1_label *labelled;
		struct xcpbus_case not_known;
	};
};

struct torture1_tuple_of_int64_and_int64 {
	int64_t first;
	int64_t second;
};

/* A text and how it looks. */
struct torture1_label {
	const char *text; /* What it says; required. */
	struct torture1_colour colour; /* Its colour. */
	double size; /* How large, in lines. */
	const char *link; /* Where it leads to. */
};

struct torture1_bytes {
	const uint8_t *items;
	unsigned count;
};

struct torture1_int64s {
	const int64_t *items;
	unsigned count;
};

struct torture1_list_of_doubles {
	const struct torture1_doubles *items;
	unsigned count;
};

struct torture1_map_of_string_by_string_entry {
	const char *key;
	const char *value;
};

struct torture1_map_of_string_by_string {
	const struct torture1_map_of_string_by_string_entry *items;
	unsigned count;
};

struct torture1_map_of_label_by_uint32_entry {
	uint32_t key;
	struct torture1_label value;
};

struct torture1_map_of_label_by_uint32 {
	const struct torture1_map_of_label_by_uint32_entry *items;
	unsigned count;
};

struct torture1_tuple_of_string_and_maybe_int64 {
	const char *first;
	const int64_t *second;
};

/* A record of which all fields have defaults. */
struct torture1_origin {
	int64_t x; /* How far east. */
	int64_t y; /* How far north. */
};

struct torture1_list_of_label {
	const struct torture1_label *items;
	unsigned count;
};

struct torture1_list_of_maybe_string {
	const char *const *items;
	unsigned count;
};

/* A field of each type. */
struct torture1_everything {
	uint8_t a_byte; /* The largest byte. */
	bool a_boolean; /* Yes. */
	int16_t an_int16; /* The least. */
	uint16_t a_uint16; /* The largest. */
	int32_t an_int32; /* The least. */
	uint32_t a_uint32; /* The largest. */
	int64_t an_int64; /* The least. */
	uint64_t a_uint64; /* The largest. */
	double a_double; /* Exact in binary. */
	const char *a_string; /* With all escapes. */
	struct torture1_bytes some_bytes; /* Raw bytes. */
	struct torture1_int64s numbers; /* A list. */
	struct torture1_list_of_doubles matrix; /* A list of lists. */
	struct torture1_map_of_string_by_string words; /* A dictionary. */
	struct torture1_map_of_label_by_uint32 by_number; /* One of records. */
	struct torture1_tuple_of_string_and_maybe_int64 pair; /* A tuple. */
	struct torture1_address address; /* A structure. */
	struct torture1_colour colour; /* An enum. */
	struct torture1_shape shape; /* A variant. */
	struct torture1_origin origin; /* A record in a record. */
	const struct torture1_label *label; /* A record that may be absent. */
	struct torture1_list_of_label labels; /* A list of records. */
	/* A list that may be absent, which an empty one is not. */
	const struct torture1_int64s *maybe_numbers;
	struct torture1_list_of_maybe_string holes; /* A list with holes. */
	DBusMessage *anything; /* Whatever. */
};

struct torture1_doubles {
	const double *items;
	unsigned count;
};

struct torture1_list_of_tree {
	const struct torture1_tree *items;
	unsigned count;
};

/* A record that contains itself. */
struct torture1_tree {
	const char *name; /* Of this node. */
	struct torture1_list_of_tree children; /* Below it. */
};

struct torture1_list_of_tuple_of_string_and_label {
	const struct torture1_tuple_of_string_and_label *items;
	unsigned count;
};

struct torture1_tuple_of_string_and_label {
	const char *first;
	struct torture1_label second;
};

void torture1_address_free(struct torture1_address *value);
int torture1_address_copy(struct torture1_address *to, const struct torture1_address *from);
int torture1_address_read(DBusMessageIter *iter, struct torture1_address *value,
			  struct xcpbus_error *error);
int torture1_address_append(DBusMessageIter *iter, const struct torture1_address *value,
			    struct xcpbus_error *error);

void torture1_colour_free(struct torture1_colour *value);
const char *torture1_colour_word(const struct torture1_colour *value);
int torture1_colour_copy(struct torture1_colour *to, const struct torture1_colour *from);
int torture1_colour_read(DBusMessageIter *iter, struct torture1_colour *value,
			 struct xcpbus_error *error);
int torture1_colour_append(DBusMessageIter *iter, const struct torture1_colour *value,
			   struct xcpbus_error *error);

void torture1_shape_free(struct torture1_shape *value);
int torture1_shape_copy(struct torture1_shape *to, const struct torture1_shape *from);
int torture1_shape_read(DBusMessageIter *iter, struct torture1_shape *value,
			struct xcpbus_error *error);
int torture1_shape_append(DBusMessageIter *iter, const struct torture1_shape *value,
			  struct xcpbus_error *error);

void torture1_label_init(struct torture1_label *value);
void torture1_label_free(struct torture1_label *value);
int torture1_label_copy(struct torture1_label *to, const struct torture1_label *from);
int torture1_label_read(DBusMessageIter *iter, struct torture1_label *value,
			struct xcpbus_error *error);
int torture1_label_append(DBusMessageIter *iter, const struct torture1_label *value,
			  struct xcpbus_error *error);

void torture1_bytes_free(struct torture1_bytes *value);

void torture1_origin_init(struct torture1_origin *value);
void torture1_origin_free(struct torture1_origin *value);
int torture1_origin_copy(struct torture1_origin *to, const struct torture1_origin *from);
int torture1_origin_read(DBusMessageIter *iter, struct torture1_origin *value,
			 struct xcpbus_error *error);
int torture1_origin_append(DBusMessageIter *iter, const struct torture1_origin *value,
			   struct xcpbus_error *error);

void torture1_everything_init(struct torture1_everything *value);
void torture1_everything_free(struct torture1_everything *value);
int torture1_everything_copy(struct torture1_everything *to,
			     const struct torture1_everything *from);
int torture1_everything_read(DBusMessageIter *iter, struct torture1_everything *value,
			     struct xcpbus_error *error);
int torture1_everything_append(DBusMessageIter *iter, const struct torture1_everything *value,
			       struct xcpbus_error *error);

void torture1_tree_init(struct torture1_tree *value);
void torture1_tree_free(struct torture1_tree *value);
int torture1_tree_copy(struct torture1_tree *to, const struct torture1_tree *from);
int torture1_tree_read(DBusMessageIter *iter, struct torture1_tree *value,
		       struct xcpbus_error *error);
int torture1_tree_append(DBusMessageIter *iter, const struct torture1_tree *value,
			 struct xcpbus_error *error);

void torture1_list_of_tuple_of_string_and_label_free(
	struct torture1_list_of_tuple_of_string_and_label *value);

/* ---- Errors ----
 *
 * For callers: which one it is, and with read_... what it carries, as long as it is the last
 * error that the connection told (-ENOENT otherwise). For services: throw_... answers a call
 * with it; the text is for people, and NULL stands for the sentence that is here. */

enum torture1_error {
	TORTURE1_ERROR_NOT_KNOWN, /* an error of the bus, or of a later version */
	TORTURE1_ERROR_INTERNAL_ERROR,
	TORTURE1_ERROR_BAD_SHAPE,
	TORTURE1_ERROR_NOTHING,
};

enum torture1_error torture1_error_of(const struct xcpbus_error *error);

/* The service is at fault. */
struct torture1_error_internal_error {
	const char *reason; /* Why. */
};

int torture1_read_internal_error(const struct xcpbus *bus,
				 struct torture1_error_internal_error *payload);
void torture1_error_internal_error_free(struct torture1_error_internal_error *payload);
int torture1_throw_internal_error(struct xcpbus_invocation *call,
				  const struct torture1_error_internal_error *payload,
				  const char *text);

/* A form that is not accepted. */
struct torture1_error_bad_shape {
	struct torture1_shape shape; /* The form. */
	struct torture1_tuple_of_int64_and_int64 limits; /* What would be. */
};

int torture1_read_bad_shape(const struct xcpbus *bus, struct torture1_error_bad_shape *payload);
void torture1_error_bad_shape_free(struct torture1_error_bad_shape *payload);
int torture1_throw_bad_shape(struct xcpbus_invocation *call,
			     const struct torture1_error_bad_shape *payload, const char *text);

/* An error that carries nothing. */
int torture1_throw_nothing(struct xcpbus_invocation *call, const char *text);

/* ---- org.example.torture1: A service that gives back what it gets. ---- */

struct torture1_echo_everything_in {
	const char *debug_info;
	struct torture1_everything everything;
};

struct torture1_echo_everything_out {
	struct torture1_everything result;
};

/* Gives a record back.
 *	debug_info: What the caller is at.
 *	everything: A record.
 * Answers:
 *	result: The same record.
 * Errors: InternalError. Calling it twice is as good as once. */
int torture1_echo_everything(struct xcpbus *bus, const struct xcpbus_target *target,
			     const char *debug_info, const struct torture1_everything *everything,
			     struct torture1_everything *result, struct xcpbus_error *error);
typedef void (*torture1_echo_everything_fn)(struct xcpbus *bus,
					    const struct torture1_echo_everything_out *out,
					    const struct xcpbus_error *error, void *data);
int torture1_echo_everything_begin(struct xcpbus *bus, const struct xcpbus_target *target,
				   const char *debug_info,
				   const struct torture1_everything *everything,
				   torture1_echo_everything_fn fn, void *data,
				   struct xcpbus_slot **slot);
int torture1_echo_everything_reply(struct xcpbus_invocation *call,
				   const struct torture1_everything *result);

struct torture1_echo_basic_in {
	uint8_t a_byte;
	bool a_boolean;
	int16_t an_int16;
	uint16_t a_uint16;
	int32_t an_int32;
	uint32_t a_uint32;
	int64_t an_int64;
	uint64_t a_uint64;
	double a_double;
	const char *a_string;
	const char *a_path;
	const char *a_signature;
};

struct torture1_echo_basic_out {
	uint8_t byte_out;
	bool boolean_out;
	int16_t int16_out;
	uint16_t uint16_out;
	int32_t int32_out;
	uint32_t uint32_out;
	int64_t int64_out;
	uint64_t uint64_out;
	double double_out;
	const char *string_out;
	const char *path_out;
	const char *signature_out;
};

/* Gives one of each basic type back.
 *	a_byte: A byte.
 *	a_boolean: A boolean.
 *	an_int16: 16 bits.
 *	a_uint16: 16 bits.
 *	an_int32: 32 bits.
 *	a_uint32: 32 bits.
 *	an_int64: 64 bits.
 *	a_uint64: 64 bits.
 *	a_double: A double.
 *	a_string: A text.
 *	a_path: An object path.
 *	a_signature: A signature.
 * Answers:
 *	byte_out: A byte.
 *	boolean_out: A boolean.
 *	int16_out: 16 bits.
 *	uint16_out: 16 bits.
 *	int32_out: 32 bits.
 *	uint32_out: 32 bits.
 *	int64_out: 64 bits.
 *	uint64_out: 64 bits.
 *	double_out: A double.
 *	string_out: A text.
 *	path_out: An object path.
 *	signature_out: A signature.
 * Errors: InternalError. Calling it twice is as good as once. */
int torture1_echo_basic(struct xcpbus *bus, const struct xcpbus_target *target, uint8_t a_byte,
			bool a_boolean, int16_t an_int16, uint16_t a_uint16, int32_t an_int32,
			uint32_t a_uint32, int64_t an_int64, uint64_t a_uint64, double a_double,
			const char *a_string, const char *a_path, const char *a_signature,
			uint8_t *byte_out, bool *boolean_out, int16_t *int16_out,
			uint16_t *uint16_out, int32_t *int32_out, uint32_t *uint32_out,
			int64_t *int64_out, uint64_t *uint64_out, double *double_out,
			char **string_out, char **path_out, char **signature_out,
			struct xcpbus_error *error);
typedef void (*torture1_echo_basic_fn)(struct xcpbus *bus,
				       const struct torture1_echo_basic_out *out,
				       const struct xcpbus_error *error, void *data);
int torture1_echo_basic_begin(struct xcpbus *bus, const struct xcpbus_target *target,
			      uint8_t a_byte, bool a_boolean, int16_t an_int16, uint16_t a_uint16,
			      int32_t an_int32, uint32_t a_uint32, int64_t an_int64,
			      uint64_t a_uint64, double a_double, const char *a_string,
			      const char *a_path, const char *a_signature,
			      torture1_echo_basic_fn fn, void *data, struct xcpbus_slot **slot);
int torture1_echo_basic_reply(struct xcpbus_invocation *call, uint8_t byte_out, bool boolean_out,
			      int16_t int16_out, uint16_t uint16_out, int32_t int32_out,
			      uint32_t uint32_out, int64_t int64_out, uint64_t uint64_out,
			      double double_out, const char *string_out, const char *path_out,
			      const char *signature_out);

struct torture1_draw_in {
	struct torture1_shape shape;
	struct torture1_colour colour;
};

struct torture1_draw_out {
	struct torture1_shape drawn;
	struct torture1_colour used;
};

/* Gives a form back, or throws it.
 *	shape: A Segment that ends before it begins is a BadShape; a Circle of radius 0
 *	    is Nothing; one of a negative radius is an InternalError.
 *	colour: A colour.
 * Answers:
 *	drawn: The same form.
 *	used: The same colour.
 * Errors: InternalError, BadShape, Nothing. Waits for 90.5 s. */
int torture1_draw(struct xcpbus *bus, const struct xcpbus_target *target,
		  const struct torture1_shape *shape, struct torture1_colour colour,
		  struct torture1_shape *drawn, struct torture1_colour *used,
		  struct xcpbus_error *error);
typedef void (*torture1_draw_fn)(struct xcpbus *bus, const struct torture1_draw_out *out,
				 const struct xcpbus_error *error, void *data);
int torture1_draw_begin(struct xcpbus *bus, const struct xcpbus_target *target,
			const struct torture1_shape *shape, struct torture1_colour colour,
			torture1_draw_fn fn, void *data, struct xcpbus_slot **slot);
int torture1_draw_reply(struct xcpbus_invocation *call, const struct torture1_shape *drawn,
			struct torture1_colour used);

struct torture1_echo_containers_in {
	const char *maybe;
	struct torture1_bytes bytes;
	struct torture1_list_of_tuple_of_string_and_label records;
	struct torture1_tree tree;
	DBusMessage *anything;
};

struct torture1_echo_containers_out {
	const char *maybe_out;
	struct torture1_bytes bytes_out;
	struct torture1_list_of_tuple_of_string_and_label records_out;
	struct torture1_tree tree_out;
	DBusMessage *anything_out;
};

/* Gives containers back.
 *	maybe: A text or nothing.
 *	bytes: Raw bytes.
 *	records: Records by name, in order.
 *	tree: A tree.
 *	anything: Whatever.
 * Answers:
 *	maybe_out: A text or nothing.
 *	bytes_out: Raw bytes.
 *	records_out: Records by name, in order.
 *	tree_out: A tree.
 *	anything_out: Whatever.
 * Errors: InternalError. */
int torture1_echo_containers(struct xcpbus *bus, const struct xcpbus_target *target,
			     const char *maybe, const struct torture1_bytes *bytes,
			     const struct torture1_list_of_tuple_of_string_and_label *records,
			     const struct torture1_tree *tree, DBusMessage *anything,
			     char **maybe_out, struct torture1_bytes *bytes_out,
			     struct torture1_list_of_tuple_of_string_and_label *records_out,
			     struct torture1_tree *tree_out, DBusMessage **anything_out,
			     struct xcpbus_error *error);
typedef void (*torture1_echo_containers_fn)(struct xcpbus *bus,
					    const struct torture1_echo_containers_out *out,
					    const struct xcpbus_error *error, void *data);
int torture1_echo_containers_begin(struct xcpbus *bus, const struct xcpbus_target *target,
				   const char *maybe, const struct torture1_bytes *bytes,
				   const struct torture1_list_of_tuple_of_string_and_label *records,
				   const struct torture1_tree *tree, DBusMessage *anything,
				   torture1_echo_containers_fn fn, void *data,
				   struct xcpbus_slot **slot);
int torture1_echo_containers_reply(
	struct xcpbus_invocation *call, const char *maybe_out,
	const struct torture1_bytes *bytes_out,
	const struct torture1_list_of_tuple_of_string_and_label *records_out,
	const struct torture1_tree *tree_out, DBusMessage *anything_out);

struct torture1_poke_in {
	uint32_t end;
};

/* Makes the service emit Poked, and answers nothing. Deprecated. Use
 * org.example.torture1.Extra.Wait instead.
 *	end: A keyword in some languages.
 * Errors: InternalError. */
int torture1_poke(struct xcpbus *bus, const struct xcpbus_target *target, uint32_t end,
		  struct xcpbus_error *error);
typedef void (*torture1_poke_fn)(struct xcpbus *bus, const struct xcpbus_error *error, void *data);
int torture1_poke_begin(struct xcpbus *bus, const struct xcpbus_target *target, uint32_t end,
			torture1_poke_fn fn, void *data, struct xcpbus_slot **slot);
int torture1_poke_reply(struct xcpbus_invocation *call);

struct torture1_poked_args {
	uint32_t end;
	struct torture1_label label;
};

/* Poke was called.
 *	end: What was given to it.
 *	label: A record. */
typedef void (*torture1_poked_fn)(struct xcpbus *bus, const struct xcpbus_source *from,
				  const struct torture1_poked_args *args, void *data);
int torture1_poked_subscribe(struct xcpbus *bus, const struct xcpbus_target *target,
			     torture1_poked_fn fn, void *data, struct xcpbus_slot **slot,
			     struct xcpbus_error *error);
int torture1_poked_emit(struct xcpbus *bus, const char *path, uint32_t end,
			const struct torture1_label *label);

/* How often Poke was called. */
typedef void (*torture1_count_got_fn)(struct xcpbus *bus, const uint32_t *value,
				      const struct xcpbus_error *error, void *data);
typedef void (*torture1_count_fn)(struct xcpbus *bus, const struct xcpbus_source *from,
				  const uint32_t *value, void *data);
int torture1_count_get(struct xcpbus *bus, const struct xcpbus_target *target, uint32_t *value,
		       struct xcpbus_error *error);
int torture1_count_get_begin(struct xcpbus *bus, const struct xcpbus_target *target,
			     torture1_count_got_fn fn, void *data, struct xcpbus_slot **slot);
int torture1_count_watch(struct xcpbus *bus, const struct xcpbus_target *target,
			 torture1_count_fn fn, void *data, struct xcpbus_slot **slot,
			 struct xcpbus_error *error);
int torture1_count_changed(struct xcpbus *bus, const char *path);

/* A colour that can be set. */
typedef void (*torture1_favourite_got_fn)(struct xcpbus *bus, const struct torture1_colour *value,
					  const struct xcpbus_error *error, void *data);
typedef void (*torture1_favourite_fn)(struct xcpbus *bus, const struct xcpbus_source *from,
				      const struct torture1_colour *value, void *data);
int torture1_favourite_get(struct xcpbus *bus, const struct xcpbus_target *target,
			   struct torture1_colour *value, struct xcpbus_error *error);
int torture1_favourite_get_begin(struct xcpbus *bus, const struct xcpbus_target *target,
				 torture1_favourite_got_fn fn, void *data,
				 struct xcpbus_slot **slot);
int torture1_favourite_set(struct xcpbus *bus, const struct xcpbus_target *target,
			   struct torture1_colour value, struct xcpbus_error *error);
int torture1_favourite_set_begin(struct xcpbus *bus, const struct xcpbus_target *target,
				 struct torture1_colour value, xcpbus_set_done_fn fn, void *data,
				 struct xcpbus_slot **slot);
int torture1_favourite_watch(struct xcpbus *bus, const struct xcpbus_target *target,
			     torture1_favourite_fn fn, void *data, struct xcpbus_slot **slot,
			     struct xcpbus_error *error);
int torture1_favourite_changed(struct xcpbus *bus, const char *path);

/* Of the service. */
typedef void (*torture1_version_got_fn)(struct xcpbus *bus, const char *const *value,
					const struct xcpbus_error *error, void *data);
int torture1_version_get(struct xcpbus *bus, const struct xcpbus_target *target, char **value,
			 struct xcpbus_error *error);
int torture1_version_get_begin(struct xcpbus *bus, const struct xcpbus_target *target,
			       torture1_version_got_fn fn, void *data, struct xcpbus_slot **slot);

/* Whoever offers org.example.torture1. What is NULL is not there. */
struct torture1_handlers {
	int (*echo_everything)(struct xcpbus_invocation *call,
			       const struct torture1_echo_everything_in *in, void *data);
	int (*echo_basic)(struct xcpbus_invocation *call, const struct torture1_echo_basic_in *in,
			  void *data);
	int (*draw)(struct xcpbus_invocation *call, const struct torture1_draw_in *in, void *data);
	int (*echo_containers)(struct xcpbus_invocation *call,
			       const struct torture1_echo_containers_in *in, void *data);
	int (*poke)(struct xcpbus_invocation *call, const struct torture1_poke_in *in, void *data);
	int (*count_get)(uint32_t *value, void *data);
	int (*favourite_get)(struct torture1_colour *value, void *data);
	int (*favourite_set)(struct torture1_colour value, struct xcpbus_error *error, void *data);
	int (*version_get)(const char **value, void *data);
};

int torture1_export(struct xcpbus *bus, const char *path, const struct torture1_handlers *handlers,
		    void *data, struct xcpbus_slot **slot);

/* ---- org.example.torture1.Extra: A second interface of the same service. ---- */

struct torture1_extra_wait_in {
	double delay;
};

/* Answers after a while. Since 1.1.
 *	delay: How long; for ever if negative. (In seconds.)
 * Waits for 1 s. */
int torture1_extra_wait(struct xcpbus *bus, const struct xcpbus_target *target, double delay,
			struct xcpbus_error *error);
typedef void (*torture1_extra_wait_fn)(struct xcpbus *bus, const struct xcpbus_error *error,
				       void *data);
int torture1_extra_wait_begin(struct xcpbus *bus, const struct xcpbus_target *target, double delay,
			      torture1_extra_wait_fn fn, void *data, struct xcpbus_slot **slot);
int torture1_extra_wait_reply(struct xcpbus_invocation *call);

/* Does something that nobody waits for.
 * Nobody waits for an answer. */
int torture1_extra_forget(struct xcpbus *bus, const struct xcpbus_target *target,
			  struct xcpbus_error *error);

/* Whoever offers org.example.torture1.Extra. What is NULL is not there. */
struct torture1_extra_handlers {
	int (*wait)(struct xcpbus_invocation *call, const struct torture1_extra_wait_in *in,
		    void *data);
	int (*forget)(struct xcpbus_invocation *call, void *data);
};

int torture1_extra_export(struct xcpbus *bus, const char *path,
			  const struct torture1_extra_handlers *handlers, void *data,
			  struct xcpbus_slot **slot);

#ifdef __cplusplus
}
#endif
