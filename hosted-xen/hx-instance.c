/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hx start, hx stop. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xenstore.h>

#include "hosted-xen/hx.h"
#include "hosted-xen/libhx.h"

enum { START_TRIES = 2000, TRY_MS = 10, STOP_TRIES = 2000 };

static void wait_ms(long ms)
{
	struct timespec time = { .tv_nsec = ms * 1000000 };

	nanosleep(&time, NULL);
}

/* The newest that is installed: /usr/lib/xen-4.17/bin/xenstored. */
static int find_xenstored(const char *kind, char *path, size_t size)
{
	const char *name = strcmp(kind, "ocaml") ? "xenstored" : "oxenstored";
	char pattern[64];
	glob_t found;
	int result = -1;

	if (strchr(kind, '/')) {
		snprintf(path, size, "%s", kind);
		return access(path, X_OK);
	}
	snprintf(pattern, sizeof(pattern), "/usr/lib/xen-*/bin/%s", name);
	if (glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0) {
		snprintf(path, size, "%s", found.gl_pathv[found.gl_pathc - 1]);
		result = access(path, X_OK);
	}
	globfree(&found);
	return result;
}

/* -- the directory -- */

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)info;
	(void)type;
	(void)walk;
	return remove(path);
}

static int lock_path(const struct hx *hx, char path[HX_PATH_MAX + 16])
{
	return snprintf(path, HX_PATH_MAX + 16, "%s/hxd.lock", hx->dir);
}

/* 1: an hxd lives there; 0: one has lived there; -1: not a directory of ours. */
static int look_at(const struct hx *hx)
{
	char path[HX_PATH_MAX + 16];
	int fd, held;

	lock_path(hx, path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	held = flock(fd, LOCK_EX | LOCK_NB);
	close(fd);
	return held ? 1 : 0;
}

static int prepare_dir(const struct hx *hx)
{
	struct stat info;

	switch (look_at(hx)) {
	case 1:
		fail("an instance is already running at %s", hx->dir);
		return -1;
	case 0: /* left over from one that was killed */
		nftw(hx->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
		break;
	}
	if (mkdir(hx->dir, 0700) == 0)
		return 0;
	if (errno != EEXIST) {
		fail("cannot make %s: %s", hx->dir, strerror(errno));
		return -1;
	}
	/* An empty directory of ours is welcome: mktemp -d makes such. */
	if (lstat(hx->dir, &info) || !S_ISDIR(info.st_mode) || info.st_uid != geteuid() ||
	    rmdir(hx->dir) || mkdir(hx->dir, 0700)) {
		fail("%s exists and is not an empty directory of yours", hx->dir);
		return -1;
	}
	return 0;
}

/* -- start -- */

static void show_log(const struct hx *hx)
{
	char path[HX_PATH_MAX + 16], line[500];
	FILE *file;

	snprintf(path, sizeof(path), "%s/hxd.log", hx->dir);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		fprintf(stderr, "  %s", line);
	if (file)
		fclose(file);
}

static void become_hxd(const struct hx *hx, const char *xenstored, int ready_fd)
{
	char path[HX_PATH_MAX + 16], dir[HX_PATH_MAX + 16], store[HX_PATH_MAX + 16],
		hook[HX_PATH_MAX + 40], ready[32];
	int in = open("/dev/null", O_RDONLY), log;

	snprintf(path, sizeof(path), "%s/hxd.log", hx->dir);
	log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	if (in < 0 || log < 0)
		_exit(1);
	setsid();
	dup2(in, 0);
	dup2(log, 1);
	dup2(log, 2);
	/* 3 is the one that tells hx; of whatever else we were given, hxd must hold nothing. */
	if (dup2(ready_fd, 3) < 0 || close_range(4, ~0U, 0) || chdir("/"))
		_exit(1);
	unsetenv("HX_DOMID");
	unsetenv("LD_PRELOAD");
	snprintf(path, sizeof(path), "%s/hxd", hx->home);
	snprintf(dir, sizeof(dir), "--dir=%s", hx->dir);
	snprintf(store, sizeof(store), "--xenstored=%s", xenstored);
	snprintf(hook, sizeof(hook), "--hook=%s/lib/libhx-xenstored.so", hx->home);
	snprintf(ready, sizeof(ready), "--ready-fd=3");
	execl(path, path, dir, store, hook, ready, (char *)NULL);
	fprintf(stderr, "cannot run %s: %s\n", path, strerror(errno));
	_exit(127);
}

static int wait_for_xenstored(const struct hx *hx, int ready_fd)
{
	struct pollfd hangup = { .fd = ready_fd };
	struct xs_handle *store;

	for (int i = 0; i < START_TRIES; i++) {
		store = store_open(hx);
		if (store) {
			xs_close(store);
			return 0;
		}
		if (poll(&hangup, 1, TRY_MS) > 0)
			return -1; /* hxd has ended */
	}
	return -1;
}

/* What xen-init-dom0 does. */
static int add_dom0(const struct hx *hx)
{
	struct store_domain dom0 = { .name = "Domain-0" };

	return store_add_domain(hx, &dom0) < 0 ? 1 : 0;
}

int prepare_store(const struct hx *hx)
{
	if (wait_for_xenstored(hx, -1) < 0)
		return fail("xenstored does not answer");
	return add_dom0(hx);
}

static int start(const struct hx *hx, const char *xenstored)
{
	int ready[2];
	pid_t pid;
	char byte;

	if (prepare_dir(hx) < 0)
		return 1;
	if (pipe2(ready, O_CLOEXEC))
		return fail("cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return fail("cannot fork: %s", strerror(errno));
	if (pid == 0)
		become_hxd(hx, xenstored, ready[1]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1 || wait_for_xenstored(hx, ready[0]) < 0) {
		fail("hxd or xenstored did not start; the log says:");
		show_log(hx);
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
		nftw(hx->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
		return 1;
	}
	return add_dom0(hx);
}

int command_start(const struct hx *hx, int argc, char **argv)
{
	char program[HX_PATH_MAX];
	const char *kind = "c";

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--xenstored=", 12) != 0 || !argv[i][12])
			return fail("usage: hx start [--xenstored=c|ocaml|PROGRAM]") + 1;
		kind = argv[i] + 12;
	}
	if (!strchr(kind, '/') && strcmp(kind, "c") && strcmp(kind, "ocaml"))
		return fail("there is no xenstored called \"%s\": c, ocaml, or a path with /",
			    kind) +
		       1;
	if (find_xenstored(kind, program, sizeof(program)))
		return fail("cannot find %s; Debian has it in xen-utils-4.17",
			    strchr(kind, '/') ? kind : "xenstored below /usr/lib/xen-*/bin");
	return start(hx, program);
}

/* -- stop -- */

int command_stop(const struct hx *hx, int argc, char **argv)
{
	struct hx_request request = { .op = HX_STOP };
	struct hx_reply reply;

	(void)argv;
	if (argc != 1)
		return fail("usage: hx stop") + 1;
	switch (look_at(hx)) {
	case -1:
		return fail("no instance runs at %s", hx->dir);
	case 1:
		if (ask(hx, &request, &reply, NULL) < 0)
			return fail("hxd does not stop: %s", strerror(errno));
	}
	for (int i = 0; look_at(hx) == 1; i++) {
		if (i == STOP_TRIES)
			return fail("hxd was told to stop, but it still runs");
		wait_ms(TRY_MS);
	}
	if (nftw(hx->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS))
		return fail("cannot remove %s: %s", hx->dir, strerror(errno));
	return 0;
}
