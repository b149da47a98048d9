/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fds.h"
#include "common/stream-unix.h"
#include "libxcpbus/private.h"

enum { FIXED_SIZE = 16, WRITE_PARTS = 64 };

struct arrival {
	struct list link; /* xcpbus::arrived */
	DBusMessage *message;
	size_t size;
};

struct outgoing {
	struct list link; /* xcpbus::outgoing */
	char *bytes; /* libdbus's memory */
	size_t size, offset;
	struct fds *fds; /* to go with the first byte; NULL: none */
};

/* ---- in ---- */

static int arrive(struct xcpbus *bus, DBusMessage *message, size_t size)
{
	struct arrival *arrival;

	if (bus->awaited_serial && dbus_message_get_reply_serial(message) == bus->awaited_serial) {
		bus->awaited_serial = 0;
		bus->awaited_reply = message;
		return 0;
	}
	arrival = malloc(sizeof(*arrival));
	if (!arrival) {
		dbus_message_unref(message);
		return -ENOMEM;
	}
	arrival->message = message;
	arrival->size = size;
	list_push_back(&bus->arrived, &arrival->link);
	bus->arrived_count++;
	bus->arrived_size += size;
	return 0;
}

int message_parse(const uint8_t *bytes, size_t size, DBusMessage **out)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *message = dbus_message_demarshal((const char *)bytes, (int)size, &error);
	bool is_memory = dbus_error_has_name(&error, DBUS_ERROR_NO_MEMORY);

	dbus_error_free(&error);
	if (!message)
		return is_memory ? -ENOMEM : -EPROTO;
	*out = message;
	return 0;
}

static int parse_one(struct xcpbus *bus, uint8_t *bytes, size_t size)
{
	bool has_fds = bus->has_fds && stream_unix_fds_count(bus->stream);
	DBusMessage *message;
	int r = has_fds ? message_parse_with_fds(bus, bytes, size, &message)
			: message_parse(bytes, size, &message);

	return r < 0 ? r : arrive(bus, message, size);
}

static int make_room(struct xcpbus *bus, size_t capacity)
{
	uint8_t *larger;

	if (capacity <= bus->in_capacity)
		return 0;
	larger = realloc(bus->in, capacity);
	if (!larger)
		return -ENOMEM;
	bus->in = larger;
	bus->in_capacity = capacity;
	return 0;
}

/* Takes whole messages off the input. */
static int parse(struct xcpbus *bus)
{
	size_t used = 0, needed = FIXED_SIZE;
	int r = 0;

	while (bus->in_size - used >= FIXED_SIZE) {
		int measured = dbus_message_demarshal_bytes_needed((char *)bus->in + used,
								   (int)(bus->in_size - used));

		if (measured <= 0)
			return -EPROTO;
		needed = (size_t)measured;
		if (bus->in_size - used < needed)
			break;
		r = parse_one(bus, bus->in + used, needed);
		if (r < 0)
			return r;
		used += needed;
		needed = FIXED_SIZE;
	}
	bus->in_size -= used;
	memmove(bus->in, bus->in + used, bus->in_size);
	if (!bus->in_size && bus->in_capacity > READ_SIZE) {
		free(TAKE(bus->in)); /* a large message has passed */
		bus->in_capacity = 0;
	}
	return make_room(bus, needed);
}

static bool has_enough(const struct xcpbus *bus)
{
	if (bus->awaited_serial) /* what we wait for is behind all that */
		return bus->arrived_size >= ARRIVED_WAITING_MAX;
	return bus->arrived_count >= DISPATCH_MAX || bus->arrived_size >= ARRIVED_MAX;
}

void io_read(struct xcpbus *bus)
{
	ssize_t moved;
	size_t asked;
	int r;

	bus->has_more = false;
	for (;;) {
		if (has_enough(bus)) {
			bus->has_more = true;
			return;
		}
		r = make_room(bus, READ_SIZE);
		if (r < 0) {
			bus_fail(bus, r);
			return;
		}
		asked = bus->in_capacity - bus->in_size;
		moved = stream_read(bus->stream, bus->in + bus->in_size, asked);
		if (moved > 0) {
			bus->in_size += (size_t)moved;
			keepalive_heard(bus);
			r = parse(bus);
		}
		if (moved < 0 || r < 0) {
			bus_fail(bus, moved < 0 ? (int)moved : r);
			return;
		}
		if (!stream_may_have_more(bus->stream, moved, asked))
			return;
	}
}

DBusMessage *io_take_arrived(struct xcpbus *bus)
{
	struct arrival *arrival = list_first(&bus->arrived, struct arrival, link);
	DBusMessage *message;

	if (!arrival)
		return NULL;
	message = arrival->message;
	list_remove(&arrival->link);
	bus->arrived_count--;
	bus->arrived_size -= arrival->size;
	free(arrival);
	return message;
}

/* ---- out ---- */

static void outgoing_free(struct xcpbus *bus, struct outgoing *outgoing)
{
	list_remove(&outgoing->link);
	bus->outgoing_size -= outgoing->size - outgoing->offset;
	dbus_free(outgoing->bytes);
	fds_unref(outgoing->fds);
	free(outgoing);
}

static size_t gather(struct xcpbus *bus, struct iovec parts[WRITE_PARTS], int *count)
{
	struct outgoing *outgoing;
	size_t total = 0;

	*count = 0;
	list_for_each(outgoing, &bus->outgoing, link) {
		if (*count == WRITE_PARTS || (*count && outgoing->fds))
			break; /* descriptors go with the first byte of what is written */
		parts[*count].iov_base = outgoing->bytes + outgoing->offset;
		parts[*count].iov_len = outgoing->size - outgoing->offset;
		total += parts[*count].iov_len;
		++*count;
	}
	return total;
}

static void advance(struct xcpbus *bus, size_t moved)
{
	struct outgoing *outgoing;

	while (moved && (outgoing = list_first(&bus->outgoing, struct outgoing, link))) {
		size_t left = outgoing->size - outgoing->offset;

		if (moved < left) {
			outgoing->offset += moved;
			bus->outgoing_size -= moved;
			return;
		}
		moved -= left;
		outgoing_free(bus, outgoing);
	}
}

/* With the first one's descriptors, if it has any. */
static ssize_t write_parts(struct xcpbus *bus, const struct iovec *parts, int count)
{
	struct outgoing *first = list_first(&bus->outgoing, struct outgoing, link);
	ssize_t moved;

	if (!first->fds)
		return stream_write(bus->stream, parts, count);
	moved = stream_unix_write_fds(bus->stream, parts, count, first->fds);
	if (moved > 0)
		first->fds = fds_unref(first->fds);
	return moved;
}

void io_flush(struct xcpbus *bus)
{
	struct iovec parts[WRITE_PARTS];
	ssize_t moved;
	size_t total;
	int count;

	while (!bus->failure && bus_is_ours(bus) && !list_is_empty(&bus->outgoing)) {
		total = gather(bus, parts, &count);
		moved = write_parts(bus, parts, count);
		if (moved < 0) {
			bus_fail(bus, (int)moved);
			return;
		}
		advance(bus, (size_t)moved);
		if ((size_t)moved < total)
			return;
	}
}

int io_send(struct xcpbus *bus, DBusMessage *message, uint32_t *serial)
{
	int r = bus_check(bus);

	return r < 0 ? r : io_queue(bus, message, serial);
}

/* Takes bytes over. */
static int queue(struct xcpbus *bus, char *bytes, size_t size, struct fds *fds)
{
	struct outgoing *outgoing = malloc(sizeof(*outgoing));
	int r;

	if (!outgoing || (bus->outgoing_size && bus->outgoing_size + size > OUTGOING_MAX)) {
		r = outgoing ? -ENOBUFS : -ENOMEM;
		dbus_free(bytes);
		fds_unref(fds);
		free(outgoing);
		return r;
	}
	*outgoing = (struct outgoing){ .bytes = bytes, .size = size, .fds = fds };
	list_push_back(&bus->outgoing, &outgoing->link);
	bus->outgoing_size += size;
	/* What callbacks send goes out together, when they are done. */
	if (!bus->depth)
		io_flush(bus);
	event_update(bus);
	return 0;
}

int io_queue(struct xcpbus *bus, DBusMessage *message, uint32_t *serial)
{
	bool has_fds = dbus_message_contains_unix_fds(message);
	struct fds *fds = NULL;
	char *bytes;
	int size, r;

	if (!bus_is_ours(bus))
		return -ECHILD;
	if (bus->failure || !bus->stream)
		return -ENOTCONN;
	if (bus->monitor_fn)
		return -EPERM;
	if (has_fds && !bus->has_fds)
		return -EOPNOTSUPP;
	if (!++bus->last_serial)
		bus->last_serial = 1; /* 0 is no serial */
	dbus_message_set_serial(message, bus->last_serial);
	if (!dbus_message_marshal(message, &bytes, &size))
		return -ENOMEM;
	r = length_check(bus, (size_t)size);
	if (r == 0 && has_fds)
		r = fds_of_message(message, bytes, (size_t)size, &fds);
	if (r < 0) {
		dbus_free(bytes);
		return r;
	}
	if (serial)
		*serial = dbus_message_get_serial(message);
	return queue(bus, bytes, (size_t)size, fds);
}

void io_reset(struct xcpbus *bus)
{
	struct outgoing *outgoing;
	DBusMessage *message;

	keepalive_unwatch(bus);
	while ((outgoing = list_first(&bus->outgoing, struct outgoing, link)))
		outgoing_free(bus, outgoing);
	while ((message = io_take_arrived(bus)))
		dbus_message_unref(message);
	if (bus->awaited_reply)
		dbus_message_unref(TAKE(bus->awaited_reply));
	free(TAKE(bus->in));
	bus->in_size = bus->in_capacity = 0;
	bus->length_max = 0;
	bus->has_more = bus->has_fds = false;
	bus->awaited_serial = 0;
	/* A child that is forked meanwhile does not see half of it. */
	stream_close(TAKE(bus->stream));
}
