/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libxcpbus/private.h"

/* A va_list that can be passed by address; in C an array type may hide behind the name. */
struct values {
	va_list list;
};

/* What D-Bus's basic types look like in memory. */
union basic {
	uint8_t byte;
	dbus_bool_t boolean;
	int16_t int16;
	uint16_t uint16;
	int32_t int32;
	uint32_t uint32;
	int64_t int64;
	uint64_t uint64;
	double real;
	int fd;
	const char *string;
};

static bool is_signature(const char *signature)
{
	return dbus_signature_validate(signature, NULL);
}

/* ---- append ---- */

static int append_complete(DBusMessageIter *iter, DBusSignatureIter *type, struct values *values);

static bool is_string_ok(int type, const char *string)
{
	if (!string)
		return false;
	if (type == DBUS_TYPE_OBJECT_PATH)
		return dbus_validate_path(string, NULL);
	if (type == DBUS_TYPE_SIGNATURE)
		return is_signature(string);
	return dbus_validate_utf8(string, NULL);
}

static int append_basic(DBusMessageIter *iter, int type, struct values *values)
{
	union basic basic;

	switch (type) {
	case DBUS_TYPE_BYTE:
		basic.byte = (uint8_t)va_arg(values->list, int);
		break;
	case DBUS_TYPE_BOOLEAN:
		basic.boolean = va_arg(values->list, int) != 0;
		break;
	case DBUS_TYPE_INT16:
	case DBUS_TYPE_UINT16:
		basic.uint16 = (uint16_t)va_arg(values->list, int);
		break;
	case DBUS_TYPE_INT32:
	case DBUS_TYPE_UINT32:
		basic.uint32 = va_arg(values->list, uint32_t);
		break;
	case DBUS_TYPE_INT64:
	case DBUS_TYPE_UINT64:
		basic.uint64 = va_arg(values->list, uint64_t);
		break;
	case DBUS_TYPE_DOUBLE:
		basic.real = va_arg(values->list, double);
		break;
	case DBUS_TYPE_STRING:
	case DBUS_TYPE_OBJECT_PATH:
	case DBUS_TYPE_SIGNATURE:
		basic.string = va_arg(values->list, const char *);
		if (!is_string_ok(type, basic.string))
			return -EINVAL;
		break;
	case DBUS_TYPE_UNIX_FD:
		basic.fd = va_arg(values->list, int);
		if (basic.fd < 0)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	return dbus_message_iter_append_basic(iter, type, &basic) ? 0 : -ENOMEM;
}

/* All complete types from here on. */
static int append_all(DBusMessageIter *iter, DBusSignatureIter *types, struct values *values)
{
	int r;

	do {
		r = append_complete(iter, types, values);
	} while (r == 0 && dbus_signature_iter_next(types));
	return r;
}

static int append_elements(DBusMessageIter *iter, const DBusSignatureIter *element,
			   struct values *values)
{
	unsigned count = va_arg(values->list, unsigned);
	DBusSignatureIter type;
	int r = 0;

	for (; r == 0 && count; count--) {
		type = *element;
		r = append_complete(iter, &type, values);
	}
	return r;
}

static int append_container(DBusMessageIter *iter, DBusSignatureIter *type, struct values *values)
{
	int kind = dbus_signature_iter_get_current_type(type);
	DBusSignatureIter inner;
	DBusMessageIter sub;
	char *contained = NULL;
	const char *variant = NULL;
	int r;

	if (kind == DBUS_TYPE_VARIANT) {
		variant = va_arg(values->list, const char *);
		if (!variant || !dbus_signature_validate_single(variant, NULL))
			return -EINVAL;
		dbus_signature_iter_init(&inner, variant);
	} else {
		dbus_signature_iter_recurse(type, &inner);
	}
	if (kind == DBUS_TYPE_ARRAY) {
		contained = dbus_signature_iter_get_signature(&inner);
		if (!contained)
			return -ENOMEM;
	}
	r = dbus_message_iter_open_container(iter, kind, variant ? variant : contained, &sub)
		    ? 0
		    : -ENOMEM;
	dbus_free(contained);
	if (r < 0)
		return r;
	if (kind == DBUS_TYPE_ARRAY)
		r = append_elements(&sub, &inner, values);
	else
		r = append_all(&sub, &inner, values);
	if (r < 0)
		dbus_message_iter_abandon_container(iter, &sub);
	else if (!dbus_message_iter_close_container(iter, &sub))
		r = -ENOMEM;
	return r;
}

static int append_complete(DBusMessageIter *iter, DBusSignatureIter *type, struct values *values)
{
	int kind = dbus_signature_iter_get_current_type(type);

	if (dbus_type_is_basic(kind))
		return append_basic(iter, kind, values);
	return append_container(iter, type, values);
}

static int append_iter_valist(DBusMessageIter *iter, const char *signature, va_list list)
{
	DBusSignatureIter types;
	struct values values;
	int r;

	if (!signature || !*signature)
		return 0;
	if (!is_signature(signature))
		return -EINVAL;
	dbus_signature_iter_init(&types, signature);
	va_copy(values.list, list);
	r = append_all(iter, &types, &values);
	va_end(values.list);
	return r;
}

int append_valist(DBusMessage *message, const char *signature, va_list values)
{
	DBusMessageIter iter;

	dbus_message_iter_init_append(message, &iter);
	return append_iter_valist(&iter, signature, values);
}

int xcpbus_append(DBusMessage *message, const char *signature, ...)
{
	va_list values;
	int r;

	va_start(values, signature);
	r = append_valist(message, signature, values);
	va_end(values);
	return r;
}

int xcpbus_append_iter(DBusMessageIter *iter, const char *signature, ...)
{
	va_list values;
	int r;

	va_start(values, signature);
	r = append_iter_valist(iter, signature, values);
	va_end(values);
	return r;
}

/* ---- read ----
 *
 * Everything is read twice, first without writing: so a message with another variant in it than was
 * expected leaves the caller's variables alone.
 */

static int read_all(DBusMessageIter *iter, DBusSignatureIter *types, struct values *values,
		    bool is_trial);

static int read_basic(DBusMessageIter *iter, int type, struct values *values, bool is_trial)
{
	void *out = va_arg(values->list, void *);
	dbus_bool_t boolean;

	if (is_trial)
		return 0;
	if (type == DBUS_TYPE_BOOLEAN) {
		dbus_message_iter_get_basic(iter, &boolean);
		*(bool *)out = boolean;
	} else {
		dbus_message_iter_get_basic(iter, out);
	}
	return 0;
}

static bool is_string_type(int type)
{
	return type == DBUS_TYPE_STRING || type == DBUS_TYPE_OBJECT_PATH ||
	       type == DBUS_TYPE_SIGNATURE;
}

static int read_strings(DBusMessageIter *array, const char ***out, unsigned *count)
{
	unsigned total = (unsigned)dbus_message_iter_get_element_count(array), i;
	const char **strings = calloc(total + 1, sizeof(*strings));
	DBusMessageIter element;

	if (!strings)
		return -ENOMEM;
	dbus_message_iter_recurse(array, &element);
	for (i = 0; i < total; i++, dbus_message_iter_next(&element))
		dbus_message_iter_get_basic(&element, &strings[i]);
	*out = strings;
	*count = total;
	return 0;
}

static int read_array(DBusMessageIter *iter, struct values *values, bool is_trial)
{
	int type = dbus_message_iter_get_element_type(iter), length;
	void *out = va_arg(values->list, void *);
	unsigned *count = va_arg(values->list, unsigned *);
	DBusMessageIter element;

	if (!is_string_type(type) &&
	    (!dbus_type_is_fixed(type) || type == DBUS_TYPE_BOOLEAN || type == DBUS_TYPE_UNIX_FD))
		return -EINVAL;
	if (is_trial)
		return 0;
	if (is_string_type(type))
		return read_strings(iter, out, count);
	dbus_message_iter_recurse(iter, &element);
	dbus_message_iter_get_fixed_array(&element, out, &length);
	*count = (unsigned)length;
	return 0;
}

static int read_container(DBusMessageIter *iter, DBusSignatureIter *type, struct values *values,
			  bool is_trial)
{
	DBusSignatureIter inner;
	DBusMessageIter sub;
	const char *expected;
	char *found;
	bool is_equal;

	dbus_message_iter_recurse(iter, &sub);
	if (dbus_signature_iter_get_current_type(type) == DBUS_TYPE_STRUCT) {
		dbus_signature_iter_recurse(type, &inner);
		return read_all(&sub, &inner, values, is_trial);
	}
	expected = va_arg(values->list, const char *);
	found = dbus_message_iter_get_signature(&sub);
	if (!found)
		return -ENOMEM;
	is_equal = expected && !strcmp(found, expected);
	dbus_free(found);
	if (!is_equal)
		return -EINVAL;
	dbus_signature_iter_init(&inner, expected);
	return read_all(&sub, &inner, values, is_trial);
}

/* Whether the next value is of the type that is expected. */
static int check_type(DBusMessageIter *iter, DBusSignatureIter *type)
{
	int kind = dbus_signature_iter_get_current_type(type);
	char *expected, *found;
	int r;

	if (dbus_message_iter_get_arg_type(iter) != kind)
		return -EINVAL;
	if (dbus_type_is_basic(kind) || kind == DBUS_TYPE_VARIANT)
		return 0;
	expected = dbus_signature_iter_get_signature(type);
	found = dbus_message_iter_get_signature(iter);
	r = !expected || !found ? -ENOMEM : strcmp(expected, found) ? -EINVAL : 0;
	dbus_free(expected);
	dbus_free(found);
	return r;
}

static int read_complete(DBusMessageIter *iter, DBusSignatureIter *type, struct values *values,
			 bool is_trial)
{
	int kind = dbus_signature_iter_get_current_type(type);
	int r = is_trial ? check_type(iter, type) : 0;

	if (r < 0)
		return r;
	if (dbus_type_is_basic(kind))
		return read_basic(iter, kind, values, is_trial);
	if (kind == DBUS_TYPE_ARRAY)
		return read_array(iter, values, is_trial);
	return read_container(iter, type, values, is_trial);
}

static int read_all(DBusMessageIter *iter, DBusSignatureIter *types, struct values *values,
		    bool is_trial)
{
	int r;

	do {
		r = read_complete(iter, types, values, is_trial);
		dbus_message_iter_next(iter);
	} while (r == 0 && dbus_signature_iter_next(types));
	return r;
}

static int read_once(DBusMessageIter *iter, const char *signature, va_list list, bool is_trial)
{
	DBusSignatureIter types;
	struct values values;
	int r;

	dbus_signature_iter_init(&types, signature);
	va_copy(values.list, list);
	r = read_all(iter, &types, &values, is_trial);
	va_end(values.list);
	return r;
}

static int read_iter_valist(DBusMessageIter *iter, const char *signature, va_list list)
{
	DBusMessageIter trial = *iter;
	int r;

	if (!signature || !*signature)
		return 0;
	if (!is_signature(signature))
		return -EINVAL;
	r = read_once(&trial, signature, list, true);
	if (r == 0)
		r = read_once(iter, signature, list, false);
	return r;
}

int xcpbus_read(DBusMessage *message, const char *signature, ...)
{
	DBusMessageIter iter;
	va_list values;
	int r;

	dbus_message_iter_init(message, &iter);
	va_start(values, signature);
	r = read_iter_valist(&iter, signature, values);
	va_end(values);
	return r;
}

int xcpbus_read_iter(DBusMessageIter *iter, const char *signature, ...)
{
	va_list values;
	int r;

	va_start(values, signature);
	r = read_iter_valist(iter, signature, values);
	va_end(values);
	return r;
}
