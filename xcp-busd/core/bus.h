/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bus: what arrives from one peer becomes what is queued for others.
 *
 * The core has no I/O. bus_receive changes state and fills queues; a test feeds it messages and
 * reads the queues. Time is an argument.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/hash.h"
#include "common/list.h"
#include "core/activation.h"
#include "core/count.h"
#include "core/health.h"
#include "core/match.h"
#include "core/name.h"
#include "core/peer.h"
#include "core/reason.h"
#include "core/shortage.h"
#include "wire/message.h"

struct ring_fill {
	uint32_t size, used; /* bytes: that fit into it, and that its reader has not taken yet */
};

/* What only the outside knows of a peer's link. */
struct link_view {
	bool is_ring;
	struct ring_fill to_bus, from_bus; /* of a ring */
	bool is_silent; /* it is open, and nobody at its other end reacts */
};

/* The only things the core ever asks of the outside. */
struct bus_ops {
	/* Its queue is no longer empty, or its input may be read again. */
	void (*wake)(struct peer *peer);
	/* End it after this round, not now. why is a constant. Called once for a peer. */
	void (*drop)(struct peer *peer, const char *why, const struct reason *reason);
	/* Something of the peer's was denied, or is to be logged by a rule of the policy: one line
	 * for the administrator. May be NULL. */
	void (*report)(const struct peer *peer, const char *text);
	/* Somebody wants to know how its link is. May be NULL. */
	void (*look)(const struct peer *peer, struct link_view *view);
	/* Somebody wants to know how the bus is: calls health_set if there is something new. May
	 * be NULL. */
	void (*look_at_health)(struct bus *bus);
	/* A limit kept something of the peer's from being done: what it, or who called it, was
	 * told. May be NULL. */
	void (*limited)(const struct peer *peer, const char *text, const struct reason *reason);
	/* Reads the configuration anew. 0, or -1 and a sentence. May be NULL. */
	int (*reload)(struct bus *bus, char *why, size_t why_size);
	/* Start what will own a name: a process today, a domain one day. Only the outside can; the
	 * core knows when, for whom, and what to tell those who wait. handle is activatable_add's.
	 * Whatever goes wrong is reported by activation_failed, from within if need be. Returns the
	 * process id, or 0 if there is none to tell. May be NULL if nothing was ever added, and so
	 * the next one. */
	int (*start)(struct bus *bus, const char *name, void *handle, const struct peer *by);
	/* Its time is up, or somebody else knows that it failed: end it, if it is still there. The
	 * core tells those who wait, so activation_failed is not to be called from within. */
	void (*give_up)(struct bus *bus, const char *name);
	/* It did not come. by is whose peer had it started. May be NULL. */
	void (*start_failed)(struct bus *bus, const char *name, struct quota *by, const char *why);
};

struct bus_settings {
	char guid[33], machine_id[33]; /* 32 hex digits each */
	uint32_t uid, pid, domid; /* the daemon's own */
	struct hash_key hash_key; /* drawn at random */
	struct quota_limits local, guest; /* for a user of dom0, for a domain */
	uint32_t local_message_max, guest_message_max;
	uint64_t local_queue_max, guest_queue_max; /* bytes queued for one peer */
	uint64_t unread_max; /* a sender with more unread bytes than this waits */
	uint64_t unread_fds_max; /* or with more unread descriptors */
	uint64_t stuck_us; /* a receiver that has not read for so long is not waited for */
	uint64_t silent_us; /* how often the peer of a ring has to react */
	uint64_t fd_timeout_us; /* descriptors do not wait for longer, in either direction */
	uint64_t reply_timeout_us;
	uint64_t start_timeout_us; /* for a name that is started to get an owner */
	uint64_t peers_max, user_peers_max; /* that have said Hello: in all, of one user of dom0 */
	uint64_t peer_names_max, peer_matches_max, peer_replies_max; /* for one connection */
	uint64_t peer_fds_max; /* descriptors queued for one connection */
	uint32_t message_fds_max;
	uint32_t pending_starts_max; /* messages and calls that wait for a name to be started */
	bool systemd_activation; /* services with a unit are started by systemd */
};

/* The defaults, all but what is the daemon's own. docs/limits.md explains them. */
void bus_settings_init(struct bus_settings *settings);

struct bus {
	const struct bus_ops *ops;
	struct bus_settings settings;
	struct peer *by_id;
	struct list peers, busy; /* peer::bus_link, ::busy_link */
	struct list quotas; /* quota::quotas_link: users by uid, then domains by domid */
	struct quota_meter meter; /* of all these */
	struct count count;
	struct health_book health;
	struct list monitors; /* peer::monitor_link */
	struct list eavesdroppers; /* peer::eavesdrop_link */
	uint64_t ready_count; /* peers that have said Hello */
	uint64_t next_id, broadcast_count;
	uint32_t serial; /* of the driver's last message */
	struct name_registry names;
	struct match_index matches;
	struct reply_book replies;
	struct policy *policy;
	struct activation_table activations;
	struct blob_pool pool;
	struct shortage shortage;
	uint8_t *scratch; /* for message_stamp */
	uint32_t scratch_size;
	struct message_stamp driver_stamp;
	uint64_t driver_hash;
	uint64_t begun_us; /* when it was made */
	int64_t wall_offset_us; /* from our times to those since 1970, when it was looked at last */
	int64_t begun_wall_us;
	uint64_t now_us; /* of this round */
};

int bus_init(struct bus *bus, const struct bus_ops *ops, const struct bus_settings *settings);
void bus_deinit(struct bus *bus); /* all peers are gone */

/* From now on these limits and times hold; what is over them already stays. The rest of the
 * settings is left as it was. */
void bus_set_limits(struct bus *bus, const struct bus_settings *settings);

/* How many bytes a message of such a peer may have. */
uint32_t bus_message_max(const struct bus *bus, const struct identity *identity);

/* What a user or a domain uses; the limits are those of the settings. NULL without memory. The
 * caller has the first reference. */
struct quota *bus_quota_new(struct bus *bus, const struct quota_owner *owner);

/* Something was not done for a peer of the owner's. */
void bus_count_refusal(struct bus *bus, struct quota *quota, enum refusal_kind kind);

/* The same, of a limit; the outside is told, as by bus_ops::limited. */
void bus_tell_limit(struct bus *bus, const struct peer *peer, enum refusal_kind kind,
		    const char *text, struct reason reason);

/* One checked message from a peer. If cargo has a body, message->bytes are its bytes; if the
 * message says that descriptors come with it, cargo has them. A failure (-ENOMEM) costs the peer
 * its connection. */
int bus_receive(struct bus *bus, struct peer *peer, struct message *message,
		const struct cargo *cargo, uint64_t now_us);

/* Lets time pass: overdue replies and starts, receivers that are stuck. */
void bus_tick(struct bus *bus, uint64_t now_us);

/* When bus_tick wants to be called next, or UINT64_MAX. */
uint64_t bus_next_tick(const struct bus *bus);

/* ---- for the rest of the core ---- */

struct peer *bus_find_peer(const struct bus *bus, struct text name); /* unique or well-known */
/* A call or signal for one peer. A failure (-ENOMEM) costs the sender its connection. */
int bus_route_unicast(struct bus *bus, struct peer *from, struct peer *to, struct message *message,
		      const struct cargo *cargo);
/* A signal to whoever subscribed to it; from is NULL for the bus itself. */
int bus_broadcast(struct bus *bus, struct peer *from, struct message *message,
		  const struct cargo *cargo);
/* Marks the peer and tells the outside, once; why is a constant. */
void bus_drop(struct peer *peer, const char *why, struct reason reason);
