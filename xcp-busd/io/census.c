/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/census.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

#include "common/cleanup.h"
#include "common/text.h"

enum { AT_ONCE = 64, PATH_SIZE = 40 };

bool census_open(struct census *census)
{
	xc_domaininfo_t dom0;
	int failure;

	census->xc = xc_interface_open(NULL, NULL, 0);
	if (!census->xc)
		return false;
	if (xc_domain_getinfolist(census->xc, 0, 1, &dom0) == 1)
		return true;
	failure = errno;
	census_close(census);
	errno = failure;
	return false;
}

void census_close(struct census *census)
{
	if (census->xc)
		xc_interface_close(census->xc);
	census->xc = NULL;
}

/* ---- the hypervisor ---- */

static struct census_entry entry_of(const xc_domaininfo_t *info)
{
	struct census_entry entry = {
		.domid = info->domain,
		.is_dying = info->flags & XEN_DOMINF_dying,
		.is_down = info->flags & XEN_DOMINF_shutdown,
	};

	memcpy(entry.uuid, info->handle, sizeof(entry.uuid));
	return entry;
}

static int list_hypervisor(const struct census *census, uint32_t from, struct census_entry *entries,
			   unsigned max)
{
	xc_domaininfo_t infos[AT_ONCE];
	int count = xc_domain_getinfolist(census->xc, from, max < AT_ONCE ? max : AT_ONCE, infos),
	    i;

	for (i = 0; i < count; i++)
		entries[i] = entry_of(&infos[i]);
	return count < 0 ? -errno : count;
}

/* ---- xenstore ---- */

/* 32 digits, and dashes that say nothing. */
static bool parse_uuid(const char *text, uint8_t uuid[16])
{
	unsigned digits = 0;
	int digit;

	for (; *text; text++) {
		if (*text == '-')
			continue;
		digit = text_hex_digit(*text);
		if (digit < 0 || digits == 32)
			return false;
		if (digits % 2)
			uuid[digits / 2] = (uint8_t)(uuid[digits / 2] | digit);
		else
			uuid[digits / 2] = (uint8_t)(digit << 4);
		digits++;
	}
	return digits == 32;
}

/* A domain that is being made or taken apart has none, and dom0 has to let us see it. */
static int find_store(struct store *store, uint32_t domid, struct census_entry *entry)
{
	static const char prefix[] = "/vm/";
	CLEANUP(cleanup_free) char *vm = NULL;
	char path[PATH_SIZE];
	int r;

	snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/vm", domid);
	*entry = (struct census_entry){ .domid = domid };
	r = store_read(store, path, &vm, NULL);
	if (r < 0 && r != -ENOENT && r != -EACCES)
		return r;
	/* There is always a domain 0, and few toolstacks write a uuid for it. */
	if (r < 0 || strncmp(vm, prefix, strlen(prefix)) != 0)
		return domid == 0;
	return parse_uuid(vm + strlen(prefix), entry->uuid);
}

static int compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static int list_store(struct store *store, uint32_t from, struct census_entry *entries,
		      unsigned max)
{
	CLEANUP(cleanup_free) char **names = NULL;
	CLEANUP(cleanup_free) uint32_t *domids = NULL;
	unsigned count, found = 0, i;
	int r = store_list(store, "/local/domain", &names, &count);

	if (r < 0)
		return r;
	domids = calloc(count + 1, sizeof(*domids));
	if (!domids)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		domids[i] = (uint32_t)strtoul(names[i], NULL, 10);
	qsort(domids, count, sizeof(*domids), compare);
	for (i = 0; i < count && found < max; i++) {
		if (domids[i] < from)
			continue;
		r = find_store(store, domids[i], &entries[found]);
		if (r < 0)
			return r;
		found += r > 0;
	}
	return (int)found;
}

/* ---- either ---- */

int census_list(const struct census *census, struct store *store, uint32_t from,
		struct census_entry *entries, unsigned max)
{
	return census->xc ? list_hypervisor(census, from, entries, max)
			  : list_store(store, from, entries, max);
}

int census_find(const struct census *census, struct store *store, uint32_t domid,
		struct census_entry *entry)
{
	int count;

	if (!census->xc)
		return find_store(store, domid, entry);
	count = list_hypervisor(census, domid, entry, 1);
	return count == 1 ? entry->domid == domid : count;
}
