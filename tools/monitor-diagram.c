/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-diagram.h"

#include <stdlib.h>
#include <string.h>

#include "tools/monitor-line.h"

enum { ACTORS_MAX = 64, ARROWS_MAX = 4096, LABEL_MAX = 40, NAME_MAX_SHOWN = 48 };

/* ---- What is in it ---- */

/* What is learned of somebody later is known of all that is before. */
static void update(struct actor *actor, const struct party *party)
{
	if (party->name && !actor->name)
		actor->name = copy_text(party->name);
	if (party->domain && !actor->domain)
		actor->domain = copy_text(party->domain);
	if (party->domid >= 0)
		actor->domid = party->domid;
}

/* The actor's number; -1: there are too many. */
static int find_actor(struct diagram *diagram, const struct party *party)
{
	const char *unique = party->unique ? party->unique : party->name;
	struct actor *actor;
	unsigned i;

	for (i = 0; i < diagram->actor_count; i++) {
		if (strcmp(diagram->actors[i].unique, unique) != 0)
			continue;
		update(&diagram->actors[i], party);
		return (int)i;
	}
	if (diagram->actor_count == ACTORS_MAX)
		return -1;
	if (!diagram->actors)
		diagram->actors = need(calloc(ACTORS_MAX, sizeof(*diagram->actors)));
	actor = &diagram->actors[diagram->actor_count];
	*actor = (struct actor){ .unique = copy_text(unique), .domid = -1 };
	update(actor, party);
	return (int)diagram->actor_count++;
}

/* "org.xen.xcp.storage1.VDI", "Attach3": of the interface only the last part. */
static char *label_of(const struct seen *seen)
{
	const char *interface = seen->interface ? seen->interface : "", *dot;
	const char *error = dbus_message_get_error_name(seen->message);
	char text[2 * DBUS_MAXIMUM_NAME_LENGTH + 2];

	if (seen->kind == SEEN_ERROR) {
		dot = error ? strrchr(error, '.') : NULL;
		return escape_text(dot ? dot + 1 : "error", LABEL_MAX);
	}
	dot = strrchr(interface, '.');
	snprintf(text, sizeof(text), "%s%s%s", dot ? dot + 1 : interface, *interface ? "." : "",
		 seen->member ? seen->member : "");
	return escape_text(text, LABEL_MAX);
}

static char *what_of(const struct seen *seen)
{
	size_t size;
	char *memory;
	FILE *out = need(open_memstream(&memory, &size));

	put_member(out, seen->interface, seen->member);
	fclose(out);
	return need(memory);
}

void diagram_add(struct diagram *diagram, const struct seen *seen)
{
	bool is_to_all = !seen->to.unique && !seen->to.name;
	int from = find_actor(diagram, &seen->from);
	int to = is_to_all ? TO_ALL : find_actor(diagram, &seen->to);

	if (from < 0 || (to < 0 && !is_to_all) || diagram->arrow_count == ARROWS_MAX) {
		diagram->left_out++;
		return;
	}
	if (!diagram->arrows)
		diagram->arrows = need(calloc(ARROWS_MAX, sizeof(*diagram->arrows)));
	diagram->arrows[diagram->arrow_count++] = (struct arrow){
		.kind = seen->kind,
		.from = from,
		.to = to,
		.time_us = seen->time_us,
		.has_took = seen->call && seen->kind != SEEN_CALL,
		.took_us = seen->took_us,
		.label = label_of(seen),
		.what = what_of(seen),
	};
}

void diagram_deinit(struct diagram *diagram)
{
	unsigned i;

	for (i = 0; i < diagram->actor_count; i++) {
		free(diagram->actors[i].unique);
		free(diagram->actors[i].name);
		free(diagram->actors[i].domain);
	}
	for (i = 0; i < diagram->arrow_count; i++) {
		free(diagram->arrows[i].label);
		free(diagram->arrows[i].what);
	}
	free(diagram->actors);
	free(diagram->arrows);
	*diagram = (struct diagram){ 0 };
}

void actor_texts(const struct actor *actor, char **name, char **place)
{
	const char *domain = domain_text(actor->domid, actor->domain);

	*name = escape_text(actor->name ? actor->name : actor->unique, NAME_MAX_SHOWN);
	*place = escape_text(*domain ? domain : actor->unique, NAME_MAX_SHOWN);
}

int64_t arrow_offset_us(const struct diagram *diagram, const struct arrow *arrow)
{
	return (int64_t)(arrow->time_us - diagram->arrows[0].time_us);
}

char *arrow_text(const struct arrow *arrow)
{
	char time[SHORT_TEXT];
	char *text;
	int r;

	time_text(time, arrow->took_us);
	if (arrow->kind == SEEN_ANSWER && arrow->has_took)
		return copy_text(time);
	if (arrow->kind == SEEN_ERROR && arrow->has_took)
		r = asprintf(&text, "%s, %s", arrow->label, time);
	else
		r = asprintf(&text, "%s", arrow->kind == SEEN_ANSWER ? "?" : arrow->label);
	return need(r < 0 ? NULL : text);
}

/* ---- For programs ---- */

static void json_actor(struct json *json, const char *key, const struct diagram *diagram,
		       int number)
{
	const struct actor *actor;
	struct party party;

	if (number == TO_ALL) {
		json_text(json, key, NULL);
		return;
	}
	actor = &diagram->actors[number];
	party = (struct party){ actor->unique, actor->name, actor->domid, actor->domain };
	json_party(json, key, &party);
}

void diagram_put_json(const struct diagram *diagram, FILE *out)
{
	struct json json = { .out = out };
	unsigned i;

	for (i = 0; i < diagram->arrow_count; i++) {
		const struct arrow *arrow = &diagram->arrows[i];

		json_open(&json, NULL, '{');
		json_unsigned(&json, "time_us", arrow->time_us);
		json_number(&json, "offset_us", arrow_offset_us(diagram, arrow));
		json_text(&json, "kind", seen_words[arrow->kind]);
		json_actor(&json, "from", diagram, arrow->from);
		json_actor(&json, "to", diagram, arrow->to);
		json_text(&json, "what", arrow->what);
		if (arrow->has_took)
			json_unsigned(&json, "took_us", arrow->took_us);
		if (arrow->kind == SEEN_ERROR)
			json_text(&json, "error", arrow->label);
		json_close(&json, '}');
		json_end(&json);
	}
}
