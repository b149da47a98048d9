/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "values.h"

size_t value_width(int type)
{
	switch (type) {
	case DBUS_TYPE_BYTE:
		return 1;
	case DBUS_TYPE_INT16:
	case DBUS_TYPE_UINT16:
		return 2;
	case DBUS_TYPE_BOOLEAN:
	case DBUS_TYPE_INT32:
	case DBUS_TYPE_UINT32:
		return 4;
	}
	return 8;
}

bool value_is_fixed(int type)
{
	return type != DBUS_TYPE_UNIX_FD && dbus_type_is_fixed(type);
}

static PyObject *from_basic(int type, const DBusBasicValue *basic)
{
	switch (type) {
	case DBUS_TYPE_BYTE:
		return PyLong_FromLong(basic->byt);
	case DBUS_TYPE_BOOLEAN:
		return PyBool_FromLong((long)basic->bool_val);
	case DBUS_TYPE_INT16:
		return PyLong_FromLong(basic->i16);
	case DBUS_TYPE_UINT16:
		return PyLong_FromLong(basic->u16);
	case DBUS_TYPE_INT32:
		return PyLong_FromLong(basic->i32);
	case DBUS_TYPE_UINT32:
		return PyLong_FromUnsignedLong(basic->u32);
	case DBUS_TYPE_INT64:
		return PyLong_FromLongLong(basic->i64);
	case DBUS_TYPE_UINT64:
		return PyLong_FromUnsignedLongLong(basic->u64);
	case DBUS_TYPE_DOUBLE:
		return PyFloat_FromDouble(basic->dbl);
	case DBUS_TYPE_UNIX_FD:
		return PyObject_CallFunction(value_types.fd, "i", basic->fd);
	}
	return PyUnicode_FromString(basic->str);
}

static PyObject *read_fixed(DBusMessageIter *array, int type)
{
	size_t width = value_width(type);
	DBusMessageIter sub;
	const char *memory;
	PyObject *list;
	int count, i;

	dbus_message_iter_recurse(array, &sub);
	dbus_message_iter_get_fixed_array(&sub, &memory, &count);
	if (type == DBUS_TYPE_BYTE)
		return PyBytes_FromStringAndSize(memory, count);
	list = PyList_New(count);
	for (i = 0; list && i < count; i++) {
		DBusBasicValue basic;
		PyObject *item;

		memcpy(&basic, memory + (size_t)i * width, width);
		item = from_basic(type, &basic);
		if (!item)
			Py_CLEAR(list);
		else
			PyList_SET_ITEM(list, i, item);
	}
	return list;
}

/* All values from here on, in a list. */
static PyObject *read_items(DBusMessageIter *iter)
{
	PyObject *list = PyList_New(0);

	while (list && dbus_message_iter_get_arg_type(iter) != DBUS_TYPE_INVALID) {
		PyObject *item = value_read(iter);

		if (!item || PyList_Append(list, item) < 0)
			Py_CLEAR(list);
		Py_XDECREF(item);
		dbus_message_iter_next(iter);
	}
	return list;
}

PyObject *value_read_all(DBusMessageIter *iter)
{
	PyObject *list = read_items(iter), *tuple;

	if (!list)
		return NULL;
	tuple = PyList_AsTuple(list);
	Py_DECREF(list);
	return tuple;
}

static PyObject *read_dict(DBusMessageIter *iter)
{
	PyObject *dict = PyDict_New();

	for (; dict && dbus_message_iter_get_arg_type(iter) != DBUS_TYPE_INVALID;
	     dbus_message_iter_next(iter)) {
		DBusMessageIter entry;
		PyObject *key, *value;

		dbus_message_iter_recurse(iter, &entry);
		key = value_read(&entry);
		dbus_message_iter_next(&entry);
		value = key ? value_read(&entry) : NULL;
		if (!value || PyDict_SetItem(dict, key, value) < 0)
			Py_CLEAR(dict);
		Py_XDECREF(key);
		Py_XDECREF(value);
	}
	return dict;
}

/* As tuple.__new__ does it: a NamedTuple's own is a function of Python. */
static PyObject *new_variant(const char *signature, PyObject *value)
{
	PyObject *args = Py_BuildValue("((sO))", signature, value), *variant = NULL;

	if (args)
		variant = PyTuple_Type.tp_new((PyTypeObject *)value_types.variant, args, NULL);
	Py_XDECREF(args);
	return variant;
}

static PyObject *read_variant(DBusMessageIter *inner)
{
	PyObject *value = value_read(inner), *variant;
	char *signature;

	if (!value)
		return NULL;
	signature = dbus_message_iter_get_signature(inner);
	variant = signature ? new_variant(signature, value) : PyErr_NoMemory();
	dbus_free(signature);
	Py_DECREF(value);
	return variant;
}

static PyObject *read_container(DBusMessageIter *iter, int kind)
{
	int element = kind == DBUS_TYPE_ARRAY ? dbus_message_iter_get_element_type(iter) : 0;
	DBusMessageIter sub;

	if (element && value_is_fixed(element))
		return read_fixed(iter, element);
	dbus_message_iter_recurse(iter, &sub);
	if (kind == DBUS_TYPE_VARIANT)
		return read_variant(&sub);
	if (kind != DBUS_TYPE_ARRAY)
		return value_read_all(&sub);
	return element == DBUS_TYPE_DICT_ENTRY ? read_dict(&sub) : read_items(&sub);
}

PyObject *value_read(DBusMessageIter *iter)
{
	int kind = dbus_message_iter_get_arg_type(iter);
	DBusBasicValue basic;

	if (kind == DBUS_TYPE_INVALID)
		return value_fail(PyExc_ValueError, "there is no value");
	if (dbus_type_is_container(kind))
		return read_container(iter, kind);
	dbus_message_iter_get_basic(iter, &basic); /* of descriptors: a copy */
	return from_basic(kind, &basic);
}
