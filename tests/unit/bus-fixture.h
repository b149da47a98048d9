/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A real message bus for a test: dbus-daemon with a configuration of its own in a new directory, or
 * the program that XCP_BUS_TEST_DAEMON names. Or none: XCP_BUS_TEST_ADDRESS says where one is, for
 * the tests that do nothing to it. */
#pragma once

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct bus_fixture {
	char directory[64];
	char address[256];
	pid_t pid;
};

/* Without a policy, dbus-daemon allows nothing. */
static const char bus_fixture_dbus_daemon[] =
	" <policy context=\"default\">\n"
	"  <allow send_destination=\"*\" eavesdrop=\"true\"/>\n"
	"  <allow eavesdrop=\"true\"/>\n"
	"  <allow own=\"*\"/>\n"
	" </policy>\n"
	" <limit name=\"max_replies_per_connection\">50000</limit>\n"
	" <limit name=\"max_match_rules_per_connection\">512</limit>\n";

static const char bus_fixture_xcp_busd[] =
	" <limit name=\"max_replies_per_user\">50000</limit>\n"
	" <limit name=\"max_match_rules_per_user\">512</limit>\n"
	" <limit name=\"max_bytes_per_user\">1000000000</limit>\n";

static inline void bus_fixture_write_config(const struct bus_fixture *fixture, char *path,
					    size_t path_size)
{
	FILE *file;

	snprintf(path, path_size, "%s/bus.conf", fixture->directory);
	file = fopen(path, "w");
	if (!file)
		err(2, "%s", path);
	fprintf(file,
		"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration "
		"1.0//EN\"\n"
		" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
		"<busconfig>\n"
		" <type>session</type>\n"
		" <listen>unix:path=%s/bus</listen>\n"
		"%s"
		" <limit name=\"max_incoming_bytes\">1000000000</limit>\n"
		" <limit name=\"max_outgoing_bytes\">1000000000</limit>\n"
		" <limit name=\"max_message_size\">100000000</limit>\n"
		"</busconfig>\n",
		fixture->directory,
		getenv("XCP_BUS_TEST_DAEMON") ? bus_fixture_xcp_busd : bus_fixture_dbus_daemon);
	fclose(file);
}

static inline void bus_fixture_exec(const struct bus_fixture *fixture, int out)
{
	const char *daemon = getenv("XCP_BUS_TEST_DAEMON");
	char config[128], option[160];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	snprintf(config, sizeof(config), "%s/log", fixture->directory);
	dup2(open(config, O_WRONLY | O_CREAT, 0666), STDERR_FILENO);
	bus_fixture_write_config(fixture, config, sizeof(config));
	snprintf(option, sizeof(option), "--config-file=%s", config);
	if (!daemon)
		daemon = "dbus-daemon";
	execlp(daemon, daemon, option, "--nofork", "--print-address", NULL);
	err(2, "%s", daemon);
}

/* Returns when it listens. */
static inline void bus_fixture_run(struct bus_fixture *fixture)
{
	char path[128];
	size_t used = 0;
	ssize_t moved;
	int out[2];

	if (pipe2(out, O_CLOEXEC) < 0)
		err(2, "fixture");
	fixture->pid = fork();
	if (fixture->pid < 0)
		err(2, "fork");
	if (!fixture->pid)
		bus_fixture_exec(fixture, out[1]);
	close(out[1]);
	while (used < sizeof(fixture->address) - 1 &&
	       (moved = read(out[0], fixture->address + used, 1)) > 0 &&
	       fixture->address[used] != '\n')
		used++;
	fixture->address[used] = '\0';
	close(out[0]);
	if (!used)
		errx(2, "the bus did not start; see %s/log", fixture->directory);
	/* Without its guid, so that it can be compared. */
	snprintf(path, sizeof(path), "unix:path=%s/bus", fixture->directory);
	snprintf(fixture->address, sizeof(fixture->address), "%s", path);
}

static inline void bus_fixture_start(struct bus_fixture *fixture)
{
	*fixture = (struct bus_fixture){ 0 };
	if (getenv("XCP_BUS_TEST_ADDRESS")) {
		snprintf(fixture->address, sizeof(fixture->address), "%s",
			 getenv("XCP_BUS_TEST_ADDRESS"));
		return;
	}
	strcpy(fixture->directory, "/tmp/xcp-bus-test-XXXXXX");
	if (!mkdtemp(fixture->directory))
		err(2, "fixture");
	bus_fixture_run(fixture);
}

static inline void bus_fixture_kill(struct bus_fixture *fixture)
{
	if (fixture->pid <= 0)
		return;
	kill(fixture->pid, SIGKILL);
	waitpid(fixture->pid, NULL, 0);
	fixture->pid = 0;
}

/* After bus_fixture_kill: a new one, at the same address. */
static inline void bus_fixture_run_again(struct bus_fixture *fixture)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/bus", fixture->directory);
	unlink(path);
	bus_fixture_run(fixture);
}

static inline void bus_fixture_stop(struct bus_fixture *fixture)
{
	char path[128];

	if (!fixture->directory[0])
		return;
	bus_fixture_kill(fixture);
	snprintf(path, sizeof(path), "%s/bus", fixture->directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/bus.conf", fixture->directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/log", fixture->directory);
	unlink(path);
	rmdir(fixture->directory);
}
