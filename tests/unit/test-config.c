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
	config_deinit(&config);
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
	CHECK(config.listen_count == 0 && !config.policy && !config.allow_anonymous &&
	      !config.pidfile[0]);
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
			 "  <nonsense/>\n"
			 "</busconfig>\n",
			 ":9: there is no element nonsense"));
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
	static const char *const values[] = { "x",         "1x",  "-1", "1 2",
					      "0x10",      "1.5", "0",  "18446744073709551616",
					      "2147483648" };
	char text[256], wanted[256];
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(text, sizeof(text), "<limit name='max_message_size'>%s</limit>",
			 values[i]);
		snprintf(wanted, sizeof(wanted),
			 ":2: not a value for the limit max_message_size: %s", values[i]);
		CHECK(fails(text, wanted));
	}
	CHECK(fails("<limit name='max_message_size'></limit>", ":2: <limit> is empty"));
	/* More than the specification allows is as much as it allows. */
	CHECK(reads("<limit name='max_message_size'>1000000000</limit>"));
	CHECK(config.bus.local_message_max == 134217728);
}

static void limits_that_do_not_exist(void)
{
	CHECK(fails("\n<limit name='max_fun'>1</limit>", ":3: there is no limit called max_fun"));
	CHECK(fails("<limit>1</limit>", ":2: <limit> needs the attribute name"));
}

static void what_is_not_known_is_not_accepted(void)
{
	CHECK(fails("<nonsense/>", ":2: there is no element nonsense"));
	CHECK(fails("<listen><type>x</type></listen>", ":2: the element type cannot stand here"));
	CHECK(fails("<allow own='*'/>", ":2: the element allow cannot stand here"));
	CHECK(fails("<fork how='well'/>", ":2: <fork> has no attribute how"));
	CHECK(fails("<fork>yes</fork>", ":2: no text can stand in <fork>"));
	CHECK(fails("words", ":2: no text can stand in <busconfig>"));
	CHECK(fails("<user> </user>", ":2: <user> is empty"));
	CHECK(fails("<apparmor mode='required'/>",
		    ":2: AppArmor is required here, and this bus has no AppArmor mediation"));
	CHECK(text_fails("<!DOCTYPE busconfig [<!ENTITY a 'b'>]>\n<busconfig/>",
			 ":1: the entity a: entities are not taken"));
}

static bool is_noted(const char *text)
{
	unsigned i;

	for (i = 0; i < config.note_count; i++)
		if (strstr(config.notes[i], text))
			return true;
	return false;
}

static void what_has_no_effect_is_noted_once(void)
{
	CHECK(reads("<selinux><associate own='a.b' context='c'/></selinux><selinux/>\n"
		    "<apparmor mode='enabled'/><auth>DBUS_COOKIE_SHA1</auth>\n"
		    "<policy user='no-such-user-here'><allow own='*'/></policy>\n"
		    "<policy group='no-such-group-here'><allow own='*'/></policy>\n"
		    "<policy at_console='true'><allow own='*'/></policy>\n"
		    "<policy context='default'><allow user='no-such-user-here'/></policy>"));
	CHECK(is_noted("<selinux> is ignored") && is_noted("<apparmor> is ignored"));
	CHECK(is_noted("DBUS_COOKIE_SHA1 is not offered") && is_noted("at_console"));
	CHECK(is_noted("policy for user no-such-user-here is ignored"));
	CHECK(is_noted("policy for group no-such-group-here is ignored"));
	CHECK(is_noted("rule for user no-such-user-here is ignored"));
	CHECK(config.note_count == 7);
}

static void elements_without_much_to_them(void)
{
	CHECK(reads("<type>system</type><user>root</user><fork/><keep_umask/><syslog/>\n"
		    "<servicehelper>/bin/helper</servicehelper><servicedir>/a</servicedir>\n"
		    "<servicedir>b</servicedir><servicedir>/a</servicedir>"));
	CHECK(!strcmp(config.type, "system") && !strcmp(config.user, "root"));
	CHECK(config.fork && config.keep_umask && config.syslog);
	CHECK(is_noted("<servicehelper> is ignored"));
	CHECK(config.servicedir_count == 2 && !strcmp(config.servicedirs[0].path, "/a"));
	CHECK(!strcmp(config.servicedirs[1].path, "/tmp/b"));
}

static void standard_directories(void)
{
	setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
	setenv("XDG_DATA_HOME", "/home/x/data", 1);
	setenv("XDG_DATA_DIRS", "/one:relative::/two", 1);
	CHECK(reads("<standard_session_servicedirs/>") && config.servicedir_count == 5);
	CHECK(!strcmp(config.servicedirs[0].path, "/run/user/1/dbus-1/services"));
	CHECK(config.servicedirs[0].is_transient && !config.servicedirs[1].is_transient);
	CHECK(!strcmp(config.servicedirs[1].path, "/home/x/data/dbus-1/services"));
	CHECK(!strcmp(config.servicedirs[2].path, "/one/dbus-1/services"));
	CHECK(!strcmp(config.servicedirs[3].path, "/two/dbus-1/services"));
	CHECK(!strcmp(config.servicedirs[4].path, "/usr/share/dbus-1/services"));
	CHECK(reads("<standard_system_servicedirs/>") && config.servicedir_count == 3);
	CHECK(!strcmp(config.servicedirs[1].path, "/usr/share/dbus-1/system-services"));
}

static void forms_of_addresses(void)
{
	setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
	CHECK(reads("<listen>unix:runtime=yes</listen><listen>unix:dir=/tmp/a%20b</listen>\n"
		    "<listen>unix:tmpdir=/tmp;systemd:</listen>"));
	CHECK(config.listen_count == 3 && config.listens_to_systemd);
	CHECK(!strcmp(config.listen[0].path, "/run/user/1/bus"));
	CHECK(!strncmp(config.listen[1].path, "/tmp/a b/dbus-", 14));
	CHECK(!strncmp(config.listen[2].path, "/tmp/dbus-", 10));
	unsetenv("XDG_RUNTIME_DIR");
	CHECK(fails("<listen>unix:runtime=yes</listen>",
		    ":2: unix:runtime=yes needs XDG_RUNTIME_DIR in the environment"));
	CHECK(!reads("<listen>unix:runtime=no</listen>"));
	CHECK(!reads("<listen>unix:dir=</listen>"));
}

static void mechanisms(void)
{
	CHECK(reads("") && !config.has_auth);
	CHECK(reads("<auth>ANONYMOUS</auth>") && config.has_auth);
	CHECK(config.takes_anonymous && !config.takes_external && !config.allow_anonymous);
}

static void limits_of_connections_and_of_users(void)
{
	CHECK(reads("<limit name='max_names_per_connection'>512</limit>\n"
		    "<limit name='max_match_rules_per_connection'>5</limit>\n"
		    "<limit name='max_replies_per_connection'>50000</limit>\n"
		    "<limit name='max_replies_per_user'>9</limit>\n"
		    "<limit name='max_connections_per_user'>3</limit>"));
	CHECK(config.bus.peer_names_max == 512 && config.bus.local.max[QUOTA_NAMES] == 32768);
	CHECK(config.bus.peer_matches_max == 5 && config.bus.local.max[QUOTA_MATCHES] == 65536);
	CHECK(config.bus.peer_replies_max == 50000 && config.bus.local.max[QUOTA_REPLIES] == 9);
	CHECK(config.bus.user_peers_max == 3 && config.bus.local.max[QUOTA_PEERS] == 19);
}

/* All of dbus-daemon's. */
static void every_limit_has_a_name(void)
{
	static const char *const names[] = {
		"max_incoming_bytes",        "max_incoming_unix_fds",
		"max_outgoing_bytes",        "max_outgoing_unix_fds",
		"max_message_size",          "max_message_unix_fds",
		"service_start_timeout",     "auth_timeout",
		"pending_fd_timeout",        "reply_timeout",
		"max_completed_connections", "max_incomplete_connections",
		"max_connections_per_user",  "max_pending_service_starts",
		"max_names_per_connection",  "max_match_rules_per_connection",
		"max_replies_per_connection"
	};
	char text[256];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(text, sizeof(text), "<limit name='%s'>100000</limit>", names[i]);
		CHECK(reads(text));
	}
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
	CHECK(text_fails(text, ":1: the text is too long in pidfile"));
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
	RUN(what_is_not_known_is_not_accepted);
	RUN(what_has_no_effect_is_noted_once);
	RUN(elements_without_much_to_them);
	RUN(standard_directories);
	RUN(forms_of_addresses);
	RUN(mechanisms);
	RUN(limits_of_connections_and_of_users);
	RUN(every_limit_has_a_name);
	RUN(files_that_are_no_configuration);
	RUN(long_texts_are_refused);
	RUN(half_a_file_is_an_error);
	config_deinit(&config);
	return test_finish();
}
