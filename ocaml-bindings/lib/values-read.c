/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Value.t out of messages, which are valid: the library has seen to that. */
#include "stubs.h"

#include <caml/alloc.h>
#include <caml/memory.h>
#include <string.h>

static value block(int tag, value content)
{
	CAMLparam1(content);
	value result = caml_alloc_small(1, (tag_t)tag);

	Field(result, 0) = content;
	CAMLreturn(result);
}

static value block_with_signature(int tag, DBusMessageIter *iter, value content)
{
	CAMLparam1(content);
	CAMLlocal2(text, result);
	char *signature = dbus_message_iter_get_signature(iter); /* "as", "a{sv}" */
	bool is_dict = tag == TAG_DICT;

	if (!signature)
		caml_raise_out_of_memory();
	text = caml_alloc_initialized_string(strlen(signature) - (is_dict ? 3 : 1),
					     signature + (is_dict ? 2 : 1));
	dbus_free(signature);
	result = caml_alloc_small(2, (tag_t)tag);
	Field(result, 0) = text;
	Field(result, 1) = content;
	CAMLreturn(result);
}

static value read_entry(DBusMessageIter *iter)
{
	CAMLparam0();
	CAMLlocal3(key, content, pair);
	DBusMessageIter entry;

	dbus_message_iter_recurse(iter, &entry);
	key = iter_read(&entry);
	dbus_message_iter_next(&entry);
	content = iter_read(&entry);
	pair = caml_alloc_small(2, 0);
	Field(pair, 0) = key;
	Field(pair, 1) = content;
	CAMLreturn(pair);
}

/* All values from here to the end of what contains them. */
static value read_list(DBusMessageIter *iter)
{
	CAMLparam0();
	CAMLlocal4(first, last, cell, item);
	int type;

	first = last = Val_emptylist;
	for (; (type = dbus_message_iter_get_arg_type(iter)); dbus_message_iter_next(iter)) {
		item = type == DBUS_TYPE_DICT_ENTRY ? read_entry(iter) : iter_read(iter);
		cell = caml_alloc_small(2, 0);
		Field(cell, 0) = item;
		Field(cell, 1) = Val_emptylist;
		if (last == Val_emptylist)
			first = cell;
		else
			Store_field(last, 1, cell);
		last = cell;
	}
	CAMLreturn(first);
}

static value read_container(DBusMessageIter *iter, int type)
{
	CAMLparam0();
	CAMLlocal1(content);
	DBusMessageIter inner;
	const char *bytes;
	int size, element;

	dbus_message_iter_recurse(iter, &inner);
	if (type == DBUS_TYPE_VARIANT)
		CAMLreturn(block(TAG_VARIANT, iter_read(&inner)));
	if (type == DBUS_TYPE_STRUCT)
		CAMLreturn(block(TAG_STRUCT, read_list(&inner)));
	element = dbus_message_iter_get_element_type(iter);
	if (element == DBUS_TYPE_BYTE) {
		dbus_message_iter_get_fixed_array(&inner, &bytes, &size);
		content = caml_alloc_initialized_string((mlsize_t)size, size ? bytes : "");
		CAMLreturn(block(TAG_BYTES, content));
	}
	content = read_list(&inner);
	CAMLreturn(block_with_signature(element == DBUS_TYPE_DICT_ENTRY ? TAG_DICT : TAG_ARRAY,
					iter, content));
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
	return block(TAG_FD, Val_int(basic->fd));
}

value iter_read(DBusMessageIter *iter)
{
	int type = dbus_message_iter_get_arg_type(iter);
	DBusBasicValue basic;

	if (!dbus_type_is_basic(type))
		return read_container(iter, type);
	dbus_message_iter_get_basic(iter, &basic);
	switch (type) {
	case DBUS_TYPE_STRING:
		return block(TAG_STRING, caml_copy_string(basic.str));
	case DBUS_TYPE_OBJECT_PATH:
		return block(TAG_PATH, caml_copy_string(basic.str));
	case DBUS_TYPE_SIGNATURE:
		return block(TAG_SIGNATURE, caml_copy_string(basic.str));
	}
	return read_number(&basic, type);
}

value message_body(DBusMessage *message)
{
	DBusMessageIter iter;

	dbus_message_iter_init(message, &iter);
	return read_list(&iter);
}
