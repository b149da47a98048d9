/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between xenbus.c (clients and their sockets) and xenbus-message.c (what passes through). */
#pragma once

#include "hosted-xen/store-ring.h"
#include "hosted-xen/xenbus.h"

struct transaction {
	LIST_ENTRY(transaction) link; /* client::transactions */
	uint32_t id;
};

struct client { /* one open /dev/xen/xenbus */
	LIST_ENTRY(client) link; /* xenbus::clients, or hxd::left */
	struct source source;
	struct xenbus *xenbus;
	bool gone;
	bool deaf; /* it does not listen any more, but may have spoken */
	struct store_message in;
	size_t in_used;
	struct bytes out;
	unsigned request_count;
	LIST_HEAD(, transaction) transactions;
};

struct request {
	TAILQ_ENTRY(request) link; /* xenbus::requests */
	struct client *client; /* NULL: nobody waits for the answer */
	uint32_t id, client_id; /* ours, and the client's */
	uint32_t type, transaction, watch_id;
};

struct watch {
	LIST_ENTRY(watch) link; /* xenbus::watches */
	struct client *client; /* NULL: being removed */
	uint32_t id;
	char *path, *token;
};

struct xenbus {
	struct domain *domain;
	struct source listener, event;
	struct store_ring ring;
	struct channel *channel;
	bool paused;
	uint32_t next_id;
	unsigned client_count;
	LIST_HEAD(, client) clients;
	LIST_HEAD(, watch) watches;
	TAILQ_HEAD(, request) requests;
};

/* xenbus.c */
void client_send(struct client *client, struct xsd_sockmsg header, const void *body, size_t size,
		 const void *more, size_t more_size);

/* xenbus-message.c */
void message_from_client(struct client *client, struct store_message *message);
void message_from_store(struct xenbus *xenbus, const struct store_message *message);
void message_clean_up(struct client *client); /* gives up its watches and transactions */
void message_forget_all(struct xenbus *xenbus);
void message_watch_again(struct xenbus *xenbus);
