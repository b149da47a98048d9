/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxengnttab.so.1: xengntshr_* and xengnttab_*, played through hxd.
 *
 * One difference to a kernel: closing a handle ends what was shared and mapped through it even
 * where the memory is still mapped. The real one would wait for munmap(), which nobody tells us
 * of; libxenvchan unmaps its data rings in just that way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xengnttab.h>

#include "hosted-xen/libhx.h"

struct area { /* memory that was shared or mapped in one call */
	struct area *next;
	void *address;
	uint32_t count, id;
};

struct xengntdev_handle { /* xengntshr_handle and xengnttab_handle are both this */
	int socket;
	struct area *areas;
};

static struct xengntdev_handle *handle_open(void)
{
	struct xengntdev_handle *handle = calloc(1, sizeof(*handle));

	if (!handle)
		return NULL;
	handle->socket = hx_connect();
	if (handle->socket < 0) {
		free(handle);
		return NULL;
	}
	return handle;
}

static int handle_close(struct xengntdev_handle *handle)
{
	if (!handle)
		return 0;
	while (handle->areas) {
		struct area *next = handle->areas->next;

		free(handle->areas);
		handle->areas = next;
	}
	close(handle->socket);
	free(handle);
	return 0;
}

static void send_end(struct xengntdev_handle *handle, uint32_t op, uint32_t id)
{
	struct hx_request request = { .op = op, .arg = { id } };
	struct hx_reply reply;

	/* What a suspend took away is not there any more; the kernel does not complain either. */
	(void)hx_call(handle->socket, &request, &reply, NULL, 0);
}

/* Keeps the memory on record; if it cannot, gives it up. */
static void *add_area(struct xengntdev_handle *handle, void *address, uint32_t count, uint32_t op,
		      int id)
{
	struct area *area = address == MAP_FAILED ? NULL : malloc(sizeof(*area));

	if (!area) {
		int error = errno;

		if (address != MAP_FAILED)
			munmap(address, (size_t)count * HX_PAGE_SIZE);
		send_end(handle, op, (uint32_t)id);
		errno = error;
		return NULL;
	}
	*area = (struct area){ handle->areas, address, count, (uint32_t)id };
	handle->areas = area;
	return address;
}

static int end_area(struct xengntdev_handle *handle, void *address, uint32_t count, uint32_t op)
{
	for (struct area **link = &handle->areas; *link; link = &(*link)->next) {
		struct area *area = *link;

		if (area->address != address || area->count != count)
			continue;
		*link = area->next;
		munmap(address, (size_t)count * HX_PAGE_SIZE);
		send_end(handle, op, area->id);
		free(area);
		return 0;
	}
	errno = EINVAL;
	return -1;
}

/* -- sharing -- */

static void *share(struct xengntdev_handle *handle, uint32_t domid, int count, uint32_t *refs,
		   int writable, uint32_t offset, uint32_t port)
{
	struct hx_request request = {
		.op = HX_SHARE,
		.arg = { domid, (uint32_t)count, !!writable, offset, port },
	};
	size_t size = (size_t)count * HX_PAGE_SIZE;
	struct hx_reply reply;
	void *address;
	int fd, error;

	if (count <= 0 || count > HX_REFS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if (hx_call(handle->socket, &request, &reply, &fd, 1) < 1)
		return NULL;
	address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	error = errno;
	close(fd);
	errno = error;
	address = add_area(handle, address, (uint32_t)count, HX_UNSHARE, reply.result);
	if (address)
		memcpy(refs, reply.words, (size_t)count * sizeof(*refs));
	return address;
}

xengntshr_handle *xengntshr_open(struct xentoollog_logger *logger, unsigned flags)
{
	struct xengntdev_handle *handle = handle_open();

	(void)logger;
	(void)flags;
	/* As in Xen 4.17, where exec does not close it. */
	if (handle)
		fcntl(handle->socket, F_SETFD, 0);
	return handle;
}

int xengntshr_close(xengntshr_handle *handle)
{
	return handle_close(handle);
}

int xengntshr_fd(xengntshr_handle *handle)
{
	return handle->socket;
}

void *xengntshr_share_pages(xengntshr_handle *handle, uint32_t domid, int count, uint32_t *refs,
			    int writable)
{
	return share(handle, domid, count, refs, writable, HX_NONE, HX_NONE);
}

void *xengntshr_share_page_notify(xengntshr_handle *handle, uint32_t domid, uint32_t *ref,
				  int writable, uint32_t offset, evtchn_port_t port)
{
	return share(handle, domid, 1, ref, writable, offset, port);
}

int xengntshr_unshare(xengntshr_handle *handle, void *address, uint32_t count)
{
	return end_area(handle, address, count, HX_UNSHARE);
}

/* -- mapping -- */

/* Lays the runs of the reply one after the other. */
static void *map_runs(const struct hx_reply *reply, uint32_t count, int prot, const int *fds,
		      uint32_t fd_count)
{
	size_t size = (size_t)count * HX_PAGE_SIZE, done = 0;
	char *address = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (address == MAP_FAILED)
		return address;
	for (uint32_t i = 0; i + 2 < reply->count; i += 3) {
		const uint32_t *run = &reply->words[i];
		size_t length = (size_t)run[2] * HX_PAGE_SIZE;

		if (run[0] >= fd_count || length > size - done ||
		    mmap(address + done, length, prot, MAP_SHARED | MAP_FIXED, fds[run[0]],
			 (off_t)run[1] * HX_PAGE_SIZE) == MAP_FAILED) {
			munmap(address, size);
			return MAP_FAILED;
		}
		done += length;
	}
	return address;
}

/* domids has one for each ref, or one for all. */
static void *map(struct xengntdev_handle *handle, uint32_t count, const uint32_t *domids,
		 bool one_domid, const uint32_t *refs, int prot, uint32_t offset, uint32_t port)
{
	struct hx_request request = {
		.op = HX_MAP,
		.arg = { count, !!(prot & PROT_WRITE), 0, offset, port },
		.count = 2 * count,
	};
	int fds[HX_FDS_MAX], fd_count, error;
	struct hx_reply reply;
	void *address;

	if (count == 0 || count > HX_REFS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	for (uint32_t i = 0; i < count; i++) {
		request.words[2 * i] = domids[one_domid ? 0 : i];
		request.words[2 * i + 1] = refs[i];
	}
	fd_count = hx_call(handle->socket, &request, &reply, fds, HX_FDS_MAX);
	if (fd_count < 0)
		return NULL;
	address = map_runs(&reply, count, prot, fds, (uint32_t)fd_count);
	error = errno;
	while (fd_count > 0)
		close(fds[--fd_count]);
	errno = error;
	return add_area(handle, address, count, HX_UNMAP, reply.result);
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned flags)
{
	(void)logger;
	(void)flags;
	return handle_open();
}

int xengnttab_close(xengnttab_handle *handle)
{
	return handle_close(handle);
}

int xengnttab_fd(xengnttab_handle *handle)
{
	return handle->socket;
}

int xengnttab_set_max_grants(xengnttab_handle *handle, uint32_t count)
{
	(void)handle;
	(void)count;
	return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *handle, uint32_t domid, uint32_t ref, int prot)
{
	return map(handle, 1, &domid, true, &ref, prot, HX_NONE, HX_NONE);
}

void *xengnttab_map_grant_refs(xengnttab_handle *handle, uint32_t count, uint32_t *domids,
			       uint32_t *refs, int prot)
{
	return map(handle, count, domids, false, refs, prot, HX_NONE, HX_NONE);
}

void *xengnttab_map_domain_grant_refs(xengnttab_handle *handle, uint32_t count, uint32_t domid,
				      uint32_t *refs, int prot)
{
	return map(handle, count, &domid, true, refs, prot, HX_NONE, HX_NONE);
}

void *xengnttab_map_grant_ref_notify(xengnttab_handle *handle, uint32_t domid, uint32_t ref,
				     int prot, uint32_t offset, evtchn_port_t port)
{
	return map(handle, 1, &domid, true, &ref, prot, offset, port);
}

int xengnttab_unmap(xengnttab_handle *handle, void *address, uint32_t count)
{
	return end_area(handle, address, count, HX_UNMAP);
}

/* -- what nobody here needs, as an old kernel answers it -- */

static int not_supported(void)
{
	errno = ENOTTY;
	return -1;
}

int xengnttab_grant_copy(xengnttab_handle *handle, uint32_t count,
			 xengnttab_grant_copy_segment_t *segments)
{
	(void)handle;
	(void)count;
	(void)segments;
	return not_supported();
}

int xengnttab_dmabuf_exp_from_refs(xengnttab_handle *handle, uint32_t domid, uint32_t flags,
				   uint32_t count, const uint32_t *refs, uint32_t *fd)
{
	(void)handle;
	(void)domid;
	(void)flags;
	(void)count;
	(void)refs;
	(void)fd;
	return not_supported();
}

int xengnttab_dmabuf_exp_wait_released(xengnttab_handle *handle, uint32_t fd, uint32_t wait_ms)
{
	(void)handle;
	(void)fd;
	(void)wait_ms;
	return not_supported();
}

int xengnttab_dmabuf_imp_to_refs(xengnttab_handle *handle, uint32_t domid, uint32_t fd,
				 uint32_t count, uint32_t *refs)
{
	(void)handle;
	(void)domid;
	(void)fd;
	(void)count;
	(void)refs;
	return not_supported();
}

int xengnttab_dmabuf_imp_release(xengnttab_handle *handle, uint32_t fd)
{
	(void)handle;
	(void)fd;
	return not_supported();
}
