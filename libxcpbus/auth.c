/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client's side of the SASL exchange. EXTERNAL first: on a socket the kernel says who we are,
 * and on a ring the hypervisor says which domain. A bus that does not take it may take ANONYMOUS.
 * Nothing here waits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libxcpbus/private.h"

enum { LINE_MAX_SIZE = 4096, IN_MAX = 8192, OUT_MAX = 256 };

enum step { STEP_EXTERNAL, STEP_ANONYMOUS, STEP_FDS, STEP_BEGIN };

struct auth {
	enum step step;
	bool wants_fds, has_fds;
	char in[IN_MAX]; /* what was received and is not a line yet */
	size_t in_size;
	char out[OUT_MAX]; /* what is to be sent */
	size_t out_size;
};

struct auth *auth_new(bool wants_fds)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	char digits[16];
	int i, size;

	if (!auth)
		return NULL;
	auth->wants_fds = wants_fds;
	auth->out[0] = '\0'; /* the NUL byte that every connection begins with */
	auth->out_size = 1 + (size_t)snprintf(auth->out + 1, OUT_MAX - 1, "AUTH EXTERNAL ");
	size = snprintf(digits, sizeof(digits), "%u", (unsigned)geteuid());
	for (i = 0; i < size; i++)
		auth->out_size +=
			(size_t)snprintf(auth->out + auth->out_size, OUT_MAX - auth->out_size,
					 "%02x", (unsigned)digits[i]);
	auth->out_size +=
		(size_t)snprintf(auth->out + auth->out_size, OUT_MAX - auth->out_size, "\r\n");
	return auth;
}

struct auth *auth_free(struct auth *auth)
{
	free(auth);
	return NULL;
}

bool auth_has_output(const struct auth *auth)
{
	return auth->out_size > 0;
}

bool auth_has_fds(const struct auth *auth)
{
	return auth->has_fds;
}

static int say(struct auth *auth, enum step step, const char *line)
{
	auth->step = step;
	auth->out_size += (size_t)snprintf(auth->out + auth->out_size, OUT_MAX - auth->out_size,
					   "%s\r\n", line);
	return 0;
}

static int on_line(struct auth *auth, const char *line, struct xcpbus_error *error)
{
	if (auth->step == STEP_FDS) {
		auth->has_fds = !strcmp(line, "AGREE_UNIX_FD");
		return say(auth, STEP_BEGIN, "BEGIN");
	}
	if (!strncmp(line, "OK ", 3) || !strcmp(line, "OK"))
		return auth->wants_fds ? say(auth, STEP_FDS, "NEGOTIATE_UNIX_FD")
				       : say(auth, STEP_BEGIN, "BEGIN");
	if (!strncmp(line, "DATA", 4)) /* the identity was in the first line */
		return say(auth, auth->step, "DATA");
	if (!strncmp(line, "REJECTED", 8) && strstr(line, "ANONYMOUS") &&
	    auth->step == STEP_EXTERNAL)
		return say(auth, STEP_ANONYMOUS, "AUTH ANONYMOUS 786370627573");
	xcpbus_error_set(error, BUS_ERROR("AuthFailed"),
			 "the bus does not let us in (its policy says which users may connect): "
			 "%.200s",
			 line);
	return -EACCES;
}

/* The lines that are complete; each is answered before the next is looked at. */
static int take_lines(struct auth *auth, struct xcpbus_error *error)
{
	char line[LINE_MAX_SIZE];
	size_t size;
	char *end;
	int r = 0;

	while (r == 0 && (end = memmem(auth->in, auth->in_size, "\r\n", 2))) {
		size = (size_t)(end - auth->in);
		if (size >= LINE_MAX_SIZE || auth->step == STEP_BEGIN || auth->out_size)
			return -EPROTO; /* nobody has asked for anything */
		memcpy(line, auth->in, size);
		line[size] = '\0';
		auth->in_size -= size + 2;
		memmove(auth->in, end + 2, auth->in_size);
		r = on_line(auth, line, error);
	}
	if (r == 0 && auth->in_size && (auth->step == STEP_BEGIN || auth->in_size >= LINE_MAX_SIZE))
		return -EPROTO;
	return r;
}

static int flush(struct auth *auth, struct stream *stream)
{
	struct iovec part = { auth->out, auth->out_size };
	ssize_t moved;

	if (!auth->out_size)
		return 0;
	moved = stream_write(stream, &part, 1);
	if (moved < 0)
		return (int)moved;
	auth->out_size -= (size_t)moved;
	memmove(auth->out, auth->out + moved, auth->out_size);
	return 0;
}

static int step(struct auth *auth, struct stream *stream, struct xcpbus_error *error)
{
	ssize_t moved;
	int r;

	do {
		r = flush(auth, stream);
		if (r < 0)
			return r;
		if (auth->step == STEP_BEGIN)
			return !auth->out_size;
		moved = stream_read(stream, auth->in + auth->in_size, IN_MAX - auth->in_size);
		if (moved < 0)
			return (int)moved;
		auth->in_size += (size_t)moved;
		r = take_lines(auth, error);
		if (r < 0)
			return r;
	} while (moved);
	return 0;
}

int auth_run(struct auth *auth, struct stream *stream, struct xcpbus_error *error)
{
	int r = step(auth, stream, error);

	if (r >= 0 || r == -EACCES)
		return r;
	if (r == -EPIPE || r == -ECONNRESET || r == -ENOTCONN)
		return error_fail(error, r, "the bus closed the connection");
	return error_fail(error, r, "authentication failed: %s", strerror(-r));
}
