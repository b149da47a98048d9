/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/list.h"

#include "test.h"

struct item {
	int value;
	struct list link;
};

static struct list list;
static struct item items[3];

static void setup(void)
{
	list_init(&list);
	for (int i = 0; i < 3; i++) {
		items[i].value = i;
		list_init(&items[i].link);
	}
}

/* The values in order, as decimal digits. */
static int digits(void)
{
	struct item *item;
	int all = 0;

	list_for_each(item, &list, link)
		all = all * 10 + item->value + 1;
	return all;
}

static void an_empty_list_has_no_first(void)
{
	setup();
	CHECK(list_is_empty(&list));
	CHECK(!list_first(&list, struct item, link));
	CHECK(digits() == 0);
}

static void items_come_in_the_order_of_pushing(void)
{
	setup();
	list_push_back(&list, &items[1].link);
	list_push_back(&list, &items[2].link);
	list_push_front(&list, &items[0].link);
	CHECK(digits() == 123);
	CHECK(!list_is_empty(&list));
	CHECK(list_first(&list, struct item, link) == &items[0]);
}

static void removing_leaves_the_others(void)
{
	setup();
	for (int i = 0; i < 3; i++)
		list_push_back(&list, &items[i].link);
	list_remove(&items[1].link);
	CHECK(digits() == 13);
	list_remove(&items[0].link);
	list_remove(&items[2].link);
	CHECK(list_is_empty(&list));
}

static void removing_twice_is_harmless(void)
{
	setup();
	list_push_back(&list, &items[0].link);
	list_push_back(&list, &items[1].link);
	list_remove(&items[0].link);
	list_remove(&items[0].link);
	CHECK(digits() == 2);
	list_push_back(&list, &items[0].link);
	CHECK(digits() == 21);
}

static void a_removed_link_is_on_no_list(void)
{
	setup();
	list_remove(&items[0].link);
	CHECK(list_is_empty(&items[0].link));
	list_push_back(&list, &items[0].link);
	CHECK(!list_is_empty(&items[0].link));
	list_remove(&items[0].link);
	CHECK(list_is_empty(&items[0].link));
}

static void container_of_finds_the_item(void)
{
	CHECK(container_of(&items[2].link, struct item, link) == &items[2]);
}

int main(void)
{
	RUN(an_empty_list_has_no_first);
	RUN(items_come_in_the_order_of_pushing);
	RUN(removing_leaves_the_others);
	RUN(removing_twice_is_harmless);
	RUN(a_removed_link_is_on_no_list);
	RUN(container_of_finds_the_item);
	return test_finish();
}
