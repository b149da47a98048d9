/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lab-run [--control=FD] DOMID [NAME=VALUE]... PROGRAM [ARGUMENT]...
 * lab-run DOMID --connect PATH
 *
 * Runs a program in a guest, as if it ran here: its standard streams are ours, it ends when we are
 * killed, and we end as it has ended. With --connect, our standard input is a socket that is joined
 * to a Unix socket in the guest.
 *
 * SIGTERM, SIGINT, SIGHUP and SIGUSR1 and 2 go to the program. Those that cannot be caught come
 * over a socket: what is read from FD are numbers of signals for the program, a byte each; its pid
 * in the guest is written there first, in a line. If the domain ends, so do we, by SIGKILL.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenstore.h>

#include "tests/xen/line.h"

#define PATIENCE 120 /* seconds, for a guest that boots */

enum { POLL_STORE = LINE_POLLS, POLL_CONTROL, POLL_SIGNALS, POLL_COUNT };

struct run {
	struct line line; /* first: frames are handed to it */
	struct xs_handle *xs;
	unsigned domid;
	int control, signals;
	bool exited;
	uint32_t status;
};

static _Noreturn void die(const char *why)
{
	fprintf(stderr, "lab-run: %s\n", why);
	exit(125);
}

static _Noreturn void die_by(int number)
{
	struct rlimit none = { 0, 0 };
	sigset_t all;

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	signal(number, SIG_DFL);
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	raise(number);
	exit(128 + number);
}

static void on_frame(struct line *line, const struct frame *frame, const char *bytes)
{
	struct run *run = (struct run *)line;

	(void)bytes;
	if (frame->type == FRAME_STARTED && run->control >= 0) {
		dprintf(run->control, "%u\n", frame->number);
	} else if (frame->type == FRAME_EXIT) {
		run->exited = true;
		run->status = frame->number;
	}
}

/* Whether it goes on. Watches say that some domain has ended, not which. */
static void look_at_domain(struct run *run)
{
	char **event;

	while ((event = xs_check_watch(run->xs)))
		free(event);
	if (!xs_is_domain_introduced(run->xs, run->domid))
		die_by(SIGKILL);
}

/* A signal that somebody wants the program to have: ours, or one that control brings. 0: none. */
static int take_signal(struct run *run, short signals, short control)
{
	struct signalfd_siginfo info;
	unsigned char number;

	if (signals && read(run->signals, &info, sizeof(info)) == sizeof(info))
		return (int)info.ssi_signo;
	if (!control)
		return 0;
	if (read(run->control, &number, 1) == 1)
		return number;
	run->control = -1;
	return 0;
}

/* What is left for our own output goes there before we end. A socket that nobody reads now holds
 * it. */
static void write_rest(struct run *run)
{
	int much = 8 << 20;

	setsockopt(STDIN_FILENO, SOL_SOCKET, SO_SNDBUFFORCE, &much, sizeof(much));
	for (unsigned i = 0; i < LINE_STREAMS; i++) {
		while (line_write_out(&run->line, i))
			;
	}
}

static void pump(struct run *run)
{
	struct pollfd polls[POLL_COUNT] = { 0 };
	int number;

	for (;;) {
		line_turn(&run->line, polls);
		if (run->exited)
			break;
		if (run->line.broken) {
			look_at_domain(run);
			die("the line broke");
		}
		line_prepare(&run->line, polls);
		polls[POLL_STORE] = (struct pollfd){ .fd = xs_fileno(run->xs), .events = POLLIN };
		polls[POLL_CONTROL] = (struct pollfd){ .fd = run->control, .events = POLLIN };
		polls[POLL_SIGNALS] = (struct pollfd){ .fd = run->signals, .events = POLLIN };
		poll(polls, POLL_COUNT, -1);
		if (polls[POLL_STORE].revents)
			look_at_domain(run);
		number = take_signal(run, polls[POLL_SIGNALS].revents, polls[POLL_CONTROL].revents);
		if (number)
			line_send(&run->line, FRAME_SIGNAL, 0, (uint32_t)number, NULL);
	}
	write_rest(run);
	libxenvchan_close(run->line.vchan);
}

static char *read_next(struct run *run, const char *path, const char *last)
{
	char *next = xs_read(run->xs, XBT_NULL, path, NULL);

	if (next && strcmp(next, last) != 0)
		return next;
	free(next);
	return NULL;
}

/* The number of the line that waits to be taken, which is not the one that was taken last. */
static char *wait_for_next(struct run *run, const char *last)
{
	struct pollfd polls[] = { { .fd = xs_fileno(run->xs), .events = POLLIN },
				  { .fd = run->control, .events = POLLIN },
				  { .fd = run->signals, .events = POLLIN } };
	char path[64], *next;
	bool watching = false;
	int number;

	snprintf(path, sizeof(path), LINE_DIR "/next", run->domid);
	while (!(next = read_next(run, path, last))) {
		if (!watching && !xs_watch(run->xs, path, ""))
			die("cannot watch the guest");
		watching = true;
		if (poll(polls, 3, PATIENCE * 1000) == 0)
			die("the guest does not answer");
		/* There is no program yet that could have it. */
		number = take_signal(run, polls[2].revents, polls[1].revents);
		if (number && number != SIGCONT)
			die_by(number);
		look_at_domain(run);
	}
	if (watching)
		xs_unwatch(run->xs, path, "");
	return next;
}

static struct libxenvchan *connect_next(struct run *run, char *last, size_t size)
{
	char *next = wait_for_next(run, last), path[64];
	struct libxenvchan *vchan;

	snprintf(path, sizeof(path), LINE_DIR "/%s", run->domid, next);
	vchan = libxenvchan_client_init(NULL, (int)run->domid, path);
	snprintf(last, size, "%s", next);
	free(next);
	return vchan;
}

/* A guest offers one line at a time, so we take turns; what was taken last is in the file. It is
 * written down once we have it: who is killed before that leaves the line to the next one, or, if
 * the guest has taken it away by then, lets him wait for another. */
static struct libxenvchan *take_line(struct run *run)
{
	char name[64], last[16] = "";
	struct libxenvchan *vchan;
	int fd;

	snprintf(name, sizeof(name), "/run/lab-line.%u", run->domid);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) || pread(fd, last, sizeof(last) - 1, 0) < 0)
		die("cannot lock the line");
	while (!(vchan = connect_next(run, last, sizeof(last))))
		;
	if (ftruncate(fd, 0) || pwrite(fd, last, strlen(last), 0) < 0)
		die("cannot write down the line");
	close(fd);
	return vchan;
}

static bool is_null(int fd)
{
	struct stat ours, null;

	return fstat(fd, &ours) == 0 && stat("/dev/null", &null) == 0 && S_ISCHR(ours.st_mode) &&
	       ours.st_rdev == null.st_rdev;
}

static bool is_socket(int fd)
{
	struct stat ours;

	return fstat(fd, &ours) == 0 && S_ISSOCK(ours.st_mode);
}

static bool is_same_socket(int left, int right)
{
	struct stat a, b;

	return fstat(left, &a) == 0 && fstat(right, &b) == 0 && S_ISSOCK(a.st_mode) &&
	       a.st_ino == b.st_ino;
}

/* Adds words to `bytes`, which has room; how long they are. */
static size_t add_words(char *bytes, char **words, const char *prefix)
{
	size_t size = 0;

	for (; *words; words++) {
		if (strncmp(*words, prefix, strlen(prefix)) != 0)
			continue;
		if (bytes)
			strcpy(bytes + size, *words);
		size += strlen(*words) + 1;
	}
	return size;
}

/* What is said to the product by the environment is said there as well. */
static void ask_for_program(struct run *run, char **words)
{
	size_t told = add_words(NULL, environ, "XCP_BUS_"),
	       size = told + add_words(NULL, words, "");
	char *bytes = malloc(size);
	unsigned flags = 0;

	if (!bytes)
		abort();
	add_words(bytes, environ, "XCP_BUS_");
	add_words(bytes + told, words, "");
	if (is_null(STDIN_FILENO))
		flags |= START_NO_INPUT;
	else if (!is_socket(STDIN_FILENO))
		flags |= START_PIPE;
	if (is_same_socket(STDIN_FILENO, STDOUT_FILENO))
		flags |= START_ONE_SOCKET;
	line_send(&run->line, FRAME_START, flags, (uint32_t)size, bytes);
	free(bytes);
}

static void set_streams(struct run *run)
{
	line_set(&run->line, 0, is_null(STDIN_FILENO) ? -1 : STDIN_FILENO,
		 is_socket(STDIN_FILENO) ? STDIN_FILENO : -1);
	if (is_same_socket(STDIN_FILENO, STDOUT_FILENO))
		close(STDOUT_FILENO);
	else
		line_set(&run->line, 1, -1, STDOUT_FILENO);
	line_set(&run->line, 2, -1, STDERR_FILENO);
}

/* Those that a program may do something about; before threads begin, which would get them. */
static int catch_signals(void)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
	static struct run run = { .control = -1 };

	if (argc > 1 && strncmp(argv[1], "--control=", 10) == 0) {
		run.control = atoi(argv[1] + 10);
		argv++;
		argc--;
	}
	if (argc < 3) {
		fputs("usage: lab-run [--control=FD] DOMID [NAME=VALUE]... PROGRAM [ARGUMENT]...\n"
		      "       lab-run DOMID --connect PATH\n",
		      stderr);
		return 2;
	}
	run.domid = (unsigned)strtoul(argv[1], NULL, 10);
	run.signals = catch_signals();
	run.xs = xs_open(0);
	if (!run.xs)
		die("there is no xenstored");
	xs_watch(run.xs, "@releaseDomain", "");
	line_init(&run.line, take_line(&run));
	run.line.on_frame = on_frame;
	if (strcmp(argv[2], "--connect") == 0)
		line_send(&run.line, FRAME_CONNECT, 0, (uint32_t)strlen(argv[3]), argv[3]);
	else
		ask_for_program(&run, argv + 2);
	set_streams(&run);
	pump(&run);
	if (WIFSIGNALED(run.status))
		die_by(WTERMSIG(run.status));
	return WEXITSTATUS((int)run.status);
}
