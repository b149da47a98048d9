/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/hash.h"
#include "common/list.h"
#include "common/map.h"
#include "tools/monitor-driver.h"
#include "tools/monitor-snapshot.h"

enum {
	NAMES_MAX = 1 << 17, /* connections and well-known names; more are not kept */
	ASK_MS = 2000,
	ASKED_AT_ONCE =
		20, /* domains, and then one each ASK_EVERY_US: each makes the monitor wait */
	ASK_EVERY_US = 200 * 1000,
	NO_DOMAIN = -1,
};

struct domain {
	UT_hash_handle hh;
	int64_t domid;
	char *name; /* NULL: not known, but it was asked for */
	unsigned peers; /* without any it is forgotten: the number may come back as another's */
};

struct peer { /* or the bus itself */
	UT_hash_handle hh;
	char *unique;
	struct domain *domain; /* NULL: not known */
	int pid; /* 0: not known; -1: nobody says */
	struct list owned; /* name::owned_link */
};

struct name {
	UT_hash_handle hh;
	char *text;
	struct peer *owner;
	struct list owned_link;
};

struct names {
	struct hash_key key;
	struct xcpbus *bus; /* NULL: there is nobody to ask */
	bool has_domains; /* unique names begin with a domid */
	struct peer *peers;
	struct name *names;
	struct domain *domains;
	unsigned count;
	uint64_t asked_us; /* as if one had asked at the steady rate until then */
};

/* ---- Domains ---- */

/* Of ":7.12". */
static int64_t domid_of(const char *unique)
{
	char *end;
	unsigned long domid;

	if (unique[0] != ':' || unique[1] < '0' || unique[1] > '9')
		return NO_DOMAIN;
	domid = strtoul(unique + 1, &end, 10);
	return *end == '.' && domid < 0x7ff0 ? (int64_t)domid : NO_DOMAIN;
}

static bool may_ask(struct names *names)
{
	uint64_t now = clock_us(), burst = (uint64_t)ASKED_AT_ONCE * ASK_EVERY_US;

	if (!names->bus || names->asked_us > now)
		return false;
	if (names->asked_us + burst < now)
		names->asked_us = now - burst;
	names->asked_us += ASK_EVERY_US;
	return true;
}

/* What the toolstack calls the domain that the connection is in; NULL: nobody says so. */
static char *ask_domain_name(struct names *names, const char *unique)
{
	struct credentials credentials;

	if (!may_ask(names) || driver_credentials(names->bus, unique, ASK_MS, &credentials) < 0)
		return NULL;
	return credentials.domain;
}

/* known: its name, if that is known already. */
static struct domain *domain_get(struct names *names, const char *unique, const char *known)
{
	int64_t domid = names->has_domains ? domid_of(unique) : NO_DOMAIN;
	struct domain *domain;

	if (domid < 0)
		return NULL;
	HASH_FIND(hh, names->domains, &domid, sizeof(domid), domain);
	if (!domain) {
		domain = need(calloc(1, sizeof(*domain)));
		domain->domid = domid;
		HASH_ADD(hh, names->domains, domid, sizeof(domain->domid), domain);
		need(domain->hh.tbl);
	}
	if (!domain->name && known && *known)
		domain->name = copy_text(known);
	else if (!domain->name)
		domain->name = ask_domain_name(names, unique);
	domain->peers++;
	return domain;
}

static void domain_put(struct names *names, struct domain *domain)
{
	if (!domain || --domain->peers)
		return;
	HASH_DELETE(hh, names->domains, domain);
	free(domain->name);
	free(domain);
}

/* ---- Connections and names ---- */

static struct peer *peer_find(const struct names *names, const char *unique)
{
	size_t size = strlen(unique);
	struct peer *peer;

	MAP_FIND(names->peers, unique, size, hash_bytes(&names->key, unique, size), peer);
	return peer;
}

static struct peer *peer_get(struct names *names, const char *unique, const char *domain)
{
	size_t size = strlen(unique);
	struct peer *peer = peer_find(names, unique);

	if (peer || names->count >= NAMES_MAX)
		return peer;
	peer = need(calloc(1, sizeof(*peer)));
	peer->unique = copy_text(unique);
	peer->domain = domain_get(names, unique, domain);
	list_init(&peer->owned);
	MAP_ADD(names->peers, peer->unique, size, hash_bytes(&names->key, unique, size), peer);
	need(peer->hh.tbl);
	names->count++;
	return peer;
}

static struct name *name_find(const struct names *names, const char *text)
{
	size_t size = strlen(text);
	struct name *name;

	MAP_FIND(names->names, text, size, hash_bytes(&names->key, text, size), name);
	return name;
}

static void name_remove(struct names *names, struct name *name)
{
	MAP_REMOVE(names->names, name);
	list_remove(&name->owned_link);
	free(name->text);
	free(name);
	names->count--;
}

static void name_set(struct names *names, const char *text, struct peer *owner)
{
	size_t size = strlen(text);
	struct name *name = name_find(names, text);

	if (!name && names->count >= NAMES_MAX)
		return;
	if (!name) {
		name = need(calloc(1, sizeof(*name)));
		name->text = copy_text(text);
		list_init(&name->owned_link);
		MAP_ADD(names->names, name->text, size, hash_bytes(&names->key, text, size), name);
		need(name->hh.tbl);
		names->count++;
	} else if (name->owner == owner) {
		return;
	}
	list_remove(&name->owned_link);
	list_push_back(&owner->owned, &name->owned_link);
	name->owner = owner;
}

static void peer_remove(struct names *names, struct peer *peer)
{
	struct name *name;

	while ((name = list_first(&peer->owned, struct name, owned_link)))
		name_remove(names, name);
	MAP_REMOVE(names->peers, peer);
	domain_put(names, peer->domain);
	free(peer->unique);
	free(peer);
	names->count--;
}

struct names *names_new(void)
{
	struct names *names = need(calloc(1, sizeof(*names)));

	if (getrandom(&names->key, sizeof(names->key), 0) != sizeof(names->key))
		exit(fail("there is nothing random: %s", strerror(errno)));
	name_set(names, BUS_NAME, peer_get(names, BUS_NAME, NULL));
	return names;
}

struct names *names_free(struct names *names)
{
	if (!names)
		return NULL;
	while (names->peers)
		peer_remove(names, names->peers);
	free(names);
	return NULL;
}

/* ---- Asking ---- */

static int load_links(struct names *names, struct xcpbus_error *error)
{
	struct links links;
	struct peer *peer;
	unsigned i, j;
	int r = links_load(names->bus, &links, error);

	if (r < 0)
		return r;
	names->has_domains = true;
	for (i = 0; i < links.count; i++) {
		const struct bus1_link *link = links.items[i];

		if (!*link->unique_name || link->is_monitor)
			continue;
		peer = peer_get(names, link->unique_name, link->domain_name);
		for (j = 0; peer && j < link->names.count; j++)
			name_set(names, link->names.items[j], peer);
		if (peer && link->pid)
			peer->pid = (int)*link->pid;
	}
	links_deinit(&links);
	return 0;
}

/* For a bus that has no org.xen.xcp.Bus1. */
static void ask_owner(struct names *names, const char *name)
{
	struct peer *peer;
	char *owner;

	if (*name == ':') {
		peer_get(names, name, NULL);
		return;
	}
	if (!strcmp(name, BUS_NAME) || driver_owner(names->bus, name, ASK_MS, &owner, NULL) < 0)
		return;
	peer = peer_get(names, owner, NULL);
	if (peer)
		name_set(names, name, peer);
	free(owner);
}

static int load_names(struct names *names, struct xcpbus_error *error)
{
	struct name_list all;
	unsigned i;
	int r = driver_list(names->bus, "ListNames", ASK_MS, &all, error);

	if (r < 0)
		return r;
	for (i = 0; i < all.count; i++)
		ask_owner(names, all.items[i]);
	name_list_deinit(&all);
	return 0;
}

int names_load(struct names *names, struct xcpbus *bus, struct xcpbus_error *error)
{
	names->bus = bus;
	if (load_links(names, error) >= 0)
		return 0;
	/* dom0's are ":0.", and other buses begin with 1. */
	names->has_domains = !strncmp(xcpbus_unique_name(bus), ":0.", 3);
	return load_names(names, error);
}

/* ---- Looking on ---- */

void names_observe(struct names *names, DBusMessage *signal)
{
	const char *name, *before, *after;
	struct peer *peer;
	struct name *known;

	if (xcpbus_read(signal, "sss", &name, &before, &after) < 0)
		return;
	if (*name == ':') {
		peer = *after ? peer_get(names, after, NULL) : peer_find(names, name);
		if (peer && !*after)
			peer_remove(names, peer);
		return;
	}
	known = name_find(names, name);
	if (!*after && known)
		name_remove(names, known);
	else if (*after && (peer = peer_get(names, after, NULL)))
		name_set(names, name, peer);
}

bool names_is_end(DBusMessage *signal)
{
	const char *name, *before, *after;

	return xcpbus_read(signal, "sss", &name, &before, &after) >= 0 && !*after;
}

void names_infer(struct names *names, const char *name, const char *unique)
{
	struct peer *peer;

	if (!names->bus && domid_of(unique) != 1 && domid_of(unique) >= 0)
		names->has_domains = true;
	peer = peer_get(names, unique, NULL);
	if (peer && name && *name != ':')
		name_set(names, name, peer);
}

static const struct domain *domain_find(const struct names *names, const char *unique)
{
	int64_t domid = domid_of(unique);
	struct domain *domain;

	HASH_FIND(hh, names->domains, &domid, sizeof(domid), domain);
	return domain;
}

void names_describe(struct names *names, const char *text, struct party *out)
{
	const struct name *name;
	const struct domain *domain = NULL;
	const struct peer *peer = NULL;

	*out = (struct party){ .domid = NO_DOMAIN };
	if (!text)
		return;
	name = *text == ':' ? NULL : name_find(names, text);
	out->name = *text == ':' ? NULL : text;
	out->unique = *text == ':' ? text : NULL;
	peer = name ? name->owner : out->unique ? peer_find(names, text) : NULL;
	if (peer) {
		out->unique = peer->unique;
		name = list_first(&peer->owned, struct name, owned_link);
		if (!out->name && name)
			out->name = name->text;
		domain = peer->domain;
	}
	if (names->has_domains && out->unique)
		out->domid = domid_of(out->unique);
	if (!domain && out->domid >= 0)
		domain = domain_find(names, out->unique);
	if (domain)
		out->domain = domain->name;
}

bool names_is_owner(const struct names *names, const char *unique, const char *text)
{
	const struct name *name = name_find(names, text);

	return !strcmp(unique, text) || (name && !strcmp(name->owner->unique, unique));
}

bool names_has_owner(const struct names *names, const char *name)
{
	return *name == ':' ? peer_find(names, name) != NULL : name_find(names, name) != NULL;
}

bool names_has_domain(const struct names *names, const char *wanted)
{
	const struct domain *domain;

	for (domain = names->domains; domain; domain = domain->hh.next)
		if (domain_is_called(wanted, domain->domid, domain->name))
			return true;
	return false;
}

/* ---- Programs ---- */

/* Who runs the bus beside us says pids as we know them. */
static bool has_pids(const struct names *names, const char *unique)
{
	return names->bus && !strncmp(xcpbus_address(names->bus), "unix:", 5) &&
	       (!names->has_domains || domid_of(unique) == 0);
}

static int ask_pid(struct names *names, const char *unique)
{
	struct credentials credentials;

	if (!may_ask(names) || driver_credentials(names->bus, unique, ASK_MS, &credentials) < 0)
		return -1;
	free(credentials.domain);
	return (int)credentials.pid;
}

const char *names_program(struct names *names, const char *unique, int *pid)
{
	static char text[PROGRAM_SIZE];
	struct peer *peer = peer_find(names, unique);

	*pid = 0;
	if (!peer || *unique != ':' || !has_pids(names, unique))
		return NULL;
	if (!peer->pid)
		peer->pid = ask_pid(names, unique);
	if (peer->pid < 0)
		return NULL;
	*pid = peer->pid;
	return *program_name(text, peer->pid) ? text : NULL;
}
