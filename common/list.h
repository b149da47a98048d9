/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Intrusive doubly linked list.
 *
 * The head and the links are the same struct; an empty head points at itself. A link that
 * is on no list points at itself too, so removing it twice is harmless.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
	list->next = list->prev = list;
}

static inline bool list_is_empty(const struct list *list)
{
	return list->next == list;
}

static inline void list_push_back(struct list *list, struct list *link)
{
	link->prev = list->prev;
	link->next = list;
	list->prev->next = link;
	list->prev = link;
}

static inline void list_push_front(struct list *list, struct list *link)
{
	list_push_back(list->next, link);
}

/* The link may be on a list or on none. */
static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

/* NULL if the list is empty. */
#define list_first(list, type, member)                                                             \
	(list_is_empty(list) ? NULL : container_of((list)->next, type, member))

/* The body may remove nothing but what it leaves the loop with. */
#define list_for_each(item, list, member)                                                          \
	for (item = container_of((list)->next, __typeof__(*item), member);                         \
	     &item->member != (list);                                                              \
	     item = container_of(item->member.next, __typeof__(*item), member))
