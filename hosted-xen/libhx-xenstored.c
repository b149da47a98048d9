/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What only the xenstoreds need; preloaded into them together with the other libhx files.
 *
 * They read /proc/xen, oxenstored maps the pages of domains by frame number and has its socket
 * path compiled in, and both raise resource limits that an unprivileged user may not raise.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#define XC_WANT_COMPAT_MAP_FOREIGN_API
#include <xenctrl.h>
#include <xengnttab.h>

#include "hosted-xen/libhx.h"

static const char compiled_run_dir[] = "/var/run/xenstored";
static const char proc_xen[] = "/proc/xen/xsd_";

/* Pages that oxenstored maps by frame number and gives back by munmap(). Each has a handle of
 * its own, which is closed with it. oxenstored has one thread. */
static struct {
	void *address;
	xengnttab_handle *handle;
} * maps;
static size_t map_count;

/* hx introduces domains with frame number 1, their xenstore page's grant reference. */
void *xc_map_foreign_range(xc_interface *interface, uint32_t domid, int size, int prot,
			   unsigned long frame)
{
	xengnttab_handle *handle;
	void *address, *grown;

	(void)interface;
	if (size != (int)HX_PAGE_SIZE || frame != HX_STORE_REF) {
		errno = EINVAL;
		return NULL;
	}
	grown = realloc(maps, (map_count + 1) * sizeof(*maps));
	if (!grown)
		return NULL;
	maps = grown;
	handle = xengnttab_open(NULL, 0);
	if (!handle)
		return NULL;
	address = xengnttab_map_grant_ref(handle, domid, HX_STORE_REF, prot);
	if (!address) {
		xengnttab_close(handle);
		return NULL;
	}
	maps[map_count].address = address;
	maps[map_count++].handle = handle;
	return address;
}

int munmap(void *address, size_t size)
{
	for (size_t i = 0; i < map_count; i++) {
		if (maps[i].address == address) {
			xengnttab_handle *handle = maps[i].handle;

			maps[i] = maps[--map_count];
			xengnttab_close(handle);
			break;
		}
	}
	return (int)syscall(SYS_munmap, address, size);
}

static int open_port_file(int number)
{
	int fd = memfd_create("xsd_port", MFD_CLOEXEC);
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", number);

	if (fd >= 0 && pwrite(fd, text, (size_t)length, 0) != length) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_proc_xen(const char *name)
{
	struct hx_request request = { .op = strcmp(name, "kva") ? HX_STORE_PORT : HX_STORE_PAGE };
	struct hx_reply reply;
	int fd = -1, socket = hx_connect(), count;

	if (socket < 0)
		return -1;
	count = hx_call(socket, &request, &reply, &fd, 1);
	close(socket);
	if (count < 0)
		return -1;
	return request.op == HX_STORE_PORT ? open_port_file(reply.result) : fd;
}

int open(const char *path, int flags, ...)
{
	unsigned mode = 0;
	va_list args;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(args, flags);
		mode = va_arg(args, unsigned);
		va_end(args);
	}
	if (strncmp(path, proc_xen, strlen(proc_xen)) == 0)
		return open_proc_xen(path + strlen(proc_xen));
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

extern int open64(const char *path, int flags, ...) __attribute__((alias("open")));

/* What lies in oxenstored's directory lies in ours: writes the new path, or returns the old. */
static const char *redirect(const char *path, char *moved, size_t size)
{
	const char *run_dir = getenv("XENSTORED_RUNDIR");
	size_t length = strlen(compiled_run_dir);

	if (!run_dir || strncmp(path, compiled_run_dir, length) != 0)
		return path;
	snprintf(moved, size, "%s%s", run_dir, path + length);
	return moved;
}

int bind(int fd, const struct sockaddr *address, socklen_t size)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)address;
	struct sockaddr_un moved = { .sun_family = AF_UNIX };

	if (address->sa_family == AF_UNIX &&
	    redirect(un->sun_path, moved.sun_path, sizeof(moved.sun_path)) == moved.sun_path)
		return (int)syscall(SYS_bind, fd, &moved, sizeof(moved));
	return (int)syscall(SYS_bind, fd, address, size);
}

int unlink(const char *path)
{
	char moved[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	return (int)syscall(SYS_unlinkat, AT_FDCWD, redirect(path, moved, sizeof(moved)), 0);
}

int mkdir(const char *path, mode_t mode)
{
	char moved[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	return (int)syscall(SYS_mkdirat, AT_FDCWD, redirect(path, moved, sizeof(moved)), mode);
}

/* oxenstored gives up if it may not raise its limit of files. */
int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	long result = syscall(SYS_prlimit64, 0, resource, limit, NULL);

	return resource == RLIMIT_NOFILE ? 0 : (int)result;
}
