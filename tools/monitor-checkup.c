/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-checkup.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

enum { EVERY_US = 10000000, TIMEOUT_MS = 5000, CONNECT_MS = 5000 };

struct patient { /* a service; links are in the order of their ids, and so are these */
	uint64_t id;
	char *name;
	enum health health;
	bool is_mute; /* it has no such interface */
	const struct probe *probe; /* what is asked now, if anything is */
	bool is_there; /* when it was looked last */
};

struct checkup {
	const struct tool *tool;
	struct xcpbus *bus; /* NULL: nobody is being asked */
	struct probes *probes; /* of this connection */
	uint64_t next_us;
	struct patient *patients;
	unsigned count;
};

struct checkup *checkup_new(const struct tool *tool)
{
	struct checkup *checkup = need(calloc(1, sizeof(*checkup)));

	checkup->tool = tool;
	return checkup;
}

static void hang_up(struct checkup *checkup)
{
	unsigned i;

	for (i = 0; i < checkup->count; i++)
		checkup->patients[i].probe = NULL;
	checkup->probes = probes_free(checkup->probes);
	checkup->bus = xcpbus_free(checkup->bus);
}

struct checkup *checkup_free(struct checkup *checkup)
{
	unsigned i;

	if (!checkup)
		return NULL;
	hang_up(checkup);
	for (i = 0; i < checkup->count; i++)
		free(checkup->patients[i].name);
	free(checkup->patients);
	free(checkup);
	return NULL;
}

static struct patient *find_patient(const struct checkup *checkup, uint64_t id)
{
	unsigned i;

	for (i = 0; i < checkup->count; i++)
		if (checkup->patients[i].id == id)
			return &checkup->patients[i];
	return NULL;
}

/* Those that have gone are forgotten; each program is asked by the first of its names. */
static void admit(struct checkup *checkup, const struct links *links)
{
	struct patient *patient;
	unsigned i, kept = 0;

	for (i = 0; i < checkup->count; i++)
		checkup->patients[i].is_there = false;
	for (i = 0; i < links->count; i++) {
		if (!links->items[i]->names.count)
			continue;
		patient = find_patient(checkup, links->items[i]->id);
		if (!patient) {
			checkup->patients = need(reallocarray(checkup->patients, checkup->count + 1,
							      sizeof(*patient)));
			patient = &checkup->patients[checkup->count++];
			*patient = (struct patient){
				.id = links->items[i]->id,
				.name = copy_text(links->items[i]->names.items[0]),
			};
		}
		patient->is_there = true;
	}
	for (i = 0; i < checkup->count; i++) {
		if (checkup->patients[i].is_there)
			checkup->patients[kept++] = checkup->patients[i];
		else
			free(checkup->patients[i].name);
	}
	checkup->count = kept;
}

/* What has been answered by now. */
static void collect(struct checkup *checkup)
{
	struct patient *patient;
	unsigned i;

	for (i = 0; i < checkup->count; i++) {
		patient = &checkup->patients[i];
		if (!patient->probe || patient->probe->state == PROBE_OPEN)
			continue;
		patient->is_mute = patient->probe->state == PROBE_NONE;
		patient->health = probe_health(patient->probe, 0);
	}
}

/* They are in the order of those that are asked. */
static void assign(struct checkup *checkup)
{
	unsigned i, number = 0;

	for (i = 0; i < checkup->count; i++)
		if (!checkup->patients[i].is_mute)
			checkup->patients[i].probe = checkup->probes->items[number++];
}

void checkup_begin(struct checkup *checkup, const struct links *links)
{
	uint64_t now = clock_us();
	const char **names;
	unsigned count = 0, i;

	if (now < checkup->next_us || checkup->bus)
		return;
	checkup->next_us = now + EVERY_US;
	admit(checkup, links);
	names = need(calloc(checkup->count + 1, sizeof(*names)));
	for (i = 0; i < checkup->count; i++)
		if (!checkup->patients[i].is_mute)
			names[count++] = checkup->patients[i].name;
	if (count && xcpbus_connect(checkup->tool->address, CONNECT_MS, &checkup->bus, NULL) >= 0) {
		checkup->probes = probes_begin(checkup->bus, names, count, TIMEOUT_MS, false);
		assign(checkup);
	}
	free(names);
}

struct pollfd checkup_poll(const struct checkup *checkup)
{
	if (!checkup || !checkup->bus)
		return (struct pollfd){ .fd = -1 };
	return (struct pollfd){ .fd = xcpbus_get_fd(checkup->bus),
				.events = xcpbus_get_events(checkup->bus) };
}

int checkup_timeout(const struct checkup *checkup)
{
	return checkup && checkup->bus ? xcpbus_get_timeout(checkup->bus) : -1;
}

void checkup_process(struct checkup *checkup)
{
	int r;

	if (!checkup || !checkup->bus)
		return;
	r = xcpbus_process(checkup->bus);
	collect(checkup);
	if (r < 0 || !checkup->probes->open)
		hang_up(checkup);
}

bool checkup_is_busy(const struct checkup *checkup)
{
	return checkup && checkup->bus;
}

const char *checkup_unique_name(const struct checkup *checkup)
{
	return checkup && checkup->bus ? xcpbus_unique_name(checkup->bus) : "";
}

static bool is_of(const struct row *row, const struct bus1_link *link)
{
	if (*row->unique_name)
		return !strcmp(row->unique_name, link->unique_name);
	return row->is_bus || (row->is_domain && row->domid == link->domid);
}

void checkup_mark(const struct checkup *checkup, const struct links *links, struct row *row)
{
	const struct patient *patient;
	unsigned i;

	for (i = 0; checkup && i < links->count; i++) {
		if (!is_of(row, links->items[i]))
			continue;
		patient = find_patient(checkup, links->items[i]->id);
		if (patient && patient->health > row->health)
			row->health = patient->health;
	}
}
