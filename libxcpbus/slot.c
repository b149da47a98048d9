/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "libxcpbus/private.h"

void slot_add(struct xcpbus_slot *slot, struct xcpbus *bus, const struct slot_ops *ops,
	      struct list *list, struct xcpbus_slot **out)
{
	slot->ops = ops;
	slot->bus = bus;
	slot->born = bus->round;
	slot->is_floating = !out;
	list_push_back(list, &slot->link);
	list_init(&slot->dead_link);
	if (out)
		*out = slot;
}

void slot_hand_out(struct xcpbus_slot *slot, void (*free_owned)(void *), void *owned,
		   struct xcpbus_slot **out)
{
	slot->free_owned = free_owned;
	slot->owned = owned;
	slot->is_floating = !out;
	if (out)
		*out = slot;
}

static void slot_bury(struct xcpbus_slot *slot)
{
	if (slot->free_owned)
		slot->free_owned(slot->owned);
	list_remove(&slot->link);
	list_remove(&slot->dead_link);
	slot->ops->free(slot);
}

struct xcpbus_slot *xcpbus_slot_free(struct xcpbus_slot *slot)
{
	if (!slot || slot->is_dead)
		return NULL;
	slot->is_dead = true;
	if (slot->ops->cancel)
		slot->ops->cancel(slot);
	/* Somebody may be walking over it: the walk ends before the memory does. */
	if (slot->bus->depth)
		list_push_back(&slot->bus->dead, &slot->dead_link);
	else
		slot_bury(slot);
	return NULL;
}

void slot_free_all(struct list *list)
{
	struct list *link = list->next, *next;

	for (; link != list; link = next) {
		next = link->next;
		xcpbus_slot_free(container_of(link, struct xcpbus_slot, link));
	}
}

void slot_reap(struct xcpbus *bus)
{
	struct xcpbus_slot *slot;

	while ((slot = list_first(&bus->dead, struct xcpbus_slot, dead_link)))
		slot_bury(slot);
}
