/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hosted-xen/evtchn.h"
#include "hosted-xen/grant.h"
#include "hosted-xen/xenbus-private.h"

enum {
	REQUESTS_PER_CLIENT = 16, /* then we stop reading from it until some are answered */
	BACKLOG_MAX = 64 << 20, /* of a client that does not read; a kernel has no limit */
};

static void client_leave(struct client *client);

/* What a client is watched for follows from its state. */
static void client_update(struct client *client)
{
	uint32_t events = 0;

	if (client->gone)
		return;
	if (!client->xenbus->paused) {
		if (client->request_count < REQUESTS_PER_CLIENT)
			events |= EPOLLIN;
		if (bytes_size(&client->out))
			events |= EPOLLOUT;
	}
	if (loop_watch(client->xenbus->domain->hxd, &client->source, events) < 0)
		client_leave(client);
}

static void client_flush(struct client *client)
{
	ssize_t sent;

	if (client->gone || bytes_size(&client->out) == 0)
		return;
	sent = send(client->source.fd, bytes_first(&client->out), bytes_size(&client->out),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent > 0) {
		bytes_drop(&client->out, (size_t)sent);
	} else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		/* It hung up, which we shall hear; what it asked for may still lie before us. */
		client->deaf = true;
		bytes_deinit(&client->out);
	}
}

void client_send(struct client *client, struct xsd_sockmsg header, const void *body, size_t size,
		 const void *more, size_t more_size)
{
	if (client->gone || client->deaf)
		return;
	header.len = (uint32_t)(size + more_size);
	if (bytes_size(&client->out) > BACKLOG_MAX ||
	    bytes_append(&client->out, &header, sizeof(header)) < 0 ||
	    bytes_append(&client->out, body, size) < 0 ||
	    (more_size && bytes_append(&client->out, more, more_size) < 0)) {
		hxd_complain(client->xenbus->domain,
			     "a xenstore client that does not read is cut off");
		client_leave(client);
	}
}

static void client_leave(struct client *client)
{
	struct xenbus *xenbus = client->xenbus;

	if (client->gone)
		return;
	client->gone = true;
	message_clean_up(client);
	loop_close(xenbus->domain->hxd, &client->source);
	LIST_REMOVE(client, link);
	xenbus->client_count--;
	LIST_INSERT_HEAD(&xenbus->domain->hxd->left, client, link);
}

/* Passes on what is complete, up to a limit of unanswered requests. */
static void client_process(struct client *client, unsigned limit)
{
	const size_t head = sizeof(struct xsd_sockmsg);
	char *bytes = (char *)&client->in;

	while (!client->gone && client->request_count < limit && client->in_used >= head) {
		size_t size = head + client->in.header.len;
		struct store_message message;

		if (client->in.header.len > XENSTORE_PAYLOAD_MAX) {
			client_leave(client);
			return;
		}
		if (client->in_used < size)
			return;
		memcpy(&message, &client->in, size);
		message.body[message.header.len] = '\0';
		memmove(bytes, bytes + size, client->in_used - size);
		client->in_used -= size;
		message_from_client(client, &message);
	}
}

/* How much came; 0 at the end. */
static ssize_t client_receive(struct client *client)
{
	char *bytes = (char *)&client->in;
	size_t room = sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX - client->in_used;
	ssize_t got = recv(client->source.fd, bytes + client->in_used, room, MSG_DONTWAIT);

	if (got > 0)
		client->in_used += (size_t)got;
	return got;
}

static void client_read(struct client *client)
{
	ssize_t got = client_receive(client);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		client_leave(client);
}

/* It hung up. What it asked for before is still done, as a kernel would have done it. */
static void client_finish(struct client *client)
{
	do {
		client_process(client, UINT_MAX);
	} while (!client->gone && client_receive(client) > 0);
	client_leave(client);
}

/* Moves all that can move, in both directions. */
static void pump(struct xenbus *xenbus)
{
	const struct store_message *message;
	struct client *client, *next;

	while ((message = store_ring_receive(&xenbus->ring)))
		message_from_store(xenbus, message);
	for (client = LIST_FIRST(&xenbus->clients); client; client = next) {
		next = LIST_NEXT(client, link);
		client_process(client, REQUESTS_PER_CLIENT);
		client_flush(client);
		client_update(client);
	}
	store_ring_flush(&xenbus->ring);
	if (store_ring_take_moved(&xenbus->ring))
		channel_ring(xenbus->channel, 0);
}

static void on_client(struct source *source, uint32_t events)
{
	struct client *client = container_of(source, struct client, source);

	if (events & (EPOLLHUP | EPOLLERR))
		client_finish(client);
	else if (events & EPOLLIN)
		client_read(client);
	pump(client->xenbus);
}

static void on_connect(struct source *source, uint32_t events)
{
	struct xenbus *xenbus = container_of(source, struct xenbus, listener);
	struct client *client = NULL;
	int fd = loop_accept(xenbus->domain->hxd, source);

	(void)events;
	if (fd < 0)
		return;
	if (xenbus->client_count < XENBUS_CLIENTS_MAX)
		client = calloc(1, sizeof(*client));
	if (!client) {
		hxd_complain(xenbus->domain, "too many xenstore clients");
		close(fd);
		return;
	}
	client->xenbus = xenbus;
	client->source = (struct source){ .fd = fd, .on_event = on_client };
	LIST_INSERT_HEAD(&xenbus->clients, client, link);
	xenbus->client_count++;
	client_update(client);
}

static void on_ring_event(struct source *source, uint32_t events)
{
	struct xenbus *xenbus = container_of(source, struct xenbus, event);
	uint64_t value;

	(void)events;
	if (read(source->fd, &value, sizeof(value)) < 0)
		return;
	pump(xenbus);
}

struct xenbus *xenbus_new(struct domain *domain)
{
	struct xenbus *xenbus = calloc(1, sizeof(*xenbus));
	int result;

	if (!xenbus)
		return NULL;
	xenbus->domain = domain;
	TAILQ_INIT(&xenbus->requests);
	xenbus->listener = (struct source){ .fd = -1, .on_event = on_connect };
	xenbus->event = (struct source){ .fd = -1, .on_event = on_ring_event };
	result = store_ring_init(&xenbus->ring, domain->store_page->fd);
	if (result < 0) {
		free(xenbus);
		errno = -result;
		return NULL;
	}
	xenbus->channel = domain->store_port->channel;
	channel_ref(xenbus->channel);
	xenbus->event.fd = dup(xenbus->channel->event[0]);
	result = xenbus->event.fd < 0 ? -errno : loop_watch(domain->hxd, &xenbus->event, EPOLLIN);
	if (result == 0)
		result = loop_listen(domain, &xenbus->listener, "xenbus", SOCK_STREAM);
	if (result < 0) {
		xenbus_free(xenbus);
		errno = -result;
		return NULL;
	}
	return xenbus;
}

void xenbus_free(struct xenbus *xenbus)
{
	struct hxd *hxd = xenbus->domain->hxd;

	while (!LIST_EMPTY(&xenbus->clients))
		client_leave(LIST_FIRST(&xenbus->clients));
	message_forget_all(xenbus);
	loop_close(hxd, &xenbus->listener);
	loop_close(hxd, &xenbus->event);
	store_ring_deinit(&xenbus->ring);
	channel_unref(xenbus->channel);
	free(xenbus);
}

void xenbus_pause(struct xenbus *xenbus, bool paused)
{
	xenbus->paused = paused;
	loop_watch(xenbus->domain->hxd, &xenbus->event, paused ? 0 : EPOLLIN);
	if (!paused) {
		pump(xenbus);
	} else {
		struct client *client, *next;

		for (client = LIST_FIRST(&xenbus->clients); client; client = next) {
			next = LIST_NEXT(client, link);
			client_update(client);
		}
	}
}

void xenbus_resume(struct xenbus *xenbus)
{
	message_watch_again(xenbus);
}

void xenbus_reap(struct hxd *hxd)
{
	while (!LIST_EMPTY(&hxd->left)) {
		struct client *client = LIST_FIRST(&hxd->left);

		LIST_REMOVE(client, link);
		bytes_deinit(&client->out);
		free(client);
	}
}

struct xenbus_usage xenbus_usage(const struct xenbus *xenbus)
{
	struct xenbus_usage usage = { .clients = xenbus->client_count };
	const struct transaction *transaction;
	const struct request *request;
	const struct client *client;
	const struct watch *watch;

	LIST_FOREACH(watch, &xenbus->watches, link)
	usage.watches++;
	TAILQ_FOREACH(request, &xenbus->requests, link)
	usage.requests++;
	LIST_FOREACH(client, &xenbus->clients, link)
	{
		LIST_FOREACH(transaction, &client->transactions, link)
		usage.transactions++;
	}
	return usage;
}
