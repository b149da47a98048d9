/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/spawn-environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/server.h"

void spawn_environment_free(struct spawn_environment *environment)
{
	unsigned i;

	if (!environment)
		return;
	for (i = 0; i < environment->count; i++)
		free(environment->values[i]);
	free(environment->values);
	free(environment);
}

/* Takes NAME=VALUE over. */
static int put(struct spawn_environment *environment, char *entry)
{
	size_t name_size = entry ? strcspn(entry, "=") + 1 : 0;
	char **values;
	unsigned i;

	if (!entry)
		return -1;
	for (i = 0; i < environment->count; i++) {
		if (!strncmp(environment->values[i], entry, name_size)) {
			free(environment->values[i]);
			environment->values[i] = entry;
			return 0;
		}
	}
	values = realloc(environment->values, (environment->count + 2) * sizeof(*values));
	if (!values) {
		free(entry);
		return -1;
	}
	environment->values = values;
	values[environment->count++] = entry;
	values[environment->count] = NULL;
	return 0;
}

static int set(struct spawn_environment *environment, const char *name, const char *value)
{
	char *entry;

	if (asprintf(&entry, "%s=%s", name, value) < 0)
		return -1;
	return put(environment, entry);
}

/* What is about this process and no other. */
static bool is_ours(const char *entry)
{
	static const char *const names[] = { "LISTEN_FDS=",    "LISTEN_PID=",   "LISTEN_FDNAMES=",
					     "NOTIFY_SOCKET=", "WATCHDOG_PID=", "WATCHDOG_USEC=",
					     "INVOCATION_ID=", "MANAGERPID=",   "MAINPID=" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(entry, names[i], strlen(names[i])))
			return true;
	return false;
}

static int inherit_all(struct spawn_environment *environment)
{
	char **entry;
	int r = 0;

	for (entry = environ; r == 0 && *entry; entry++)
		if (strchr(*entry, '=') && !is_ours(*entry))
			r = put(environment, strdup(*entry));
	return r;
}

static int inherit_little(struct spawn_environment *environment)
{
	const char *path = getenv("PATH"), *language = getenv("LANG");
	int r = set(environment, "PATH",
		    path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");

	return r == 0 && language ? set(environment, "LANG", language) : r;
}

static int say_where(struct spawn_environment *environment, const char *type, const char *address)
{
	bool is_session = !strcmp(type, "session");
	int r = set(environment, "DBUS_STARTER_ADDRESS", address);

	if (r == 0 && *type)
		r = set(environment, "DBUS_STARTER_BUS_TYPE", type);
	/* What such a file is for connects to the bus of the system or of the session; here, that
	 * is us. */
	if (r == 0)
		r = set(environment,
			is_session ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS",
			address);
	return r == 0 ? set(environment, "XCP_BUS_ADDRESS", address) : r;
}

struct spawn_environment *spawn_environment_new(const struct server *server, const char *address)
{
	CLEANUP(spawn_environment_freep)
	struct spawn_environment *environment = calloc(1, sizeof(*environment));
	const struct activation_table *table = &server->bus.activations;
	const char *type = server->config->type;
	unsigned i;
	int r;

	if (!environment)
		return NULL;
	r = geteuid() == 0 && strcmp(type, "session") != 0 ? inherit_little(environment)
							   : inherit_all(environment);
	for (i = 0; r == 0 && i < table->environment_count; i++)
		r = put(environment, strdup(table->environment[i]));
	if (r == 0)
		r = say_where(environment, type, address);
	return r == 0 ? TAKE(environment) : NULL;
}
