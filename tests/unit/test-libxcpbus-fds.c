/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* File descriptors in messages: over a Unix socket they go, over a ring there is a clear error. */
#include "libxcpbus/xcpbus.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/unit/bus-fixture.h"
#include "tests/unit/test.h"
#include "tests/unit/turn.h"

#define PATH "/org/xen/xcp/test"
#define IFACE "org.xen.xcp.test.Fds1"

static struct bus_fixture fixture;
static struct xcpbus *client, *service, *buses[2];
static struct xcpbus_error error;

static int count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

/* Writes text into a descriptor that came, and closes it. */
static bool say(int fd, const char *text)
{
	bool is_said = write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	return close(fd) == 0 && is_said;
}

static bool hears(int fd, const char *text)
{
	char heard[64] = "";

	return read(fd, heard, strlen(text)) == (ssize_t)strlen(text) && !strcmp(heard, text);
}

/* ---- the service ---- */

static unsigned calls;

static int on_write(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	const char *text;
	int fd;

	(void)call;
	(void)data;
	calls++;
	CHECK(xcpbus_read(message, "hs", &fd, &text) == 0);
	if (fd < 0)
		return -EMFILE;
	CHECK(say(fd, text));
	return 0;
}

static int many_good; /* of the descriptors that came */

static int on_many(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	DBusMessageIter iter, array;
	int fd;

	(void)call;
	(void)data;
	calls++;
	many_good = 0;
	dbus_message_iter_init(message, &iter);
	CHECK(xcpbus_read_iter(&iter, "h", &fd) == 0);
	dbus_message_iter_recurse(&iter, &array);
	do {
		if (fd >= 0 && close(fd) == 0)
			many_good++;
	} while (xcpbus_read_iter(&array, "h", &fd) == 0);
	return 0;
}

/* Where there is a descriptor at every depth: 0 to 4. */
static int on_nested(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	DBusMessageIter iter, array, entry;
	const char *name;
	uint8_t byte;
	double number;
	int fd[5];

	(void)data;
	dbus_message_iter_init(message, &iter);
	CHECK(xcpbus_read_iter(&iter, "y(hd)v", &byte, &fd[0], &number, "h", &fd[1]) == 0);
	dbus_message_iter_recurse(&iter, &array);
	CHECK(xcpbus_read_iter(&array, "h", &fd[2]) == 0);
	CHECK(xcpbus_read_iter(&array, "h", &fd[3]) == 0);
	dbus_message_iter_next(&iter);
	dbus_message_iter_recurse(&iter, &array);
	dbus_message_iter_recurse(&array, &entry);
	CHECK(xcpbus_read_iter(&entry, "sv", &name, "h", &fd[4]) == 0);
	CHECK(byte == 7 && number == 0.5 && !strcmp(name, "key"));
	for (int i = 0; i < 5; i++)
		CHECK(say(fd[i], (char[]){ (char)('0' + i), '\0' }));
	return xcpbus_reply(call, "");
}

static int on_open(struct xcpbus_invocation *call, DBusMessage *message, void *data)
{
	int ends[2], r;

	(void)message;
	(void)data;
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	CHECK(write(ends[1], "opened", 6) == 6);
	close(ends[1]);
	r = xcpbus_reply(call, "h", ends[0]);
	close(ends[0]); /* a copy is under way */
	return r;
}

static const struct xcpbus_method methods[] = {
	{ "Write", "hs", .handler = on_write },
	{ "Many", "hah", .handler = on_many },
	{ "Nested", "y(hd)vaha{sv}asu", .handler = on_nested },
	{ .member = "Open", .out_signature = "h", .handler = on_open },
	{ .member = NULL },
};

static const struct xcpbus_interface interface = { IFACE, .methods = methods };

/* ---- the client ---- */

static struct xcpbus_target target = { NULL, PATH, IFACE, 0 };
static unsigned answers;
static DBusMessage *answer;
static struct xcpbus_error failure;

static void on_answer(struct xcpbus *bus, DBusMessage *reply, const struct xcpbus_error *why,
		      void *data)
{
	(void)bus;
	(void)data;
	if (answer)
		dbus_message_unref(answer);
	answer = reply ? dbus_message_ref(reply) : NULL;
	if (why)
		failure = *why;
	answers++;
}

static bool has_answer(void)
{
	return answers > 0;
}

static void teardown(void)
{
	if (answer)
		dbus_message_unref(answer);
	answer = NULL;
	answers = calls = 0;
	client = xcpbus_free(client);
	service = xcpbus_free(service);
}

static void setup(void)
{
	teardown(); /* of a test that failed */
	CHECK(xcpbus_connect(fixture.address, 0, &client, &error) == 0);
	CHECK(xcpbus_connect(fixture.address, 0, &service, &error) == 0);
	CHECK(xcpbus_export(service, PATH, &interface, NULL, NULL) == 0);
	target.destination = xcpbus_unique_name(service);
}

static void turn_until(bool (*is_done)(void))
{
	buses[0] = client;
	buses[1] = service;
	turn(buses, 2, is_done);
}

/* ---- tests, on a socket ---- */

static void a_descriptor_arrives(void)
{
	int before = count_fds(), ends[2];

	setup();
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	CHECK(xcpbus_call_method_async(client, &target, "Write", on_answer, NULL, NULL, "hs",
				       ends[1], "hello") == 0);
	close(ends[1]);
	turn_until(has_answer);
	CHECK(answer && hears(ends[0], "hello"));
	CHECK(read(ends[0], &(char){ 0 }, 1) == 0); /* nobody has a copy any more */
	close(ends[0]);
	teardown();
	CHECK(count_fds() == before);
}

static void they_are_found_at_every_depth(void)
{
	int before = count_fds(), ends[5][2];

	setup();
	for (int i = 0; i < 5; i++)
		CHECK(pipe2(ends[i], O_CLOEXEC) == 0);
	CHECK(xcpbus_call_method_async(client, &target, "Nested", on_answer, NULL, NULL,
				       "y(hd)vaha{sv}asu", 7, ends[0][1], 0.5, "h", ends[1][1], 2,
				       ends[2][1], ends[3][1], 2, "key", "h", ends[4][1], "other",
				       "(xay)", (int64_t)-1, 3, 1, 2, 3, 2, "a", "bc", 9) == 0);
	turn_until(has_answer);
	CHECK(answer);
	for (int i = 0; i < 5; i++) {
		CHECK(hears(ends[i][0], (char[]){ (char)('0' + i), '\0' }));
		close(ends[i][0]);
		close(ends[i][1]);
	}
	teardown();
	CHECK(count_fds() == before);
}

static void an_answer_can_have_one(void)
{
	int before = count_fds(), fd;

	setup();
	CHECK(xcpbus_call_method_async(client, &target, "Open", on_answer, NULL, NULL, "") == 0);
	turn_until(has_answer);
	CHECK(answer && xcpbus_read(answer, "h", &fd) == 0);
	CHECK(hears(fd, "opened"));
	close(fd);
	teardown();
	CHECK(count_fds() == before);
}

enum { MANY = 300 };

static bool has_many(void)
{
	return answers == MANY;
}

static void many_messages_keep_theirs(void)
{
	int before = count_fds(), ends[2];
	char text[16], heard[16];

	setup();
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "%06d", i);
		CHECK(xcpbus_call_method_async(client, &target, "Write", on_answer, NULL, NULL,
					       "hs", ends[1], text) == 0);
		CHECK(xcpbus_emit(client, PATH, IFACE, "Between", "s", "no descriptor") == 0);
		if (i % 10 == 9) /* the bus, too, has only so many */
			CHECK(xcpbus_process(client) == 0 && xcpbus_process(service) == 0);
	}
	turn_until(has_many);
	CHECK(calls == MANY);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "%06d", i);
		CHECK(read(ends[0], heard, 6) == 6 && !memcmp(heard, text, 6));
	}
	close(ends[0]);
	close(ends[1]);
	teardown();
	CHECK(count_fds() == before);
}

static void what_is_none_is_refused(void)
{
	DBusMessage *call;
	int before = count_fds();

	setup();
	CHECK(xcpbus_new_call(&target, "Write", &call) == 0);
	CHECK(xcpbus_append(call, "hs", -1, "x") == -EINVAL);
	dbus_message_unref(call);
	CHECK(xcpbus_new_call(&target, "Write", &call) == 0);
	for (int i = 0; i < 65; i++)
		CHECK(xcpbus_append(call, "h", STDOUT_FILENO) == 0);
	CHECK(xcpbus_send(client, call) == -ENOBUFS);
	dbus_message_unref(call);
	CHECK(xcpbus_is_connected(client));
	teardown();
	CHECK(count_fds() == before);
}

static void what_is_not_sent_is_closed(void)
{
	int before, ends[2];

	setup();
	before = count_fds();
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	kill(fixture.pid, SIGSTOP);
	for (int i = 0; i < 2000; i++)
		CHECK(xcpbus_call_method_async(client, &target, "Write", on_answer, NULL, NULL,
					       "hs", ends[1], "never") == 0 ||
		      count_fds() > before + 100);
	client = xcpbus_free(client);
	kill(fixture.pid, SIGCONT);
	close(ends[0]);
	close(ends[1]);
	CHECK(count_fds() <= before);
	teardown();
}

/* As libdbus never would: a number of places that name the one descriptor that is sent, or one that
 * is not. For libdbus they are numbers. */
static void send_crooked(int places, uint32_t index)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec part;
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control) };
	uint32_t indices[128], *all = indices;
	DBusMessage *call;
	char *bytes;
	int size;

	for (int i = 0; i < places; i++)
		indices[i] = index;
	CHECK(xcpbus_new_call(&target, "Many", &call) == 0);
	CHECK(dbus_message_append_args(call, DBUS_TYPE_UNIX_FD, &(int){ STDOUT_FILENO },
				       DBUS_TYPE_ARRAY, DBUS_TYPE_UINT32, &all, places,
				       DBUS_TYPE_INVALID));
	dbus_message_set_serial(call, 4711);
	dbus_message_set_no_reply(call, true);
	CHECK(dbus_message_marshal(call, &bytes, &size));
	memcpy(memmem(bytes, (size_t)size, "hau", 3), "hah", 3);
	memcpy(CMSG_DATA(&control.header), &(int){ STDOUT_FILENO }, sizeof(int));
	part = (struct iovec){ bytes, (size_t)size };
	CHECK(sendmsg(xcpbus_get_fd(client), &header, 0) == size);
	dbus_free(bytes);
	dbus_message_unref(call);
}

static bool has_calls(void)
{
	return calls > 0;
}

static void expect_crooked(int places, uint32_t index, int good)
{
	calls = 0;
	send_crooked(places, index);
	turn_until(has_calls);
	CHECK(many_good == good);
}

static void crooked_places_end_nothing(void)
{
	int before;

	setup();
	before = count_fds();
	expect_crooked(63, 0, 64);
	expect_crooked(64, 0, 0);
	expect_crooked(128, 0, 0);
	expect_crooked(1, 7, 0);
	CHECK(xcpbus_is_connected(service));
	CHECK(count_fds() == before);
	teardown();
}

/* ---- tests, on a ring ---- */

/* Whoever asked xenstore does so in a thread, which ends a little later. */
static bool come_down_to(int count)
{
	for (int tries = 0; tries < 3000 && count_fds() > count; tries++)
		usleep(10000);
	return count_fds() <= count;
}

static void a_ring_takes_none(void)
{
	int before = count_fds();

	setup();
	CHECK(xcpbus_call_method(client, &target, "Write", NULL, &error, "hs", STDOUT_FILENO,
				 "x") == -EOPNOTSUPP);
	CHECK(xcpbus_error_is(&error, "org.freedesktop.DBus.Error.NotSupported"));
	CHECK(strstr(error.message, "file descriptors"));
	CHECK(xcpbus_call_method_async(client, &target, "Write", on_answer, NULL, NULL, "hs",
				       STDOUT_FILENO, "x") == -EOPNOTSUPP);
	CHECK(xcpbus_emit(client, PATH, IFACE, "Signal", "h", STDOUT_FILENO) == -EOPNOTSUPP);
	CHECK(xcpbus_is_connected(client));
	teardown();
	CHECK(come_down_to(before));
}

static void an_answer_that_cannot_go_is_an_error(void)
{
	setup();
	CHECK(xcpbus_call_method_async(client, &target, "Open", on_answer, NULL, NULL, "") == 0);
	turn_until(has_answer);
	CHECK(!answer);
	CHECK(xcpbus_error_is(&failure, "org.freedesktop.DBus.Error.NotSupported"));
	teardown();
}

int main(void)
{
	bus_fixture_start(&fixture);
	if (!strncmp(fixture.address, "vchan:", 6)) {
		RUN(a_ring_takes_none);
		RUN(an_answer_that_cannot_go_is_an_error);
	} else {
		RUN(a_descriptor_arrives);
		RUN(they_are_found_at_every_depth);
		RUN(an_answer_can_have_one);
		RUN(many_messages_keep_theirs);
		RUN(what_is_none_is_refused);
		RUN(what_is_not_sent_is_closed);
		RUN(crooked_places_end_nothing);
	}
	bus_fixture_stop(&fixture);
	return test_finish();
}
