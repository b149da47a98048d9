/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is at the other end of a connection, as the bus says. */
#pragma once

#include "tools/monitor.h"

struct credentials {
	int64_t domid, uid, pid; /* -1: not known */
	char *domain; /* what the toolstack calls it; yours; NULL: not known */
};

/* name is a unique name or a well-known one. Fails like xcpbus_call. */
int credentials_ask(struct xcpbus *bus, const char *name, int timeout_ms, struct credentials *out);

enum { PROGRAM_SIZE = 20 };
/* The program that a process of this host runs; "" if it is not known. Returns out. */
const char *program_name(char out[PROGRAM_SIZE], int64_t pid);
