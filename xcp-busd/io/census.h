/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which domains there are, and who they are: the hypervisor says, if it talks to us. To a daemon in
 * a domain without that privilege, dom0 says it in xenstore, where guests cannot write: as long as
 * it lets us read (xcp-bus-domain(8)). Then a domain is domain 0 or one that has a uuid there, and
 * whether it is shut down is not known. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/store.h"

struct census {
	struct xc_interface_core *xc; /* NULL: xenstore is asked */
};

struct census_entry {
	uint32_t domid;
	uint8_t uuid[16];
	bool is_dying;
	bool is_down; /* shut down or suspended: nobody is home, the domain is still there */
};

/* Whether the hypervisor can be asked; if not, errno says why. A guest may open the interface as
 * well, and is told nothing. */
bool census_open(struct census *census);
void census_close(struct census *census);

/* The domains from this number on, in order. How many were written (if it is max there may be
 * more), or a negative errno: -EACCES if dom0 does not let us read; others mean that nothing is
 * known at the moment. */
int census_list(const struct census *census, struct store *store, uint32_t from,
		struct census_entry *entries, unsigned max);

/* 1: it is there; 0: it is not; a negative errno: nobody can say. */
int census_find(const struct census *census, struct store *store, uint32_t domid,
		struct census_entry *entry);
