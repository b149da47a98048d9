/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line and the words of an interop client: ADDRESS NAME:STEP,STEP... (steps.py). */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PATH "/org/example/Interop"
#define IFACE "org.example.Interop1"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define BROKEN "org.example.Interop1.Error.Broken"
#define ERR "org.freedesktop.DBus.Error."
#define VANISHED "Message recipient disconnected from message bus without replying"

enum { BIG = 512 * 1024, PATIENCE_MS = 30000 };

/* A step returns NULL, or what was wrong. */
struct step {
	const char *name;
	const char *(*run)(const char *service);
};

static inline const char *run_step(const struct step *steps, const char *name, const char *service)
{
	for (; steps->name; steps++)
		if (!strcmp(steps->name, name))
			return steps->run(service);
	return "there is no such step";
}

static inline int run_steps(const struct step *steps, int argc, char **argv)
{
	int i;

	for (i = 2; i < argc; i++) {
		char *service = strtok(argv[i], ":"), *step;

		while ((step = strtok(NULL, ","))) {
			const char *wrong = run_step(steps, step, service);

			printf("%s %s %s\n", service, step, wrong ? wrong : "ok");
			fflush(stdout);
		}
	}
	return 0;
}

static inline unsigned char *big_new(void)
{
	unsigned char *bytes = (unsigned char *)malloc(BIG);
	unsigned i;

	for (i = 0; bytes && i < BIG; i++)
		bytes[i] = (unsigned char)i;
	return bytes;
}

/* A file of seven bytes. */
static inline int seven_new(void)
{
	int fd = memfd_create("seven", 0);

	return fd >= 0 && write(fd, "7 bytes", 7) == 7 ? fd : -1;
}

/* Checks what every error reply must say. */
static inline const char *judge_error(const char *name, const char *text, const char *want,
				      const char *want_text)
{
	static char wrong[512];

	if (name && text && !strcmp(name, want) && strstr(text, want_text))
		return NULL;
	snprintf(wrong, sizeof(wrong), "error %s: %s", name ? name : "none", text ? text : "");
	return wrong;
}
