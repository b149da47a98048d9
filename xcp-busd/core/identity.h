/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who a peer is, as the transport says: the kernel for a socket, the hypervisor for a ring.
 * What a guest says of itself is never in here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	IDENTITY_NAME_MAX = 64,
	IDENTITY_GROUPS_MAX = 64,
	IDENTITY_UUID_TEXT = 37, /* with the NUL */
};

struct identity {
	uint32_t domid;
	bool is_guest;
	/* of a guest */
	uint8_t uuid[16];
	char domain_name[IDENTITY_NAME_MAX]; /* the toolstack's, for people */
	char *own; /* names granted by the toolstack, separated by spaces; freed by its keeper */
	bool has_target; /* it is a stub domain: it emulates devices for another one */
	uint32_t target;
	/* of a local peer */
	uint32_t uid, pid;
	uint32_t gids[IDENTITY_GROUPS_MAX];
	unsigned gid_count;
};

/* Sorts the groups and leaves each once. */
void identity_sort_groups(struct identity *identity);
/* The domain's name as valid, printable text: a toolstack may write anything. */
void identity_clean_name(struct identity *identity);
/* As everybody writes it. Returns out. */
const char *identity_format_uuid(char out[IDENTITY_UUID_TEXT], const uint8_t uuid[16]);
