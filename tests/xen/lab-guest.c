/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lab-guest: runs in a guest what lab-run in dom0 asks for.
 *
 * There is always one child that offers a line and waits for dom0 to take it. As soon as it is
 * taken, the next child offers the next; the first one runs the program and ends with it. When the
 * line breaks, the program and all of its process group is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xenstore.h>

#include "tests/xen/line.h"

#define WORDS_MAX 1024

struct session {
	struct line line; /* first: frames are handed to it */
	pid_t pid;
	bool begun, exited;
	int status;
};

static unsigned own_domid(struct xs_handle *xs)
{
	char *text = xs_read(xs, XBT_NULL, "domid", NULL);
	unsigned domid = text ? (unsigned)strtoul(text, NULL, 10) : 0;

	free(text);
	return domid;
}

/* "A=B" goes to the environment; the first word without "=" begins the command. */
static _Noreturn void become(char *words, size_t size)
{
	char *argv[WORDS_MAX + 1];
	int count = 0;
	sigset_t none;

	for (char *word = words; word < words + size; word += strlen(word) + 1) {
		if (!count && strchr(word, '='))
			putenv(word);
		else if (count < WORDS_MAX)
			argv[count++] = word;
	}
	argv[count] = NULL;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	fprintf(stderr, "lab-guest: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* ends[0] is ours, ends[1] the program's. */
static int make_input(int ends[2], bool is_pipe)
{
	int pipe[2];

	if (!is_pipe)
		return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
	if (pipe2(pipe, O_CLOEXEC))
		return -1;
	ends[0] = pipe[1];
	ends[1] = pipe[0];
	return 0;
}

static void start(struct session *session, unsigned flags, const char *bytes, size_t size)
{
	int input[2], output[2], error[2];
	char *words = malloc(size);

	if (!words || make_input(input, flags & START_PIPE) || pipe2(output, O_CLOEXEC) ||
	    pipe2(error, O_CLOEXEC))
		exit(1);
	memcpy(words, bytes, size);
	session->pid = fork();
	if (session->pid == 0) {
		setsid();
		dup2(flags & START_NO_INPUT ? open("/dev/null", O_RDWR) : input[1], STDIN_FILENO);
		dup2(flags & START_ONE_SOCKET ? input[1] : output[1], STDOUT_FILENO);
		dup2(error[1], STDERR_FILENO);
		become(words, size);
	}
	free(words);
	close(input[1]);
	close(output[1]);
	close(error[1]);
	line_set(&session->line, 0, flags & START_PIPE ? -1 : input[0], input[0]);
	line_set(&session->line, 1, output[0], -1);
	line_set(&session->line, 2, error[0], -1);
	line_send(&session->line, FRAME_STARTED, 0, (uint32_t)session->pid, NULL);
}

static void join(struct session *session, const char *path, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, size < sizeof(address.sun_path) - 1 ? size : 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		session->status = 1 << 8;
		session->exited = true;
		return;
	}
	line_set(&session->line, 0, fd, fd);
	line_send(&session->line, FRAME_STARTED, 0, 0, NULL);
}

static void on_frame(struct line *line, const struct frame *frame, const char *bytes)
{
	struct session *session = (struct session *)line;

	if (frame->type == FRAME_START)
		start(session, frame->stream, bytes, frame->number);
	else if (frame->type == FRAME_CONNECT)
		join(session, bytes, frame->number);
	else if (frame->type == FRAME_SIGNAL && session->pid > 0 && !session->exited)
		kill(session->pid, (int)frame->number);
	session->begun |= frame->type == FRAME_START || frame->type == FRAME_CONNECT;
}

static void on_child(struct session *session)
{
	if (session->pid > 0 && waitpid(session->pid, &session->status, WNOHANG) == session->pid)
		session->exited = true;
	/* A connection has no process: it ends when both sides have closed it. */
	if (session->begun && !session->pid && session->line.streams[0].in < 0)
		session->exited = true;
}

/* When the program has ended and all that it wrote is on its way. */
static bool tell_end(struct session *session)
{
	on_child(session);
	if (!session->exited)
		return false;
	line_drain(&session->line);
	line_send(&session->line, FRAME_EXIT, 0, (uint32_t)session->status, NULL);
	return true;
}

static void serve(struct session *session, int signals)
{
	/* A first turn without an event: that of the request may have come with the connection. */
	struct pollfd polls[LINE_POLLS + 1] = { 0 };
	struct signalfd_siginfo info;
	bool told = false;

	for (;;) {
		line_turn(&session->line, polls);
		if (!told && tell_end(session)) {
			told = true;
			memset(polls, 0, sizeof(polls));
			continue;
		}
		if (session->line.broken || (told && line_is_flushed(&session->line)))
			break;
		line_prepare(&session->line, polls);
		polls[LINE_POLLS] = (struct pollfd){ .fd = signals, .events = POLLIN };
		poll(polls, LINE_POLLS + 1, -1);
		if (polls[LINE_POLLS].revents && read(signals, &info, sizeof(info)) < 0)
			break;
	}
	if (session->pid > 0)
		kill(-session->pid, SIGKILL);
	/* dom0 closes first, having read everything. */
	while (told && libxenvchan_is_open(session->line.vchan) == 1)
		libxenvchan_wait(session->line.vchan);
	libxenvchan_close(session->line.vchan);
}

static struct libxenvchan *offer(unsigned number)
{
	struct xs_handle *xs = xs_open(0);
	unsigned domid = own_domid(xs);
	struct libxenvchan *vchan;
	char path[64], next[80], text[16];

	snprintf(path, sizeof(path), LINE_DIR "/%u", domid, number);
	vchan = libxenvchan_server_init(NULL, 0, path, LINE_RING, LINE_RING);
	if (!vchan) {
		perror("lab-guest: libxenvchan_server_init");
		exit(1);
	}
	snprintf(next, sizeof(next), LINE_DIR "/next", domid);
	xs_write(xs, XBT_NULL, next, text, (unsigned)snprintf(text, sizeof(text), "%u", number));
	while (libxenvchan_is_open(vchan) == 2) {
		struct pollfd event = { .fd = libxenvchan_fd_for_select(vchan), .events = POLLIN };
		char *still;

		if (poll(&event, 1, 1000) == 1) {
			libxenvchan_wait(vchan);
			continue;
		}
		/* After a restore xenstore is a new one, and nobody can take this line. */
		still = xs_read(xs, XBT_NULL, next, NULL);
		if (!still)
			exit(1);
		free(still);
	}
	xs_rm(xs, XBT_NULL, path);
	xs_close(xs);
	return vchan;
}

static void run_session(unsigned number, int taken, int signals)
{
	static struct session session;

	line_init(&session.line, offer(number));
	close(taken); /* the next one, please */
	session.line.on_frame = on_frame;
	serve(&session, signals);
	exit(0);
}

int main(void)
{
	sigset_t child;
	int signals;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signals = signalfd(-1, &child, SFD_CLOEXEC);
	/* Not what another domain of this domid has offered: dom0 remembers the last one. */
	for (unsigned number = (unsigned)time(NULL) * 100;; number++) {
		char byte;
		int taken[2];

		if (pipe2(taken, O_CLOEXEC))
			return 1;
		if (fork() == 0) {
			close(taken[0]);
			run_session(number, taken[1], signals);
		}
		close(taken[1]);
		if (read(taken[0], &byte, 1) < 0)
			return 1;
		close(taken[0]);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}
