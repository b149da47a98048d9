/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration as a result: defaults, notes, directories; and the forms of <listen>. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "config-private.h"

enum { SECOND_US = 1000000 };

void config_init(struct config *config)
{
	*config = (struct config){
		.vchan = { .pages_max = 8192, .half_open_max = 32, .new_links_per_second = 128 },
		.auth_timeout_us = 5 * SECOND_US,
		.message_timeout_us = 30 * SECOND_US,
		.incomplete_max = 64,
	};
	bus_settings_init(&config->bus);
}

void config_deinit(struct config *config)
{
	unsigned i;

	for (i = 0; i < config->servicedir_count; i++)
		free(config->servicedirs[i].path);
	free(config->servicedirs);
	for (i = 0; i < config->note_count; i++)
		free(config->notes[i]);
	free(config->notes);
	policy_free(config->policy);
	*config = (struct config){ 0 };
}

void config_note(struct config *config, const char *format, ...)
{
	char line[CONFIG_WHY_MAX];
	char **notes;
	va_list args;
	unsigned i;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (i = 0; i < config->note_count; i++)
		if (!strcmp(config->notes[i], line))
			return;
	notes = reallocarray(config->notes, config->note_count + 1, sizeof(*notes));
	if (!notes)
		return;
	config->notes = notes;
	config->notes[config->note_count] = strdup(line);
	config->note_count += config->notes[config->note_count] != NULL;
}

/* Without memory a directory is missing, which is noticed when it is needed. */
void config_add_servicedir(struct config *config, const char *path, bool is_transient)
{
	struct config_servicedir *dirs;
	unsigned i;

	for (i = 0; i < config->servicedir_count; i++)
		if (!strcmp(config->servicedirs[i].path, path))
			return;
	dirs = reallocarray(config->servicedirs, config->servicedir_count + 1, sizeof(*dirs));
	if (!dirs)
		return;
	config->servicedirs = dirs;
	dirs[i] = (struct config_servicedir){ strdup(path), is_transient };
	config->servicedir_count += dirs[i].path != NULL;
}

static void add_below(struct config *config, const char *base, size_t size, const char *below,
		      bool is_transient)
{
	char path[4096];

	if (size && base[0] == '/' &&
	    snprintf(path, sizeof(path), "%.*s/%s", (int)size, base, below) < (int)sizeof(path))
		config_add_servicedir(config, path, is_transient);
}

/* The directories of the base directory specification, in its order. */
void config_add_session_servicedirs(struct config *config)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *home = getenv("HOME");
	const char *data_home = getenv("XDG_DATA_HOME"), *data = getenv("XDG_DATA_DIRS");

	if (runtime)
		add_below(config, runtime, strlen(runtime), "dbus-1/services", true);
	if (data_home && *data_home)
		add_below(config, data_home, strlen(data_home), "dbus-1/services", false);
	else if (home)
		add_below(config, home, strlen(home), ".local/share/dbus-1/services", false);
	if (!data || !*data)
		data = "/usr/local/share:/usr/share";
	while (*data) {
		size_t size = strcspn(data, ":");

		add_below(config, data, size, "dbus-1/services", false);
		data += size + (data[size] == ':');
	}
	config_add_servicedir(config, "/usr/share/dbus-1/services", false);
}

/* These are fixed: what runs as root does not follow the environment. */
void config_add_system_servicedirs(struct config *config)
{
	config_add_servicedir(config, "/usr/local/share/dbus-1/system-services", false);
	config_add_servicedir(config, "/usr/share/dbus-1/system-services", false);
	config_add_servicedir(config, "/lib/dbus-1/system-services", false);
}

static int add_address(struct config *config, const struct address *address,
		       char why[CONFIG_WHY_MAX])
{
	if (address->kind == ADDRESS_VCHAN && address->has_domid) {
		snprintf(why, CONFIG_WHY_MAX,
			 "the daemon listens to the rings of all domains: write vchan: without "
			 "domain=");
		return -1;
	}
	if (address->kind == ADDRESS_VCHAN) {
		config->listens_to_guests = true;
		return 0;
	}
	if (config->listen_count == CONFIG_LISTEN_MAX) {
		snprintf(why, CONFIG_WHY_MAX, "more than %d addresses to listen on",
			 CONFIG_LISTEN_MAX);
		return -1;
	}
	config->is_drawn[config->listen_count] = false;
	config->listen[config->listen_count++] = *address;
	return 0;
}

static int parse(const char *text, struct address list[ADDRESS_LIST_MAX], char *why)
{
	char detail[ADDRESS_WHY_MAX];
	int count = address_parse(text, list, detail);

	if (count < 0)
		snprintf(why, CONFIG_WHY_MAX, "%s", detail);
	return count;
}

/* A socket with a name that nobody else has, in a directory. */
static int add_in_directory(struct config *config, const char *text, char why[CONFIG_WHY_MAX])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
	struct address list[ADDRESS_LIST_MAX];
	char path[CONFIG_TEXT_MAX], random[CONFIG_DRAWN_SIZE], name[CONFIG_DRAWN_SIZE + 1] = "";
	size_t i;

	snprintf(path, sizeof(path), "unix:path=%s", text);
	if (parse(path, list, why) < 0)
		return -1;
	if (getrandom(random, sizeof(random), 0) != sizeof(random)) {
		snprintf(why, CONFIG_WHY_MAX, "no random numbers: %s", strerror(errno));
		return -1;
	}
	for (i = 0; i < sizeof(random); i++)
		name[i] = letters[(unsigned char)random[i] % (sizeof(letters) - 1)];
	if (snprintf(path, sizeof(path), "%s/dbus-%s", list[0].path, name) > ADDRESS_PATH_MAX) {
		snprintf(why, CONFIG_WHY_MAX, "the path of a socket in %s would be too long",
			 list[0].path);
		return -1;
	}
	strcpy(list[0].path, path);
	if (add_address(config, &list[0], why) < 0)
		return -1;
	config->is_drawn[config->listen_count - 1] = true;
	return 0;
}

static int add_in_runtime_directory(struct config *config, char why[CONFIG_WHY_MAX])
{
	struct address address = { .kind = ADDRESS_UNIX };
	const char *directory = getenv("XDG_RUNTIME_DIR");

	if (!directory || directory[0] != '/') {
		snprintf(why, CONFIG_WHY_MAX,
			 "unix:runtime=yes needs XDG_RUNTIME_DIR in the environment");
		return -1;
	}
	if (snprintf(address.path, sizeof(address.path), "%s/bus", directory) > ADDRESS_PATH_MAX) {
		snprintf(why, CONFIG_WHY_MAX, "the path %s/bus is too long", directory);
		return -1;
	}
	return add_address(config, &address, why);
}

static int add_one(struct config *config, const char *text, char why[CONFIG_WHY_MAX])
{
	struct address list[ADDRESS_LIST_MAX];

	if (!strcmp(text, "systemd:")) {
		config->listens_to_systemd = true;
		return 0;
	}
	if (!strcmp(text, "unix:runtime=yes"))
		return add_in_runtime_directory(config, why);
	if (!strncmp(text, "unix:dir=", 9))
		return add_in_directory(config, text + 9, why);
	if (!strncmp(text, "unix:tmpdir=", 12))
		return add_in_directory(config, text + 12, why);
	return parse(text, list, why) < 0 ? -1 : add_address(config, &list[0], why);
}

int config_add_listen(struct config *config, const char *text, char why[CONFIG_WHY_MAX])
{
	char one[CONFIG_TEXT_MAX / 2];

	do {
		size_t size = strcspn(text, ";");

		if (size >= sizeof(one)) {
			snprintf(why, CONFIG_WHY_MAX, "the address is too long");
			return -1;
		}
		memcpy(one, text, size);
		one[size] = '\0';
		if (add_one(config, one, why) < 0)
			return -1;
		text += size + (text[size] == ';');
	} while (*text);
	return 0;
}
