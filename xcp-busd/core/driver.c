/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/driver.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/answer.h"
#include "wire/syntax.h"

#define DBUS "org.freedesktop.DBus"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define INTROSPECTABLE "org.freedesktop.DBus.Introspectable"
#define MONITORING "org.freedesktop.DBus.Monitoring"
#define STATS "org.freedesktop.DBus.Debug.Stats"
#define PEER "org.freedesktop.DBus.Peer"

const struct driver_method driver_methods[] = {
	{ DBUS, "Hello", "", "s", driver_hello, driver_after_hello, false },
	{ DBUS, "RequestName", "su", "u", driver_request_name, NULL, false },
	{ DBUS, "ReleaseName", "s", "u", driver_release_name, NULL, false },
	{ DBUS, "StartServiceByName", "su", "u", driver_start_service_by_name, NULL, false },
	{ DBUS, "UpdateActivationEnvironment", "a{ss}", "", driver_update_activation_environment,
	  NULL, false },
	{ DBUS, "NameHasOwner", "s", "b", driver_name_has_owner, NULL, false },
	{ DBUS, "ListNames", "", "as", driver_list_names, NULL, false },
	{ DBUS, "ListActivatableNames", "", "as", driver_list_activatable_names, NULL, false },
	{ DBUS, "AddMatch", "s", "", driver_add_match, NULL, false },
	{ DBUS, "RemoveMatch", "s", "", driver_remove_match, NULL, false },
	{ DBUS, "GetNameOwner", "s", "s", driver_get_name_owner, NULL, false },
	{ DBUS, "ListQueuedOwners", "s", "as", driver_list_queued_owners, NULL, false },
	{ DBUS, "GetConnectionUnixUser", "s", "u", driver_get_unix_user, NULL, false },
	{ DBUS, "GetConnectionUnixProcessID", "s", "u", driver_get_unix_process_id, NULL, false },
	{ DBUS, "GetAdtAuditSessionData", "s", "ay", driver_get_audit_data, NULL, false },
	{ DBUS, "GetConnectionSELinuxSecurityContext", "s", "ay", driver_get_selinux_context, NULL,
	  false },
	{ DBUS, "GetConnectionCredentials", "s", "a{sv}", driver_get_credentials, NULL, false },
	{ DBUS, "GetId", "", "s", driver_get_id, NULL, false },
	{ DBUS, "ReloadConfig", "", "", driver_reload_config, NULL, false },
	{ MONITORING, "BecomeMonitor", "asu", "", driver_become_monitor,
	  driver_after_become_monitor, false },
	{ STATS, "GetStats", "", "a{sv}", driver_get_stats, NULL, false },
	{ STATS, "GetConnectionStats", "s", "a{sv}", driver_get_connection_stats, NULL, false },
	{ STATS, "GetAllMatchRules", "", "a{sas}", driver_get_all_match_rules, NULL, false },
	{ PROPERTIES, "Get", "ss", "v", driver_get_property, NULL, false },
	{ PROPERTIES, "GetAll", "s", "a{sv}", driver_get_all_properties, NULL, false },
	{ PROPERTIES, "Set", "ssv", "", driver_set_property, NULL, false },
	{ INTROSPECTABLE, "Introspect", "", "s", driver_introspect, NULL, true },
	{ PEER, "Ping", "", "", driver_ping, NULL, true },
	{ PEER, "GetMachineId", "", "s", driver_get_machine_id, NULL, true },
	{ 0 },
};

const struct driver_signal driver_signals[] = {
	{ DBUS, "NameOwnerChanged", "sss" },
	{ DBUS, "NameLost", "s" },
	{ DBUS, "NameAcquired", "s" },
	{ PROPERTIES, "PropertiesChanged", "sa{sv}as" },
	{ DBUS, "ActivatableServicesChanged", "" },
	{ 0 },
};

uint32_t driver_serial(struct bus *bus)
{
	if (++bus->serial == 0)
		bus->serial = 1;
	return bus->serial;
}

int driver_fail(struct driver_call *call, const char *error, const char *format, ...)
{
	va_list args;

	call->error_name = error;
	va_start(args, format);
	vsnprintf(call->error_text, sizeof(call->error_text), format, args);
	va_end(args);
	return DRIVER_FAILED;
}

/* What has always been answered at any path still is; the rest is at the one path. */
static bool is_at_path(const struct driver_method *method, struct text path)
{
	return text_is(path, DRIVER_PATH) || !strcmp(method->interface, DBUS) || method->everywhere;
}

static bool has_interface(const struct message *message)
{
	const struct driver_method *method;

	for (method = driver_methods; method->interface; method++)
		if (text_is(message->interface, method->interface) &&
		    is_at_path(method, message->path))
			return true;
	return false;
}

/* The method, or NULL after driver_fail. A call may leave out the interface. */
static const struct driver_method *find_method(struct driver_call *call)
{
	const struct message *message = call->message;
	const struct driver_method *method;

	for (method = driver_methods; method->interface; method++)
		if (text_is(message->member, method->member) && is_at_path(method, message->path) &&
		    (!message->interface.bytes || text_is(message->interface, method->interface)))
			break;
	if (!method->interface && message->interface.bytes && !has_interface(message)) {
		driver_fail(call, "UnknownInterface", "%s has no interface %.200s at %.100s",
			    DRIVER_NAME, message->interface.bytes, message->path.bytes);
		return NULL;
	}
	if (!method->interface) {
		driver_fail(call, "UnknownMethod", "%s does not understand message %.200s",
			    DRIVER_NAME, message->member.bytes);
		return NULL;
	}
	if (!text_is(message->signature, method->in) &&
	    !(message->signature.size == 0 && !*method->in)) {
		driver_fail(call, "InvalidArgs", "Call to %s has wrong args (%s, expected %s)",
			    method->member,
			    message->signature.bytes ? message->signature.bytes : "", method->in);
		return NULL;
	}
	return method;
}

static bool is_allowed(struct driver_call *call)
{
	const struct driver_method *method = call->method;

	if (!call->peer->is_registered && method->handle != driver_hello) {
		driver_fail(
			call, "AccessDenied",
			"Client tried to send a message other than Hello without being registered");
		return false;
	}
	if (method->handle == driver_update_activation_environment &&
	    !text_is(call->message->path, DRIVER_PATH)) {
		driver_fail(call, "AccessDenied",
			    "Method '%s' is only available at the canonical object path '%s'",
			    method->member, DRIVER_PATH);
		return false;
	}
	return true;
}

static int send_reply(struct driver_call *call)
{
	uint8_t *bytes;
	uint32_t size;
	int r = build_finish(&call->reply, &bytes, &size);

	if (r < 0)
		return r;
	if (!(call->message->flags & MESSAGE_NO_REPLY_EXPECTED))
		answer_send(call->bus, call->peer, bytes, size);
	if (call->method->after)
		call->method->after(call);
	return 0;
}

static int send_failure(struct driver_call *call)
{
	char name[64];

	snprintf(name, sizeof(name), "org.freedesktop.DBus.Error.%s", call->error_name);
	return answer_error(call->bus, call->peer, call->message, name, call->error_text);
}

static int run(struct driver_call *call)
{
	int r;

	call->method = find_method(call);
	if (!call->method || !is_allowed(call))
		return send_failure(call);
	build_header(&call->reply,
		     &(struct build_head){
			     .type = MESSAGE_METHOD_RETURN,
			     .flags = MESSAGE_NO_REPLY_EXPECTED,
			     .serial = driver_serial(call->bus),
			     .reply_serial = call->message->serial,
			     .destination = call->peer->name, /* of Hello too: its first gift */
			     .sender = DRIVER_NAME,
			     .signature = *call->method->out ? call->method->out : NULL,
		     });
	r = call->method->handle(call);
	if (r < 0 || r == DRIVER_LATER)
		return r < 0 ? r : 0;
	return r == DRIVER_FAILED ? send_failure(call) : send_reply(call);
}

int driver_receive(struct bus *bus, struct peer *peer, const struct message *message)
{
	struct driver_call call = { .bus = bus, .peer = peer, .message = message };
	int r;

	if (message->type == MESSAGE_SIGNAL)
		activation_take_signal(bus, peer, message);
	if (message->type != MESSAGE_METHOD_CALL)
		return 0;
	body_reader_init(&call.args, message);
	build_init(&call.reply);
	list_init(&call.rules);
	r = run(&call);
	rule_free_list(&call.rules);
	build_deinit(&call.reply);
	return r;
}

bool driver_is_privileged(const struct driver_call *call)
{
	return peer_is_privileged(call->peer);
}

struct peer *driver_take_peer(struct driver_call *call, bool *is_driver, struct text *name)
{
	struct peer *peer;

	*is_driver = false;
	if (!body_read_string(&call->args, name))
		*name = text_of("");
	if (text_is(*name, DRIVER_NAME)) {
		*is_driver = true;
		return NULL;
	}
	peer = bus_find_peer(call->bus, *name);
	if (!peer)
		driver_fail(call, "NameHasNoOwner",
			    "Could not get owner of name '%.255s': no such name", name->bytes);
	return peer;
}

static struct build *signal_begin(struct build *build, struct bus *bus, const char *member,
				  const char *signature, const struct peer *to)
{
	build_init(build);
	build_header(build, &(struct build_head){
				    .type = MESSAGE_SIGNAL,
				    .flags = MESSAGE_NO_REPLY_EXPECTED,
				    .serial = driver_serial(bus),
				    .path = DRIVER_PATH,
				    .interface = DBUS,
				    .member = member,
				    .destination = to ? to->name : NULL,
				    /* A broadcast is stamped on its way. */
				    .sender = to ? DRIVER_NAME : NULL,
				    .signature = signature,
			    });
	return build;
}

static int send_name_signal(struct bus *bus, struct peer *peer, const char *member,
			    const char *name)
{
	struct build build;
	uint8_t *bytes;
	uint32_t size;
	int r;

	if (!peer || peer->is_dropped)
		return 0;
	build_string(signal_begin(&build, bus, member, "s", peer), name);
	r = build_finish(&build, &bytes, &size);
	if (r == 0)
		answer_send(bus, peer, bytes, size);
	build_deinit(&build);
	return r;
}

static int broadcast_own(struct bus *bus, struct build *build)
{
	struct message message;
	uint8_t *bytes;
	uint32_t size;
	int r = build_finish(build, &bytes, &size);

	if (r == 0)
		r = message_parse(&message, bytes, size) == MESSAGE_VALID ? 0 : -EINVAL;
	if (r == 0)
		r = bus_broadcast(bus, NULL, &message, &(struct cargo){ 0 });
	build_deinit(build);
	return r;
}

static int broadcast_change(struct bus *bus, const char *name, const struct name_change *change)
{
	struct build build;

	signal_begin(&build, bus, "NameOwnerChanged", "sss", NULL);
	build_string(&build, name);
	build_string(&build, change->from ? change->from->name : "");
	build_string(&build, change->to ? change->to->name : "");
	return broadcast_own(bus, &build);
}

/* A peer that missed a change would believe what is not so, and only memory can be the reason: those
 * who subscribed to anything are cut off rather than deceived. */
static void drop_subscribers(struct bus *bus)
{
	struct peer *peer;

	list_for_each(peer, &bus->peers, bus_link)
		if (peer->matches_count)
			bus_drop(peer, "no memory to tell it of a change of names");
}

void activation_changed(struct bus *bus)
{
	struct build build;

	signal_begin(&build, bus, "ActivatableServicesChanged", NULL, NULL);
	if (broadcast_own(bus, &build) < 0)
		drop_subscribers(bus);
}

void driver_announce(struct bus *bus, const char *name, const struct name_change *change)
{
	if (send_name_signal(bus, change->from, "NameLost", name) < 0)
		bus_drop(change->from, "no memory to tell it that it lost a name");
	if (broadcast_change(bus, name, change) < 0)
		drop_subscribers(bus);
	if (send_name_signal(bus, change->to, "NameAcquired", name) < 0)
		bus_drop(change->to, "no memory to tell it that it owns a name");
	if (change->to)
		activation_appeared(bus, text_of(name), change->to);
}
