/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is who on the bus: which domain a connection is in, what names it owns. Kept up to date from
 * the NameOwnerChanged signals that a monitor sees; what those do not say is asked for on an
 * ordinary connection. */
#pragma once

#include "common/cleanup.h"
#include "tools/monitor.h"

struct names;

/* One end of a message. All of it is borrowed until the next call of names_observe. */
struct party {
	const char *unique; /* NULL: nobody has the name */
	const char *name; /* that it was called by, or the first that it owns; NULL: none */
	int64_t domid; /* -1: it is not known, or the bus knows no domains */
	const char *domain; /* its name; NULL: it is not known */
};

struct names *names_new(void);
struct names *names_free(struct names *names);
DEFINE_FREEP(struct names, names_free)

/* Asks the bus who there is. It is borrowed, for what has to be asked later. Without it, domains
 * are what unique names say. */
int names_load(struct names *names, struct xcpbus *bus, struct xcpbus_error *error);

/* A NameOwnerChanged. */
void names_observe(struct names *names, DBusMessage *signal);
bool names_is_end(DBusMessage *signal); /* whether it says that nobody has the name any more */
/* The name was called, and unique answered. For captures, which say no more. */
void names_infer(struct names *names, const char *name, const char *unique);

/* name is a unique name or a well-known one, or NULL. */
void names_describe(struct names *names, const char *name, struct party *out);
bool names_is_owner(const struct names *names, const char *unique, const char *name);
/* Whether anybody is there whose name it is, or who is in such a domain (domain_is_called). */
bool names_has_owner(const struct names *names, const char *name);
bool names_has_domain(const struct names *names, const char *wanted);

/* What runs there, if it is a program of this host: its name, and its pid in *pid. The bus is
 * asked, but not for many in a short time. Borrowed until the next call; NULL: it is not known. */
const char *names_program(struct names *names, const char *unique, int *pid);

/* "org.xen.xcp.storage1@storage(7)", ":0.5@dom0"; yours, not escaped. */
char *party_text(const struct party *party);
void put_party(FILE *out, const struct party *party);
/* Whether somebody means that domain who says wanted: a domid, dom0, or a name. */
bool domain_is_called(const char *wanted, int64_t domid, const char *name);
/* "dom0", "storage(7)", "(7)", or "" if it is not known. Borrowed until the next call. */
const char *domain_text(int64_t domid, const char *domain);
void json_party(struct json *json, const char *key, const struct party *party);
/* The same, and there is more to come of it. */
void json_party_open(struct json *json, const char *key, const struct party *party);
