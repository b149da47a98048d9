/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whoever asks for the metrics may say anything. What has been judged stays so, whatever comes
 * behind it; nothing is waited for that does not fit; and only one question is answered. */
#include "io/metrics-http.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(expression)                                                                          \
	do {                                                                                       \
		if (!(expression))                                                                 \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum metrics_verdict verdict = METRICS_ASK_MORE;
	char head[METRICS_HEAD_MAX];
	char *bytes;
	size_t arrived;

	if (size > METRICS_REQUEST_MAX)
		size = METRICS_REQUEST_MAX;
	for (arrived = 0; arrived <= size && verdict == METRICS_ASK_MORE; arrived++) {
		/* Of its own, so that a look behind its end is seen. */
		bytes = malloc(arrived + 1);
		CHECK(bytes);
		memcpy(bytes + 1, data, arrived);
		verdict = metrics_http_judge(bytes + 1, arrived);
		if (verdict == METRICS_ASKED)
			CHECK(!memcmp(bytes + 1, "GET /metrics", 12));
		free(bytes);
	}
	CHECK(size < METRICS_REQUEST_MAX || verdict != METRICS_ASK_MORE);
	CHECK(metrics_http_judge((const char *)data, size) == verdict);
	CHECK(metrics_http_head(verdict, size, head) < METRICS_HEAD_MAX);
	CHECK(strstr(head, "\r\n\r\n"));
	return 0;
}
