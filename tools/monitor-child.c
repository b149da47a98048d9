/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-child.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OURS, THEIRS };

struct child {
	int fd; /* of the process; -1: it has ended */
	int channel; /* to it: a byte says that it goes on */
	char name[DBUS_MAXIMUM_NAME_LENGTH + 1];
	int status;
};

/* ---- In the child ---- */

static void run(const struct tool *tool, char **argv, int channel)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct xcpbus *bus;
	const char *name;
	int argc = 0, status;
	char byte;
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_DFL);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	bus = tool_connect(tool);
	if (!bus)
		_exit(EXIT_FAILURE);
	name = xcpbus_unique_name(bus);
	/* Without the parent nobody wants it any more. */
	if (send(channel, name, strlen(name) + 1, MSG_NOSIGNAL) < 0 || read(channel, &byte, 1) != 1)
		_exit(EXIT_FAILURE);
	tool_prepare(bus);
	while (argv[argc])
		argc++;
	optind = 0; /* options are read anew */
	status = find_command(*argv)->run(tool, argc, argv);
	fflush(stdout);
	_exit(status);
}

/* ---- In the parent ---- */

struct child *child_start(const struct tool *tool, char *const *argv)
{
	struct child *child = need(calloc(1, sizeof(*child)));
	int channel[2];
	pid_t pid;

	fflush(stdout);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
		exit(fail("socketpair: %s", strerror(errno)));
	pid = fork();
	if (pid < 0)
		exit(fail("fork: %s", strerror(errno)));
	if (pid == 0) {
		close(channel[OURS]);
		run(tool, (char **)(uintptr_t)argv, channel[THEIRS]);
	}
	close(channel[THEIRS]);
	child->fd = pidfd_open(pid, 0);
	child->channel = channel[OURS];
	if (child->fd < 0)
		exit(fail("pidfd_open: %s", strerror(errno)));
	if (read(child->channel, child->name, sizeof(child->name) - 1) > 0)
		return child;
	return child_free(child);
}

void child_go(struct child *child)
{
	send(child->channel, "", 1, MSG_NOSIGNAL);
}

void child_end(struct child *child, bool is_over)
{
	siginfo_t info = { 0 };

	if (child->fd < 0)
		return;
	if (!is_over)
		pidfd_send_signal(child->fd, SIGTERM, NULL, 0);
	waitid(P_PIDFD, (id_t)child->fd, &info, WEXITED);
	if (is_over)
		child->status = info.si_code == CLD_EXITED ? info.si_status : EXIT_FAILURE;
	close(child->fd);
	child->fd = -1;
}

struct child *child_free(struct child *child)
{
	if (!child)
		return NULL;
	child_end(child, false);
	close(child->channel);
	free(child);
	return NULL;
}

int child_fd(const struct child *child)
{
	return child->fd;
}

const char *child_name(const struct child *child)
{
	return child->name;
}

int child_status(const struct child *child)
{
	return child->status;
}
