/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The agent reads nothing of what it moves, so it cannot ask the bus whether it is still there.
 * Most ends show on the ring. Two do not: that of the domain that the bus was in, and that of this
 * one, when it was saved and goes on as another. Xenstore tells of both. */
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "tools/agent.h"

enum {
	GONE_S = 10, /* until a bus that xenstore does not name any more is believed to be gone */
	SETTLE_S = 2, /* until others in this domain have let go of their dead rings as well */
};

bool place_is_known(const struct address *bus, const struct bus_place *place)
{
	return bus->has_domid ? place->found != BUS_FOUND_NOT_YET : place->found == BUS_FOUND;
}

uint32_t place_domid(const struct address *bus, const struct bus_place *place)
{
	return bus->has_domid ? bus->domid : place->advert.domid;
}

static bool is_about(const struct address *bus, const struct bus_place *place)
{
	return place->found == BUS_FOUND && place->advert.domid == place_domid(bus, place);
}

const char *place_why_stale(const struct address *bus, const struct bus_place *made,
			    const struct bus_place *now, bool is_gone)
{
	enum bus_journey journey = bus_place_journey(made, now);

	if (made->found < BUS_FOUND_NOWHERE || now->found < BUS_FOUND_NOWHERE)
		return NULL;
	if (journey == BUS_JOURNEY_MOVED)
		return "this domain goes on under another domid";
	if (journey == BUS_JOURNEY_RESUMED)
		return "this domain was suspended";
	if (!is_about(bus, made))
		return NULL;
	if (now->found == BUS_FOUND && !bus_place_is_same(made, now))
		return "there is another bus";
	return is_gone && now->found == BUS_FOUND_NOWHERE ? "xenstore names no bus any more" : NULL;
}

static void on_gone(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	clients_check(data, true);
}

static void on_settled(evutil_socket_t fd, short what, void *data)
{
	struct agent *agent = data;

	(void)fd;
	(void)what;
	agent->is_settling = false;
	clients_check(agent, false);
}

static void on_news(evutil_socket_t fd, short what, void *data)
{
	struct timeval time = { .tv_sec = GONE_S }, settle = { .tv_sec = SETTLE_S };
	struct agent *agent = data;
	struct bus_place before = agent->place;

	(void)fd;
	(void)what;
	bus_finder_look(agent->finder, &agent->place);
	if (agent->place.found == BUS_FOUND)
		log_debug("the bus is in domain %u", agent->place.advert.domid);
	else
		log_debug("no bus: %s", agent->place.why);
	if (bus_place_journey(&before, &agent->place) != BUS_JOURNEY_NONE) {
		agent->is_settling = true;
		event_add(&agent->settled_event, &settle);
	}
	event_del(&agent->gone_event);
	if (agent->place.found == BUS_FOUND_NOWHERE)
		event_add(&agent->gone_event, &time);
	clients_check(agent, false);
}

int place_start(struct agent *agent)
{
	int r = agent->bus.kind == ADDRESS_VCHAN ? bus_finder_start(&agent->finder) : 0;

	if (r < 0 || !agent->finder)
		return r;
	event_assign(&agent->news_event, agent->base, bus_finder_fd(agent->finder),
		     EV_READ | EV_PERSIST, on_news, agent);
	evtimer_assign(&agent->gone_event, agent->base, on_gone, agent);
	evtimer_assign(&agent->settled_event, agent->base, on_settled, agent);
	return event_add(&agent->news_event, NULL) < 0 ? -ENOMEM : 0;
}

void place_stop(struct agent *agent)
{
	if (!agent->finder)
		return;
	event_del(&agent->news_event);
	event_del(&agent->gone_event);
	event_del(&agent->settled_event);
	agent->finder = bus_finder_stop(agent->finder);
}
