/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is limited, unless the configuration says otherwise; and what becomes of that while the bus
 * runs. */
#include "core/bus.h"

#include <string.h>

enum { MIB = 1024 * 1024 };

void bus_settings_init(struct bus_settings *settings)
{
	*settings = (struct bus_settings){
		.local = { .max = { [QUOTA_PEERS] = 2048 + 16, /* some may come to be told */
				    [QUOTA_NAMES] = 8192,
				    [QUOTA_MATCHES] = 65536,
				    [QUOTA_REPLIES] = 65536,
				    [QUOTA_BYTES] = 512 * (uint64_t)MIB,
				    [QUOTA_FDS] = 1024 } },
		.guest = { .max = { [QUOTA_PEERS] = 128,
				    [QUOTA_NAMES] = 64,
				    [QUOTA_MATCHES] = 1024,
				    [QUOTA_REPLIES] = 4096,
				    [QUOTA_BYTES] = 16 * MIB } },
		.local_message_max = 32 * MIB,
		.guest_message_max = 1 * MIB,
		.local_queue_max = 128 * MIB,
		.guest_queue_max = 4 * MIB,
		.unread_max = 1 * MIB,
		.unread_fds_max = 4 * FDS_MAX,
		.stuck_us = 1000000,
		.silent_us = 10 * 1000000,
		.fd_timeout_us = 150 * UINT64_C(1000000),
		.peers_max = UINT64_MAX,
		.user_peers_max = 2048,
		.peer_names_max = UINT64_MAX,
		.peer_matches_max = UINT64_MAX,
		.peer_replies_max = UINT64_MAX,
		.peer_fds_max = UINT64_MAX,
		.message_fds_max = FDS_MAX,
		.reply_timeout_us = 1800 * UINT64_C(1000000), /* more than any in idl/ */
		.start_timeout_us = 25 * 1000000,
		.pending_starts_max = 512,
	};
}

void bus_set_limits(struct bus *bus, const struct bus_settings *settings)
{
	struct bus_settings *own = &bus->settings;
	struct bus_settings old = *own;
	struct peer *peer;

	*own = *settings;
	/* Who we are does not change while we live. */
	memcpy(own->guid, old.guid, sizeof(own->guid));
	memcpy(own->machine_id, old.machine_id, sizeof(own->machine_id));
	own->uid = old.uid;
	own->pid = old.pid;
	own->hash_key = old.hash_key;
	own->systemd_activation = old.systemd_activation;
	/* As with dbus-daemon, the unique name counts. */
	bus->names.peer_max = own->peer_names_max ? own->peer_names_max - 1 : 0;
	bus->replies.party_max = own->peer_replies_max;
	reply_book_set_timeout(&bus->replies, own->reply_timeout_us, bus->now_us);
	activation_limit_deadlines(&bus->activations, bus->now_us + own->start_timeout_us);
	list_for_each(peer, &bus->peers, bus_link)
		peer->outbox_max =
			peer->identity->is_guest ? own->guest_queue_max : own->local_queue_max;
}
