/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who owns which well-known name, and who waits for it (D-Bus specification, "RequestName").
 *
 * The registry changes and reports; who has to be told is the driver's business.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/hash.h"
#include "common/list.h"
#include "common/map.h"
#include "common/text.h"

struct peer;

enum name_flag { /* the specification's */
		 NAME_ALLOW_REPLACEMENT = 0x1,
		 NAME_REPLACE_EXISTING = 0x2,
		 NAME_DO_NOT_QUEUE = 0x4,
};

enum { /* RequestName's and ReleaseName's numbers */
       NAME_PRIMARY_OWNER = 1,
       NAME_IN_QUEUE = 2,
       NAME_EXISTS = 3,
       NAME_ALREADY_OWNER = 4,
       NAME_OVER_QUOTA = 5, /* ours; of all connections of the owner */
       NAME_OVER_LIMIT = 6, /* ours; of one connection */

       NAME_RELEASED = 1,
       NAME_NON_EXISTENT = 2,
       NAME_NOT_OWNER = 3,
};

struct name {
	UT_hash_handle hh;
	struct list claims; /* name_claim::name_link; the first is the owner */
	uint64_t hash;
	uint32_t size;
	char text[]; /* with a NUL */
};

struct name_claim {
	struct list name_link, peer_link;
	struct name *name;
	struct peer *peer;
	uint32_t flags;
};

struct name_registry {
	struct name *names;
	const struct hash_key *key; /* borrowed */
	uint64_t peer_max; /* names of one connection */
};

/* What has to be announced: ownership of name went from one to the other (NULL: nobody). */
struct name_change {
	bool happened;
	struct peer *from, *to;
};

void name_registry_init(struct name_registry *registry, const struct hash_key *key);
void name_registry_deinit(struct name_registry *registry); /* nobody is left */

struct name *name_find(const struct name_registry *registry, struct text text);
struct peer *name_owner(const struct name *name); /* NULL is fine */
/* What the peer has of the name: it owns it or waits for it. NULL: nothing. */
struct name_claim *name_find_claim(const struct name *name, const struct peer *peer);
static inline bool name_claim_is_primary(const struct name_claim *claim)
{
	return claim->name->claims.next == &claim->name_link;
}

/* text is a valid well-known name. An outcome or -ENOMEM. Charged to the peer's quota. */
int name_request(struct name_registry *registry, struct peer *peer, struct text text,
		 uint32_t flags, struct name_change *change);
int name_release(struct name_registry *registry, struct peer *peer, struct text text,
		 struct name_change *change);

/* A leaving peer: takes one of its claims away and says what changed, with the name's text in
 * text (SYNTAX_NAME_MAX + 1 bytes). False if none is left. */
bool name_take_claim(struct name_registry *registry, struct peer *peer, char *text,
		     struct name_change *change);
