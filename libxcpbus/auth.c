/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* EXTERNAL first: on a socket the kernel says who we are, and on a ring the hypervisor says which
 * domain. A bus that does not take it may take ANONYMOUS. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libxcpbus/private.h"

enum { LINE_MAX_SIZE = 4096, AUTH_BUFFER = 8192 };

struct exchange {
	struct xcpbus *bus;
	int64_t deadline_ms;
	char in[AUTH_BUFFER]; /* what was received and is not a line yet */
	size_t in_size;
	bool has_tried_anonymous;
};

static int send_all(struct exchange *exchange, const char *bytes, size_t size)
{
	struct iovec part = { (char *)bytes, size };
	struct xcpbus *bus = exchange->bus;
	ssize_t moved;
	int r;

	while (part.iov_len) {
		moved = stream_write(bus->stream, &part, 1);
		if (moved < 0)
			return (int)moved;
		part.iov_base = (char *)part.iov_base + moved;
		part.iov_len -= (size_t)moved;
		if (!part.iov_len)
			break;
		r = bus_wait_for_io(bus, true, exchange->deadline_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

static int send_line(struct exchange *exchange, const char *line)
{
	char text[LINE_MAX_SIZE];
	int size = snprintf(text, sizeof(text), "%s\r\n", line);

	return send_all(exchange, text, (size_t)size);
}

static int send_start(struct exchange *exchange)
{
	char line[64], digits[16];
	size_t used;
	int i, size = snprintf(digits, sizeof(digits), "%u", (unsigned)geteuid());

	line[0] = '\0'; /* the NUL byte that every connection begins with */
	used = 1 + (size_t)snprintf(line + 1, sizeof(line) - 1, "AUTH EXTERNAL ");
	for (i = 0; i < size; i++)
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%02x",
					 (unsigned)digits[i]);
	used += (size_t)snprintf(line + used, sizeof(line) - used, "\r\n");
	return send_all(exchange, line, used);
}

/* Reads until there is a whole line; the line ends in a NUL instead of CR LF. */
static int receive_line(struct exchange *exchange, char line[LINE_MAX_SIZE])
{
	struct xcpbus *bus = exchange->bus;
	ssize_t moved;
	char *end;
	size_t size;
	int r;

	while (!(end = memmem(exchange->in, exchange->in_size, "\r\n", 2))) {
		if (exchange->in_size >= LINE_MAX_SIZE)
			return -EPROTO;
		moved = stream_read(bus->stream, exchange->in + exchange->in_size,
				    sizeof(exchange->in) - exchange->in_size);
		if (moved < 0)
			return (int)moved;
		exchange->in_size += (size_t)moved;
		if (moved)
			continue;
		r = bus_wait_for_io(bus, false, exchange->deadline_ms);
		if (r < 0)
			return r;
	}
	size = (size_t)(end - exchange->in);
	if (size >= LINE_MAX_SIZE)
		return -EPROTO;
	memcpy(line, exchange->in, size);
	line[size] = '\0';
	exchange->in_size -= size + 2;
	memmove(exchange->in, end + 2, exchange->in_size);
	return 0;
}

/* 1: we are in. */
static int on_line(struct exchange *exchange, const char *line, struct xcpbus_error *error)
{
	if (!strncmp(line, "OK ", 3) || !strcmp(line, "OK"))
		return 1;
	if (!strncmp(line, "DATA", 4))
		return send_line(exchange, "DATA"); /* the identity was in the first line */
	if (!strncmp(line, "REJECTED", 8) && strstr(line, "ANONYMOUS") &&
	    !exchange->has_tried_anonymous) {
		exchange->has_tried_anonymous = true;
		return send_line(exchange, "AUTH ANONYMOUS 786370627573");
	}
	xcpbus_error_set(error, BUS_ERROR("AuthFailed"), "the bus does not let us in: %.200s",
			 line);
	return -EACCES;
}

int auth_run(struct xcpbus *bus, int64_t deadline_ms, struct xcpbus_error *error)
{
	struct exchange exchange = { .bus = bus, .deadline_ms = deadline_ms };
	char line[LINE_MAX_SIZE];
	int r = send_start(&exchange);

	while (r == 0) {
		r = receive_line(&exchange, line);
		if (r == 0)
			r = on_line(&exchange, line, error);
	}
	if (r == -EACCES)
		return r;
	if (r == 1)
		r = send_line(&exchange, "BEGIN");
	if (r == 0 && exchange.in_size)
		r = -EPROTO; /* nobody has asked for anything yet */
	if (r == -ETIMEDOUT)
		return error_fail(error, r, "the bus did not finish authentication in time");
	if (r == -EPIPE || r == -ECONNRESET || r == -ENOTCONN)
		return error_fail(error, r, "the bus closed the connection");
	if (r < 0)
		return error_fail(error, r, "authentication failed: %s", strerror(-r));
	return 0;
}
