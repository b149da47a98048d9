/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libdbus puts the descriptors of a message and its bytes together only in its own connections:
 * what dbus_message_demarshal takes has none. So a message that arrives is read as if it had none,
 * and made again value by value with the descriptors in their places.
 *
 * The bus does not look whether the places are right. When they are not, or there is no room for
 * the copies, the message stays as it was read: each of its descriptors is -1. So nobody can end
 * somebody else's connection with one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/stream-unix.h"
#include "libxcpbus/fds.h"

/* ---- out ---- */

struct values {
	unsigned count;
	bool is_too_many;
	int fd[WALK_INDEX_MAX]; /* in the order of the values; ours */
};

static void collect(DBusMessageIter *iter, struct values *values)
{
	DBusMessageIter inner;
	int type;

	for (; (type = dbus_message_iter_get_arg_type(iter)) != DBUS_TYPE_INVALID;
	     dbus_message_iter_next(iter)) {
		if (type == DBUS_TYPE_UNIX_FD) {
			values->is_too_many |= values->count == WALK_INDEX_MAX;
			if (values->is_too_many)
				return;
			dbus_message_iter_get_basic(iter, &values->fd[values->count++]);
		} else if (dbus_type_is_container(type)) {
			dbus_message_iter_recurse(iter, &inner);
			collect(&inner, values);
		}
	}
}

/* Puts each where its index says. */
static int arrange(const struct walk *walk, struct values *values, int by_index[FDS_MAX],
		   unsigned *total)
{
	unsigned i;

	if (values->count != walk->count)
		return -EINVAL;
	for (i = 0; i < values->count; i++) {
		uint32_t index = walk->index[i];

		if (values->fd[i] < 0)
			return -EMFILE; /* libdbus could not copy it */
		if (index >= FDS_MAX)
			return -ENOBUFS;
		if (by_index[index] >= 0)
			continue; /* named twice */
		by_index[index] = values->fd[i];
		values->fd[i] = -1;
		if (index >= *total)
			*total = index + 1;
	}
	for (i = 0; i < *total; i++)
		if (by_index[i] < 0)
			return -EINVAL; /* one that no value names */
	return 0;
}

static int make_fds(const struct walk *walk, struct values *values, struct fds **out)
{
	int by_index[FDS_MAX];
	unsigned total = 0, i;
	int r;

	memset(by_index, -1, sizeof(by_index));
	r = arrange(walk, values, by_index, &total);
	if (r == 0 && total) {
		*out = fds_new(by_index, total);
		if (!*out)
			r = -ENOMEM;
	}
	for (i = 0; r < 0 && i < FDS_MAX; i++)
		if (by_index[i] >= 0)
			close(by_index[i]);
	return r;
}

int fds_of_message(DBusMessage *message, char *bytes, size_t size, struct fds **out)
{
	struct walk *walk = walk_new((uint8_t *)bytes, size);
	struct values *values = calloc(1, sizeof(*values));
	DBusMessageIter iter;
	uint8_t *count;
	int r = -ENOMEM;
	unsigned i;

	if (walk && values) {
		dbus_message_iter_init(message, &iter);
		collect(&iter, values);
		if (values->is_too_many)
			r = -ENOBUFS;
		else
			r = walk_header(walk, &count) &&
					    walk_body(walk, dbus_message_get_signature(message))
				    ? make_fds(walk, values, out)
				    : -EINVAL;
		for (i = 0; i < values->count; i++)
			if (values->fd[i] >= 0)
				close(values->fd[i]);
	}
	free(values);
	free(walk);
	return r;
}

/* ---- in ---- */

struct rebuild {
	const struct walk *walk;
	const struct fds *fds;
	unsigned next; /* of the walk's indices */
};

static int copy_all(struct rebuild *rebuild, DBusMessageIter *from, DBusMessageIter *to);

static int copy_basic(struct rebuild *rebuild, DBusMessageIter *from, DBusMessageIter *to, int type)
{
	DBusBasicValue value;
	uint32_t index;

	if (type != DBUS_TYPE_UNIX_FD) {
		dbus_message_iter_get_basic(from, &value);
		return dbus_message_iter_append_basic(to, type, &value) ? 0 : -ENOMEM;
	}
	if (rebuild->next >= rebuild->walk->count)
		return -EPROTO;
	index = rebuild->walk->index[rebuild->next++];
	if (index >= rebuild->fds->count)
		return -EPROTO;
	return dbus_message_iter_append_basic(to, type, &rebuild->fds->fd[index]) ? 0 : -EMFILE;
}

static int copy_elements(struct rebuild *rebuild, DBusMessageIter *from, DBusMessageIter *inner,
			 DBusMessageIter *copy)
{
	int type = dbus_message_iter_get_element_type(from), count;
	const void *values;

	if (!dbus_type_is_fixed(type) || type == DBUS_TYPE_UNIX_FD)
		return copy_all(rebuild, inner, copy);
	dbus_message_iter_get_fixed_array(inner, &values, &count);
	return dbus_message_iter_append_fixed_array(copy, type, &values, count) ? 0 : -ENOMEM;
}

static int copy_container(struct rebuild *rebuild, DBusMessageIter *from, DBusMessageIter *to,
			  int type)
{
	DBusMessageIter inner, copy;
	char *signature = NULL;
	const char *contained = NULL;
	int r;

	dbus_message_iter_recurse(from, &inner);
	if (type == DBUS_TYPE_ARRAY || type == DBUS_TYPE_VARIANT) {
		signature =
			dbus_message_iter_get_signature(type == DBUS_TYPE_ARRAY ? from : &inner);
		if (!signature)
			return -ENOMEM;
		contained = type == DBUS_TYPE_ARRAY ? signature + 1 : signature;
	}
	r = dbus_message_iter_open_container(to, type, contained, &copy) ? 0 : -ENOMEM;
	dbus_free(signature);
	if (r < 0)
		return r;
	r = type == DBUS_TYPE_ARRAY ? copy_elements(rebuild, from, &inner, &copy)
				    : copy_all(rebuild, &inner, &copy);
	if (r < 0)
		dbus_message_iter_abandon_container(to, &copy);
	else if (!dbus_message_iter_close_container(to, &copy))
		r = -ENOMEM;
	return r;
}

static int copy_all(struct rebuild *rebuild, DBusMessageIter *from, DBusMessageIter *to)
{
	int r = 0, type;

	for (; r == 0 && (type = dbus_message_iter_get_arg_type(from)) != DBUS_TYPE_INVALID;
	     dbus_message_iter_next(from))
		r = dbus_type_is_basic(type) ? copy_basic(rebuild, from, to, type)
					     : copy_container(rebuild, from, to, type);
	return r;
}

static bool copy_header(DBusMessage *from, DBusMessage *to)
{
	dbus_message_set_serial(to, dbus_message_get_serial(from));
	dbus_message_set_no_reply(to, dbus_message_get_no_reply(from));
	dbus_message_set_auto_start(to, dbus_message_get_auto_start(from));
	dbus_message_set_allow_interactive_authorization(
		to, dbus_message_get_allow_interactive_authorization(from));
	if (dbus_message_get_reply_serial(from) &&
	    !dbus_message_set_reply_serial(to, dbus_message_get_reply_serial(from)))
		return false;
	return dbus_message_set_path(to, dbus_message_get_path(from)) &&
	       dbus_message_set_interface(to, dbus_message_get_interface(from)) &&
	       dbus_message_set_member(to, dbus_message_get_member(from)) &&
	       dbus_message_set_error_name(to, dbus_message_get_error_name(from)) &&
	       dbus_message_set_destination(to, dbus_message_get_destination(from)) &&
	       dbus_message_set_sender(to, dbus_message_get_sender(from));
}

/* NULL if that cannot be done. */
static DBusMessage *make_again(DBusMessage *bare, const struct walk *walk, const struct fds *fds)
{
	struct rebuild rebuild = { .walk = walk, .fds = fds };
	DBusMessage *message = dbus_message_new(dbus_message_get_type(bare));
	DBusMessageIter from, to;

	if (!message)
		return NULL;
	if (copy_header(bare, message)) {
		dbus_message_iter_init(bare, &from);
		dbus_message_iter_init_append(message, &to);
		if (copy_all(&rebuild, &from, &to) == 0)
			return message;
	}
	dbus_message_unref(message);
	return NULL;
}

/* The header has been walked, and says that there are so many. */
static int parse_with(struct xcpbus *bus, struct walk *walk, uint8_t *count, DBusMessage **out)
{
	uint32_t number = walk_number(walk, count);
	DBusMessage *bare, *whole = NULL;
	struct fds *fds;
	int r;

	if (!number)
		return message_parse(walk->bytes, walk->size, out);
	fds = stream_unix_take_fds(bus->stream, number);
	if (!fds)
		return number > stream_unix_fds_count(bus->stream) ? -EPROTO : -ENOMEM;
	memset(count, 0, sizeof(number));
	r = message_parse(walk->bytes, walk->size, &bare);
	if (r == 0 && walk_body(walk, dbus_message_get_signature(bare)))
		whole = make_again(bare, walk, fds);
	fds_unref(fds);
	if (r < 0)
		return r;
	*out = whole ? whole : bare;
	if (whole)
		dbus_message_unref(bare);
	return 0;
}

int message_parse_with_fds(struct xcpbus *bus, uint8_t *bytes, size_t size, DBusMessage **out)
{
	struct walk *walk = walk_new(bytes, size);
	uint8_t *count;
	int r;

	if (!walk)
		return -ENOMEM;
	if (!walk_header(walk, &count))
		r = -EPROTO;
	else
		r = count ? parse_with(bus, walk, count, out) : message_parse(bytes, size, out);
	free(walk);
	return r;
}
