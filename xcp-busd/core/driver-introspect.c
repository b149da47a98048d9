/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bus says of its own interfaces: properties and introspection, out of the tables. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/driver.h"
#include "wire/syntax.h"

static void put_strings(struct build *build, const char *const *values)
{
	uint32_t mark = build_array(build, 4);

	for (; *values; values++)
		build_string(build, *values);
	build_array_end(build, mark);
}

static void put_features(const struct bus *bus, struct build *build)
{
	/* The first depends on how we were started. */
	static const char *const features[] = { "SystemdActivation", "ActivatableServicesChanged",
						"HeaderFiltering", NULL };

	put_strings(build, features + !bus->settings.systemd_activation);
}

static void put_interfaces(const struct bus *bus, struct build *build)
{
	static const char *const interfaces[] = { "org.freedesktop.DBus.Monitoring",
						  "org.freedesktop.DBus.Debug.Stats",
						  "org.xen.xcp.Bus1",
						  "org.xen.xcp.Health1",
						  "org.xen.xcp.Diagnostics1",
						  NULL };

	(void)bus;
	put_strings(build, interfaces);
}

static void put_answer_bounds(const struct bus *bus, struct build *build)
{
	uint32_t mark = build_array(build, 8);
	unsigned i;

	(void)bus;
	for (i = 0; i < ANSWER_BOUND_COUNT; i++)
		build_uint64(build, answer_bound_us(i));
	build_array_end(build, mark);
}

static void put_version(const struct bus *bus, struct build *build)
{
	(void)bus;
	build_string(build, XCP_BUS_VERSION);
}

/* None of them ever changes. */
static const struct property {
	const char *interface, *name, *signature;
	void (*put)(const struct bus *bus, struct build *build);
} properties[] = {
	{ DRIVER_NAME, "Features", "as", put_features },
	{ DRIVER_NAME, "Interfaces", "as", put_interfaces },
	{ DRIVER_BUS1, "AnswerTimeBounds", "at", put_answer_bounds },
	{ DRIVER_BUS1, "Version", "s", put_version },
};

enum { PROPERTY_COUNT = sizeof(properties) / sizeof(*properties) };

static void put_value(const struct bus *bus, struct build *build, const struct property *property)
{
	build_variant(build, property->signature);
	property->put(bus, build);
}

/* Reads the interface; DRIVER_DONE if it is one that has properties, or is left empty. */
static int take_interface(struct driver_call *call, const char **out)
{
	struct text interface;

	body_read_string(&call->args, &interface);
	*out = DRIVER_NAME;
	if (!text_is(call->message->path, DRIVER_PATH))
		return driver_fail(call, "UnknownInterface", "Object \"%.200s\" has no properties",
				   call->message->path.bytes);
	if (text_is(interface, DRIVER_BUS1))
		*out = DRIVER_BUS1;
	else if (interface.size && !text_is(interface, DRIVER_NAME))
		return driver_fail(call, "UnknownInterface", "There are no properties in %.200s",
				   interface.bytes);
	return DRIVER_DONE;
}

static const struct property *take_property(struct driver_call *call)
{
	const char *interface;
	struct text name;
	size_t i;

	if (take_interface(call, &interface) != DRIVER_DONE)
		return NULL;
	if (!strcmp(interface, DRIVER_BUS1) && driver_only_dom0(call) != DRIVER_DONE)
		return NULL;
	body_read_string(&call->args, &name);
	for (i = 0; i < PROPERTY_COUNT; i++)
		if (!strcmp(properties[i].interface, interface) &&
		    text_is(name, properties[i].name))
			return &properties[i];
	driver_fail(call, "UnknownProperty", "There is no property %.200s", name.bytes);
	return NULL;
}

int driver_get_property(struct driver_call *call)
{
	const struct property *property = take_property(call);

	if (!property)
		return DRIVER_FAILED;
	put_value(call->bus, &call->reply, property);
	return DRIVER_DONE;
}

/* What a guest may not read is left out here: busctl gives up altogether on an object with one
 * interface whose properties are denied. */
static bool is_for_all(const struct driver_call *call, const char *interface)
{
	return !call->peer->identity->is_guest || strcmp(interface, DRIVER_BUS1) != 0;
}

int driver_get_all_properties(struct driver_call *call)
{
	const char *interface;
	uint32_t mark;
	size_t i;
	int r = take_interface(call, &interface);

	if (r != DRIVER_DONE)
		return r;
	mark = build_array(&call->reply, 8);
	for (i = 0; i < PROPERTY_COUNT; i++) {
		if (strcmp(properties[i].interface, interface) != 0 || !is_for_all(call, interface))
			continue;
		build_struct(&call->reply);
		build_string(&call->reply, properties[i].name);
		put_value(call->bus, &call->reply, &properties[i]);
	}
	build_array_end(&call->reply, mark);
	return DRIVER_DONE;
}

int driver_set_property(struct driver_call *call)
{
	const struct property *property = take_property(call);

	if (!property)
		return DRIVER_FAILED;
	return driver_fail(call, "PropertyReadOnly", "The property %s cannot be set",
			   property->name);
}

/* Text that grows; a failure sticks. */
struct page {
	char *text;
	size_t size, capacity;
	bool is_broken;
};

static void say(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct page *page, const char *format, ...)
{
	va_list args;
	int wanted;

	if (page->is_broken)
		return;
	if (page->capacity - page->size < 512) {
		char *grown = realloc(page->text, page->capacity + 8192);

		if (!grown) {
			page->is_broken = true;
			return;
		}
		page->text = grown;
		page->capacity += 8192;
	}
	va_start(args, format);
	wanted = vsnprintf(page->text + page->size, page->capacity - page->size, format, args);
	va_end(args);
	if (wanted < 0 || (size_t)wanted >= page->capacity - page->size)
		page->is_broken = true;
	else
		page->size += (size_t)wanted;
}

static void say_args(struct page *page, const char *signature, const char *direction)
{
	size_t left = strlen(signature), length;

	for (; left; signature += length, left -= length) {
		length = syntax_type_length(signature, left);
		say(page, "      <arg%s%s%s type=\"%.*s\"/>\n", *direction ? " direction=\"" : "",
		    direction, *direction ? "\"" : "", (int)length, signature);
	}
}

static void say_signals(struct page *page, const char *interface)
{
	const struct driver_signal *signal;

	for (signal = driver_signals; signal->interface; signal++) {
		if (strcmp(signal->interface, interface) != 0)
			continue;
		say(page, "    <signal name=\"%s\">\n", signal->member);
		say_args(page, signal->in, "");
		say(page, "    </signal>\n");
	}
}

static void say_properties(struct page *page, const char *interface)
{
	size_t i;

	for (i = 0; i < PROPERTY_COUNT; i++) {
		if (strcmp(properties[i].interface, interface) != 0)
			continue;
		say(page,
		    "    <property name=\"%s\" type=\"%s\" access=\"read\">\n"
		    "      <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" "
		    "value=\"const\"/>\n"
		    "    </property>\n",
		    properties[i].name, properties[i].signature);
	}
}

/* The methods of one interface stand together in the table. Returns the first of the next. */
static const struct driver_method *say_interface(struct page *page,
						 const struct driver_method *method)
{
	const char *interface = method->interface;

	say(page, "  <interface name=\"%s\">\n", interface);
	for (; method->interface && !strcmp(method->interface, interface); method++) {
		say(page, "    <method name=\"%s\">\n", method->member);
		say_args(page, method->in, "in");
		say_args(page, method->out, "out");
		say(page, "    </method>\n");
	}
	say_signals(page, interface);
	say_properties(page, interface);
	say(page, "  </interface>\n");
	return method;
}

static bool is_driver_path(struct text path)
{
	return text_is(path, DRIVER_PATH);
}

static void say_child(struct page *page, struct text path)
{
	static const char *const below[][2] = {
		{ "/", "org" },
		{ "/org", "freedesktop" },
		{ "/org/freedesktop", "DBus" },
	};
	size_t i;

	for (i = 0; i < sizeof(below) / sizeof(*below); i++)
		if (text_is(path, below[i][0]))
			say(page, "  <node name=\"%s\"/>\n", below[i][1]);
}

char *driver_introspection(struct text path)
{
	const struct driver_method *method = driver_methods;
	struct page page = { 0 };

	say(&page,
	    "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
	    "\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n");
	while (method->interface) {
		const struct driver_method *first = method;

		if (is_driver_path(path) || (first->flags & DRIVER_EVERYWHERE)) {
			method = say_interface(&page, first);
			continue;
		}
		while (method->interface && !strcmp(method->interface, first->interface))
			method++;
	}
	say_child(&page, path);
	say(&page, "</node>\n");
	if (!page.is_broken)
		return page.text;
	free(page.text);
	return NULL;
}

int driver_introspect(struct driver_call *call)
{
	char *text = driver_introspection(call->message->path);

	if (!text)
		return -ENOMEM;
	build_string(&call->reply, text);
	free(text);
	return DRIVER_DONE;
}
