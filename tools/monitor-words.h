/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Takes apart what somebody has typed: marks, and texts with or without quotes. */
#pragma once

#include "libxcpbus/xcpbus.h"

struct words {
	const char *at;
	const char *ends; /* what ends a text without quotes; "" in a word that is one value */
	unsigned position; /* of the word, from 1 */
	unsigned variants; /* that we are inside of */
	struct xcpbus_error *error;
};

/* -EINVAL, and says what is expected. */
int words_fail(struct words *words, const char *expected, const char *found);
void words_skip_blanks(struct words *words);
/* Whether one of them is next; it is behind us then. */
bool words_take_mark(struct words *words, const char *marks);
/* What is next, up to its end. out is to be freed; is_quoted may be NULL. */
int words_take_text(struct words *words, char **out, bool *is_quoted);
