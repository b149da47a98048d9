/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What top shows: the difference between two looks at the bus, added up by service, domain or
 * connection. */
#pragma once

#include "tools/monitor-probe.h"
#include "tools/monitor-snapshot.h"

struct sample { /* one look */
	uint64_t at_us;
	struct links links;
	struct bus1_list_of_domain domains;
	struct bus1_counters counters;
};

int sample_load(struct xcpbus *bus, struct sample *sample, struct xcpbus_error *error);
void sample_deinit(struct sample *sample); /* and empties it; one that is all zero is empty */

enum row_kind { ROW_SERVICE, ROW_DOMAIN, ROW_CONNECTION, ROW_KIND_COUNT };
extern const char *const row_kind_names[ROW_KIND_COUNT];

enum { CLASSES_MAX = 64 }; /* of answer times */

struct row { /* of a service, a domain or a connection, or of the whole bus */
	char *label; /* "org.xen.xcp.storage1@storage(7)", "storage(7)" */
	const char *name; /* the first well-known name, or that of the domain, or ""; borrowed */
	const char *unique_name; /* "" if there are several; borrowed */
	uint32_t domid;
	const char *domain; /* borrowed */
	bool is_domain, is_bus;
	unsigned links;
	/* These grow, and are what was added since the sample before. */
	struct bus1_traffic traffic;
	uint64_t denied, drops;
	bool has_refusals; /* domains and the bus have both, of others monitors have drops */
	uint64_t times[CLASSES_MAX]; /* how many answers were of which class */
	/* These are as they were last. */
	uint64_t pending, oldest_us, queued_bytes;
	int ring_percent; /* the fuller direction of the fullest ring; -1: there is none */
	uint64_t idle_us;
	bool is_silent, is_stuck, is_paused;
	enum health health;
};

struct rows {
	struct row *items;
	unsigned count;
	struct row bus; /* of all together */
	uint64_t interval_us; /* between the samples; 0 if there was only one */
};

/* What is between two samples; with before NULL, what is in the one. Both are borrowed. Links
 * with the unique names without, a list that ends with NULL, are left out. */
void rows_make(struct rows *rows, enum row_kind kind, const struct sample *before,
	       const struct sample *now, const char *const *without);
void rows_deinit(struct rows *rows);

/* How long the fraction of its answers took at most, in classes. False if there were none. */
bool row_quantile(const struct row *row, const struct bus1_uint64s *bounds, double fraction,
		  uint64_t *us);
uint64_t row_messages(const struct row *row);
uint64_t row_bytes(const struct row *row);
