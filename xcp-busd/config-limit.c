/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <limit>: dbus-daemon's, and what it does not have: for all connections of a user or domain. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "config-private.h"

/* Where its value goes; scale turns the file's unit into ours. */
static const struct limit {
	const char *name;
	size_t offset;
	unsigned size; /* of the number: 4 or 8 */
	uint64_t scale, min, max;
} limits[] = {
#define LIMIT(name, field, scale, min, max)                                                        \
	{                                                                                          \
		name, offsetof(struct config, field), sizeof(((struct config *)0)->field), scale,  \
			min, max                                                                   \
	}
	/* of one message or connection */
	LIMIT("max_message_size", bus.local_message_max, 1, 1, INT_MAX),
	LIMIT("max_guest_message_size", bus.guest_message_max, 1, 1024, MESSAGE_SIZE_MAX),
	LIMIT("max_message_unix_fds", bus.message_fds_max, 1, 0, 1 << 20),
	LIMIT("max_outgoing_bytes", bus.local_queue_max, 1, 1, UINT64_C(1) << 40),
	LIMIT("max_guest_outgoing_bytes", bus.guest_queue_max, 1, 1, UINT64_C(1) << 40),
	LIMIT("max_outgoing_unix_fds", bus.peer_fds_max, 1, 0, UINT32_MAX),
	LIMIT("max_incoming_bytes", bus.unread_max, 1, 1, UINT64_C(1) << 40),
	LIMIT("max_incoming_unix_fds", bus.unread_fds_max, 1, 0, UINT32_MAX),
	LIMIT("max_names_per_connection", bus.peer_names_max, 1, 0, INT_MAX),
	LIMIT("max_match_rules_per_connection", bus.peer_matches_max, 1, 0, INT_MAX),
	LIMIT("max_replies_per_connection", bus.peer_replies_max, 1, 0, INT_MAX),
	/* of a user */
	LIMIT("max_connections_per_user", bus.user_peers_max, 1, 1, INT_MAX),
	LIMIT("max_names_per_user", bus.local.max[QUOTA_NAMES], 1, 0, 1 << 20),
	LIMIT("max_match_rules_per_user", bus.local.max[QUOTA_MATCHES], 1, 0, 1 << 20),
	LIMIT("max_replies_per_user", bus.local.max[QUOTA_REPLIES], 1, 0, 1 << 24),
	LIMIT("max_bytes_per_user", bus.local.max[QUOTA_BYTES], 1, 1, UINT64_C(1) << 40),
	LIMIT("max_fds_per_user", bus.local.max[QUOTA_FDS], 1, 0, 1 << 20),
	/* of a domain */
	LIMIT("max_connections_per_domain", bus.guest.max[QUOTA_PEERS], 1, 1, 1 << 20),
	LIMIT("max_names_per_domain", bus.guest.max[QUOTA_NAMES], 1, 0, 1 << 20),
	LIMIT("max_match_rules_per_domain", bus.guest.max[QUOTA_MATCHES], 1, 0, 1 << 20),
	LIMIT("max_replies_per_domain", bus.guest.max[QUOTA_REPLIES], 1, 0, 1 << 24),
	LIMIT("max_bytes_per_domain", bus.guest.max[QUOTA_BYTES], 1, 1, UINT64_C(1) << 40),
	LIMIT("max_new_links_per_second", vchan.new_links_per_second, 1, 1, 1 << 20),
	LIMIT("max_ring_pages_per_domain", vchan.pages_max, 1, 1, 1 << 24),
	LIMIT("max_incomplete_per_domain", vchan.half_open_max, 1, 1, 1 << 20),
	/* of all */
	LIMIT("max_completed_connections", bus.peers_max, 1, 1, INT_MAX),
	LIMIT("max_incomplete_connections", incomplete_max, 1, 1, INT_MAX),
	LIMIT("max_pending_service_starts", bus.pending_starts_max, 1, 0, INT_MAX),
	/* in milliseconds */
	LIMIT("auth_timeout", auth_timeout_us, 1000, 1, INT_MAX),
	LIMIT("message_timeout", message_timeout_us, 1000, 1, INT_MAX),
	LIMIT("pending_fd_timeout", bus.fd_timeout_us, 1000, 1, INT_MAX),
	LIMIT("reply_timeout", bus.reply_timeout_us, 1000, 1, INT_MAX),
	LIMIT("service_start_timeout", bus.start_timeout_us, 1000, 1, INT_MAX),
	LIMIT("stuck_timeout", bus.stuck_us, 1000, 1, INT_MAX),
	LIMIT("silent_timeout", bus.silent_us, 1000, 1, INT_MAX),
#undef LIMIT
};

enum { USER_SHARE = 64, PEERS_SLACK = 16 };

/* All connections of a user have to fit into what dbus-daemon gives to each: a file that speaks of
 * connections only, means connections. */
static void share_with_user(struct config *config, enum quota_kind kind, uint64_t peer_max)
{
	uint64_t share = peer_max > UINT64_MAX / USER_SHARE ? UINT64_MAX : peer_max * USER_SHARE;

	if (peer_max == UINT64_MAX || (config->user_limits & 1U << kind))
		return;
	if (config->bus.local.max[kind] < share)
		config->bus.local.max[kind] = share;
}

void config_settle_limits(struct config *config)
{
	struct bus_settings *bus = &config->bus;

	share_with_user(config, QUOTA_NAMES, bus->peer_names_max);
	share_with_user(config, QUOTA_MATCHES, bus->peer_matches_max);
	share_with_user(config, QUOTA_REPLIES, bus->peer_replies_max);
	/* Some more may come as far as being told that they are too many. */
	bus->local.max[QUOTA_PEERS] = bus->user_peers_max + PEERS_SLACK;
	if (bus->local_message_max > MESSAGE_SIZE_MAX)
		bus->local_message_max = MESSAGE_SIZE_MAX;
}

static void remember_user_limit(struct config *config, const struct limit *limit)
{
	size_t first = offsetof(struct config, bus.local.max);
	size_t kind = (limit->offset - first) / sizeof(config->bus.local.max[0]);

	if (limit->offset >= first && kind < QUOTA_KIND_COUNT)
		config->user_limits |= 1U << kind;
}

/* Of a feature that no release of dbus-daemon has turned on; all of them accept its limits. */
static bool is_of_containers(const char *name)
{
	static const char *const names[] = { "max_containers", "max_containers_per_user",
					     "max_container_metadata_bytes",
					     "max_connections_per_container" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

bool config_set_limit(struct config_reader *reader, const char *name, const char *text)
{
	unsigned long long value;
	const struct limit *limit;
	char *end, *field;
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		if (!strcmp(limits[i].name, name))
			break;
	if (i == sizeof(limits) / sizeof(*limits) && is_of_containers(name)) {
		config_note(reader->config, "the limit %s is ignored: this bus has no containers",
			    name);
		return true;
	}
	if (i == sizeof(limits) / sizeof(*limits)) {
		config_complain(reader, "there is no limit called %s", name);
		return false;
	}
	limit = &limits[i];
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || end == text || text[0] == '-' || value < limit->min ||
	    value > limit->max) {
		config_complain(reader, "not a value for the limit %s: %s", name, text);
		return false;
	}
	field = (char *)reader->config + limit->offset;
	if (limit->size == 4)
		*(uint32_t *)(void *)field = (uint32_t)(value * limit->scale);
	else
		*(uint64_t *)(void *)field = value * limit->scale;
	remember_user_limit(reader->config, limit);
	return true;
}
