/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the daemon is told: defaults, then the configuration file, then the command line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "core/bus.h"

enum { CONFIG_LISTEN_MAX = ADDRESS_LIST_MAX, CONFIG_WHY_MAX = 512 };

#define CONFIG_DEFAULT_ADDRESS "unix:path=/run/xcp-bus/bus"

/* What the listener for rings allows one domain. */
struct vchan_limits {
	unsigned links_max;	       /* at a time: set from the quota of connections */
	unsigned half_open_max;	       /* of these not yet authenticated */
	unsigned new_links_per_second; /* and as many at once after a pause */
};

struct config {
	struct address listen[CONFIG_LISTEN_MAX];
	unsigned listen_count;
	bool listens_to_guests;
	bool allow_anonymous;
	char pidfile[256]; /* empty: none */
	struct bus_settings bus;
	struct vchan_limits vchan;
	uint64_t auth_timeout_us;    /* for Hello's precondition: the SASL exchange */
	uint64_t message_timeout_us; /* half a message may be half for so long */
	unsigned incomplete_max;     /* local connections that are not authenticated */
};

void config_init(struct config *config);

/* Reads a busconfig file into *config. 0, or -1 and a sentence with file and line in why. */
int config_read(struct config *config, const char *path, char why[CONFIG_WHY_MAX]);

/* Adds what an address list says to what is listened on. The same result. */
int config_add_listen(struct config *config, const char *text, char why[CONFIG_WHY_MAX]);
