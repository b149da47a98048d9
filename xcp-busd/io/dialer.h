/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one thread: whatever waits for xenstored.
 *
 * It watches for rings that guests offer (docs/protocol.md), asks the hypervisor who they are,
 * dials, and hands over connected streams. When xenstored is slow or stopped, the dialer waits
 * and nobody else does.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/list.h"
#include "common/stream.h"
#include "config.h"
#include "core/identity.h"

struct dialer;

struct dialer_event {
	struct list queue_link;
	uint64_t generation; /* of the domain's life: never the same twice */
	struct stream *stream; /* a new link; NULL: the domain is gone */
	struct identity identity;
};

enum dialer_report { DIALER_AUTHENTICATED, DIALER_CLOSED, DIALER_CLOSED_HALF_OPEN };

/* run is what this run of the daemon is called in xenstore, where guests look for it. 0, or -1 and
 * a sentence: this is no Xen domain. */
int dialer_start(const struct vchan_limits *limits, const char *run, struct dialer **out, char *why,
		 size_t why_size);

/* The domain that we are in. */
uint32_t dialer_own_domid(const struct dialer *dialer);

/* From now on these limits hold; what is over them already stays. */
void dialer_set_limits(struct dialer *dialer, const struct vchan_limits *limits);

/* Ends the thread. If xenstored does not let go of it within a second it is left behind, for the
 * process is about to end. NULL is fine. */
void dialer_stop(struct dialer *dialer);

/* Readable when there are events; take them all. */
int dialer_fd(const struct dialer *dialer);
struct dialer_event *dialer_take(struct dialer *dialer); /* NULL: none */
void dialer_event_free(struct dialer_event *event); /* with what is still in it */

/* This domain goes on under another domid: no ring is alive, and what was told of it is wrong. */
bool dialer_is_elsewhere(struct dialer *dialer);

/* How it is. */
struct dialer_view {
	bool has_store; /* it is connected to xenstored */
	bool is_blind; /* other domains cannot be seen */
	uint64_t waiting_us; /* for how long it has been at what it does now */
	uint64_t refused; /* offers of guests, ever */
};
void dialer_look(struct dialer *dialer, struct dialer_view *view);

/* What became of a link that was handed over, and how many pages it has. */
void dialer_report(struct dialer *dialer, uint64_t generation, enum dialer_report report,
		   unsigned pages);
