/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "io/bind-unix.h"
#include "io/metrics-http.h"
#include "io/metrics-text.h"

enum {
	SCRAPES_MAX = 8,
	SCRAPE_S = 10, /* from the connection to the end of the answer */
	PER_SECOND = 64, /* are let in */
	RETRY_MS = 200, /* after more than that, or when the system has no descriptor for us */
	READS_MAX = 64, /* in so few pieces a question has to come: each wakes the loop */
	DRAIN_MAX = 16, /* reads */
	PAGE_US = 100 * 1000, /* an answer is good for so long */
};

/* One answer, for all who asked at about the same time. */
struct page {
	unsigned refs;
	uint64_t made_us;
	struct metrics_text text;
};

/* One who asks. */
struct scrape {
	struct list scrapes_link; /* metrics::scrapes */
	struct metrics *metrics;
	struct event *event, *deadline;
	int fd;
	char request[METRICS_REQUEST_MAX];
	size_t request_size;
	unsigned reads;
	char head[METRICS_HEAD_MAX];
	size_t head_size, sent;
	struct page *page; /* NULL: the head is all */
};

struct metrics {
	struct server *server;
	struct bound_unix bound;
	int fd;
	struct event *event, *retry;
	struct list scrapes; /* scrape::scrapes_link */
	unsigned scrape_count;
	uint64_t second_us; /* when this second began, and who came in it */
	unsigned second_count;
	struct page *page; /* the last one */
};

/* ---- the answer ---- */

static struct page *page_unref(struct page *page)
{
	if (!page || --page->refs)
		return NULL;
	free(page->text.bytes);
	free(page);
	return NULL;
}

/* A reference; NULL without memory. */
static struct page *page_get(struct metrics *metrics)
{
	struct server *server = metrics->server;
	struct page *page = metrics->page;

	if (page && server->now_us - page->made_us < PAGE_US) {
		page->refs++;
		return page;
	}
	metrics->page = page_unref(page);
	if (server->bus.shortage.is_on)
		return NULL;
	page = calloc(1, sizeof(*page));
	if (!page || !metrics_text_write(&page->text, &server->bus)) {
		free(page);
		return NULL;
	}
	page->made_us = server->now_us;
	page->refs = 2;
	metrics->page = page;
	return page;
}

/* ---- who asks ---- */

static void scrape_free(struct scrape *scrape)
{
	struct metrics *metrics = scrape->metrics;

	list_remove(&scrape->scrapes_link);
	metrics->scrape_count--;
	if (scrape->event)
		event_free(scrape->event);
	if (scrape->deadline)
		event_free(scrape->deadline);
	page_unref(scrape->page);
	close(scrape->fd);
	free(scrape);
	/* There is a place again. */
	if (!evtimer_pending(metrics->retry, NULL))
		event_add(metrics->event, NULL);
}

/* What has come and is not read would take the answer with it when the socket is closed. */
static void drain(struct scrape *scrape)
{
	int i;

	for (i = 0; i < DRAIN_MAX; i++)
		if (recv(scrape->fd, scrape->request, sizeof(scrape->request), MSG_DONTWAIT) <= 0)
			return;
}

static void on_writable(evutil_socket_t fd, short events, void *data)
{
	struct scrape *scrape = data;
	const struct metrics_text *text = scrape->page ? &scrape->page->text : NULL;
	size_t size = scrape->head_size + (text ? text->size : 0);
	struct iovec parts[2];
	struct msghdr message = { .msg_iov = parts };
	ssize_t n;

	(void)events;
	if (scrape->sent < scrape->head_size)
		parts[message.msg_iovlen++] = (struct iovec){ scrape->head + scrape->sent,
							      scrape->head_size - scrape->sent };
	if (text) {
		size_t done =
			scrape->sent < scrape->head_size ? 0 : scrape->sent - scrape->head_size;

		parts[message.msg_iovlen++] =
			(struct iovec){ text->bytes + done, text->size - done };
	}
	n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		scrape->sent += (size_t)n;
	if (n >= 0 && scrape->sent < size)
		return;
	drain(scrape);
	scrape_free(scrape);
}

static void answer(struct scrape *scrape, enum metrics_verdict verdict)
{
	struct metrics *metrics = scrape->metrics;

	server_begin_round(metrics->server);
	if (verdict == METRICS_ASKED)
		scrape->page = page_get(metrics);
	if (verdict == METRICS_ASKED && !scrape->page)
		verdict = METRICS_NO_MEMORY;
	scrape->head_size = metrics_http_head(verdict, scrape->page ? scrape->page->text.size : 0,
					      scrape->head);
	event_del(scrape->event);
	event_assign(scrape->event, metrics->server->base, scrape->fd, EV_WRITE | EV_PERSIST,
		     on_writable, scrape);
	if (event_add(scrape->event, NULL) < 0)
		scrape_free(scrape);
}

static void on_readable(evutil_socket_t fd, short events, void *data)
{
	struct scrape *scrape = data;
	enum metrics_verdict verdict;
	ssize_t n = recv(fd, scrape->request + scrape->request_size,
			 sizeof(scrape->request) - scrape->request_size, MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		scrape_free(scrape);
		return;
	}
	scrape->request_size += (size_t)n;
	verdict = metrics_http_judge(scrape->request, scrape->request_size);
	if (verdict == METRICS_ASK_MORE && ++scrape->reads == READS_MAX)
		verdict = METRICS_TOO_LONG;
	if (verdict != METRICS_ASK_MORE)
		answer(scrape, verdict);
}

static void on_deadline(evutil_socket_t fd, short events, void *data)
{
	(void)fd;
	(void)events;
	scrape_free(data);
}

/* Takes the descriptor over. */
static void scrape_begin(struct metrics *metrics, int fd)
{
	static const struct timeval deadline = { .tv_sec = SCRAPE_S };
	struct event_base *base = metrics->server->base;
	struct scrape *scrape = calloc(1, sizeof(*scrape));

	if (!scrape) {
		close(fd);
		return;
	}
	scrape->metrics = metrics;
	scrape->fd = fd;
	list_push_back(&metrics->scrapes, &scrape->scrapes_link);
	metrics->scrape_count++;
	scrape->event = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, scrape);
	scrape->deadline = evtimer_new(base, on_deadline, scrape);
	if (!scrape->event || !scrape->deadline || event_add(scrape->event, NULL) < 0 ||
	    event_add(scrape->deadline, &deadline) < 0)
		scrape_free(scrape);
}

static bool is_crowded(struct metrics *metrics)
{
	uint64_t now_us = metrics->server->now_us;

	if (now_us - metrics->second_us >= 1000000) {
		metrics->second_us = now_us;
		metrics->second_count = 0;
	}
	return metrics->second_count++ >= PER_SECOND;
}

static void pause_listening(struct metrics *metrics)
{
	static const struct timeval delay = { .tv_usec = RETRY_MS * 1000 };

	event_del(metrics->event);
	evtimer_add(metrics->retry, &delay);
}

/* One in a round. */
static void on_connection(evutil_socket_t listen_fd, short events, void *data)
{
	struct metrics *metrics = data;
	int fd;

	(void)events;
	server_begin_round(metrics->server);
	if (is_crowded(metrics)) {
		pause_listening(metrics);
		return;
	}
	fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		scrape_begin(metrics, fd);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		pause_listening(metrics);
	if (metrics->scrape_count == SCRAPES_MAX)
		event_del(metrics->event);
}

static void on_retry(evutil_socket_t fd, short events, void *data)
{
	struct metrics *metrics = data;

	(void)fd;
	(void)events;
	if (metrics->scrape_count < SCRAPES_MAX)
		event_add(metrics->event, NULL);
}

/* ---- the socket ---- */

static int bind_port(const struct metrics_address *address)
{
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons(address->port) };
	struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = htons(address->port) };
	int family = address->is_ipv6 ? AF_INET6 : AF_INET, yes = 1, r;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	inet_pton(AF_INET6, address->host, &ipv6.sin6_addr);
	inet_pton(AF_INET, address->host, &ipv4.sin_addr);
	r = address->is_ipv6 ? bind(fd, (struct sockaddr *)&ipv6, sizeof(ipv6))
			     : bind(fd, (struct sockaddr *)&ipv4, sizeof(ipv4));
	if (r == 0 && listen(fd, SCRAPES_MAX) == 0)
		return fd;
	r = errno;
	close(fd);
	errno = r;
	return -1;
}

/* A port that was not given is to be found by those who ask. */
static void say_where(const struct metrics *metrics, const struct metrics_address *address)
{
	struct sockaddr_in6 name = { 0 }; /* with its port where IPv4 has it */
	socklen_t size = sizeof(name);
	char text[ADDRESS_TEXT_MAX];

	if (address->kind == METRICS_UNIX)
		log_info("metrics are at %s", address_format(&address->socket, text));
	else if (getsockname(metrics->fd, (struct sockaddr *)&name, &size) == 0)
		log_info("metrics are at tcp:host=%s,port=%u", address->host,
			 ntohs(name.sin6_port));
}

static int open_socket(struct metrics *metrics, const struct metrics_address *address,
		       char why[METRICS_WHY_MAX])
{
	char detail[BIND_WHY_MAX];

	if (address->kind == METRICS_TCP) {
		metrics->fd = bind_port(address);
		if (metrics->fd < 0)
			snprintf(why, METRICS_WHY_MAX, "metrics at tcp:host=%s,port=%u: %s",
				 address->host, address->port, strerror(errno));
	} else {
		/* For root and the daemon's group. */
		metrics->fd = bind_unix(&address->socket, 0117, &metrics->bound, detail);
		if (metrics->fd < 0)
			snprintf(why, METRICS_WHY_MAX, "metrics: %.490s", detail);
	}
	return metrics->fd < 0 ? -1 : 0;
}

struct metrics *metrics_free(struct metrics *metrics)
{
	struct scrape *scrape;

	if (!metrics)
		return NULL;
	while ((scrape = list_first(&metrics->scrapes, struct scrape, scrapes_link)))
		scrape_free(scrape);
	page_unref(metrics->page);
	if (metrics->event)
		event_free(metrics->event);
	if (metrics->retry)
		event_free(metrics->retry);
	if (metrics->fd >= 0)
		close(metrics->fd);
	bind_unix_remove(&metrics->bound);
	free(metrics);
	return NULL;
}

DEFINE_FREEP(struct metrics, metrics_free)

int metrics_new(struct server *server, const struct metrics_address *address, struct metrics **out,
		char why[METRICS_WHY_MAX])
{
	CLEANUP(metrics_freep) struct metrics *metrics = calloc(1, sizeof(*metrics));

	snprintf(why, METRICS_WHY_MAX, "no memory");
	if (!metrics)
		return -1;
	metrics->server = server;
	list_init(&metrics->scrapes);
	if (open_socket(metrics, address, why) < 0)
		return -1;
	metrics->event =
		event_new(server->base, metrics->fd, EV_READ | EV_PERSIST, on_connection, metrics);
	metrics->retry = evtimer_new(server->base, on_retry, metrics);
	if (!metrics->event || !metrics->retry || event_add(metrics->event, NULL) < 0) {
		snprintf(why, METRICS_WHY_MAX, "no memory");
		return -1;
	}
	say_where(metrics, address);
	*out = TAKE(metrics);
	return 0;
}
