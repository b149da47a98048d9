/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interop server on sd-bus: ADDRESS NAME. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>

#define PATH "/org/example/Interop"
#define IFACE "org.example.Interop1"

static double target = 20.5;

static int on_add(sd_bus_message *call, void *data, sd_bus_error *error)
{
	int32_t a, b;
	int r = sd_bus_message_read(call, "ii", &a, &b);

	(void)data, (void)error;
	return r < 0 ? r : sd_bus_reply_method_return(call, "i", a + b);
}

static int on_echo(sd_bus_message *call, void *data, sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	const void *bytes;
	size_t size;
	int r = sd_bus_message_read_array(call, 'y', &bytes, &size);

	(void)data, (void)error;
	if (r >= 0)
		r = sd_bus_message_new_method_return(call, &reply);
	if (r >= 0)
		r = sd_bus_message_append_array(reply, 'y', bytes, size);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* One entry of the dictionary as KEY=VALUE. */
static int read_entry(sd_bus_message *call, char line[64])
{
	const char *key, *type, *text;
	uint32_t number;
	int r = sd_bus_message_read(call, "s", &key);

	if (r >= 0)
		r = sd_bus_message_peek_type(call, NULL, &type);
	if (r < 0)
		return r;
	if (!strcmp(type, "s"))
		r = sd_bus_message_read(call, "v", "s", &text);
	else
		r = sd_bus_message_read(call, "v", "u", &number);
	if (!strcmp(type, "s"))
		snprintf(line, 64, "%.20s=%.20s", key, text);
	else
		snprintf(line, 64, "%.20s=%u", key, number);
	return r;
}

static int on_describe(sd_bus_message *call, void *data, sd_bus_error *error)
{
	char lines[8][64], *list[9] = { 0 };
	sd_bus_message *reply = NULL;
	size_t count = 0, i;
	int r = sd_bus_message_enter_container(call, 'a', "{sv}");

	(void)data, (void)error;
	while (r >= 0 && count < 8 && (r = sd_bus_message_enter_container(call, 'e', "sv")) > 0) {
		r = read_entry(call, lines[count++]);
		if (r >= 0)
			r = sd_bus_message_exit_container(call);
	}
	if (r < 0)
		return r;
	qsort(lines, count, sizeof(*lines), compare);
	for (i = 0; i < count; i++)
		list[i] = lines[i];
	r = sd_bus_message_new_method_return(call, &reply);
	if (r >= 0)
		r = sd_bus_message_append_strv(reply, list);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static int on_fail(sd_bus_message *call, void *data, sd_bus_error *error)
{
	(void)call, (void)data;
	return sd_bus_error_set(error, IFACE ".Error.Broken", "it is broken");
}

static int on_shout(sd_bus_message *call, void *data, sd_bus_error *error)
{
	const char *text;
	int r = sd_bus_message_read(call, "s", &text);

	(void)data, (void)error;
	if (r >= 0)
		r = sd_bus_emit_signal(sd_bus_message_get_bus(call), PATH, IFACE, "Shouted", "s",
				       text);
	return r < 0 ? r : sd_bus_reply_method_return(call, "");
}

static int on_size(sd_bus_message *call, void *data, sd_bus_error *error)
{
	struct stat status;
	int fd, r = sd_bus_message_read(call, "h", &fd);

	(void)data, (void)error;
	if (r < 0 || fstat(fd, &status) < 0)
		return r < 0 ? r : -1;
	return sd_bus_reply_method_return(call, "t", (uint64_t)status.st_size);
}

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
		       sd_bus_message *reply, void *data, sd_bus_error *error)
{
	(void)bus, (void)path, (void)interface, (void)property, (void)data, (void)error;
	return sd_bus_message_append(reply, "s", "1.0");
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Add", "ii", "i", on_add, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Echo", "ay", "ay", on_echo, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Describe", "a{sv}", "as", on_describe, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Fail", "", "", on_fail, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Shout", "s", "", on_shout, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Size", "h", "t", on_size, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL("Shouted", "s", 0),
	SD_BUS_PROPERTY("Version", "s", get_version, 0, 0),
	SD_BUS_WRITABLE_PROPERTY("Target", "d", NULL, NULL, 0, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

int main(int argc, char **argv)
{
	sd_bus *bus = NULL;
	int r;

	if (argc < 3 || sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, argv[1]) < 0 ||
	    sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_negotiate_fds(bus, 1) < 0 ||
	    sd_bus_start(bus) < 0 ||
	    sd_bus_add_object_vtable(bus, NULL, PATH, IFACE, vtable, &target) < 0 ||
	    sd_bus_request_name(bus, argv[2], 0) < 0)
		return 1;
	puts("ready");
	fflush(stdout);
	while ((r = sd_bus_process(bus, NULL)) >= 0)
		if (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0)
			return 1;
	return 1;
}
