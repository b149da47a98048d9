/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a capture, which somebody else may have made: xcp-bus-monitor shows what is in it
 * in all the forms that it has. Whatever that is, nothing is printed that a terminal would obey. */
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/monitor-commands.h"

#define CHECK(expression)                                                                          \
	do {                                                                                       \
		if (!(expression))                                                                 \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As in tools/xcp-bus-monitor.c: no command is run within another one here. */
const struct command *find_command(const char *name)
{
	(void)name;
	return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	setenv("LC_ALL", "C.UTF-8", 1);
	text_init();
	return 0;
}

static void check_text(const char *text, size_t size)
{
	size_t at, length;
	int32_t c;

	for (at = 0; at < size; at += length) {
		c = decode_character((const uint8_t *)text + at, size - at, &length);
		CHECK(c == '\n' || (c >= 0 && !is_hidden_character(c)));
	}
}

static void run(const struct command *command, const struct tool *tool, const char *path,
		const char *option)
{
	char *arguments[] = { (char *)(uintptr_t)command->name, (char *)(uintptr_t)path,
			      (char *)(uintptr_t)option, NULL };
	FILE *const out = stdout, *const error = stderr;
	char *texts[2];
	size_t sizes[2], i;

	stdout = open_memstream(&texts[0], &sizes[0]);
	stderr = open_memstream(&texts[1], &sizes[1]);
	CHECK(stdout && stderr);
	optind = 0;
	command->run(tool, option ? 3 : 2, arguments);
	fclose(stdout);
	fclose(stderr);
	stdout = out;
	stderr = error;
	for (i = 0; i < 2; i++) {
		check_text(texts[i], sizes[i]);
		free(texts[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tool people = { 0 }, programs = { .is_json = true };
	int fd = memfd_create("capture", MFD_CLOEXEC);
	char path[64];

	CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "--read=/proc/self/fd/%d", fd);
	run(&follow_command, &people, path, "--body");
	run(&follow_command, &programs, path, "--body");
	run(&follow_command, &people, path, "--service=a.b");
	run(&sequence_command, &people, path, NULL);
	run(&sequence_command, &programs, path, NULL);
	run(&sequence_command, &people, path, "--svg=-");
	run(&who_called_command, &people, path, "a.b");
	close(fd);
	return 0;
}
