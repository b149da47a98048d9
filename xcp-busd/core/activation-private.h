/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of activation share: a name that is being started, and what waits for it. */
#pragma once

#include "core/activation.h"
#include "core/bus.h"

struct activation {
	UT_hash_handle hh;
	uint64_t hash;
	struct list age_link; /* activation_table::by_age */
	struct list waiting; /* waiter::link, in the order they came */
	struct quota *by; /* whose peer wanted it first */
	uint64_t held_size;
	uint64_t deadline_us;
	char *unit; /* systemd is to be asked for it; NULL: it is not */
	bool is_asked;
	uint32_t pid; /* 0: none that we know of */
	uint32_t name_size;
	char name[];
};

struct waiter {
	struct list link, peer_link; /* activation::waiting, peer::waiting */
	struct activation *activation;
	struct peer *from;
	struct message message; /* its bytes are the blob's */
	struct blob *blob; /* NULL: a call of StartServiceByName */
	struct fds *fds;
	uint64_t charged;
};

/* LimitsExceeded. Returns ACTIVATION_REFUSED. */
int activation_limit(struct activation_refusal *refusal, struct reason reason, const char *format,
		     ...) __attribute__((format(printf, 3, 4)));

/* ---- activation-wait.c ---- */

/* Charged to the sender; without a cargo it is a call of StartServiceByName. An outcome of
 * activation_request. */
int waiter_add(struct activation *activation, struct peer *from, const struct message *message,
	       const struct cargo *cargo, struct activation_refusal *refusal);
void waiter_free(struct waiter *waiter);
bool waiter_wants_answer(const struct waiter *waiter);
/* On its way to whoever has the name now, or the answer to StartServiceByName. */
void waiter_let_go(struct bus *bus, struct waiter *waiter, struct peer *owner);
