/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Python values into D-Bus messages and out of them, by signature.
 *
 * An extension of its own beside the CFFI module, so that a value costs no call of a Python
 * function and that what is wrong with one is a Python exception. Messages and iterators come as
 * addresses: CFFI has their types, this module only looks at them.
 *
 *	y n q i u x t	int, within its limits		d	float, or int
 *	b		bool				s o g	str
 *	h		Fd; an int is taken as well	v	Variant(signature, value)
 *	ay		bytes				( )	tuple; a list is taken as well
 *	a		list; a tuple is taken as well	a{ }	dict
 *
 * What is read was validated by libdbus, its depth included. What is appended was not: it is
 * counted here, because libdbus ends the program that makes too long a message.
 */
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <dbus/dbus.h>
#include <stdbool.h>

struct value_types { /* classes of xcpbus.values */
	PyObject *variant, *fd;
};

extern struct value_types value_types;

/* NULL and an exception; -1 where it says int. */
PyObject *value_fail(PyObject *error, const char *format, ...);

/* signature has been validated; values is a tuple of as many as it has. */
int value_append_all(DBusMessageIter *iter, const char *signature, PyObject *values);
/* signature is of one value. */
int value_append(DBusMessageIter *iter, const char *signature, PyObject *value);

/* What is at the iterator, which stays where it is. */
PyObject *value_read(DBusMessageIter *iter);
/* All from there on, in a tuple. */
PyObject *value_read_all(DBusMessageIter *iter);

/* How many bytes a value of a fixed type takes; whether libdbus gives out arrays of it whole. */
size_t value_width(int type);
bool value_is_fixed(int type);
