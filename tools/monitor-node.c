/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tools/monitor-node.h"

#define SECRET "org.xen.xcp.Secret"

/* A node has one <node>, in which are interfaces, in which are members, in which are arguments.
 * What is in nodes within is theirs, and they are asked for it. */
struct reader {
	XML_Parser parser;
	struct node *node;
	unsigned nodes; /* that are open */
	struct interface *interface; /* that is open */
	struct member *member; /* the same */
	bool has_argument; /* the same; it is the last of the member */
};

/* One more at the end of an array, all zero. */
static void *grow(void *items, unsigned *count, size_t size, void *last)
{
	char *grown = items;
	void *one;

	if ((*count & (*count - 1)) == 0) /* each power of 2 makes room for as many again */
		grown = need(reallocarray(items, *count ? 2 * *count : 1, size));
	one = grown + *count * size;
	memset(one, 0, size);
	memcpy(last, &one, sizeof(one));
	++*count;
	return grown;
}

static const char *attribute(const char **attributes, const char *name)
{
	unsigned i;

	for (i = 0; attributes[i]; i += 2)
		if (!strcmp(attributes[i], name))
			return attributes[i + 1];
	return "";
}

static void add_child(struct node *node, const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_";
	char **child;

	if (!*name || name[strspn(name, allowed)])
		return;
	node->children = grow(node->children, &node->child_count, sizeof(*child), &child);
	*child = copy_text(name);
}

static void add_argument(struct member *member, const char **attributes)
{
	const char *direction = attribute(attributes, "direction");
	struct argument *argument;

	if (!dbus_signature_validate_single(attribute(attributes, "type"), NULL))
		return;
	member->arguments = grow(member->arguments, &member->count, sizeof(*argument), &argument);
	argument->name =
		copy_text(member->kind == MEMBER_PROPERTY ? "" : attribute(attributes, "name"));
	argument->type = copy_text(attribute(attributes, "type"));
	argument->is_out = member->kind == MEMBER_METHOD && !strcmp(direction, "out");
}

static bool find_kind(const char *element, enum member_kind *kind)
{
	static const char *const names[] = { "method", "signal", "property" };
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], element) != 0)
			continue;
		*kind = (enum member_kind)i;
		return true;
	}
	return false;
}

static void add_member(struct reader *reader, enum member_kind kind, const char **attributes)
{
	struct interface *interface = reader->interface;
	struct member *member;

	interface->members = grow(interface->members, &interface->count, sizeof(*member), &member);
	member->kind = kind;
	member->name = copy_text(attribute(attributes, "name"));
	member->access = copy_text(attribute(attributes, "access"));
	if (kind == MEMBER_PROPERTY)
		add_argument(member, attributes);
	reader->member = member;
}

static void add_annotation(struct reader *reader, const char **attributes)
{
	struct member *member = reader->member;
	const char *value = attribute(attributes, "value");

	if (strcmp(attribute(attributes, "name"), SECRET) != 0)
		return;
	if (reader->has_argument && member->count) {
		member->arguments[member->count - 1].is_secret = !strcmp(value, "true");
	} else if (!reader->has_argument) {
		free(member->secret);
		member->secret = copy_text(value);
	}
}

static void on_begin(void *data, const char *element, const char **attributes)
{
	struct reader *reader = data;
	struct node *node = reader->node;
	enum member_kind kind;

	if (!strcmp(element, "node")) {
		if (++reader->nodes == 2)
			add_child(node, attribute(attributes, "name"));
	} else if (reader->nodes != 1) {
		return;
	} else if (!strcmp(element, "interface")) {
		node->interfaces = grow(node->interfaces, &node->interface_count,
					sizeof(*reader->interface), &reader->interface);
		reader->interface->name = copy_text(attribute(attributes, "name"));
		reader->member = NULL;
	} else if (reader->interface && find_kind(element, &kind)) {
		add_member(reader, kind, attributes);
	} else if (reader->member && !strcmp(element, "arg") &&
		   reader->member->kind != MEMBER_PROPERTY) {
		add_argument(reader->member, attributes);
		reader->has_argument = true;
	} else if (reader->member && !strcmp(element, "annotation")) {
		add_annotation(reader, attributes);
	}
}

static void on_end(void *data, const char *element)
{
	struct reader *reader = data;
	enum member_kind kind;

	if (!strcmp(element, "node"))
		reader->nodes--;
	else if (reader->nodes == 1 && !strcmp(element, "interface"))
		reader->interface = NULL;
	if (reader->nodes == 1 && (!reader->interface || find_kind(element, &kind)))
		reader->member = NULL;
	if (!reader->member || !strcmp(element, "arg"))
		reader->has_argument = false;
}

/* Nobody needs entities, and they could become very long. */
static void on_entity(void *data, const char *name, int is_parameter, const char *value, int size,
		      const char *base, const char *system, const char *public,
		      const char *notation)
{
	struct reader *reader = data;

	(void)name, (void)is_parameter, (void)value, (void)size, (void)base, (void)system;
	(void)public, (void)notation;
	XML_StopParser(reader->parser, XML_FALSE);
}

int node_parse(const char *xml, struct node **out)
{
	CLEANUP(node_freep) struct node *node = need(calloc(1, sizeof(*node)));
	struct reader reader = { .parser = need(XML_ParserCreate(NULL)), .node = node };
	bool is_good;

	XML_SetUserData(reader.parser, &reader);
	XML_SetElementHandler(reader.parser, on_begin, on_end);
	XML_SetEntityDeclHandler(reader.parser, on_entity);
	is_good = XML_Parse(reader.parser, xml, (int)strlen(xml), true) == XML_STATUS_OK;
	XML_ParserFree(reader.parser);
	if (!is_good)
		return -EINVAL;
	*out = TAKE(node);
	return 0;
}

static void interface_free(struct interface *interface)
{
	struct member *member;
	unsigned i, j;

	for (i = 0; i < interface->count; i++) {
		member = &interface->members[i];
		for (j = 0; j < member->count; j++) {
			free(member->arguments[j].name);
			free(member->arguments[j].type);
		}
		free(member->arguments);
		free(member->name);
		free(member->access);
		free(member->secret);
	}
	free(interface->members);
	free(interface->name);
}

struct node *node_free(struct node *node)
{
	unsigned i;

	if (!node)
		return NULL;
	for (i = 0; i < node->interface_count; i++)
		interface_free(&node->interfaces[i]);
	for (i = 0; i < node->child_count; i++)
		free(node->children[i]);
	free(node->interfaces);
	free(node->children);
	free(node);
	return NULL;
}

/* With what the allocator adds, and room for as many again as there are. */
static size_t text_weight(const char *text)
{
	return text ? 32 + strlen(text) : 0;
}

static size_t member_weight(const struct member *member)
{
	size_t weight = 2 * sizeof(*member) + text_weight(member->name) +
			text_weight(member->access) + text_weight(member->secret);
	unsigned i;

	for (i = 0; i < member->count; i++)
		weight += 2 * sizeof(*member->arguments) + text_weight(member->arguments[i].name) +
			  text_weight(member->arguments[i].type);
	return weight;
}

size_t node_weight(const struct node *node)
{
	size_t weight = sizeof(*node);
	unsigned i, j;

	for (i = 0; i < node->child_count; i++)
		weight += 2 * sizeof(*node->children) + text_weight(node->children[i]);
	for (i = 0; i < node->interface_count; i++) {
		const struct interface *interface = &node->interfaces[i];

		weight += 2 * sizeof(*interface) + text_weight(interface->name);
		for (j = 0; j < interface->count; j++)
			weight += member_weight(&interface->members[j]);
	}
	return weight;
}

const struct interface *node_find(const struct node *node, const char *interface)
{
	unsigned i;

	for (i = 0; i < node->interface_count; i++)
		if (!strcmp(node->interfaces[i].name, interface))
			return &node->interfaces[i];
	return NULL;
}

bool is_standard_interface(const char *name)
{
	return !strcmp(name, DBUS_INTERFACE_PEER) || !strcmp(name, DBUS_INTERFACE_INTROSPECTABLE) ||
	       !strcmp(name, DBUS_INTERFACE_PROPERTIES);
}

static bool has_word(const char *words, const char *word)
{
	size_t size = strlen(word), length;

	for (; *words; words += length) {
		words += strspn(words, " ");
		length = strcspn(words, " ");
		if (length && length == size && !strncmp(words, word, size))
			return true;
	}
	return false;
}

bool member_hides(const struct member *member, unsigned argument)
{
	if (argument >= member->count)
		return false;
	if (member->arguments[argument].is_secret)
		return true;
	if (!member->secret)
		return false;
	return has_word(member->secret, member->kind == MEMBER_PROPERTY
						? "true"
						: member->arguments[argument].name);
}

char *member_signature(const struct member *member, bool is_out)
{
	char *signature = need(calloc(1, DBUS_MAXIMUM_SIGNATURE_LENGTH + 1));
	unsigned i;

	for (i = 0; i < member->count; i++)
		if (member->arguments[i].is_out == is_out &&
		    strlen(signature) + strlen(member->arguments[i].type) <=
			    DBUS_MAXIMUM_SIGNATURE_LENGTH)
			strcat(signature, member->arguments[i].type);
	return signature;
}
