/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A caller by tables, and a service that is not what they say: the torture service's interface,
 * with answers, signals and properties made by hand. */
#include "torture1.h"

#include "tests/unit/call-fixture.h"

#define TORTURE "org.example.torture1"
#define OBJECT "/org/example/torture1"
#define PROPERTIES "org.freedesktop.DBus.Properties"

static struct xcpbus_target evil = { NAME, NULL, NULL, 20000 };
static const struct torture1_shape circle = { TORTURE1_SHAPE_CIRCLE, .circle = 1 };
static const struct torture1_colour red = { .value = TORTURE1_COLOUR_RED };

/* What the service answers, or throws if it has a name. */
static struct {
	const char *name;
	int (*fill)(DBusMessage *reply);
} plan;

static int on_any_call(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	DBusMessage *reply = plan.name ? dbus_message_new_error(message, plan.name, NULL)
				       : dbus_message_new_method_return(message);
	int r;

	(void)data;
	CHECK(plan.fill(reply) == 0);
	r = xcpbus_reply_message(call, reply);
	dbus_message_unref(reply);
	return r;
}

static const struct xcpbus_method evil_methods[] = {
	{ "Draw", "(sv)s", "(sv)s", on_any_call, .flags = 0 },
	{ .member = NULL },
};

static int get_count(const struct xcpbus_property *property, DBusMessageIter *value, void *data)
{
	(void)data;
	return xcpbus_append_iter(value, property->signature, "many");
}

static const struct xcpbus_property evil_properties[] = {
	{ "Count", "s", get_count, .flags = 0 },
	{ .name = NULL },
};
static const struct xcpbus_interface evil_interface = { TORTURE, .methods = evil_methods,
							.properties = evil_properties };

static void start(void)
{
	setup();
	CHECK(xcpbus_export(service, OBJECT, &evil_interface, NULL, NULL) == 0);
	evil.destination = xcpbus_unique_name(service);
	plan.name = NULL;
}

/* ---- answers ---- */

struct drawn {
	bool is_done, has_read, is_freeing;
	unsigned count;
	int read;
	struct xcpbus_error error;
};

static void on_drawn(struct xcpbus *bus, const struct torture1_draw_out *out,
		     const struct xcpbus_error *failure, void *data)
{
	struct torture1_error_bad_shape why;
	struct drawn *drawn = data;

	CHECK(!out == !!failure);
	drawn->is_done = true;
	drawn->count++;
	if (failure) {
		drawn->error = *failure;
		drawn->read = torture1_read_bad_shape(bus, &why);
		if (drawn->read == 0)
			torture1_error_bad_shape_free(&why);
	}
	if (drawn->is_freeing)
		client = xcpbus_free(client);
}

static struct drawn draw(int (*fill)(DBusMessage *reply))
{
	struct drawn drawn = { .read = 1 };

	plan.fill = fill;
	CHECK(torture1_draw_begin(client, &evil, &circle, red, on_drawn, &drawn, NULL) == 0);
	turn_until(&drawn.is_done);
	CHECK(drawn.count == 1);
	return drawn;
}

static int fill_right(DBusMessage *reply)
{
	return xcpbus_append(reply, "(sv)s", "Later", "u", 1U, "Mauve");
}

static int fill_nothing(DBusMessage *reply)
{
	(void)reply;
	return 0;
}

static int fill_wrong_case(DBusMessage *reply)
{
	return xcpbus_append(reply, "(sv)s", "Circle", "s", "round", "Red");
}

static void an_answer_is_read_or_says_what_is_wrong_with_it(void)
{
	struct drawn drawn;

	start();
	drawn = draw(fill_right);
	CHECK(!drawn.error.name[0]);
	drawn = draw(fill_nothing);
	CHECK(xcpbus_error_is(&drawn.error, "org.xen.xcp.Error.InvalidReply"));
	CHECK(strstr(drawn.error.message, "the answer to Draw is not valid: there is '' where"));
	drawn = draw(fill_wrong_case);
	CHECK(xcpbus_error_is(&drawn.error, "org.xen.xcp.Error.InvalidReply"));
	CHECK(strstr(drawn.error.message, "Shape.Circle: there is 's' where 'd' should be"));
	CHECK(drawn.read == -ENOENT);
	teardown();
}

static int fill_bad_shape(DBusMessage *reply)
{
	return xcpbus_append(reply, "s(sv)(xx)", "no", "Later", "u", 1U, INT64_C(1), INT64_C(2));
}

static int fill_text(DBusMessage *reply)
{
	return xcpbus_append(reply, "s", "no");
}

static int fill_wrong_payload(DBusMessage *reply)
{
	return xcpbus_append(reply, "s(sv)(xx)", "no", "Segment", "s", "long", INT64_C(1),
			     INT64_C(2));
}

static void what_an_error_carries_is_read_or_refused(void)
{
	struct drawn drawn;

	start();
	plan.name = TORTURE ".Error.BadShape";
	drawn = draw(fill_bad_shape);
	CHECK(torture1_error_of(&drawn.error) == TORTURE1_ERROR_BAD_SHAPE && drawn.read == 0);
	CHECK(draw(fill_text).read == -EBADMSG);
	CHECK(draw(fill_nothing).read == -EBADMSG);
	CHECK(draw(fill_wrong_payload).read == -EBADMSG);
	plan.name = TORTURE ".Error.Later";
	drawn = draw(fill_bad_shape);
	CHECK(!torture1_error_of(&drawn.error) && drawn.read == -ENOENT);
	teardown();
}

static void a_callback_may_end_the_connection(void)
{
	struct drawn drawn = { .is_freeing = true };

	start();
	plan.fill = fill_right;
	CHECK(torture1_draw_begin(client, &evil, &circle, red, on_drawn, &drawn, NULL) == 0);
	while (!drawn.is_done) {
		xcpbus_process(client);
		CHECK(drawn.is_done || xcpbus_process(service) >= 0);
	}
	CHECK(!client && drawn.count == 1);
	teardown();
}

static void there_must_be_a_place_to_call(void)
{
	const struct xcpbus_target nowhere = { "no name", NULL, NULL, 0 };
	uint32_t count;

	start();
	CHECK(torture1_count_get(client, &nowhere, &count, &error) < 0);
	CHECK(torture1_draw_begin(client, &nowhere, &circle, red, on_drawn, NULL, NULL) == -EINVAL);
	CHECK(torture1_draw(client, &nowhere, &circle, red, NULL, NULL, &error) == -EINVAL);
	CHECK(strstr(error.message, "there is no service 'no name'"));
	CHECK(torture1_poked_subscribe(client, &nowhere, NULL, NULL, NULL, &error) == -EINVAL);
	teardown();
}

/* ---- signals and properties ---- */

struct heard {
	bool is_done;
	unsigned count, nothing;
	uint32_t last;
};

static void on_poked(struct xcpbus *bus, const struct xcpbus_source *from,
		     const struct torture1_poked_args *args, void *data)
{
	(void)from;
	struct heard *heard = data;

	(void)bus;
	heard->count++;
	heard->last = args->end;
	heard->is_done = args->end == 99;
}

static void signals_that_are_not_valid_are_not_told(void)
{
	struct heard heard = { 0 };

	start();
	CHECK(torture1_poked_subscribe(client, &evil, on_poked, &heard, NULL, &error) == 0);
	CHECK(xcpbus_emit(service, OBJECT, TORTURE, "Poked", "") == 0);
	CHECK(xcpbus_emit(service, OBJECT, TORTURE, "Poked", "ua{sv}", 1U, 0) == 0);
	CHECK(xcpbus_emit(service, OBJECT, TORTURE, "Poked", "ua{sv}", 2U, 1, "text", "u", 3U) ==
	      0);
	CHECK(xcpbus_emit(service, OBJECT, TORTURE, "Poked", "ua{sv}", 99U, 1, "text", "s", "x") ==
	      0);
	turn_until(&heard.is_done);
	CHECK(heard.count == 1);
	teardown();
}

static void on_got(struct xcpbus *bus, const uint32_t *value, const struct xcpbus_error *failure,
		   void *data)
{
	struct drawn *got = data;

	(void)bus;
	CHECK(!value && failure);
	got->error = *failure;
	got->is_done = true;
}

static void a_property_of_another_type_is_refused(void)
{
	struct drawn got = { 0 };

	start();
	CHECK(torture1_count_get_begin(client, &evil, on_got, &got, NULL) == 0);
	turn_until(&got.is_done);
	CHECK(xcpbus_error_is(&got.error, "org.xen.xcp.Error.InvalidReply"));
	CHECK(strstr(got.error.message, "Count is not valid: there is 's' where 'u' should be"));
	teardown();
}

static void on_count(struct xcpbus *bus, const struct xcpbus_source *from, const uint32_t *value,
		     void *data)
{
	(void)from;
	struct heard *heard = data;

	(void)bus;
	heard->nothing += !value;
	heard->count += !!value;
	heard->is_done = value && *value == 99;
}

static void say_changed(const char *name, const char *signature, uint32_t value)
{
	CHECK(xcpbus_emit(service, OBJECT, PROPERTIES, "PropertiesChanged", "sa{sv}as", TORTURE, 1,
			  name, signature, value, 0) == 0);
}

static void changes_that_are_not_valid_are_not_told(void)
{
	struct heard heard = { 0 };

	start();
	CHECK(torture1_count_watch(client, &evil, on_count, &heard, NULL, &error) == 0);
	CHECK(xcpbus_emit(service, OBJECT, PROPERTIES, "PropertiesChanged", "s", TORTURE) == 0);
	say_changed("Count", "i", 1);
	say_changed("Later", "u", 1);
	CHECK(xcpbus_emit(service, OBJECT, PROPERTIES, "PropertiesChanged", "sa{sv}as", TORTURE, 0,
			  2, "Later", "Count") == 0);
	say_changed("Count", "u", 99);
	turn_until(&heard.is_done);
	CHECK(heard.count == 1 && heard.nothing == 1);
	teardown();
}

int main(void)
{
	bus_fixture_start(&fixture);
	RUN(an_answer_is_read_or_says_what_is_wrong_with_it);
	RUN(what_an_error_carries_is_read_or_refused);
	RUN(a_callback_may_end_the_connection);
	RUN(there_must_be_a_place_to_call);
	RUN(signals_that_are_not_valid_are_not_told);
	RUN(a_property_of_another_type_is_refused);
	RUN(changes_that_are_not_valid_are_not_told);
	teardown();
	bus_fixture_stop(&fixture);
	return test_finish();
}
