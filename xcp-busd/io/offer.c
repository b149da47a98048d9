/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/offer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/stream-vchan.h"

static void make_path(char path[OFFER_PATH_MAX], uint32_t domid, const char *id, const char *node)
{
	snprintf(path, OFFER_PATH_MAX, "/local/domain/%" PRIu32 "/data/xcp-bus%s%s%s%s", domid,
		 *id ? "/" : "", id, *node ? "/" : "", node);
}

static bool is_id(const char *name)
{
	return strlen(name) == OFFER_ID_SIZE && strspn(name, "0123456789abcdef") == OFFER_ID_SIZE;
}

/* With something in it. */
static bool has_node(struct store *store, uint32_t domid, const char *id, const char *node)
{
	CLEANUP(cleanup_free) char *value = NULL;
	char path[OFFER_PATH_MAX];
	unsigned size;

	make_path(path, domid, id, node);
	return store_read(store, path, &value, &size) == 0 && size > 0;
}

int offer_remove(struct store *store, uint32_t domid, const char *id)
{
	char path[OFFER_PATH_MAX];

	make_path(path, domid, id, "");
	return store_remove(store, path);
}

/* An id that is no offer holds a refusal, or nothing: libxenvchan makes both nodes of an offer in
 * one transaction. Outside of dom0 we cannot take them away from a refused one. */
static void sort(struct store *store, uint32_t domid, const char *id, struct offer_list *list,
		 unsigned *litter)
{
	if (has_node(store, domid, id, "event-channel") && !has_node(store, domid, id, "error"))
		strcpy(list->id[list->count++], id);
	else if (++*litter > OFFER_LITTER_MAX)
		offer_remove(store, domid, id);
}

int offer_list(struct store *store, uint32_t domid, struct offer_list *list)
{
	CLEANUP(cleanup_free) char **names = NULL;
	char path[OFFER_PATH_MAX];
	unsigned count, seen = 0, litter = 0, i;
	size_t size = 0;
	int r;

	list->count = list->extra = 0;
	list->has_more = false;
	make_path(path, domid, "", "");
	r = store_list(store, path, &names, &count);
	if (r < 0)
		return r;
	for (i = 0; i < count; i++)
		size += strlen(names[i]) + 1;
	list->extra = (unsigned)(size / OFFER_PIECE);
	for (i = 0; i < count && !list->has_more; i++) {
		if (!is_id(names[i]))
			continue;
		list->has_more = seen++ == OFFER_LIST_MAX;
		if (!list->has_more)
			sort(store, domid, names[i], list, &litter);
	}
	return 0;
}

int offer_refuse(struct store *store, uint32_t domid, const char *id, const char *why)
{
	char path[OFFER_PATH_MAX];

	make_path(path, domid, id, "ring-ref");
	store_remove(store, path);
	make_path(path, domid, id, "event-channel");
	store_remove(store, path);
	make_path(path, domid, id, "error");
	return store_write(store, path, why);
}

const char *offer_explain(int failure, enum reason_kind *kind)
{
	static const struct {
		int failure;
		enum reason_kind kind;
		const char *why;
	} known[] = {
		{ -EPROTO, REASON_RING, "the ring is not of a size that libxenvchan makes" },
		{ -EMFILE, REASON_DESCRIPTORS, "the bus is out of file descriptors" },
		{ -ENFILE, REASON_DESCRIPTORS, "the bus is out of file descriptors" },
		{ -ELOOP, REASON_RING_LOCAL, "a domain cannot have a ring to itself" },
	};
	unsigned i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (known[i].failure != failure)
			continue;
		*kind = known[i].kind;
		return known[i].why;
	}
	*kind = REASON_RING_UNMAPPED;
	return "the ring cannot be mapped: is the program that offered it still there?";
}

int offer_dial(uint32_t own_domid, uint32_t domid, const char *id, struct stream **out)
{
	char path[OFFER_PATH_MAX];

	make_path(path, domid, id, "");
	return stream_vchan_dial(own_domid, domid, path, out);
}

/* libxl writes there for which domain a stub domain is; only dom0 can. */
static void read_target(struct store *store, struct identity *identity)
{
	CLEANUP(cleanup_free) char *text = NULL;
	char path[OFFER_PATH_MAX], *end;
	unsigned long number;

	snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/target", identity->domid);
	if (store_read(store, path, &text, NULL) < 0)
		return;
	number = strtoul(text, &end, 10);
	identity->has_target = end != text && !*end && number <= INT16_MAX;
	if (identity->has_target)
		identity->target = (uint32_t)number;
}

void offer_read_name(struct store *store, struct identity *identity)
{
	CLEANUP(cleanup_free) char *name = NULL;
	char path[OFFER_PATH_MAX];

	snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/name", identity->domid);
	if (store_read(store, path, &name, NULL) == 0)
		snprintf(identity->domain_name, sizeof(identity->domain_name), "%s", name);
	identity_clean_name(identity);
}

bool offer_read_identity(struct store *store, struct identity *identity)
{
	char path[OFFER_PATH_MAX];
	unsigned size = 0;

	offer_read_name(store, identity);
	read_target(store, identity);
	snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/xcp-bus/own", identity->domid);
	identity->own = NULL;
	if (store_read(store, path, &identity->own, &size) < 0 || size <= OFFER_OWN_MAX)
		return true;
	free(identity->own);
	identity->own = NULL;
	return false;
}
