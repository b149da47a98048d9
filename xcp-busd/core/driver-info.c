/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bus knows of its peers and of itself. */
#include <stdio.h>

#include "core/dict.h"
#include "core/driver.h"

int driver_get_id(struct driver_call *call)
{
	build_string(&call->reply, call->bus->settings.guid);
	return DRIVER_DONE;
}

int driver_ping(struct driver_call *call)
{
	(void)call;
	return DRIVER_DONE;
}

/* machine-id(5) calls it confidential. */
int driver_get_machine_id(struct driver_call *call)
{
	if (call->peer->identity->is_guest)
		return driver_fail(call, "AccessDenied", "The machine id of dom0 is for dom0");
	build_string(&call->reply, call->bus->settings.machine_id);
	return DRIVER_DONE;
}

/* Users and processes mean something to one kernel: whoever lives under another would take them for
 * its own. peer is NULL for the bus. */
static bool shares_kernel(const struct driver_call *call, const struct peer *peer)
{
	return !call->peer->identity->is_guest && !(peer && peer->identity->is_guest);
}

/* A guest learns of another no more than its number, unless it offers a service: then it has to
 * know whom it serves. */
static bool may_know_domain(const struct driver_call *call, const struct identity *identity)
{
	const struct peer *asker = call->peer;

	return !asker->identity->is_guest || asker->identity->domid == identity->domid ||
	       asker->owned_count;
}

/* Of the bus, if there is no peer. */
static uint32_t domid_of(const struct driver_call *call, const struct peer *peer)
{
	return peer ? peer->identity->domid : call->bus->settings.domid;
}

int driver_get_unix_user(struct driver_call *call)
{
	struct text name;
	bool is_driver;
	struct peer *peer = driver_take_peer(call, &is_driver, &name);

	if (!peer && !is_driver)
		return DRIVER_FAILED;
	if (!shares_kernel(call, peer))
		return driver_fail(call, "Failed",
				   "Could not determine UID for '%.255s': it lives in domain %u",
				   name.bytes, domid_of(call, peer));
	build_uint32(&call->reply, peer ? peer->identity->uid : call->bus->settings.uid);
	return DRIVER_DONE;
}

int driver_get_unix_process_id(struct driver_call *call)
{
	struct text name;
	bool is_driver;
	struct peer *peer = driver_take_peer(call, &is_driver, &name);

	if (!peer && !is_driver)
		return DRIVER_FAILED;
	if (!shares_kernel(call, peer))
		return driver_fail(call, "UnixProcessIdUnknown",
				   "Could not determine PID for '%.255s': it lives in domain %u",
				   name.bytes, domid_of(call, peer));
	build_uint32(&call->reply, peer ? peer->identity->pid : call->bus->settings.pid);
	return DRIVER_DONE;
}

/* Both belong to systems that no peer of this bus lives under: the answer is that nothing is
 * known. */
static int fail_unknown(struct driver_call *call, const char *error, const char *what)
{
	struct text name;
	bool is_driver;

	if (!driver_take_peer(call, &is_driver, &name) && !is_driver)
		return DRIVER_FAILED;
	return driver_fail(call, error, "Could not determine %s for '%.255s'", what, name.bytes);
}

int driver_get_audit_data(struct driver_call *call)
{
	return fail_unknown(call, "AdtAuditDataUnknown", "audit session data");
}

int driver_get_selinux_context(struct driver_call *call)
{
	return fail_unknown(call, "SELinuxSecurityContextUnknown", "security context");
}

static void put_groups(struct build *build, const struct identity *identity)
{
	uint32_t mark;
	unsigned i;

	if (!identity->gid_count)
		return;
	dict_entry(build, "UnixGroupIDs", "au");
	mark = build_array(build, 4);
	for (i = 0; i < identity->gid_count; i++)
		build_uint32(build, identity->gids[i]);
	build_array_end(build, mark);
}

static void put_domain(struct build *build, const struct identity *identity)
{
	char uuid[IDENTITY_UUID_TEXT];

	dict_string(build, "org.xen.xcp.DomainUUID", identity_format_uuid(uuid, identity->uuid));
	dict_string(build, "org.xen.xcp.DomainName", identity->domain_name);
	if (identity->has_target)
		dict_uint32(build, "org.xen.xcp.TargetDomainID", identity->target);
}

static void put_process(struct build *build, const struct bus *bus, const struct peer *peer)
{
	dict_uint32(build, "UnixUserID", peer ? peer->identity->uid : bus->settings.uid);
	dict_uint32(build, "ProcessID", peer ? peer->identity->pid : bus->settings.pid);
	if (peer)
		put_groups(build, peer->identity);
}

/* Keys of our own have our own prefix (specification, GetConnectionCredentials). */
int driver_get_credentials(struct driver_call *call)
{
	struct text name;
	bool is_driver;
	struct peer *peer = driver_take_peer(call, &is_driver, &name);
	struct build *reply = &call->reply;
	uint32_t mark;

	if (!peer && !is_driver)
		return DRIVER_FAILED;
	mark = dict_begin(reply);
	dict_uint32(reply, "org.xen.xcp.DomainID", domid_of(call, peer));
	if (shares_kernel(call, peer))
		put_process(reply, call->bus, peer);
	else if (peer && peer->identity->is_guest && may_know_domain(call, peer->identity))
		put_domain(reply, peer->identity);
	if (peer == call->peer) /* for libraries, which then need not try */
		dict_uint32(reply, "org.xen.xcp.MessageSizeMax",
			    bus_message_max(call->bus, peer->identity));
	dict_end(reply, mark);
	return DRIVER_DONE;
}

/* Anybody could keep the daemon reading files: dbus-daemon leaves that to the policy, and most
 * policies forget it. */
int driver_reload_config(struct driver_call *call)
{
	char why[512] = "this bus has no configuration";

	if (!driver_is_privileged(call))
		return driver_fail(call, "AccessDenied",
				   "Only root and the user who runs the bus may do that");
	if (!call->bus->ops->reload || call->bus->ops->reload(call->bus, why, sizeof(why)) < 0)
		return driver_fail(call, "Failed", "%s", why);
	return DRIVER_DONE;
}
