/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values of any type: each is a message of its own, whose body it is. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "libxcpbus/values.h"

DBusMessage *any_new(void)
{
	return dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_RETURN);
}

DBusMessage *xcpbus_any_new(const char *signature, ...)
{
	DBusMessage *any;
	va_list values;
	int r;

	if (!signature || !dbus_signature_validate_single(signature, NULL))
		return NULL;
	any = any_new();
	if (!any)
		return NULL;
	va_start(values, signature);
	r = append_valist(any, signature, values);
	va_end(values);
	if (r == 0)
		return any;
	dbus_message_unref(any);
	return NULL;
}

/* A message's body takes up to twice its size, for it grows by doubling. 16: a value and what it is
 * aligned with. */
static bool charge_any(struct memory *memory, size_t size)
{
	return memory_charge(memory, 2, 16 + size);
}

static int any_copy_basic(struct memory *memory, DBusMessageIter *from, DBusMessageIter *to,
			  int type)
{
	bool is_text = !dbus_type_is_fixed(type);
	DBusBasicValue value;
	bool is_done;

	dbus_message_iter_get_basic(from, &value);
	if (type == DBUS_TYPE_UNIX_FD && value.fd < 0)
		return -EMFILE;
	if (!charge_any(memory, is_text ? strlen(value.str) : 0)) {
		if (type == DBUS_TYPE_UNIX_FD)
			close(value.fd);
		return -ENOBUFS;
	}
	is_done = dbus_message_iter_append_basic(to, type, &value);
	if (type == DBUS_TYPE_UNIX_FD)
		close(value.fd);
	return is_done ? 0 : -ENOMEM;
}

static int any_copy_array(struct memory *memory, DBusMessageIter *from, DBusMessageIter *to,
			  int element)
{
	const void *items;
	int count;

	dbus_message_iter_get_fixed_array(from, &items, &count);
	if (!memory_charge(memory, (size_t)count, 2 * alignment_of(element)))
		return -ENOBUFS;
	return dbus_message_iter_append_fixed_array(to, element, &items, count) ? 0 : -ENOMEM;
}

static int any_copy_all(struct memory *memory, DBusMessageIter *from, DBusMessageIter *to,
			unsigned room)
{
	int r = 0;

	while (r == 0 && dbus_message_iter_get_arg_type(from) != DBUS_TYPE_INVALID) {
		r = any_copy(memory, from, to, room);
		dbus_message_iter_next(from);
	}
	return r;
}

/* The container around what sub is at. */
static int any_open(struct memory *memory, DBusMessageIter *sub, DBusMessageIter *to, int type,
		    DBusMessageIter *sub_to)
{
	bool has_signature = type == DBUS_TYPE_ARRAY || type == DBUS_TYPE_VARIANT;
	char *signature = has_signature ? dbus_message_iter_get_signature(sub) : NULL;
	int r = 0;

	if (has_signature && !signature)
		return -ENOMEM;
	if (!charge_any(memory, signature ? strlen(signature) : 0))
		r = -ENOBUFS;
	else if (!dbus_message_iter_open_container(to, type, signature, sub_to))
		r = -ENOMEM;
	dbus_free(signature);
	return r;
}

int any_copy(struct memory *memory, DBusMessageIter *from, DBusMessageIter *to, unsigned room)
{
	int type = dbus_message_iter_get_arg_type(from), element, r;
	DBusMessageIter sub_from, sub_to;

	if (dbus_type_is_basic(type))
		return any_copy_basic(memory, from, to, type);
	if (!room)
		return -EINVAL;
	dbus_message_iter_recurse(from, &sub_from);
	r = any_open(memory, &sub_from, to, type, &sub_to);
	if (r < 0)
		return r;
	element = type == DBUS_TYPE_ARRAY ? dbus_message_iter_get_element_type(from) : 0;
	if (dbus_type_is_fixed(element) && element != DBUS_TYPE_UNIX_FD)
		r = any_copy_array(memory, &sub_from, &sub_to, element);
	else
		r = any_copy_all(memory, &sub_from, &sub_to, room - 1);
	if (r < 0)
		dbus_message_iter_abandon_container(to, &sub_to);
	else if (!dbus_message_iter_close_container(to, &sub_to))
		r = -ENOMEM;
	return r;
}
