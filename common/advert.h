/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the bus is, as xenstore says (docs/protocol.md).
 *
 * Two nodes: one in which dom0 says in which domain it is, which is to be trusted because guests
 * cannot write there; and one in which the daemon in that domain says that it takes rings, with a
 * text that is another one each time it is started. Every call asks xenstored, and waits.
 */
#pragma once

#include <stdint.h>

#include "common/store.h"

#define ADVERT_DOMID_PATH "/tool/xcp-bus/domid"

enum { ADVERT_RUN_MAX = 32, ADVERT_PATH_MAX = 64 };

struct advert {
	uint32_t domid;
	char run[ADVERT_RUN_MAX + 1]; /* printable; empty: no daemon says that it takes rings */
};

/* The node of the daemon in a domain. */
void advert_run_path(char path[ADVERT_PATH_MAX], uint32_t domid);

/* -ENOENT: dom0 names no domain (or not to us); -EPROTO: what is there is no domid. */
int advert_read(struct store *store, struct advert *advert);

/* Only dom0 can write where it is said in which domain the bus is: from another one, -EACCES. */
int advert_name_domain(struct store *store, uint32_t domid);

/* If it names this domain. */
void advert_unname_domain(struct store *store, uint32_t domid);

/* By the daemon, in its own domain. */
int advert_publish(struct store *store, uint32_t own_domid, const char *run);

/* Only what is still our own is taken away: another daemon may have come meanwhile. */
void advert_withdraw(struct store *store, uint32_t own_domid, const char *run);
