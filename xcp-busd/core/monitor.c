/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/monitor.h"

#include "core/answer.h"
#include "core/delivery.h"
#include "core/driver.h"

/* Whether text names the peer: by its unique name or one that it owns. */
static bool names_peer(const struct peer *peer, struct text text)
{
	const struct name_claim *claim;

	if (text_is(text, peer->name))
		return true;
	list_for_each(claim, &peer->owned, peer_link)
		if (name_claim_is_primary(claim) &&
		    text_equals(text, (struct text){ claim->name->text, claim->name->size }))
			return true;
	return false;
}

/* The arguments are large: they are not even cleared. */
void monitor_view_init(struct monitor_view *view, const struct bus *bus,
		       const struct message *message, struct peer *from)
{
	view->bus = bus;
	view->message = message;
	view->from = from;
	view->to = NULL;
	view->has_to = view->has_args = false;
}

static const struct body_args *view_args(struct monitor_view *view)
{
	if (!view->has_args)
		body_read_args(view->message, RULE_ARGS_MAX, &view->args);
	view->has_args = true;
	return &view->args;
}

static const struct peer *view_to(struct monitor_view *view)
{
	if (!view->has_to && view->message->destination.bytes)
		view->to = bus_find_peer(view->bus, view->message->destination);
	view->has_to = true;
	return view->to;
}

bool monitor_rule_sees(const struct rule *rule, struct monitor_view *view)
{
	const struct message *message = view->message;
	const struct body_args *args = rule->args_needed ? view_args(view) : NULL;
	const struct peer *to;

	if (!rule_covers(rule, message, args) || !rule_matches_rest(rule, args))
		return false;
	if ((rule->keys & RULE_SENDER) && !(view->from ? names_peer(view->from, rule->sender)
						       : text_is(rule->sender, DRIVER_NAME)))
		return false;
	if (!(rule->keys & RULE_DESTINATION) ||
	    text_equals(rule->destination, message->destination))
		return true;
	to = view_to(view);
	return to && names_peer(to, rule->destination);
}

static bool wants(const struct peer *monitor, struct monitor_view *view)
{
	const struct rule *rule;

	if (list_is_empty(&monitor->matches))
		return true;
	list_for_each(rule, &monitor->matches, peer_link)
		if (monitor_rule_sees(rule, view))
			return true;
	return false;
}

/* Says how many messages the monitor has missed. False if there is still no room to say so. */
static bool confess(struct bus *bus, struct peer *monitor)
{
	struct delivery delivery;
	struct build build;
	uint8_t *bytes;
	uint32_t size;
	bool is_said = false;

	driver_build(&build, bus,
		     (struct build_head){
			     .type = MESSAGE_SIGNAL,
			     .path = DRIVER_PATH,
			     .interface = DRIVER_BUS1,
			     .member = "MessagesLost",
			     .sender = DRIVER_NAME,
			     .signature = "t",
		     });
	build_uint64(&build, monitor->lost_count);
	if (build_finish(&build, &bytes, &size) == 0) {
		delivery_init_own(&delivery, bytes, size);
		is_said = delivery_send(bus, monitor, &delivery, monitor->quota, NULL) == DELIVERED;
	}
	build_deinit(&build);
	if (is_said)
		monitor->lost_count = 0;
	return is_said;
}

/* After a loss it has to read half of its queue first, or it would see little but confessions. */
static bool is_behind(const struct peer *monitor)
{
	return monitor->lost_count && monitor->outbox.size > monitor->outbox_max / 2;
}

/* What waits for monitors is charged to whose they are. They leave half of that to who takes part:
 * a monitor that was stopped and forgotten must not cost others of its user their connections. */
static bool leaves_enough(const struct peer *monitor, uint64_t size)
{
	const struct quota *quota = monitor->quota;

	return quota->used[QUOTA_BYTES] + size <= quota->limits->max[QUOTA_BYTES] / 2;
}

static void lose(struct peer *monitor)
{
	monitor->lost_count++;
	monitor->lost_total++;
}

/* Those that want the message and have room for it are told of what they have missed before; of
 * the others it is counted. Returns the next to get the message, after one that just did. */
static struct peer *next_monitor(struct bus *bus, struct peer *last, struct monitor_view *view,
				 uint64_t size)
{
	struct list *at = last ? last->monitor_link.next : bus->monitors.next;
	struct peer *monitor;

	for (; at != &bus->monitors; at = at->next) {
		monitor = container_of(at, struct peer, monitor_link);
		if (monitor->is_dropped || !wants(monitor, view))
			continue;
		if (leaves_enough(monitor, size) && !is_behind(monitor) &&
		    (!monitor->lost_count || confess(bus, monitor)))
			return monitor;
		lose(monitor);
	}
	return NULL;
}

static void show(struct bus *bus, struct peer *monitor, struct monitor_view *view,
		 const struct delivery *delivery)
{
	for (; monitor; monitor = next_monitor(bus, monitor, view, delivery->size))
		if (delivery_send(bus, monitor, delivery, monitor->quota, NULL) != DELIVERED)
			lose(monitor);
}

/* A monitor that was left standing costs next to nothing: if all that there are want all and are
 * behind, they miss this, too, and there is nothing to look at. */
static bool all_miss(struct bus *bus)
{
	struct peer *monitor;

	list_for_each(monitor, &bus->monitors, monitor_link)
		if (!is_behind(monitor) || !list_is_empty(&monitor->matches))
			return false;
	list_for_each(monitor, &bus->monitors, monitor_link)
		lose(monitor);
	return true;
}

static __attribute__((noinline)) void
show_message(struct bus *bus, struct peer *from, struct message *message, const struct cargo *cargo)
{
	struct monitor_view view;
	struct delivery delivery;
	struct peer *first;

	monitor_view_init(&view, bus, message, from);
	first = next_monitor(bus, NULL, &view, message->size);
	if (!first)
		return;
	if (delivery_init(&delivery, bus, from, message, cargo) < 0) {
		lose(first);
		return;
	}
	delivery.from = NULL; /* a monitor's queue is its own: nobody has a share in it */
	show(bus, first, &view, &delivery);
}

void monitor_show(struct bus *bus, struct peer *from, struct message *message,
		  const struct cargo *cargo)
{
	if (!all_miss(bus))
		show_message(bus, from, message, cargo);
}

void monitor_show_own(struct bus *bus, struct peer *to, const uint8_t *bytes, uint32_t size)
{
	struct monitor_view view;
	struct delivery delivery;
	struct message message;

	if (all_miss(bus))
		return;
	/* Parsing writes nothing; only stamping would, and these have their sender. */
	if (message_parse(&message, (uint8_t *)(uintptr_t)bytes, size) != MESSAGE_VALID)
		return;
	monitor_view_init(&view, bus, &message, NULL);
	view.to = to;
	view.has_to = true;
	delivery_init_own(&delivery, bytes, size);
	show(bus, next_monitor(bus, NULL, &view, size), &view, &delivery);
}

void monitor_show_error(struct bus *bus, const struct peer *from, uint32_t serial,
			const char *error_name, const char *text)
{
	struct build_head head = {
		.reply_serial = serial,
		.error_name = error_name,
		.destination = from ? from->name : DRIVER_NAME,
	};
	struct build build;
	uint8_t *bytes;
	uint32_t size;

	answer_build_error(bus, &build, &head, text);
	if (build_finish(&build, &bytes, &size) == 0)
		monitor_show_own(bus, NULL, bytes, size);
	build_deinit(&build);
}

void monitor_become(struct bus *bus, struct peer *peer, struct list *rules)
{
	struct rule *rule;

	peer_leave_bus(peer);
	while ((rule = list_first(rules, struct rule, peer_link))) {
		list_remove(&rule->peer_link);
		list_push_back(&peer->matches, &rule->peer_link);
	}
	peer->is_monitor = true;
	list_push_back(&bus->monitors, &peer->monitor_link);
}

void monitor_leave(struct peer *peer)
{
	list_remove(&peer->monitor_link);
	rule_free_list(&peer->matches);
}
