/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.xen.xcp.Health1 and org.xen.xcp.Diagnostics1 of the bus itself. How it is, everybody may
 * know who depends on it; what it is made of is for dom0. */
#include <stdio.h>

#include "core/answer.h"
#include "core/dict.h"
#include "core/driver.h"
#include "core/health.h"

static void put_health(struct build *build, const struct bus *bus, enum health_part part)
{
	struct health health = health_get(&bus->health, part);
	uint32_t mark = dict_begin(build);

	dict_string(build, "component", health_part_name(part));
	dict_string(build, "status", health_status_text(health.status));
	dict_string(build, "reason", health.reason);
	dict_double(build, "since", (double)health.since_us / 1e6);
	dict_end(build, mark);
}

static void look(struct bus *bus)
{
	if (bus->ops->look_at_health)
		bus->ops->look_at_health(bus);
}

/* With the name in a field of its own, as the interface has it. */
static int refuse_component(struct driver_call *call, struct text name)
{
	struct build build;
	uint8_t *bytes;
	uint32_t size;
	char text[300];
	int r;

	snprintf(text, sizeof(text), "The bus has no component \"%.200s\"", name.bytes);
	driver_build(&build, call->bus,
		     (struct build_head){
			     .type = MESSAGE_ERROR,
			     .reply_serial = call->message->serial,
			     .error_name = DRIVER_HEALTH1 ".Error.UnknownComponent",
			     .destination = call->peer->name,
			     .signature = "ss",
		     });
	build_string(&build, text);
	build_text(&build, name);
	r = build_finish(&build, &bytes, &size);
	if (r == 0)
		answer_send(call->bus, call->peer, bytes, size);
	build_deinit(&build);
	return r < 0 ? r : DRIVER_LATER;
}

int driver_check_health(struct driver_call *call)
{
	struct text name;
	int part;

	body_read_string(&call->args, &name);
	look(call->bus);
	for (part = 0; part <= HEALTH_PART_COUNT; part++) {
		if (!text_is(name, health_part_name((enum health_part)part)))
			continue;
		put_health(&call->reply, call->bus, (enum health_part)part);
		return DRIVER_DONE;
	}
	return refuse_component(call, name);
}

int driver_list_health(struct driver_call *call)
{
	uint32_t mark = build_array(&call->reply, 4);
	int part;

	look(call->bus);
	put_health(&call->reply, call->bus, HEALTH_WHOLE);
	for (part = 0; part < HEALTH_PART_COUNT; part++)
		put_health(&call->reply, call->bus, (enum health_part)part);
	build_array_end(&call->reply, mark);
	return DRIVER_DONE;
}

/* Whoever misses it, for want of memory, is told by the next. */
void driver_announce_health(struct bus *bus, enum health_part part)
{
	struct build build;

	driver_build(&build, bus,
		     (struct build_head){
			     .type = MESSAGE_SIGNAL,
			     .path = DRIVER_PATH,
			     .interface = DRIVER_HEALTH1,
			     .member = "Changed",
			     .signature = "a{sv}",
		     });
	put_health(&build, bus, part);
	driver_broadcast(bus, &build);
}

/* ---- Diagnostics1 ---- */

int driver_get_build(struct driver_call *call)
{
	const struct bus *bus = call->bus;
	struct build *reply = &call->reply;
	uint32_t mark;

	if (driver_only_dom0(call) != DRIVER_DONE)
		return DRIVER_FAILED;
	mark = dict_begin(reply);
	dict_string(reply, "program", "xcp-busd");
	dict_string(reply, "version", XCP_BUS_VERSION);
	dict_uint32(reply, "pid", bus->settings.pid);
	dict_double(reply, "started", (double)bus->begun_wall_us / 1e6);
	dict_end(reply, mark);
	return DRIVER_DONE;
}

static bool is_of_specification(const char *interface)
{
	return !strncmp(interface, DRIVER_NAME, strlen(DRIVER_NAME));
}

int driver_list_interfaces(struct driver_call *call)
{
	const struct driver_method *method;
	struct build *reply = &call->reply;
	const char *last = "";
	uint32_t mark, entry;

	if (driver_only_dom0(call) != DRIVER_DONE)
		return DRIVER_FAILED;
	mark = build_array(reply, 4);
	for (method = driver_methods; method->interface; method++) {
		if (is_of_specification(method->interface) || !strcmp(method->interface, last))
			continue;
		last = method->interface;
		entry = dict_begin(reply);
		dict_string(reply, "interface", last);
		dict_string(reply, "path", DRIVER_PATH);
		dict_end(reply, entry);
	}
	build_array_end(reply, mark);
	return DRIVER_DONE;
}

/* The bus answers before it takes the next call: at any time there is none. */
int driver_list_calls(struct driver_call *call)
{
	if (driver_only_dom0(call) != DRIVER_DONE)
		return DRIVER_FAILED;
	build_array_end(&call->reply, build_array(&call->reply, 4));
	return DRIVER_DONE;
}
