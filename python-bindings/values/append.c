/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>

#include "values.h"

/* As the D-Bus Specification has them: of an array, and of containers in each other. */
enum { SIZE_MAX_BYTES = DBUS_MAXIMUM_ARRAY_LENGTH, DEPTH_MAX = 64 };

struct writer {
	size_t size; /* an upper limit of what the message has by now */
	int depth;
};

static int refuse(PyObject *value, const char *expected)
{
	value_fail(PyExc_TypeError, "%s is expected, not %.100s", expected,
		   Py_TYPE(value)->tp_name);
	return -1;
}

static int grow(struct writer *writer, size_t size)
{
	if (size > SIZE_MAX_BYTES || writer->size + size > SIZE_MAX_BYTES) {
		value_fail(PyExc_ValueError, "a message has at most %d bytes", (int)SIZE_MAX_BYTES);
		return -1;
	}
	writer->size += size;
	return 0;
}

/* Is undone by writer->depth--. */
static int deeper(struct writer *writer)
{
	if (++writer->depth <= DEPTH_MAX)
		return 0;
	value_fail(PyExc_ValueError, "values are nested in each other too deep");
	return -1;
}

static int appended(dbus_bool_t is_done)
{
	if (!is_done)
		PyErr_NoMemory();
	return is_done ? 0 : -1;
}

/* ---- basic types, out ---- */

static int out_of_range(int type, PyObject *value)
{
	PyErr_Clear();
	value_fail(PyExc_OverflowError, "%R is not a value of type '%c'", value, type);
	return -1;
}

static int to_integer(int type, PyObject *value, DBusBasicValue *basic)
{
	static const struct {
		int type, bits;
	} widths[] = { { 'y', 8 }, { 'n', -15 }, { 'q', 16 }, { 'i', -31 }, { 'u', 32 } };
	long long number;
	unsigned i;

	if (!PyLong_Check(value) || PyBool_Check(value))
		return refuse(value, "an int");
	if (type == DBUS_TYPE_UINT64) {
		basic->u64 = PyLong_AsUnsignedLongLong(value);
		return PyErr_Occurred() ? out_of_range(type, value) : 0;
	}
	number = PyLong_AsLongLong(value);
	if (PyErr_Occurred())
		return out_of_range(type, value);
	for (i = 0; i < sizeof(widths) / sizeof(*widths); i++) {
		int bits = widths[i].bits;

		if (widths[i].type == type && (number < (bits < 0 ? -(1LL << -bits) : 0) ||
					       number >= 1LL << (bits < 0 ? -bits : bits)))
			return out_of_range(type, value);
	}
	/* Little or big end first: each member has its own place. */
	switch (type) {
	case DBUS_TYPE_BYTE:
		basic->byt = (unsigned char)number;
		break;
	case DBUS_TYPE_INT16:
	case DBUS_TYPE_UINT16:
		basic->u16 = (dbus_uint16_t)number;
		break;
	case DBUS_TYPE_INT32:
	case DBUS_TYPE_UINT32:
		basic->u32 = (dbus_uint32_t)number;
		break;
	default:
		basic->i64 = number;
	}
	return 0;
}

static int to_number(int type, PyObject *value, DBusBasicValue *basic)
{
	if (type == DBUS_TYPE_BOOLEAN) {
		basic->bool_val = value == Py_True;
		return PyBool_Check(value) ? 0 : refuse(value, "a bool");
	}
	if (type != DBUS_TYPE_DOUBLE)
		return to_integer(type, value, basic);
	if (PyBool_Check(value) || !(PyFloat_Check(value) || PyLong_Check(value)))
		return refuse(value, "a float");
	basic->dbl = PyFloat_AsDouble(value);
	return PyErr_Occurred() ? -1 : 0;
}

static int append_string(DBusMessageIter *iter, int type, PyObject *value, struct writer *writer)
{
	Py_ssize_t size;
	const char *text;

	if (!PyUnicode_Check(value))
		return refuse(value, "a str");
	text = PyUnicode_AsUTF8AndSize(value, &size);
	if (!text || grow(writer, (size_t)size + 9) < 0)
		return -1;
	if (strlen(text) != (size_t)size) {
		value_fail(PyExc_ValueError, "a string has a NUL in it");
		return -1;
	}
	if ((type == DBUS_TYPE_OBJECT_PATH && !dbus_validate_path(text, NULL)) ||
	    (type == DBUS_TYPE_SIGNATURE && !dbus_signature_validate(text, NULL))) {
		value_fail(PyExc_ValueError, "%R is not %s", value,
			   type == DBUS_TYPE_SIGNATURE ? "a signature" : "an object path");
		return -1;
	}
	return appended(dbus_message_iter_append_basic(iter, type, &text));
}

static int append_fd(DBusMessageIter *iter, PyObject *value, struct writer *writer)
{
	int fd = PyObject_AsFileDescriptor(value);

	if (fd < 0 || grow(writer, 8) < 0)
		return -1;
	if (fcntl(fd, F_GETFD) < 0) { /* libdbus would say that there is no memory */
		PyErr_SetFromErrno(PyExc_OSError);
		return -1;
	}
	return appended(dbus_message_iter_append_basic(iter, DBUS_TYPE_UNIX_FD, &fd));
}

/* ---- containers, out ---- */

static int append(DBusMessageIter *iter, DBusSignatureIter *type, PyObject *value,
		  struct writer *writer);

static int append_bytes(DBusMessageIter *iter, PyObject *value, struct writer *writer)
{
	Py_buffer view;
	int r;

	if (PyObject_GetBuffer(value, &view, PyBUF_SIMPLE) < 0)
		return -1;
	r = grow(writer, (size_t)view.len + 8);
	if (r == 0)
		r = appended(dbus_message_iter_append_fixed_array(iter, DBUS_TYPE_BYTE, &view.buf,
								  (int)view.len));
	PyBuffer_Release(&view);
	return r;
}

/* items: of a list or a tuple. */
static int append_fixed(DBusMessageIter *iter, int type, PyObject *items, struct writer *writer)
{
	Py_ssize_t count = PySequence_Fast_GET_SIZE(items), i;
	size_t width = value_width(type);
	DBusBasicValue basic;
	char *memory;
	int r;

	if (grow(writer, (size_t)count * width + 8) < 0)
		return -1;
	memory = PyMem_Malloc((size_t)count * width + 1);
	if (!memory)
		return appended(FALSE);
	for (i = 0, r = 0; r == 0 && i < count; i++) {
		r = to_number(type, PySequence_Fast_GET_ITEM(items, i), &basic);
		memcpy(memory + (size_t)i * width, &basic, width);
	}
	if (r == 0)
		r = appended(dbus_message_iter_append_fixed_array(iter, type, &memory, (int)count));
	PyMem_Free(memory);
	return r;
}

static int append_items(DBusMessageIter *iter, const DBusSignatureIter *element, PyObject *value,
			struct writer *writer)
{
	int type = dbus_signature_iter_get_current_type(element), r = 0;
	Py_ssize_t i;

	if (type == DBUS_TYPE_BYTE && PyObject_CheckBuffer(value))
		return append_bytes(iter, value, writer);
	if (!PyList_Check(value) && !PyTuple_Check(value))
		return refuse(value, type == DBUS_TYPE_BYTE ? "bytes" : "a list");
	if (value_is_fixed(type))
		return append_fixed(iter, type, value, writer);
	if (grow(writer, 8) < 0)
		return -1;
	for (i = 0; r == 0 && i < PySequence_Fast_GET_SIZE(value); i++) {
		DBusSignatureIter each = *element;

		r = append(iter, &each, PySequence_Fast_GET_ITEM(value, i), writer);
	}
	return r;
}

static int append_entry(DBusMessageIter *iter, const DBusSignatureIter *entry, PyObject *key,
			PyObject *item, struct writer *writer)
{
	DBusSignatureIter each;
	DBusMessageIter sub;
	int r;

	dbus_signature_iter_recurse(entry, &each);
	if (grow(writer, 8) < 0 ||
	    appended(dbus_message_iter_open_container(iter, DBUS_TYPE_DICT_ENTRY, NULL, &sub)) < 0)
		return -1;
	r = append(&sub, &each, key, writer);
	dbus_signature_iter_next(&each);
	if (r == 0)
		r = append(&sub, &each, item, writer);
	if (r == 0)
		return appended(dbus_message_iter_close_container(iter, &sub));
	dbus_message_iter_abandon_container(iter, &sub);
	return r;
}

static int append_entries(DBusMessageIter *iter, const DBusSignatureIter *entry, PyObject *value,
			  struct writer *writer)
{
	PyObject *key, *item;
	Py_ssize_t at = 0;
	int r;

	if (!PyDict_Check(value))
		return refuse(value, "a dict");
	r = deeper(writer);
	if (r == 0)
		r = grow(writer, 8);
	while (r == 0 && PyDict_Next(value, &at, &key, &item))
		r = append_entry(iter, entry, key, item, writer);
	writer->depth--;
	return r;
}

/* Members of a structure, or the values of a message. */
static int append_members(DBusMessageIter *iter, DBusSignatureIter *types, PyObject *value,
			  struct writer *writer)
{
	Py_ssize_t i = 0;
	bool is_more = dbus_signature_iter_get_current_type(types) != DBUS_TYPE_INVALID;

	if (!PyTuple_Check(value) && !PyList_Check(value))
		return refuse(value, "a tuple");
	for (; is_more && i < PySequence_Fast_GET_SIZE(value); i++) {
		if (append(iter, types, PySequence_Fast_GET_ITEM(value, i), writer) < 0)
			return -1;
		is_more = dbus_signature_iter_next(types);
	}
	if (is_more || i < PySequence_Fast_GET_SIZE(value)) {
		value_fail(PyExc_TypeError, "a tuple has %zd members, which is too %s",
			   PySequence_Fast_GET_SIZE(value), is_more ? "few" : "many");
		return -1;
	}
	return 0;
}

/* The parts of a Variant, borrowed. */
static int open_variant(PyObject *value, const char **signature, PyObject **inner)
{
	int is_variant = PyObject_IsInstance(value, value_types.variant);
	PyObject *text;

	if (is_variant <= 0 || !PyTuple_Check(value) || PyTuple_GET_SIZE(value) != 2)
		return is_variant < 0 ? -1 : refuse(value, "a Variant");
	text = PyTuple_GET_ITEM(value, 0);
	*inner = PyTuple_GET_ITEM(value, 1);
	if (!PyUnicode_Check(text))
		return refuse(text, "the signature of a Variant, a str,");
	*signature = PyUnicode_AsUTF8(text);
	if (*signature && !dbus_signature_validate_single(*signature, NULL)) {
		value_fail(PyExc_ValueError, "%R is not the signature of one value", text);
		return -1;
	}
	return *signature ? 0 : -1;
}

static int append_variant(DBusMessageIter *iter, PyObject *value, struct writer *writer)
{
	const char *signature;
	DBusSignatureIter type;
	DBusMessageIter sub;
	PyObject *inner;

	if (open_variant(value, &signature, &inner) < 0 ||
	    grow(writer, strlen(signature) + 10) < 0 ||
	    appended(dbus_message_iter_open_container(iter, DBUS_TYPE_VARIANT, signature, &sub)) <
		    0)
		return -1;
	dbus_signature_iter_init(&type, signature);
	if (append(&sub, &type, inner, writer) == 0)
		return appended(dbus_message_iter_close_container(iter, &sub));
	dbus_message_iter_abandon_container(iter, &sub);
	return -1;
}

static int append_inside(DBusMessageIter *iter, int kind, DBusSignatureIter *inner, PyObject *value,
			 struct writer *writer)
{
	char *contained = NULL;
	DBusMessageIter sub;
	int r;

	if (kind == DBUS_TYPE_ARRAY) {
		contained = dbus_signature_iter_get_signature(inner);
		if (!contained)
			return appended(FALSE);
	}
	r = appended(dbus_message_iter_open_container(iter, kind, contained, &sub));
	dbus_free(contained);
	if (r < 0)
		return r;
	if (kind != DBUS_TYPE_ARRAY)
		r = grow(writer, 8) < 0 ? -1 : append_members(&sub, inner, value, writer);
	else if (dbus_signature_iter_get_current_type(inner) == DBUS_TYPE_DICT_ENTRY)
		r = append_entries(&sub, inner, value, writer);
	else
		r = append_items(&sub, inner, value, writer);
	if (r == 0)
		return appended(dbus_message_iter_close_container(iter, &sub));
	dbus_message_iter_abandon_container(iter, &sub);
	return r;
}

static int append_container(DBusMessageIter *iter, int kind, DBusSignatureIter *type,
			    PyObject *value, struct writer *writer)
{
	DBusSignatureIter inner;
	int r;

	if (deeper(writer) < 0)
		return -1;
	if (kind == DBUS_TYPE_VARIANT) {
		r = append_variant(iter, value, writer);
	} else {
		dbus_signature_iter_recurse(type, &inner);
		r = append_inside(iter, kind, &inner, value, writer);
	}
	writer->depth--;
	return r;
}

static int append(DBusMessageIter *iter, DBusSignatureIter *type, PyObject *value,
		  struct writer *writer)
{
	int kind = dbus_signature_iter_get_current_type(type);
	DBusBasicValue basic;

	if (dbus_type_is_container(kind))
		return append_container(iter, kind, type, value, writer);
	if (kind == DBUS_TYPE_UNIX_FD)
		return append_fd(iter, value, writer);
	if (!dbus_type_is_fixed(kind))
		return append_string(iter, kind, value, writer);
	if (grow(writer, 8) < 0 || to_number(kind, value, &basic) < 0)
		return -1;
	return appended(dbus_message_iter_append_basic(iter, kind, &basic));
}

int value_append_all(DBusMessageIter *iter, const char *signature, PyObject *values)
{
	struct writer writer = { 0 };
	DBusSignatureIter types;

	dbus_signature_iter_init(&types, signature);
	return append_members(iter, &types, values, &writer);
}

int value_append(DBusMessageIter *iter, const char *signature, PyObject *value)
{
	struct writer writer = { 0 };
	DBusSignatureIter type;

	dbus_signature_iter_init(&type, signature);
	return append(iter, &type, value, &writer);
}
