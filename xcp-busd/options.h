/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line, which is dbus-daemon's: a value stands behind = or is the next argument. */
#pragma once

#include <stdbool.h>

#include "config.h"

enum options_choice { OPTIONS_AS_CONFIGURED, OPTIONS_YES, OPTIONS_NO };

struct options {
	const char *config_file; /* NULL: none */
	const char *addresses[CONFIG_LISTEN_MAX];
	unsigned address_count;
	const char *metrics; /* where; NULL: as configured */
	int address_fd, pid_fd; /* to print to; -1: not asked for */
	enum options_choice fork, syslog;
	bool only_syslog, no_pidfile, systemd_activation, is_verbose;
};

/* Ends the program if the command line is bad, or asks for nothing but to be told something. */
void options_parse(struct options *options, int argc, char **argv);

/* Reads the configuration that the command line asks for, where it has the last word. 0, or -1 and
 * a sentence. */
int options_read_config(const struct options *options, struct config *config,
			char why[CONFIG_WHY_MAX]);
