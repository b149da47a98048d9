/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The few verbs of xenstore that we use.
 *
 * Every call but store_fd and store_next_event asks xenstored and waits for its answer, for ever
 * if it is stopped: the caller is a thread that may wait. A store is used by one thread at a time.
 * Failures are negative errnos as xenstored gave them: -ENOENT, -EACCES, -ENOSPC (quota), ...
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct store;

int store_open(struct store **out);
/* The same, for a store that is kept: its descriptor also tells when xenstored ends, which
 * libxenstore does not (a guest does not notice either way). */
int store_open_for_long(struct store **out);
/* What to ask who cannot open it. */
const char *store_hint(int failure);
struct store *store_free(struct store *store); /* also ends its watches; returns NULL */

/* The domain that this program runs in. */
int store_own_domid(struct store *store, uint32_t *domid);

/* The value ends in a NUL that is not part of it (it may contain others: whoever wrote it is not
 * to be trusted); free it. size may be NULL. */
int store_read(struct store *store, const char *path, char **value, unsigned *size);
int store_write(struct store *store, const char *path, const char *value);

/* With all that is below it. 0 also if there is nothing. */
int store_remove(struct store *store, const char *path);

/* What is done between the two is done at once, or not at all: -EAGAIN if somebody else came in
 * between. */
int store_begin(struct store *store);
int store_end(struct store *store, bool is_wanted);

/* Who may do what with a node. The first entry is its owner, who may do everything, and what it
 * says is for all who have no entry of their own. */
struct store_access {
	uint32_t domid;
	bool reads, writes;
};
enum { STORE_ACCESS_MAX = 16 };
int store_set_access(struct store *store, const char *path, const struct store_access *list,
		     unsigned count);
/* Whether that is what is written there. It may be without effect all the same: xenstored ignores
 * what was written for a domain that is gone, if its number is another's now. */
bool store_has_access(struct store *store, const char *path, const struct store_access *list,
		      unsigned count);

/* Also this domain (0: nobody) may read the node; forget is one that may have been let in before,
 * and is not any more (0: none; the same: that was a domain before this one, with its number). What
 * is so already costs no write. */
int store_let_read(struct store *store, const char *path, uint32_t domid, uint32_t forget);

/* Whether xenstored has been told of the domain, and can tell of its end. */
bool store_knows_domain(struct store *store, uint32_t domid);

/* The names of the children. One free() frees the array and the names. It is not part of what is
 * between store_begin and store_end. */
int store_list(struct store *store, const char *path, char ***names, unsigned *count);

/* An event comes at once, and then whenever something at or below path changes. */
int store_watch(struct store *store, const char *path, const char *token);
int store_unwatch(struct store *store, const char *path, const char *token);

/* Readable when there may be events. Call store_next_event until it returns 0: the descriptor
 * need not stay readable for what is left. */
int store_fd(const struct store *store);

/* 1 and an event, borrowed until the next call; 0 if there is none; -EIO if xenstored is gone. */
int store_next_event(struct store *store, const char **path, const char **token);
