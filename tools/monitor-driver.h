/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is there: what any D-Bus bus says of names and connections (org.freedesktop.DBus). All fail
 * like xcpbus_call; error may be NULL. */
#pragma once

#include "tools/monitor.h"

struct credentials {
	int64_t domid, uid, pid; /* -1: not known */
	char *domain; /* what the toolstack calls it; yours; NULL: not known */
};

/* name is a unique name or a well-known one. */
int driver_credentials(struct xcpbus *bus, const char *name, int timeout_ms,
		       struct credentials *out);
int driver_owner(struct xcpbus *bus, const char *name, int timeout_ms, char **owner,
		 struct xcpbus_error *error); /* which is yours */

struct name_list {
	const char **items;
	unsigned count;
	DBusMessage *reply; /* in which they are */
};

/* method is ListNames or ListActivatableNames. */
int driver_list(struct xcpbus *bus, const char *method, int timeout_ms, struct name_list *out,
		struct xcpbus_error *error);
void name_list_deinit(struct name_list *list);

enum { PROGRAM_SIZE = 20 };
/* The program that a process of this host runs; "" if it is not known. Returns out. */
const char *program_name(char out[PROGRAM_SIZE], int64_t pid);
