/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench/serve.h"

#include <err.h>
#include <stdio.h>
#include <string.h>

#include "bench/client.h"

static void answer_to(struct client *client, const char *caller, size_t slots)
{
	struct message_spec spec = {
		.type = MESSAGE_RETURN,
		.flags = MESSAGE_NO_REPLY,
		.reply_serial = 1,
		.destination = caller,
	};

	while (!client_flush(client)) /* the last caller's answers */
		client_wait(client, true);
	client_outbox_init(client, &spec, slots);
}

static void answer_all(struct client *client, char *caller, size_t caller_size, size_t slots)
{
	struct message_view view;
	const char *sender;

	while (client_next(client, &view)) {
		if (view.type != MESSAGE_CALL)
			continue; /* an error: a caller that left before it was answered */
		sender = message_sender(&view);
		if (!sender || strlen(sender) >= caller_size)
			errx(1, "a call does not say who sent it");
		if (strcmp(sender, caller) != 0) {
			strcpy(caller, sender);
			answer_to(client, caller, slots);
		}
		while (client_outbox_is_full(client) && !client_flush(client))
			client_wait(client, true);
		client_outbox_push(client, ++client->serial, view.serial);
	}
}

_Noreturn void serve(const struct options *options)
{
	struct client client;
	char caller[64] = "";
	bool more, is_flushed = true;

	client_connect(&client, options->address);
	client_login(&client);
	printf("%s\n", client.name);
	fflush(stdout);

	for (;;) {
		client_wait(&client, !is_flushed);
		do {
			more = client_fill(&client);
			answer_all(&client, caller, sizeof(caller), options->window);
		} while (more);
		is_flushed = client_flush(&client);
	}
}
