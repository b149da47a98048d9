/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hxd cannot take an eventfd back from a process. What it can do is advance the *epoch* of a
 * domain: a table of one counter for each domid, which all libraries map read-only. A port
 * remembers both ends' epochs at the time it was bound and rings only while they stand. Destroy
 * and suspend advance the epoch, and so cut every channel of the domain in silence.
 */
#include "hosted-xen/evtchn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

int evtchn_init(struct hxd *hxd)
{
	size_t size = HX_DOMID_MAX * sizeof(*hxd->epochs);

	hxd->epochs_fd = memfd_create("hx-epochs", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (hxd->epochs_fd < 0 || ftruncate(hxd->epochs_fd, (off_t)size))
		return -errno;
	hxd->epochs = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, hxd->epochs_fd, 0);
	if (hxd->epochs == MAP_FAILED)
		return -errno;
	/* From now on it can be mapped for reading only. */
	return fcntl(hxd->epochs_fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)
		       ? -errno
		       : 0;
}

static void event_set(int fd)
{
	uint64_t one = 1;

	/* Fails only when the counter is full, and then it is set. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

static void event_clear(int fd)
{
	uint64_t value;

	if (read(fd, &value, sizeof(value)) < 0)
		return; /* was clear */
}

static struct channel *channel_new(void)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (!channel)
		return NULL;
	channel->refs = 1;
	channel->event[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	channel->event[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (channel->event[0] < 0 || channel->event[1] < 0) {
		channel_unref(channel);
		return NULL;
	}
	return channel;
}

void channel_ref(struct channel *channel)
{
	channel->refs++;
}

void channel_unref(struct channel *channel)
{
	if (--channel->refs)
		return;
	for (int side = 0; side < 2; side++) {
		if (channel->event[side] >= 0)
			close(channel->event[side]);
	}
	free(channel);
}

void channel_ring(struct channel *channel, int from_side)
{
	if (!channel->dead)
		event_set(channel->event[!from_side]);
}

/* Takes over the caller's reference to the channel, also when it fails. */
static int port_new(struct domain *domain, struct channel *channel, int side, struct port **out)
{
	struct port *port = NULL;
	uint32_t number = 1;

	while (number < PORT_TABLE_SIZE && domain->ports[number])
		number++;
	if (number < PORT_TABLE_SIZE && domain->port_count < domain->limits.ports + 1)
		port = calloc(1, sizeof(*port));
	if (!port) {
		channel_unref(channel);
		return -ENOSPC;
	}
	*port = (struct port){ .domain = domain, .number = number, .channel = channel };
	port->side = side;
	port->remote = HX_NONE;
	channel->side[side] = port;
	domain->ports[number] = port;
	domain->port_count++;
	*out = port;
	return 0;
}

struct port *port_find(struct domain *domain, uint32_t number)
{
	return number < PORT_TABLE_SIZE ? domain->ports[number] : NULL;
}

void port_close(struct port *port)
{
	struct port *other = port->channel->side[!port->side];

	/* As in Xen, the other end goes back to "unbound", without an event. */
	if (other)
		other->remote = port->domain->domid;
	port->channel->side[port->side] = NULL;
	port->domain->ports[port->number] = NULL;
	port->domain->port_count--;
	if (port != port->domain->store_port)
		LIST_REMOVE(port, link);
	else
		port->domain->store_port = NULL;
	channel_unref(port->channel);
	free(port);
}

int port_add_store(struct domain *domain)
{
	struct channel *channel = channel_new();
	int result = channel ? port_new(domain, channel, 0, &domain->store_port) : -ENOMEM;

	if (result == 0)
		domain->store_port->remote = 0;
	return result;
}

/* The channel that the binder is to join, or NULL. */
static struct channel *find_unbound(const struct domain *binder, uint32_t domid, uint32_t number)
{
	struct domain *remote = domain_find(binder->hxd, domid);
	struct port *port = remote && !remote->dying ? port_find(remote, number) : NULL;

	if (!port || port->virq || port->channel->dead || port->channel->side[!port->side])
		return NULL;
	if (port->remote != binder->domid)
		return NULL;
	/* Loopback only for xenstored, which serves its own domain. */
	if (remote == binder && port != binder->store_port)
		return NULL;
	return port->channel;
}

static int channel_for(struct domain *domain, const struct hx_request *request,
		       struct channel **channel, int *side)
{
	uint32_t remote = request->arg[0];

	*side = 0;
	if (request->op == HX_BIND_INTERDOMAIN) {
		*channel = find_unbound(domain, remote, request->arg[1]);
		if (!*channel) {
			hxd_complain(domain, "may not bind port %u of dom%u", request->arg[1],
				     remote);
			return -EINVAL;
		}
		*side = (*channel)->side[0] ? 1 : 0;
		channel_ref(*channel);
		return 0;
	}
	if (request->op == HX_BIND_VIRQ && domain->domid != 0)
		return -EPERM;
	if (request->op == HX_BIND_UNBOUND && (remote >= HX_DOMID_MAX || remote == domain->domid))
		return -EINVAL;
	*channel = channel_new();
	return *channel ? 0 : -ENOSPC;
}

static bool is_store_channel(const struct channel *channel)
{
	const struct port *first = channel->side[0]; /* the one that was unbound */

	return first && first == first->domain->store_port;
}

static int answer_port(const struct port *port, struct answer *answer)
{
	const struct hxd *hxd = port->domain->hxd;
	const struct channel *channel = port->channel;
	uint32_t *words = answer->reply.words;
	int result = answer_add_fd(answer, channel->event[port->side]);

	if (result >= 0)
		result = answer_add_fd(answer, channel->event[!port->side]);
	if (result < 0)
		return result;
	words[0] = hxd->epochs[port->domain->domid];
	/* The toolstack makes a new xenstore channel after a suspend; here the old one lives on. */
	words[1] = is_store_channel(channel) ? HX_NONE : port->remote;
	words[2] = words[1] < HX_DOMID_MAX ? hxd->epochs[words[1]] : 0;
	answer->reply.count = 3;
	return (int)port->number;
}

int evtchn_on_bind(struct handle *handle, const struct hx_request *request, struct answer *answer)
{
	struct domain *domain = handle->domain;
	struct channel *channel;
	struct port *port;
	int side, result;

	result = channel_for(domain, request, &channel, &side);
	if (result < 0)
		return result;
	result = port_new(domain, channel, side, &port);
	if (result < 0)
		return result;
	LIST_INSERT_HEAD(&handle->ports, port, link);
	port->virq = request->op == HX_BIND_VIRQ;
	if (!port->virq)
		port->remote = request->arg[0];
	if (request->op == HX_BIND_INTERDOMAIN) {
		/* Xen sets the binder's port pending once. */
		event_clear(channel->event[side]);
		event_set(channel->event[side]);
	}
	result = answer_port(port, answer);
	if (result < 0)
		port_close(port);
	return result;
}

int evtchn_on_unbind(struct handle *handle, const struct hx_request *request, struct answer *answer)
{
	struct port *port;

	(void)answer;
	LIST_FOREACH(port, &handle->ports, link)
	{
		if (port->number == request->arg[0]) {
			port_close(port);
			return 0;
		}
	}
	return -ENOTCONN;
}

int evtchn_on_epochs(struct handle *handle, const struct hx_request *request, struct answer *answer)
{
	const struct hxd *hxd = handle->domain->hxd;

	(void)request;
	return answer_add_fd(answer, hxd->epochs_fd);
}

void evtchn_close_all(struct handle *handle)
{
	while (!LIST_EMPTY(&handle->ports))
		port_close(LIST_FIRST(&handle->ports));
}

void evtchn_sever(struct domain *domain)
{
	struct handle *handle;
	struct port *port;

	__atomic_add_fetch(&domain->hxd->epochs[domain->domid], 1, __ATOMIC_RELEASE);
	LIST_FOREACH(handle, &domain->handles, link)
	{
		LIST_FOREACH(port, &handle->ports, link)
		port->channel->dead = true;
		evtchn_close_all(handle);
	}
}

void evtchn_raise_virq(struct hxd *hxd)
{
	struct domain *dom0 = hxd->domains[0];

	for (uint32_t i = 1; dom0 && i < PORT_TABLE_SIZE; i++) {
		const struct port *port = dom0->ports[i];

		if (port && port->virq)
			event_set(port->channel->event[port->side]);
	}
}
