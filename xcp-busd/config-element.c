/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The elements of dbus-daemon's configuration language, and what each of them does. <metrics> is
 * ours. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config-private.h"

/* Copies the text into a field of the configuration. */
static void take_text(struct config_reader *reader, char *field, size_t size)
{
	if (strlen(reader->text) >= size)
		config_complain(reader, "the text is too long in %s",
				reader->open[reader->depth - 1]->name);
	else
		strcpy(field, reader->text);
}

static void end_listen(struct config_reader *reader)
{
	char why[CONFIG_WHY_MAX];

	if (config_add_listen(reader->config, reader->text, why) < 0)
		config_complain(reader, "%.400s", why);
}

static void end_metrics(struct config_reader *reader)
{
	char why[CONFIG_WHY_MAX];

	if (config_set_metrics(reader->config, reader->text, why) < 0)
		config_complain(reader, "%.400s", why);
}

static void end_auth(struct config_reader *reader)
{
	struct config *config = reader->config;

	config->has_auth = true;
	if (!strcmp(reader->text, "EXTERNAL"))
		config->takes_external = true;
	else if (!strcmp(reader->text, "ANONYMOUS"))
		config->takes_anonymous = true;
	else
		config_note(config, "authentication by %.64s is not offered", reader->text);
}

static void end_pidfile(struct config_reader *reader)
{
	take_text(reader, reader->config->pidfile, sizeof(reader->config->pidfile));
}

static void end_servicehelper(struct config_reader *reader)
{
	config_note(reader->config, "<servicehelper> is ignored: the bus starts services itself");
}

static void end_type(struct config_reader *reader)
{
	take_text(reader, reader->config->type, sizeof(reader->config->type));
}

static void end_user(struct config_reader *reader)
{
	take_text(reader, reader->config->user, sizeof(reader->config->user));
}

static void begin_anonymous(struct config_reader *reader, const XML_Char **attributes)
{
	(void)attributes;
	reader->config->allow_anonymous = true;
}

static void begin_fork(struct config_reader *reader, const XML_Char **attributes)
{
	(void)attributes;
	reader->config->fork = true;
}

static void begin_keep_umask(struct config_reader *reader, const XML_Char **attributes)
{
	(void)attributes;
	reader->config->keep_umask = true;
}

static void begin_syslog(struct config_reader *reader, const XML_Char **attributes)
{
	(void)attributes;
	reader->config->syslog = true;
}

static void begin_session_dirs(struct config_reader *reader, const XML_Char **attributes)
{
	(void)attributes;
	config_add_session_servicedirs(reader->config);
}

static void begin_system_dirs(struct config_reader *reader, const XML_Char **attributes)
{
	(void)attributes;
	config_add_system_servicedirs(reader->config);
}

static void begin_selinux(struct config_reader *reader, const XML_Char **attributes)
{
	(void)attributes;
	config_note(reader->config, "<selinux> is ignored: this bus has no SELinux mediation");
}

/* Whoever requires mediation must not go without. */
static void begin_apparmor(struct config_reader *reader, const XML_Char **attributes)
{
	const char *mode = config_attribute(attributes, "mode");

	if (mode && !strcmp(mode, "required"))
		config_complain(
			reader,
			"AppArmor is required here, and this bus has no AppArmor mediation");
	else if (mode && strcmp(mode, "enabled") != 0 && strcmp(mode, "disabled") != 0)
		config_complain(reader, "<apparmor> has no mode %s", mode);
	else
		config_note(reader->config,
			    "<apparmor> is ignored: this bus has no AppArmor mediation");
}

static void begin_limit(struct config_reader *reader, const XML_Char **attributes)
{
	const char *name = config_attribute(attributes, "name");

	if (!name)
		config_complain(reader, "<limit> needs the attribute name");
	else
		snprintf(reader->limit, sizeof(reader->limit), "%s", name);
}

static void end_limit(struct config_reader *reader)
{
	config_set_limit(reader, reader->limit, reader->text);
}

static void begin_allow(struct config_reader *reader, const XML_Char **attributes)
{
	config_add_rule(reader, true, attributes);
}

static void begin_deny(struct config_reader *reader, const XML_Char **attributes)
{
	config_add_rule(reader, false, attributes);
}

/* "yes" or "no"; absent: no. */
static bool is_yes(struct config_reader *reader, const XML_Char **attributes, const char *name)
{
	const char *value = config_attribute(attributes, name);

	if (value && strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		config_complain(reader, "%s is yes or no, not %s", name, value);
	return value && !strcmp(value, "yes");
}

static void begin_include(struct config_reader *reader, const XML_Char **attributes)
{
	reader->may_be_missing = is_yes(reader, attributes, "ignore_missing");
	reader->is_off = is_yes(reader, attributes, "if_selinux_enabled");
	if (is_yes(reader, attributes, "selinux_root_relative"))
		reader->is_off = true;
}

/* A path as it stands in a file: relative to where the file is. False after a complaint. */
static bool full_path(struct config_reader *reader, char out[CONFIG_TEXT_MAX])
{
	const char *slash = strrchr(reader->path, '/');
	int size = slash && reader->text[0] != '/' ? (int)(slash - reader->path) + 1 : 0;

	if (snprintf(out, CONFIG_TEXT_MAX, "%.*s%s", size, reader->path, reader->text) <
	    CONFIG_TEXT_MAX)
		return true;
	config_complain(reader, "the path is too long: %.100s", reader->text);
	return false;
}

static void end_servicedir(struct config_reader *reader)
{
	char path[CONFIG_TEXT_MAX];

	if (full_path(reader, path))
		config_add_servicedir(reader->config, path, false);
}

static void end_include(struct config_reader *reader)
{
	char path[CONFIG_TEXT_MAX];

	if (reader->is_off || reader->is_trial || !full_path(reader, path))
		return;
	if (reader->may_be_missing && access(path, F_OK) < 0 && errno == ENOENT)
		return;
	/* The file that is wrong is named, not those that include it. */
	if (config_read_path(reader, reader->config, path, false, reader->why) < 0) {
		reader->has_failed = true;
		XML_StopParser(reader->parser, XML_FALSE);
	}
}

static int is_conf(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);

	return size > 5 && !strcmp(entry->d_name + size - 5, ".conf");
}

/* One package's broken file must not keep the bus from starting: as dbus-daemon does, it is left
 * out as a whole, and said to be. */
static void include_from_directory(struct config_reader *reader, const char *path)
{
	char why[CONFIG_WHY_MAX];
	struct config trial;
	int r;

	config_init(&trial);
	r = config_read_path(reader, &trial, path, true, why);
	config_deinit(&trial);
	if (r == 0)
		r = config_read_path(reader, reader->config, path, false, why);
	if (r < 0)
		config_note(reader->config, "left out: %s", why);
}

static void end_includedir(struct config_reader *reader)
{
	char directory[CONFIG_TEXT_MAX], path[CONFIG_TEXT_MAX + 260];
	struct dirent **entries;
	int count, i;

	if (reader->is_trial || !full_path(reader, directory))
		return;
	count = scandir(directory, &entries, is_conf, alphasort);
	if (count < 0 && errno != ENOENT)
		config_complain(reader, "%.200s: %s", directory, strerror(errno));
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		include_from_directory(reader, path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static const struct config_element elements[] = {
	{ "type", IN_BUSCONFIG, 0, "", end_type, NULL },
	{ "user", IN_BUSCONFIG, 0, "", end_user, NULL },
	{ "fork", IN_BUSCONFIG, 0, "", NULL, begin_fork },
	{ "keep_umask", IN_BUSCONFIG, 0, "", NULL, begin_keep_umask },
	{ "listen", IN_BUSCONFIG, 0, "", end_listen, NULL },
	{ "metrics", IN_BUSCONFIG, 0, "", end_metrics, NULL },
	{ "pidfile", IN_BUSCONFIG, 0, "", end_pidfile, NULL },
	{ "syslog", IN_BUSCONFIG, 0, "", NULL, begin_syslog },
	{ "auth", IN_BUSCONFIG, 0, "", end_auth, NULL },
	{ "allow_anonymous", IN_BUSCONFIG, 0, "", NULL, begin_anonymous },
	{ "limit", IN_BUSCONFIG, 0, "name ", end_limit, begin_limit },
	{ "include", IN_BUSCONFIG, 0, "ignore_missing if_selinux_enabled selinux_root_relative ",
	  end_include, begin_include },
	{ "includedir", IN_BUSCONFIG, 0, "", end_includedir, NULL },
	{ "servicedir", IN_BUSCONFIG, 0, "", end_servicedir, NULL },
	{ "servicehelper", IN_BUSCONFIG, 0, "", end_servicehelper, NULL },
	{ "standard_session_servicedirs", IN_BUSCONFIG, 0, "", NULL, begin_session_dirs },
	{ "standard_system_servicedirs", IN_BUSCONFIG, 0, "", NULL, begin_system_dirs },
	{ "policy", IN_BUSCONFIG, IN_POLICY, NULL, NULL, config_begin_policy },
	{ "allow", IN_POLICY, 0, NULL, NULL, begin_allow },
	{ "deny", IN_POLICY, 0, NULL, NULL, begin_deny },
	{ "selinux", IN_BUSCONFIG, IN_SELINUX, "", NULL, begin_selinux },
	{ "associate", IN_SELINUX, 0, "own context ", NULL, NULL },
	{ "apparmor", IN_BUSCONFIG, 0, "mode ", NULL, begin_apparmor },
};

const struct config_element *config_element_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(elements) / sizeof(*elements); i++)
		if (!strcmp(elements[i].name, name))
			return &elements[i];
	return NULL;
}
