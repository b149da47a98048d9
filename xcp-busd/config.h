/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the daemon is told: defaults, then the configuration file, then the command line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "core/bus.h"

struct policy;

enum {
	CONFIG_LISTEN_MAX = ADDRESS_LIST_MAX,
	CONFIG_WHY_MAX = 512,
	CONFIG_PATH_MAX = 256,
	CONFIG_DRAWN_SIZE = 10,
};

#define CONFIG_DEFAULT_DIRECTORY "/run/xcp-bus"
#define CONFIG_DEFAULT_ADDRESS "unix:path=" CONFIG_DEFAULT_DIRECTORY "/bus"
#define CONFIG_SESSION_FILE "/usr/share/dbus-1/session.conf"
#define CONFIG_SYSTEM_FILE "/usr/share/dbus-1/system.conf"

/* What the listener for rings allows one domain. */
struct vchan_limits {
	unsigned links_max; /* at a time */
	unsigned pages_max; /* of the domain's memory that are mapped for them */
	unsigned half_open_max; /* of these not yet authenticated */
	unsigned new_links_per_second; /* and as many at once after a pause */
};

/* Where .service files are. */
struct config_servicedir {
	char *path;
	bool is_transient; /* made if it is not there; a file's name must be the service's */
};

/* Where metrics are to be had. */
struct metrics_address {
	enum { METRICS_OFF, METRICS_UNIX, METRICS_TCP } kind;
	struct address socket; /* unix */
	char host[46]; /* tcp: as digits */
	bool is_ipv6;
	uint16_t port; /* 0: one that is free */
};

struct config {
	struct address listen[CONFIG_LISTEN_MAX];
	/* Of listen: the last CONFIG_DRAWN_SIZE bytes of its path are random. */
	bool is_drawn[CONFIG_LISTEN_MAX];
	unsigned listen_count;
	bool listens_to_guests;
	bool listens_to_systemd; /* on the sockets that it passes */

	struct metrics_address metrics;

	bool has_auth; /* mechanisms are named, and only these are meant */
	bool takes_external, takes_anonymous;
	bool allow_anonymous;

	bool fork, keep_umask, syslog;
	char pidfile[CONFIG_PATH_MAX]; /* empty: none */
	char type[64], user[64]; /* empty: not given */

	struct policy *policy; /* NULL: the file has none, see policy_new_default */
	bool has_user_policy; /* it is not about guests alone */
	struct bus_settings bus;
	struct vchan_limits vchan;
	uint32_t user_limits; /* 1 << quota_kind: given for users */
	uint64_t auth_timeout_us; /* for the SASL exchange */
	uint64_t message_timeout_us; /* half a message may be half for so long */
	unsigned incomplete_max; /* local connections that are not authenticated */

	/* Activation. */
	struct config_servicedir *servicedirs; /* the first that has a service wins */
	unsigned servicedir_count;

	/* For the log, once there is one: what was accepted and has no effect here. */
	char **notes;
	unsigned note_count;
};

void config_init(struct config *config);
void config_deinit(struct config *config);

/* Reads a busconfig file into *config. 0, or -1 and a sentence with file and line in why. */
int config_read(struct config *config, const char *path, char why[CONFIG_WHY_MAX]);

/* The same with the text in memory; path is what includes are relative to. */
int config_read_text(struct config *config, const char *path, const char *text, size_t size,
		     char why[CONFIG_WHY_MAX]);

/* Adds what an address list says to what is listened on: all that address_parse takes, and
 * unix:dir=, unix:tmpdir=, unix:runtime=yes and systemd:. The same result. */
int config_add_listen(struct config *config, const char *text, char why[CONFIG_WHY_MAX]);

/* Says where metrics are: unix:path=, unix:abstract=, or tcp:port=, with host= of this machine's
 * own network. The same result. */
int config_set_metrics(struct config *config, const char *text, char why[CONFIG_WHY_MAX]);
