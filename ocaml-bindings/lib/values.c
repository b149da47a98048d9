/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Value.t into messages. What OCaml made is checked here, because libdbus would abort on it, or
 * send what the bus takes for an attack. */
#include "stubs.h"

#include <caml/alloc.h>
#include <caml/memory.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

static const char letters[] = "ybnqiuxtdsoghaaa(v";

enum {
	DEPTH_MAX = 64, /* D-Bus Specification, "Marshalling containers" */
	SIGNATURE_MAX = DBUS_MAXIMUM_SIGNATURE_LENGTH,
	BUDGET = DBUS_MAXIMUM_ARRAY_LENGTH, /* bytes in one message: no array is larger */
};

/* ---- signatures ---- */

struct text {
	char at[SIGNATURE_MAX + 1];
	size_t size;
};

static bool add(struct text *text, const char *more, size_t size)
{
	if (size > SIGNATURE_MAX - text->size)
		return false;
	memcpy(text->at + text->size, more, size);
	text->size += size;
	text->at[text->size] = 0;
	return true;
}

static bool add_signature(struct text *text, value item, int depth)
{
	int tag = Tag_val(item);
	value list;

	if (depth > DEPTH_MAX)
		return false;
	switch (tag) {
	case TAG_BYTES:
		return add(text, "ay", 2);
	case TAG_ARRAY:
		return add(text, "a", 1) &&
		       add(text, String_val(Field(item, 0)), caml_string_length(Field(item, 0)));
	case TAG_DICT:
		return add(text, "a{", 2) &&
		       add(text, String_val(Field(item, 0)), caml_string_length(Field(item, 0))) &&
		       add(text, "}", 1);
	case TAG_STRUCT:
		if (!add(text, "(", 1))
			return false;
		for (list = Field(item, 0); list != Val_emptylist; list = Field(list, 1))
			if (!add_signature(text, Field(list, 0), depth + 1))
				return false;
		return add(text, ")", 1);
	}
	return add(text, &letters[tag], 1);
}

static bool find_signature(value item, struct text *text)
{
	text->size = 0;
	return add_signature(text, item, 0) && strlen(text->at) == text->size &&
	       dbus_signature_validate_single(text->at, NULL);
}

/* How long the first type of a valid signature is. */
static size_t type_size(const char *signature)
{
	size_t size = strspn(signature, "a");
	int open = 0;

	do {
		open += signature[size] == '(' || signature[size] == '{';
		open -= signature[size] == ')' || signature[size] == '}';
		size++;
	} while (open > 0);
	return size;
}

/* ---- into messages ---- */

static const char no_memory[] = "there is no memory";
static const char wrong_type[] = "a value is of another type than the signature next to it says";
static const char too_large[] = "more than 64 MiB do not fit into a message";

struct writer {
	size_t budget;
};

static const char *append(struct writer *writer, DBusMessageIter *iter, const char *signature,
			  value item, int depth);

static const char *spend(struct writer *writer, size_t size)
{
	if (size > writer->budget)
		return too_large;
	writer->budget -= size;
	return NULL;
}

static const char *append_number(DBusMessageIter *iter, int tag, value item)
{
	static const struct {
		intnat least, most;
	} ranges[] = {
		[TAG_BYTE] = { 0, UINT8_MAX },
		[TAG_BOOL] = { 0, 1 },
		[TAG_INT16] = { INT16_MIN, INT16_MAX },
		[TAG_UINT16] = { 0, UINT16_MAX },
		[TAG_INT32] = { INT32_MIN, INT32_MAX },
		[TAG_UINT32] = { 0, UINT32_MAX },
		[TAG_FD] = { 0, INT_MAX },
	};
	DBusBasicValue basic = { 0 };
	intnat number = Long_val(item);

	if (number < ranges[tag].least || number > ranges[tag].most)
		return "a number is out of the range of its type";
	switch (tag) {
	case TAG_BYTE:
		basic.byt = (unsigned char)number;
		break;
	case TAG_INT16:
	case TAG_UINT16:
		basic.u16 = (dbus_uint16_t)number;
		break;
	default:
		basic.u32 = (dbus_uint32_t)number;
	}
	return dbus_message_iter_append_basic(iter, letters[tag], &basic) ? NULL : no_memory;
}

static const char *append_wide(DBusMessageIter *iter, int tag, value item)
{
	DBusBasicValue basic;

	if (tag == TAG_DOUBLE)
		basic.dbl = Double_val(item);
	else
		basic.i64 = Int64_val(item);
	return dbus_message_iter_append_basic(iter, letters[tag], &basic) ? NULL : no_memory;
}

static const char *append_text(DBusMessageIter *iter, int tag, value item)
{
	const char *text = String_val(item);

	if (strlen(text) != caml_string_length(item))
		return "a string has a NUL in it";
	if (tag == TAG_STRING && !dbus_validate_utf8(text, NULL))
		return "a string is not UTF-8";
	if (tag == TAG_PATH && !dbus_validate_path(text, NULL))
		return "an object path is not valid";
	if (tag == TAG_SIGNATURE && !dbus_signature_validate(text, NULL))
		return "a signature is not valid";
	return dbus_message_iter_append_basic(iter, letters[tag], &text) ? NULL : no_memory;
}

static const char *append_bytes(struct writer *writer, DBusMessageIter *inner, value item)
{
	const char *bytes = String_val(item);
	const char *wrong = spend(writer, caml_string_length(item));

	if (wrong || !caml_string_length(item))
		return wrong;
	return dbus_message_iter_append_fixed_array(inner, DBUS_TYPE_BYTE, &bytes,
						    (int)caml_string_length(item))
		       ? NULL
		       : no_memory;
}

static const char *append_entry(struct writer *writer, DBusMessageIter *inner,
				const char *signature, value pair, int depth)
{
	DBusMessageIter entry;
	const char *wrong;

	if (!dbus_message_iter_open_container(inner, DBUS_TYPE_DICT_ENTRY, NULL, &entry))
		return no_memory;
	wrong = append(writer, &entry, signature, Field(pair, 0), depth + 1);
	if (!wrong)
		wrong = append(writer, &entry, signature + type_size(signature), Field(pair, 1),
			       depth + 1);
	if (wrong)
		dbus_message_iter_abandon_container(inner, &entry);
	else if (!dbus_message_iter_close_container(inner, &entry))
		wrong = no_memory;
	return wrong;
}

/* signature: of the members, up to the bracket that closes it. */
static const char *append_members(struct writer *writer, DBusMessageIter *inner,
				  const char *signature, value list, int depth)
{
	const char *wrong = NULL;

	for (; list != Val_emptylist && !wrong; list = Field(list, 1)) {
		if (*signature == ')')
			return wrong_type;
		wrong = append(writer, inner, signature, Field(list, 0), depth);
		signature += type_size(signature);
	}
	return wrong ? wrong : *signature == ')' ? NULL : wrong_type;
}

static const char *append_content(struct writer *writer, DBusMessageIter *inner,
				  const char *signature, value item, int depth)
{
	const char *wrong = NULL;
	value list;

	switch (Tag_val(item)) {
	case TAG_BYTES:
		return append_bytes(writer, inner, Field(item, 0));
	case TAG_STRUCT:
		return append_members(writer, inner, signature + 1, Field(item, 0), depth);
	case TAG_VARIANT:
		return append(writer, inner, signature, Field(item, 0), depth);
	case TAG_ARRAY:
		for (list = Field(item, 1); list != Val_emptylist && !wrong; list = Field(list, 1))
			wrong = append(writer, inner, signature + 1, Field(list, 0), depth);
		return wrong;
	}
	for (list = Field(item, 1); list != Val_emptylist && !wrong; list = Field(list, 1))
		wrong = append_entry(writer, inner, signature + 2, Field(list, 0), depth);
	return wrong;
}

/* What an array says of its elements is what is expected here. */
static bool fits(value item, const char *signature)
{
	bool is_dict = Tag_val(item) == TAG_DICT;
	size_t size = type_size(signature) - (is_dict ? 3 : 1);
	value said;

	if (Tag_val(item) == TAG_BYTES)
		return signature[1] == 'y';
	if (Tag_val(item) != TAG_ARRAY && !is_dict)
		return true;
	said = Field(item, 0);
	return is_dict == (signature[1] == '{') && caml_string_length(said) == size &&
	       !memcmp(String_val(said), signature + (is_dict ? 2 : 1), size);
}

static const char *append_container(struct writer *writer, DBusMessageIter *iter,
				    const char *signature, value item, int depth)
{
	struct text text = { .size = 0 };
	DBusMessageIter inner;
	const char *wrong;
	int type = *signature == '(' ? DBUS_TYPE_STRUCT : *signature;

	if (depth >= DEPTH_MAX)
		return "values are nested too deeply";
	if (type == DBUS_TYPE_VARIANT) {
		if (!find_signature(Field(item, 0), &text))
			return "what is in a variant has no valid signature";
		signature = text.at;
	} else if (type == DBUS_TYPE_ARRAY) {
		if (!fits(item, signature))
			return wrong_type;
		add(&text, signature + 1, type_size(signature) - 1);
	}
	if (!dbus_message_iter_open_container(iter, type, type == DBUS_TYPE_STRUCT ? NULL : text.at,
					      &inner))
		return no_memory;
	wrong = append_content(writer, &inner, signature, item, depth + 1);
	if (wrong)
		dbus_message_iter_abandon_container(iter, &inner);
	else if (!dbus_message_iter_close_container(iter, &inner))
		wrong = no_memory;
	return wrong;
}

static const char *append(struct writer *writer, DBusMessageIter *iter, const char *signature,
			  value item, int depth)
{
	int tag = Tag_val(item);
	const char *wrong = spend(writer, 8);

	if (wrong)
		return wrong;
	if (letters[tag] != *signature)
		return wrong_type;
	switch (tag) {
	case TAG_INT64:
	case TAG_UINT64:
	case TAG_DOUBLE:
		return append_wide(iter, tag, Field(item, 0));
	case TAG_STRING:
	case TAG_PATH:
	case TAG_SIGNATURE:
		wrong = spend(writer, caml_string_length(Field(item, 0)));
		return wrong ? wrong : append_text(iter, tag, Field(item, 0));
	case TAG_BYTES:
	case TAG_ARRAY:
	case TAG_DICT:
	case TAG_STRUCT:
	case TAG_VARIANT:
		return append_container(writer, iter, signature, item, depth);
	}
	return append_number(iter, tag,
			     tag == TAG_FD ? Val_int(fd_number(Field(item, 0))) : Field(item, 0));
}

const char *iter_append(DBusMessageIter *iter, const char *signature, value item)
{
	struct writer writer = { .budget = BUDGET };

	return append(&writer, iter, signature, item, 0);
}

const char *message_append(DBusMessage *message, value list)
{
	struct writer writer = { .budget = BUDGET };
	struct text text;
	DBusMessageIter iter;
	const char *wrong = NULL;
	size_t room = SIGNATURE_MAX - strlen(dbus_message_get_signature(message));

	dbus_message_iter_init_append(message, &iter);
	for (; list != Val_emptylist && !wrong; list = Field(list, 1)) {
		if (!find_signature(Field(list, 0), &text))
			return "a value has no valid signature";
		if (text.size > room) /* libdbus would not come back */
			return "there are too many arguments";
		room -= text.size;
		wrong = append(&writer, &iter, text.at, Field(list, 0), 0);
	}
	return wrong;
}

/* For OCaml: the signature of a value. */
value xcpbus_ml_signature(value item)
{
	struct text text;

	if (!find_signature(item, &text))
		fail(-EINVAL, NULL, "a value has no valid signature");
	return caml_copy_string(text.at);
}
