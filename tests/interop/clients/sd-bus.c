/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interop client on sd-bus. */
#include <systemd/sd-bus.h>

#include "steps.h"

static sd_bus *bus;

static const char *say(int r)
{
	return r < 0 ? strerror(-r) : NULL;
}

static const char *step_call(const char *service)
{
	sd_bus_message *reply = NULL;
	int32_t sum = 0;
	int r = sd_bus_call_method(bus, service, PATH, IFACE, "Add", NULL, &reply, "ii", 40, 2);

	if (r >= 0)
		r = sd_bus_message_read(reply, "i", &sum);
	sd_bus_message_unref(reply);
	return r >= 0 && sum != 42 ? "a wrong sum" : say(r);
}

static const char *step_big(const char *service)
{
	sd_bus_message *call = NULL, *reply = NULL;
	unsigned char *bytes = big_new();
	const void *back = NULL;
	size_t size = 0;
	bool same;
	int r = sd_bus_message_new_method_call(bus, &call, service, PATH, IFACE, "Echo");

	if (r >= 0)
		r = sd_bus_message_append_array(call, 'y', bytes, BIG);
	if (r >= 0)
		r = sd_bus_call(bus, call, 0, NULL, &reply);
	if (r >= 0)
		r = sd_bus_message_read_array(reply, 'y', &back, &size);
	same = r >= 0 && size == BIG && !memcmp(back, bytes, BIG);
	free(bytes);
	sd_bus_message_unref(call);
	sd_bus_message_unref(reply);
	return r >= 0 && !same ? "other bytes" : say(r);
}

static const char *step_variants(const char *service)
{
	sd_bus_message *reply = NULL;
	char **lines = NULL;
	const char *wrong = "other lines";
	unsigned i;
	int r = sd_bus_call_method(bus, service, PATH, IFACE, "Describe", NULL, &reply, "a{sv}", 2,
				   "k", "s", "x", "n", "u", 7);

	if (r >= 0)
		r = sd_bus_message_read_strv(reply, &lines);
	if (r < 0)
		wrong = say(r);
	else if (lines && lines[0] && lines[1] && !strcmp(lines[0], "k=x") &&
		 !strcmp(lines[1], "n=7"))
		wrong = NULL;
	for (i = 0; lines && lines[i]; i++)
		free(lines[i]);
	free(lines);
	sd_bus_message_unref(reply);
	return wrong;
}

static const char *fail(const char *service, const char *member, const char *name, const char *text)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	const char *wrong;

	sd_bus_call_method(bus, service, PATH, IFACE, member, &error, NULL, NULL);
	wrong = judge_error(error.name, error.message, name, text);
	sd_bus_error_free(&error);
	return wrong;
}

static const char *step_error(const char *service)
{
	return fail(service, "Fail", BROKEN, "it is broken");
}

static const char *step_nobody(const char *service)
{
	return fail(service, "Fail", ERR "ServiceUnknown", service);
}

static const char *step_vanish(const char *service)
{
	return fail(service, "Vanish", ERR "NoReply", VANISHED);
}

static const char *step_properties(const char *service)
{
	char *version = NULL;
	double target = 0;
	bool is_right;
	int r = sd_bus_get_property_string(bus, service, PATH, IFACE, "Version", NULL, &version);

	if (r >= 0)
		r = sd_bus_set_property(bus, service, PATH, IFACE, "Target", NULL, "d", 21.5);
	if (r >= 0)
		r = sd_bus_get_property_trivial(bus, service, PATH, IFACE, "Target", NULL, 'd',
						&target);
	is_right = version && !strcmp(version, "1.0") && target > 21.4 && target < 21.6;
	free(version);
	return r >= 0 && !is_right ? "other values" : say(r);
}

static int on_shouted(sd_bus_message *message, void *data, sd_bus_error *error)
{
	const char *text = "";

	(void)error;
	if (sd_bus_message_read(message, "s", &text) >= 0 && !strcmp(text, "hey"))
		*(bool *)data = true;
	return 0;
}

static const char *step_signal(const char *service)
{
	sd_bus_slot *slot = NULL;
	bool is_heard = false;
	int r = sd_bus_match_signal(bus, &slot, service, PATH, IFACE, "Shouted", on_shouted,
				    &is_heard);

	if (r >= 0)
		r = sd_bus_call_method(bus, service, PATH, IFACE, "Shout", NULL, NULL, "s", "hey");
	while (r >= 0 && !is_heard) {
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, UINT64_MAX);
	}
	sd_bus_slot_unref(slot);
	return say(r);
}

static const char *step_fds(const char *service)
{
	sd_bus_message *reply = NULL;
	uint64_t size = 0;
	int fd = seven_new();
	int r = sd_bus_call_method(bus, service, PATH, IFACE, "Size", NULL, &reply, "h", fd);

	if (r >= 0)
		r = sd_bus_message_read(reply, "t", &size);
	close(fd);
	sd_bus_message_unref(reply);
	return r >= 0 && size != 7 ? "another size" : say(r);
}

int main(int argc, char **argv)
{
	static const struct step steps[] = {
		{ "call", step_call },
		{ "big", step_big },
		{ "variants", step_variants },
		{ "error", step_error },
		{ "properties", step_properties },
		{ "signal", step_signal },
		{ "fds", step_fds },
		{ "nobody", step_nobody },
		{ "vanish", step_vanish },
		{ 0 },
	};

	if (argc < 2 || sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, argv[1]) < 0 ||
	    sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_negotiate_fds(bus, 1) < 0 ||
	    sd_bus_start(bus) < 0)
		return 1;
	run_steps(steps, argc, argv);
	sd_bus_flush_close_unref(bus);
	return 0;
}
