/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signals, properties, time: cases 20 to 28 of CASES.md. */
#include <errno.h>

#include "check.h"

struct poked {
	bool has_come;
	unsigned times;
	uint32_t end;
	struct torture1_label label;
};

static const struct xcpbus_target any_object = { .path = XCPBUS_ANY_OBJECT };

static bool is_source(const struct xcpbus_source *from)
{
	return from->sender[0] == ':' && !strcmp(from->path, "/org/example/torture1");
}

static void on_poked(struct xcpbus *on, const struct xcpbus_source *from,
		     const struct torture1_poked_args *args, void *data)
{
	struct poked *poked = data;

	CHECK(on == bus && is_source(from));
	if (poked->times++)
		return;
	poked->end = args->end;
	CHECK(torture1_label_copy(&poked->label, &args->label) == 0);
	poked->has_come = true;
}

static void poke_and_hear(const struct xcpbus_target *target)
{
	struct poked poked = { .has_come = false };
	struct xcpbus_slot *slot = NULL;

	if (!WORKS(torture1_poked_subscribe(bus, target, on_poked, &poked, &slot, &error)))
		return;
	WORKS(torture1_poke(bus, NULL, 42, &error));
	if (CHECK(wait_until(&poked.has_come))) {
		CHECK(poked.times == 1 && poked.end == 42);
		CHECK(!strcmp(poked.label.text, "poked") && poked.label.size == 1.5);
		CHECK(poked.label.colour.value == TORTURE1_COLOUR_DARK_GREEN);
		CHECK(!poked.label.link);
		torture1_label_free(&poked.label);
	}
	xcpbus_slot_free(slot);
}

static void poked_signal(void)
{
	poke_and_hear(NULL);
	poke_and_hear(&any_object);
}

struct count {
	bool has_come;
	uint32_t wanted;
};

static void on_count(struct xcpbus *on, const struct xcpbus_source *from, const uint32_t *value,
		     void *data)
{
	struct count *count = data;

	CHECK(on == bus && value && is_source(from));
	if (*value == count->wanted)
		count->has_come = true;
}

static void count_property(void)
{
	struct count watched = { .has_come = false };
	struct xcpbus_slot *slot = NULL;
	uint32_t before = 0, after = 0;

	WORKS(torture1_count_get(bus, NULL, &before, &error));
	watched.wanted = before + 1;
	if (!WORKS(torture1_count_watch(bus, NULL, on_count, &watched, &slot, &error)))
		return;
	WORKS(torture1_poke(bus, NULL, 1, &error));
	WORKS(torture1_count_get(bus, NULL, &after, &error));
	CHECK(after == before + 1);
	CHECK(wait_until(&watched.has_come));
	xcpbus_slot_free(slot);
}

struct favourite {
	bool has_come;
	const char *wanted;
};

static void on_favourite(struct xcpbus *on, const struct xcpbus_source *from,
			 const struct torture1_colour *value, void *data)
{
	struct favourite *favourite = data;

	CHECK(on == bus && value && is_source(from));
	if (!strcmp(torture1_colour_word(value), favourite->wanted))
		favourite->has_come = true;
}

static void set_one(struct torture1_colour colour)
{
	struct favourite favourite = { .wanted = torture1_colour_word(&colour) };
	struct xcpbus_slot *slot = NULL;
	struct torture1_colour found;

	if (!WORKS(torture1_favourite_watch(bus, &any_object, on_favourite, &favourite, &slot,
					    &error)))
		return;
	WORKS(torture1_favourite_set(bus, NULL, colour, &error));
	if (WORKS(torture1_favourite_get(bus, NULL, &found, &error))) {
		CHECK(found.value == colour.value);
		CHECK(!strcmp(torture1_colour_word(&found), favourite.wanted));
		torture1_colour_free(&found);
	}
	CHECK(wait_until(&favourite.has_come));
	xcpbus_slot_free(slot);
}

static void set(void)
{
	set_one((struct torture1_colour){ .value = TORTURE1_COLOUR_DARK_GREEN });
	set_one((struct torture1_colour){ .word = "Ultraviolet" });
	set_one((struct torture1_colour){ .value = TORTURE1_COLOUR_RED });
}

static void constant(void)
{
	char *version;

	if (!WORKS(torture1_version_get(bus, NULL, &version, &error)))
		return;
	CHECK(!strcmp(version, "1.1"));
	free(version);
}

struct answers {
	bool is_late, is_done;
};

static void on_waited(struct xcpbus *on, const struct xcpbus_error *failure, void *data)
{
	struct answers *answers = data;

	(void)on;
	CHECK(failure && xcpbus_error_to_errno(failure->name) == -ETIMEDOUT);
	answers->is_late = true;
}

static void on_echoed(struct xcpbus *on, const struct torture1_echo_basic_out *out,
		      const struct xcpbus_error *failure, void *data)
{
	struct answers *answers = data;

	(void)on;
	CHECK(!failure && out && out->int64_out == 5);
	CHECK(!answers->is_late);
	answers->is_done = true;
}

static void wait(void)
{
	struct answers answers = { .is_late = false };

	WORKS(torture1_extra_wait(bus, NULL, 0.01, &error));
	WORKS(torture1_extra_wait_begin(bus, NULL, -1, on_waited, &answers, NULL));
	WORKS(torture1_echo_basic_begin(bus, NULL, 0, false, 0, 0, 0, 0, 5, 0, 0, "", "/", "",
					on_echoed, &answers, NULL));
	CHECK(wait_until(&answers.is_done));
	CHECK(wait_until(&answers.is_late));
	CHECK(torture1_extra_wait(bus, NULL, -1, &error) == -ETIMEDOUT);
}

static void forget(void)
{
	int64_t number = 0;

	WORKS(torture1_extra_forget(bus, NULL, &error));
	WORKS(echo_number(NULL, 6, &number));
	CHECK(number == 6);
}

enum { MANY = 100 };

struct one_of_many {
	int64_t number;
	unsigned *answered;
	bool *is_done;
};

static void on_one(struct xcpbus *on, const struct torture1_echo_basic_out *out,
		   const struct xcpbus_error *failure, void *data)
{
	struct one_of_many *one = data;

	(void)on;
	CHECK(!failure && out && out->int64_out == one->number);
	*one->is_done = ++*one->answered == MANY;
}

static void many(void)
{
	struct one_of_many ones[MANY];
	unsigned answered = 0, i;
	bool is_done = false;

	for (i = 0; i < MANY; i++) {
		ones[i] = (struct one_of_many){ i, &answered, &is_done };
		WORKS(torture1_echo_basic_begin(bus, NULL, 0, false, 0, 0, 0, 0, i, 0, 0, "", "/",
						"", on_one, &ones[i], NULL));
	}
	CHECK(wait_until(&is_done));
}

static void nobody(void)
{
	static const struct xcpbus_target target = { .destination = "org.example.nobody1" };
	int64_t number;

	CHECK(echo_number(&target, 1, &number) == -EHOSTUNREACH);
	CHECK(xcpbus_error_is(&error, "org.freedesktop.DBus.Error.ServiceUnknown"));
	CHECK(torture1_error_of(&error) == TORTURE1_ERROR_NOT_KNOWN);
}

static void no_object(void)
{
	static const struct xcpbus_target target = { .path = "/org/example/nowhere" };
	int64_t number;

	CHECK(echo_number(&target, 1, &number) == -ENOSYS);
	CHECK(xcpbus_error_is(&error, "org.freedesktop.DBus.Error.UnknownObject"));
}

const struct check_case signals_cases[] = {
	{ "signal", poked_signal },
	{ "property", count_property },
	{ "set", set },
	{ "constant", constant },
	{ "wait", wait },
	{ "forget", forget },
	{ "many", many },
	{ "nobody", nobody },
	{ "no object", no_object },
	{ .name = NULL },
};
