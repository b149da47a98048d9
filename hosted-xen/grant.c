/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One share is one memfd, sealed to its size and handed over only after the grant table was
 * asked: a reference resolves for the domain that it was granted to, and a read-only grant is
 * handed over as a read-only file. Pages cost their owner until it gave them up *and* the last
 * mapping is gone, as in Linux' gntalloc; so a domain that dies while somebody maps its pages
 * stays a zombie.
 */
#include "hosted-xen/grant.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hosted-xen/evtchn.h"

enum { FIRST_REF = 8 }; /* the ones before are reserved */

struct memory *memory_new(uint32_t pages)
{
	struct memory *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return NULL;
	memory->refs = 1;
	memory->fd = memfd_create("hx-pages", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memory->fd < 0 || ftruncate(memory->fd, (off_t)pages * HX_PAGE_SIZE) ||
	    fcntl(memory->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		int error = errno;

		if (memory->fd >= 0)
			close(memory->fd);
		free(memory);
		errno = error;
		return NULL;
	}
	return memory;
}

void memory_unref(struct memory *memory)
{
	if (!memory || --memory->refs)
		return;
	close(memory->fd);
	free(memory);
}

static struct grant *grant_new(struct domain *owner, uint32_t ref, struct memory *memory,
			       uint32_t page)
{
	struct grant *grant = calloc(1, sizeof(*grant));

	if (!grant)
		return NULL;
	*grant = (struct grant){ .owner = owner, .ref = ref, .memory = memory, .page = page };
	memory->refs++;
	owner->grants[ref] = grant;
	owner->page_count++;
	return grant;
}

static void grant_free_if_unused(struct grant *grant)
{
	if (!grant->ended || grant->map_count)
		return;
	grant->owner->grants[grant->ref] = NULL;
	grant->owner->page_count--;
	memory_unref(grant->memory);
	free(grant);
}

static void grant_end(struct grant *grant)
{
	grant->ended = true;
	grant_free_if_unused(grant);
}

static void grant_unmap(struct grant *grant)
{
	grant->map_count--;
	grant_free_if_unused(grant);
}

int grant_store_page(struct domain *domain)
{
	struct grant *grant;

	domain->store_page = memory_new(1);
	if (!domain->store_page)
		return -errno;
	grant = grant_new(domain, HX_STORE_REF, domain->store_page, 0);
	if (!grant)
		return -ENOMEM;
	grant->to = 0;
	grant->writable = true;
	return 0;
}

void grant_end_store_page(struct domain *domain)
{
	if (domain->grants[HX_STORE_REF])
		grant_end(domain->grants[HX_STORE_REF]);
	memory_unref(domain->store_page);
	domain->store_page = NULL;
}

/* -- notifications -- */

static int notify_init(struct notify *notify, const struct handle *handle,
		       const struct hx_request *request, uint32_t pages)
{
	uint32_t offset = request->arg[3], number = request->arg[4];

	*notify = (struct notify){ .offset = HX_NONE };
	if (offset != HX_NONE) {
		if (offset >= pages * HX_PAGE_SIZE)
			return -EINVAL;
		notify->offset = offset;
	}
	if (number != HX_NONE) {
		struct port *port = port_find(handle->domain, number);

		if (!port)
			return -EINVAL;
		notify->channel = port->channel;
		notify->side = port->side;
		channel_ref(port->channel); /* outlives the port, like evtchn_get() */
	}
	return 0;
}

static void notify_drop(struct notify *notify)
{
	if (notify->channel)
		channel_unref(notify->channel);
	*notify = (struct notify){ .offset = HX_NONE };
}

static void notify_fire(struct notify *notify, struct grant *const *grants)
{
	if (notify->offset != HX_NONE) {
		const struct grant *grant = grants[notify->offset / HX_PAGE_SIZE];
		off_t at = (off_t)grant->page * HX_PAGE_SIZE + notify->offset % HX_PAGE_SIZE;

		if (pwrite(grant->memory->fd, "", 1, at) != 1)
			hxd_log("cannot clear a notify byte: %s", strerror(errno));
	}
	if (notify->channel)
		channel_ring(notify->channel, notify->side);
	notify_drop(notify);
}

/* -- sharing -- */

static void share_end(struct share *share, bool tell_peers)
{
	LIST_REMOVE(share, link);
	if (tell_peers)
		notify_fire(&share->notify, share->grants);
	notify_drop(&share->notify);
	for (uint32_t i = 0; i < share->count; i++)
		grant_end(share->grants[i]);
	free(share);
}

/* The first of count neighbouring free references, or 0. */
static uint32_t find_free_refs(const struct domain *domain, uint32_t count)
{
	uint32_t run = 0;

	for (uint32_t ref = FIRST_REF; ref < GRANT_TABLE_SIZE; ref++) {
		run = domain->grants[ref] ? 0 : run + 1;
		if (run == count)
			return ref + 1 - count;
	}
	return 0;
}

static int share_fill(struct share *share, struct domain *domain, const struct hx_request *request,
		      struct answer *answer)
{
	struct memory *memory = memory_new(request->arg[1]);
	uint32_t first = find_free_refs(domain, request->arg[1]);
	int result = memory ? 0 : -errno;

	if (result == 0 && first == 0)
		result = -ENOSPC;
	while (result == 0 && share->count < request->arg[1]) {
		uint32_t i = share->count;
		struct grant *grant = grant_new(domain, first + i, memory, i);

		if (!grant) {
			result = -ENOMEM;
			break;
		}
		grant->to = request->arg[0];
		grant->writable = request->arg[2];
		share->grants[share->count++] = grant;
		answer->reply.words[i] = grant->ref;
	}
	if (result == 0)
		result = answer_add_fd(answer, memory->fd);
	memory_unref(memory);
	return result < 0 ? result : 0;
}

int grant_on_share(struct handle *handle, const struct hx_request *request, struct answer *answer)
{
	struct domain *domain = handle->domain;
	uint32_t to = request->arg[0], count = request->arg[1];
	struct share *share;
	int result;

	/* Granting to oneself has crashed kernels: refused, as careful ones do. */
	if (count == 0 || count > HX_REFS_MAX || to >= HX_DOMID_MAX || to == domain->domid)
		return -EINVAL;
	if (domain->page_count + count > domain->limits.grants + 1) /* 1: the xenstore page */
		return -ENOSPC;

	share = calloc(1, sizeof(*share) + count * sizeof(*share->grants));
	if (!share)
		return -ENOMEM;
	share->id = ++domain->hxd->next_id & INT32_MAX;
	LIST_INSERT_HEAD(&handle->shares, share, link);
	result = notify_init(&share->notify, handle, request, count);
	if (result == 0)
		result = share_fill(share, domain, request, answer);
	if (result < 0) {
		share_end(share, false);
		return result;
	}
	answer->reply.count = count;
	return (int)share->id;
}

int grant_on_unshare(struct handle *handle, const struct hx_request *request, struct answer *answer)
{
	struct share *share;

	(void)answer;
	LIST_FOREACH(share, &handle->shares, link)
	{
		if (share->id == request->arg[0]) {
			share_end(share, true);
			return 0;
		}
	}
	return -ENOENT;
}

/* -- mapping -- */

static void mapping_end(struct mapping *mapping, bool tell_peers)
{
	LIST_REMOVE(mapping, link);
	if (tell_peers)
		notify_fire(&mapping->notify, mapping->grants);
	notify_drop(&mapping->notify);
	for (uint32_t i = 0; i < mapping->count; i++)
		grant_unmap(mapping->grants[i]);
	free(mapping);
}

static struct grant *grant_resolve(const struct handle *handle, uint32_t domid, uint32_t ref,
				   bool writable)
{
	const struct domain *owner = domain_find(handle->domain->hxd, domid);
	struct grant *grant = owner && ref < GRANT_TABLE_SIZE ? owner->grants[ref] : NULL;

	if (!grant || owner->dying || grant->ended || grant->severed)
		return NULL;
	if (grant->to != handle->domain->domid || owner == handle->domain)
		return NULL;
	return writable && !grant->writable ? NULL : grant;
}

/* The index of the memory's fd in the answer, which is added if it is not there yet. */
static int answer_memory(struct answer *answer, const struct memory **seen,
			 const struct memory *memory, bool writable)
{
	char path[40];
	int fd, index;

	for (unsigned i = 0; i < answer->fd_count; i++) {
		if (seen[i] == memory)
			return (int)i;
	}
	if (writable) {
		index = answer_add_fd(answer, memory->fd);
	} else {
		/* A read-only file of the same memory, whatever mmap() is asked for later. */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", memory->fd);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		index = answer_add_fd(answer, fd);
		close(fd);
	}
	if (index >= 0)
		seen[index] = memory;
	return index;
}

static int mapping_fill(struct mapping *mapping, const struct handle *handle,
			const struct hx_request *request, struct answer *answer)
{
	const struct memory *seen[HX_FDS_MAX];
	bool writable = request->arg[1];
	uint32_t *words = answer->reply.words;
	uint32_t used = 0;

	for (uint32_t i = 0; i < request->arg[0]; i++) {
		const uint32_t *pair = &request->words[2 * (size_t)i];
		struct grant *grant = grant_resolve(handle, pair[0], pair[1], writable);
		int index;

		if (!grant) {
			hxd_complain(handle->domain, "may not map ref %u of dom%u", pair[1],
				     pair[0]);
			return -EINVAL;
		}
		index = answer_memory(answer, seen, grant->memory, writable);
		if (index < 0)
			return index;
		grant->map_count++;
		mapping->grants[mapping->count++] = grant;
		/* Neighbours in the same memory make one run. */
		if (used && words[used - 3] == (uint32_t)index &&
		    words[used - 2] + words[used - 1] == grant->page) {
			words[used - 1]++;
			continue;
		}
		words[used] = (uint32_t)index;
		words[used + 1] = grant->page;
		words[used + 2] = 1;
		used += 3;
	}
	answer->reply.count = used;
	return 0;
}

int grant_on_map(struct handle *handle, const struct hx_request *request, struct answer *answer)
{
	uint32_t count = request->arg[0];
	struct mapping *mapping;
	int result;

	if (count == 0 || count > HX_REFS_MAX || request->count != 2 * count)
		return -EINVAL;
	mapping = calloc(1, sizeof(*mapping) + count * sizeof(*mapping->grants));
	if (!mapping)
		return -ENOMEM;
	mapping->id = ++handle->domain->hxd->next_id & INT32_MAX;
	LIST_INSERT_HEAD(&handle->mappings, mapping, link);
	result = notify_init(&mapping->notify, handle, request, count);
	if (result == 0)
		result = mapping_fill(mapping, handle, request, answer);
	if (result < 0) {
		mapping_end(mapping, false);
		return result;
	}
	return (int)mapping->id;
}

int grant_on_unmap(struct handle *handle, const struct hx_request *request, struct answer *answer)
{
	struct mapping *mapping;

	(void)answer;
	LIST_FOREACH(mapping, &handle->mappings, link)
	{
		if (mapping->id == request->arg[0]) {
			mapping_end(mapping, true);
			return 0;
		}
	}
	return -ENOENT;
}

/* -- ends -- */

void grant_end_all(struct handle *handle, bool tell_peers)
{
	while (!LIST_EMPTY(&handle->mappings))
		mapping_end(LIST_FIRST(&handle->mappings), tell_peers);
	while (!LIST_EMPTY(&handle->shares))
		share_end(LIST_FIRST(&handle->shares), tell_peers);
}

void grant_sever(struct domain *domain)
{
	struct handle *handle;
	struct share *share;

	for (uint32_t ref = FIRST_REF; ref < GRANT_TABLE_SIZE; ref++) {
		if (domain->grants[ref])
			domain->grants[ref]->severed = true;
	}
	LIST_FOREACH(handle, &domain->handles, link)
	{
		/* The pages stay with the program, and with its account, until it lets go. */
		LIST_FOREACH(share, &handle->shares, link)
		notify_drop(&share->notify);
		while (!LIST_EMPTY(&handle->mappings))
			mapping_end(LIST_FIRST(&handle->mappings), false);
	}
}
