/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/metrics-http.h"
#include "io/metrics-text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

enum { DOMAINS_MAX = 1000 };

static struct bus bus;
static struct quota *quotas[DOMAINS_MAX];
static unsigned quota_count;
static char *text; /* of the last look */

static void setup(void)
{
	static const struct bus_ops ops = { 0 };
	struct bus_settings settings;

	bus_settings_init(&settings);
	CHECK(bus_init(&bus, &ops, &settings) == 0);
	bus.now_us = 5000000;
}

static void teardown(void)
{
	while (quota_count)
		quota_unref(quotas[--quota_count]);
	bus_deinit(&bus);
	free(text);
	text = NULL;
}

static struct quota *add(uint32_t domid, const char *name)
{
	struct quota_owner owner = { .is_guest = true, .id = domid, .generation = quota_count + 1 };

	snprintf(owner.name, sizeof(owner.name), "%s", name);
	quotas[quota_count] = bus_quota_new(&bus, &owner);
	CHECK(quotas[quota_count]);
	return quotas[quota_count++];
}

static size_t look(void)
{
	struct metrics_text out;

	CHECK(metrics_text_write(&out, &bus));
	free(text);
	text = malloc(out.size + 1);
	CHECK(text);
	memcpy(text, out.bytes, out.size);
	text[out.size] = '\0';
	free(out.bytes);
	return out.size;
}

static bool says(const char *line)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	return strstr(text, whole);
}

static unsigned count(const char *part)
{
	unsigned found = 0;
	const char *at;

	for (at = text; (at = strstr(at, part)); at++)
		found++;
	return found;
}

static void a_bus_without_anybody_has_metrics(void)
{
	setup();
	look();
	CHECK(says("xcp_bus_links 0"));
	CHECK(says("# TYPE xcp_bus_links gauge"));
	CHECK(says("# TYPE xcp_bus_messages_total counter"));
	CHECK(says("xcp_bus_answer_seconds_bucket{le=\"0.000016\"} 0"));
	CHECK(says("xcp_bus_answer_seconds_bucket{le=\"268.435456\"} 0"));
	CHECK(says("xcp_bus_answer_seconds_bucket{le=\"+Inf\"} 0"));
	CHECK(says("xcp_bus_domain_links{domid=\"0\",domain=\"Domain-0\"} 0"));
	CHECK(!count("other"));
	teardown();
}

static void answers_are_added_up_class_by_class(void)
{
	setup();
	answer_times_count(&bus.count.gone.answer_times, 16);
	answer_times_count(&bus.count.gone.answer_times, 17);
	answer_times_count(&bus.count.gone.answer_times, UINT64_C(1) << 40);
	look();
	CHECK(says("xcp_bus_answer_seconds_bucket{le=\"0.000016\"} 1"));
	CHECK(says("xcp_bus_answer_seconds_bucket{le=\"0.000032\"} 2"));
	CHECK(says("xcp_bus_answer_seconds_bucket{le=\"268.435456\"} 2"));
	CHECK(says("xcp_bus_answer_seconds_bucket{le=\"+Inf\"} 3"));
	CHECK(says("xcp_bus_answer_seconds_sum 1099511.627809"));
	CHECK(says("xcp_bus_answer_seconds_count 3"));
	teardown();
}

static void a_name_stays_within_its_quotes(void)
{
	setup();
	add(3, "a\"} 1 \\");
	look();
	CHECK(says("xcp_bus_domain_links{domid=\"3\",domain=\"a\\\"} 1 \\\\\"} 0"));
	teardown();
}

static void lives_of_one_domid_are_one_row(void)
{
	setup();
	add(3, "former")->gone.traffic.of[TRAFFIC_CALLS_SENT] = 5;
	add(3, "new")->gone.traffic.of[TRAFFIC_CALLS_SENT] = 2;
	add(4, "next");
	look();
	CHECK(says("xcp_bus_domain_calls_total{domid=\"3\",domain=\"new\"} 7"));
	CHECK(!count("former"));
	CHECK(says("xcp_bus_domain_calls_total{domid=\"4\",domain=\"next\"} 0"));
	teardown();
}

static void those_who_are_too_many_are_summed_up(void)
{
	char name[IDENTITY_NAME_MAX];
	uint32_t domid;

	setup();
	for (domid = 1; domid <= DOMAINS_MAX; domid++) {
		snprintf(name, sizeof(name), "name%u", domid);
		add(domid, name)->gone.traffic.of[TRAFFIC_MESSAGES_SENT] = 1;
	}
	look();
	CHECK(count("\nxcp_bus_domain_links{") == METRICS_DOMAINS_MAX + 2);
	CHECK(says("xcp_bus_domain_messages_total{domid=\"128\",domain=\"name128\","
		   "direction=\"sent\"} 1"));
	CHECK(says("xcp_bus_domain_messages_total{domid=\"other\",domain=\"other\","
		   "direction=\"sent\"} 872"));
	CHECK(!count("name129"));
	teardown();
}

static void the_longest_text_is_not_long(void)
{
	struct quota *quota;
	char name[IDENTITY_NAME_MAX];
	unsigned i, kind;

	setup();
	memset(name, '"', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (i = 0; i < DOMAINS_MAX; i++) {
		quota = add(30000 + i, name);
		for (kind = 0; kind < TRAFFIC_KIND_COUNT; kind++)
			quota->gone.traffic.of[kind] = UINT64_MAX / 2000;
		quota->gone.answer_times.of[0] = UINT64_MAX / 2000;
		quota->gone.answer_times.total_us = UINT64_MAX / 2000;
		for (kind = 0; kind < REFUSAL_KIND_COUNT; kind++)
			quota->refusals.of[kind] = UINT64_MAX / 2000;
	}
	CHECK(look() < METRICS_SIZE_MAX / 2);
	CHECK(count("\n") < 3700);
	teardown();
}

static enum metrics_verdict judge(const char *request)
{
	return metrics_http_judge(request, strlen(request));
}

static void a_question_is_one_line_of_http(void)
{
	static const char whole[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	size_t size;

	for (size = 0; size < strlen(whole); size++)
		CHECK(metrics_http_judge(whole, size) == METRICS_ASK_MORE);
	CHECK(judge(whole) == METRICS_ASKED);
	CHECK(judge("GET /metrics?x=y HTTP/1.0\n\n") == METRICS_ASKED);
	CHECK(judge("GET /metric HTTP/1.0\n\n") == METRICS_NOT_FOUND);
	CHECK(judge("GET /metricsx HTTP/1.0\n\n") == METRICS_NOT_FOUND);
	CHECK(judge("HEAD /metrics HTTP/1.0\n\n") == METRICS_BAD_METHOD);
	CHECK(judge("GET /metrics\n\n") == METRICS_BAD_REQUEST);
	CHECK(judge("GET /metrics HTTP/2\n\n") == METRICS_BAD_REQUEST);
	CHECK(judge("\n\n") == METRICS_BAD_REQUEST);
	CHECK(judge(" / HTTP/1.1\n\n") == METRICS_BAD_REQUEST);
}

static void a_question_has_an_end(void)
{
	char bytes[METRICS_REQUEST_MAX];

	memset(bytes, 'x', sizeof(bytes));
	CHECK(metrics_http_judge(bytes, sizeof(bytes) - 1) == METRICS_ASK_MORE);
	CHECK(metrics_http_judge(bytes, sizeof(bytes)) == METRICS_TOO_LONG);
}

static void an_answer_says_how_long_it_is(void)
{
	char head[METRICS_HEAD_MAX];
	int verdict;

	metrics_http_head(METRICS_ASKED, 12345, head);
	CHECK(!strncmp(head, "HTTP/1.1 200 OK\r\n", 17));
	CHECK(strstr(head, "\r\nContent-Length: 12345\r\n"));
	for (verdict = METRICS_ASK_MORE; verdict <= METRICS_NO_MEMORY; verdict++)
		CHECK(metrics_http_head((enum metrics_verdict)verdict, 1 << 20, head) <
		      METRICS_HEAD_MAX);
}

int main(void)
{
	RUN(a_bus_without_anybody_has_metrics);
	RUN(answers_are_added_up_class_by_class);
	RUN(a_name_stays_within_its_quotes);
	RUN(lives_of_one_domid_are_one_row);
	RUN(those_who_are_too_many_are_summed_up);
	RUN(the_longest_text_is_not_long);
	RUN(a_question_is_one_line_of_http);
	RUN(a_question_has_an_end);
	RUN(an_answer_says_how_long_it_is);
	return test_finish();
}
