/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A sequence diagram: a column for each program, an arrow for each message, time goes down. */
#pragma once

#include "tools/monitor-watch.h"

enum { TO_ALL = -1 };

struct actor {
	char *unique; /* by which it is found; or the name of whom nobody is */
	char *name, *domain; /* or NULL */
	int64_t domid;
};

struct arrow {
	enum seen_kind kind;
	int from, to; /* actors; TO_ALL */
	uint64_t time_us;
	bool has_took;
	uint64_t took_us;
	char *label; /* escaped */
	char *what; /* the whole of interface and method, escaped */
};

struct diagram {
	struct actor *actors;
	struct arrow *arrows;
	unsigned actor_count, arrow_count;
	uint64_t left_out; /* arrows and their actors that were too many */
};

void diagram_add(struct diagram *diagram, const struct seen *seen);
void diagram_deinit(struct diagram *diagram);

/* The two lines that say who it is: what it is called, and where it is. Both yours, escaped. */
void actor_texts(const struct actor *actor, char **name, char **place);
/* Since the first one; a capture may have times that go back. */
int64_t arrow_offset_us(const struct diagram *diagram, const struct arrow *arrow);
/* "12.3 ms", "ServiceUnknown after 1.0 ms", "VDI.Attach3". Yours. */
char *arrow_text(const struct arrow *arrow);

void diagram_put_text(const struct diagram *diagram, FILE *out);
void diagram_put_svg(const struct diagram *diagram, FILE *out);
void diagram_put_json(const struct diagram *diagram, FILE *out);
