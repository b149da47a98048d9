/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/service-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "wire/syntax.h"

#define SECTION "[D-BUS Service]"

struct reader {
	const char *path;
	unsigned line;
	char *why;
	struct service *service;
	bool has_section; /* any: what stands before the first is in none */
	bool is_inside, was_inside; /* of the section that matters */
};

static int complain(const struct reader *reader, const char *what, const char *detail)
{
	snprintf(reader->why, SERVICE_WHY_MAX, "%.200s:%u: %s%.200s", reader->path, reader->line,
		 what, detail);
	return -1;
}

void service_free(struct service *service)
{
	if (!service)
		return;
	list_remove(&service->link);
	free(service->path);
	free(service->name);
	free(service->exec);
	free(service->user);
	free(service->unit);
	free(service);
}

/* Values have \s \n \t \r and \\, in place. */
static bool unescape(char *text)
{
	static const char from[] = "sntr\\", to[] = " \n\t\r\\";
	char *out = text;
	const char *found;

	for (; *text; text++) {
		if (*text != '\\') {
			*out++ = *text;
			continue;
		}
		found = *++text ? strchr(from, *text) : NULL;
		if (!found)
			return false;
		*out++ = to[found - from];
	}
	*out = '\0';
	return true;
}

static char *trim(char *text)
{
	size_t size;

	text += strspn(text, " \t");
	size = strlen(text);
	while (size && strchr(" \t\r", text[size - 1]))
		text[--size] = '\0';
	return text;
}

static int take_value(const struct reader *reader, const char *key, char *value)
{
	struct service *service = reader->service;
	const struct {
		const char *key;
		char **value;
	} fields[] = { { "Name", &service->name },
		       { "Exec", &service->exec },
		       { "User", &service->user },
		       { "SystemdService", &service->unit } };
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (!strcmp(fields[i].key, key))
			break;
	if (i == sizeof(fields) / sizeof(*fields)) /* AssumedAppArmorLabel, and what may come */
		return 0;
	if (*fields[i].value)
		return complain(reader, "given twice: ", key);
	if (!unescape(value))
		return complain(reader,
				"a backslash stands before something else than s n t r \\ "
				"in ",
				key);
	*fields[i].value = strdup(value);
	return *fields[i].value ? 0 : complain(reader, "no memory", "");
}

static int take_line(struct reader *reader, char *line)
{
	char *equals;

	line = trim(line);
	if (!*line || *line == '#')
		return 0;
	if (*line == '[') {
		if (line[strlen(line) - 1] != ']')
			return complain(reader, "a section without its closing bracket: ", line);
		reader->has_section = true;
		reader->is_inside = !strcmp(line, SECTION);
		if (reader->is_inside && reader->was_inside)
			return complain(reader, "the section is there twice: ", line);
		reader->was_inside |= reader->is_inside;
		return 0;
	}
	equals = strchr(line, '=');
	if (!equals)
		return complain(reader, "neither a section, nor KEY=VALUE, nor a comment: ", line);
	if (!reader->is_inside)
		return reader->has_section ? 0 : complain(reader, "not in a section: ", line);
	*equals = '\0';
	return take_value(reader, trim(line), trim(equals + 1));
}

static int check(struct reader *reader)
{
	const struct service *service = reader->service;

	if (!reader->was_inside)
		return complain(reader, "there is no section ", SECTION);
	if (!service->name)
		return complain(reader, "there is no Name", "");
	if (!syntax_is_well_known_name(service->name, strlen(service->name)) ||
	    !strcmp(service->name, "org.freedesktop.DBus"))
		return complain(reader, "not a name for a service: ", service->name);
	if (!service->exec && !service->unit)
		return complain(reader, "there is no Exec", "");
	if (service->user && !*service->user)
		return complain(reader, "User is empty", "");
	return 0;
}

int service_parse(const char *path, char *text, struct service **service, char why[SERVICE_WHY_MAX])
{
	struct reader reader = { .path = path, .line = 1, .why = why };
	char *line, *rest = text;
	int r = -1;

	/* The name of a unit goes into a message, which has to be valid. */
	if (!syntax_is_utf8(text, strlen(text)))
		return complain(&reader, "not UTF-8", "");
	reader.service = calloc(1, sizeof(*reader.service));
	if (!reader.service)
		return complain(&reader, "no memory", "");
	list_init(&reader.service->link);
	reader.service->path = strdup(path);
	r = reader.service->path ? 0 : complain(&reader, "no memory", "");
	for (; r == 0 && (line = strsep(&rest, "\n")); reader.line++)
		r = take_line(&reader, line);
	if (r == 0)
		r = check(&reader);
	if (r == 0)
		*service = reader.service;
	else
		service_free(reader.service);
	return r;
}

/* What root starts has to be what root wrote. */
static bool is_foreign(const struct stat *status)
{
	return geteuid() == 0 && (status->st_uid != 0 || (status->st_mode & S_IWOTH));
}

int service_read(const char *path, struct service **service, char why[SERVICE_WHY_MAX])
{
	CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	CLEANUP(cleanup_free) char *text = malloc(SERVICE_FILE_MAX + 1);
	const char *problem = NULL;
	struct stat status;
	ssize_t n = 0;
	size_t size = 0;

	if (fd < 0 || !text || fstat(fd, &status) < 0)
		problem = strerror(errno);
	else if (!S_ISREG(status.st_mode))
		problem = "not a file";
	else if (is_foreign(&status))
		problem = "somebody else than root may write it";
	while (!problem && size <= SERVICE_FILE_MAX &&
	       (n = read(fd, text + size, SERVICE_FILE_MAX + 1 - size)) > 0)
		size += (size_t)n;
	if (n < 0)
		problem = strerror(errno);
	else if (!problem && size > SERVICE_FILE_MAX)
		problem = "longer than 64 KiB";
	else if (!problem && memchr(text, '\0', size))
		problem = "not text";
	if (problem) {
		snprintf(why, SERVICE_WHY_MAX, "%.300s: %s", path, problem);
		return -1;
	}
	text[size] = '\0';
	return service_parse(path, text, service, why);
}
