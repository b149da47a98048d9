/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/listen-vchan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/stream-vchan.h"
#include "io/dialer.h"
#include "io/journal-link.h"

enum { STORE_SLOW_US = 5 * 1000 * 1000 };

/* One life of a domain: what all its links share. */
struct domain {
	UT_hash_handle hh;
	uint64_t generation;
	struct quota *quota;
	struct turn turn;
	unsigned links;
	bool is_gone;
};

struct listen_vchan {
	struct server *server;
	struct dialer *dialer;
	struct event *event;
	struct domain *domains;
	uint64_t refused_seen; /* of the dialer's refusals, those that are counted */
};

static struct domain *domain_find(const struct listen_vchan *listener, uint64_t generation)
{
	struct domain *domain;

	MAP_FIND(listener->domains, &generation, sizeof(generation), generation, domain);
	return domain;
}

static struct quota_owner owner_of(const struct identity *identity, uint64_t generation)
{
	struct quota_owner owner = { .is_guest = true,
				     .id = identity->domid,
				     .generation = generation };

	memcpy(owner.uuid, identity->uuid, sizeof(owner.uuid));
	memcpy(owner.name, identity->domain_name, sizeof(owner.name));
	return owner;
}

static struct domain *domain_get(struct listen_vchan *listener, const struct identity *identity,
				 uint64_t generation)
{
	struct quota_owner owner = owner_of(identity, generation);
	struct domain *domain = domain_find(listener, generation);

	if (domain) {
		domain->quota->owner = owner; /* it may have been renamed */
		return domain;
	}
	domain = calloc(1, sizeof(*domain));
	if (!domain)
		return NULL;
	domain->generation = generation;
	domain->quota = bus_quota_new(&listener->server->bus, &owner);
	if (domain->quota)
		MAP_ADD(listener->domains, &domain->generation, sizeof(domain->generation),
			generation, domain);
	if (!domain->quota || !domain->hh.tbl) {
		quota_unref(domain->quota);
		free(domain);
		return NULL;
	}
	return domain;
}

static void domain_put(struct listen_vchan *listener, struct domain *domain)
{
	if (domain->links || !domain->is_gone)
		return;
	MAP_REMOVE(listener->domains, domain);
	quota_unref(domain->quota);
	free(domain);
}

/* Takes the stream and the identity's strings over only if it returns 0. */
static int welcome(struct listen_vchan *listener, struct dialer_event *event)
{
	struct link_party party = { .identity = event->identity,
				    .generation = event->generation,
				    .pages = stream_vchan_pages(event->stream) };
	struct domain *domain = NULL;
	int r;

	if (!listener->server->bus.shortage.is_on)
		domain = domain_get(listener, &event->identity, event->generation);
	if (!domain)
		return -ENOMEM;
	party.quota = domain->quota;
	party.turn = &domain->turn;
	r = link_new(listener->server, event->stream, &party);
	if (r == 0)
		domain->links++;
	else
		domain_put(listener, domain);
	return r;
}

static void on_dialed(struct listen_vchan *listener, struct dialer_event *event)
{
	int r = welcome(listener, event);

	if (r == 0) {
		event->stream = NULL;
		event->identity.own = NULL;
		return;
	}
	listener->server->bus.count.links_refused++;
	if (r == -ENOMEM)
		shortage_begin(&listener->server->bus.shortage, listener->server->now_us);
	journal_link_refused(listener->server, &event->identity, r);
	dialer_report(listener->dialer, event->generation, DIALER_CLOSED_HALF_OPEN,
		      stream_vchan_pages(event->stream));
}

static void on_gone(struct listen_vchan *listener, uint64_t generation)
{
	struct domain *domain = domain_find(listener, generation);
	struct link *link;

	list_for_each(link, &listener->server->links, server_link)
		if (link->party.identity.is_guest && link->party.generation == generation)
			link_end(link, "its domain is gone");
	if (!domain)
		return;
	domain->is_gone = true;
	domain_put(listener, domain);
}

static void on_elsewhere(struct listen_vchan *listener)
{
	log_error("this domain, %u, goes on under another domid: it was saved and restored, or "
		  "migrated, and all rings are dead; to be started anew",
		  dialer_own_domid(listener->dialer));
	server_fail(listener->server, -ESTALE);
}

static void on_events(evutil_socket_t fd, short events, void *data)
{
	struct listen_vchan *listener = data;
	struct dialer_event *event;

	(void)fd;
	(void)events;
	server_begin_round(listener->server);
	while ((event = dialer_take(listener->dialer))) {
		if (event->stream)
			on_dialed(listener, event);
		else
			on_gone(listener, event->generation);
		dialer_event_free(event);
	}
	listen_vchan_look(listener);
	if (dialer_is_elsewhere(listener->dialer) && !listener->server->is_stopping)
		on_elsewhere(listener);
}

static const char *trouble_of(const struct dialer_view *view)
{
	if (!view->has_store)
		return "xenstored is not there: rings that guests offer wait until it is";
	if (view->waiting_us > STORE_SLOW_US)
		return "xenstored does not answer: rings that guests offer wait until it does";
	if (view->is_blind)
		return "this domain cannot see which others there are: the log of the bus says "
		       "why. If this is not domain 0: does xcp-bus-domain run there?";
	return "";
}

void listen_vchan_look(struct listen_vchan *listener)
{
	struct bus *bus = &listener->server->bus;
	struct dialer_view view;

	dialer_look(listener->dialer, &view);
	bus->count.links_refused += view.refused - listener->refused_seen;
	listener->refused_seen = view.refused;
	server_set_health(listener->server, HEALTH_GUESTS, trouble_of(&view));
}

struct listen_vchan *listen_vchan_free(struct listen_vchan *listener)
{
	struct domain *domain, *next;

	if (!listener)
		return NULL;
	HASH_ITER(hh, listener->domains, domain, next)
	{
		domain->is_gone = true;
		domain_put(listener, domain);
	}
	if (listener->event)
		event_free(listener->event);
	dialer_stop(listener->dialer);
	free(listener);
	return NULL;
}

DEFINE_FREEP(struct listen_vchan, listen_vchan_free)

static struct vchan_limits limits_of(const struct server *server)
{
	struct vchan_limits limits = server->config->vchan;

	/* The same limit as the quota's, so that the guest is told before it is dialled. */
	limits.links_max = (unsigned)server->config->bus.guest.max[QUOTA_PEERS];
	return limits;
}

void listen_vchan_limits_changed(struct listen_vchan *listener)
{
	struct vchan_limits limits = limits_of(listener->server);

	dialer_set_limits(listener->dialer, &limits);
}

int listen_vchan_new(struct server *server, struct listen_vchan **out, char *why, size_t why_size)
{
	CLEANUP(listen_vchan_freep) struct listen_vchan *listener = calloc(1, sizeof(*listener));
	struct vchan_limits limits = limits_of(server);

	if (!listener) {
		snprintf(why, why_size, "no memory");
		return -1;
	}
	listener->server = server;
	if (dialer_start(&limits, server->bus.settings.guid, &listener->dialer, why, why_size) < 0)
		return -1;
	server->bus.settings.domid = dialer_own_domid(listener->dialer);
	listener->event = event_new(server->base, dialer_fd(listener->dialer), EV_READ | EV_PERSIST,
				    on_events, listener);
	if (!listener->event || event_add(listener->event, NULL) < 0) {
		snprintf(why, why_size, "no memory");
		return -1;
	}
	*out = TAKE(listener);
	return 0;
}

void listen_vchan_authenticated(struct listen_vchan *listener, const struct link_party *party)
{
	dialer_report(listener->dialer, party->generation, DIALER_AUTHENTICATED, 0);
}

void listen_vchan_closed(struct listen_vchan *listener, const struct link_party *party,
			 bool was_authenticated)
{
	struct domain *domain = domain_find(listener, party->generation);

	domain->links--;
	domain_put(listener, domain);
	dialer_report(listener->dialer, party->generation,
		      was_authenticated ? DIALER_CLOSED : DIALER_CLOSED_HALF_OPEN, party->pages);
}
