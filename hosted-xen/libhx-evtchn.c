/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxenevtchn.so.1, played through hxd: a port is an eventfd, a handle is an epoll fd, and
 * "masked until unmask" is EPOLLONESHOT. A notification is one write() to the peer; it is made
 * only while the epochs of both ends are those of the time of binding (see evtchn.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenevtchn.h>

#include "hosted-xen/libhx.h"

struct port {
	uint32_t number;
	uint32_t own_epoch, remote, remote_epoch;
	int wait_fd, ring_fd;
};

struct xenevtchn_handle {
	int epoll, socket;
	uint32_t own_domid, count;
	struct port *ports;
	const uint32_t *epochs;
};

static const size_t epochs_size = HX_DOMID_MAX * sizeof(uint32_t);

static struct port *find_port(struct xenevtchn_handle *handle, uint32_t number)
{
	for (uint32_t i = 0; i < handle->count; i++) {
		if (handle->ports[i].number == number)
			return &handle->ports[i];
	}
	errno = ENOTCONN;
	return NULL;
}

static void close_port(const struct port *port)
{
	close(port->wait_fd);
	close(port->ring_fd);
}

static const uint32_t *map_epochs(int socket)
{
	struct hx_request request = { .op = HX_EPOCHS };
	struct hx_reply reply;
	const uint32_t *epochs;
	int fd;

	if (hx_call(socket, &request, &reply, &fd, 1) < 1)
		return NULL;
	epochs = mmap(NULL, epochs_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return epochs == MAP_FAILED ? NULL : epochs;
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned flags)
{
	struct xenevtchn_handle *handle = calloc(1, sizeof(*handle));
	int error;

	(void)logger;
	if (!handle)
		return NULL;
	handle->epoll = epoll_create1(flags & XENEVTCHN_NO_CLOEXEC ? 0 : EPOLL_CLOEXEC);
	handle->socket = hx_connect();
	if (handle->socket >= 0)
		handle->epochs = map_epochs(handle->socket);
	if (handle->epoll >= 0 && handle->epochs) {
		handle->own_domid = (uint32_t)atoi(getenv("HX_DOMID"));
		return handle;
	}
	error = errno;
	xenevtchn_close(handle);
	errno = error;
	return NULL;
}

/* For xenstored's live update, which hosted Xen does not offer. */
xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned flags)
{
	(void)logger;
	(void)fd;
	(void)flags;
	errno = ENOSYS;
	return NULL;
}

int xenevtchn_close(xenevtchn_handle *handle)
{
	if (!handle)
		return 0;
	for (uint32_t i = 0; i < handle->count; i++)
		close_port(&handle->ports[i]);
	if (handle->epochs)
		munmap((void *)handle->epochs, epochs_size);
	if (handle->epoll >= 0)
		close(handle->epoll);
	if (handle->socket >= 0)
		close(handle->socket);
	free(handle->ports);
	free(handle);
	return 0;
}

int xenevtchn_fd(xenevtchn_handle *handle)
{
	return handle->epoll;
}

int xenevtchn_restrict(xenevtchn_handle *handle, domid_t domid)
{
	(void)handle;
	(void)domid;
	errno = ENOSYS;
	return -1;
}

static void unbind(struct xenevtchn_handle *handle, uint32_t number)
{
	struct hx_request request = { .op = HX_UNBIND, .arg = { number } };
	struct hx_reply reply;

	/* A suspend may have taken the port away; the kernel does not complain either. */
	(void)hx_call(handle->socket, &request, &reply, NULL, 0);
}

static int bind_port(struct xenevtchn_handle *handle, uint32_t op, uint32_t first, uint32_t second)
{
	struct hx_request request = { .op = op, .arg = { first, second } };
	struct port *ports = realloc(handle->ports, (handle->count + 1) * sizeof(*ports));
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT };
	struct hx_reply reply;
	int fds[2];

	if (!ports)
		return -1;
	handle->ports = ports;
	if (hx_call(handle->socket, &request, &reply, fds, 2) < 2)
		return -1;
	ports[handle->count] = (struct port){
		.number = (uint32_t)reply.result,
		.own_epoch = reply.words[0],
		.remote = reply.words[1],
		.remote_epoch = reply.words[2],
		.wait_fd = fds[0],
		.ring_fd = fds[1],
	};
	event.data.u32 = (uint32_t)reply.result;
	if (epoll_ctl(handle->epoll, EPOLL_CTL_ADD, fds[0], &event)) {
		int error = errno;

		close_port(&ports[handle->count]);
		unbind(handle, (uint32_t)reply.result);
		errno = error;
		return -1;
	}
	handle->count++;
	return reply.result;
}

xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *handle, uint32_t domid)
{
	return bind_port(handle, HX_BIND_UNBOUND, domid, 0);
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *handle, uint32_t domid,
						     evtchn_port_t port)
{
	return bind_port(handle, HX_BIND_INTERDOMAIN, domid, port);
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *handle, unsigned number)
{
	return bind_port(handle, HX_BIND_VIRQ, number, 0);
}

int xenevtchn_unbind(xenevtchn_handle *handle, evtchn_port_t number)
{
	struct port *port = find_port(handle, number);

	if (!port)
		return -1;
	epoll_ctl(handle->epoll, EPOLL_CTL_DEL, port->wait_fd, NULL);
	close_port(port);
	*port = handle->ports[--handle->count];
	unbind(handle, number);
	return 0;
}

static bool is_live(const struct xenevtchn_handle *handle, const struct port *port)
{
	const uint32_t *epochs = handle->epochs;

	if (__atomic_load_n(&epochs[handle->own_domid], __ATOMIC_ACQUIRE) != port->own_epoch)
		return false;
	return port->remote >= HX_DOMID_MAX ||
	       __atomic_load_n(&epochs[port->remote], __ATOMIC_ACQUIRE) == port->remote_epoch;
}

int xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t number)
{
	const struct port *port = find_port(handle, number);
	uint64_t one = 1;

	if (!port)
		return -1;
	if (!is_live(handle, port))
		return 0; /* nobody at the other end: Xen drops it without a word */
	if (write(port->ring_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		return -1;
	return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *handle)
{
	struct epoll_event event;
	const struct port *port;
	uint64_t value;
	int count = epoll_wait(handle->epoll, &event, 1, 0);

	if (count == 0) {
		if (fcntl(handle->epoll, F_GETFL) & O_NONBLOCK) {
			errno = EAGAIN;
			return -1;
		}
		count = epoll_wait(handle->epoll, &event, 1, -1);
	}
	if (count != 1)
		return -1;
	port = find_port(handle, event.data.u32);
	if (!port)
		return -1;
	if (read(port->wait_fd, &value, sizeof(value)) < 0 && errno != EAGAIN)
		return -1;
	return (xenevtchn_port_or_error_t)event.data.u32;
}

int xenevtchn_unmask(xenevtchn_handle *handle, evtchn_port_t number)
{
	const struct port *port = find_port(handle, number);
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.u32 = number };

	return port ? epoll_ctl(handle->epoll, EPOLL_CTL_MOD, port->wait_fd, &event) : -1;
}
