/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bus itself says to one peer: a reply, an error in place of one, a signal of its own. */
#pragma once

#include "core/bus.h"
#include "wire/build.h"

/* One of the bus's own messages: charged to its receiver, which is dropped if it cannot take it. */
void answer_send(struct bus *bus, struct peer *peer, const uint8_t *bytes, uint32_t size);
/* The same for a message that monitors have seen and the policy has let pass already. */
void answer_queue(struct bus *bus, struct peer *peer, const uint8_t *bytes, uint32_t size);
/* The same for a line of the authentication. */
void answer_line(struct bus *bus, struct peer *peer, const char *line, size_t size);
/* An error reply to one call; nothing if the caller asked for no reply. text is plain. */
int answer_error(struct bus *bus, struct peer *peer, const struct message *call,
		 const char *error_name, const char *text);
int answer_error_serial(struct bus *bus, struct peer *peer, uint32_t serial, const char *error_name,
			const char *text);
/* Builds such an error, ready for build_finish. Initialises build, and completes head, which has
 * the error's name, the serial and the destination. */
void answer_build_error(struct bus *bus, struct build *build, struct build_head *head,
			const char *text);
/* The end of a call that was passed on and that nobody will answer: an error reply, or the caller
 * is dropped if it cannot be told. error is the part after "org.freedesktop.DBus.Error.". */
void answer_failure(struct bus *bus, struct peer *caller, uint32_t serial, const char *error,
		    const char *text);
