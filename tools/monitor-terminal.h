/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The terminal while top has it: keys come one by one, the screen is another one, and all is as it
 * was when it is closed, however the program ends but by SIGKILL. */
#pragma once

#include <stdbool.h>

enum key { /* or a character */
	   KEY_NONE,
	   KEY_UP = 256,
	   KEY_DOWN,
	   KEY_LEFT,
	   KEY_RIGHT,
	   KEY_PAGE_UP,
	   KEY_PAGE_DOWN,
	   KEY_RESIZED,
	   KEY_END, /* of the program: a signal, or there is no terminal any more */
};

/* A negative errno if standard input and output are no terminal. */
int terminal_open(void);
void terminal_close(void);

/* Readable when there may be a key. -1 stands for none, while it is not open. */
enum { TERMINAL_FDS = 2 };
void terminal_fds(int fds[TERMINAL_FDS]);
/* What has been typed, or has happened; KEY_NONE if nothing has. Does not wait. */
int terminal_key(void);

void terminal_size(unsigned *width, unsigned *height);
/* Shows lines in the place of those that were there. */
void terminal_show(const char *text);
