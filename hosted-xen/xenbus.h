/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest kernel's xenbus driver: the one xenstore ring of a domain, shared by its programs.
 *
 * Programs reach it through the socket HX_DIR/dom<N>/xenbus (XENSTORED_PATH), which behaves as
 * /dev/xen/xenbus does; the other side of the ring is the real xenstored, so identity,
 * permissions, quotas, watches and transactions are its own.
 */
#pragma once

#include "hosted-xen/hxd.h"

struct xenbus;

struct xenbus_usage {
	unsigned clients, watches, transactions, requests;
};

struct xenbus *xenbus_new(struct domain *domain); /* NULL with errno */
void xenbus_free(struct xenbus *xenbus);
void xenbus_pause(struct xenbus *xenbus, bool paused);
/* After a suspend: every watch is set anew, and fires. */
void xenbus_resume(struct xenbus *xenbus);
void xenbus_reap(struct hxd *hxd); /* frees the clients that left during this turn */
struct xenbus_usage xenbus_usage(const struct xenbus *xenbus);
