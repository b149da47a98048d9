/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/metrics-text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "core/survey.h"
#include "io/metrics-table.h"

enum { LABELS_MAX = 64 + 2 * IDENTITY_NAME_MAX, FIRST_SIZE = 16 * 1024 };

struct row {
	char labels[LABELS_MAX]; /* empty: of the bus */
	uint32_t domid;
	bool is_guest;
	uint64_t value[METRICS_VALUE_COUNT];
};

/* ---- text ---- */

static bool reserve(struct metrics_text *text, size_t size)
{
	size_t capacity = text->capacity ? text->capacity : FIRST_SIZE;
	char *bytes;

	while (capacity < text->size + size)
		capacity *= 2;
	if (capacity == text->capacity)
		return true;
	bytes = capacity <= METRICS_SIZE_MAX ? realloc(text->bytes, capacity) : NULL;
	if (!bytes) {
		text->has_failed = true;
		return false;
	}
	text->bytes = bytes;
	text->capacity = capacity;
	return true;
}

static void put(struct metrics_text *text, const char *bytes, size_t size)
{
	if (!reserve(text, size))
		return;
	memcpy(text->bytes + text->size, bytes, size);
	text->size += size;
}

static void put_text(struct metrics_text *text, const char *string)
{
	put(text, string, strlen(string));
}

/* With at least so many digits. Thousands of these are written, and printf takes ten times as
 * long. */
static void put_number(struct metrics_text *text, uint64_t value, unsigned digits)
{
	char out[24];
	size_t at = sizeof(out);

	do {
		out[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value || sizeof(out) - at < digits);
	put(text, out + at, sizeof(out) - at);
}

static void put_seconds(struct metrics_text *text, uint64_t time_us)
{
	put_number(text, time_us / 1000000, 1);
	put_text(text, ".");
	put_number(text, time_us % 1000000, 6);
}

/* The number behind a name and its labels. */
static void put_value(struct metrics_text *text, uint64_t value, bool is_time)
{
	put_text(text, " ");
	if (is_time)
		put_seconds(text, value);
	else
		put_number(text, value, 1);
	put_text(text, "\n");
}

static void put_sample(struct metrics_text *text, const char *name,
		       const struct metrics_entry *entry, const struct row *row)
{
	bool has_both = entry->label && row->labels[0];

	put_text(text, name);
	if (entry->label || row->labels[0]) {
		put_text(text, "{");
		put_text(text, row->labels);
		put_text(text, has_both ? "," : "");
		put_text(text, entry->label ? entry->label : "");
		put_text(text, "}");
	}
	put_value(text, row->value[entry->value], entry->is_time);
}

static void put_family(struct metrics_text *text, const char *name, const char *help,
		       const char *type)
{
	put_text(text, "# HELP ");
	put_text(text, name);
	put_text(text, " ");
	put_text(text, help);
	put_text(text, "\n# TYPE ");
	put_text(text, name);
	put_text(text, " ");
	put_text(text, type);
	put_text(text, "\n");
}

static void put_entry(struct metrics_text *text, const struct metrics_entry *entry)
{
	static const char total[] = "_total";
	size_t size = strlen(entry->name);
	bool is_counter =
		size > strlen(total) && !strcmp(entry->name + size - strlen(total), total);

	put_family(text, entry->name, entry->help, is_counter ? "counter" : "gauge");
}

static void put_table(struct metrics_text *text, const struct metrics_entry *entry,
		      const struct row *rows, unsigned count)
{
	const char *name = NULL;
	unsigned i;

	for (; entry->name || entry->label; entry++) {
		if (entry->name) {
			name = entry->name;
			put_entry(text, entry);
		}
		for (i = 0; i < count; i++)
			if (rows[i].is_guest || !entry->is_of_guests)
				put_sample(text, name, entry, &rows[i]);
	}
}

static void put_version(struct metrics_text *text)
{
	static const char name[] = "xcp_bus_info";

	put_family(text, name, "Always 1; the release is a label.", "gauge");
	put_text(text, name);
	put_text(text, "{version=\"" XCP_BUS_VERSION "\"} 1\n");
}

static void put_bucket(struct metrics_text *text, const char *name, uint64_t bound_us,
		       uint64_t count)
{
	put_text(text, name);
	put_text(text, "_bucket{le=\"");
	if (bound_us)
		put_seconds(text, bound_us);
	else
		put_text(text, "+Inf");
	put_text(text, "\"}");
	put_value(text, count, false);
}

static void put_answer_times(struct metrics_text *text, const struct answer_times *times)
{
	static const char name[] = "xcp_bus_answer_seconds";
	uint64_t count = 0;
	unsigned i;

	put_family(text, name, "How long calls took to be answered.", "histogram");
	for (i = 0; i < ANSWER_BOUND_COUNT; i++) {
		count += times->of[i];
		put_bucket(text, name, answer_bound_us(i), count);
	}
	count += times->of[ANSWER_BOUND_COUNT];
	put_bucket(text, name, 0, count);
	put_text(text, name);
	put_text(text, "_sum");
	put_value(text, times->total_us, true);
	put_text(text, name);
	put_text(text, "_count");
	put_value(text, count, false);
}

/* ---- rows ---- */

static void set_labels(struct row *row, const char *domid, const char *name)
{
	size_t size =
		(size_t)snprintf(row->labels, sizeof(row->labels), "domid=\"%s\",domain=\"", domid);

	for (; *name; name++) {
		if (*name == '"' || *name == '\\')
			row->labels[size++] = '\\';
		row->labels[size++] = *name;
	}
	row->labels[size++] = '"';
	row->labels[size] = '\0';
}

static void add_survey(struct row *row, const struct survey *survey, uint64_t now_us)
{
	const uint64_t *traffic = survey->past.traffic.of;
	uint64_t *value = row->value;
	uint64_t owed_us = survey->oldest_owed_us < now_us ? now_us - survey->oldest_owed_us : 0;

	value[METRICS_LINKS] += survey->links;
	value[METRICS_INCOMPLETE] += survey->incomplete_links;
	value[METRICS_RULES] += survey->match_rules;
	value[METRICS_QUEUED] += survey->queued_bytes;
	value[METRICS_SENT] += traffic[TRAFFIC_MESSAGES_SENT];
	value[METRICS_RECEIVED] += traffic[TRAFFIC_MESSAGES_RECEIVED];
	value[METRICS_BYTES_SENT] += traffic[TRAFFIC_BYTES_SENT];
	value[METRICS_BYTES_RECEIVED] += traffic[TRAFFIC_BYTES_RECEIVED];
	value[METRICS_CALLS] += traffic[TRAFFIC_CALLS_SENT];
	value[METRICS_ERRORS] += traffic[TRAFFIC_ERRORS_RECEIVED];
	value[METRICS_ANSWERS] += answer_times_all(&survey->past.answer_times);
	value[METRICS_ANSWER_US] += survey->past.answer_times.total_us;
	if (owed_us > value[METRICS_OWED_US])
		value[METRICS_OWED_US] = owed_us;
}

static void add_refusals(struct row *row, const struct refusals *refusals)
{
	int i;

	for (i = 0; i < REFUSAL_KIND_COUNT; i++)
		row->value[METRICS_REFUSALS + i] += refusals->of[i];
}

static void add_guest(struct row *row, const struct quota *quota, uint64_t now_us)
{
	struct survey survey;
	int i;

	survey_quota(quota, &survey);
	add_survey(row, &survey, now_us);
	add_refusals(row, &quota->refusals);
	for (i = 0; i < QUOTA_KIND_COUNT; i++) {
		row->value[METRICS_USED + i] += quota->used[i];
		row->value[METRICS_ALLOWED + i] += quota->limits->max[i];
	}
}

static unsigned fill_guests(struct row *rows, const struct bus *bus)
{
	const struct quota *quota;
	unsigned count = 0;
	char domid[16];

	list_for_each(quota, &bus->quotas, quotas_link) {
		const struct quota_owner *owner = &quota->owner;
		struct row *row = &rows[count];

		if (!owner->is_guest)
			continue;
		/* Of a life that is over, something may still be queued. */
		if (count && rows[count - 1].domid == owner->id) {
			row--;
		} else if (count < METRICS_DOMAINS_MAX) {
			row->domid = owner->id;
			row->is_guest = true;
			count++;
		}
		snprintf(domid, sizeof(domid), "%" PRIu32, owner->id);
		set_labels(row, domid, owner->name);
		add_guest(row, quota, bus->now_us);
	}
	if (!rows[count].labels[0])
		return count;
	set_labels(&rows[count], "other", "other");
	rows[count].is_guest = true;
	return count + 1;
}

static void fill_local(struct row *row, const struct bus *bus)
{
	struct survey survey;
	char domid[16];

	snprintf(domid, sizeof(domid), "%" PRIu32, bus->settings.domid);
	set_labels(row, domid, bus->settings.domid ? "local" : "Domain-0");
	survey_local(bus, &survey);
	add_survey(row, &survey, bus->now_us);
	add_refusals(row, &bus->count.local_refusals);
}

static void fill_bus(struct row *row, const struct bus *bus, struct answer_times *answer_times)
{
	const struct count *count = &bus->count;
	uint64_t *value = row->value;
	struct survey survey;
	int i;

	survey_bus(bus, &survey);
	*answer_times = survey.past.answer_times;
	add_survey(row, &survey, bus->now_us);
	add_refusals(row, &count->refusals);
	value[METRICS_UP_US] = bus->begun_us ? bus->now_us - bus->begun_us : 0;
	value[METRICS_DOMAINS] = survey_count_domains(bus);
	value[METRICS_NAMES] = HASH_COUNT(bus->names.names);
	value[METRICS_PENDING] = bus->replies.slot_count;
	value[METRICS_STARTS_PENDING] = activation_count(&bus->activations);
	value[METRICS_HELD] = bus->meter.held;
	value[METRICS_SHORT] = bus->shortage.is_on;
	value[METRICS_ACCEPTED] = count->links_accepted;
	value[METRICS_REFUSED] = count->links_refused;
	value[METRICS_LAPSED] = count->calls_lapsed;
	value[METRICS_ORPHANED] = count->calls_orphaned;
	value[METRICS_STARTED] = count->services_started;
	value[METRICS_START_FAILED] = count->starts_failed;
	for (i = 0; i < LOG_LEVEL_COUNT; i++)
		value[METRICS_LINES + i] = log_written((enum log_level)i);
	value[METRICS_LINES_LOST] = log_lost();
}

/* The bus, its own domain, the guests, and all others together. */
static struct row *new_rows(const struct bus *bus)
{
	const struct quota *quota;
	unsigned count = 3;

	list_for_each(quota, &bus->quotas, quotas_link)
		if (quota->owner.is_guest && count < METRICS_DOMAINS_MAX + 3)
			count++;
	return calloc(count, sizeof(struct row));
}

bool metrics_text_write(struct metrics_text *text, const struct bus *bus)
{
	CLEANUP(cleanup_free) struct row *rows = new_rows(bus);
	struct answer_times answer_times;
	unsigned count;

	*text = (struct metrics_text){ 0 };
	if (!rows)
		return false;
	fill_bus(&rows[0], bus, &answer_times);
	fill_local(&rows[1], bus);
	count = 1 + fill_guests(&rows[2], bus);
	put_version(text);
	put_table(text, metrics_of_bus, rows, 1);
	put_answer_times(text, &answer_times);
	put_table(text, metrics_of_domains, &rows[1], count);
	if (!text->has_failed)
		return true;
	free(text->bytes);
	return false;
}
