/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Value.t out of messages, which are valid: the library has seen to that. Four bytes of a message
 * can be 56 of OCaml's, so what a message may become has a limit. */
#include "stubs.h"

#include <caml/alloc.h>
#include <caml/memory.h>
#include <string.h>

const char read_too_large[] = "the message would take more than 256 MiB of memory";

/* Its block, what is in it at least, and the cell of the list that it is in. */
enum { VALUE_SIZE = 7 * sizeof(value) };

static bool spend(struct reader *reader, size_t size)
{
	if (size > reader->left)
		reader->is_over = true;
	else
		reader->left -= size;
	return !reader->is_over;
}

static value block(int tag, value content)
{
	CAMLparam1(content);
	value result = caml_alloc_small(1, (tag_t)tag);

	Field(result, 0) = content;
	CAMLreturn(result);
}

static value block_with_signature(struct reader *reader, int tag, DBusMessageIter *iter,
				  value content)
{
	CAMLparam1(content);
	CAMLlocal2(text, result);
	char *signature = dbus_message_iter_get_signature(iter); /* "as", "a{sv}" */
	bool is_dict = tag == TAG_DICT;

	if (!signature)
		caml_raise_out_of_memory();
	spend(reader, strlen(signature));
	text = caml_alloc_initialized_string(strlen(signature) - (is_dict ? 3 : 1),
					     signature + (is_dict ? 2 : 1));
	dbus_free(signature);
	result = caml_alloc_small(2, (tag_t)tag);
	Field(result, 0) = text;
	Field(result, 1) = content;
	CAMLreturn(result);
}

static value read_entry(struct reader *reader, DBusMessageIter *iter)
{
	CAMLparam0();
	CAMLlocal3(key, content, pair);
	DBusMessageIter entry;

	dbus_message_iter_recurse(iter, &entry);
	key = iter_read(reader, &entry);
	dbus_message_iter_next(&entry);
	content = iter_read(reader, &entry);
	pair = caml_alloc_small(2, 0);
	Field(pair, 0) = key;
	Field(pair, 1) = content;
	CAMLreturn(pair);
}

/* All values from here to the end of what contains them. */
static value read_list(struct reader *reader, DBusMessageIter *iter)
{
	CAMLparam0();
	CAMLlocal4(first, last, cell, item);
	int type;

	first = last = Val_emptylist;
	while (!reader->is_over && (type = dbus_message_iter_get_arg_type(iter))) {
		item = type == DBUS_TYPE_DICT_ENTRY ? read_entry(reader, iter)
						    : iter_read(reader, iter);
		cell = caml_alloc_small(2, 0);
		Field(cell, 0) = item;
		Field(cell, 1) = Val_emptylist;
		if (last == Val_emptylist)
			first = cell;
		else
			Store_field(last, 1, cell);
		last = cell;
		dbus_message_iter_next(iter);
	}
	CAMLreturn(first);
}

static value read_container(struct reader *reader, DBusMessageIter *iter, int type)
{
	CAMLparam0();
	CAMLlocal1(content);
	DBusMessageIter inner;
	const char *bytes;
	int size, element;

	dbus_message_iter_recurse(iter, &inner);
	if (type == DBUS_TYPE_VARIANT)
		CAMLreturn(block(TAG_VARIANT, iter_read(reader, &inner)));
	if (type == DBUS_TYPE_STRUCT)
		CAMLreturn(block(TAG_STRUCT, read_list(reader, &inner)));
	element = dbus_message_iter_get_element_type(iter);
	if (element == DBUS_TYPE_BYTE) {
		dbus_message_iter_get_fixed_array(&inner, &bytes, &size);
		if (!spend(reader, (size_t)size))
			CAMLreturn(Val_unit);
		content = caml_alloc_initialized_string((mlsize_t)size, size ? bytes : "");
		CAMLreturn(block(TAG_BYTES, content));
	}
	content = read_list(reader, &inner);
	CAMLreturn(block_with_signature(
		reader, element == DBUS_TYPE_DICT_ENTRY ? TAG_DICT : TAG_ARRAY, iter, content));
}

static value read_number(const DBusBasicValue *basic, int type)
{
	switch (type) {
	case DBUS_TYPE_BYTE:
		return block(TAG_BYTE, Val_int(basic->byt));
	case DBUS_TYPE_BOOLEAN:
		return block(TAG_BOOL, Val_bool(basic->bool_val));
	case DBUS_TYPE_INT16:
		return block(TAG_INT16, Val_int(basic->i16));
	case DBUS_TYPE_UINT16:
		return block(TAG_UINT16, Val_int(basic->u16));
	case DBUS_TYPE_INT32:
		return block(TAG_INT32, Val_long(basic->i32));
	case DBUS_TYPE_UINT32:
		return block(TAG_UINT32, Val_long(basic->u32));
	case DBUS_TYPE_INT64:
		return block(TAG_INT64, caml_copy_int64(basic->i64));
	case DBUS_TYPE_UINT64:
		return block(TAG_UINT64, caml_copy_int64((int64_t)basic->u64));
	case DBUS_TYPE_DOUBLE:
		return block(TAG_DOUBLE, caml_copy_double(basic->dbl));
	}
	return block(TAG_FD, fd_own(basic->fd));
}

static value read_text(struct reader *reader, const char *text, int type)
{
	if (!spend(reader, strlen(text)))
		return Val_unit;
	switch (type) {
	case DBUS_TYPE_OBJECT_PATH:
		return block(TAG_PATH, caml_copy_string(text));
	case DBUS_TYPE_SIGNATURE:
		return block(TAG_SIGNATURE, caml_copy_string(text));
	}
	return block(TAG_STRING, caml_copy_string(text));
}

static bool is_text(int type)
{
	return type == DBUS_TYPE_STRING || type == DBUS_TYPE_OBJECT_PATH ||
	       type == DBUS_TYPE_SIGNATURE;
}

value iter_read(struct reader *reader, DBusMessageIter *iter)
{
	int type = dbus_message_iter_get_arg_type(iter);
	DBusBasicValue basic;

	if (!spend(reader, VALUE_SIZE))
		return Val_unit;
	if (!dbus_type_is_basic(type))
		return read_container(reader, iter, type);
	dbus_message_iter_get_basic(iter, &basic);
	return is_text(type) ? read_text(reader, basic.str, type) : read_number(&basic, type);
}

value message_body(struct reader *reader, DBusMessage *message)
{
	DBusMessageIter iter;

	dbus_message_iter_init(message, &iter);
	return read_list(reader, &iter);
}
