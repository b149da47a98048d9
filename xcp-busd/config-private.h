/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the configuration's reader share. */
#pragma once

#include <expat.h>
#include <sys/types.h>

#include "config.h"
#include "core/policy.h"

enum { CONFIG_TEXT_MAX = 1024, CONFIG_DEPTH_MAX = 3, CONFIG_INCLUDE_MAX = 16 };

enum { IN_BUSCONFIG = 0x1, IN_POLICY = 0x2, IN_SELINUX = 0x4 }; /* places for elements */

struct config_reader;

struct config_element {
	const char *name;
	unsigned place; /* where it may stand */
	unsigned inside; /* the place that it is for others; 0: none */
	const char *attributes; /* with a space behind each; NULL: all, begin looks */
	void (*end)(struct config_reader *reader); /* with its text; NULL: it has none */
	void (*begin)(struct config_reader *reader, const XML_Char **attributes);
};

/* One file on its way in. */
struct config_reader {
	struct config_reader *parent; /* the file that includes this one */
	struct config *config;
	XML_Parser parser;
	const char *path;
	dev_t device;
	ino_t inode;
	char *why;
	bool has_failed;
	bool is_trial; /* only to see whether it is valid: looks at no other file */

	const struct config_element *open[CONFIG_DEPTH_MAX];
	unsigned depth;
	bool is_inside; /* of <busconfig> */
	char text[CONFIG_TEXT_MAX];
	size_t text_size;

	char limit[64]; /* the name of the <limit> being read */
	bool may_be_missing, is_off; /* the <include> being read */
	struct policy_scope scope; /* of the <policy> being read */
	bool is_scope_ignored;
};

/* The first complaint is kept, with file and line, and ends the reading. */
void config_complain(struct config_reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

const struct config_element *config_element_find(const char *name);

/* Reads one file into the configuration, included by parent unless that is NULL. 0, or -1 and why.
 * A trial looks at no other file. */
int config_read_path(struct config_reader *parent, struct config *config, const char *path,
		     bool is_trial, char *why);

/* A line for the log, each text once. */
void config_note(struct config *config, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void config_add_servicedir(struct config *config, const char *path, bool is_transient);
void config_add_session_servicedirs(struct config *config);
void config_add_system_servicedirs(struct config *config);

/* False after a complaint. */
bool config_set_limit(struct config_reader *reader, const char *name, const char *text);
/* When all are set. */
void config_settle_limits(struct config *config);

/* <policy>, <allow> and <deny> with their attributes. */
void config_begin_policy(struct config_reader *reader, const XML_Char **attributes);
void config_add_rule(struct config_reader *reader, bool allow, const XML_Char **attributes);

/* An attribute of an element by name; NULL: not there. */
const char *config_attribute(const XML_Char **attributes, const char *name);
