/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nothing here is shared between handles, so different handles may be used by different threads
 * at the same time, as with the real libraries. */
#include "hosted-xen/libhx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int hx_connect_as(const char *dir, const char *domid)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t room = sizeof(address.sun_path);
	int error, length, fd;

	length = snprintf(address.sun_path, room, "%s/dom%s/device", dir, domid);
	if (length < 0 || (size_t)length >= room) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int hx_connect(void)
{
	const char *dir = getenv("HX_DIR"), *domid = getenv("HX_DOMID");

	if (!dir || !domid) {
		errno = ENOENT; /* as where there is no Xen */
		return -1;
	}
	return hx_connect_as(dir, domid);
}

static int take_fds(struct msghdr *message, int *fds, int fds_max)
{
	struct cmsghdr *header;
	int count = 0;

	for (header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		size_t own = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < own; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
			if (count < fds_max)
				fds[count++] = fd;
			else
				close(fd);
		}
	}
	return count;
}

int hx_call(int socket, const struct hx_request *request, struct hx_reply *reply, int *fds,
	    int fds_max)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(HX_FDS_MAX * sizeof(int))];
	} control;
	struct iovec part = { reply, sizeof(*reply) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t size;
	int count;

	do {
		size = send(socket, request, hx_request_size(request->count), MSG_NOSIGNAL);
	} while (size < 0 && errno == EINTR);
	if (size < 0)
		return -1;
	message.msg_control = &control;
	message.msg_controllen = sizeof(control);
	do {
		size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	} while (size < 0 && errno == EINTR);
	if (size < (ssize_t)hx_reply_size(0)) {
		errno = EIO; /* hxd is gone, or the domain is */
		return -1;
	}
	count = take_fds(&message, fds, fds_max);
	if (reply->result >= 0 && !(message.msg_flags & MSG_CTRUNC))
		return count;
	while (count)
		close(fds[--count]);
	errno = reply->result < 0 ? -reply->result : EMFILE;
	return -1;
}
