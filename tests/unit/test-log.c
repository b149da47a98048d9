/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

static FILE *file;
static int saved_stderr;
static char written[4096];

static void capture_begin(void)
{
	file = tmpfile();
	CHECK(file);
	fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	CHECK(saved_stderr >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
}

static const char *capture_end(void)
{
	size_t size;

	fflush(stderr);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	rewind(file);
	size = fread(written, 1, sizeof(written) - 1, file);
	written[size] = '\0';
	fclose(file);
	return written;
}

static void a_line_names_the_program(void)
{
	log_open("xcp-test", LOG_LEVEL_INFO, false);
	capture_begin();
	log_info("domain %d left", 7);
	CHECK(!strcmp(capture_end(), "xcp-test: domain 7 left\n"));
}

static void lines_above_the_level_are_not_written(void)
{
	log_open("xcp-test", LOG_LEVEL_WARNING, false);
	capture_begin();
	log_error("1");
	log_warning("2");
	log_info("3");
	log_debug("4");
	CHECK(!strcmp(capture_end(), "xcp-test: 1\nxcp-test: 2\n"));
}

static void a_very_long_line_is_cut(void)
{
	char text[3000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_open("xcp-test", LOG_LEVEL_INFO, false);
	capture_begin();
	log_info("%s", text);
	CHECK(strlen(capture_end()) < 1100);
	CHECK(written[strlen(written) - 1] == '\n');
}

static void errno_is_kept(void)
{
	log_open("xcp-test", LOG_LEVEL_INFO, false);
	capture_begin();
	errno = ENOTTY;
	log_info("a line");
	log_debug("no line");
	CHECK(errno == ENOTTY);
	capture_end();
}

static bool escapes(const char *text, size_t size, const char *expected)
{
	char out[64];

	return !strcmp(log_escape(out, sizeof(out), text, size), expected);
}

static void text_is_escaped(void)
{
	CHECK(escapes("", 0, ""));
	CHECK(escapes("org.xen.xcp ~", 13, "org.xen.xcp ~"));
	CHECK(escapes("a\n\033[1m", 6, "a\\x0a\\x1b[1m"));
	CHECK(escapes("\\", 1, "\\x5c"));
	CHECK(escapes("\0\177\303\244", 4, "\\x00\\x7f\\xc3\\xa4"));
}

static void escaped_text_stays_in_its_buffer(void)
{
	char out[40];
	size_t size;

	for (size = 1; size < 32; size++) {
		memset(out, '#', sizeof(out));
		log_escape(out, size, "\001\002\003\004\005\006\007\010\011\012", 10);
		CHECK(strlen(out) < size);
		CHECK(out[size] == '#');
	}
	CHECK(!strcmp(log_escape(out, 16, "abcdefghijklmnopqrstuvwxyz", 26), "abcdefghi..."));
	CHECK(!strcmp(log_escape(out, 40, "abcdefghijklmnopqrstuvwxyz", 26),
		      "abcdefghijklmnopqrstuvwxyz"));
}

int main(void)
{
	RUN(a_line_names_the_program);
	RUN(lines_above_the_level_are_not_written);
	RUN(a_very_long_line_is_cut);
	RUN(errno_is_kept);
	RUN(text_is_escaped);
	RUN(escaped_text_stays_in_its_buffer);
	return test_finish();
}
