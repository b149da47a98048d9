/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* As much of HTTP as it takes to be asked one question: functions on bytes. */
#pragma once

#include <stddef.h>

enum { METRICS_REQUEST_MAX = 4096, METRICS_HEAD_MAX = 256 };

enum metrics_verdict {
	METRICS_ASK_MORE, /* it has not come completely */
	METRICS_ASKED, /* GET /metrics */
	METRICS_BAD_REQUEST,
	METRICS_NOT_FOUND,
	METRICS_BAD_METHOD,
	METRICS_TOO_LONG,
	METRICS_NO_MEMORY,
};

/* What is asked by the bytes that have come so far. */
enum metrics_verdict metrics_http_judge(const char *bytes, size_t size);

/* The head of an answer with a body of that size; for all but METRICS_ASKED it is a sentence, which
 * is there already. Returns the size of it. */
size_t metrics_http_head(enum metrics_verdict verdict, size_t body_size,
			 char out[METRICS_HEAD_MAX]);
