/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dbus-daemon's configuration language (dbus-daemon(1)), read with expat. Only what is understood
 * is accepted. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "config-private.h"

enum { FILE_MAX = 1024 * 1024 };

void config_complain(struct config_reader *reader, const char *format, ...)
{
	va_list args;
	int used;

	if (reader->has_failed)
		return;
	reader->has_failed = true;
	used = snprintf(reader->why, CONFIG_WHY_MAX, "%.300s:%lu: ", reader->path,
			XML_GetCurrentLineNumber(reader->parser));
	va_start(args, format);
	vsnprintf(reader->why + used, CONFIG_WHY_MAX - (size_t)used, format, args);
	va_end(args);
	XML_StopParser(reader->parser, XML_FALSE);
}

const char *config_attribute(const XML_Char **attributes, const char *name)
{
	for (; *attributes; attributes += 2)
		if (!strcmp(attributes[0], name))
			return attributes[1];
	return NULL;
}

static bool check_attributes(struct config_reader *reader, const struct config_element *element,
			     const XML_Char **attributes)
{
	char word[64];

	for (; *attributes && element->attributes; attributes += 2) {
		if (snprintf(word, sizeof(word), "%s ", attributes[0]) < (int)sizeof(word) &&
		    strstr(element->attributes, word))
			continue;
		config_complain(reader, "<%s> has no attribute %.100s", element->name,
				attributes[0]);
		return false;
	}
	return true;
}

static void on_begin(void *data, const XML_Char *name, const XML_Char **attributes)
{
	struct config_reader *reader = data;
	unsigned place = reader->depth ? reader->open[reader->depth - 1]->inside : IN_BUSCONFIG;
	const struct config_element *element = config_element_find(name);

	if (!reader->is_inside) {
		reader->is_inside = true;
		if (strcmp(name, "busconfig") != 0)
			config_complain(reader, "the outermost element is <busconfig>, not %.100s",
					name);
		return;
	}
	if (!element || !(element->place & place) || reader->depth == CONFIG_DEPTH_MAX) {
		config_complain(reader,
				element ? "the element %.100s cannot stand here"
					: "there is no element %.100s",
				name);
		return;
	}
	reader->open[reader->depth++] = element;
	reader->text_size = 0;
	if (check_attributes(reader, element, attributes) && element->begin)
		element->begin(reader, attributes);
}

static void on_text(void *data, const XML_Char *text, int size)
{
	struct config_reader *reader = data;
	const struct config_element *element =
		reader->depth ? reader->open[reader->depth - 1] : NULL;
	int i;

	if (element && element->end) {
		if (reader->text_size + (size_t)size >= sizeof(reader->text)) {
			config_complain(reader, "the text is too long in %s", element->name);
			return;
		}
		memcpy(reader->text + reader->text_size, text, (size_t)size);
		reader->text_size += (size_t)size;
		return;
	}
	for (i = 0; i < size; i++)
		if (!strchr(" \t\r\n", text[i])) {
			config_complain(reader, "no text can stand in <%s>",
					element ? element->name : "busconfig");
			return;
		}
}

/* Cuts white space off both ends, in place. */
static void trim(char *text, size_t size)
{
	static const char blank[] = " \t\r\n";
	size_t begin;

	while (size && strchr(blank, text[size - 1]))
		size--;
	text[size] = '\0';
	begin = strspn(text, blank);
	memmove(text, text + begin, size - begin + 1);
}

static void on_end(void *data, const XML_Char *name)
{
	struct config_reader *reader = data;
	const struct config_element *element;

	(void)name;
	if (!reader->depth || reader->has_failed)
		return;
	element = reader->open[reader->depth - 1];
	if (element->end) {
		trim(reader->text, reader->text_size);
		if (reader->text[0])
			element->end(reader);
		else
			config_complain(reader, "<%s> is empty", element->name);
	}
	reader->depth--;
}

/* No entity is of any use here, and some are bombs. */
static void on_entity(void *data, const XML_Char *name, int is_parameter, const XML_Char *value,
		      int size, const XML_Char *base, const XML_Char *system,
		      const XML_Char *public, const XML_Char *notation)
{
	(void)is_parameter, (void)value, (void)size, (void)base, (void)system, (void)public,
		(void)notation;
	config_complain(data, "the entity %.100s: entities are not taken", name);
}

static int parse(struct config_reader *reader, const char *bytes, size_t size)
{
	reader->parser = XML_ParserCreate(NULL);
	if (!reader->parser) {
		snprintf(reader->why, CONFIG_WHY_MAX, "%.400s: no memory", reader->path);
		return -1;
	}
	XML_SetUserData(reader->parser, reader);
	XML_SetElementHandler(reader->parser, on_begin, on_end);
	XML_SetCharacterDataHandler(reader->parser, on_text);
	XML_SetEntityDeclHandler(reader->parser, on_entity);
	if (XML_Parse(reader->parser, bytes, (int)size, XML_TRUE) != XML_STATUS_OK)
		config_complain(reader, "not well-formed XML: %s",
				XML_ErrorString(XML_GetErrorCode(reader->parser)));
	XML_ParserFree(reader->parser);
	return reader->has_failed ? -1 : 0;
}

/* A file that cannot be read has no line of its own: the one that asks for it is named. */
static int refuse(const struct config_reader *parent, const char *path, const char *detail,
		  char *why)
{
	int used = 0;

	if (parent)
		used = snprintf(why, CONFIG_WHY_MAX, "%.200s:%lu: ", parent->path,
				XML_GetCurrentLineNumber(parent->parser));
	snprintf(why + used, CONFIG_WHY_MAX - (size_t)used, "%.200s: %s", path, detail);
	return -1;
}

/* NULL, or what is wrong. */
static const char *read_all(int fd, char **bytes, size_t *size)
{
	CLEANUP(cleanup_free) char *buffer = malloc(FILE_MAX + 1);
	ssize_t n = 0;

	*size = 0;
	errno = ENOMEM;
	while (buffer && *size <= FILE_MAX &&
	       (n = read(fd, buffer + *size, FILE_MAX + 1 - *size)) > 0)
		*size += (size_t)n;
	if (!buffer || n < 0)
		return strerror(errno);
	if (*size > FILE_MAX)
		return "longer than 1 MiB";
	*bytes = TAKE(buffer);
	return NULL;
}

/* Whether a file that is being read includes this one. */
static bool is_circular(const struct config_reader *reader, const struct stat *status)
{
	for (; reader; reader = reader->parent)
		if (reader->device == status->st_dev && reader->inode == status->st_ino)
			return true;
	return false;
}

static unsigned depth_of(const struct config_reader *reader)
{
	unsigned depth = 0;

	for (; reader; reader = reader->parent)
		depth++;
	return depth;
}

int config_read_path(struct config_reader *parent, struct config *config, const char *path,
		     bool is_trial, char *why)
{
	CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	CLEANUP(cleanup_free) char *bytes = NULL;
	struct config_reader reader = {
		.parent = parent, .config = config, .path = path, .is_trial = is_trial, .why = why
	};
	const char *detail;
	struct stat status;
	size_t size;

	if (fd < 0 || fstat(fd, &status) < 0)
		return refuse(parent, path, strerror(errno), why);
	if (is_circular(parent, &status) || depth_of(parent) > CONFIG_INCLUDE_MAX)
		return refuse(parent, path, "includes itself", why);
	reader.device = status.st_dev;
	reader.inode = status.st_ino;
	detail = read_all(fd, &bytes, &size);
	return detail ? refuse(parent, path, detail, why) : parse(&reader, bytes, size);
}

/* When all is read. */
static int settle(struct config *config, int r, char why[CONFIG_WHY_MAX])
{
	if (r < 0)
		return r;
	config_settle_limits(config);
	/* Rules for guests leave users what they have without any. */
	if (!config->policy || config->has_user_policy ||
	    policy_add_user_default(config->policy) == 0)
		return 0;
	snprintf(why, CONFIG_WHY_MAX, "no memory");
	return -1;
}

int config_read(struct config *config, const char *path, char why[CONFIG_WHY_MAX])
{
	return settle(config, config_read_path(NULL, config, path, false, why), why);
}

int config_read_text(struct config *config, const char *path, const char *text, size_t size,
		     char why[CONFIG_WHY_MAX])
{
	struct config_reader reader = { .config = config, .path = path, .why = why };

	return settle(config, parse(&reader, text, size), why);
}
