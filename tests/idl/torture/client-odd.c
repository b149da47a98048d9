/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A service that does not answer as it should: "client odd" of CASES.md. */
#include <errno.h>

#include "check.h"

#define INVALID_REPLY "org.xen.xcp.Error.InvalidReply"

static const struct xcpbus_target odd = { .destination = "org.example.torture1odd" };

static int ask(const char *what, struct torture1_everything *out)
{
	struct torture1_everything in;

	torture1_everything_init(&in);
	return torture1_echo_everything(bus, &odd, what, &in, out, &error);
}

/* name: what the error has to name; NULL: nothing in particular. */
static void is_refused(const char *what, const char *name)
{
	struct torture1_everything out;
	int r = ask(what, &out);

	CHECK(r == -EBADMSG);
	if (r >= 0)
		torture1_everything_free(&out);
	else if (!CHECK(xcpbus_error_is(&error, INVALID_REPLY) &&
			(!name || strstr(error.message, name))))
		printf("%s: %s: %s\n", what, error.name, error.message);
}

static void older(void)
{
	struct torture1_everything out, defaults;

	if (!WORKS(ask("older", &out)))
		return;
	torture1_everything_init(&defaults);
	CHECK(is_same_everything(&out, &defaults));
	torture1_everything_free(&out);
}

static void newer(void)
{
	struct torture1_everything out;
	DBusMessage *value = xcpbus_any_new("(xd)", INT64_C(3), 0.5);

	if (WORKS(ask("newer", &out))) {
		CHECK(out.colour.value == TORTURE1_COLOUR_NOT_KNOWN);
		CHECK(!strcmp(out.colour.word, "Ultraviolet"));
		CHECK(out.shape.kind == TORTURE1_SHAPE_NOT_KNOWN);
		CHECK(!strcmp(out.shape.not_known.name, "Spiral"));
		CHECK(is_same_any(out.shape.not_known.value, value));
		CHECK(out.words.count == 1 && !strcmp(out.words.items[0].key, "a"));
		torture1_everything_free(&out);
	}
	dbus_message_unref(value);
}

static void twice(void)
{
	struct torture1_everything out;

	if (!WORKS(ask("twice", &out)))
		return;
	CHECK(out.an_int32 == 2);
	torture1_everything_free(&out);
}

static void missing(void)
{
	is_refused("missing", "text");
}

static void wrong_field(void)
{
	is_refused("wrong field", "a_string");
}

static void wrong_case(void)
{
	is_refused("wrong case", NULL);
}

static void two_of_one(void)
{
	is_refused("two of one", NULL);
}

static void wrong_type(void)
{
	is_refused("wrong type", NULL);
}

static void nothing(void)
{
	is_refused("nothing", NULL);
}

static void more(void)
{
	is_refused("more", NULL);
}

static void unknown_error(void)
{
	struct torture1_everything out;

	CHECK(ask("unknown error", &out) == -EREMOTEIO);
	CHECK(xcpbus_error_is(&error, "org.example.torture1.Error.FromTheFuture"));
	CHECK(!strcmp(error.message, "later"));
	CHECK(torture1_error_of(&error) == TORTURE1_ERROR_NOT_KNOWN);
}

static void has_no_payload(const char *what)
{
	struct torture1_error_bad_shape payload;
	struct torture1_everything out;

	CHECK(ask(what, &out) == -EREMOTEIO);
	CHECK(torture1_error_of(&error) == TORTURE1_ERROR_BAD_SHAPE);
	CHECK(torture1_read_bad_shape(bus, &payload) == -EBADMSG);
}

static void bad_payload(void)
{
	has_no_payload("bad payload");
}

static void no_payload(void)
{
	has_no_payload("no payload");
}

static void large(void)
{
	struct torture1_everything out;

	if (!WORKS(ask("large", &out)))
		return;
	CHECK(out.labels.count == 20000);
	CHECK(!strcmp(out.labels.items[19999].text, "x"));
	torture1_everything_free(&out);
}

static void unknown_method(void)
{
	CHECK(torture1_extra_wait(bus, &odd, 0, &error) == -ENOSYS);
}

static void on_poked(struct xcpbus *on, const struct xcpbus_source *from,
		     const struct torture1_poked_args *args, void *data)
{
	(void)from;
	bool *is_poked = data;

	(void)on;
	CHECK(args->end == 1 && !strcmp(args->label.text, "good"));
	*is_poked = true;
}

static void odd_signals(void)
{
	struct xcpbus_slot *slot = NULL;
	bool is_poked = false;

	if (!WORKS(torture1_poked_subscribe(bus, &odd, on_poked, &is_poked, &slot, &error)))
		return;
	WORKS(torture1_poke(bus, &odd, 1, &error));
	CHECK(wait_until(&is_poked));
	xcpbus_slot_free(slot);
}

static void odd_property(void)
{
	uint32_t count;

	CHECK(torture1_count_get(bus, &odd, &count, &error) == -EBADMSG);
	CHECK(xcpbus_error_is(&error, INVALID_REPLY));
}

const struct check_case odd_cases[] = {
	{ "older", older },
	{ "newer", newer },
	{ "twice", twice },
	{ "missing", missing },
	{ "wrong field", wrong_field },
	{ "wrong case", wrong_case },
	{ "two of one", two_of_one },
	{ "wrong type", wrong_type },
	{ "nothing", nothing },
	{ "more", more },
	{ "unknown error", unknown_error },
	{ "bad payload", bad_payload },
	{ "no payload", no_payload },
	{ "large", large },
	{ "unknown method", unknown_method },
	{ "odd signals", odd_signals },
	{ "odd property", odd_property },
	{ .name = NULL },
};
