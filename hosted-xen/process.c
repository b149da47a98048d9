/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which processes are a domain? Those that were started as it (HX_DIR and HX_DOMID stand in the
 * environment that they were executed with, and their children inherit it), and those that
 * connected as it. The second kind is held by pidfd, so that no recycled pid is ever killed.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hosted-xen/hxd.h"

enum { ROUNDS_MAX = 32, EXEC_TRIES = 200 };

struct process {
	LIST_ENTRY(process) link; /* domain::processes */
	pid_t pid;
	int pidfd;
	unsigned connections;
};

static bool is_alive(const struct process *process)
{
	struct pollfd poll_fd = { .fd = process->pidfd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 0;
}

static void process_free(struct process *process)
{
	LIST_REMOVE(process, link);
	close(process->pidfd);
	free(process);
}

struct process *process_add(struct domain *domain, pid_t pid)
{
	struct process *process;
	int pidfd;

	LIST_FOREACH(process, &domain->processes, link)
	{
		if (process->pid == pid && is_alive(process)) {
			process->connections++;
			return process;
		}
	}
	/* 0: of another pid namespace, cannot be reached */
	pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	process = pidfd >= 0 ? calloc(1, sizeof(*process)) : NULL;
	if (!process) {
		if (pidfd >= 0)
			close(pidfd);
		return NULL;
	}
	*process = (struct process){ .pid = pid, .pidfd = pidfd, .connections = 1 };
	LIST_INSERT_HEAD(&domain->processes, process, link);
	return process;
}

void process_remove(struct process *process)
{
	if (process && --process->connections == 0)
		process_free(process);
}

/* Is it there, between zero bytes? */
static bool has_entry(const char *environment, size_t size, const char *entry)
{
	size_t length = strlen(entry);
	const char *at = environment, *end = environment + size;

	while (at < end) {
		size_t rest = (size_t)(end - at), own = strnlen(at, rest);

		if (own == length && memcmp(at, entry, length) == 0)
			return true;
		at += own + 1;
	}
	return false;
}

/* A process that is executing a program has an environment again as soon as the kernel has laid it
 * out (proc(5), stat: env_end); a kernel thread or a zombie has neither that nor a program.
 */
static bool is_in_exec(pid_t pid)
{
	enum { ENV_END = 51, STATE = 3 };
	char path[40], line[2048], *at, *rest = NULL;
	FILE *file;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	if (readlink(path, line, sizeof(line)) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	size = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[size] = '\0';
	at = strrchr(line, ')'); /* the name before it may hold anything */
	at = at ? strtok_r(at + 1, " ", &rest) : NULL;
	for (int field = STATE; at && field < ENV_END; field++)
		at = strtok_r(NULL, " ", &rest);
	return at && strcmp(at, "0") == 0;
}

/* What the environment of a process holds now, or NULL; a dead one has none. */
static char *read_environment_now(pid_t pid, size_t *size)
{
	char path[40], *bytes = NULL;
	size_t used = 0, room = 0;
	ssize_t got = 1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	while (got > 0) {
		if (used == room) {
			char *grown = realloc(bytes, room + 16384);

			if (!grown)
				break;
			bytes = grown;
			room += 16384;
		}
		got = read(fd, bytes + used, room - used);
		if (got > 0)
			used += (size_t)got;
	}
	close(fd);
	*size = used;
	return bytes;
}

/* The same, but whoever is executing a program is waited for: none may be overlooked. */
static char *read_environment(pid_t pid, size_t *size)
{
	const struct timespec moment = { .tv_nsec = 500000 };
	char *environment = read_environment_now(pid, size);

	for (int tries = 0; environment && *size == 0 && tries < EXEC_TRIES; tries++) {
		bool in_exec = is_in_exec(pid);

		if (in_exec)
			nanosleep(&moment, NULL);
		free(environment);
		environment = read_environment_now(pid, size);
		if (!in_exec)
			break;
	}
	return environment;
}

static bool started_as(const struct domain *domain, pid_t pid)
{
	char dir[300], domid[32], *environment;
	bool result;
	size_t size;

	environment = read_environment(pid, &size);
	if (!environment)
		return false;
	snprintf(dir, sizeof(dir), "HX_DIR=%s", domain->hxd->dir);
	snprintf(domid, sizeof(domid), "HX_DOMID=%u", domain->domid);
	result = has_entry(environment, size, domid) && has_entry(environment, size, dir);
	free(environment);
	return result;
}

static bool is_connected(const struct domain *domain, pid_t pid)
{
	const struct process *process;

	LIST_FOREACH(process, &domain->processes, link)
	{
		if (process->pid == pid && is_alive(process))
			return true;
	}
	return false;
}

void process_each(struct domain *domain, process_visit *visit, void *context)
{
	const struct dirent *entry;
	DIR *proc = opendir("/proc");
	pid_t xenstored = xenstored_pid(domain->hxd);

	if (!proc)
		return;
	while ((entry = readdir(proc))) {
		pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

		if (pid <= 0 || pid == xenstored || pid == getpid())
			continue;
		if (is_connected(domain, pid) || started_as(domain, pid))
			visit(context, pid);
	}
	closedir(proc);
}

struct signalling {
	int number, count;
	pid_t except;
};

static void send_signal(void *context, pid_t pid)
{
	struct signalling *signalling = context;

	if (pid == signalling->except)
		return;
	signalling->count++;
	if (signalling->number)
		kill(pid, signalling->number);
}

int process_signal(struct domain *domain, int number)
{
	struct signalling signalling = { .number = number };

	process_each(domain, send_signal, &signalling);
	/* Once more, for children that were born during the walk; stopping is idempotent. */
	if (number == SIGSTOP) {
		int before;

		for (int round = 0; round < ROUNDS_MAX; round++) {
			before = signalling.count;
			signalling.count = 0;
			process_each(domain, send_signal, &signalling);
			if (signalling.count == before)
				break;
		}
	}
	return signalling.count;
}

void process_kill(struct domain *domain, pid_t except)
{
	struct signalling stop = { .number = SIGSTOP, .except = except };
	struct signalling end = { .number = SIGKILL, .except = except };
	int before = -1;

	/* Stopped processes have no children behind our back. */
	for (int round = 0; round < ROUNDS_MAX && stop.count != before; round++) {
		before = stop.count;
		stop.count = 0;
		process_each(domain, send_signal, &stop);
	}
	process_each(domain, send_signal, &end);
}
