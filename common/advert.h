/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the bus is, as xenstore says (docs/protocol.md).
 *
 * Three nodes. In two dom0 says which domain it is in, where guests cannot write: one names it, the
 * other marks it, and goes with the domain, so that who only gets its number is not taken for it.
 * In the third the daemon in that domain says that it takes rings, with a text that is another one
 * each time it is started. Every call asks xenstored, and waits.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/store.h"

#define ADVERT_DOMID_PATH "/tool/xcp-bus/domid"

enum { ADVERT_RUN_MAX = 32, ADVERT_PATH_MAX = 64 };

struct advert {
	uint32_t domid; /* that is named */
	bool is_marked; /* it is still the domain that was meant */
	char run[ADVERT_RUN_MAX + 1]; /* printable; empty: no daemon says that it takes rings */
};

/* Of a domain: the node that marks it, and the one of the daemon there. */
void advert_mark_path(char path[ADVERT_PATH_MAX], uint32_t domid);
void advert_run_path(char path[ADVERT_PATH_MAX], uint32_t domid);

/* -ENOENT: dom0 names no domain (or not to us); -EPROTO: what is there is no domid. */
int advert_read(struct store *store, struct advert *advert);

/* Also marks it; -ENOENT if it is gone. Only dom0 can write there: from another domain, -EACCES. */
int advert_name_domain(struct store *store, uint32_t domid);

/* If it is this domain that is named or marked. */
void advert_unname_domain(struct store *store, uint32_t domid);

/* By the daemon, in its own domain. */
int advert_publish(struct store *store, uint32_t own_domid, const char *run);

/* Only what is still our own is taken away: another daemon may have come meanwhile. */
void advert_withdraw(struct store *store, uint32_t own_domid, const char *run);
