/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests of many clients travel on one ring, so each gets a number of ours, and each watch a
 * token of ours, by which the answer finds its way back. What a client leaves behind is cleaned
 * up in its name, as the kernel does when the file is closed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hosted-xen/xenbus-private.h"

static void refuse(struct client *client, const struct xsd_sockmsg *request, const char *error)
{
	struct xsd_sockmsg header = *request;

	header.type = XS_ERROR;
	client_send(client, header, error, strlen(error) + 1, NULL, 0);
}

/* -- to xenstored -- */

struct body {
	const void *first, *second;
	size_t first_size, second_size;
};

static int request_send(struct xenbus *xenbus, struct client *client, struct xsd_sockmsg header,
			uint32_t watch_id, const struct body *body)
{
	struct request *request = calloc(1, sizeof(*request));

	if (!request)
		return -ENOMEM;
	*request = (struct request){ .client = client, .id = ++xenbus->next_id };
	request->client_id = header.req_id;
	request->type = header.type;
	request->transaction = header.tx_id;
	request->watch_id = watch_id;
	header.req_id = request->id;
	header.len = (uint32_t)(body->first_size + body->second_size);
	if (store_ring_add(&xenbus->ring, &header, body->first, body->first_size, body->second,
			   body->second_size) < 0) {
		free(request);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&xenbus->requests, request, link);
	if (client)
		client->request_count++;
	return 0;
}

static int watch_send(struct xenbus *xenbus, const struct watch *watch, struct client *client,
		      struct xsd_sockmsg header, uint32_t watch_id)
{
	char token[16];
	int length = snprintf(token, sizeof(token), "hx%x", watch->id);
	struct body body = { watch->path, token, strlen(watch->path) + 1, (size_t)length + 1 };

	return request_send(xenbus, client, header, watch_id, &body);
}

static struct watch *watch_find(struct xenbus *xenbus, uint32_t id)
{
	struct watch *watch;

	LIST_FOREACH(watch, &xenbus->watches, link)
	{
		if (watch->id == id)
			return watch;
	}
	return NULL;
}

static struct watch *watch_find_client(const struct client *client, const char *path,
				       const char *token)
{
	struct watch *watch;

	LIST_FOREACH(watch, &client->xenbus->watches, link)
	{
		if (watch->client == client && strcmp(watch->path, path) == 0 &&
		    strcmp(watch->token, token) == 0)
			return watch;
	}
	return NULL;
}

static void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	LIST_REMOVE(watch, link);
	free(watch->path);
	free(watch->token);
	free(watch);
}

static void watch_add(struct client *client, const struct xsd_sockmsg *header, const char *path,
		      const char *token)
{
	struct xenbus *xenbus = client->xenbus;
	struct watch *watch;

	if (watch_find_client(client, path, token)) {
		refuse(client, header, "EEXIST");
		return;
	}
	watch = calloc(1, sizeof(*watch));
	if (!watch) {
		refuse(client, header, "ENOMEM");
		return;
	}
	watch->client = client;
	watch->id = ++xenbus->next_id;
	watch->path = strdup(path);
	watch->token = strdup(token);
	LIST_INSERT_HEAD(&xenbus->watches, watch, link);
	if (!watch->path || !watch->token ||
	    watch_send(xenbus, watch, client, *header, watch->id) < 0) {
		refuse(client, header, "ENOMEM");
		watch_free(watch);
	}
}

static void watch_remove(struct client *client, const struct xsd_sockmsg *header, const char *path,
			 const char *token)
{
	struct watch *watch = watch_find_client(client, path, token);

	if (!watch)
		refuse(client, header, "ENOENT");
	else if (watch_send(client->xenbus, watch, client, *header, watch->id) < 0)
		refuse(client, header, "ENOMEM");
}

void message_from_client(struct client *client, struct store_message *message)
{
	const struct xsd_sockmsg *header = &message->header;
	struct body body = { message->body, NULL, header->len, 0 };
	const char *path = message->body, *token;

	if (header->type != XS_WATCH && header->type != XS_UNWATCH) {
		/* It would take the watches of all the other programs along. */
		if (header->type == XS_RESET_WATCHES)
			refuse(client, header, "EINVAL");
		else if (request_send(client->xenbus, client, *header, 0, &body) < 0)
			refuse(client, header, "ENOMEM");
		return;
	}
	/* The body is two strings; the byte behind it is zero in any case. */
	token = memchr(path, '\0', header->len);
	if (!token || token + 1 >= path + header->len || message->body[header->len - 1] ||
	    strlen(path) > XENSTORE_ABS_PATH_MAX) {
		refuse(client, header, "EINVAL");
		return;
	}
	if (header->type == XS_WATCH)
		watch_add(client, header, path, token + 1);
	else
		watch_remove(client, header, path, token + 1);
}

/* -- from xenstored -- */

static void on_watch_event(struct xenbus *xenbus, const struct store_message *message)
{
	const char *path = message->body, *token = memchr(path, '\0', message->header.len);
	struct xsd_sockmsg header = message->header;
	const struct watch *watch;
	unsigned id;

	if (!token || sscanf(token + 1, "hx%x", &id) != 1)
		return;
	watch = watch_find(xenbus, id);
	if (!watch || !watch->client)
		return; /* removed while the event was under way */
	client_send(watch->client, header, path, (size_t)(token - path) + 1, watch->token,
		    strlen(watch->token) + 1);
}

static void transaction_end(struct xenbus *xenbus, uint32_t id)
{
	struct xsd_sockmsg header = { .type = XS_TRANSACTION_END, .tx_id = id };
	struct body body = { "F", NULL, 2, 0 };

	if (request_send(xenbus, NULL, header, 0, &body) < 0)
		hxd_log("dom%u: out of memory; a transaction stays open", xenbus->domain->domid);
}

static void on_transaction_start(struct xenbus *xenbus, struct client *client, uint32_t id)
{
	struct transaction *transaction = client ? calloc(1, sizeof(*transaction)) : NULL;

	if (!transaction) {
		transaction_end(xenbus, id);
		return;
	}
	transaction->id = id;
	LIST_INSERT_HEAD(&client->transactions, transaction, link);
}

static void on_transaction_end(struct client *client, uint32_t id)
{
	struct transaction *transaction;

	LIST_FOREACH(transaction, &client->transactions, link)
	{
		if (transaction->id == id) {
			LIST_REMOVE(transaction, link);
			free(transaction);
			return;
		}
	}
}

static void keep_account(struct xenbus *xenbus, const struct request *request,
			 const struct store_message *message)
{
	bool failed = message->header.type == XS_ERROR;

	switch (request->type) {
	case XS_WATCH:
		if (failed)
			watch_free(watch_find(xenbus, request->watch_id));
		break;
	case XS_UNWATCH:
		watch_free(watch_find(xenbus, request->watch_id));
		break;
	case XS_TRANSACTION_START:
		if (!failed)
			on_transaction_start(xenbus, request->client,
					     (uint32_t)strtoul(message->body, NULL, 10));
		break;
	case XS_TRANSACTION_END: /* it is over, whatever the answer */
		if (request->client)
			on_transaction_end(request->client, request->transaction);
		break;
	}
}

void message_from_store(struct xenbus *xenbus, const struct store_message *message)
{
	struct xsd_sockmsg header = message->header;
	struct request *request;

	if (header.type == XS_WATCH_EVENT) {
		on_watch_event(xenbus, message);
		return;
	}
	TAILQ_FOREACH(request, &xenbus->requests, link)
	{
		if (request->id == header.req_id)
			break;
	}
	if (!request) {
		hxd_log("dom%u: an answer to nothing from xenstored", xenbus->domain->domid);
		return;
	}
	TAILQ_REMOVE(&xenbus->requests, request, link);
	keep_account(xenbus, request, message);
	header.req_id = request->client_id;
	if (request->client) {
		request->client->request_count--;
		client_send(request->client, header, message->body, header.len, NULL, 0);
	}
	free(request);
}

/* -- ends -- */

void message_clean_up(struct client *client)
{
	struct xenbus *xenbus = client->xenbus;
	struct xsd_sockmsg header = { .type = XS_UNWATCH };
	struct request *request;
	struct watch *watch;

	TAILQ_FOREACH(request, &xenbus->requests, link)
	{
		if (request->client == client)
			request->client = NULL;
	}
	while (!LIST_EMPTY(&client->transactions)) {
		struct transaction *transaction = LIST_FIRST(&client->transactions);

		transaction_end(xenbus, transaction->id);
		LIST_REMOVE(transaction, link);
		free(transaction);
	}
	LIST_FOREACH(watch, &xenbus->watches, link)
	{
		if (watch->client != client)
			continue;
		watch->client = NULL;
		if (watch_send(xenbus, watch, NULL, header, watch->id) < 0)
			hxd_log("dom%u: out of memory; a watch stays", xenbus->domain->domid);
	}
}

void message_forget_all(struct xenbus *xenbus)
{
	while (!TAILQ_EMPTY(&xenbus->requests)) {
		struct request *request = TAILQ_FIRST(&xenbus->requests);

		TAILQ_REMOVE(&xenbus->requests, request, link);
		free(request);
	}
	while (!LIST_EMPTY(&xenbus->watches))
		watch_free(LIST_FIRST(&xenbus->watches));
}

void message_watch_again(struct xenbus *xenbus)
{
	struct xsd_sockmsg header = { .type = XS_UNWATCH };
	const struct watch *watch;

	/* No watch_id: the answers change nothing in our list. */
	LIST_FOREACH(watch, &xenbus->watches, link)
	{
		if (!watch->client)
			continue;
		header.type = XS_UNWATCH;
		if (watch_send(xenbus, watch, NULL, header, 0) < 0)
			continue;
		header.type = XS_WATCH;
		if (watch_send(xenbus, watch, NULL, header, 0) < 0)
			hxd_log("dom%u: out of memory; a watch is lost", xenbus->domain->domid);
	}
}
