/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes of properties, and object managers, over a real bus. Service and client are turned by the
 * test in one thread. */
#include "libxcpbus/xcpbus.h"

#include <errno.h>
#include <poll.h>

#include "tests/unit/bus-fixture.h"
#include "tests/unit/test.h"
#include "tests/unit/turn.h"

#define TOP "/org/xen/xcp/test"
#define DISK TOP "/disk/1"
#define IFACE "org.xen.xcp.test.Disk1"
#define OTHER "org.xen.xcp.test.Other1"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define MANAGER "org.freedesktop.DBus.ObjectManager"

static struct bus_fixture fixture;
static struct xcpbus *client, *service;
static struct xcpbus_error error;

/* ---- the service ---- */

static uint32_t size, gets;
static bool is_broken;

static int get_number(const struct xcpbus_property *property, DBusMessageIter *value, void *data)
{
	(void)data;
	gets++;
	if (is_broken)
		return -EIO;
	return xcpbus_append_iter(value, property->signature, size);
}

static int set_number(const struct xcpbus_property *property, DBusMessageIter *value,
		      struct xcpbus_error *failure, void *data)
{
	(void)failure;
	(void)data;
	return xcpbus_read_iter(value, property->signature, &size);
}

static const struct xcpbus_property properties[] = {
	{ "Told", "u", get_number, set_number, .flags = XCPBUS_EMITS_CHANGE },
	{ "Named", "u", get_number, set_number, .flags = XCPBUS_EMITS_INVALIDATION },
	{ "Fixed", "u", get_number, .flags = XCPBUS_CONSTANT },
	{ "Silent", "u", get_number, set_number, .flags = 0 },
	{ "Secret", "u", .set = set_number, .flags = XCPBUS_EMITS_CHANGE },
	{ .name = NULL },
};

static const struct xcpbus_interface disk = { IFACE, .properties = properties };
static const struct xcpbus_interface other = { .name = OTHER };

/* ---- the client ---- */

static unsigned count;
static DBusMessage *last;
static bool is_answered;
static struct xcpbus_error answer_error;
static DBusMessage *answer; /* the last one, until the next */

static void on_signal(struct xcpbus *bus, DBusMessage *message, void *data)
{
	CHECK(bus == client && !data);
	if (last)
		dbus_message_unref(last);
	last = dbus_message_ref(message);
	count++;
}

static void teardown(void)
{
	client = xcpbus_free(client);
	service = xcpbus_free(service);
	if (last)
		dbus_message_unref(last);
	if (answer)
		dbus_message_unref(answer);
	last = answer = NULL;
	count = 0;
	is_broken = false;
}

static void setup(void)
{
	char rule[100];

	teardown(); /* of a test that failed */
	CHECK(xcpbus_connect(fixture.address, 0, &client, &error) == 0);
	CHECK(xcpbus_connect(fixture.address, 0, &service, &error) == 0);
	CHECK(xcpbus_export(service, DISK, &disk, NULL, NULL) == 0);
	snprintf(rule, sizeof(rule), "type='signal',sender='%s'", xcpbus_unique_name(service));
	CHECK(xcpbus_subscribe(client, rule, on_signal, NULL, NULL, &error) == 0);
}

static struct xcpbus *both[2];

static void turn_until(bool (*is_done)(void))
{
	both[0] = client;
	both[1] = service;
	turn(both, 2, is_done);
}

static bool has_one(void)
{
	return count >= 1;
}

static bool has_two(void)
{
	return count >= 2;
}

static void on_answer(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *failure,
		      void *data)
{
	(void)bus;
	(void)data;
	if (failure)
		answer_error = *failure;
	if (answer)
		dbus_message_unref(answer);
	answer = reply ? dbus_message_ref(reply) : NULL;
	is_answered = true;
}

static bool has_answer(void)
{
	return is_answered;
}

/* With the answer, or NULL and answer_error. */
static DBusMessage *ask(const char *path, const char *interface, const char *member)
{
	struct xcpbus_target target = { xcpbus_unique_name(service), path, interface, 0 };

	is_answered = false;
	CHECK(xcpbus_call_method_async(client, &target, member, on_answer, NULL, NULL, "") == 0);
	turn_until(has_answer);
	return answer;
}

/* What the last PropertiesChanged says: "Told=5 Named Secret". */
static const char *changes(void)
{
	static char text[256];
	DBusMessageIter iter, array, entry;
	const char *interface, *name;
	uint32_t value;
	size_t used = 0;

	text[0] = '\0';
	CHECK(dbus_message_is_signal(last, PROPERTIES, "PropertiesChanged"));
	CHECK(dbus_message_has_signature(last, "sa{sv}as"));
	dbus_message_iter_init(last, &iter);
	CHECK(xcpbus_read_iter(&iter, "s", &interface) == 0 && !strcmp(interface, IFACE));
	dbus_message_iter_recurse(&iter, &array);
	while (dbus_message_iter_get_arg_type(&array) != DBUS_TYPE_INVALID) {
		dbus_message_iter_recurse(&array, &entry);
		CHECK(xcpbus_read_iter(&entry, "sv", &name, "u", &value) == 0);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s=%u",
					 used ? " " : "", name, value);
		dbus_message_iter_next(&array);
	}
	dbus_message_iter_next(&iter);
	dbus_message_iter_recurse(&iter, &array);
	while (dbus_message_iter_get_arg_type(&array) != DBUS_TYPE_INVALID) {
		CHECK(xcpbus_read_iter(&array, "s", &name) == 0);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used ? " " : "",
					 name);
	}
	return text;
}

/* ---- changes ---- */

static void a_change_is_told_as_the_table_says(void)
{
	setup();
	size = 5;
	CHECK(xcpbus_changed(service, DISK, IFACE, "Told") == 0);
	turn_until(has_one);
	CHECK(!strcmp(changes(), "Told=5"));
	CHECK(!strcmp(dbus_message_get_path(last), DISK));
	CHECK(xcpbus_changed(service, DISK, IFACE, NULL) == 0);
	turn_until(has_two);
	CHECK(!strcmp(changes(), "Told=5 Named Secret"));
	teardown();
}

static void what_cannot_change_is_refused(void)
{
	setup();
	CHECK(xcpbus_changed(service, DISK, IFACE, "Fixed") == -EINVAL);
	CHECK(xcpbus_changed(service, DISK, IFACE, "Silent") == -EINVAL);
	CHECK(xcpbus_changed(service, DISK, IFACE, "Missing") == -ENOENT);
	CHECK(xcpbus_changed(service, DISK, "a.b", "Told") == -ENOENT);
	CHECK(xcpbus_changed(service, "/nowhere", IFACE, "Told") == -ENOENT);
	CHECK(xcpbus_changed(service, DISK, IFACE, "Named") == 0);
	turn_until(has_one);
	CHECK(!strcmp(changes(), "Named"));
	teardown();
}

static void many_changes_are_few_signals(void)
{
	setup();
	gets = 0;
	for (size = 1; size <= 1000; size++)
		CHECK(xcpbus_changed(service, DISK, IFACE, "Told") == 0);
	CHECK(xcpbus_get_timeout(service) == 0);
	turn_until(has_one);
	CHECK(count == 1 && gets == 1 && !strcmp(changes(), "Told=1001"));
	/* The next one waits, and takes along what comes meanwhile. */
	CHECK(xcpbus_changed(service, DISK, IFACE, "Named") == 0);
	CHECK(xcpbus_get_timeout(service) <= 100);
	CHECK(xcpbus_changed(service, DISK, IFACE, "Told") == 0);
	turn_until(has_two);
	CHECK(count == 2 && !strcmp(changes(), "Told=1001 Named"));
	CHECK(xcpbus_changed(service, DISK, IFACE, "Named") == 0);
	CHECK(xcpbus_flush(service, 0) == 0); /* that does not wait */
	count = 0;
	turn_until(has_one);
	CHECK(!strcmp(changes(), "Named"));
	teardown();
}

static void a_value_that_cannot_be_had_is_named(void)
{
	setup();
	is_broken = true;
	CHECK(xcpbus_changed(service, DISK, IFACE, "Told") == 0);
	CHECK(xcpbus_changed(service, DISK, IFACE, "Named") == 0);
	turn_until(has_one);
	CHECK(!strcmp(changes(), "Told Named"));
	teardown();
}

static void setting_is_a_change(void)
{
	struct xcpbus_target target;

	setup();
	target = (struct xcpbus_target){ xcpbus_unique_name(service), DISK, PROPERTIES, 0 };
	CHECK(xcpbus_call_method_async(client, &target, "Set", on_answer, NULL, NULL, "ssv", IFACE,
				       "Silent", "u", 6) == 0);
	CHECK(xcpbus_call_method_async(client, &target, "Set", on_answer, NULL, NULL, "ssv", IFACE,
				       "Told", "u", 7) == 0);
	turn_until(has_one);
	CHECK(!strcmp(changes(), "Told=7"));
	teardown();
}

static void an_object_that_goes_has_nothing_to_tell(void)
{
	struct xcpbus_slot *slot;

	setup();
	CHECK(xcpbus_export(service, TOP "/disk/2", &disk, NULL, &slot) == 0);
	CHECK(xcpbus_changed(service, TOP "/disk/2", IFACE, "Told") == 0);
	xcpbus_slot_free(slot);
	CHECK(xcpbus_changed(service, DISK, IFACE, "Named") == 0);
	turn_until(has_one);
	CHECK(!strcmp(dbus_message_get_path(last), DISK));
	teardown();
}

/* ---- managers ---- */

static void a_manager_tells_of_all_objects(void)
{
	DBusMessageIter iter, array, object, interfaces, interface, values;
	const char *path, *name;
	struct xcpbus_slot *slot;

	setup();
	CHECK(!ask(TOP, MANAGER, "GetManagedObjects"));
	CHECK(xcpbus_export_manager(service, TOP, &slot) == 0);
	CHECK(xcpbus_export_manager(service, TOP, NULL) == -EEXIST);
	CHECK(xcpbus_export_manager(service, "x", NULL) == -EINVAL);
	CHECK(xcpbus_export(service, TOP, &other, NULL, NULL) == 0); /* not below itself */
	CHECK(xcpbus_export(service, TOP "er/x", &other, NULL, NULL) == 0);
	CHECK(ask(TOP, MANAGER, "GetManagedObjects") != NULL);
	CHECK(dbus_message_has_signature(answer, "a{oa{sa{sv}}}"));
	dbus_message_iter_init(answer, &iter);
	CHECK(dbus_message_iter_get_element_count(&iter) == 1);
	dbus_message_iter_recurse(&iter, &array);
	dbus_message_iter_recurse(&array, &object);
	CHECK(xcpbus_read_iter(&object, "o", &path) == 0 && !strcmp(path, DISK));
	CHECK(dbus_message_iter_get_element_count(&object) == 1);
	dbus_message_iter_recurse(&object, &interfaces);
	dbus_message_iter_recurse(&interfaces, &interface);
	CHECK(xcpbus_read_iter(&interface, "s", &name) == 0 && !strcmp(name, IFACE));
	CHECK(dbus_message_iter_get_element_count(&interface) == 4); /* not the secret */
	dbus_message_iter_recurse(&interface, &values);

	is_broken = true;
	CHECK(!ask(TOP, MANAGER, "GetManagedObjects"));
	CHECK(strstr(answer_error.message, "'Told' of object '" DISK "'"));
	is_broken = false;
	xcpbus_slot_free(slot);
	CHECK(!ask(TOP, MANAGER, "GetManagedObjects"));
	teardown();
}

static void a_manager_is_introspectable(void)
{
	const char *xml;

	setup();
	CHECK(xcpbus_export_manager(service, "/", NULL) == 0);
	CHECK(xcpbus_export_manager(service, "/empty", NULL) == 0);
	CHECK(ask("/empty", "org.freedesktop.DBus.Introspectable", "Introspect") != NULL);
	CHECK(xcpbus_read(answer, "s", &xml) == 0 && strstr(xml, MANAGER));
	CHECK(ask(TOP, "org.freedesktop.DBus.Introspectable", "Introspect") != NULL);
	CHECK(xcpbus_read(answer, "s", &xml) == 0 && !strstr(xml, MANAGER));
	CHECK(ask("/", MANAGER, "GetManagedObjects") != NULL);
	teardown();
}

static void a_manager_tells_who_comes_and_goes(void)
{
	struct xcpbus_slot *slot;
	const char *path, **names;
	DBusMessageIter iter;
	unsigned name_count;

	setup();
	CHECK(xcpbus_export_manager(service, TOP, NULL) == 0);
	CHECK(xcpbus_export(service, "/elsewhere", &other, NULL, NULL) == 0);
	CHECK(xcpbus_export(service, TOP "/disk/2", &disk, NULL, &slot) == 0);
	turn_until(has_one);
	CHECK(dbus_message_is_signal(last, MANAGER, "InterfacesAdded"));
	CHECK(dbus_message_has_signature(last, "oa{sa{sv}}"));
	dbus_message_iter_init(last, &iter);
	CHECK(xcpbus_read_iter(&iter, "o", &path) == 0 && !strcmp(path, TOP "/disk/2"));
	CHECK(!strcmp(dbus_message_get_path(last), TOP));
	xcpbus_slot_free(slot);
	turn_until(has_two);
	CHECK(dbus_message_is_signal(last, MANAGER, "InterfacesRemoved"));
	CHECK(xcpbus_read(last, "oas", &path, &names, &name_count) == 0);
	CHECK(!strcmp(path, TOP "/disk/2") && name_count == 1 && !strcmp(names[0], IFACE));
	free(names);
	count = 0;
	is_broken = true; /* it comes all the same, without values */
	CHECK(xcpbus_export(service, TOP "/disk/3", &disk, NULL, NULL) == 0);
	turn_until(has_one);
	CHECK(dbus_message_is_signal(last, MANAGER, "InterfacesAdded"));
	teardown();
}

int main(void)
{
	bus_fixture_start(&fixture);
	RUN(a_change_is_told_as_the_table_says);
	RUN(what_cannot_change_is_refused);
	RUN(many_changes_are_few_signals);
	RUN(a_value_that_cannot_be_had_is_named);
	RUN(setting_is_a_change);
	RUN(an_object_that_goes_has_nothing_to_tell);
	RUN(a_manager_tells_of_all_objects);
	RUN(a_manager_is_introspectable);
	RUN(a_manager_tells_who_comes_and_goes);
	bus_fixture_stop(&fixture);
	return test_finish();
}
