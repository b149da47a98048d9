/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dbus-daemon's configuration language (dbus-daemon(1)), read with expat.
 *
 * Only what is understood is accepted: an element that would change who may do what, and that this
 * daemon does not obey yet, must not be ignored in silence.
 */
#include "config.h"

#include <errno.h>
#include <expat.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

enum { FILE_MAX = 1024 * 1024, TEXT_MAX = 1024 };

struct reader {
	XML_Parser parser;
	struct config *config;
	const char *path;
	char *why;
	bool has_failed, is_inside, is_listening;
	const struct element *element; /* the one whose text is being read */
	char limit[64];
	char text[TEXT_MAX];
	size_t text_size;
};

static void complain(struct reader *reader, const char *what, const char *detail)
{
	if (reader->has_failed)
		return;
	reader->has_failed = true;
	snprintf(reader->why, CONFIG_WHY_MAX, "%s:%lu: %s%.200s", reader->path,
		 XML_GetCurrentLineNumber(reader->parser), what, detail);
	XML_StopParser(reader->parser, XML_FALSE);
}

void config_init(struct config *config)
{
	*config = (struct config){
		.vchan = { .half_open_max = 32, .new_links_per_second = 128 },
		.auth_timeout_us = 5 * 1000000,
		.message_timeout_us = 30 * 1000000,
		.incomplete_max = 64,
	};
	bus_settings_init(&config->bus);
}

int config_add_listen(struct config *config, const char *text, char why[CONFIG_WHY_MAX])
{
	struct address list[ADDRESS_LIST_MAX];
	char detail[ADDRESS_WHY_MAX];
	int count = address_parse(text, list, detail), i;

	if (count < 0) {
		snprintf(why, CONFIG_WHY_MAX, "%s", detail);
		return -1;
	}
	for (i = 0; i < count; i++) {
		if (list[i].kind == ADDRESS_VCHAN && list[i].has_domid) {
			snprintf(why, CONFIG_WHY_MAX,
				 "the daemon listens to the rings of all domains: write vchan: "
				 "without domain=");
			return -1;
		}
		if (list[i].kind == ADDRESS_VCHAN) {
			config->listens_to_guests = true;
			continue;
		}
		if (config->listen_count == CONFIG_LISTEN_MAX) {
			snprintf(why, CONFIG_WHY_MAX, "more than %d addresses to listen on",
				 CONFIG_LISTEN_MAX);
			return -1;
		}
		config->listen[config->listen_count++] = list[i];
	}
	return 0;
}

static void end_listen(struct reader *reader)
{
	char why[CONFIG_WHY_MAX];

	/* The file replaces the default, so the first one found begins anew. */
	if (!reader->is_listening) {
		reader->config->listen_count = 0;
		reader->config->listens_to_guests = false;
		reader->is_listening = true;
	}
	if (config_add_listen(reader->config, reader->text, why) < 0)
		complain(reader, why, "");
}

static void end_auth(struct reader *reader)
{
	if (strcmp(reader->text, "EXTERNAL") != 0 && strcmp(reader->text, "ANONYMOUS") != 0)
		complain(reader, "authentication by EXTERNAL or ANONYMOUS only, not by ",
			 reader->text);
}

static void end_pidfile(struct reader *reader)
{
	if (strlen(reader->text) >= sizeof(reader->config->pidfile))
		complain(reader, "the path of the pidfile is too long", "");
	else
		strcpy(reader->config->pidfile, reader->text);
}

static void set_all_anonymous(struct reader *reader)
{
	reader->config->allow_anonymous = true;
}

/* A limit: its name, and where its value goes; scale turns the file's unit into ours. */
static const struct limit {
	const char *name;
	size_t offset;
	unsigned size; /* of the number: 4 or 8 */
	uint64_t scale, min, max;
} limits[] = {
#define LIMIT(name, field, scale, min, max)                                                        \
	{                                                                                          \
		name, offsetof(struct config, field), sizeof(((struct config *)0)->field), scale,  \
			min, max                                                                   \
	}
	LIMIT("max_message_size", bus.local_message_max, 1, 1024, MESSAGE_SIZE_MAX),
	LIMIT("max_guest_message_size", bus.guest_message_max, 1, 1024, MESSAGE_SIZE_MAX),
	LIMIT("max_outgoing_bytes", bus.local_queue_max, 1, 1, UINT64_C(1) << 40),
	LIMIT("max_guest_outgoing_bytes", bus.guest_queue_max, 1, 1, UINT64_C(1) << 40),
	LIMIT("max_incoming_bytes", bus.unread_max, 1, 1, UINT64_C(1) << 40),
	LIMIT("max_connections_per_user", bus.local.max[QUOTA_PEERS], 1, 1, 1 << 20),
	LIMIT("max_names_per_user", bus.local.max[QUOTA_NAMES], 1, 0, 1 << 20),
	LIMIT("max_match_rules_per_user", bus.local.max[QUOTA_MATCHES], 1, 0, 1 << 20),
	LIMIT("max_replies_per_user", bus.local.max[QUOTA_REPLIES], 1, 0, 1 << 24),
	LIMIT("max_bytes_per_user", bus.local.max[QUOTA_BYTES], 1, 1, UINT64_C(1) << 40),
	LIMIT("max_fds_per_user", bus.local.max[QUOTA_FDS], 1, 0, 1 << 20),
	LIMIT("max_connections_per_domain", bus.guest.max[QUOTA_PEERS], 1, 1, 1 << 20),
	LIMIT("max_names_per_domain", bus.guest.max[QUOTA_NAMES], 1, 0, 1 << 20),
	LIMIT("max_match_rules_per_domain", bus.guest.max[QUOTA_MATCHES], 1, 0, 1 << 20),
	LIMIT("max_replies_per_domain", bus.guest.max[QUOTA_REPLIES], 1, 0, 1 << 24),
	LIMIT("max_bytes_per_domain", bus.guest.max[QUOTA_BYTES], 1, 1, UINT64_C(1) << 40),
	LIMIT("max_new_links_per_second", vchan.new_links_per_second, 1, 1, 1 << 20),
	LIMIT("max_incomplete_per_domain", vchan.half_open_max, 1, 1, 1 << 20),
	LIMIT("max_incomplete_connections", incomplete_max, 1, 1, 1 << 20),
	LIMIT("auth_timeout", auth_timeout_us, 1000, 1, 1 << 30),
	LIMIT("message_timeout", message_timeout_us, 1000, 1, 1 << 30),
	LIMIT("reply_timeout", bus.reply_timeout_us, 1000, 1, 1 << 30),
	LIMIT("stuck_timeout", bus.stuck_us, 1000, 1, 1 << 30),
#undef LIMIT
};

static void end_limit(struct reader *reader)
{
	char *end;
	unsigned long long value;
	char *field;
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		if (!strcmp(limits[i].name, reader->limit))
			break;
	if (i == sizeof(limits) / sizeof(*limits)) {
		complain(reader, "there is no limit called ", reader->limit);
		return;
	}
	errno = 0;
	value = strtoull(reader->text, &end, 10);
	if (errno || *end || end == reader->text || reader->text[0] == '-' ||
	    value < limits[i].min || value > limits[i].max) {
		complain(reader, "not a value for this limit: ", reader->text);
		return;
	}
	field = (char *)reader->config + limits[i].offset;
	if (limits[i].size == 4)
		*(uint32_t *)(void *)field = (uint32_t)(value * limits[i].scale);
	else
		*(uint64_t *)(void *)field = value * limits[i].scale;
}

static void end_type(struct reader *reader)
{
	(void)reader; /* only clients that are started by the bus are told of it */
}

static const struct element {
	const char *name;
	void (*end)(struct reader *reader); /* with its text; NULL: it has none */
	void (*begin)(struct reader *reader);
} elements[] = {
	{ "listen", end_listen, NULL }, { "auth", end_auth, NULL },
	{ "limit", end_limit, NULL },   { "pidfile", end_pidfile, NULL },
	{ "type", end_type, NULL },     { "allow_anonymous", NULL, set_all_anonymous },
};

static const char *attribute(const XML_Char **attributes, const char *name)
{
	for (; *attributes; attributes += 2)
		if (!strcmp(attributes[0], name))
			return attributes[1];
	return NULL;
}

static void on_begin(void *data, const XML_Char *name, const XML_Char **attributes)
{
	struct reader *reader = data;
	const char *limit = attribute(attributes, "name");
	size_t i;

	if (!reader->is_inside) {
		reader->is_inside = true;
		if (strcmp(name, "busconfig") != 0)
			complain(reader, "the outermost element is <busconfig>, not ", name);
		return;
	}
	for (i = 0; i < sizeof(elements) / sizeof(*elements); i++)
		if (!strcmp(elements[i].name, name))
			break;
	if (i == sizeof(elements) / sizeof(*elements) || reader->element) {
		complain(reader, "this version has no element ", name);
		return;
	}
	reader->element = &elements[i];
	reader->text_size = 0;
	if (elements[i].begin)
		elements[i].begin(reader);
	if (elements[i].end == end_limit && !limit)
		complain(reader, "<limit> needs the attribute name", "");
	snprintf(reader->limit, sizeof(reader->limit), "%s", limit ? limit : "");
}

static void on_text(void *data, const XML_Char *text, int size)
{
	struct reader *reader = data;

	if (!reader->element)
		return;
	if (reader->text_size + (size_t)size >= sizeof(reader->text)) {
		complain(reader, "the text is too long in ", reader->element->name);
		return;
	}
	memcpy(reader->text + reader->text_size, text, (size_t)size);
	reader->text_size += (size_t)size;
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
	struct reader *reader = data;
	const struct element *element = reader->element;

	(void)name;
	reader->element = NULL;
	if (!element || !element->end)
		return;
	trim(reader->text, reader->text_size);
	element->end(reader);
}

static int read_file(const char *path, char **bytes, size_t *size, char *why)
{
	CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	CLEANUP(cleanup_free) char *buffer = malloc(FILE_MAX + 1);
	ssize_t n = 0;

	*size = 0;
	if (fd < 0 || !buffer) {
		snprintf(why, CONFIG_WHY_MAX, "%s: %s", path, strerror(errno));
		return -1;
	}
	while (*size <= FILE_MAX && (n = read(fd, buffer + *size, FILE_MAX + 1 - *size)) > 0)
		*size += (size_t)n;
	if (n < 0 || *size > FILE_MAX) {
		snprintf(why, CONFIG_WHY_MAX, "%s: %s", path,
			 n < 0 ? strerror(errno) : "longer than 1 MiB");
		return -1;
	}
	*bytes = TAKE(buffer);
	return 0;
}

int config_read(struct config *config, const char *path, char why[CONFIG_WHY_MAX])
{
	CLEANUP(cleanup_free) char *bytes = NULL;
	struct reader reader = { .config = config, .path = path, .why = why };
	size_t size;

	if (read_file(path, &bytes, &size, why) < 0)
		return -1;
	reader.parser = XML_ParserCreate(NULL);
	if (!reader.parser) {
		snprintf(why, CONFIG_WHY_MAX, "%s: no memory", path);
		return -1;
	}
	XML_SetUserData(reader.parser, &reader);
	XML_SetElementHandler(reader.parser, on_begin, on_end);
	XML_SetCharacterDataHandler(reader.parser, on_text);
	if (XML_Parse(reader.parser, bytes, (int)size, XML_TRUE) != XML_STATUS_OK)
		complain(&reader,
			 "not well-formed XML: ", XML_ErrorString(XML_GetErrorCode(reader.parser)));
	XML_ParserFree(reader.parser);
	return reader.has_failed ? -1 : 0;
}
