/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-sample.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

const char *const row_kind_names[] = { "service", "domain", "connection" };

/* ---- Looking ---- */

int sample_load(struct xcpbus *bus, struct sample *sample, struct xcpbus_error *error)
{
	struct sample loaded = { 0 };
	int r = links_load(bus, &loaded.links, error);

	if (r >= 0)
		r = bus1_list_domains(bus, &bus1_home, &loaded.domains, error);
	if (r >= 0)
		r = bus1_get_counters(bus, &bus1_home, &loaded.counters, error);
	loaded.at_us = clock_us();
	if (r < 0)
		sample_deinit(&loaded);
	else
		*sample = loaded;
	return r;
}

void sample_deinit(struct sample *sample)
{
	links_deinit(&sample->links);
	bus1_list_of_domain_free(&sample->domains);
	bus1_counters_free(&sample->counters);
	*sample = (struct sample){ 0 };
}

static const struct bus1_link *find_link(const struct sample *sample, uint64_t id)
{
	unsigned low = 0, high = sample ? sample->links.count : 0, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (sample->links.items[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return sample && low < sample->links.count && sample->links.items[low]->id == id
		       ? sample->links.items[low]
		       : NULL;
}

static const struct bus1_domain *find_domain(const struct sample *sample, uint32_t domid,
					     uint64_t generation)
{
	unsigned i;

	for (i = 0; sample && i < sample->domains.count; i++)
		if (sample->domains.items[i].domid == domid &&
		    sample->domains.items[i].generation == generation)
			return &sample->domains.items[i];
	return NULL;
}

/* ---- Adding up ---- */

/* A counter that is less than it was belongs to another life of the daemon. */
static uint64_t grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void add_traffic(struct row *row, const struct bus1_traffic *now,
			const struct bus1_traffic *before)
{
	static const struct bus1_traffic none;
	struct bus1_traffic *sum = &row->traffic;

	if (!before)
		before = &none;
	sum->messages_sent += grown(now->messages_sent, before->messages_sent);
	sum->messages_received += grown(now->messages_received, before->messages_received);
	sum->bytes_sent += grown(now->bytes_sent, before->bytes_sent);
	sum->bytes_received += grown(now->bytes_received, before->bytes_received);
	sum->calls_sent += grown(now->calls_sent, before->calls_sent);
	sum->errors_received += grown(now->errors_received, before->errors_received);
}

static void add_times(struct row *row, const struct bus1_uint64s *now,
		      const struct bus1_uint64s *before)
{
	unsigned i;

	for (i = 0; i < now->count && i < CLASSES_MAX; i++)
		row->times[i] +=
			grown(now->items[i], before && i < before->count ? before->items[i] : 0);
}

static uint64_t drops_of(const struct bus1_refusals *refusals)
{
	return refusals->receiver_full + refusals->signals_lost;
}

static void set_refusals(struct row *row, const struct bus1_refusals *now,
			 const struct bus1_refusals *before)
{
	row->denied = grown(now->denied, before ? before->denied : 0);
	row->drops = grown(drops_of(now), before ? drops_of(before) : 0);
	row->has_refusals = true;
}

static void add_ring(struct row *row, const struct bus1_ring_fill *fill)
{
	int percent;

	if (!fill || !fill->size)
		return;
	percent = (int)((uint64_t)fill->used * 100 / fill->size);
	if (percent > row->ring_percent)
		row->ring_percent = percent;
}

/* All that is there of a link but its traffic, which a domain counts by itself. */
static void add_state(struct row *row, const struct bus1_link *link)
{
	row->pending += link->calls_owed;
	if (link->oldest_owed_us > row->oldest_us)
		row->oldest_us = link->oldest_owed_us;
	row->queued_bytes += link->queued_bytes;
	add_ring(row, link->to_bus);
	add_ring(row, link->from_bus);
	if (!row->links++ || link->idle_us < row->idle_us)
		row->idle_us = link->idle_us;
	row->is_silent |= link->is_silent;
	row->is_stuck |= link->is_stuck;
	row->is_paused |= link->is_paused;
}

/* ---- Rows ---- */

static struct row *add_row(struct rows *rows)
{
	struct row *row;

	rows->items = need(reallocarray(rows->items, rows->count + 1, sizeof(*rows->items)));
	row = &rows->items[rows->count++];
	*row = (struct row){ .name = "", .unique_name = "", .domain = "", .ring_percent = -1 };
	return row;
}

/* Who owns no name is a client. Those of one domain are one row, among the services. */
static struct row *get_clients(struct rows *rows, const struct bus1_link *link)
{
	struct party clients = link_party(link);
	struct row *row;
	unsigned i;

	for (i = 0; i < rows->count; i++) {
		row = &rows->items[i];
		if (!*row->name && row->domid == link->domid)
			return row;
	}
	row = add_row(rows);
	clients.name = "(clients)";
	row->label = party_text(&clients);
	return row;
}

static bool is_one_of(const struct bus1_link *link, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(*names, link->unique_name))
			return true;
	return false;
}

static void add_link(struct rows *rows, enum row_kind kind, const struct sample *before,
		     const struct bus1_link *link)
{
	const struct bus1_link *earlier = find_link(before, link->id);
	const struct party party = link_party(link);
	struct row *row;

	if (kind == ROW_SERVICE && !link->names.count) {
		row = get_clients(rows, link);
	} else {
		row = add_row(rows);
		row->label = party_text(&party);
		row->unique_name = link->unique_name;
		row->name = link->names.count ? link->names.items[0] : "";
	}
	row->domid = link->domid;
	row->domain = link->domain_name;
	add_state(row, link);
	add_traffic(row, &link->traffic, earlier ? &earlier->traffic : NULL);
	add_times(row, &link->answer_times, earlier ? &earlier->answer_times : NULL);
	row->drops += grown(link->lost, earlier ? earlier->lost : 0);
}

static void add_domain(struct rows *rows, const struct sample *before, const struct sample *now,
		       const struct bus1_domain *domain, const char *const *without)
{
	const struct bus1_domain *earlier = find_domain(before, domain->domid, domain->generation);
	const struct bus1_link *link, *then;
	struct row *row = add_row(rows);
	unsigned i;

	row->is_domain = true;
	row->domid = domain->domid;
	row->name = row->domain = domain->name;
	row->label = copy_text(domain_text(domain->domid, domain->name));
	for (i = 0; i < now->links.count; i++) {
		link = now->links.items[i];
		if (link->domid != domain->domid || is_one_of(link, without))
			continue;
		then = find_link(before, link->id);
		add_state(row, link);
		add_times(row, &link->answer_times, then ? &then->answer_times : NULL);
	}
	add_traffic(row, &domain->traffic, earlier ? &earlier->traffic : NULL);
	set_refusals(row, &domain->refusals, earlier ? &earlier->refusals : NULL);
	row->links = domain->links;
	row->idle_us = domain->idle_us;
	row->oldest_us = domain->oldest_owed_us;
}

static void set_bus(struct row *row, const struct sample *before, const struct sample *now)
{
	const struct bus1_counters *counters = &now->counters;
	const struct bus1_counters *then = before ? &before->counters : NULL;
	unsigned i;

	*row = (struct row){ .name = BUS_NAME, .unique_name = "", .domain = "" };
	row->is_bus = true;
	row->ring_percent = -1;
	for (i = 0; i < now->links.count; i++)
		add_state(row, now->links.items[i]);
	row->links = counters->links;
	row->pending = counters->calls_pending;
	add_traffic(row, &counters->traffic, then ? &then->traffic : NULL);
	add_times(row, &counters->answer_times, then ? &then->answer_times : NULL);
	set_refusals(row, &counters->refusals, then ? &then->refusals : NULL);
}

void rows_make(struct rows *rows, enum row_kind kind, const struct sample *before,
	       const struct sample *now, const char *const *without)
{
	unsigned i;

	*rows = (struct rows){ .interval_us = before ? now->at_us - before->at_us : 0 };
	for (i = 0; kind == ROW_DOMAIN && i < now->domains.count; i++)
		add_domain(rows, before, now, &now->domains.items[i], without);
	for (i = 0; kind != ROW_DOMAIN && i < now->links.count; i++)
		if (!is_one_of(now->links.items[i], without))
			add_link(rows, kind, before, now->links.items[i]);
	set_bus(&rows->bus, before, now);
}

void rows_deinit(struct rows *rows)
{
	unsigned i;

	for (i = 0; i < rows->count; i++)
		free(rows->items[i].label);
	free(rows->items);
	*rows = (struct rows){ 0 };
}

bool row_quantile(const struct row *row, const struct bus1_uint64s *bounds, double fraction,
		  uint64_t *us)
{
	uint64_t total = 0, seen = 0;
	unsigned i;

	for (i = 0; i < CLASSES_MAX; i++)
		total += row->times[i];
	if (!total || !bounds->count)
		return false;
	for (i = 0; i < bounds->count && i < CLASSES_MAX; i++) {
		seen += row->times[i];
		if ((double)seen >= fraction * (double)total)
			break;
	}
	*us = bounds->items[i < bounds->count ? i : bounds->count - 1];
	return true;
}

uint64_t row_messages(const struct row *row)
{
	return row->traffic.messages_sent + row->traffic.messages_received;
}

uint64_t row_bytes(const struct row *row)
{
	return row->traffic.bytes_sent + row->traffic.bytes_received;
}
