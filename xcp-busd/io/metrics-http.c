/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/metrics-http.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Where the head of the request ends: behind an empty line. */
static bool is_whole(const char *bytes, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size; i++) {
		if (bytes[i] != '\n')
			continue;
		if (bytes[i + 1] == '\n')
			return true;
		if (i + 2 < size && bytes[i + 1] == '\r' && bytes[i + 2] == '\n')
			return true;
	}
	return false;
}

/* The word that begins at *at, which then is behind the space that ends it. */
static size_t take_word(const char *bytes, size_t size, size_t *at)
{
	size_t begin = *at, i = begin;

	while (i < size && bytes[i] > ' ' && bytes[i] < 0x7f)
		i++;
	if (i == size || bytes[i] != ' ')
		return 0;
	*at = i + 1;
	return i - begin;
}

static bool is_word(const char *bytes, size_t size, const char *word)
{
	return size == strlen(word) && !memcmp(bytes, word, size);
}

enum metrics_verdict metrics_http_judge(const char *bytes, size_t size)
{
	size_t target = 0, at, method_size, target_size, path_size = 0;

	if (!is_whole(bytes, size))
		return size < METRICS_REQUEST_MAX ? METRICS_ASK_MORE : METRICS_TOO_LONG;
	method_size = take_word(bytes, size, &target);
	at = target;
	target_size = take_word(bytes, size, &at);
	if (!method_size || !target_size || size - at < 7 || memcmp(bytes + at, "HTTP/1.", 7) != 0)
		return METRICS_BAD_REQUEST;
	if (!is_word(bytes, method_size, "GET"))
		return METRICS_BAD_METHOD;
	while (path_size < target_size && bytes[target + path_size] != '?')
		path_size++;
	return is_word(bytes + target, path_size, "/metrics") ? METRICS_ASKED : METRICS_NOT_FOUND;
}

size_t metrics_http_head(enum metrics_verdict verdict, size_t body_size, char out[METRICS_HEAD_MAX])
{
	static const struct {
		const char *status, *sentence;
	} answers[] = {
		[METRICS_ASK_MORE] = { "408 Request Timeout", "" },
		[METRICS_ASKED] = { "200 OK", "" },
		[METRICS_BAD_REQUEST] = { "400 Bad Request", "This is not HTTP.\n" },
		[METRICS_NOT_FOUND] = { "404 Not Found", "There is /metrics, and nothing else.\n" },
		[METRICS_BAD_METHOD] = { "405 Method Not Allowed\r\nAllow: GET", "" },
		[METRICS_TOO_LONG] = { "431 Request Header Fields Too Large", "" },
		[METRICS_NO_MEMORY] = { "503 Service Unavailable", "There is no memory.\n" },
	};
	const char *sentence = answers[verdict].sentence;

	return (size_t)snprintf(out, METRICS_HEAD_MAX,
				"HTTP/1.1 %s\r\n"
				"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
				"Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
				answers[verdict].status,
				verdict == METRICS_ASKED ? body_size : strlen(sentence), sentence);
}
