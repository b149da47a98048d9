/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values, calls and services by tables without memory: every allocation of a scenario fails once,
 * and then all from there on; and so do libdbus's functions that allocate. Nothing may crash or
 * leak, and whoever was told that its call was taken hears of it once or is disconnected. */
#include "torture1.h"

#include <string.h>

#include "oom.h"
#include "tests/unit/call-fixture.h"

/* ---- libdbus ---- */

#define WRAP(result, none, name, parameters, arguments)                                            \
	result __real_##name parameters;                                                           \
	result __wrap_##name parameters;                                                           \
	result __wrap_##name parameters                                                            \
	{                                                                                          \
		return fails() ? (none) : __real_##name arguments;                                 \
	}

WRAP(DBusMessage *, NULL, dbus_message_new, (int type), (type))
WRAP(DBusMessage *, NULL, dbus_message_new_signal,
     (const char *path, const char *face, const char *name), (path, face, name))
WRAP(DBusMessage *, NULL, dbus_message_new_method_call,
     (const char *to, const char *path, const char *face, const char *name), (to, path, face, name))
WRAP(DBusMessage *, NULL, dbus_message_new_method_return, (DBusMessage * call), (call))
WRAP(DBusMessage *, NULL, dbus_message_new_error,
     (DBusMessage * call, const char *name, const char *text), (call, name, text))
WRAP(char *, NULL, dbus_message_iter_get_signature, (DBusMessageIter * iter), (iter))
WRAP(dbus_bool_t, false, dbus_message_iter_append_basic,
     (DBusMessageIter * iter, int type, const void *value), (iter, type, value))
WRAP(dbus_bool_t, false, dbus_message_iter_append_fixed_array,
     (DBusMessageIter * iter, int type, const void *items, int count), (iter, type, items, count))
WRAP(dbus_bool_t, false, dbus_message_iter_open_container,
     (DBusMessageIter * iter, int type, const char *inner, DBusMessageIter *sub),
     (iter, type, inner, sub))

dbus_bool_t __real_dbus_message_iter_close_container(DBusMessageIter *iter, DBusMessageIter *sub);
dbus_bool_t __wrap_dbus_message_iter_close_container(DBusMessageIter *iter, DBusMessageIter *sub);
dbus_bool_t __wrap_dbus_message_iter_close_container(DBusMessageIter *iter, DBusMessageIter *sub)
{
	if (!fails())
		return __real_dbus_message_iter_close_container(iter, sub);
	dbus_message_iter_abandon_container(iter, sub); /* as libdbus does */
	return false;
}

/* ---- values ---- */

static struct torture1_everything everything;
static DBusMessage *message;

static void make_everything(void)
{
	static const struct torture1_label label = { .text = "text",
						     .link = "link",
						     .colour = { .word = "Mauve" } };
	static struct torture1_shape star = { .not_known = { .name = "Star" } };
	DBusMessageIter iter;

	star.not_known.value = xcpbus_any_new("(sa{sv})", "x", 1, "a", "u", 1U);
	torture1_everything_init(&everything);
	everything.labels = (struct torture1_list_of_label){ &label, 1 };
	everything.shape = (struct torture1_shape){ TORTURE1_SHAPE_GROUP, .group = { &star, 1 } };
	everything.label = &label;
	everything.anything = star.not_known.value;
	message = dbus_message_new_signal("/a", "a.b", "C");
	dbus_message_iter_init_append(message, &iter);
	CHECK(torture1_everything_append(&iter, &everything, NULL) == 0);
}

static void append_again(const struct torture1_everything *value)
{
	DBusMessage *again = __real_dbus_message_new_signal("/a", "a.b", "C");
	DBusMessageIter iter;
	int r;

	dbus_message_iter_init_append(again, &iter);
	r = torture1_everything_append(&iter, value, &error);
	CHECK(r == 0 || (oom.failed && r == -ENOMEM));
	dbus_message_unref(again);
}

static void values(void)
{
	struct torture1_everything read, copy;
	DBusMessageIter iter;
	DBusMessage *any;

	oom.is_armed = true;
	dbus_message_iter_init(message, &iter);
	if (torture1_everything_read(&iter, &read, &error) == 0) {
		if (torture1_everything_copy(&copy, &read) == 0) {
			append_again(&copy);
			torture1_everything_free(&copy);
		}
		torture1_everything_free(&read);
	}
	any = xcpbus_any_new("a{sv}", 1, "key", "(su)", "text", 1U);
	if (any)
		dbus_message_unref(any);
	oom.is_armed = false;
}

/* ---- a service and its caller ---- */

static int on_draw(struct xcpbus_invocation *call, const struct torture1_draw_in *in, void *data)
{
	struct torture1_error_bad_shape why = { .shape = in->shape };

	(void)data;
	if (in->shape.kind == TORTURE1_SHAPE_EMPTY)
		return torture1_throw_bad_shape(call, &why, NULL);
	return torture1_draw_reply(call, &in->shape, in->colour);
}

static int on_favourite_get(struct torture1_colour *value, void *data)
{
	(void)data;
	*value = (struct torture1_colour){ .word = "Mauve" };
	return 0;
}

static int on_favourite_set(struct torture1_colour value, struct xcpbus_error *failure, void *data)
{
	(void)value;
	(void)failure;
	(void)data;
	return 0;
}

static const struct torture1_handlers handlers = {
	.draw = on_draw,
	.favourite_get = on_favourite_get,
	.favourite_set = on_favourite_set,
};

static void on_poked(struct xcpbus *bus, const struct xcpbus_source *from,
		     const struct torture1_poked_args *args, void *data)
{
	(void)from;
	(void)bus;
	(void)data;
	CHECK(args->end == 7 && !strcmp(args->label.text, "x"));
}

static void on_favourite(struct xcpbus *bus, const struct xcpbus_source *from,
			 const struct torture1_colour *value, void *data)
{
	(void)from;
	(void)bus;
	(void)data;
	CHECK(!value || !strcmp(value->word, "Mauve"));
}

static void on_drawn(struct xcpbus *bus, const struct torture1_draw_out *out,
		     const struct xcpbus_error *failure, void *data)
{
	struct torture1_error_bad_shape why;

	CHECK(!out == !!failure);
	if (failure && torture1_read_bad_shape(bus, &why) == 0)
		torture1_error_bad_shape_free(&why);
	++*(unsigned *)data;
}

static void on_favourite_got(struct xcpbus *bus, const struct torture1_colour *value,
			     const struct xcpbus_error *failure, void *data)
{
	(void)bus;
	CHECK(!value == !!failure);
	++*(unsigned *)data;
}

static void on_favourite_done(struct xcpbus *bus, const struct xcpbus_error *failure, void *data)
{
	(void)bus;
	(void)failure;
	++*(unsigned *)data;
}

/* Until all answers are there, or one of the connections is not any more. */
static void turn_for(const unsigned *told, unsigned begun)
{
	struct xcpbus *buses[] = { client, service };
	struct pollfd fds[2];

	while (*told < begun) {
		int timeout = 20000, i;

		for (i = 0; i < 2; i++) {
			if (xcpbus_process(buses[i]) < 0)
				return;
			fds[i].fd = xcpbus_get_fd(buses[i]);
			fds[i].events = xcpbus_get_events(buses[i]);
			if (xcpbus_get_timeout(buses[i]) >= 0 &&
			    xcpbus_get_timeout(buses[i]) < timeout)
				timeout = xcpbus_get_timeout(buses[i]);
		}
		if (*told < begun && poll(fds, 2, timeout) == 0 && timeout == 20000)
			errx(1, "nothing happens");
	}
	CHECK(*told == begun);
}

static void calls(void)
{
	const struct torture1_shape shapes[] = { { TORTURE1_SHAPE_CIRCLE, .circle = 1 },
						 { TORTURE1_SHAPE_EMPTY, .circle = 0 } };
	const struct torture1_colour colour = { .word = "Mauve" };
	const struct torture1_label label = { .text = "x", .colour = colour };
	struct xcpbus_target to = { NAME, NULL, NULL, 200 };
	unsigned told = 0, begun = 0, i;

	setup();
	to.destination = xcpbus_unique_name(service);
	oom.is_armed = true;
	torture1_export(service, NULL, &handlers, NULL, NULL);
	torture1_poked_subscribe(client, &to, on_poked, NULL, NULL, &error);
	torture1_favourite_watch(client, &to, on_favourite, NULL, NULL, &error);
	torture1_poked_emit(service, NULL, 7, &label);
	torture1_favourite_changed(service, NULL);
	for (i = 0; i < 2; i++)
		begun += torture1_draw_begin(client, &to, &shapes[i], colour, on_drawn, &told,
					     NULL) >= 0;
	begun += torture1_favourite_get_begin(client, &to, on_favourite_got, &told, NULL) >= 0;
	begun += torture1_favourite_set_begin(client, &to, colour, on_favourite_done, &told,
					      NULL) >= 0;
	turn_for(&told, begun);
	oom.is_armed = false;
	teardown();
}

static void values_do_without(void)
{
	starve(values);
}

static void calls_do_without(void)
{
	starve(calls);
}

int main(void)
{
	bus_fixture_start(&fixture);
	make_everything();
	RUN(values_do_without);
	RUN(calls_do_without);
	dbus_message_unref(message);
	dbus_message_unref(everything.anything);
	bus_fixture_stop(&fixture);
	return test_finish();
}
