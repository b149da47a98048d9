/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A service by tables, and callers who send what they like. */
#include "torture1.h"

#include "tests/unit/call-fixture.h"

#define TORTURE "org.example.torture1"
#define OBJECT "/org/example/torture1"
#define BUS_ERROR(name) "org.freedesktop.DBus.Error." name

static unsigned drawn;
static struct torture1_colour favourite;
static const char *version;

/* The radius of a Circle says what is wrong with the answer. */
static int on_draw(struct xcpbus_invocation *call, const struct torture1_draw_in *in, void *data)
{
	static const struct torture1_shape nameless = { .not_known = { .name = NULL } };
	const struct torture1_error_bad_shape why = { .shape = in->shape, .limits = { 1, 2 } };
	const struct torture1_error_bad_shape unsound = { .shape = nameless };

	CHECK(data == &fixture);
	drawn++;
	if (in->shape.kind != TORTURE1_SHAPE_CIRCLE)
		return torture1_draw_reply(call, &in->shape, in->colour);
	switch ((int)in->shape.circle) {
	case 1:
		return torture1_throw_bad_shape(call, &why, "\xff is not UTF-8");
	case 2:
		return torture1_throw_bad_shape(call, &unsound, NULL);
	case 3:
		return torture1_draw_reply(call, &nameless, in->colour);
	}
	return -EACCES;
}

static int on_favourite_get(struct torture1_colour *value, void *data)
{
	(void)data;
	*value = favourite;
	return 0;
}

static int on_favourite_set(struct torture1_colour value, struct xcpbus_error *failure, void *data)
{
	(void)data;
	if (!value.value) {
		xcpbus_error_set(failure, TORTURE ".Error.Nothing", "no %s here", value.word);
		return -EINVAL;
	}
	favourite.value = value.value;
	return 0;
}

static int on_version_get(const char **value, void *data)
{
	(void)data;
	*value = version;
	return 0;
}

static const struct torture1_handlers handlers = {
	.draw = on_draw,
	.favourite_get = on_favourite_get,
	.favourite_set = on_favourite_set,
	.version_get = on_version_get,
};

static struct xcpbus_slot *slot;

static void start(void)
{
	setup();
	CHECK(torture1_export(service, NULL, &handlers, &fixture, &slot) == 0);
	drawn = 0;
	favourite = (struct torture1_colour){ .value = TORTURE1_COLOUR_RED };
	version = "1";
}

/* To the last question, until end. */
static struct answer answer;

static void wait_for_it(int r)
{
	CHECK(r == 0);
	turn_until(&answer.is_done);
	CHECK(answer.count == 1);
}

static void end(void)
{
	if (answer.reply)
		dbus_message_unref(answer.reply);
	answer = (struct answer){ 0 };
}

#define ASK(interface, member, ...)                                                                \
	(end(), wait_for_it(xcpbus_call_method_async(                                              \
			client, &(struct xcpbus_target){ NAME, OBJECT, interface, 0 }, member,     \
			on_answer, &answer, NULL, __VA_ARGS__)))
#define DRAW(...) ASK(TORTURE, "Draw", "(sv)s", __VA_ARGS__)
#define PROPERTIES(member, ...) ASK("org.freedesktop.DBus.Properties", member, __VA_ARGS__)

static void what_has_no_handler_is_not_there(void)
{
	const char *xml;

	start();
	ASK(TORTURE, "Poke", "u", 1U);
	CHECK(is_error(&answer, BUS_ERROR("UnknownMethod"), "Poke"));
	PROPERTIES("Get", "ss", TORTURE, "Count");
	CHECK(is_error(&answer, BUS_ERROR("UnknownProperty"), "Count"));
	ASK("org.freedesktop.DBus.Introspectable", "Introspect", "");
	CHECK(answer.reply && xcpbus_read(answer.reply, "s", &xml) == 0);
	CHECK(strstr(xml, "name=\"Draw\"") && strstr(xml, "name=\"Favourite\""));
	CHECK(strstr(xml, "<arg name=\"shape\" type=\"(sv)\" direction=\"in\"/>"));
	CHECK(!strstr(xml, "name=\"Poke\"") && !strstr(xml, "name=\"Count\""));
	CHECK(strstr(xml, "<annotation name=\"org.xen.xcp.Timeout\" value=\"90.5\"/>"));
	end();
	xcpbus_slot_free(slot);
	DRAW("Empty", "b", true, "Red");
	CHECK(!answer.reply && !drawn);
	end();
	teardown();
}

static void arguments_are_refused_before_the_handler_runs(void)
{
	start();
	ASK(TORTURE, "Draw", "ss", "Circle", "Red");
	CHECK(is_error(&answer, BUS_ERROR("InvalidArgs"), ""));
	DRAW("Circle", "s", "round", "Red");
	CHECK(is_error(&answer, BUS_ERROR("InvalidArgs"), "Shape.Circle: there is 's'"));
	DRAW("Labelled", "a{sv}", 1, "size", "d", 1.0, "Red");
	CHECK(is_error(&answer, BUS_ERROR("InvalidArgs"), "Shape.Labelled: Label has no 'text'"));
	CHECK(!drawn);
	DRAW("Later", "u", 1U, "Mauve");
	CHECK(answer.reply && dbus_message_has_signature(answer.reply, "(sv)s") && drawn == 1);
	end();
	teardown();
}

static void answers_that_cannot_be_sent_become_errors(void)
{
	start();
	DRAW("Circle", "d", 0.0, "Red");
	CHECK(is_error(&answer, BUS_ERROR("AccessDenied"), ""));
	DRAW("Circle", "d", 1.0, "Red");
	CHECK(is_error(&answer, TORTURE ".Error.BadShape", "A form that is not accepted."));
	DRAW("Circle", "d", 2.0, "Red");
	CHECK(is_error(&answer, TORTURE ".Error.BadShape", "(shape: a text is missing)"));
	DRAW("Circle", "d", 3.0, "Red");
	CHECK(is_error(&answer, BUS_ERROR("Failed"),
		       "the service's answer to Draw cannot be sent: drawn: a text is missing"));
	end();
	teardown();
}

static void properties_are_got_and_set(void)
{
	const char *text;

	start();
	PROPERTIES("Get", "ss", TORTURE, "Favourite");
	CHECK(answer.reply && xcpbus_read(answer.reply, "v", "s", &text) == 0);
	CHECK(!strcmp(text, "Red"));
	PROPERTIES("Set", "ssv", TORTURE, "Favourite", "s", "Dark_green");
	CHECK(answer.reply && favourite.value == TORTURE1_COLOUR_DARK_GREEN);
	PROPERTIES("Set", "ssv", TORTURE, "Favourite", "s", "Mauve");
	CHECK(is_error(&answer, TORTURE ".Error.Nothing", "no Mauve here"));
	PROPERTIES("Set", "ssv", TORTURE, "Favourite", "u", 1U);
	CHECK(is_error(&answer, BUS_ERROR("InvalidArgs"), ""));
	PROPERTIES("Set", "ssv", TORTURE, "Version", "s", "2");
	CHECK(is_error(&answer, BUS_ERROR("PropertyReadOnly"), ""));
	PROPERTIES("GetAll", "s", TORTURE);
	CHECK(answer.reply && dbus_message_has_signature(answer.reply, "a{sv}"));
	version = "\xff";
	PROPERTIES("Get", "ss", TORTURE, "Version");
	CHECK(is_error(&answer, BUS_ERROR("Failed"), "the value of 'Version' cannot be had"));
	end();
	teardown();
}

static void on_got(struct xcpbus *bus, const struct torture1_colour *value,
		   const struct xcpbus_error *failure, void *data)
{
	(void)bus;
	CHECK(data == &answer && !value == !!failure);
	answer.count++;
	answer.is_done = true;
	if (failure)
		answer.error = *failure;
	else
		CHECK(value->value == TORTURE1_COLOUR_RED);
}

static void on_set_done(struct xcpbus *bus, const struct xcpbus_error *failure, void *data)
{
	(void)bus;
	CHECK(data == &answer);
	answer.count++;
	answer.is_done = true;
	if (failure)
		answer.error = *failure;
}

static void properties_are_got_and_set_without_waiting(void)
{
	const struct xcpbus_target to = { NAME, NULL, NULL, 0 }, nowhere = { "no name", 0, 0, 0 };
	struct torture1_colour colour = { .value = TORTURE1_COLOUR_NONE };

	start();
	end();
	wait_for_it(torture1_favourite_get_begin(client, &to, on_got, &answer, NULL));
	CHECK(!answer.error.name[0]);
	end();
	favourite = (struct torture1_colour){ .word = NULL };
	wait_for_it(torture1_favourite_get_begin(client, &to, on_got, &answer, NULL));
	CHECK(is_error(&answer, BUS_ERROR("Failed"), "the value of 'Favourite' cannot be had"));
	end();
	wait_for_it(torture1_favourite_set_begin(client, &to, colour, on_set_done, &answer, NULL));
	CHECK(!answer.error.name[0] && favourite.value == TORTURE1_COLOUR_NONE);
	end();
	colour = (struct torture1_colour){ .word = "Mauve" };
	wait_for_it(torture1_favourite_set_begin(client, &to, colour, on_set_done, &answer, NULL));
	CHECK(is_error(&answer, TORTURE ".Error.Nothing", "no Mauve here"));
	colour.word = NULL;
	CHECK(torture1_favourite_set_begin(client, &to, colour, on_set_done, &answer, NULL) ==
	      -EINVAL);
	CHECK(torture1_favourite_get_begin(client, &nowhere, on_got, &answer, NULL) == -EINVAL);
	end();
	teardown();
}

static void signals_need_a_path_and_sound_arguments(void)
{
	const struct torture1_label label = { .text = "x", .colour = { .word = "Mauve" } };
	const struct torture1_label nothing = { .text = NULL };

	start();
	CHECK(torture1_poked_emit(service, NULL, 1, &label) == 0);
	CHECK(torture1_poked_emit(service, "not a path", 1, &label) == -EINVAL);
	CHECK(torture1_poked_emit(service, NULL, 1, &nothing) == -EINVAL);
	CHECK(torture1_favourite_changed(service, NULL) == 0);
	CHECK(torture1_favourite_changed(service, "/elsewhere") == -ENOENT);
	CHECK(torture1_count_changed(service, NULL) == -ENOENT);
	CHECK(torture1_export(service, NULL, &handlers, NULL, NULL) == -EEXIST);
	CHECK(torture1_export(service, "not a path", &handlers, NULL, NULL) == -EINVAL);
	teardown();
}

int main(void)
{
	bus_fixture_start(&fixture);
	RUN(what_has_no_handler_is_not_there);
	RUN(arguments_are_refused_before_the_handler_runs);
	RUN(answers_that_cannot_be_sent_become_errors);
	RUN(properties_are_got_and_set);
	RUN(properties_are_got_and_set_without_waiting);
	RUN(signals_need_a_path_and_sound_arguments);
	end();
	teardown();
	bus_fixture_stop(&fixture);
	return test_finish();
}
