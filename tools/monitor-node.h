/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an object says of itself: introspection data, which is XML. A service may say anything;
 * names of children that cannot be part of a path are left out, and so are arguments without a
 * type. */
#pragma once

#include "common/cleanup.h"
#include "tools/monitor.h"

enum member_kind { MEMBER_METHOD, MEMBER_SIGNAL, MEMBER_PROPERTY };

struct argument {
	char *name; /* "" if it has none */
	char *type;
	bool is_out;
	bool is_secret; /* as it says itself */
};

struct member {
	enum member_kind kind;
	char *name;
	char *access; /* of a property; otherwise "" */
	char *secret; /* names of arguments, "true" of a property; NULL: nothing was said */
	struct argument *arguments; /* a property has one, its type */
	unsigned count;
};

struct interface {
	char *name;
	struct member *members;
	unsigned count;
};

struct node {
	struct interface *interfaces;
	unsigned interface_count;
	char **children; /* elements of paths */
	unsigned child_count;
};

/* -EINVAL: not well-formed. */
int node_parse(const char *xml, struct node **out);
struct node *node_free(struct node *node);
DEFINE_FREEP(struct node, node_free)

/* The memory that it takes, about. */
size_t node_weight(const struct node *node);

const struct interface *node_find(const struct node *node, const char *interface);

/* Peer, Introspectable and Properties, which everybody has. */
bool is_standard_interface(const char *name);

/* Whether the argument (of all, in their order) is not to be shown: org.xen.xcp.Secret. */
bool member_hides(const struct member *member, unsigned argument);

/* The types of all arguments of one direction, joined. */
char *member_signature(const struct member *member, bool is_out);
