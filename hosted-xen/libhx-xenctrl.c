/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxenctrl.so.4.17, as far as programs on the bus ask the hypervisor: which domains are there,
 * is this one dying, what is its uuid. As on Xen, a guest may open the interface and is then
 * told nothing.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenctrl.h>

#include "hosted-xen/libhx.h"

struct xc_interface_core {
	int socket;
};

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild_logger,
				unsigned flags)
{
	struct xc_interface_core *interface = calloc(1, sizeof(*interface));

	(void)logger;
	(void)dombuild_logger;
	(void)flags;
	if (!interface)
		return NULL;
	interface->socket = hx_connect();
	if (interface->socket < 0) {
		free(interface);
		return NULL;
	}
	return interface;
}

int xc_interface_close(xc_interface *interface)
{
	if (!interface)
		return 0;
	close(interface->socket);
	free(interface);
	return 0;
}

/* The domain with this domid or the next. Returns its domid, or -1 with errno. */
static int get_info(xc_interface *interface, uint32_t domid, bool is_sysctl, struct hx_info *info)
{
	struct hx_request request = { .op = HX_INFO, .arg = { domid, is_sysctl } };
	struct hx_reply reply;

	if (hx_call(interface->socket, &request, &reply, NULL, 0) < 0)
		return -1;
	memcpy(info, reply.words, sizeof(*info));
	return reply.result;
}

int xc_domain_getinfo(xc_interface *interface, uint32_t first_domid, unsigned max,
		      xc_dominfo_t *infos)
{
	unsigned count = 0;

	while (count < max) {
		xc_dominfo_t *info = &infos[count];
		struct hx_info hx;
		int domid = get_info(interface, first_domid, false, &hx);

		if (domid < 0)
			break;
		memset(info, 0, sizeof(*info));
		info->domid = (uint32_t)domid;
		info->dying = !!(hx.flags & HX_INFO_DYING);
		info->shutdown = !!(hx.flags & HX_INFO_SHUTDOWN);
		info->paused = !!(hx.flags & HX_INFO_PAUSED);
		info->running = !hx.flags;
		info->shutdown_reason = hx.shutdown_reason;
		info->crashed = info->shutdown && hx.shutdown_reason == SHUTDOWN_crash;
		info->nr_pages = hx.pages;
		memcpy(info->handle, hx.uuid, sizeof(info->handle));
		first_domid = (uint32_t)domid + 1;
		count++;
	}
	return count ? (int)count : -1;
}

static void fill_info(xc_domaininfo_t *info, int domid, const struct hx_info *hx)
{
	uint32_t flags = hx->flags ? 0 : XEN_DOMINF_running;

	if (hx->flags & HX_INFO_DYING)
		flags |= XEN_DOMINF_dying;
	if (hx->flags & HX_INFO_SHUTDOWN)
		flags |= XEN_DOMINF_shutdown | hx->shutdown_reason << XEN_DOMINF_shutdownshift;
	if (hx->flags & HX_INFO_PAUSED)
		flags |= XEN_DOMINF_paused;
	memset(info, 0, sizeof(*info));
	info->domain = (domid_t)domid;
	info->flags = flags;
	info->tot_pages = hx->pages;
	memcpy(info->handle, hx->uuid, sizeof(info->handle));
}

int xc_domain_getinfolist(xc_interface *interface, uint32_t first_domid, unsigned max,
			  xc_domaininfo_t *infos)
{
	unsigned count = 0;
	struct hx_info hx;

	while (count < max) {
		int domid = get_info(interface, first_domid, true, &hx);

		if (domid < 0)
			break;
		fill_info(&infos[count++], domid, &hx);
		first_domid = (uint32_t)domid + 1;
	}
	return count || errno == ESRCH ? (int)count : -1;
}
