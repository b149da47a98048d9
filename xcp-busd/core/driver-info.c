/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bus knows of its peers and of itself. */
#include <stdio.h>

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

int driver_get_machine_id(struct driver_call *call)
{
	build_string(&call->reply, call->bus->settings.machine_id);
	return DRIVER_DONE;
}

int driver_get_unix_user(struct driver_call *call)
{
	struct text name;
	bool is_driver;
	struct peer *peer = driver_take_peer(call, &is_driver, &name);

	if (is_driver) {
		build_uint32(&call->reply, call->bus->settings.uid);
		return DRIVER_DONE;
	}
	if (!peer)
		return DRIVER_FAILED;
	if (peer->identity->is_guest)
		return driver_fail(call, "Failed",
				   "Could not determine UID for '%s': it lives in domain %u",
				   name.bytes, peer->identity->domid);
	build_uint32(&call->reply, peer->identity->uid);
	return DRIVER_DONE;
}

int driver_get_unix_process_id(struct driver_call *call)
{
	struct text name;
	bool is_driver;
	struct peer *peer = driver_take_peer(call, &is_driver, &name);

	if (is_driver) {
		build_uint32(&call->reply, call->bus->settings.pid);
		return DRIVER_DONE;
	}
	if (!peer)
		return DRIVER_FAILED;
	if (peer->identity->is_guest)
		return driver_fail(call, "UnixProcessIdUnknown",
				   "Could not determine PID for '%s': it lives in domain %u",
				   name.bytes, peer->identity->domid);
	build_uint32(&call->reply, peer->identity->pid);
	return DRIVER_DONE;
}

/* Both belong to systems that no peer of this bus lives under: the answer is that nothing is known. */
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

static void put_uint32(struct build *build, const char *key, uint32_t value)
{
	build_struct(build);
	build_string(build, key);
	build_variant(build, "u");
	build_uint32(build, value);
}

static void put_string(struct build *build, const char *key, const char *value)
{
	build_struct(build);
	build_string(build, key);
	build_variant(build, "s");
	build_string(build, value);
}

static void put_groups(struct build *build, const struct identity *identity)
{
	uint32_t mark;
	unsigned i;

	if (!identity->gid_count)
		return;
	build_struct(build);
	build_string(build, "UnixGroupIDs");
	build_variant(build, "au");
	mark = build_array(build, 4);
	for (i = 0; i < identity->gid_count; i++)
		build_uint32(build, identity->gids[i]);
	build_array_end(build, mark);
}

static void put_domain(struct build *build, const struct identity *identity)
{
	const uint8_t *u = identity->uuid;
	char uuid[37];

	snprintf(uuid, sizeof(uuid),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
		 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
		 u[15]);
	put_string(build, "org.xen.xcp.DomainUUID", uuid);
	put_string(build, "org.xen.xcp.DomainName", identity->domain_name);
}

/* Keys of our own have our own prefix (specification, GetConnectionCredentials). A guest has no
 * UnixUserID and no ProcessID: those would be read as dom0's. */
int driver_get_credentials(struct driver_call *call)
{
	struct text name;
	bool is_driver;
	struct peer *peer = driver_take_peer(call, &is_driver, &name);
	struct build *reply = &call->reply;
	uint32_t mark;

	if (!peer && !is_driver)
		return DRIVER_FAILED;
	mark = build_array(reply, 8);
	put_uint32(reply, "org.xen.xcp.DomainID", peer ? peer->identity->domid : 0);
	if (peer && peer->identity->is_guest) {
		put_domain(reply, peer->identity);
	} else {
		put_uint32(reply, "UnixUserID",
			   peer ? peer->identity->uid : call->bus->settings.uid);
		put_uint32(reply, "ProcessID",
			   peer ? peer->identity->pid : call->bus->settings.pid);
		if (peer)
			put_groups(reply, peer->identity);
	}
	build_array_end(reply, mark);
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
