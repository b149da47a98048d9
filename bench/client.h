/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A raw D-Bus connection for the load generator. It reads as much as there is,
 * writes many messages with one call, never copies what it sends, and ends the
 * program with a sentence when anything is not as it should be.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/message.h"
#include "common/stream.h"

enum { CLIENT_DEADLINE_MS = 30000 }; /* brokers under callgrind are slow */

/* Slots that hold the same prebuilt message; to send one is to number it. */
struct outbox {
	uint8_t *bytes;
	size_t stride, slots;
	size_t start, pending; /* bytes: where the unsent part begins, how long it is */
};

struct client {
	struct stream *stream;
	uint32_t serial;
	uint8_t *in;
	size_t in_start, in_end, in_capacity;
	struct outbox outbox;
	char name[64];
};

void client_connect(struct client *client, const char *address);
void client_close(struct client *client);

/* Authenticates and says Hello; afterwards nothing the bus said is left unread. */
void client_login(struct client *client);

/* Through the relay: one byte from a receiver to the sender, when login is for a bus.
 * When it has arrived, the relay knows of both. */
void client_greet(struct client *receiver, struct client *sender);

/* Calls the bus and waits; what it answers ends the program if it is an error. */
void client_call_bus(struct client *client, const char *member, const char *text);

/* Also anew, with another message, when nothing is pending. */
void client_outbox_init(struct client *client, const struct message_spec *spec, size_t slots);
bool client_outbox_is_full(const struct client *client);
void client_outbox_push(struct client *client, uint32_t serial, uint32_t reply_serial);
bool client_flush(struct client *client); /* true if nothing is left */

void client_wait(struct client *client, bool want_write); /* for its stream, at most the deadline */

/* Reads once. False if there was nothing, or less than there was room for. */
bool client_fill(struct client *client);
bool client_next(struct client *client, struct message_view *view);
