/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How top shows rows: which columns, in which order, in a terminal of any width. */
#pragma once

#include "tools/monitor-sample.h"

struct view {
	const struct tool *tool;
	const char *version; /* of the daemon */
	struct bus1_uint64s bounds; /* of the classes of answer times */
	enum row_kind kind;
	unsigned sort; /* a column */
	bool is_reverse, is_total;
	unsigned first; /* row that is shown; set to what is possible */
	unsigned columns; /* that fit; set by view_print */
};

/* The column that is called so; -EINVAL. */
int view_find_column(const char *name);
/* The next column to the right (1) or left (-1) becomes what rows are sorted by. */
void view_turn(struct view *view, int step);

void view_sort(const struct view *view, struct rows *rows);
/* In width columns and height lines, of which the last one does not end. 0: as many as it takes. */
void view_print(struct view *view, const struct rows *rows, const struct bus1_counters *counters,
		FILE *out, unsigned width, unsigned height);
void view_print_json(const struct view *view, const struct rows *rows);
