/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as introspection data. What is made of it can be shown, and asked for. */
#include <dbus/dbus.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/monitor-node.h"

#define CHECK(expression)                                                                          \
	do {                                                                                       \
		if (!(expression))                                                                 \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As in tools/monitor-bus.c. */
void *need(void *memory)
{
	CHECK(memory);
	return memory;
}

char *copy_text(const char *text)
{
	return need(strdup(text));
}

static void check_member(const struct member *member)
{
	char *signature;
	unsigned i;

	CHECK(member->name && member->access);
	CHECK(member->kind != MEMBER_PROPERTY || member->count <= 1);
	for (i = 0; i < member->count; i++) {
		CHECK(dbus_signature_validate_single(member->arguments[i].type, NULL));
		CHECK(member->kind == MEMBER_METHOD || !member->arguments[i].is_out);
	}
	for (i = 0; i < 2; i++) {
		signature = member_signature(member, i);
		CHECK(dbus_signature_validate(signature, NULL));
		free(signature);
	}
}

static void check_node(const struct node *node)
{
	const struct interface *interface;
	unsigned i, j;
	char *path;

	for (i = 0; i < node->child_count; i++) {
		CHECK(asprintf(&path, "/%s", node->children[i]) >= 0);
		CHECK(dbus_validate_path(path, NULL));
		free(path);
	}
	for (i = 0; i < node->interface_count; i++) {
		interface = &node->interfaces[i];
		CHECK(node_find(node, interface->name));
		for (j = 0; j < interface->count; j++)
			check_member(&interface->members[j]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct node *node = NULL;
	char *xml = need(malloc(size + 1));

	memcpy(xml, data, size);
	xml[size] = '\0';
	if (node_parse(xml, &node) >= 0)
		check_node(node);
	node_free(node);
	free(xml);
	return 0;
}
