/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

enum { DEFAULT_WIDTH = 80, DEFAULT_HEIGHT = 24 };

/* There is one terminal, and whatever ends the program gives it back. */
static struct {
	struct termios before;
	bool is_open;
	int signals; /* a signalfd */
	sigset_t mask; /* of signals, as it was */
} terminal = { .signals = -1 };

/* Another screen and no cursor; and back. */
static const char enter[] = "\033[?1049h\033[?25l\033[2J", leave[] = "\033[?25h\033[?1049l";

static void put(const char *text)
{
	fputs(text, stdout);
	fflush(stdout);
}

static int take_screen(void)
{
	struct termios raw = terminal.before;

	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
		return -errno;
	terminal.is_open = true;
	put(enter);
	return 0;
}

static void give_screen_back(void)
{
	if (!terminal.is_open)
		return;
	terminal.is_open = false;
	put(leave);
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
}

int terminal_open(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };
	sigset_t signals;
	size_t i;

	if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &terminal.before) < 0)
		return -ENOTTY;
	sigemptyset(&signals);
	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaddset(&signals, numbers[i]);
	terminal.signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (terminal.signals < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &signals, &terminal.mask);
	atexit(give_screen_back);
	return take_screen();
}

void terminal_close(void)
{
	give_screen_back();
	if (terminal.signals < 0)
		return;
	close(terminal.signals);
	terminal.signals = -1;
	sigprocmask(SIG_SETMASK, &terminal.mask, NULL);
}

void terminal_fds(int fds[TERMINAL_FDS])
{
	fds[0] = terminal.is_open ? STDIN_FILENO : -1;
	fds[1] = terminal.signals;
}

/* ---- Keys ---- */

static int take_signal(void)
{
	struct signalfd_siginfo info;

	if (read(terminal.signals, &info, sizeof(info)) != sizeof(info))
		return KEY_NONE;
	if (info.ssi_signo == SIGWINCH)
		return KEY_RESIZED;
	if (info.ssi_signo != SIGTSTP)
		return KEY_END;
	give_screen_back();
	raise(SIGSTOP);
	return take_screen() < 0 ? KEY_END : KEY_RESIZED;
}

/* The rest of an escape sequence comes with its beginning. Those that are not known are nothing. */
static int take_escape(void)
{
	static const struct {
		const char *rest;
		int key;
	} sequences[] = { { "[A", KEY_UP },        { "[B", KEY_DOWN }, { "[C", KEY_RIGHT },
			  { "[D", KEY_LEFT },      { "OA", KEY_UP },   { "OB", KEY_DOWN },
			  { "OC", KEY_RIGHT },     { "OD", KEY_LEFT }, { "[5~", KEY_PAGE_UP },
			  { "[6~", KEY_PAGE_DOWN } };
	char rest[8] = "";
	size_t size = 0, i;

	while (size < sizeof(rest) - 1 && read(STDIN_FILENO, rest + size, 1) == 1) {
		size++;
		if (size > 1 && rest[size - 1] >= '@' && rest[size - 1] <= '~')
			break;
	}
	for (i = 0; i < sizeof(sequences) / sizeof(*sequences); i++)
		if (!strcmp(sequences[i].rest, rest))
			return sequences[i].key;
	return KEY_RESIZED; /* drawn anew, which does no harm */
}

static bool has_hung_up(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&input, 1, 0) > 0 && (input.revents & (POLLHUP | POLLERR | POLLNVAL));
}

int terminal_key(void)
{
	int key = take_signal();
	unsigned char byte;
	ssize_t size;

	if (key != KEY_NONE)
		return key;
	size = read(STDIN_FILENO, &byte, 1);
	if (size == 1)
		return byte == '\033' ? take_escape() : byte;
	if ((size < 0 && errno != EAGAIN && errno != EINTR) || has_hung_up())
		return KEY_END;
	return KEY_NONE;
}

/* ---- The screen ---- */

void terminal_size(unsigned *width, unsigned *height)
{
	struct winsize size;

	*width = DEFAULT_WIDTH;
	*height = DEFAULT_HEIGHT;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	if (size.ws_col)
		*width = size.ws_col;
	if (size.ws_row)
		*height = size.ws_row;
}

/* Each line ends what was there of the line before it; nothing flickers. What is too much for the
 * screen would move it, and stays away. */
void terminal_show(const char *text)
{
	unsigned width, height;
	const char *end;

	terminal_size(&width, &height);
	fputs("\033[H", stdout);
	for (; (end = strchr(text, '\n')) && height > 1; text = end + 1, height--)
		printf("%.*s\033[K\n", (int)(end - text), text);
	printf("%.*s\033[K\033[J", (int)strcspn(text, "\n"), text);
	fflush(stdout);
}
