/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

static struct config config;
static char path[64];
static char why[CONFIG_WHY_MAX];

static int read_bytes(const char *bytes, size_t size)
{
	int fd, r;

	strcpy(path, "/tmp/xcp-bus-config-XXXXXX");
	fd = mkstemp(path);
	CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	close(fd);
	config_init(&config);
	why[0] = '\0';
	r = config_read(&config, path, why);
	unlink(path);
	return r;
}

static bool reads(const char *inside)
{
	char text[8192];

	snprintf(text, sizeof(text), "<busconfig>\n%s\n</busconfig>\n", inside);
	if (read_bytes(text, strlen(text)) == 0)
		return true;
	printf("%s\n", why);
	return false;
}

/* wanted comes after the file's name. */
static bool text_fails(const char *text, const char *wanted)
{
	if (read_bytes(text, strlen(text)) == 0) {
		printf("valid: %s\n", text);
		return false;
	}
	if (!strncmp(why, path, strlen(path)) && !strcmp(why + strlen(path), wanted))
		return true;
	printf("\"%s\"\n", why);
	return false;
}

static bool fails(const char *inside, const char *wanted)
{
	char text[8192];

	snprintf(text, sizeof(text), "<busconfig>\n%s\n</busconfig>\n", inside);
	return text_fails(text, wanted);
}

static void defaults_are_complete(void)
{
	struct config defaults;

	config_init(&defaults);
	CHECK(reads(""));
	CHECK(!memcmp(&config, &defaults, sizeof(config)));
	CHECK(config.listen_count == 0 && !config.allow_anonymous && !config.pidfile[0]);
	CHECK(config.bus.guest.max[QUOTA_BYTES] && config.bus.local.max[QUOTA_PEERS]);
	CHECK(config.vchan.half_open_max && config.auth_timeout_us == 5000000);
}

static void a_file_as_dbus_daemon_has_it(void)
{
	CHECK(text_fails("<?xml version='1.0'?>\n"
			 "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration "
			 "1.0//EN\"\n"
			 " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
			 "<busconfig>\n"
			 "  <!-- a comment -->\n"
			 "  <type>system</type>\n"
			 "  <listen>unix:path=/tmp/a</listen>\n"
			 "  <auth>EXTERNAL</auth>\n"
			 "  <policy context='default'/>\n"
			 "</busconfig>\n",
			 ":9: this version has no element policy"));
	CHECK(reads("<type>system</type><listen> unix:path=/tmp/a </listen><auth>EXTERNAL</auth>\n"
		    "<auth>ANONYMOUS</auth><allow_anonymous/>\n"
		    "<pidfile>\n/run/xcp-bus/pid\n</pidfile>"));
	CHECK(config.allow_anonymous && !strcmp(config.pidfile, "/run/xcp-bus/pid"));
	CHECK(config.listen_count == 1 && !strcmp(config.listen[0].path, "/tmp/a"));
}

static void addresses_add_up(void)
{
	CHECK(reads("<listen>unix:path=/tmp/a;unix:abstract=b</listen><listen>vchan:</listen>"));
	CHECK(config.listen_count == 2 && config.listens_to_guests);
	CHECK(config.listen[1].is_abstract && !strcmp(config.listen[1].path, "b"));
	CHECK(reads("<listen>vchan:</listen>"));
	CHECK(config.listen_count == 0 && config.listens_to_guests);
	CHECK(reads("<listen>unix:path=/tmp/a</listen>") && !config.listens_to_guests);
}

static void addresses_that_cannot_be_listened_on(void)
{
	CHECK(fails("<listen>vchan:domain=3</listen>", ":2: the daemon listens to the rings of all "
						       "domains: write vchan: without domain="));
	CHECK(!reads("<listen></listen>"));
	CHECK(!reads("<listen>tcp:host=localhost</listen>"));
	CHECK(!reads("<listen>unix:path=/tmp/a</listen><listen>nonsense</listen>"));
}

static void more_addresses_than_anybody_needs(void)
{
	char text[4096] = "";
	int i;

	for (i = 0; i < CONFIG_LISTEN_MAX; i++)
		strcat(text, "<listen>unix:path=/tmp/a</listen>");
	CHECK(reads(text) && config.listen_count == CONFIG_LISTEN_MAX);
	strcat(text, "<listen>vchan:</listen>");
	CHECK(reads(text));
	strcat(text, "<listen>unix:path=/tmp/b</listen>");
	CHECK(fails(text, ":2: more than 16 addresses to listen on"));
}

static void limits_are_set_in_their_units(void)
{
	CHECK(reads("<limit name='max_message_size'>4096</limit>\n"
		    "<limit name='max_match_rules_per_domain'> 7 </limit>\n"
		    "<limit name='max_names_per_user'>0</limit>\n"
		    "<limit name='auth_timeout'>250</limit>\n"
		    "<limit name='reply_timeout'>1000</limit>\n"
		    "<limit name='max_incomplete_connections'>5</limit>"));
	CHECK(config.bus.local_message_max == 4096);
	CHECK(config.bus.guest.max[QUOTA_MATCHES] == 7 && config.bus.local.max[QUOTA_NAMES] == 0);
	CHECK(config.auth_timeout_us == 250000 && config.bus.reply_timeout_us == 1000000);
	CHECK(config.incomplete_max == 5);
}

static void values_that_are_none(void)
{
	static const char *const values[] = { "",     "x",        "1x",  "-1",
					      "1 2",  "0x10",     "1.5", "18446744073709551616",
					      "1023", "134217729" };
	char text[256], wanted[256];
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(text, sizeof(text), "<limit name='max_message_size'>%s</limit>",
			 values[i]);
		snprintf(wanted, sizeof(wanted), ":2: not a value for this limit: %s", values[i]);
		CHECK(fails(text, wanted));
	}
	CHECK(reads("<limit name='max_message_size'>134217728</limit>"));
}

static void limits_that_do_not_exist(void)
{
	CHECK(fails("\n<limit name='max_fun'>1</limit>", ":3: there is no limit called max_fun"));
	CHECK(fails("<limit>1</limit>", ":2: <limit> needs the attribute name"));
}

static void what_is_not_obeyed_is_not_accepted(void)
{
	CHECK(fails("<policy context='default'><allow own='*'/></policy>",
		    ":2: this version has no element policy"));
	CHECK(fails("<auth>DBUS_COOKIE_SHA1</auth>",
		    ":2: authentication by EXTERNAL or ANONYMOUS only, not by DBUS_COOKIE_SHA1"));
	CHECK(fails("<listen><type>x</type></listen>", ":2: this version has no element type"));
}

static void files_that_are_no_configuration(void)
{
	char wanted[CONFIG_WHY_MAX];

	CHECK(text_fails("<html></html>", ":1: the outermost element is <busconfig>, not html"));
	CHECK(text_fails("", ":1: not well-formed XML: no element found"));
	CHECK(text_fails("<busconfig>\n<listen>", ":2: not well-formed XML: no element found"));
	CHECK(text_fails("<busconfig></busconfig>\n<busconfig/>",
			 ":2: not well-formed XML: junk after document element"));
	CHECK(config_read(&config, "/nonexistent/file", why) < 0);
	snprintf(wanted, sizeof(wanted), "/nonexistent/file: No such file or directory");
	CHECK(!strcmp(why, wanted));
	CHECK(config_read(&config, "/", why) < 0 && !strcmp(why, "/: Is a directory"));
}

static void long_texts_are_refused(void)
{
	static char text[2 * 1024 * 1024];
	size_t used;

	used = (size_t)snprintf(text, sizeof(text), "<busconfig><pidfile>");
	memset(text + used, 'p', 255);
	strcpy(text + used + 255, "</pidfile></busconfig>");
	CHECK(read_bytes(text, strlen(text)) == 0 && strlen(config.pidfile) == 255);
	memset(text + used, 'p', 256);
	strcpy(text + used + 256, "</pidfile></busconfig>");
	CHECK(text_fails(text, ":1: the path of the pidfile is too long"));
	memset(text + used, 'p', 5000);
	strcpy(text + used + 5000, "</pidfile></busconfig>");
	CHECK(text_fails(text, ":1: the text is too long in pidfile"));
	memset(text, ' ', sizeof(text));
	memcpy(text, "<busconfig></busconfig>", 23);
	CHECK(read_bytes(text, 1024 * 1024) == 0);
	CHECK(read_bytes(text, 1024 * 1024 + 1) < 0);
	CHECK(!strcmp(why + strlen(path), ": longer than 1 MiB"));
}

/* Every beginning of a good file is refused with a sentence, or is good itself. */
static void half_a_file_is_an_error(void)
{
	static const char text[] = "<busconfig><listen>unix:path=/tmp/a</listen>"
				   "<limit name=\"auth_timeout\">10</limit></busconfig>";
	size_t size;

	for (size = 0; size < sizeof(text) - 1; size++)
		CHECK(read_bytes(text, size) < 0 && why[0]);
	CHECK(read_bytes(text, size) == 0);
}

int main(void)
{
	RUN(defaults_are_complete);
	RUN(a_file_as_dbus_daemon_has_it);
	RUN(addresses_add_up);
	RUN(addresses_that_cannot_be_listened_on);
	RUN(more_addresses_than_anybody_needs);
	RUN(limits_are_set_in_their_units);
	RUN(values_that_are_none);
	RUN(limits_that_do_not_exist);
	RUN(what_is_not_obeyed_is_not_accepted);
	RUN(files_that_are_no_configuration);
	RUN(long_texts_are_refused);
	RUN(half_a_file_is_an_error);
	return test_finish();
}
