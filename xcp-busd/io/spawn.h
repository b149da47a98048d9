/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes that the bus starts: without a shell, in a session of their own, with nothing of the
 * daemon's but its working directory, standard output and standard error. */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "common/list.h"

enum { SPAWN_TEXT_MAX = 512 };

struct spawner { /* one for the server */
	struct event_base *base;
	struct event *child_signal;
	struct list children; /* spawn::spawner_link */
	struct rlimit files; /* what the daemon had at start */
};

/* Notes the limits in force: to be called before the daemon raises its own. */
void spawner_note_limits(struct spawner *spawner);
int spawner_init(struct spawner *spawner, struct event_base *base); /* 0 or -ENOMEM */
void spawner_deinit(struct spawner *spawner); /* what runs goes on running */

struct spawn {
	struct spawner *spawner;
	struct list spawner_link;
	pid_t pid;
	int report_fd; /* says why there was no exec; -1: there was */
	struct event *report_event;
	char *what; /* for people: the name of the service */
	void (*on_end)(struct spawn *spawn, const char *error, const char *text);
	void *data; /* on_end's */
};

struct spawn_request {
	const char *what; /* copied */
	char *const *arguments, *const *environment; /* end with NULL */
	const char *user; /* NULL: the daemon's; a name */
	/* Called from the loop, once, when the process has ended or could not be made to run; error
	 * is NULL if it ended well (status 0), else the part of the D-Bus error behind
	 * "org.freedesktop.DBus.Error.". The spawn is freed then. */
	void (*on_end)(struct spawn *spawn, const char *error, const char *text);
	void *data;
};

/* NULL: there is no process, and on_end is not called; errno says why. */
struct spawn *spawn_start(struct spawner *spawner, const struct spawn_request *request);
void spawn_kill(
	struct spawn *spawn); /* the process and all that it started in its session's group */

/* Splits a command as the Exec line of a .service file has it: blanks, quotes and backslashes as a
 * shell has them, but nothing is ever expanded. An array to be freed with spawn_free_arguments, or
 * NULL: why is a sentence. */
char **spawn_parse_command(const char *command, const char **why);
void spawn_free_arguments(char **arguments); /* NULL is fine */
