/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the library answers by itself for exported objects. The service is in a thread of its own,
 * so that the test can use blocking calls. */
#include "libxcpbus/xcpbus.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>

#include "tests/unit/bus-fixture.h"
#include "tests/unit/test.h"

#define NAME "org.xen.xcp.test"
#define PATH "/org/xen/xcp/test"
#define IFACE "org.xen.xcp.test.Disk1"
#define OTHER "org.xen.xcp.test.Other1"
#define PROPERTIES "org.freedesktop.DBus.Properties"

static struct bus_fixture fixture;
static struct xcpbus *client;
static struct xcpbus_error error;

/* ---- the service ---- */

static uint64_t size = 4096;
static pthread_t thread;
static int stop_pipe[2];

static int on_attach(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	return xcpbus_reply(call, "su", "xvda", 51712);
}

static struct xcpbus_slot *temporary;

static int on_unexport(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	(void)message;
	(void)data;
	temporary = xcpbus_slot_free(temporary); /* the object that is being called */
	return xcpbus_reply(call, "");
}

static int get_size(const struct xcpbus_property *property, DBusMessageIter *value, void *data)
{
	(void)data;
	return xcpbus_append_iter(value, property->signature, size);
}

static int set_size(const struct xcpbus_property *property, DBusMessageIter *value,
		    struct xcpbus_error *failure, void *data)
{
	uint64_t wanted;
	int r = xcpbus_read_iter(value, property->signature, &wanted);

	(void)data;
	if (r < 0)
		return r;
	if (wanted < 512) {
		xcpbus_error_set(failure, "org.xen.xcp.Error.TooSmall", "%llu is too small",
				 (unsigned long long)wanted);
		return -EINVAL;
	}
	if (wanted == 666)
		return -EACCES;
	size = wanted;
	return 0;
}

static int get_tags(const struct xcpbus_property *property, DBusMessageIter *value, void *data)
{
	(void)data;
	return xcpbus_append_iter(value, property->signature, 2, "fast", "local");
}

static int get_nothing(const struct xcpbus_property *property, DBusMessageIter *value, void *data)
{
	(void)property;
	(void)value;
	(void)data;
	return -EIO;
}

static const struct xcpbus_method methods[] = {
	{ "Attach", "sb", "su", on_attach, .in_names = "vm read_only", .out_names = "device id" },
	{ "Old", "a{sv}(ii)", NULL, on_unexport, .flags = XCPBUS_DEPRECATED | XCPBUS_NO_REPLY },
	{ "Unexport", NULL, NULL, on_unexport, .flags = 0 },
	{ .member = NULL },
};

static const struct xcpbus_signal signals[] = {
	{ "Progress", "sd", .names = "task fraction" },
	{ .member = NULL },
};

static const struct xcpbus_property properties[] = {
	{ "Size", "t", get_size, set_size, .flags = XCPBUS_EMITS_INVALIDATION },
	{ "Tags", "as", get_tags, .flags = XCPBUS_CONSTANT },
	{ "Secret", "s", .set = set_size },
	{ .name = NULL },
};

static const struct xcpbus_property broken_properties[] = {
	{ "Broken", "s", .get = get_nothing },
	{ .name = NULL },
};

static const struct xcpbus_annotation annotations[] = {
	{ "org.xen.xcp.Doc", "a <disk> & \"more\"\n" },
	{ .name = NULL },
};

static const struct xcpbus_interface disk = { IFACE, methods, signals, properties, annotations };
static const struct xcpbus_interface broken = { OTHER, .properties = broken_properties };

static void on_stop(evutil_socket_t fd, short what, void *base)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(base);
}

static void *serve(void *data)
{
	struct xcpbus *service = data;
	struct event_base *base = event_base_new();
	struct event *stop = event_new(base, stop_pipe[0], EV_READ, on_stop, base);

	event_add(stop, NULL);
	xcpbus_attach_event_base(service, base);
	event_base_dispatch(base);
	xcpbus_free(service);
	event_free(stop);
	event_base_free(base);
	return NULL;
}

static void setup(void)
{
	struct xcpbus *service;

	CHECK(pipe(stop_pipe) == 0);
	CHECK(xcpbus_connect(fixture.address, 0, &service, &error) == 0);
	CHECK(xcpbus_export(service, PATH "/disk/1", &disk, NULL, NULL) == 0);
	CHECK(xcpbus_export(service, PATH "/disk/2", &disk, NULL, &temporary) == 0);
	CHECK(xcpbus_export(service, PATH "/disk/1", &broken, NULL, NULL) == 0);
	CHECK(xcpbus_request_name(service, NAME, 0, &error) == 1);
	CHECK(pthread_create(&thread, NULL, serve, service) == 0);
	CHECK(xcpbus_connect(fixture.address, 0, &client, &error) == 0);
}

static void teardown(void)
{
	client = xcpbus_free(client);
	CHECK(write(stop_pipe[1], "", 1) == 1);
	pthread_join(thread, NULL);
	close(stop_pipe[0]);
	close(stop_pipe[1]);
}

/* ---- the client ---- */

static DBusMessage *reply;

static int call(const char *path, const char *interface, const char *member, const char *signature,
		const char *a, const char *b)
{
	struct xcpbus_target target = { NAME, path, interface, 0 };

	if (reply)
		dbus_message_unref(reply);
	reply = NULL;
	return xcpbus_call_method(client, &target, member, &reply, &error, signature, a, b);
}

static bool failed_with(const char *name, const char *part)
{
	bool is = xcpbus_error_is(&error, name) && strstr(error.message, part);

	if (!is)
		printf("%s: %s\n", error.name, error.message);
	return is;
}

static const char *introspect(const char *path)
{
	const char *xml = "";

	CHECK(call(path, "org.freedesktop.DBus.Introspectable", "Introspect", "", NULL, NULL) == 0);
	CHECK(xcpbus_read(reply, "s", &xml) == 0);
	return xml;
}

/* ---- tests ---- */

static void introspection_shows_the_tables(void)
{
	static const char expected[] =
		" <interface name=\"" IFACE "\">\n"
		"  <method name=\"Attach\">\n"
		"   <arg name=\"vm\" type=\"s\" direction=\"in\"/>\n"
		"   <arg name=\"read_only\" type=\"b\" direction=\"in\"/>\n"
		"   <arg name=\"device\" type=\"s\" direction=\"out\"/>\n"
		"   <arg name=\"id\" type=\"u\" direction=\"out\"/>\n"
		"  </method>\n"
		"  <method name=\"Old\">\n"
		"   <arg type=\"a{sv}\" direction=\"in\"/>\n"
		"   <arg type=\"(ii)\" direction=\"in\"/>\n"
		"   <annotation name=\"org.freedesktop.DBus.Deprecated\" value=\"true\"/>\n"
		"   <annotation name=\"org.freedesktop.DBus.Method.NoReply\" value=\"true\"/>\n"
		"  </method>\n"
		"  <method name=\"Unexport\">\n"
		"  </method>\n"
		"  <signal name=\"Progress\">\n"
		"   <arg name=\"task\" type=\"s\"/>\n"
		"   <arg name=\"fraction\" type=\"d\"/>\n"
		"  </signal>\n"
		"  <property name=\"Size\" type=\"t\" access=\"readwrite\">\n"
		"   <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" "
		"value=\"invalidates\"/>\n"
		"  </property>\n"
		"  <property name=\"Tags\" type=\"as\" access=\"read\">\n"
		"   <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" "
		"value=\"const\"/>\n"
		"  </property>\n"
		"  <property name=\"Secret\" type=\"s\" access=\"write\">\n"
		"   <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" "
		"value=\"false\"/>\n"
		"  </property>\n"
		"  <annotation name=\"org.xen.xcp.Doc\" "
		"value=\"a &lt;disk> &amp; &quot;more&quot;&#10;\"/>\n"
		" </interface>\n";
	const char *xml = introspect(PATH "/disk/1");

	CHECK(strstr(xml, expected));
	CHECK(strstr(xml, "<!DOCTYPE node") == xml);
	CHECK(strstr(xml, "org.freedesktop.DBus.Peer") && strstr(xml, PROPERTIES));
	CHECK(strstr(xml, OTHER));
}

static void parents_are_there_as_well(void)
{
	CHECK(strstr(introspect("/"), " <node name=\"org\"/>\n</node>"));
	CHECK(strstr(introspect("/org"), " <node name=\"xen\"/>\n</node>"));
	CHECK(strstr(introspect(PATH "/disk"),
		     " <node name=\"1\"/>\n <node name=\"2\"/>\n</node>"));
	CHECK(!strstr(introspect(PATH "/disk"), PROPERTIES));
	CHECK(call("/org/xe", "org.freedesktop.DBus.Introspectable", "Introspect", "", NULL,
		   NULL) == -ENOSYS);
	CHECK(failed_with("org.freedesktop.DBus.Error.UnknownObject", "'/org/xe'"));
}

static void every_path_has_a_peer(void)
{
	const char *id;

	CHECK(call("/nowhere", "org.freedesktop.DBus.Peer", "Ping", "", NULL, NULL) == 0);
	if (call("/", "org.freedesktop.DBus.Peer", "GetMachineId", "", NULL, NULL) == 0)
		CHECK(xcpbus_read(reply, "s", &id) == 0 && strlen(id) == 32);
	else
		CHECK(failed_with("org.freedesktop.DBus.Error.Failed", "no id"));
}

static void properties_are_read(void)
{
	const char **tags;
	uint64_t value;
	unsigned count;

	CHECK(call(PATH "/disk/1", PROPERTIES, "Get", "ss", IFACE, "Size") == 0);
	CHECK(xcpbus_read(reply, "v", "t", &value) == 0 && value == size);
	CHECK(call(PATH "/disk/1", PROPERTIES, "Get", "ss", "", "Tags") == 0);
	CHECK(xcpbus_read(reply, "v", "as", &tags, &count) == 0 && count == 2);
	free(tags);
	CHECK(call(PATH "/disk/1", PROPERTIES, "Get", "ss", IFACE, "Colour") == -ENOSYS);
	CHECK(failed_with("org.freedesktop.DBus.Error.UnknownProperty", IFACE ".Colour"));
	CHECK(call(PATH "/disk/1", PROPERTIES, "Get", "ss", "a.b", "Size") == -ENOSYS);
	CHECK(failed_with("org.freedesktop.DBus.Error.UnknownInterface", "'a.b'"));
	CHECK(call(PATH "/disk/1", PROPERTIES, "Get", "ss", IFACE, "Secret") == -EACCES);
	CHECK(failed_with("org.freedesktop.DBus.Error.AccessDenied", "only be set"));
	CHECK(call(PATH "/disk/1", PROPERTIES, "Get", "ss", OTHER, "Broken") == -EREMOTEIO);
	CHECK(failed_with("org.freedesktop.DBus.Error.Failed", "'Broken'"));
	CHECK(call(PATH, PROPERTIES, "Get", "ss", IFACE, "Size") == -ENOSYS);
}

static void all_properties_are_read_at_once(void)
{
	DBusMessageIter iter, array, entry;
	const char *name;
	uint64_t value;

	CHECK(call(PATH "/disk/1", PROPERTIES, "GetAll", "s", IFACE, NULL) == 0);
	CHECK(dbus_message_has_signature(reply, "a{sv}"));
	dbus_message_iter_init(reply, &iter);
	CHECK(dbus_message_iter_get_element_count(&iter) == 2); /* not the secret */
	dbus_message_iter_recurse(&iter, &array);
	dbus_message_iter_recurse(&array, &entry);
	CHECK(xcpbus_read_iter(&entry, "sv", &name, "t", &value) == 0);
	CHECK(!strcmp(name, "Size") && value == size);

	CHECK(call(PATH "/disk/1", PROPERTIES, "GetAll", "s", "org.freedesktop.DBus.Peer", NULL) ==
	      0);
	CHECK(call(PATH "/disk/1", PROPERTIES, "GetAll", "s", "a.b", NULL) == -ENOSYS);
	CHECK(failed_with("org.freedesktop.DBus.Error.UnknownInterface", "'a.b'"));
	CHECK(call(PATH "/disk/2", PROPERTIES, "GetAll", "s", "", NULL) == 0);
	CHECK(call(PATH "/disk/1", PROPERTIES, "GetAll", "s", OTHER, NULL) == -EREMOTEIO);
	CHECK(failed_with("org.freedesktop.DBus.Error.Failed", "'Broken'"));
}

static int set(const char *name, const char *signature, uint64_t number)
{
	struct xcpbus_target target = { NAME, PATH "/disk/1", PROPERTIES, 0 };

	if (!strcmp(signature, "s"))
		return xcpbus_call_method(client, &target, "Set", NULL, &error, "ssv", IFACE, name,
					  "s", "text");
	return xcpbus_call_method(client, &target, "Set", NULL, &error, "ssv", IFACE, name,
				  signature, number);
}

static void properties_are_set(void)
{
	uint64_t value;

	CHECK(set("Size", "t", 8192) == 0);
	CHECK(call(PATH "/disk/1", PROPERTIES, "Get", "ss", IFACE, "Size") == 0);
	CHECK(xcpbus_read(reply, "v", "t", &value) == 0 && value == 8192);
	CHECK(set("Size", "t", 1) == -EREMOTEIO);
	CHECK(failed_with("org.xen.xcp.Error.TooSmall", "1 is too small"));
	CHECK(set("Size", "t", 666) == -EACCES);
	CHECK(failed_with("org.freedesktop.DBus.Error.AccessDenied", "'Size' cannot be set"));
	CHECK(set("Size", "s", 0) == -EINVAL);
	CHECK(failed_with("org.freedesktop.DBus.Error.InvalidArgs", "of type 't'"));
	CHECK(set("Tags", "s", 0) == -EROFS);
	CHECK(failed_with("org.freedesktop.DBus.Error.PropertyReadOnly", "'Tags'"));
}

static void an_object_can_unexport_itself(void)
{
	CHECK(call(PATH "/disk/2", IFACE, "Unexport", "", NULL, NULL) == 0);
	CHECK(call(PATH "/disk/2", IFACE, "Unexport", "", NULL, NULL) == -ENOSYS);
	CHECK(failed_with("org.freedesktop.DBus.Error.UnknownObject", "/disk/2'"));
	CHECK(!strstr(introspect(PATH "/disk"), "\"2\""));
}

static void bad_tables_are_refused(void)
{
	static const struct xcpbus_method no_handler[] = { { .member = "X" }, { .member = NULL } };
	static const struct xcpbus_method bad_signature[] = {
		{ .member = "X", .in_signature = "(", .handler = on_attach },
		{ .member = NULL },
	};
	static const struct xcpbus_method bad_names[] = {
		{ .member = "X", .handler = on_attach, .in_names = "\"/>" },
		{ .member = NULL },
	};
	static const struct xcpbus_property bad_property[] = {
		{ .name = "X", .signature = "ss" },
		{ .name = NULL },
	};
	static const struct xcpbus_interface bad[] = {
		{ .name = "nodot" },
		{ .name = "a.b", .methods = no_handler },
		{ .name = "a.b", .methods = bad_signature },
		{ .name = "a.b", .methods = bad_names },
		{ .name = "a.b", .properties = bad_property },
	};
	static const struct xcpbus_interface good = { .name = "a.b" };
	static const struct xcpbus_interface peer = { .name = "org.freedesktop.DBus.Peer" };
	struct xcpbus_slot *slot;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(xcpbus_export(client, "/x", &bad[i], NULL, NULL) == -EINVAL);
	CHECK(xcpbus_export(client, "x", &good, NULL, NULL) == -EINVAL);
	CHECK(xcpbus_export(client, "/x", &peer, NULL, NULL) == -EEXIST);
	CHECK(xcpbus_export(client, "/x", &good, NULL, &slot) == 0);
	CHECK(xcpbus_export(client, "/x", &good, NULL, NULL) == -EEXIST);
	xcpbus_slot_free(slot);
	CHECK(xcpbus_export(client, "/x", &good, NULL, NULL) == 0);
}

int main(void)
{
	bus_fixture_start(&fixture);
	setup();
	RUN(introspection_shows_the_tables);
	RUN(parents_are_there_as_well);
	RUN(every_path_has_a_peer);
	RUN(properties_are_read);
	RUN(all_properties_are_read_at_once);
	RUN(properties_are_set);
	RUN(an_object_can_unexport_itself);
	RUN(bad_tables_are_refused);
	if (reply)
		dbus_message_unref(reply);
	teardown();
	bus_fixture_stop(&fixture);
	return test_finish();
}
