/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domain list, and what becomes of a domain: created, paused, suspended, shut down,
 * destroyed; a zombie while somebody maps its pages; gone.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hosted-xen/evtchn.h"
#include "hosted-xen/grant.h"
#include "hosted-xen/hxd.h"
#include "hosted-xen/xenbus.h"

struct domain *domain_find(struct hxd *hxd, uint32_t domid)
{
	return domid < HX_DOMID_MAX ? hxd->domains[domid] : NULL;
}

static struct domain *find_by_name(struct hxd *hxd, const char *name)
{
	for (uint32_t i = 0; i < HX_DOMID_MAX; i++) {
		struct domain *domain = hxd->domains[i];

		if (domain && !domain->dying && strcmp(domain->name, name) == 0)
			return domain;
	}
	return NULL;
}

/* Like Xen, which does not reuse a number until all others were used. */
static uint32_t next_free_domid(struct hxd *hxd)
{
	for (uint32_t tries = 0; tries < HX_DOMID_MAX; tries++) {
		uint32_t domid = hxd->next_domid;

		hxd->next_domid = domid + 1 < HX_DOMID_MAX ? domid + 1 : 1;
		if (!hxd->domains[domid])
			return domid;
	}
	return HX_NONE;
}

/* Its sockets, and at the end its directory. */
static void remove_files(const struct domain *domain, bool all)
{
	static const char *const names[] = { "device", "xenbus" };
	char path[300];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/dom%u/%s", domain->hxd->dir, domain->domid,
			 names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/dom%u", domain->hxd->dir, domain->domid);
	if (all)
		rmdir(path);
}

static void domain_free(struct domain *domain)
{
	remove_files(domain, true);
	domain->hxd->domains[domain->domid] = NULL;
	grant_end_store_page(domain);
	if (domain->store_port)
		port_close(domain->store_port);
	loop_close(domain->hxd, &domain->device);
	free(domain);
}

static int domain_open(struct domain *domain)
{
	char path[300];
	int result;

	snprintf(path, sizeof(path), "%s/dom%u", domain->hxd->dir, domain->domid);
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	result = grant_store_page(domain);
	if (result == 0)
		result = port_add_store(domain);
	if (result == 0)
		result = loop_listen(domain, &domain->device, "device", SOCK_SEQPACKET);
	if (result == 0 && domain->domid != 0) {
		domain->xenbus = xenbus_new(domain);
		result = domain->xenbus ? 0 : -errno;
	}
	return result;
}

struct domain *domain_new(struct hxd *hxd, uint32_t domid, const struct hx_create *create,
			  int *error)
{
	struct domain *domain = calloc(1, sizeof(*domain));

	if (!domain) {
		*error = -ENOMEM;
		return NULL;
	}
	domain->hxd = hxd;
	domain->domid = domid;
	memcpy(domain->uuid, create->uuid, sizeof(domain->uuid));
	snprintf(domain->name, sizeof(domain->name), "%.*s", HX_NAME_MAX - 1, create->name);
	domain->limits = (struct limits){ hxd->grants_limit, hxd->ports_limit };
	domain->device = (struct source){ .fd = -1, .on_event = handle_on_connect };
	hxd->domains[domid] = domain;
	*error = domain_open(domain);
	if (*error < 0) {
		domain_free(domain);
		return NULL;
	}
	hxd_log("dom%u created: %s", domid, domain->name);
	return domain;
}

/* A copy that is sure to end. */
static void copy_name(char name[HX_NAME_MAX], const struct hx_request *request)
{
	size_t size = request->count * sizeof(uint32_t);

	if (size > HX_NAME_MAX - 1)
		size = HX_NAME_MAX - 1;
	memset(name, 0, HX_NAME_MAX);
	memcpy(name, request->words, size);
}

int domain_on_create(struct handle *handle, const struct hx_request *request, struct answer *answer)
{
	struct hxd *hxd = handle->domain->hxd;
	uint32_t domid = request->arg[0];
	struct hx_create create;
	struct domain *domain;
	int error;

	if (request->count * sizeof(uint32_t) != sizeof(create))
		return -EINVAL;
	memcpy(&create, request->words, sizeof(create));
	create.name[HX_NAME_MAX - 1] = '\0';
	if (find_by_name(hxd, create.name))
		return -EEXIST;
	if (domid == HX_NONE)
		domid = next_free_domid(hxd);
	if (domid >= HX_DOMID_MAX)
		return -EINVAL;
	if (hxd->domains[domid])
		return hxd->domains[domid]->dying ? -EBUSY : -EEXIST;
	domain = domain_new(hxd, domid, &create, &error);
	if (!domain)
		return error;
	answer->reply.words[0] = domain->store_port->number;
	answer->reply.count = 1;
	return (int)domid;
}

int domain_on_info(struct handle *handle, const struct hx_request *request, struct answer *answer)
{
	const struct domain *domain = NULL;
	struct hx_info info;
	uint32_t domid = request->arg[0];

	/* To oxenstored it would be the end of all domains. */
	if (request->arg[1] && handle->pid != xenstored_pid(handle->domain->hxd) &&
	    handle->domain->hxd->sysctl_failure)
		return -handle->domain->hxd->sysctl_failure;
	while (domid < HX_DOMID_MAX && !(domain = handle->domain->hxd->domains[domid]))
		domid++;
	if (!domain)
		return -ESRCH;
	info = (struct hx_info){
		.flags = (domain->dying ? HX_INFO_DYING : 0U) |
			 (domain->shutdown ? HX_INFO_SHUTDOWN : 0U) |
			 (domain->paused ? HX_INFO_PAUSED : 0U),
		.shutdown_reason = domain->shutdown_reason,
		.pages = domain->page_count,
	};
	memcpy(info.uuid, domain->uuid, sizeof(info.uuid));
	memcpy(info.name, domain->name, sizeof(info.name));
	memcpy(answer->reply.words, &info, sizeof(info));
	answer->reply.count = sizeof(info) / sizeof(uint32_t);
	return (int)domid;
}

int domain_on_find(struct handle *handle, const struct hx_request *request, struct answer *answer)
{
	const struct domain *domain;
	char name[HX_NAME_MAX];

	(void)answer;
	copy_name(name, request);
	domain = find_by_name(handle->domain->hxd, name);
	return domain ? (int)domain->domid : -ESRCH;
}

/* The hypervisor's part of a domain's end: nobody runs in it any more, so nobody cleans up in
 * it. Its peers get no byte and no event; only xenstored is told. */
void domain_destroy(struct domain *domain)
{
	if (domain->dying)
		return;
	hxd_log("dom%u destroyed: %s", domain->domid, domain->name);
	domain->dying = true;
	domain->hxd->dying_count++;
	process_kill(domain, 0);
	evtchn_sever(domain);
	while (!LIST_EMPTY(&domain->handles))
		handle_end(LIST_FIRST(&domain->handles), false);
	loop_close(domain->hxd, &domain->device);
	if (domain->xenbus) {
		xenbus_free(domain->xenbus);
		domain->xenbus = NULL;
	}
	remove_files(domain, false);
	grant_end_store_page(domain);
	if (domain->store_port)
		port_close(domain->store_port);
	evtchn_raise_virq(domain->hxd);
}

void domain_end_dom0(struct domain *dom0)
{
	while (!LIST_EMPTY(&dom0->handles))
		handle_end(LIST_FIRST(&dom0->handles), true);
	domain_free(dom0);
}

static void pause_domain(struct domain *domain)
{
	domain->paused = true;
	process_signal(domain, SIGSTOP);
	xenbus_pause(domain->xenbus, true);
}

static void unpause_domain(struct domain *domain)
{
	domain->paused = false;
	xenbus_pause(domain->xenbus, false);
	process_signal(domain, SIGCONT);
}

static void set_shutdown(struct domain *domain, uint32_t reason)
{
	domain->shutdown = true;
	domain->shutdown_reason = reason;
	evtchn_raise_virq(domain->hxd);
}

static void suspend_domain(struct domain *domain)
{
	hxd_log("dom%u suspended: %s", domain->domid, domain->name);
	pause_domain(domain);
	grant_sever(domain);
	evtchn_sever(domain);
	set_shutdown(domain, HX_REASON_SUSPEND);
}

static void resume_domain(struct domain *domain)
{
	domain->shutdown = false;
	domain->shutdown_reason = 0;
	xenbus_resume(domain->xenbus);
	unpause_domain(domain);
}

int domain_on_control(struct handle *handle, const struct hx_request *request,
		      struct answer *answer)
{
	struct domain *domain = domain_find(handle->domain->hxd, request->arg[0]);

	(void)answer;
	if (!domain)
		return -ESRCH;
	if (domain->dying)
		return request->op == HX_DESTROY ? 0 : -ESRCH;
	if (domain->domid == 0)
		return -EPERM;
	switch (request->op) {
	case HX_DESTROY:
		domain_destroy(domain);
		return 0;
	case HX_PAUSE:
		pause_domain(domain);
		return 0;
	case HX_UNPAUSE:
		unpause_domain(domain);
		return 0;
	case HX_SIGNAL:
		return process_signal(domain, (int)request->arg[1]);
	case HX_SHUTDOWN:
		set_shutdown(domain, request->arg[1]);
		return 0;
	case HX_SUSPEND:
		suspend_domain(domain);
		return 0;
	case HX_RESUME:
		resume_domain(domain);
		return 0;
	default:
		return -EINVAL;
	}
}

/* Dying domains disappear when nobody maps their pages any more. */
void domain_reap(struct hxd *hxd)
{
	for (uint32_t i = 1; i < HX_DOMID_MAX && hxd->dying_count; i++) {
		struct domain *domain = hxd->domains[i];

		if (!domain || !domain->dying || domain->page_count)
			continue;
		hxd->dying_count--;
		hxd_log("dom%u is gone: %s", i, domain->name);
		domain_free(domain);
		evtchn_raise_virq(hxd);
	}
}
