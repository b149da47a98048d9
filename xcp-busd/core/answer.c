/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/answer.h"

#include <stdio.h>

#include "core/delivery.h"
#include "core/driver.h"
#include "core/gate.h"
#include "core/monitor.h"
#include "wire/syntax.h"

enum { TEXT_MAX = 2048 /* of an error */ };

static void queue(struct bus *bus, struct peer *peer, const struct delivery *delivery)
{
	int r = delivery_send(bus, peer, delivery, peer->quota, NULL);

	if (r != DELIVERED)
		bus_drop(peer, "it does not read what the bus answers",
			 delivery_reason(delivery, r, peer, peer->quota));
}

void answer_queue(struct bus *bus, struct peer *peer, const uint8_t *bytes, uint32_t size)
{
	struct delivery delivery;

	delivery_init_own(&delivery, bytes, size);
	queue(bus, peer, &delivery);
}

void answer_line(struct bus *bus, struct peer *peer, const char *line, size_t size)
{
	struct delivery delivery;

	delivery_init_own(&delivery, (const uint8_t *)line, (uint32_t)size);
	delivery.type = 0;
	queue(bus, peer, &delivery);
}

void answer_send(struct bus *bus, struct peer *peer, const uint8_t *bytes, uint32_t size)
{
	if (!list_is_empty(&bus->monitors))
		monitor_show_own(bus, peer, bytes, size);
	if (!gate_lets_own_pass(bus, peer, bytes, size))
		return;
	answer_queue(bus, peer, bytes, size);
}

/* What a text quotes may have been cut within a character, and no client takes a broken string. */
static const char *clean_text(const char *text, char out[TEXT_MAX])
{
	size_t i;

	if (syntax_is_utf8(text, strlen(text)))
		return text;
	for (i = 0; text[i] && i < TEXT_MAX - 1; i++)
		out[i] = text[i] & 0x80 ? '?' : text[i];
	out[i] = '\0';
	return out;
}

void answer_build_error(struct bus *bus, struct build *build, struct build_head *head,
			const char *text)
{
	char clean[TEXT_MAX];

	head->type = MESSAGE_ERROR;
	head->flags = MESSAGE_NO_REPLY_EXPECTED;
	head->serial = driver_serial(bus);
	head->sender = DRIVER_NAME;
	head->signature = "s";
	build_init(build);
	build_header(build, head);
	build_string(build, clean_text(text, clean));
}

int answer_error_serial(struct bus *bus, struct peer *peer, uint32_t serial, const char *error_name,
			const char *text)
{
	struct build_head head = {
		.reply_serial = serial,
		.error_name = error_name,
		.destination = peer->is_registered ? peer->name : NULL,
	};
	struct build build;
	uint8_t *bytes;
	uint32_t size;
	int r;

	answer_build_error(bus, &build, &head, text);
	r = build_finish(&build, &bytes, &size);
	if (r == 0)
		answer_send(bus, peer, bytes, size);
	build_deinit(&build);
	return r;
}

int answer_error(struct bus *bus, struct peer *peer, const struct message *call,
		 const char *error_name, const char *text)
{
	if (call->type != MESSAGE_METHOD_CALL || (call->flags & MESSAGE_NO_REPLY_EXPECTED))
		return 0;
	return answer_error_serial(bus, peer, call->serial, error_name, text);
}

void answer_failure(struct bus *bus, struct peer *caller, uint32_t serial, const char *error,
		    const char *text)
{
	char name[64];

	snprintf(name, sizeof(name), "org.freedesktop.DBus.Error.%s", error);
	if (answer_error_serial(bus, caller, serial, name, text) < 0)
		bus_drop(caller, "no memory to tell it that its call has failed",
			 reason_of(REASON_MEMORY));
}
