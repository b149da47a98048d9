/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/name.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/peer.h"

void name_registry_init(struct name_registry *registry, const struct hash_key *key)
{
	*registry = (struct name_registry){ .key = key, .peer_max = UINT64_MAX };
}

void name_registry_deinit(struct name_registry *registry)
{
	assert(!registry->names);
	(void)registry;
}

struct name *name_find(const struct name_registry *registry, struct text text)
{
	struct name *name;

	MAP_FIND(registry->names, text.bytes, text.size,
		 hash_bytes(registry->key, text.bytes, text.size), name);
	return name;
}

struct peer *name_owner(const struct name *name)
{
	const struct name_claim *claim;

	if (!name)
		return NULL;
	claim = list_first(&name->claims, struct name_claim, name_link);
	return claim ? claim->peer : NULL;
}

static struct name *name_get(struct name_registry *registry, struct text text)
{
	struct name *name = name_find(registry, text);

	if (name)
		return name;
	name = calloc(1, sizeof(*name) + text.size + 1);
	if (!name)
		return NULL;
	list_init(&name->claims);
	name->size = text.size;
	memcpy(name->text, text.bytes, text.size);
	name->hash = hash_bytes(registry->key, text.bytes, text.size);
	MAP_ADD(registry->names, name->text, name->size, name->hash, name);
	if (!name->hh.tbl) {
		free(name);
		return NULL;
	}
	return name;
}

static void name_put(struct name_registry *registry, struct name *name)
{
	if (!list_is_empty(&name->claims))
		return;
	MAP_REMOVE(registry->names, name);
	free(name);
}

/* The shorter of both lists bounds the walk, whoever of them wants it to be long. */
struct name_claim *name_find_claim(const struct name *name, const struct peer *peer)
{
	const struct list *owned = peer->owned.next, *claims = name->claims.next;
	struct name_claim *claim;

	for (; claims != &name->claims && owned != &peer->owned;
	     claims = claims->next, owned = owned->next) {
		claim = container_of(claims, struct name_claim, name_link);
		if (claim->peer == peer)
			return claim;
		claim = container_of(owned, struct name_claim, peer_link);
		if (claim->name == name)
			return claim;
	}
	return NULL;
}

static struct name_claim *claim_new(struct name *name, struct peer *peer)
{
	struct name_claim *claim = calloc(1, sizeof(*claim));

	if (!claim)
		return NULL;
	*claim = (struct name_claim){ .name = name, .peer = peer };
	list_init(&claim->name_link);
	list_push_back(&peer->owned, &claim->peer_link);
	peer->owned_count++;
	peer->names_version++;
	return claim;
}

static void claim_free(struct name_claim *claim)
{
	quota_release(claim->peer->quota, QUOTA_NAMES, 1);
	claim->peer->owned_count--;
	claim->peer->names_version++;
	list_remove(&claim->name_link);
	list_remove(&claim->peer_link);
	free(claim);
}

/* The owner steps back behind the new one, or leaves if it did not want to wait. */
static void replace_owner(struct name *name, struct name_claim *claim)
{
	struct name_claim *old = list_first(&name->claims, struct name_claim, name_link);

	list_remove(&claim->name_link);
	list_push_front(&name->claims, &claim->name_link);
	if (old->flags & NAME_DO_NOT_QUEUE)
		claim_free(old);
}

static int claim_place(struct name *name, struct name_claim *claim, bool is_new, uint32_t flags,
		       struct name_change *change)
{
	struct name_claim *owner = list_first(&name->claims, struct name_claim, name_link);

	claim->flags = flags;
	if (!owner) {
		list_push_back(&name->claims, &claim->name_link);
		*change = (struct name_change){ true, NULL, claim->peer };
		return NAME_PRIMARY_OWNER;
	}
	if (owner == claim)
		return NAME_ALREADY_OWNER;
	if ((flags & NAME_REPLACE_EXISTING) && (owner->flags & NAME_ALLOW_REPLACEMENT)) {
		*change = (struct name_change){ true, owner->peer, claim->peer };
		replace_owner(name, claim);
		return NAME_PRIMARY_OWNER;
	}
	if (flags & NAME_DO_NOT_QUEUE) {
		claim_free(claim);
		return NAME_EXISTS;
	}
	if (is_new)
		list_push_back(&name->claims, &claim->name_link);
	return NAME_IN_QUEUE;
}

int name_request(struct name_registry *registry, struct peer *peer, struct text text,
		 uint32_t flags, struct name_change *change)
{
	struct name *name = name_get(registry, text);
	struct name_claim *claim;
	bool is_new;
	int r;

	*change = (struct name_change){ 0 };
	if (!name)
		return -ENOMEM;

	claim = name_find_claim(name, peer);
	is_new = !claim;
	if (is_new && peer->owned_count >= registry->peer_max) {
		name_put(registry, name);
		return NAME_OVER_LIMIT;
	}
	if (is_new && !quota_charge(peer->quota, QUOTA_NAMES, 1)) {
		name_put(registry, name);
		return NAME_OVER_QUOTA;
	}
	if (is_new && !(claim = claim_new(name, peer))) {
		quota_release(peer->quota, QUOTA_NAMES, 1);
		name_put(registry, name);
		return -ENOMEM;
	}
	r = claim_place(name, claim, is_new, flags, change);
	name_put(registry, name);
	return r;
}

static void claim_remove(struct name_registry *registry, struct name_claim *claim,
			 struct name_change *change)
{
	struct name *name = claim->name;
	bool was_owner = name_claim_is_primary(claim);
	struct peer *peer = claim->peer;

	claim_free(claim);
	*change = (struct name_change){ was_owner, peer, name_owner(name) };
	name_put(registry, name);
}

int name_release(struct name_registry *registry, struct peer *peer, struct text text,
		 struct name_change *change)
{
	struct name *name = name_find(registry, text);
	struct name_claim *claim;

	*change = (struct name_change){ 0 };
	if (!name)
		return NAME_NON_EXISTENT;
	claim = name_find_claim(name, peer);
	if (!claim)
		return NAME_NOT_OWNER;
	claim_remove(registry, claim, change);
	return NAME_RELEASED;
}

bool name_take_claim(struct name_registry *registry, struct peer *peer, char *text,
		     struct name_change *change)
{
	struct name_claim *claim = list_first(&peer->owned, struct name_claim, peer_link);

	if (!claim)
		return false;
	memcpy(text, claim->name->text, claim->name->size + 1);
	claim_remove(registry, claim, change);
	return true;
}
