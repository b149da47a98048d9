/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections of domains' processes: open, request, answer, release. The release of a handle is
 * what the kernel does when a device file is closed, by kill -9 as well: hang up is hang up.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hosted-xen/evtchn.h"
#include "hosted-xen/grant.h"
#include "hosted-xen/hxd.h"

typedef int handle_operation(struct handle *handle, const struct hx_request *request,
			     struct answer *answer);

static int on_store_page(struct handle *handle, const struct hx_request *request,
			 struct answer *answer)
{
	(void)request;
	return answer_add_fd(answer, handle->domain->store_page->fd);
}

static int on_store_port(struct handle *handle, const struct hx_request *request,
			 struct answer *answer)
{
	(void)request;
	(void)answer;
	return (int)handle->domain->store_port->number;
}

static int fault_limit(struct hxd *hxd, const struct hx_request *request)
{
	bool ports = request->arg[0] == HX_FAULT_PORTS;
	uint32_t value = request->arg[1], most = ports ? PORT_TABLE_SIZE : GRANT_TABLE_SIZE;
	bool found = request->arg[2] == HX_NONE;

	if (value > most)
		value = most;
	for (uint32_t i = 0; i < HX_DOMID_MAX; i++) {
		struct domain *domain = hxd->domains[i];

		if (!domain || (request->arg[2] != HX_NONE && request->arg[2] != i))
			continue;
		*(ports ? &domain->limits.ports : &domain->limits.grants) = value;
		found = true;
	}
	if (request->arg[2] == HX_NONE)
		*(ports ? &hxd->ports_limit : &hxd->grants_limit) = value;
	return found ? 0 : -ESRCH;
}

static int on_fault(struct handle *handle, const struct hx_request *request, struct answer *answer)
{
	struct hxd *hxd = handle->domain->hxd;
	struct hx_request limit = { .arg = { HX_FAULT_GRANTS, GRANTS_DEFAULT, HX_NONE } };

	(void)answer;
	switch (request->arg[0]) {
	case HX_FAULT_GRANTS:
	case HX_FAULT_PORTS:
		return fault_limit(hxd, request);
	case HX_FAULT_SYSCTL:
		hxd->sysctl_failure = (int)request->arg[1];
		return 0;
	case HX_FAULT_XENSTORED:
		return xenstored_fault(hxd, request->arg[1]);
	case HX_FAULT_CLEAR:
		hxd->sysctl_failure = 0;
		fault_limit(hxd, &limit);
		limit.arg[0] = HX_FAULT_PORTS;
		limit.arg[1] = PORTS_DEFAULT;
		fault_limit(hxd, &limit);
		return xenstored_fault(hxd, HX_XENSTORED_CONT);
	default:
		return -EINVAL;
	}
}

static int on_stop(struct handle *handle, const struct hx_request *request, struct answer *answer)
{
	struct hxd *hxd = handle->domain->hxd;

	(void)request;
	(void)answer;
	hxd_log("stopping, as asked by process %d", handle->pid);
	for (uint32_t i = 0; i < HX_DOMID_MAX; i++) {
		if (hxd->domains[i])
			process_kill(hxd->domains[i], handle->pid);
	}
	hxd->stopping = true;
	return 0;
}

static handle_operation *const operations[HX_OP_COUNT] = {
	[HX_SHARE] = grant_on_share,
	[HX_UNSHARE] = grant_on_unshare,
	[HX_MAP] = grant_on_map,
	[HX_UNMAP] = grant_on_unmap,
	[HX_BIND_UNBOUND] = evtchn_on_bind,
	[HX_BIND_INTERDOMAIN] = evtchn_on_bind,
	[HX_BIND_VIRQ] = evtchn_on_bind,
	[HX_UNBIND] = evtchn_on_unbind,
	[HX_EPOCHS] = evtchn_on_epochs,
	[HX_INFO] = domain_on_info,
	[HX_FIND] = domain_on_find,
	[HX_STORE_PAGE] = on_store_page,
	[HX_STORE_PORT] = on_store_port,
	[HX_CREATE] = domain_on_create,
	[HX_DESTROY] = domain_on_control,
	[HX_PAUSE] = domain_on_control,
	[HX_UNPAUSE] = domain_on_control,
	[HX_SIGNAL] = domain_on_control,
	[HX_SHUTDOWN] = domain_on_control,
	[HX_SUSPEND] = domain_on_control,
	[HX_RESUME] = domain_on_control,
	[HX_FAULT] = on_fault,
	[HX_STATE] = state_on_ask,
	[HX_STOP] = on_stop,
};

int answer_add_fd(struct answer *answer, int fd)
{
	int copy;

	if (answer->fd_count == HX_FDS_MAX)
		return -E2BIG;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return -errno;
	answer->fds[answer->fd_count] = copy;
	return (int)answer->fd_count++;
}

static void answer_close_fds(struct answer *answer)
{
	while (answer->fd_count)
		close(answer->fds[--answer->fd_count]);
}

static int answer_send(struct answer *answer, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(answer->fds))];
	} control = { 0 };
	struct iovec part = { &answer->reply, hx_reply_size(answer->reply.count) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	size_t size = answer->fd_count * sizeof(int);
	struct cmsghdr *header;

	if (size) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(size);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(header), answer->fds, size);
	}
	if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return -errno;
	return 0;
}

static void serve(struct handle *handle, const struct hx_request *request)
{
	static struct answer answer; /* large; used up before this returns */
	int result = -EINVAL;

	answer.reply.count = 0;
	answer.fd_count = 0;
	if (request->op >= HX_FIRST_PRIVILEGED && handle->domain->domid != 0)
		result = -EPERM;
	else if (request->op < HX_OP_COUNT)
		result = operations[request->op](handle, request, &answer);
	if (result < 0) {
		answer.reply.count = 0;
		answer_close_fds(&answer);
	}
	answer.reply.result = result;
	/* The domain may have destroyed itself with this very request. */
	if (!handle->ended && answer_send(&answer, handle->source.fd) < 0)
		handle_end(handle, true);
	answer_close_fds(&answer);
}

static void on_request(struct source *source, uint32_t events)
{
	struct handle *handle = container_of(source, struct handle, source);
	static struct hx_request request;
	ssize_t size = recv(source->fd, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);

	(void)events;
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* Hung up, or not a request of ours. */
	if (size < (ssize_t)hx_request_size(0) || request.count > 2 * HX_REFS_MAX ||
	    size != (ssize_t)hx_request_size(request.count)) {
		if (size > 0)
			hxd_complain(handle->domain, "malformed request");
		handle_end(handle, true);
		return;
	}
	serve(handle, &request);
}

static pid_t peer_pid(int fd)
{
	struct ucred credentials = { 0 };
	socklen_t size = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size))
		return 0;
	return credentials.pid;
}

void handle_on_connect(struct source *listener, uint32_t events)
{
	struct domain *domain = container_of(listener, struct domain, device);
	int fd = loop_accept(domain->hxd, listener);
	struct handle *handle;

	(void)events;
	if (fd < 0)
		return;
	handle = domain->handle_count < HANDLES_MAX ? calloc(1, sizeof(*handle)) : NULL;
	if (!handle) {
		hxd_complain(domain, "too many open handles");
		close(fd);
		return;
	}
	handle->domain = domain;
	handle->source = (struct source){ .fd = fd, .on_event = on_request };
	handle->pid = peer_pid(fd);
	LIST_INSERT_HEAD(&domain->handles, handle, link);
	domain->handle_count++;
	handle->process = process_add(domain, handle->pid);
	if (loop_watch(domain->hxd, &handle->source, EPOLLIN) < 0)
		handle_end(handle, true);
}

void handle_end(struct handle *handle, bool tell_peers)
{
	struct hxd *hxd = handle->domain->hxd;

	if (handle->ended)
		return;
	handle->ended = true;
	/* Before the ports: a notification still needs to ring them. */
	grant_end_all(handle, tell_peers);
	evtchn_close_all(handle);
	process_remove(handle->process);
	loop_close(hxd, &handle->source);
	LIST_REMOVE(handle, link);
	handle->domain->handle_count--;
	LIST_INSERT_HEAD(&hxd->ended, handle, link);
}

void handle_reap(struct hxd *hxd)
{
	while (!LIST_EMPTY(&hxd->ended)) {
		struct handle *handle = LIST_FIRST(&hxd->ended);

		LIST_REMOVE(handle, link);
		free(handle);
	}
}
