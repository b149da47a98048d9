/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the log says about those who use the bus: docs/logs.md has the form, and all events.
 *
 * Whoever can cause a line can cause many. So every domain, and every user of the bus's own, may
 * cause only so many (common/rate.h), whatever they are about; the others are counted, and the
 * number is said when there may be one again. Of whom there is no book yet while all are in use,
 * lines go into one that they share: memory is fixed, and so is what all of them can write.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/log.h"
#include "common/rate.h"
#include "core/identity.h"

enum {
	JOURNAL_BOOKS = 256,
	JOURNAL_SETTLE_US = 1000 * 1000, /* until lines that were not written are spoken of */
};

struct journal_book {
	struct rate rate;
	bool is_guest;
	uint32_t domid, uid;
	char name[IDENTITY_NAME_MAX];
};

/* One for each thread. */
struct journal {
	uint64_t keys[JOURNAL_BOOKS]; /* of the books; 0: nobody's. The first is shared. */
	struct journal_book books[JOURNAL_BOOKS];
	unsigned owing; /* books that have lost lines to tell of, at most */
};

/* All zero, it is ready. */

/* Begins a line: the event, and who it is about. link may be NULL. False if that one may cause no
 * more lines now; then the line has been counted. */
bool journal_begin(struct journal *journal, struct log_record *record, const char *event,
		   const struct identity *who, const char *link, uint64_t now_us);

/* Says how many lines were lost, of those who may cause one again. True while there is more to say:
 * look again after JOURNAL_SETTLE_US. */
bool journal_settle(struct journal *journal, uint64_t now_us);
