/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is who on the bus: which domain a connection is in, what names it owns. Kept up to date from
 * the NameOwnerChanged signals that a monitor sees; what those do not say is asked for on an
 * ordinary connection. */
#pragma once

#include "tools/monitor-party.h"

struct names;

struct names *names_new(void);
struct names *names_free(struct names *names);

/* Asks the bus who there is. It is borrowed, for what has to be asked later. Without it, domains
 * are what unique names say. */
int names_load(struct names *names, struct xcpbus *bus, struct xcpbus_error *error);

/* A NameOwnerChanged. */
void names_observe(struct names *names, DBusMessage *signal);
bool names_is_end(DBusMessage *signal); /* whether it says that nobody has the name any more */
/* The name was called, and unique answered. For captures, which say no more. */
void names_infer(struct names *names, const char *name, const char *unique);

/* name is a unique name or a well-known one, or NULL. What is said is borrowed until the next call
 * of names_observe. */
void names_describe(struct names *names, const char *name, struct party *out);
bool names_is_owner(const struct names *names, const char *unique, const char *name);
/* Whether anybody is there whose name it is, or who is in such a domain (domain_is_called). */
bool names_has_owner(const struct names *names, const char *name);
bool names_has_domain(const struct names *names, const char *wanted);

/* What runs there, if it is a program of this host: its name, and its pid in *pid. The bus is
 * asked, but not for many in a short time. Borrowed until the next call; NULL: it is not known. */
const char *names_program(struct names *names, const char *unique, int *pid);
