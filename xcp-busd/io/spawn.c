/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fork and exec, with a pipe that exec closes or that brings the reason why there was none.
 * Children are collected on SIGCHLD: the kernels of some control domains have no pidfd_open. */
#include "io/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"

/* What a child got to, when it gave up. */
enum step { STEP_SETUP, STEP_USER, STEP_EXEC };

struct report {
	int step, error;
};

void spawner_note_limits(struct spawner *spawner)
{
	getrlimit(RLIMIT_NOFILE, &spawner->files);
}

static _Noreturn void give_up(int fd, enum step step, int error)
{
	struct report report = { step, error };
	ssize_t n = write(fd, &report, sizeof(report));

	(void)n; /* then it looks as if the process had exited with this status */
	_exit(127);
}

/* Nothing is inherited but the standard three; those of the daemon close themselves, but a library
 * of its may have forgotten to ask for that. */
static void close_others(void)
{
	int fd;

	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	for (fd = 3; fd < 65536; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Whoever protects the bus from the out-of-memory killer does not mean all that it starts. */
static void reset_oom_score(void)
{
	CLEANUP(cleanup_close) int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	char old = '0';
	ssize_t n = fd < 0 ? 0 : read(fd, &old, 1);

	if (n == 1 && old == '-' && pwrite(fd, "0", 1, 0) < 0)
		return; /* no reason not to start it */
}

static int reset_stdin(void)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int r = null < 0 ? -1 : dup2(null, STDIN_FILENO);

	return r < 0 ? -errno : 0;
}

static void reset_signals(void)
{
	sigset_t none;
	int number;

	for (number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Looks the user up here, in the child, because that may wait for the network. */
static int become(const char *user)
{
	struct passwd *entry;

	errno = 0;
	entry = getpwnam(user);
	if (!entry)
		return errno ? -errno : -ENOENT;
	if (geteuid() != 0)
		return entry->pw_uid == geteuid() ? 0 : -EPERM;
	if (initgroups(user, entry->pw_gid) < 0 || setgid(entry->pw_gid) < 0 ||
	    setuid(entry->pw_uid) < 0)
		return -errno;
	if (setenv("USER", user, 1) < 0 || setenv("LOGNAME", user, 1) < 0 ||
	    setenv("HOME", entry->pw_dir, 1) < 0 || setenv("SHELL", entry->pw_shell, 1) < 0)
		return -ENOMEM;
	return 0;
}

static _Noreturn void run_child(const struct spawner *spawner, const struct spawn_request *request,
				int report_fd)
{
	int r;

	setsid();
	reset_signals();
	reset_oom_score();
	close_others();
	r = reset_stdin();
	if (r < 0)
		give_up(report_fd, STEP_SETUP, -r);
	if (spawner->files.rlim_max)
		setrlimit(RLIMIT_NOFILE, &spawner->files);
	environ = (char **)(uintptr_t)request->environment;
	r = request->user ? become(request->user) : 0;
	if (r < 0)
		give_up(report_fd, STEP_USER, -r);
	execvp(request->arguments[0], request->arguments);
	give_up(report_fd, STEP_EXEC, errno);
}

/* The child must not run the daemon's handlers: they write to the loop. */
static pid_t fork_quietly(void)
{
	sigset_t all, old;
	pid_t pid;
	int error;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	error = errno;
	if (pid)
		sigprocmask(SIG_SETMASK, &old, NULL);
	errno = error;
	return pid;
}

static void close_report(struct spawn *spawn)
{
	if (spawn->report_event)
		event_free(spawn->report_event);
	if (spawn->report_fd >= 0)
		close(spawn->report_fd);
	spawn->report_event = NULL;
	spawn->report_fd = -1;
}

static void spawn_free(struct spawn *spawn)
{
	list_remove(&spawn->spawner_link);
	close_report(spawn);
	free(spawn->what);
	free(spawn);
}

static void end(struct spawn *spawn, const char *error, const char *text)
{
	spawn->on_end(spawn, error, text);
	spawn_free(spawn);
}

static void explain(const struct spawn *spawn, const struct report *report, const char **error,
		    char text[SPAWN_TEXT_MAX])
{
	const char *why = strerror(report->error);

	switch (report->step) {
	case STEP_EXEC:
		*error = "Spawn.ExecFailed";
		snprintf(text, SPAWN_TEXT_MAX, "Failed to execute program %s: %s", spawn->what,
			 why);
		break;
	case STEP_USER:
		*error = "Spawn.FailedToSetup";
		snprintf(text, SPAWN_TEXT_MAX, "Failed to run %s as the user it asks for: %s",
			 spawn->what, report->error == ENOENT ? "there is no such user" : why);
		break;
	default:
		*error = "Spawn.FailedToSetup";
		snprintf(text, SPAWN_TEXT_MAX, "Failed to set up %s: %s", spawn->what, why);
	}
}

/* How it went, once the process is gone. */
static void judge(const struct spawn *spawn, int status, const char **error,
		  char text[SPAWN_TEXT_MAX])
{
	struct report report;

	*error = NULL;
	if (spawn->report_fd >= 0 &&
	    read(spawn->report_fd, &report, sizeof(report)) == (ssize_t)sizeof(report)) {
		explain(spawn, &report, error, text);
	} else if (WIFSIGNALED(status)) {
		*error = "Spawn.ChildSignaled";
		snprintf(text, SPAWN_TEXT_MAX, "Process %s received signal %d", spawn->what,
			 WTERMSIG(status));
	} else {
		if (WEXITSTATUS(status))
			*error = "Spawn.ChildExited";
		snprintf(text, SPAWN_TEXT_MAX, "Process %s exited with status %d", spawn->what,
			 WEXITSTATUS(status));
	}
}

static void on_child(evutil_socket_t number, short events, void *data)
{
	struct spawner *spawner = data;
	struct list *at, *next;

	(void)number;
	(void)events;
	for (at = spawner->children.next; at != &spawner->children; at = next) {
		struct spawn *spawn = container_of(at, struct spawn, spawner_link);
		char text[SPAWN_TEXT_MAX];
		const char *error;
		int status = 0;
		pid_t pid = waitpid(spawn->pid, &status, WNOHANG);

		next = at->next;
		if (pid == 0)
			continue;
		judge(spawn, status, &error, text);
		end(spawn, error, text);
	}
}

/* exec has closed the pipe: there is nothing more to hear. A reason is read when the child is
 * gone. */
static void on_report(evutil_socket_t fd, short events, void *data)
{
	struct spawn *spawn = data;
	int left = 0;

	(void)events;
	if (ioctl(fd, FIONREAD, &left) == 0 && left == 0)
		close_report(spawn);
	else
		event_del(spawn->report_event);
}

int spawner_init(struct spawner *spawner, struct event_base *base)
{
	spawner->base = base;
	list_init(&spawner->children);
	spawner->child_signal = evsignal_new(base, SIGCHLD, on_child, spawner);
	if (!spawner->child_signal || evsignal_add(spawner->child_signal, NULL) < 0)
		return -ENOMEM;
	return 0;
}

void spawner_deinit(struct spawner *spawner)
{
	struct spawn *spawn;

	if (!spawner->base)
		return;
	while ((spawn = list_first(&spawner->children, struct spawn, spawner_link)))
		spawn_free(spawn);
	if (spawner->child_signal)
		event_free(spawner->child_signal);
}

static struct spawn *spawn_new(struct spawner *spawner, const struct spawn_request *request,
			       int report_fd)
{
	struct spawn *spawn = calloc(1, sizeof(*spawn));

	if (!spawn) {
		close(report_fd);
		return NULL;
	}
	*spawn = (struct spawn){ .spawner = spawner,
				 .report_fd = report_fd,
				 .what = strdup(request->what),
				 .on_end = request->on_end,
				 .data = request->data };
	list_init(&spawn->spawner_link);
	spawn->report_event = event_new(spawner->base, report_fd, EV_READ, on_report, spawn);
	if (!spawn->what || !spawn->report_event || event_add(spawn->report_event, NULL) < 0) {
		spawn_free(spawn);
		errno = ENOMEM;
		return NULL;
	}
	return spawn;
}

struct spawn *spawn_start(struct spawner *spawner, const struct spawn_request *request)
{
	struct spawn *spawn;
	int pipe_fds[2];

	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return NULL;
	spawn = spawn_new(spawner, request, pipe_fds[0]);
	if (spawn) {
		spawn->pid = fork_quietly();
		if (spawn->pid == 0)
			run_child(spawner, request, pipe_fds[1]);
		if (spawn->pid < 0) {
			int error = errno;

			spawn_free(spawn);
			spawn = NULL;
			errno = error;
		} else {
			list_push_back(&spawner->children, &spawn->spawner_link);
		}
	}
	close(pipe_fds[1]);
	return spawn;
}

void spawn_kill(struct spawn *spawn)
{
	kill(-spawn->pid, SIGKILL); /* it may not have come to setsid yet */
	kill(spawn->pid, SIGKILL);
}
