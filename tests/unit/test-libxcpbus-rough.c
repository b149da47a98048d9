/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bus of our own that is rough: messages in the other byte order, descriptors that are missing or
 * in excess, and messages of which something was scribbled over. The library must live, and close
 * what it got. */
#include "libxcpbus/xcpbus.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/random.h"
#include "tests/unit/raw.h"
#include "tests/unit/test.h"

enum { SCRIBBLES = 400, SIGNAL = 4, METHOD_RETURN = 2 };

/* What the n-th connection gets. */
enum {
	GETS_LITTLE,
	GETS_BIG,
	GETS_TOO_FEW,
	GETS_BAD_INDEX,
	GETS_EXCESS,
	GETS_NOTHING,
	GETS_SCRIBBLES
};

static struct xcpbus_error error;
static char address[128];
static pid_t bus_pid;
static int listener;

/* ---- the bus ---- */

static void send_bytes(int sock, const void *bytes, size_t size, int fd_count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control = { 0 };
	struct iovec part = { (void *)(uintptr_t)bytes, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	int fd = STDOUT_FILENO, i;

	if (fd_count) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE((size_t)fd_count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN((size_t)fd_count * sizeof(int));
		for (i = 0; i < fd_count; i++)
			memcpy(CMSG_DATA(&control.header) + (size_t)i * sizeof(fd), &fd,
			       sizeof(fd));
	}
	(void)!sendmsg(sock, &message, MSG_NOSIGNAL); /* it may have gone */
}

/* Reads until that has come. */
static void expect(int sock, const char *text)
{
	char bytes[4096];
	size_t size = 0;
	ssize_t moved;

	while (!memmem(bytes, size, text, strlen(text))) {
		moved = read(sock, bytes + size, sizeof(bytes) - size);
		if (moved <= 0)
			return;
		size += (size_t)moved;
	}
}

static void greet(int sock)
{
	static struct raw raw;

	expect(sock, "\r\n");
	send_bytes(sock, "OK 0123456789abcdef0123456789abcdef\r\n", 37, 0);
	expect(sock, "NEGOTIATE_UNIX_FD\r\n");
	send_bytes(sock, "AGREE_UNIX_FD\r\n", 15, 0);
	expect(sock, "Hello");
	raw_begin(&raw, false, METHOD_RETURN, 1);
	raw_number_field(&raw, 5, 1);
	raw_text_field(&raw, 8, "g", "s");
	raw_text_field(&raw, 7, "s", "org.freedesktop.DBus");
	raw_end_fields(&raw);
	raw_string(&raw, ":9.1");
	raw_end(&raw);
	send_bytes(sock, raw.bytes, raw.size, 0);
}

/* A signal with two descriptors, in deep places. */
static void make_signal(struct raw *raw, bool is_big, uint32_t fds, uint32_t second)
{
	uint32_t outer;

	raw_begin(raw, is_big, SIGNAL, 2);
	raw_text_field(raw, 1, "o", "/p");
	raw_text_field(raw, 2, "s", "test.Rough");
	raw_text_field(raw, 3, "s", "Signal");
	raw_text_field(raw, 7, "s", ":9.2");
	raw_text_field(raw, 8, "g", "ya{sv}(dh)");
	raw_number_field(raw, 9, fds);
	raw_end_fields(raw);
	raw_byte(raw, 7);
	outer = raw_array(raw, 8);
	raw_string(raw, "key");
	raw_signature(raw, "h");
	raw_uint32(raw, second);
	raw_align(raw, 8);
	raw_string(raw, "more");
	raw_signature(raw, "as");
	raw_array_end(raw, raw_array(raw, 4), 4);
	raw_array_end(raw, outer, 8);
	raw_align(raw, 8);
	raw_uint64(raw, 0x3fe0000000000000); /* 0.5 */
	raw_uint32(raw, 0);
	raw_end(raw);
}

static void serve(int sock, unsigned number)
{
	struct random random = { .state = 77 + number };
	static struct raw raw;

	greet(sock);
	if (number == GETS_NOTHING) {
		expect(sock, "GetConnectionCredentials");
		return;
	}
	make_signal(&raw, number == GETS_BIG, 2, number == GETS_BAD_INDEX ? 2 : 1);
	if (number >= GETS_SCRIBBLES)
		for (unsigned i = 0; i < 1 + number % 3; i++)
			raw.bytes[random_below(&random, raw.size)] = (uint8_t)random_next(&random);
	send_bytes(sock, raw.bytes, raw.size, number == GETS_TOO_FEW ? 1 : 2);
	if (number == GETS_EXCESS) /* nobody asked for these */
		send_bytes(sock, raw.bytes, 1, 8);
	shutdown(sock, SHUT_WR);
	while (read(sock, raw.bytes, RAW_MAX) > 0)
		;
}

static void run_bus(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned number = 0;; number++) {
		int sock = accept(listener, NULL, NULL);

		if (sock < 0)
			_exit(0);
		serve(sock, number);
		close(sock);
	}
}

static void start_bus(void)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int size = snprintf(where.sun_path + 1, sizeof(where.sun_path) - 1, "xcp-bus-rough-%d",
			    (int)getpid());

	snprintf(address, sizeof(address), "unix:abstract=%s", where.sun_path + 1);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&where,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size)) < 0 ||
	    listen(listener, 1) < 0)
		err(2, "bus");
	bus_pid = fork();
	if (bus_pid < 0)
		err(2, "fork");
	if (!bus_pid)
		run_bus();
}

/* ---- the client ---- */

static int count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static unsigned good;

static int look(DBusMessage *message)
{
	DBusMessageIter iter, array, entry;
	const char *key;
	uint8_t byte;
	double number;
	int first = -1, second = -1, r;

	dbus_message_iter_init(message, &iter);
	r = xcpbus_read_iter(&iter, "y", &byte);
	if (r < 0 || byte != 7 || !dbus_message_has_signature(message, "ya{sv}(dh)"))
		return -1;
	dbus_message_iter_recurse(&iter, &array);
	dbus_message_iter_recurse(&array, &entry);
	if (xcpbus_read_iter(&entry, "sv", &key, "h", &second) == 0)
		close(second);
	dbus_message_iter_next(&iter);
	if (xcpbus_read_iter(&iter, "(dh)", &number, &first) == 0)
		close(first);
	return first >= 0 && second >= 0 && number == 0.5 ? 0 : -1;
}

static void on_signal(struct xcpbus *bus, DBusMessage *message, void *data)
{
	(void)bus;
	(void)data;
	if (look(message) == 0)
		good++;
}

/* What the connection ended with. */
static int visit(void)
{
	struct xcpbus *bus;
	int r = 0;

	good = 0;
	CHECK(xcpbus_connect(address, 20000, &bus, &error) == 0);
	/* The message may have come with the answer to Hello. */
	r = xcpbus_subscribe_async(bus, "interface='test.Rough'", on_signal, NULL, NULL, NULL);
	CHECK(r == 0 || r == -ENOTCONN);
	while ((r = xcpbus_process(bus)) >= 0 && xcpbus_wait(bus, 20000) > 0)
		;
	xcpbus_free(bus);
	return r;
}

static void both_byte_orders_arrive(void)
{
	CHECK(visit() == -EPIPE && good == 1);
	CHECK(visit() == -EPIPE && good == 1);
}

/* The bus does not look whether a place names a descriptor that came; it counts them. */
static void missing_descriptors_end_the_connection(void)
{
	int before = count_fds();

	CHECK(visit() == -EPROTO && good == 0);
	CHECK(visit() == -EPIPE && good == 0);
	CHECK(visit() < 0 && good <= 1);
	CHECK(count_fds() == before);
}

/* It is asked how long a message may be, and gone. */
static void what_cannot_be_sent_any_more_is_not(void)
{
	static const uint8_t bytes[128 * 1024];
	const uint8_t *much = bytes;
	DBusMessage *message = dbus_message_new_signal("/p", "test.Rough", "Much");
	struct xcpbus *bus;

	CHECK(dbus_message_append_args(message, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &much,
				       (int)sizeof(bytes), DBUS_TYPE_INVALID));
	CHECK(xcpbus_connect(address, 20000, &bus, &error) == 0);
	CHECK(xcpbus_send(bus, message) == -ENOTCONN);
	xcpbus_free(bus);
	dbus_message_unref(message);
}

static void scribbles_do_no_harm(void)
{
	int before = count_fds();

	for (unsigned i = 0; i < SCRIBBLES; i++)
		CHECK(visit() < 0);
	CHECK(count_fds() == before);
}

int main(void)
{
	start_bus();
	RUN(both_byte_orders_arrive);
	RUN(missing_descriptors_end_the_connection);
	RUN(what_cannot_be_sent_any_more_is_not);
	RUN(scribbles_do_no_harm);
	kill(bus_pid, SIGKILL);
	waitpid(bus_pid, NULL, 0);
	return test_finish();
}
