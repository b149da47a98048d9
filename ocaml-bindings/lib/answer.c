/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that others made to us. One that OCaml drops without an answer gets one from here, but not
 * from a finaliser: those run at any time, also while another thread is in the library. */
#include "stubs.h"

#include <caml/alloc.h>
#include <caml/custom.h>
#include <caml/memory.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define Invocation_val(block) (*(struct invocation **)Data_custom_val(block))

static void invocation_free(struct invocation *invocation)
{
	connection_unref(invocation->connection);
	free(invocation->out_signature);
	free(invocation);
}

static void invocation_end(struct invocation *invocation)
{
	xcpbus_reply_error(invocation->call, "org.freedesktop.DBus.Error.Failed",
			   "the service did not answer");
	invocation_free(invocation);
}

void orphans_end(struct connection *connection)
{
	struct invocation *invocation;

	while ((invocation = SLIST_FIRST(&connection->orphans))) {
		SLIST_REMOVE_HEAD(&connection->orphans, link);
		invocation_end(invocation);
	}
}

static void invocation_finalize(value block)
{
	struct invocation *invocation = Invocation_val(block);

	if (!invocation->call) {
		invocation_free(invocation);
	} else if (!invocation->connection->bus) {
		invocation_end(invocation); /* which only frees it */
	} else {
		SLIST_INSERT_HEAD(&invocation->connection->orphans, invocation, link);
		connection_wake(invocation->connection);
	}
}

static struct custom_operations invocation_operations = {
	.identifier = "org.xen.xcp.bus.invocation",
	.finalize = invocation_finalize,
	.compare = custom_compare_default,
	.hash = custom_hash_default,
	.serialize = custom_serialize_default,
	.deserialize = custom_deserialize_default,
	.compare_ext = custom_compare_ext_default,
	.fixed_length = custom_fixed_length_default,
};

value invocation_take(struct connection *connection, struct event *event)
{
	struct invocation *invocation = calloc(1, sizeof(*invocation));
	value block;

	if (!invocation)
		caml_raise_out_of_memory();
	block = caml_alloc_custom(&invocation_operations, sizeof(invocation), 0, 1);
	invocation->connection = connection;
	connection->references++;
	invocation->call = event->call;
	invocation->out_signature = event->out_signature;
	event->call = NULL;
	event->out_signature = NULL;
	Invocation_val(block) = invocation;
	return block;
}

/* Ends it: whatever happens, this was the answer. */
static struct xcpbus_invocation *call_take(value block)
{
	struct invocation *invocation = Invocation_val(block);
	struct xcpbus_invocation *call = invocation->call;

	if (!call)
		fail(-EALREADY, NULL, "the call has been answered");
	invocation->call = NULL;
	return call;
}

static _Noreturn void refuse(struct xcpbus_invocation *call, const char *wrong)
{
	struct xcpbus_error error;

	xcpbus_error_set(&error, "org.freedesktop.DBus.Error.Failed", "the answer: %s", wrong);
	xcpbus_reply_error(call, error.name, "%s", error.message);
	fail(-EINVAL, &error, NULL);
}

value xcpbus_ml_reply(value block, value body)
{
	CAMLparam2(block, body);
	struct xcpbus_invocation *call = call_take(block);
	DBusMessage *reply = dbus_message_new_method_return(xcpbus_invocation_message(call));
	const char *wrong = reply ? message_append(reply, body) : "there is no memory";
	const char *expected = Invocation_val(block)->out_signature;

	if (!wrong && (!expected || strcmp(dbus_message_get_signature(reply), expected)))
		wrong = "its types are not what the interface says";
	if (wrong && reply)
		dbus_message_unref(reply);
	if (wrong)
		refuse(call, wrong);
	/* A caller that is gone does not make this fail. */
	xcpbus_reply_message(call, reply);
	dbus_message_unref(reply);
	CAMLreturn(Val_unit);
}

/* body follows the text. */
value xcpbus_ml_reply_error(value block, value name, value text, value body)
{
	CAMLparam4(block, name, text, body);
	struct xcpbus_invocation *call = call_take(block);
	const char *error_name = String_val(name), *wrong = NULL;
	DBusMessage *reply;

	if (!dbus_validate_error_name(error_name, NULL))
		error_name = "org.freedesktop.DBus.Error.Failed";
	reply = dbus_message_new_error(xcpbus_invocation_message(call), error_name,
				       dbus_validate_utf8(String_val(text), NULL)
					       ? String_val(text)
					       : "(the message is not UTF-8)");
	if (!reply)
		refuse(call, "there is no memory");
	wrong = message_append(reply, body);
	if (wrong) {
		dbus_message_unref(reply);
		refuse(call, wrong);
	}
	xcpbus_reply_message(call, reply);
	dbus_message_unref(reply);
	CAMLreturn(Val_unit);
}
