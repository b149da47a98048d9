/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "tools/monitor-remedy.h"

enum { ASK_MS = 5000 };

const struct xcpbus_target bus1_home = { BUS_NAME, BUS_PATH, NULL, ASK_MS };

static void add_page(struct links *links, const struct bus1_list_of_link *page)
{
	unsigned i;

	links->pages =
		need(reallocarray(links->pages, links->page_count + 1, sizeof(*links->pages)));
	links->pages[links->page_count++] = *page;
	links->items = need(
		reallocarray(links->items, links->count + page->count + 1, sizeof(*links->items)));
	for (i = 0; i < page->count; i++)
		links->items[links->count++] = &page->items[i];
}

int links_load(struct xcpbus *bus, struct links *links, struct xcpbus_error *error)
{
	struct links loaded = { 0 };
	struct bus1_list_of_link page;
	uint64_t after = 0;
	bool is_all;
	int r;

	do {
		r = bus1_list_links(bus, &bus1_home, after, 0, &page, &is_all, error);
		if (r < 0) {
			links_deinit(&loaded);
			return r;
		}
		add_page(&loaded, &page);
		if (page.count)
			after = page.items[page.count - 1].id;
	} while (!is_all && page.count);
	*links = loaded;
	return 0;
}

void links_deinit(struct links *links)
{
	unsigned i;

	for (i = 0; i < links->page_count; i++)
		bus1_list_of_link_free(&links->pages[i]);
	free(links->pages);
	free(links->items);
	*links = (struct links){ 0 };
}

const struct bus1_link *links_find(const struct links *links, const char *unique_name)
{
	unsigned i;

	for (i = 0; i < links->count; i++)
		if (!strcmp(links->items[i]->unique_name, unique_name))
			return links->items[i];
	return NULL;
}

struct party link_party(const struct bus1_link *link)
{
	return (struct party){
		.unique = link->unique_name,
		.name = link->names.count ? link->names.items[0] : NULL,
		.domid = link->domid,
		.domain = *link->domain_name ? link->domain_name : NULL,
	};
}

int fail_bus1(const struct tool *tool, const struct xcpbus_error *error)
{
	struct xcpbus_error missing;

	if (!xcpbus_error_is(error, DBUS_ERROR_UNKNOWN_INTERFACE) &&
	    !xcpbus_error_is(error, DBUS_ERROR_UNKNOWN_METHOD))
		return fail_answer(tool, error, NULL);
	xcpbus_error_set(&missing, DBUS_ERROR_NOT_SUPPORTED,
			 "this is not xcp-busd, or an older one: it has no org.xen.xcp.Bus1");
	return fail_answer(tool, &missing, NULL);
}
