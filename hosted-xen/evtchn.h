/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Event channels.
 *
 * A channel is a pair of eventfds. Both ends hold both, so that an event is one write() by the
 * one and one wake-up of the other, without hxd in the path.
 */
#pragma once

#include "hosted-xen/hxd.h"

struct port;

struct channel {
	unsigned refs; /* ports, and notifications that name it */
	bool dead; /* one end was suspended or destroyed */
	int event[2]; /* the port on side s waits for event[s] */
	struct port *side[2];
};

struct port {
	LIST_ENTRY(port) link; /* handle::ports; unused for a domain's xenstore port */
	struct domain *domain;
	uint32_t number;
	struct channel *channel;
	int side;
	uint32_t remote; /* domid that may bind, or is bound */
	bool virq;
};

void channel_ref(struct channel *channel);
void channel_unref(struct channel *channel);
void channel_ring(struct channel *channel, int from_side);

int port_add_store(struct domain *domain); /* sets domain::store_port; 0 or a negative errno */
void port_close(struct port *port); /* of a handle or not */
struct port *port_find(struct domain *domain, uint32_t number);

int evtchn_on_bind(struct handle *handle, const struct hx_request *request, struct answer *answer);
int evtchn_on_unbind(struct handle *handle, const struct hx_request *request,
		     struct answer *answer);
int evtchn_on_epochs(struct handle *handle, const struct hx_request *request,
		     struct answer *answer);

int evtchn_init(struct hxd *hxd);
void evtchn_close_all(struct handle *handle);
/* Every channel that the domain's programs had goes dead at both ends. */
void evtchn_sever(struct domain *domain);
/* VIRQ_DOM_EXC: tells xenstored that a domain has changed. */
void evtchn_raise_virq(struct hxd *hxd);
