/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Grant tables: which pages a domain lets which other domain map. */
#pragma once

#include "hosted-xen/hxd.h"

struct channel;

struct memory { /* one memfd, sealed to its size */
	int fd;
	unsigned refs;
};

struct grant { /* one entry of a grant table */
	struct domain *owner;
	uint32_t ref, to, page;
	struct memory *memory;
	bool writable;
	bool ended; /* its owner gave it up; it lasts until nobody maps it */
	bool severed; /* a suspend came between: nobody can map it any more */
	unsigned map_count;
};

/* What the kernel does when pages go: clear a byte, ring a channel. */
struct notify {
	uint32_t offset; /* HX_NONE: no byte */
	struct channel *channel; /* NULL: no event */
	int side;
};

struct share { /* pages granted through a handle */
	LIST_ENTRY(share) link; /* handle::shares */
	uint32_t id, count;
	struct notify notify;
	struct grant *grants[];
};

struct mapping { /* pages of others mapped through a handle */
	LIST_ENTRY(mapping) link; /* handle::mappings */
	uint32_t id, count;
	struct notify notify;
	struct grant *grants[];
};

struct memory *memory_new(uint32_t pages); /* NULL with errno */
void memory_unref(struct memory *memory);

/* The page that every domain shares with xenstored. Returns 0 or a negative errno. */
int grant_store_page(struct domain *domain);
void grant_end_store_page(struct domain *domain);

int grant_on_share(struct handle *handle, const struct hx_request *request, struct answer *answer);
int grant_on_unshare(struct handle *handle, const struct hx_request *request,
		     struct answer *answer);
int grant_on_map(struct handle *handle, const struct hx_request *request, struct answer *answer);
int grant_on_unmap(struct handle *handle, const struct hx_request *request, struct answer *answer);

/* All that was shared and mapped through a handle. */
void grant_end_all(struct handle *handle, bool tell_peers);
/* Suspend: what the domain shared and mapped is worth nothing, and nobody hears of it. */
void grant_sever(struct domain *domain);
