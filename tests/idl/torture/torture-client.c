/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client for org.example.torture1 in C; CASES.md has the cases.
 *
 *	torture-client calls | odd | restart | loop
 */
#include <err.h>
#include <errno.h>
#include <time.h>

#include "check.h"

struct xcpbus *bus;
struct xcpbus_error error;
static bool has_failed;

bool check(bool is_good, const char *file, int line, const char *text)
{
	if (!is_good) {
		printf("%s:%d: %s\n", file, line, text);
		has_failed = true;
	}
	return is_good;
}

bool check_call(int r, const char *file, int line, const char *text)
{
	if (r < 0)
		printf("%s: %s\n", error.name, error.message);
	return check(r >= 0, file, line, text);
}

/* ---- what is the same ---- */

typedef int (*append_fn)(DBusMessageIter *iter, const void *value);

static char *marshal(append_fn append, const void *value, int *size)
{
	DBusMessage *message = dbus_message_new_signal("/a", "a.b", "C");
	DBusMessageIter iter;
	char *bytes = NULL;

	dbus_message_iter_init_append(message, &iter);
	dbus_message_set_serial(message, 1);
	if (append(&iter, value) < 0 || !dbus_message_marshal(message, &bytes, size))
		bytes = NULL;
	dbus_message_unref(message);
	return bytes;
}

static bool is_same(append_fn append, const void *one, const void *other)
{
	int one_size = 0, other_size = 0;
	char *one_bytes = marshal(append, one, &one_size);
	char *other_bytes = marshal(append, other, &other_size);
	bool is_equal = one_bytes && other_bytes && one_size == other_size &&
			!memcmp(one_bytes, other_bytes, (size_t)one_size);

	dbus_free(one_bytes);
	dbus_free(other_bytes);
	return is_equal;
}

static int append_everything(DBusMessageIter *iter, const void *value)
{
	return torture1_everything_append(iter, value, &error);
}

static int append_shape(DBusMessageIter *iter, const void *value)
{
	return torture1_shape_append(iter, value, &error);
}

static int append_tree(DBusMessageIter *iter, const void *value)
{
	return torture1_tree_append(iter, value, &error);
}

/* As a field of a record that has little else. */
static int append_any(DBusMessageIter *iter, const void *value)
{
	struct torture1_shape shape = { .not_known = { "any", (DBusMessage *)value } };

	return torture1_shape_append(iter, &shape, &error);
}

bool is_same_everything(const struct torture1_everything *one,
			const struct torture1_everything *other)
{
	return is_same(append_everything, one, other);
}

bool is_same_shape(const struct torture1_shape *one, const struct torture1_shape *other)
{
	return is_same(append_shape, one, other);
}

bool is_same_tree(const struct torture1_tree *one, const struct torture1_tree *other)
{
	return is_same(append_tree, one, other);
}

bool is_same_any(DBusMessage *one, DBusMessage *other)
{
	return is_same(append_any, one, other);
}

/* ---- calls ---- */

bool wait_until(const bool *is_done)
{
	time_t end = time(NULL) + 30;

	while (!*is_done && time(NULL) < end)
		if (xcpbus_wait(bus, 1000) < 0 || xcpbus_process(bus) < 0)
			break;
	return *is_done;
}

int echo_number(const struct xcpbus_target *target, int64_t number, int64_t *result)
{
	return torture1_echo_basic(bus, target, 0, false, 0, 0, 0, 0, number, 0, 0, "", "/", "",
				   NULL, NULL, NULL, NULL, NULL, NULL, result, NULL, NULL, NULL,
				   NULL, NULL, &error);
}

/* ---- restart ---- */

static bool is_poked;

static void on_poked(struct xcpbus *on, const struct xcpbus_source *from,
		     const struct torture1_poked_args *args, void *data)
{
	(void)from;
	(void)on;
	(void)data;
	is_poked = args->end == 9;
}

static void ask_for(const char *what)
{
	char line[80];

	puts(what);
	fflush(stdout);
	CHECK(fgets(line, sizeof(line), stdin));
}

static void restart(void)
{
	struct xcpbus_slot *slot = NULL;
	int64_t number = 0;

	WORKS(torture1_poked_subscribe(bus, NULL, on_poked, NULL, &slot, &error));
	WORKS(echo_number(NULL, 1, &number));
	ask_for("stop it");
	CHECK(echo_number(NULL, 2, &number) == -EHOSTUNREACH);
	CHECK(xcpbus_error_is(&error, "org.freedesktop.DBus.Error.ServiceUnknown"));
	ask_for("start it");
	WORKS(echo_number(NULL, 3, &number));
	CHECK(number == 3);
	WORKS(torture1_poke(bus, NULL, 9, &error));
	CHECK(wait_until(&is_poked));
	xcpbus_slot_free(slot);
}

static const struct check_case restart_cases[] = { { "restart", restart }, { .name = NULL } };

/* ---- loop ---- */

static void call_often(unsigned times)
{
	struct torture1_everything in, out;

	torture1_everything_init(&in);
	while (times-- && WORKS(torture1_echo_everything(bus, NULL, "loop", &in, &out, &error)))
		torture1_everything_free(&out);
}

static void loop(void)
{
	call_often(10000);
	ask_for("warm");
	call_often(90000);
	ask_for("done");
}

static const struct check_case loop_cases[] = { { "loop", loop }, { .name = NULL } };

/* ---- all of it ---- */

static const struct {
	const char *name;
	const struct check_case *cases[2];
} parts[] = {
	{ "calls", { calls_cases, signals_cases } },
	{ "odd", { odd_cases, NULL } },
	{ "restart", { restart_cases, NULL } },
	{ "loop", { loop_cases, NULL } },
};

static void run(const struct check_case *one, unsigned *passed, unsigned *failed)
{
	for (; one && one->name; one++) {
		has_failed = false;
		one->run();
		if (has_failed)
			printf("FAILED %s\n", one->name);
		++*(has_failed ? failed : passed);
	}
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0, i;

	if (argc != 2)
		errx(EXIT_FAILURE, "usage: torture-client calls | odd | restart | loop");
	if (xcpbus_connect(NULL, 0, &bus, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (strcmp(parts[i].name, argv[1]))
			continue;
		run(parts[i].cases[0], &passed, &failed);
		run(parts[i].cases[1], &passed, &failed);
	}
	xcpbus_free(bus);
	printf("%u passed, %u failed\n", passed, failed);
	return failed || !passed;
}
