/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/bind-unix.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "config.h"

static socklen_t make_name(const struct address *address, struct sockaddr_un *name)
{
	size_t size = strlen(address->path);

	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(name->sun_path + (address->is_abstract ? 1 : 0), address->path, size);
	/* An abstract name is as long as it is; a path ends with its NUL. */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
}

/* Whether somebody answers at a path. */
static bool is_served(const struct sockaddr_un *name, socklen_t size)
{
	CLEANUP(cleanup_close)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd >= 0 &&
	       (connect(fd, (const struct sockaddr *)name, size) == 0 || errno == EAGAIN);
}

/* /run is empty after a boot, and the default is to work then. Other directories are made by who
 * chose them. */
static int make_default_directory(const char *path, char *why)
{
	if (strcmp(path, CONFIG_DEFAULT_DIRECTORY "/bus") != 0)
		return 0;
	if (mkdir(CONFIG_DEFAULT_DIRECTORY, 0755) == 0 || errno == EEXIST)
		return 0;
	snprintf(why, BIND_WHY_MAX, CONFIG_DEFAULT_DIRECTORY " cannot be made: %s",
		 strerror(errno));
	return -1;
}

static int bind_name(int fd, const struct address *address, mode_t rights, char *why)
{
	struct sockaddr_un name;
	socklen_t size = make_name(address, &name);
	struct stat status;
	mode_t mask;
	int r;

	if (!address->is_abstract && make_default_directory(address->path, why) < 0)
		return -1;
	if (!address->is_abstract && lstat(address->path, &status) == 0) {
		if (!S_ISSOCK(status.st_mode)) {
			snprintf(why, BIND_WHY_MAX, "%s exists and is not a socket", address->path);
			return -1;
		}
		if (is_served(&name, size)) {
			snprintf(why, BIND_WHY_MAX, "%s is in use: is another xcp-busd running?",
				 address->path);
			return -1;
		}
		unlink(address->path);
	}
	mask = umask(rights);
	r = bind(fd, (struct sockaddr *)&name, size);
	umask(mask);
	if (r < 0)
		snprintf(why, BIND_WHY_MAX, "%s: %s", address->path,
			 errno == ENOENT ? "there is no such directory" : strerror(errno));
	return r;
}

static int remember(struct bound_unix *bound, const struct address *address)
{
	struct stat status;

	if (address->is_abstract)
		return 0;
	if (lstat(address->path, &status) < 0)
		return -errno;
	strcpy(bound->path, address->path);
	bound->device = status.st_dev;
	bound->inode = status.st_ino;
	return 0;
}

int bind_unix(const struct address *address, mode_t mask, struct bound_unix *bound,
	      char why[BIND_WHY_MAX])
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*bound = (struct bound_unix){ 0 };
	if (fd < 0) {
		snprintf(why, BIND_WHY_MAX, "no socket: %s", strerror(errno));
		return -1;
	}
	if (bind_name(fd, address, mask, why) < 0) {
		close(fd);
		return -1;
	}
	if (listen(fd, SOMAXCONN) < 0 || remember(bound, address) < 0) {
		snprintf(why, BIND_WHY_MAX, "%s: %s", address->path, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

void bind_unix_remove(const struct bound_unix *bound)
{
	struct stat status;

	if (bound->path[0] && lstat(bound->path, &status) == 0 && status.st_dev == bound->device &&
	    status.st_ino == bound->inode)
		unlink(bound->path);
}
