/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "values.h"

struct value_types value_types;

PyObject *value_fail(PyObject *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	PyErr_FormatV(error, format, args);
	va_end(args);
	return NULL;
}

static PyObject *values_append(PyObject *module, PyObject *args)
{
	DBusMessageIter iter;
	const char *signature;
	Py_ssize_t address;
	PyObject *values;

	(void)module;
	if (!PyArg_ParseTuple(args, "nsO", &address, &signature, &values))
		return NULL;
	if (!dbus_signature_validate(signature, NULL))
		return value_fail(PyExc_ValueError, "'%.300s' is not a signature", signature);
	dbus_message_iter_init_append((DBusMessage *)address, &iter);
	if (value_append_all(&iter, signature, values) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *values_append_iter(PyObject *module, PyObject *args)
{
	const char *signature;
	Py_ssize_t address;
	PyObject *value;

	(void)module;
	if (!PyArg_ParseTuple(args, "nsO", &address, &signature, &value))
		return NULL;
	if (!dbus_signature_validate_single(signature, NULL))
		return value_fail(PyExc_ValueError, "'%.300s' is not one signature", signature);
	if (value_append((DBusMessageIter *)address, signature, value) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *values_read(PyObject *module, PyObject *args)
{
	DBusMessageIter iter;
	Py_ssize_t address;

	(void)module;
	if (!PyArg_ParseTuple(args, "n", &address))
		return NULL;
	dbus_message_iter_init((DBusMessage *)address, &iter);
	return value_read_all(&iter);
}

static PyObject *values_read_iter(PyObject *module, PyObject *args)
{
	Py_ssize_t address;

	(void)module;
	return PyArg_ParseTuple(args, "n", &address) ? value_read((DBusMessageIter *)address)
						     : NULL;
}

static PyObject *values_set_types(PyObject *module, PyObject *args)
{
	PyObject *variant, *fd;

	(void)module;
	if (!PyArg_ParseTuple(args, "OO", &variant, &fd))
		return NULL;
	Py_INCREF(variant);
	Py_INCREF(fd);
	Py_XSETREF(value_types.variant, variant);
	Py_XSETREF(value_types.fd, fd);
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
	{ "append", values_append, METH_VARARGS, "append(message, signature, values)" },
	{ "append_iter", values_append_iter, METH_VARARGS, "append_iter(iter, signature, value)" },
	{ "read", values_read, METH_VARARGS, "read(message): all of its values, in a tuple" },
	{ "read_iter", values_read_iter, METH_VARARGS, "read_iter(iter): the value that is there" },
	{ "set_types", values_set_types, METH_VARARGS, "set_types(Variant, Fd)" },
	{ 0 },
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "xcpbus._values",
	.m_doc = "Python values into D-Bus messages and out of them.",
	.m_size = -1,
	.m_methods = methods,
};

PyMODINIT_FUNC PyInit__values(void)
{
	return PyModule_Create(&definition);
}
