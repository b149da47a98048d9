/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/stream-unix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/list.h"

struct unix_stream {
	struct stream stream;
	int fd;
};

static struct unix_stream *unix_of(const struct stream *stream)
{
	return container_of(stream, struct unix_stream, stream);
}

static bool is_not_now(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static ssize_t unix_read(struct stream *stream, void *buffer, size_t size)
{
	ssize_t moved = recv(unix_of(stream)->fd, buffer, size, MSG_DONTWAIT);

	if (moved > 0 || !size)
		return moved;
	if (moved == 0)
		return -EPIPE;
	return is_not_now() ? 0 : -errno;
}

static ssize_t unix_write(struct stream *stream, const struct iovec *parts, int count)
{
	struct msghdr message = {
		.msg_iov = (struct iovec *)parts,
		.msg_iovlen = (size_t)count,
	};
	ssize_t moved = sendmsg(unix_of(stream)->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (moved >= 0)
		return moved;
	return is_not_now() ? 0 : -errno;
}

static int unix_fd(const struct stream *stream)
{
	return unix_of(stream)->fd;
}

static short unix_events(const struct stream *stream, bool want_write)
{
	(void)stream;
	return want_write ? POLLIN | POLLOUT : POLLIN;
}

static void unix_ack(struct stream *stream)
{
	(void)stream; /* readiness of a socket needs no answer */
}

static void unix_close(struct stream *stream)
{
	struct unix_stream *self = unix_of(stream);

	close(self->fd);
	free(self);
}

static const struct stream_ops unix_ops = {
	.read = unix_read,
	.write = unix_write,
	.fd = unix_fd,
	.events = unix_events,
	.ack = unix_ack,
	.close = unix_close,
};

int stream_unix_new(int fd, struct stream **out)
{
	struct unix_stream *self;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	self = malloc(sizeof(*self));
	if (!self)
		return -ENOMEM;
	*self = (struct unix_stream){ .stream.ops = &unix_ops, .fd = fd };
	*out = &self->stream;
	return 0;
}

int stream_unix_connect(const char *path, bool abstract, struct stream **out)
{
	CLEANUP(cleanup_close) int fd = -1;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	int r;

	/* An abstract name begins with a NUL, a path ends with one. */
	if (!length || length + 1 > sizeof(address.sun_path))
		return length ? -ENAMETOOLONG : -EINVAL;
	memcpy(address.sun_path + (abstract ? 1 : 0), path, length);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1)) < 0)
		return -errno;
	r = stream_unix_new(fd, out);
	if (r < 0)
		return r;
	fd = -1; /* it is the stream's now */
	return 0;
}
