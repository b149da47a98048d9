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
#define DIAGNOSTICS "org.xen.xcp.Diagnostics1"
#define PEER "org.freedesktop.DBus.Peer"

/* Short, for the table. */
enum { ANSWERS = DRIVER_ANSWERS, EVERYWHERE = DRIVER_EVERYWHERE };

const struct driver_method driver_methods[] = {
	{ DBUS, "Hello", "", "s", driver_hello, driver_after_hello, 0 },
	{ DBUS, "RequestName", "su", "u", driver_request_name, NULL, 0 },
	{ DBUS, "ReleaseName", "s", "u", driver_release_name, NULL, 0 },
	{ DBUS, "StartServiceByName", "su", "u", driver_start_service_by_name, NULL, 0 },
	{ DBUS, "UpdateActivationEnvironment", "a{ss}", "", driver_update_activation_environment,
	  NULL, 0 },
	{ DBUS, "NameHasOwner", "s", "b", driver_name_has_owner, NULL, ANSWERS },
	{ DBUS, "ListNames", "", "as", driver_list_names, NULL, ANSWERS },
	{ DBUS, "ListActivatableNames", "", "as", driver_list_activatable_names, NULL, ANSWERS },
	{ DBUS, "AddMatch", "s", "", driver_add_match, NULL, 0 },
	{ DBUS, "RemoveMatch", "s", "", driver_remove_match, NULL, 0 },
	{ DBUS, "GetNameOwner", "s", "s", driver_get_name_owner, NULL, ANSWERS },
	{ DBUS, "ListQueuedOwners", "s", "as", driver_list_queued_owners, NULL, ANSWERS },
	{ DBUS, "GetConnectionUnixUser", "s", "u", driver_get_unix_user, NULL, ANSWERS },
	{ DBUS, "GetConnectionUnixProcessID", "s", "u", driver_get_unix_process_id, NULL, ANSWERS },
	{ DBUS, "GetAdtAuditSessionData", "s", "ay", driver_get_audit_data, NULL, ANSWERS },
	{ DBUS, "GetConnectionSELinuxSecurityContext", "s", "ay", driver_get_selinux_context, NULL,
	  ANSWERS },
	{ DBUS, "GetConnectionCredentials", "s", "a{sv}", driver_get_credentials, NULL, ANSWERS },
	{ DBUS, "GetId", "", "s", driver_get_id, NULL, ANSWERS },
	{ DBUS, "ReloadConfig", "", "", driver_reload_config, NULL, 0 },
	{ MONITORING, "BecomeMonitor", "asu", "", driver_become_monitor,
	  driver_after_become_monitor, 0 },
	{ STATS, "GetStats", "", "a{sv}", driver_get_stats, NULL, ANSWERS },
	{ STATS, "GetConnectionStats", "s", "a{sv}", driver_get_connection_stats, NULL, ANSWERS },
	{ STATS, "GetAllMatchRules", "", "a{sas}", driver_get_all_match_rules, NULL, ANSWERS },
	{ DRIVER_BUS1, "ListDomains", "", "aa{sv}", driver_list_domains, NULL, ANSWERS },
	{ DRIVER_BUS1, "ListUsers", "", "aa{sv}", driver_list_users, NULL, ANSWERS },
	{ DRIVER_BUS1, "ListLinks", "tu", "aa{sv}b", driver_list_links, NULL, ANSWERS },
	{ DRIVER_BUS1, "ListPendingCalls", "tu", "aa{sv}u", driver_list_pending_calls, NULL,
	  ANSWERS },
	{ DRIVER_BUS1, "GetCounters", "", "a{sv}", driver_get_counters, NULL, ANSWERS },
	{ DRIVER_HEALTH1, "Check", "s", "a{sv}", driver_check_health, NULL, ANSWERS },
	{ DRIVER_HEALTH1, "List", "", "aa{sv}", driver_list_health, NULL, ANSWERS },
	{ DIAGNOSTICS, "GetBuild", "", "a{sv}", driver_get_build, NULL, ANSWERS },
	{ DIAGNOSTICS, "ListInterfaces", "", "aa{sv}", driver_list_interfaces, NULL, ANSWERS },
	{ DIAGNOSTICS, "ListCalls", "", "aa{sv}", driver_list_calls, NULL, ANSWERS },
	{ PROPERTIES, "Get", "ss", "v", driver_get_property, NULL, ANSWERS },
	{ PROPERTIES, "GetAll", "s", "a{sv}", driver_get_all_properties, NULL, ANSWERS },
	{ PROPERTIES, "Set", "ssv", "", driver_set_property, NULL, 0 },
	{ INTROSPECTABLE, "Introspect", "", "s", driver_introspect, NULL, ANSWERS | EVERYWHERE },
	{ PEER, "Ping", "", "", driver_ping, NULL, ANSWERS | EVERYWHERE },
	{ PEER, "GetMachineId", "", "s", driver_get_machine_id, NULL, ANSWERS | EVERYWHERE },
	{ 0 },
};

const struct driver_signal driver_signals[] = {
	{ DBUS, "NameOwnerChanged", "sss" },
	{ DBUS, "NameLost", "s" },
	{ DBUS, "NameAcquired", "s" },
	{ DRIVER_BUS1, "MessagesLost", "t" },
	{ DRIVER_HEALTH1, "Changed", "a{sv}" },
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

struct build *driver_build(struct build *build, struct bus *bus, struct build_head head)
{
	head.flags |= MESSAGE_NO_REPLY_EXPECTED;
	head.serial = driver_serial(bus);
	if (head.destination)
		head.sender = DRIVER_NAME;
	build_init(build);
	build_header(build, &head);
	return build;
}

static int fail(struct driver_call *call, const char *error, const char *format, va_list args)
{
	call->error_name = error;
	vsnprintf(call->error_text, sizeof(call->error_text), format, args);
	return DRIVER_FAILED;
}

int driver_fail(struct driver_call *call, const char *error, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = fail(call, error, format, args);
	va_end(args);
	return r;
}

int driver_limit(struct driver_call *call, struct reason reason, const char *format, ...)
{
	va_list args;
	int r;

	call->reason = reason;
	va_start(args, format);
	r = fail(call, "LimitsExceeded", format, args);
	va_end(args);
	return r;
}

/* What has always been answered at any path still is; the rest is at the one path. */
static bool is_at_path(const struct driver_method *method, struct text path)
{
	return text_is(path, DRIVER_PATH) || !strcmp(method->interface, DBUS) ||
	       (method->flags & EVERYWHERE);
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

static void count_failure(struct driver_call *call)
{
	struct bus *bus = call->bus;

	if (call->reason.kind)
		bus_tell_limit(bus, call->peer, REFUSAL_OVER_QUOTA, call->error_text, call->reason);
	if (strcmp(call->error_name, "AccessDenied") != 0)
		return;
	bus_count_refusal(bus, call->peer->quota, REFUSAL_DENIED);
	if (bus->ops->report)
		bus->ops->report(call->peer, call->error_text);
}

static int send_failure(struct driver_call *call)
{
	char name[64];

	count_failure(call);
	snprintf(name, sizeof(name), "org.freedesktop.DBus.Error.%s", call->error_name);
	return answer_error(call->bus, call->peer, call->message, name, call->error_text);
}

/* Whoever asks and wants no answer would have us work for nothing, as often as it likes: what it is
 * answered is charged to it, and this would not be. */
static bool is_idle(const struct driver_call *call)
{
	return (call->method->flags & ANSWERS) &&
	       (call->message->flags & MESSAGE_NO_REPLY_EXPECTED);
}

static int run(struct driver_call *call)
{
	int r;

	call->method = find_method(call);
	if (!call->method || !is_allowed(call))
		return send_failure(call);
	if (is_idle(call))
		return 0;
	driver_build(&call->reply, call->bus,
		     (struct build_head){
			     .type = MESSAGE_METHOD_RETURN,
			     .reply_serial = call->message->serial,
			     .destination = call->peer->name, /* of Hello too: its first gift */
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
