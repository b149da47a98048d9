/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a piece of code writes to standard error:
 *
 *	capture_begin();
 *	log_info("hello");
 *	CHECK(!strcmp(capture_end(), "test: hello\n"));
 *
 * A CHECK that fails in between is still printed: that goes to standard output.
 */
#pragma once

#include <stdio.h>
#include <unistd.h>

#include "test.h"

static struct {
	FILE *file;
	int saved; /* standard error as it was */
	char text[65536];
} capture;

static inline void capture_begin(void)
{
	capture.file = tmpfile();
	CHECK(capture.file);
	fflush(stderr);
	capture.saved = dup(STDERR_FILENO);
	CHECK(capture.saved >= 0 && dup2(fileno(capture.file), STDERR_FILENO) >= 0);
}

/* Good until the next one. */
static inline const char *capture_end(void)
{
	size_t size;

	fflush(stderr);
	dup2(capture.saved, STDERR_FILENO);
	close(capture.saved);
	rewind(capture.file);
	size = fread(capture.text, 1, sizeof(capture.text) - 1, capture.file);
	capture.text[size] = '\0';
	fclose(capture.file);
	return capture.text;
}
