/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench/client.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/address.h"
#include "common/ring-offer.h"
#include "common/stream-unix.h"
#include "common/stream-vchan.h"

enum { READ_SIZE = 256 << 10, READ_MIN = 64 << 10 };

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

static struct stream *offer_ring(const struct address *address)
{
	size_t ring_size = address->ring_size ? address->ring_size : STREAM_VCHAN_RING_DEFAULT;
	char why[RING_OFFER_WHY_MAX];
	struct ring_offer *offer;
	struct stream *stream;
	int r = ring_offer_start(address->domid, ring_size, &offer);

	if (r < 0)
		errx(1, "offering a ring: %s", strerror(-r));
	poll(&(struct pollfd){ .fd = ring_offer_fd(offer), .events = POLLIN }, 1, -1);
	r = ring_offer_take(offer, &stream, why);
	if (r < 0)
		errx(1, "%s", r == -EAGAIN ? "interrupted" : why);
	return stream;
}

static struct stream *connect_unix(const struct address *address)
{
	struct stream *stream;
	int r = stream_unix_connect(address->path, address->is_abstract, &stream);

	if (r < 0)
		errx(1, "%s: %s", address->path, strerror(-r));
	return stream;
}

void client_connect(struct client *client, const char *address)
{
	struct address list[ADDRESS_LIST_MAX];
	char why[ADDRESS_WHY_MAX];

	if (address_parse(address, list, why) < 0)
		errx(1, "%s", why);

	*client = (struct client){ .in_capacity = READ_SIZE };
	client->stream =
		list[0].kind == ADDRESS_VCHAN ? offer_ring(&list[0]) : connect_unix(&list[0]);
	client->in = malloc(client->in_capacity);
	if (!client->in)
		err(1, "malloc");
}

void client_close(struct client *client)
{
	stream_close(client->stream);
	free(client->in);
	free(client->outbox.bytes);
}

void client_wait(struct client *client, bool want_write)
{
	struct pollfd poll_fd = {
		.fd = stream_fd(client->stream),
		.events = stream_events(client->stream, want_write),
	};
	int r = poll(&poll_fd, 1, CLIENT_DEADLINE_MS);

	if (r < 0)
		err(1, "poll");
	if (r == 0)
		errx(1, "the bus said nothing for %d ms", CLIENT_DEADLINE_MS);
	stream_ack(client->stream);
}

/* A failure ends the program, so what is returned is a count. */
static size_t moved(const struct client *client, ssize_t n)
{
	if (n < 0)
		errx(1, "the connection of %s is over: %s",
		     client->name[0] ? client->name : "a client without a name", strerror((int)-n));
	return (size_t)n;
}

static size_t write_some(struct client *client, const struct iovec *parts, int count)
{
	return moved(client, stream_write(client->stream, parts, count));
}

static void write_all(struct client *client, const void *bytes, size_t size)
{
	struct iovec part = { .iov_base = (void *)bytes, .iov_len = size };
	size_t n;

	while (part.iov_len > 0) {
		n = write_some(client, &part, 1);
		if (n == 0)
			client_wait(client, true);
		part.iov_base = (uint8_t *)part.iov_base + n;
		part.iov_len -= n;
	}
}

/* Makes room for the message that begins at in_start, and for a good read. */
static void make_room(struct client *client)
{
	size_t held = client->in_end - client->in_start, wanted = READ_MIN;
	struct message_view view;

	if (held >= MESSAGE_FIXED_SIZE &&
	    message_view(client->in + client->in_start, held, &view) == 0)
		wanted = view.size - held;
	if (client->in_capacity - client->in_end >= wanted)
		return;

	memmove(client->in, client->in + client->in_start, held);
	client->in_start = 0;
	client->in_end = held;
	if (client->in_capacity - held >= wanted)
		return;

	client->in_capacity = held + wanted;
	client->in = realloc(client->in, client->in_capacity);
	if (!client->in)
		err(1, "realloc");
}

bool client_fill(struct client *client)
{
	size_t room, n;

	if (client->in_start == client->in_end)
		client->in_start = client->in_end = 0;
	make_room(client);
	room = client->in_capacity - client->in_end;
	n = moved(client, stream_read(client->stream, client->in + client->in_end, room));
	client->in_end += n;
	return n == room;
}

bool client_next(struct client *client, struct message_view *view)
{
	int r = message_view(client->in + client->in_start, client->in_end - client->in_start,
			     view);

	if (r < 0)
		errx(1, "what the bus sent is no message");
	if (r == 0)
		return false;
	client->in_start += view->size;
	return true;
}

static void expect_line(struct client *client, const char *start)
{
	size_t held;
	uint8_t *end;

	for (;;) {
		held = client->in_end - client->in_start;
		end = memchr(client->in + client->in_start, '\n', held);
		if (end)
			break;
		client_wait(client, false);
		client_fill(client);
	}
	if (strncmp((char *)client->in + client->in_start, start, strlen(start)) != 0)
		errx(1, "the bus did not answer %s to AUTH", start);
	client->in_start = (size_t)(end + 1 - client->in);
}

static void authenticate(struct client *client)
{
	char digits[16], line[64] = "AUTH EXTERNAL ";
	size_t at = strlen(line);

	snprintf(digits, sizeof(digits), "%u", (unsigned)geteuid());
	for (const char *digit = digits; *digit; digit++)
		at += (size_t)snprintf(line + at, sizeof(line) - at, "%02x", *digit);
	snprintf(line + at, sizeof(line) - at, "\r\n");

	write_all(client, "", 1);
	write_all(client, line, strlen(line));
	expect_line(client, "OK ");
	write_all(client, "BEGIN\r\n", 7);
}

static const char *call_bus(struct client *client, const char *member, const char *text)
{
	struct message_spec spec = {
		.type = MESSAGE_CALL,
		.path = BUS_PATH,
		.interface = BUS_NAME,
		.member = member,
		.destination = BUS_NAME,
		.text = text,
		.text_size = text ? strlen(text) : 0,
	};
	struct message_view view;
	uint8_t *message;
	size_t size;

	message = message_build(&spec, &size);
	if (!message)
		err(1, "malloc");
	message_set_u32(message, MESSAGE_SERIAL_OFFSET, ++client->serial);
	write_all(client, message, size);
	free(message);

	for (;;) {
		while (client_next(client, &view)) {
			if (view.type == MESSAGE_ERROR)
				errx(1, "%s: %s", member, message_text(&view));
			if (view.type == MESSAGE_RETURN)
				return message_text(&view);
		}
		client_wait(client, false);
		client_fill(client);
	}
}

void client_call_bus(struct client *client, const char *member, const char *text)
{
	call_bus(client, member, text);
}

void client_login(struct client *client)
{
	const char *name;

	authenticate(client);
	name = call_bus(client, "Hello", NULL);
	if (!name || strlen(name) >= sizeof(client->name))
		errx(1, "Hello did not return a name");
	strcpy(client->name, name);
	call_bus(client, "GetId", NULL); /* NameAcquired has arrived when this is answered */
}

void client_greet(struct client *receiver, struct client *sender)
{
	write_all(receiver, "", 1);
	do {
		client_wait(sender, false);
		client_fill(sender);
	} while (sender->in_start == sender->in_end);
	sender->in_start++;
}

void client_outbox_init(struct client *client, const struct message_spec *spec, size_t slots)
{
	struct outbox *outbox = &client->outbox;
	size_t stride;
	uint8_t *message = message_build(spec, &stride);

	free(outbox->bytes);
	*outbox = (struct outbox){ 0 };
	outbox->bytes = malloc(slots * ((stride + 7) & ~(size_t)7));
	if (!message || !outbox->bytes)
		err(1, "malloc");
	for (size_t i = 0; i < slots; i++)
		memcpy(outbox->bytes + i * stride, message, stride);
	outbox->stride = stride;
	outbox->slots = slots;
	free(message);
}

bool client_outbox_is_full(const struct client *client)
{
	const struct outbox *outbox = &client->outbox;

	return outbox->pending > (outbox->slots - 1) * outbox->stride;
}

void client_outbox_push(struct client *client, uint32_t serial, uint32_t reply_serial)
{
	struct outbox *outbox = &client->outbox;
	size_t at = (outbox->start + outbox->pending) % (outbox->slots * outbox->stride);

	message_set_u32(outbox->bytes + at, MESSAGE_SERIAL_OFFSET, serial);
	if (reply_serial)
		message_set_u32(outbox->bytes + at, MESSAGE_REPLY_SERIAL_OFFSET, reply_serial);
	outbox->pending += outbox->stride;
}

bool client_flush(struct client *client)
{
	struct outbox *outbox = &client->outbox;
	size_t size = outbox->slots * outbox->stride, first, n;
	struct iovec parts[2];

	while (outbox->pending > 0) {
		first = size - outbox->start < outbox->pending ? size - outbox->start
							       : outbox->pending;
		parts[0] = (struct iovec){ outbox->bytes + outbox->start, first };
		parts[1] = (struct iovec){ outbox->bytes, outbox->pending - first };
		n = write_some(client, parts, first < outbox->pending ? 2 : 1);
		if (n == 0)
			return false;
		outbox->start = (outbox->start + n) % size;
		outbox->pending -= n;
	}
	return true;
}
