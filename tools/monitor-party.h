/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One end of a message or a link, as it is shown. */
#pragma once

#include "tools/monitor.h"

struct party { /* all of it is borrowed */
	const char *unique; /* NULL: nobody has the name */
	const char *name; /* that it was called by, or the first that it owns; NULL: none */
	int64_t domid; /* -1: it is not known, or the bus knows no domains */
	const char *domain; /* its name; NULL: it is not known */
};

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
