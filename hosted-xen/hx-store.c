/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a toolstack writes to xenstore, in libxl's places and with libxl's permissions: the
 * domain's directory belongs to dom0 and the domain may read it; data, and a few others, belong
 * to the domain.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

#include "hosted-xen/hx.h"

enum { TRIES_MAX = 100, DEPTH_MAX = 32 };

struct xs_handle *store_open(const struct hx *hx)
{
	char path[HX_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/dom0/socket", hx->dir);
	setenv("XENSTORED_PATH", path, 1);
	return xs_open(0);
}

struct writing {
	struct xs_handle *store;
	xs_transaction_t transaction;
	uint32_t domid;
	bool failed;
};

static void put(struct writing *writing, const char *path, const char *value, bool for_guest)
{
	struct xs_permissions permissions[2] = {
		{ for_guest ? writing->domid : 0, XS_PERM_NONE },
		{ writing->domid, XS_PERM_READ },
	};

	if (writing->failed)
		return;
	if (!xs_write(writing->store, writing->transaction, path, value, (unsigned)strlen(value)) ||
	    !xs_set_permissions(writing->store, writing->transaction, path, permissions,
				for_guest ? 1 : 2))
		writing->failed = true;
}

static void put_domain(struct writing *writing, const struct store_domain *domain)
{
	static const char *const for_guest[] = { "data",           "drivers", "feature",
						 "attr",           "error",   "control/shutdown",
						 "device/suspend", NULL };
	static const char *const for_dom0[] = { "control", "device", "memory", NULL };
	char home[40], path[600], text[60];

	snprintf(home, sizeof(home), "/local/domain/%u", domain->domid);
	put(writing, home, "", false);
	snprintf(path, sizeof(path), "%s/domid", home);
	snprintf(text, sizeof(text), "%u", domain->domid);
	put(writing, path, text, false);
	snprintf(path, sizeof(path), "%s/name", home);
	put(writing, path, domain->name, false);
	/* xen-init-dom0 writes no more for domain 0. */
	if (!domain->domid)
		return;
	snprintf(path, sizeof(path), "%s/vm", home);
	snprintf(text, sizeof(text), "/vm/%s", domain->uuid);
	put(writing, path, text, false);
	put(writing, text, "", false);
	snprintf(path, sizeof(path), "%s/uuid", text);
	put(writing, path, domain->uuid, false);
	snprintf(path, sizeof(path), "%s/name", text);
	put(writing, path, domain->name, false);
	for (int i = 0; for_dom0[i]; i++) {
		snprintf(path, sizeof(path), "%s/%s", home, for_dom0[i]);
		put(writing, path, "", false);
	}
	for (int i = 0; for_guest[i]; i++) {
		snprintf(path, sizeof(path), "%s/%s", home, for_guest[i]);
		put(writing, path, "", true);
	}
	for (unsigned i = 0; i < domain->entry_count; i++) {
		snprintf(path, sizeof(path), "%s/%s", home, domain->entries[i].key);
		put(writing, path, domain->entries[i].value, false);
	}
}

/* In one transaction, again and again until nothing comes between. */
static bool put_all(struct xs_handle *store, const struct store_domain *domain)
{
	char home[40];

	snprintf(home, sizeof(home), "/local/domain/%u", domain->domid);
	for (int i = 0; i < TRIES_MAX; i++) {
		struct writing writing = { .store = store, .domid = domain->domid };

		writing.transaction = xs_transaction_start(store);
		if (writing.transaction == XBT_NULL)
			return false;
		/* What a domain of that number may have left behind. */
		if (domain->domid)
			xs_rm(store, writing.transaction, home);
		put_domain(&writing, domain);
		if (writing.failed) {
			int error = errno;

			xs_transaction_end(store, writing.transaction, true);
			errno = error;
			return false;
		}
		if (xs_transaction_end(store, writing.transaction, false))
			return true;
		if (errno != EAGAIN)
			return false;
	}
	return false;
}

int store_add_domain(const struct hx *hx, const struct store_domain *domain)
{
	struct xs_handle *store = store_open(hx);
	bool done = store && put_all(store, domain);

	if (done && domain->domid)
		done = xs_introduce_domain(store, domain->domid, HX_STORE_REF, domain->port);
	if (!done)
		fail("cannot write domain %u to xenstore: %s", domain->domid, strerror(errno));
	xs_close(store);
	return done ? 0 : -1;
}

int store_remove_domain(const struct hx *hx, uint32_t domid, const char *uuid)
{
	struct xs_handle *store = store_open(hx);
	char path[60];
	bool done = store;

	snprintf(path, sizeof(path), "/vm/%s", uuid);
	if (done && !xs_rm(store, XBT_NULL, path) && errno != ENOENT)
		done = false;
	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	if (done && !xs_rm(store, XBT_NULL, path) && errno != ENOENT)
		done = false;
	if (!done)
		fail("cannot remove domain %u from xenstore: %s", domid, strerror(errno));
	xs_close(store);
	return done ? 0 : -1;
}

int store_resume_domain(const struct hx *hx, uint32_t domid)
{
	struct xs_handle *store = store_open(hx);
	/* Refused if xenstored has not seen the domain shut down; then all is well already. */
	bool done = store && (xs_resume_domain(store, domid) || errno == EINVAL);

	if (!done)
		fail("xenstored does not resume domain %u: %s", domid, strerror(errno));
	xs_close(store);
	return done ? 0 : -1;
}

/* -- counting -- */

static unsigned count_nodes(struct xs_handle *store, const char *path, int depth)
{
	unsigned count = 1, children = 0;
	char **names = depth < DEPTH_MAX ? xs_directory(store, XBT_NULL, path, &children) : NULL;

	for (unsigned i = 0; i < children; i++) {
		char *child = NULL;

		if (asprintf(&child, "%s/%s", strcmp(path, "/") ? path : "", names[i]) < 0)
			break;
		count += count_nodes(store, child, depth + 1);
		free(child);
	}
	free(names);
	return count;
}

void store_print_counts(const struct hx *hx)
{
	struct xs_handle *store = store_open(hx);
	unsigned count = 0;
	char **names;

	if (!store) {
		printf("null");
		return;
	}
	printf("{\"all\": %u", count_nodes(store, "/", 0));
	names = xs_directory(store, XBT_NULL, "/local/domain", &count);
	for (unsigned i = 0; i < count; i++) {
		char path[300];

		snprintf(path, sizeof(path), "/local/domain/%.255s", names[i]);
		printf(", \"%.255s\": %u", names[i], count_nodes(store, path, 0));
	}
	printf("}");
	free(names);
	xs_close(store);
}
