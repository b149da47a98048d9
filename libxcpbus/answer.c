/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that were made to us, from the handler that is run for one to its answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "libxcpbus/private.h"

struct xcpbus_invocation {
	struct list link; /* xcpbus::invocations */
	struct xcpbus *bus; /* NULL: freed */
	uint32_t generation; /* of the connection it came on */
	DBusMessage *message;
	bool is_in_handler, is_kept, is_answered;
	char out_signature[]; /* what the table promises */
};

static void invocation_free(struct xcpbus_invocation *call)
{
	list_remove(&call->link);
	dbus_message_unref(call->message);
	free(call);
}

/* The caller of what cannot be sent at all waits for something, too. */
static int send_reply(struct xcpbus_invocation *call, DBusMessage *reply)
{
	int r = io_send(call->bus, reply, NULL);
	char text[256];
	DBusMessage *error;

	if (r != -EOPNOTSUPP && r != -EMSGSIZE)
		return r;
	snprintf(text, sizeof(text), "the answer cannot be sent: %s", error_text_of(r));
	error = dbus_message_new_error(call->message, error_name_of(r), text);
	if (!error)
		return -ENOMEM;
	io_send(call->bus, error, NULL);
	dbus_message_unref(error);
	return r;
}

static int end_with(struct xcpbus_invocation *call, DBusMessage *reply, int failure)
{
	int r = failure;

	/* The caller has another name by now, or somebody else has its name. */
	if (r == 0 && (!call->bus || call->generation != call->bus->generation))
		r = -ENOTCONN;
	if (r == 0 && !dbus_message_get_no_reply(call->message))
		r = send_reply(call, reply);
	if (reply)
		dbus_message_unref(reply);
	call->is_answered = true;
	if (!call->is_in_handler) /* or it ends when the handler returns */
		invocation_free(call);
	return r;
}

int xcpbus_reply_message(struct xcpbus_invocation *call, DBusMessage *reply)
{
	if (dbus_message_get_reply_serial(reply) != dbus_message_get_serial(call->message))
		return xcpbus_reply_error(call, BUS_ERROR("Failed"),
					  "the service made an answer to another call");
	return end_with(call, dbus_message_ref(reply), 0);
}

int xcpbus_reply(struct xcpbus_invocation *call, const char *signature, ...)
{
	DBusMessage *reply;
	va_list values;
	int r;

	if (strcmp(signature ? signature : "", call->out_signature)) {
		xcpbus_reply_error(call, BUS_ERROR("Failed"),
				   "the service answers with '%s' where its interface says '%s'",
				   signature ? signature : "", call->out_signature);
		return -EINVAL;
	}
	reply = dbus_message_new_method_return(call->message);
	if (!reply)
		return end_with(call, NULL, -ENOMEM);
	va_start(values, signature);
	r = append_valist(reply, signature, values);
	va_end(values);
	if (r == 0)
		return end_with(call, reply, 0);
	dbus_message_unref(reply);
	xcpbus_reply_error(call, error_name_of(r),
			   r == -EINVAL ? "the service's answer has a value that is not valid"
					: "the service's answer cannot be made");
	return r;
}

static int reply_error_text(struct xcpbus_invocation *call, const char *name, const char *text)
{
	DBusMessage *reply;

	if (!dbus_validate_error_name(name, NULL))
		name = BUS_ERROR("Failed");
	if (!dbus_validate_utf8(text, NULL))
		text = "(the message is not UTF-8)";
	reply = dbus_message_new_error(call->message, name, text);
	return end_with(call, reply, reply ? 0 : -ENOMEM);
}

int xcpbus_reply_error(struct xcpbus_invocation *call, const char *name, const char *format, ...)
{
	CLEANUP(cleanup_free) char *text = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	if (r < 0)
		text = NULL;
	return reply_error_text(call, name, text ? text : "");
}

void xcpbus_keep(struct xcpbus_invocation *call)
{
	call->is_kept = true;
}

struct xcpbus *xcpbus_invocation_bus(const struct xcpbus_invocation *call)
{
	return call->bus;
}

DBusMessage *xcpbus_invocation_message(const struct xcpbus_invocation *call)
{
	return call->message;
}

void answer_orphan_all(struct xcpbus *bus)
{
	struct xcpbus_invocation *call;

	while ((call = list_first(&bus->invocations, struct xcpbus_invocation, link))) {
		call->bus = NULL;
		list_remove(&call->link);
	}
}

/* ---- handlers ---- */

static struct xcpbus_invocation *invocation_new(struct xcpbus *bus, DBusMessage *message,
						const char *out_signature)
{
	size_t size = strlen(out_signature) + 1;
	struct xcpbus_invocation *call = calloc(1, sizeof(*call) + size);

	if (!call)
		return NULL;
	call->bus = bus;
	call->generation = bus->generation;
	call->message = dbus_message_ref(message);
	memcpy(call->out_signature, out_signature, size);
	list_push_back(&bus->invocations, &call->link);
	return call;
}

void answer_refuse(struct xcpbus *bus, DBusMessage *message, const char *name, const char *format,
		   ...)
{
	struct xcpbus_invocation *call = invocation_new(bus, message, "");
	char text[1024];
	va_list args;

	if (!call)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	reply_error_text(call, name, text);
}

void answer_run(struct xcpbus *bus, DBusMessage *message, const struct xcpbus_method *method,
		void *data)
{
	const char *out_signature = method->out_signature ? method->out_signature : "";
	struct xcpbus_invocation *call = invocation_new(bus, message, out_signature);
	int r;

	if (!call)
		return; /* the caller's deadline tells it */
	call->is_in_handler = true;
	r = method->handler(call, message, data);
	call->is_in_handler = false;
	if (call->is_answered)
		invocation_free(call);
	else if (r < 0)
		xcpbus_reply_error(call, error_name_of(r), "%s", strerror(-r));
	else if (!call->is_kept && !*call->out_signature)
		xcpbus_reply(call, "");
	else if (!call->is_kept)
		xcpbus_reply_error(call, BUS_ERROR("Failed"), "the service did not answer");
}
