/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tools/monitor-introspect.h"

#define HEALTH1 "org.xen.xcp.Health1"

enum { PATHS_MAX = 64, PARTS_MAX = 256, DEPTH_MAX = 16 };

static void introspect_next(struct probe *probe);

static void finish(struct probe *probe, enum probe_state state)
{
	probe->state = state;
	probe->all->open--;
}

/* What is left of the time for this one; at least enough to hear that it is over. */
static int left_ms(const struct probe *probe)
{
	uint64_t now = clock_us();

	return now < probe->deadline_us ? (int)((probe->deadline_us - now) / 1000) + 1 : 1;
}

/* ---- Asking how it is ---- */

static void on_failed(struct probe *probe, const struct xcpbus_error *error)
{
	int failure = xcpbus_error_to_errno(error->name);

	if (failure == -EHOSTUNREACH)
		finish(probe, PROBE_GONE);
	else if (failure == -ETIMEDOUT || failure == -ENOTCONN)
		finish(probe, PROBE_NO_ANSWER);
	else if (!probe->is_there)
		introspect_next(probe); /* it may have it elsewhere */
	else {
		probe->why = copy_text(error->message);
		finish(probe, PROBE_FAILED);
	}
}

static void take_parts(struct probe *probe, const struct health1_health *parts, unsigned count)
{
	unsigned i;

	probe->parts = need(calloc(count, sizeof(*probe->parts)));
	for (i = 0; i < count; i++)
		if (health1_health_copy(&probe->parts[i], &parts[i]) < 0)
			need(NULL);
	probe->count = count;
	finish(probe, PROBE_KNOWN);
}

static void on_checked(struct xcpbus *bus, const struct health1_check_out *out,
		       const struct xcpbus_error *error, void *data)
{
	struct probe *probe = data;

	(void)bus;
	if (out)
		take_parts(probe, &out->health, 1);
	else
		on_failed(probe, error);
}

static void on_listed(struct xcpbus *bus, const struct health1_list_out *out,
		      const struct xcpbus_error *error, void *data)
{
	struct probe *probe = data;
	unsigned count = out ? out->components.count : 0;
	struct xcpbus_error empty;

	(void)bus;
	if (count) {
		take_parts(probe, out->components.items, count < PARTS_MAX ? count : PARTS_MAX);
		return;
	}
	xcpbus_error_set(&empty, DBUS_ERROR_FAILED, "its list has nothing in it");
	if (out)
		probe->is_there = true;
	on_failed(probe, out ? &empty : error);
}

static void check(struct probe *probe, const char *path)
{
	const struct xcpbus_target target = { probe->name, path, NULL, left_ms(probe) };
	struct probes *all = probe->all;
	int r;

	probe->slot = xcpbus_slot_free(probe->slot);
	r = all->has_parts
		    ? health1_list_begin(all->bus, &target, on_listed, probe, &probe->slot)
		    : health1_check_begin(all->bus, &target, "", on_checked, probe, &probe->slot);
	if (r < 0)
		finish(probe, PROBE_NO_ANSWER);
}

/* ---- Looking for the object ---- */

static void push(struct probe *probe, char *path)
{
	probe->paths =
		need(reallocarray(probe->paths, probe->path_count + 1, sizeof(*probe->paths)));
	probe->paths[probe->path_count++] = path;
}

static unsigned depth_of(const char *path)
{
	unsigned depth = 0;

	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

static void push_children(struct probe *probe, const char *path, const struct node *node)
{
	unsigned i;
	char *child;

	if (depth_of(path) > DEPTH_MAX)
		return;
	for (i = 0; i < node->child_count && probe->path_count < PATHS_MAX; i++) {
		if (asprintf(&child, "%s/%s", strcmp(path, "/") ? path : "", node->children[i]) < 0)
			child = NULL;
		push(probe, need(child));
	}
}

static void on_introspected(struct xcpbus *bus, DBusMessage *reply,
			    const struct xcpbus_error *error, void *data)
{
	CLEANUP(node_freep) struct node *node = NULL;
	struct probe *probe = data;
	const char *path = probe->paths[probe->path_at++], *xml;

	(void)bus;
	if (reply && xcpbus_read(reply, "s", &xml) >= 0 && node_parse(xml, &node) >= 0) {
		probe->is_there = node_find(node, HEALTH1) != NULL;
		if (probe->is_there)
			check(probe, path);
		else
			push_children(probe, path, node);
		if (probe->is_there)
			return;
	} else if (error && xcpbus_error_to_errno(error->name) == -ETIMEDOUT) {
		finish(probe, PROBE_NO_ANSWER);
		return;
	}
	introspect_next(probe);
}

static void introspect_next(struct probe *probe)
{
	struct xcpbus_target target = { probe->name, NULL, DBUS_INTERFACE_INTROSPECTABLE,
					left_ms(probe) };

	probe->slot = xcpbus_slot_free(probe->slot);
	if (!probe->path_count)
		push(probe, copy_text("/"));
	if (probe->path_at == probe->path_count) {
		finish(probe, PROBE_NONE);
		return;
	}
	target.path = probe->paths[probe->path_at];
	if (xcpbus_call_method_async(probe->all->bus, &target, "Introspect", on_introspected, probe,
				     &probe->slot, "") < 0)
		finish(probe, PROBE_NO_ANSWER);
}

/* ---- All of them ---- */

/* "org.xen.xcp.storage1" is at home at "/org/xen/xcp/storage1", if its name makes a path. */
static void begin(struct probe *probe)
{
	CLEANUP(cleanup_free) char *path = NULL;
	char *dot;

	if (asprintf(&path, "/%s", probe->name) < 0)
		need(NULL);
	for (dot = path; (dot = strchr(dot, '.'));)
		*dot = '/';
	if (dbus_validate_path(path, NULL))
		check(probe, path);
	else
		introspect_next(probe);
}

struct probes *probes_begin(struct xcpbus *bus, const char *const *names, unsigned count,
			    int timeout_ms, bool has_parts)
{
	struct probes *probes = need(calloc(1, sizeof(*probes)));
	uint64_t deadline_us = clock_us() + (uint64_t)timeout_ms * 1000;
	unsigned i;

	*probes = (struct probes){ .bus = bus, .has_parts = has_parts };
	probes->items = need(calloc(count + 1, sizeof(*probes->items)));
	probes->count = probes->open = count;
	for (i = 0; i < count; i++) {
		probes->items[i] = need(calloc(1, sizeof(**probes->items)));
		probes->items[i]->all = probes;
		probes->items[i]->name = copy_text(names[i]);
		probes->items[i]->deadline_us = deadline_us;
		begin(probes->items[i]);
	}
	return probes;
}

static void probe_free(struct probe *probe)
{
	unsigned i;

	xcpbus_slot_free(probe->slot);
	for (i = 0; i < probe->count; i++)
		health1_health_free(&probe->parts[i]);
	for (i = 0; i < probe->path_count; i++)
		free(probe->paths[i]);
	free(probe->parts);
	free(probe->paths);
	free(probe->name);
	free(probe->why);
	free(probe);
}

struct probes *probes_free(struct probes *probes)
{
	unsigned i;

	if (!probes)
		return NULL;
	for (i = 0; i < probes->count; i++)
		probe_free(probes->items[i]);
	free(probes->items);
	free(probes);
	return NULL;
}

const struct health_word health_words[] = {
	[HEALTH_UNKNOWN] = { "unknown", "Unknown", ' ' },
	[HEALTH_SERVING] = { "serving", "Serving", '+' },
	[HEALTH_DEGRADED] = { "degraded", "Degraded", '~' },
	[HEALTH_DRAINING] = { "draining", "Draining", '-' },
	[HEALTH_NO_ANSWER] = { "no answer", "NoAnswer", '?' },
	[HEALTH_FAILED] = { "not serving", "Failed", '!' },
	[HEALTH_NOT_SERVING] = { "not serving", "NotServing", '!' },
};

static enum health health_of(const struct health1_status *status)
{
	switch (status->value) {
	case HEALTH1_STATUS_SERVING:
		return HEALTH_SERVING;
	case HEALTH1_STATUS_DEGRADED:
		return HEALTH_DEGRADED;
	case HEALTH1_STATUS_DRAINING:
		return HEALTH_DRAINING;
	default:
		return HEALTH_NOT_SERVING;
	}
}

enum health probe_health(const struct probe *probe, unsigned part)
{
	switch (probe->state) {
	case PROBE_KNOWN:
		return health_of(&probe->parts[part].status);
	case PROBE_NO_ANSWER:
		return HEALTH_NO_ANSWER;
	case PROBE_FAILED:
		return HEALTH_FAILED;
	default:
		return HEALTH_UNKNOWN;
	}
}
