/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/notify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The size of the address, or 0 if it is none. */
static socklen_t parse_path(const char *path, struct sockaddr_un *address)
{
	size_t length = path ? strlen(path) : 0;

	if (length < 2 || length >= sizeof(address->sun_path) || !strchr("/@", *path))
		return 0;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, path, length);
	if (*path == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (*path == '/'));
}

int notify_open(void)
{
	struct sockaddr_un address;
	socklen_t size = parse_path(getenv("NOTIFY_SOCKET"), &address);
	int fd = -1;

	unsetenv("NOTIFY_SOCKET");
	if (size)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, size) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void notify(int fd, const char *text, int flags)
{
	/* A manager that does not listen any more has nothing to learn. */
	if (fd >= 0 && send(fd, text, strlen(text), flags | MSG_NOSIGNAL) < 0)
		return;
}

void notify_state(int fd, const char *text)
{
	notify(fd, text, 0);
}

void notify_hint(int fd, const char *text)
{
	notify(fd, text, MSG_DONTWAIT);
}

uint64_t notify_watchdog_us(void)
{
	const char *pid = getenv("WATCHDOG_PID"), *time = getenv("WATCHDOG_USEC");
	bool is_ours = time && (!pid || strtol(pid, NULL, 10) == getpid());
	uint64_t time_us = is_ours ? strtoull(time, NULL, 10) : 0;

	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	return time_us;
}
