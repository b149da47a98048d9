/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/stream-unix.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/list.h"

struct unix_stream {
	struct stream stream;
	int fd;
	bool accepts_fds;
	unsigned fds_count;
	int fds[FDS_MAX]; /* arrived, not taken yet */
};

static struct unix_stream *unix_of(const struct stream *stream)
{
	return container_of(stream, struct unix_stream, stream);
}

static bool is_not_now(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Room for the descriptors of one message, aligned as the kernel wants it. */
union fds_control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

/* False if more arrived than anybody may send; those that fit are kept, to be closed in the end. */
static bool keep_fds(struct unix_stream *self, struct msghdr *message)
{
	bool is_fine = !(message->msg_flags & MSG_CTRUNC);
	struct cmsghdr *header;
	unsigned count, i;

	for (header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		count = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
			if (self->fds_count < FDS_MAX) {
				self->fds[self->fds_count++] = fd;
				continue;
			}
			close(fd);
			is_fine = false;
		}
	}
	return is_fine;
}

static ssize_t receive(struct unix_stream *self, void *buffer, size_t size)
{
	union fds_control control;
	struct iovec part = { .iov_base = buffer, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t moved;

	if (!self->accepts_fds)
		return recv(self->fd, buffer, size, MSG_DONTWAIT);
	moved = recvmsg(self->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (moved > 0 && message.msg_controllen && !keep_fds(self, &message)) {
		errno = EPROTO;
		return -1;
	}
	return moved;
}

static ssize_t unix_read(struct stream *stream, void *buffer, size_t size)
{
	ssize_t moved = receive(unix_of(stream), buffer, size);

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

ssize_t stream_unix_write_fds(struct stream *stream, const struct iovec *parts, int count,
			      const struct fds *fds)
{
	union fds_control control = { 0 };
	struct msghdr message = {
		.msg_iov = (struct iovec *)parts,
		.msg_iovlen = (size_t)count,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(fds->count * sizeof(int)),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	ssize_t moved;

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(fds->count * sizeof(int));
	memcpy(CMSG_DATA(header), fds->fd, fds->count * sizeof(int));
	moved = sendmsg(unix_of(stream)->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (moved >= 0)
		return moved;
	return is_not_now() ? 0 : -errno;
}

bool stream_unix_is_read(const struct stream *stream)
{
	int unread;

	return ioctl(unix_of(stream)->fd, SIOCOUTQ, &unread) == 0 && !unread;
}

void stream_unix_accept_fds(struct stream *stream)
{
	unix_of(stream)->accepts_fds = true;
}

unsigned stream_unix_fds_count(const struct stream *stream)
{
	return unix_of(stream)->fds_count;
}

struct fds *stream_unix_take_fds(struct stream *stream, unsigned count)
{
	struct unix_stream *self = unix_of(stream);
	struct fds *fds;

	if (count > self->fds_count)
		return NULL;
	fds = fds_new(self->fds, count);
	if (!fds)
		return NULL;
	self->fds_count -= count;
	memmove(self->fds, self->fds + count, self->fds_count * sizeof(int));
	return fds;
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

	while (self->fds_count)
		close(self->fds[--self->fds_count]);
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
