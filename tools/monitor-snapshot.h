/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What org.xen.xcp.Bus1 says, as a whole. */
#pragma once

#include <bus1.h>

#include "tools/monitor-party.h"

/* The object of the bus that has the interface, and how long it is waited for. */
extern const struct xcpbus_target bus1_home;

/* Links of one moment, or nearly so: they come in pages. */
struct links {
	const struct bus1_link **items; /* in the order of their ids */
	unsigned count;
	struct bus1_list_of_link *pages;
	unsigned page_count;
};

int links_load(struct xcpbus *bus, struct links *links, struct xcpbus_error *error);
void links_deinit(struct links *links);
const struct bus1_link *links_find(const struct links *links, const char *unique_name);

/* With the first of its names, borrowed. */
struct party link_party(const struct bus1_link *link);

/* As fail_answer; says it if the bus has no such interface. */
int fail_bus1(const struct tool *tool, const struct xcpbus_error *error);
