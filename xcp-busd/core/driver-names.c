/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is called what. */
#include <errno.h>

#include "core/driver.h"
#include "core/policy.h"
#include "wire/syntax.h"

/* With the unique names. */
static void count_names(struct bus *bus, struct peer *peer)
{
	struct count *count = &bus->count;

	peak_raise(&count->names_peak, HASH_COUNT(bus->names.names) + bus->ready_count);
	peak_raise(&peer->names_peak, peer->owned_count + 1);
	peak_raise(&count->peer_names_peak, peer->owned_count + 1);
}

int driver_hello(struct driver_call *call)
{
	const struct identity *identity = call->peer->identity;
	const struct bus *bus = call->bus;

	if (call->peer->is_registered)
		return driver_fail(call, "Failed", "Already handled an Hello message");
	if (bus->ready_count >= bus->settings.peers_max)
		return driver_limit(
			call, reason_limit(REASON_PEERS, bus->ready_count, bus->settings.peers_max),
			"The maximum number of active connections has been reached");
	if (!identity->is_guest && call->peer->quota->ready >= bus->settings.user_peers_max)
		return driver_limit(
			call,
			reason_limit(REASON_QUOTA_PEERS, call->peer->quota->ready,
				     bus->settings.user_peers_max),
			"The maximum number of active connections for UID %u has been reached",
			identity->uid);
	build_string(&call->reply, call->peer->name);
	return DRIVER_DONE;
}

void driver_after_hello(struct driver_call *call)
{
	call->peer->is_registered = true;
	call->peer->quota->ready++;
	call->bus->ready_count++;
	count_names(call->bus, call->peer);
	driver_announce(call->bus, call->peer->name,
			&(struct name_change){ true, NULL, call->peer });
}

/* The name to own or give up, checked; NULL bytes after driver_fail. */
static struct text take_own_name(struct driver_call *call, const char *verb)
{
	static const struct text none;
	struct text name;

	if (!body_read_string(&call->args, &name))
		return none;
	if (!syntax_is_bus_name(name.bytes, name.size)) {
		driver_fail(call, "InvalidArgs", "Requested bus name \"%.300s\" is not valid",
			    name.bytes);
		return none;
	}
	if (name.bytes[0] == ':') {
		driver_fail(call, "InvalidArgs",
			    "Cannot %s a service starting with ':' such as \"%s\"", verb,
			    name.bytes);
		return none;
	}
	if (text_is(name, DRIVER_NAME)) {
		driver_fail(call, "InvalidArgs",
			    "Cannot %s a service named %s, because that is reserved", verb,
			    name.bytes);
		return none;
	}
	return name;
}

static int refuse_name(struct driver_call *call, struct text name)
{
	const struct identity *identity = call->peer->identity;

	if (!identity->is_guest || policy_is_granted(identity, name))
		return driver_fail(call, "AccessDenied",
				   "Connection \"%s\" is not allowed to own the service \"%s\" due "
				   "to security policies in the configuration file",
				   call->peer->name, name.bytes);
	return driver_fail(call, "AccessDenied",
			   "Domain %u (%s) may not own %s: the toolstack has not granted it in "
			   "/local/domain/%u/xcp-bus/own",
			   identity->domid, identity->domain_name, name.bytes, identity->domid);
}

/* Each change of hands is told to whoever listens for it, other guests too, and nobody waits for
 * those: a guest that made names come and go at the speed of its ring would have them cut off. */
static bool may_request(const struct driver_call *call)
{
	enum { AT_ONCE = 256, EVERY_US = 1000000 / 128 };
	struct quota *quota = call->peer->quota;
	uint64_t now_us = call->bus->now_us;

	if (!call->peer->identity->is_guest)
		return true;
	if (quota->names_us < now_us)
		quota->names_us = now_us;
	if (quota->names_us - now_us > (uint64_t)AT_ONCE * EVERY_US)
		return false;
	quota->names_us += EVERY_US;
	return true;
}

static int refuse_one_more(struct driver_call *call, int why)
{
	const struct peer *peer = call->peer;
	uint64_t max = call->bus->settings.peer_names_max;

	if (why == NAME_OVER_LIMIT)
		return driver_limit(
			call, reason_limit(REASON_PEER_NAMES, peer->owned_count + 1, max),
			"Connection \"%s\" is not allowed to own more services (increase "
			"limits in configuration file if required; "
			"max_names_per_connection=%llu)",
			peer->name, (unsigned long long)max);
	return driver_limit(call, reason_quota(peer->quota, QUOTA_NAMES),
			    "The maximum number of names is reached (limit: %llu, for all "
			    "connections of the owner)",
			    (unsigned long long)peer->quota->limits->max[QUOTA_NAMES]);
}

int driver_request_name(struct driver_call *call)
{
	struct text name = take_own_name(call, "acquire");
	struct name_change change;
	uint32_t flags;
	int r;

	if (!name.bytes)
		return DRIVER_FAILED;
	body_read_uint32(&call->args, &flags);
	if (!policy_may_own(call->peer->profile, call->peer->identity, name))
		return refuse_name(call, name);
	if (call->bus->shortage.is_on)
		return driver_fail(call, "NoMemory", "The bus has no memory for more names");
	if (!may_request(call))
		return driver_limit(call, reason_of(REASON_NAME_RATE),
				    "Domain %u requests names too often: 128 in a second, 256 at "
				    "once",
				    call->peer->identity->domid);
	r = name_request(&call->bus->names, call->peer, name, flags, &change);
	if (r < 0)
		return r;
	if (r == NAME_OVER_LIMIT || r == NAME_OVER_QUOTA)
		return refuse_one_more(call, r);
	count_names(call->bus, call->peer);
	if (change.happened)
		driver_announce(call->bus, name.bytes, &change);
	build_uint32(&call->reply, (uint32_t)r);
	return DRIVER_DONE;
}

int driver_release_name(struct driver_call *call)
{
	struct text name = take_own_name(call, "release");
	struct name_change change;
	int r;

	if (!name.bytes)
		return DRIVER_FAILED;
	r = name_release(&call->bus->names, call->peer, name, &change);
	if (change.happened)
		driver_announce(call->bus, name.bytes, &change);
	build_uint32(&call->reply, (uint32_t)r);
	return DRIVER_DONE;
}

int driver_list_names(struct driver_call *call)
{
	uint32_t mark = build_array(&call->reply, 4);
	struct name *name, *next;
	struct peer *peer;

	build_string(&call->reply, DRIVER_NAME);
	HASH_ITER(hh, call->bus->names.names, name, next)
	build_string(&call->reply, name->text);
	list_for_each(peer, &call->bus->peers, bus_link)
		if (peer->is_registered)
			build_string(&call->reply, peer->name);
	build_array_end(&call->reply, mark);
	return DRIVER_DONE;
}

int driver_list_queued_owners(struct driver_call *call)
{
	struct name_claim *claim;
	struct peer *peer;
	struct text text;
	struct name *name;
	bool is_driver;
	uint32_t mark;

	peer = driver_take_peer(call, &is_driver, &text);
	if (!peer && !is_driver)
		return driver_fail(call, "NameHasNoOwner",
				   "Could not get owners of name '%.255s': no such name",
				   text.bytes);
	mark = build_array(&call->reply, 4);
	name = text.bytes[0] == ':' ? NULL : name_find(&call->bus->names, text);
	if (name)
		list_for_each(claim, &name->claims, name_link)
			build_string(&call->reply, claim->peer->name);
	else
		build_text(&call->reply, text);
	build_array_end(&call->reply, mark);
	return DRIVER_DONE;
}

int driver_get_name_owner(struct driver_call *call)
{
	struct text name;
	bool is_driver;
	struct peer *peer = driver_take_peer(call, &is_driver, &name);

	if (!peer && !is_driver)
		return DRIVER_FAILED;
	build_string(&call->reply, is_driver ? DRIVER_NAME : peer->name);
	return DRIVER_DONE;
}

int driver_name_has_owner(struct driver_call *call)
{
	struct text name;
	bool is_driver;
	struct peer *peer = driver_take_peer(call, &is_driver, &name);

	build_bool(&call->reply, peer || is_driver);
	return DRIVER_DONE;
}
