/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"

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
	char text[6000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_open("xcp-test", LOG_LEVEL_INFO, false);
	capture_begin();
	log_info("%s", text);
	CHECK(strlen(capture_end()) < LOG_LINE_MAX + 20);
	CHECK(capture.text[strlen(capture.text) - 1] == '\n');
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

static void a_record_is_a_word_and_fields(void)
{
	struct log_record record;

	log_open("xcp-test", LOG_LEVEL_INFO, LOG_TO_STDERR);
	log_record_begin(&record, "refused");
	log_record_number(&record, "domain", 5);
	log_record_text(&record, "name", "web");
	log_record_text(&record, "link", ":5.3");
	log_record_text(&record, "what", "too many names");
	log_record_text(&record, "more", "");
	capture_begin();
	log_record_write(LOG_LEVEL_WARNING, &record);
	log_record_write(LOG_LEVEL_DEBUG, &record);
	CHECK(!strcmp(capture_end(), "xcp-test: refused: domain=5 name=web link=:5.3 "
				     "what=\"too many names\" more=\"\"\n"));
}

static bool is_value(const char *value, const char *expected)
{
	struct log_record record;

	log_record_begin(&record, "x");
	log_record_text(&record, "k", value);
	return !strcmp(record.text, expected);
}

static void nobody_forges_a_field(void)
{
	CHECK(is_value("a b=c", "x: k=\"a b=c\""));
	CHECK(is_value("a=b", "x: k=\"a=b\""));
	CHECK(is_value("\" limit=\"", "x: k=\"\\\" limit=\\\"\""));
	CHECK(is_value("\\\"", "x: k=\"\\\\\\\"\""));
	CHECK(is_value("\nrefused: domain=0", "x: k=\"\\x0arefused: domain=0\""));
	CHECK(is_value("\033[2J\303\244", "x: k=\"\\x1b[2J\\xc3\\xa4\""));
}

static void a_record_that_is_too_long_is_whole_all_the_same(void)
{
	char text[4000];
	struct log_record record;
	size_t size;
	int i;

	memset(text, '\001', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_record_begin(&record, "x");
	log_record_text(&record, "k", text);
	CHECK(!strcmp(record.text + record.size - 4, "...\""));
	size = record.size;
	CHECK(size <= LOG_VALUE_MAX + 8);
	for (i = 0; i < 100; i++)
		log_record_text(&record, "k", "a value");
	log_record_text(&record, "k", text);
	CHECK(record.size > size && record.size < LOG_LINE_MAX);
	CHECK(!record.text[record.size] && record.text[record.size - 1] == '"');
}

static void lines_are_counted(void)
{
	uint64_t warnings = log_written(LOG_LEVEL_WARNING), lost = log_lost();

	log_open("xcp-test", LOG_LEVEL_INFO, LOG_TO_STDERR);
	capture_begin();
	log_warning("1");
	log_debug("2");
	log_count_lost();
	capture_end();
	CHECK(log_written(LOG_LEVEL_WARNING) == warnings + 1);
	CHECK(log_written(LOG_LEVEL_DEBUG) == 0);
	CHECK(log_lost() == lost + 1);
}

static void the_journal_gets_priorities(void)
{
	char stream[64];
	struct stat status;

	capture_begin();
	CHECK(fstat(STDERR_FILENO, &status) == 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev,
		 (uintmax_t)status.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("xcp-test", LOG_LEVEL_INFO, LOG_TO_STDERR);
	log_error("1");
	log_warning("2");
	log_info("3");
	CHECK(!strcmp(capture_end(), "<3>1\n<4>2\n<6>3\n"));
	/* Another stream than that which is named. */
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_open("xcp-test", LOG_LEVEL_INFO, LOG_TO_STDERR);
	capture_begin();
	log_error("4");
	CHECK(!strcmp(capture_end(), "xcp-test: 4\n"));
	unsetenv("JOURNAL_STREAM");
}

int main(void)
{
	RUN(a_line_names_the_program);
	RUN(lines_above_the_level_are_not_written);
	RUN(a_very_long_line_is_cut);
	RUN(errno_is_kept);
	RUN(text_is_escaped);
	RUN(escaped_text_stays_in_its_buffer);
	RUN(a_record_is_a_word_and_fields);
	RUN(nobody_forges_a_field);
	RUN(a_record_that_is_too_long_is_whole_all_the_same);
	RUN(lines_are_counted);
	RUN(the_journal_gets_priorities);
	return test_finish();
}
