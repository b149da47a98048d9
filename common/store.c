/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/store.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xenstore.h>
#include <xenstore_lib.h>

#include "common/cleanup.h"

struct store {
	struct xs_handle *xs;
	xs_transaction_t transaction; /* XBT_NULL: none */
	/* For lists: oxenstored sends one of more than 4 KiB over its socket all the same, and then
	 * libxenstore gives up the connection that it came on. */
	struct xs_handle *lister; /* NULL: none just now */
	char **event; /* the last one given out */
	/* When xenstored closes its socket, libxenstore's thread that reads from it ends without
	 * a word, and its descriptor stays silent. So there is another connection, on which
	 * nothing is ever said. */
	int idle_fd, poll_fd; /* -1: none; both it and libxenstore's */
};

/* libxenstore does not promise to set errno in every case. */
static int failure(void)
{
	return errno > 0 ? -errno : -EIO;
}

int store_open(struct store **out)
{
	CLEANUP(cleanup_free) struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return -ENOMEM;
	errno = 0;
	store->idle_fd = store->poll_fd = -1;
	store->transaction = XBT_NULL;
	store->xs = xs_open(0);
	if (!store->xs)
		return failure();
	*out = TAKE(store);
	return 0;
}

const char *store_hint(int failure)
{
	return failure == -EACCES ? "is this user in the group xcp-bus?" : "is this a Xen guest?";
}

/* In a guest there is no socket, and xenstored is not ours to watch. */
static int connect_idle(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = xs_daemon_socket();
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int store_open_for_long(struct store **out)
{
	struct epoll_event in = { .events = EPOLLIN };
	struct store *store;
	int r = store_open(&store);

	if (r < 0)
		return r;
	store->idle_fd = connect_idle();
	if (store->idle_fd >= 0)
		store->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (store->idle_fd >= 0 &&
	    (store->poll_fd < 0 ||
	     epoll_ctl(store->poll_fd, EPOLL_CTL_ADD, store->idle_fd, &in) < 0 ||
	     epoll_ctl(store->poll_fd, EPOLL_CTL_ADD, xs_fileno(store->xs), &in) < 0)) {
		r = -errno;
		store_free(store);
		return r;
	}
	*out = store;
	return 0;
}

static bool has_ended(const struct store *store)
{
	struct pollfd fd = { .fd = store->idle_fd, .events = POLLIN };

	return store->idle_fd >= 0 && poll(&fd, 1, 0) > 0;
}

struct store *store_free(struct store *store)
{
	if (!store)
		return NULL;
	if (store->poll_fd >= 0)
		close(store->poll_fd);
	if (store->idle_fd >= 0)
		close(store->idle_fd);
	xs_close(store->lister);
	xs_close(store->xs);
	free(store->event);
	free(store);
	return NULL;
}

int store_own_domid(struct store *store, uint32_t *domid)
{
	CLEANUP(cleanup_free) char *value = NULL;
	unsigned long number;
	char *end;
	int r;

	r = store_read(store, "domid", &value, NULL);
	if (r < 0)
		return r;
	errno = 0;
	number = strtoul(value, &end, 10);
	if (errno || end == value || *end || number > UINT16_MAX)
		return -EPROTO;
	*domid = (uint32_t)number;
	return 0;
}

int store_read(struct store *store, const char *path, char **value, unsigned *size)
{
	unsigned length = 0;
	char *read;

	errno = 0;
	read = xs_read(store->xs, store->transaction, path, &length);
	if (!read)
		return failure();
	*value = read;
	if (size)
		*size = length;
	return 0;
}

int store_write(struct store *store, const char *path, const char *value)
{
	errno = 0;
	return xs_write(store->xs, store->transaction, path, value, (unsigned)strlen(value))
		       ? 0
		       : failure();
}

int store_remove(struct store *store, const char *path)
{
	errno = 0;
	if (xs_rm(store->xs, store->transaction, path) || errno == ENOENT)
		return 0;
	return failure();
}

int store_begin(struct store *store)
{
	assert(store->transaction == XBT_NULL);
	errno = 0;
	store->transaction = xs_transaction_start(store->xs);
	return store->transaction == XBT_NULL ? failure() : 0;
}

int store_end(struct store *store, bool is_wanted)
{
	xs_transaction_t transaction = store->transaction;

	store->transaction = XBT_NULL;
	errno = 0;
	return xs_transaction_end(store->xs, transaction, !is_wanted) ? 0 : failure();
}

static unsigned bits_of(const struct store_access *access)
{
	return (access->reads ? XS_PERM_READ : XS_PERM_NONE) |
	       (access->writes ? XS_PERM_WRITE : XS_PERM_NONE);
}

bool store_has_access(struct store *store, const char *path, const struct store_access *list,
		      unsigned count)
{
	CLEANUP(cleanup_free) struct xs_permissions *set = NULL;
	unsigned set_count, i;

	set = xs_get_permissions(store->xs, store->transaction, path, &set_count);
	if (!set || set_count != count)
		return false;
	for (i = 0; i < count; i++)
		if (set[i].id != list[i].domid || set[i].perms != bits_of(&list[i]))
			return false;
	return true;
}

int store_set_access(struct store *store, const char *path, const struct store_access *list,
		     unsigned count)
{
	struct xs_permissions permissions[STORE_ACCESS_MAX];
	unsigned i;

	assert(count <= STORE_ACCESS_MAX);
	for (i = 0; i < count; i++)
		permissions[i] = (struct xs_permissions){
			.id = list[i].domid,
			.perms = bits_of(&list[i]),
		};
	errno = 0;
	return xs_set_permissions(store->xs, store->transaction, path, permissions, count)
		       ? 0
		       : failure();
}

/* A list has an end, and xenstored leaves in it those who are no more (it ignores them). */
static unsigned drop_dead(struct store *store, struct xs_permissions *list, unsigned count)
{
	unsigned kept = 1, i;

	for (i = 1; i < count; i++)
		if (store_knows_domain(store, list[i].id))
			list[kept++] = list[i];
	return kept;
}

int store_let_read(struct store *store, const char *path, uint32_t domid, uint32_t forget)
{
	CLEANUP(cleanup_free) struct xs_permissions *old = NULL;
	struct xs_permissions list[STORE_ACCESS_MAX];
	unsigned count, kept = 0, i;

	errno = 0;
	old = xs_get_permissions(store->xs, store->transaction, path, &count);
	if (!old)
		return failure();
	for (i = 0; i < count; i++) {
		if (i && old[i].id == domid && domid != forget && (old[i].perms & XS_PERM_READ))
			return 0;
		if (i && ((domid && old[i].id == domid) || (forget && old[i].id == forget)))
			continue;
		if (kept == STORE_ACCESS_MAX - 1)
			kept = drop_dead(store, list, kept);
		if (kept == STORE_ACCESS_MAX - 1)
			return -ENOSPC;
		list[kept++] = old[i];
	}
	if (domid)
		list[kept++] = (struct xs_permissions){ .id = domid, .perms = XS_PERM_READ };
	else if (kept == count)
		return 0;
	return xs_set_permissions(store->xs, store->transaction, path, list, kept) ? 0 : failure();
}

bool store_knows_domain(struct store *store, uint32_t domid)
{
	return xs_is_domain_introduced(store->xs, domid);
}

int store_list(struct store *store, const char *path, char ***names, unsigned *count)
{
	char **list;
	unsigned length = 0;
	int r;

	errno = 0;
	if (!store->lister)
		store->lister = xs_open(0);
	if (!store->lister)
		return failure();
	list = xs_directory(store->lister, XBT_NULL, path, &length);
	if (!list) {
		r = failure();
		if (r != -ENOENT && r != -EACCES)
			xs_close(TAKE(store->lister));
		return r;
	}
	*names = list;
	*count = length;
	return 0;
}

int store_watch(struct store *store, const char *path, const char *token)
{
	errno = 0;
	return xs_watch(store->xs, path, token) ? 0 : failure();
}

int store_unwatch(struct store *store, const char *path, const char *token)
{
	errno = 0;
	return xs_unwatch(store->xs, path, token) ? 0 : failure();
}

int store_fd(const struct store *store)
{
	return store->poll_fd >= 0 ? store->poll_fd : xs_fileno(store->xs);
}

int store_next_event(struct store *store, const char **path, const char **token)
{
	free(TAKE(store->event));
	if (has_ended(store))
		return -EIO;
	errno = 0;
	store->event = xs_check_watch(store->xs);
	if (!store->event)
		return errno == EAGAIN || errno == EINTR ? 0 : failure();
	*path = store->event[XS_WATCH_PATH];
	*token = store->event[XS_WATCH_TOKEN];
	return 1;
}
