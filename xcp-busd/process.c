/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(char why[PROCESS_WHY_MAX], const char *what, const char *detail)
{
	snprintf(why, PROCESS_WHY_MAX, "%s: %.150s", what, detail);
	return -1;
}

static _Noreturn void wait_for_child(int pipe)
{
	char byte;

	/* By the way of all children that end, it said why on standard error. */
	_exit(read(pipe, &byte, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int process_fork(bool keep_umask, char why[PROCESS_WHY_MAX])
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		fail(why, "cannot fork", strerror(errno));
		return -2;
	}
	if (pid) {
		close(ends[1]);
		wait_for_child(ends[0]);
	}
	close(ends[0]);
	setsid();
	if (chdir("/") < 0) {
		fail(why, "cannot go to /", strerror(errno));
		return -2;
	}
	if (!keep_umask)
		umask(022);
	return ends[1];
}

void process_ready(int ready)
{
	int null, fd;

	if (ready < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
	while (write(ready, "", 1) < 0 && errno == EINTR)
		;
	close(ready);
}

static const struct passwd *find_user(const char *user)
{
	const struct passwd *entry = getpwnam(user);
	unsigned long uid;
	char *end;

	if (entry)
		return entry;
	uid = strtoul(user, &end, 10);
	return *end || end == user || uid > UINT32_MAX - 1 ? NULL : getpwuid((uid_t)uid);
}

int process_find_user(const char *user, uint32_t *uid, char why[PROCESS_WHY_MAX])
{
	const struct passwd *entry = find_user(user);

	if (!entry)
		return fail(why, "there is no such user", user);
	*uid = entry->pw_uid;
	return 0;
}

int process_become(const char *user, char why[PROCESS_WHY_MAX])
{
	const struct passwd *entry = find_user(user);

	if (!entry)
		return fail(why, "there is no such user", user);
	if (entry->pw_uid == geteuid())
		return 0;
	if (initgroups(entry->pw_name, entry->pw_gid) < 0 || setgid(entry->pw_gid) < 0 ||
	    setuid(entry->pw_uid) < 0)
		return fail(why, "cannot become another user", strerror(errno));
	return 0;
}

static int draw_hex(char *hex)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char random[16];
	int i;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -1;
	for (i = 0; i < 16; i++) {
		hex[2 * i] = digits[random[i] >> 4];
		hex[2 * i + 1] = digits[random[i] & 15];
	}
	hex[32] = '\0';
	return 0;
}

static bool read_machine_id(const char *path, char *hex)
{
	FILE *file = fopen(path, "re");
	bool is_there;

	if (!file)
		return false;
	is_there = fread(hex, 1, 32, file) == 32;
	fclose(file);
	hex[32] = '\0';
	return is_there && strspn(hex, "0123456789abcdef") == 32;
}

int process_set_identity(struct bus_settings *settings, char why[PROCESS_WHY_MAX])
{
	settings->uid = (uint32_t)geteuid();
	settings->pid = (uint32_t)getpid();
	if (draw_hex(settings->guid) < 0 ||
	    (!read_machine_id("/etc/machine-id", settings->machine_id) &&
	     !read_machine_id("/var/lib/dbus/machine-id", settings->machine_id) &&
	     draw_hex(settings->machine_id) < 0) ||
	    getrandom(&settings->hash_key, sizeof(settings->hash_key), 0) !=
		    sizeof(settings->hash_key))
		return fail(why, "no random numbers", strerror(errno));
	return 0;
}

void process_fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

void process_prepare(void)
{
	struct rlimit limit;

	/* Every guest's ring and every program takes descriptors; the usual limit is for
	 * interactive use. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	/* Large messages come and go: keep some room between them rather than ask the kernel for
	 * each, and give back what a peak leaves. */
	mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 8 * 1024 * 1024);
}

int process_write_pidfile(const char *path, char why[PROCESS_WHY_MAX])
{
	FILE *file = fopen(path, "we");
	bool is_written = file && fprintf(file, "%d\n", (int)getpid()) > 0;

	if (file && fclose(file) != 0)
		is_written = false;
	return is_written ? 0 : fail(why, "cannot write the pidfile", path);
}

unsigned process_count_passed_sockets(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	unsigned long number = count ? strtoul(count, NULL, 10) : 0;
	bool are_ours = pid && strtol(pid, NULL, 10) == getpid();

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return are_ours && number < 1024 ? (unsigned)number : 0;
}
