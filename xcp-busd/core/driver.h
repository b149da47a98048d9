/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.freedesktop.DBus: the bus as a service on itself (D-Bus specification, section "Message
 * Bus Messages"). The tables are here, the methods in driver-*.c by topic. */
#pragma once

#include "core/bus.h"
#include "wire/body.h"
#include "wire/build.h"

#define DRIVER_NAME "org.freedesktop.DBus"
#define DRIVER_BUS1 "org.xen.xcp.Bus1"
#define DRIVER_HEALTH1 "org.xen.xcp.Health1"
#define DRIVER_PATH "/org/freedesktop/DBus"

/* One call under way: a method reads its arguments from args and appends its results to reply,
 * whose header is already there. */
struct driver_call {
	struct bus *bus;
	struct peer *peer;
	const struct message *message;
	const struct driver_method *method;
	struct body_reader args;
	struct build reply;
	const char *error_name; /* set by driver_fail */
	char error_text[512];
	struct reason reason; /* set by driver_limit: what is behind it */
	struct list rules; /* of BecomeMonitor, until it has its reply; freed with the call */
};

struct driver_method {
	const char *interface, *member, *in, *out;
	int (*handle)(
		struct driver_call *call); /* DRIVER_DONE, DRIVER_FAILED, or a negative errno */
	/* Done when the reply is queued; NULL: nothing. */
	void (*after)(struct driver_call *call);
	unsigned flags;
};

enum { /* bits of driver_method::flags */
       DRIVER_ANSWERS = 0x1, /* and does nothing else */
       DRIVER_EVERYWHERE = 0x2, /* introspection lists it at every path, not only at DRIVER_PATH */
};

struct driver_signal {
	const char *interface, *member, *in;
};

enum { DRIVER_DONE, DRIVER_FAILED, DRIVER_LATER /* the reply comes when it comes */ };

extern const struct driver_method driver_methods[]; /* ends with a NULL interface */
extern const struct driver_signal driver_signals[];

int driver_receive(struct bus *bus, struct peer *peer, const struct message *message);

/* NameOwnerChanged to whom it may concern, NameLost and NameAcquired to the two. */
void driver_announce(struct bus *bus, const char *name, const struct name_change *change);

/* The names that can be started have changed, or may have: ActivatableServicesChanged. */
void driver_announce_activatable(struct bus *bus);

void driver_announce_health(struct bus *bus, enum health_part part);

uint32_t driver_serial(struct bus *bus);
/* Begins one of the bus's own messages; head says what it has that others have not. A signal
 * without a destination gets its sender on its way. Returns build. */
struct build *driver_build(struct build *build, struct bus *bus, struct build_head head);

/* A signal that is complete, to whoever wants it. Deinits build, in any case. 0 or a negative
 * errno. */
int driver_broadcast(struct bus *bus, struct build *build);

/* What Introspect answers at a path, to be freed; NULL without memory. */
char *driver_introspection(struct text path);

/* Sets the error that the caller will get; returns DRIVER_FAILED. error is the part after
 * "org.freedesktop.DBus.Error.". */
int driver_fail(struct driver_call *call, const char *error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for LimitsExceeded. */
int driver_limit(struct driver_call *call, struct reason reason, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The peer that the next argument, a bus name, stands for; NULL after driver_fail. *is_driver is
 * set if it is the bus itself. */
struct peer *driver_take_peer(struct driver_call *call, bool *is_driver, struct text *name);

/* Whether the caller is root in dom0, or the user who runs the bus. */
bool driver_is_privileged(const struct driver_call *call);

/* DRIVER_DONE, or after driver_fail. */
int driver_only_dom0(struct driver_call *call);

/* The most that a reply may take: what a peer could send, and half of what may wait for the caller,
 * whom more would cost its connection. */
uint32_t driver_reply_max(const struct driver_call *call);

/* by topic */
int driver_hello(struct driver_call *call);
void driver_after_hello(struct driver_call *call);
int driver_request_name(struct driver_call *call);
int driver_release_name(struct driver_call *call);
int driver_list_names(struct driver_call *call);
int driver_list_activatable_names(struct driver_call *call);
int driver_list_queued_owners(struct driver_call *call);
int driver_get_name_owner(struct driver_call *call);
int driver_name_has_owner(struct driver_call *call);
int driver_start_service_by_name(struct driver_call *call);
int driver_update_activation_environment(struct driver_call *call);
int driver_add_match(struct driver_call *call);
int driver_remove_match(struct driver_call *call);
int driver_get_id(struct driver_call *call);
int driver_reload_config(struct driver_call *call);
int driver_get_unix_user(struct driver_call *call);
int driver_get_unix_process_id(struct driver_call *call);
int driver_get_audit_data(struct driver_call *call);
int driver_get_selinux_context(struct driver_call *call);
int driver_get_credentials(struct driver_call *call);
int driver_become_monitor(struct driver_call *call);
void driver_after_become_monitor(struct driver_call *call);
int driver_get_stats(struct driver_call *call);
int driver_get_connection_stats(struct driver_call *call);
int driver_get_all_match_rules(struct driver_call *call);
int driver_list_domains(struct driver_call *call);
int driver_list_users(struct driver_call *call);
int driver_list_links(struct driver_call *call);
int driver_list_pending_calls(struct driver_call *call);
int driver_get_counters(struct driver_call *call);
int driver_check_health(struct driver_call *call);
int driver_list_health(struct driver_call *call);
int driver_get_build(struct driver_call *call);
int driver_list_interfaces(struct driver_call *call);
int driver_list_calls(struct driver_call *call);
int driver_ping(struct driver_call *call);
int driver_get_machine_id(struct driver_call *call);
int driver_introspect(struct driver_call *call);
int driver_get_property(struct driver_call *call);
int driver_get_all_properties(struct driver_call *call);
int driver_set_property(struct driver_call *call);
