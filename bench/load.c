/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A load generator: one thread that is the sender and all the receivers, so that
 * nothing but the broker is between a message's two ends. It keeps at most
 * `window` messages in flight and hands `batch` of them to each send. With both 1
 * it is a ping, with both 32 it is in lock step by 32, with a large window the
 * broker always has something to do. Prints one JSON object.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "bench/client.h"
#include "bench/options.h"
#include "bench/serve.h"
#include "bench/usage.h"

enum { EVENTS_MAX = 64, SAMPLES_MAX = 1 << 20 };

#define BENCH_INTERFACE "org.xen.xcp.Bench"
#define BENCH_PATH "/org/xen/xcp/bench"

struct load {
	struct options options;
	struct client *clients; /* 0 sends, 1 to receivers receive, the last may hold rules */
	unsigned count;
	int epoll;
	bool lock_step;
	uint32_t serial;
	uint64_t sent, received; /* of what is sent, each message counts once for each receiver */
	uint64_t sent_ns;
	uint32_t *samples_ns;
	size_t samples;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void watch(struct load *load, unsigned index, int operation, bool want_write)
{
	struct stream *stream = load->clients[index].stream;
	struct epoll_event event = {
		.events = (uint32_t)stream_events(stream, want_write),
		.data.u32 = index,
	};

	if (epoll_ctl(load->epoll, operation, stream_fd(stream), &event) < 0)
		err(1, "epoll_ctl");
}

static void flush(struct load *load, unsigned index, bool was_waiting)
{
	bool waits = !client_flush(&load->clients[index]);

	if (waits != was_waiting)
		watch(load, index, EPOLL_CTL_MOD, waits);
}

/* ---- setting up ---- */

static void add_rules(struct client *client, const struct options *options)
{
	static const char *const formats[] = {
		[RULE_MEMBER] = "type='signal',interface='" BENCH_INTERFACE "',member='Other%u'",
		[RULE_PATH] = "type='signal',path='" BENCH_PATH "/other/o%u'",
		[RULE_NAMESPACE] = "type='signal',path_namespace='" BENCH_PATH "/other/o%u'",
		[RULE_ARG0] = "type='signal',interface='" BENCH_INTERFACE
			      "',member='Message',arg0='other%u'",
	};
	char rule[256];

	for (unsigned i = 0; i < options->rules; i++) {
		/* The formats are the constants above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(rule, sizeof(rule), formats[options->rule_kind], i);
#pragma GCC diagnostic pop
		client_call_bus(client, "AddMatch", rule);
	}
}

static void build_request(struct load *load)
{
	const struct options *options = &load->options;
	bool is_signal = options->kind == KIND_SIGNAL;
	const char *destination = options->to ? options->to : load->clients[1].name;
	struct message_spec spec = {
		.type = is_signal ? MESSAGE_SIGNAL : MESSAGE_CALL,
		.flags = options->kind == KIND_CALL_REPLY ? 0 : MESSAGE_NO_REPLY,
		.path = BENCH_PATH,
		.interface = BENCH_INTERFACE,
		.member = "Message",
		.destination = is_signal ? NULL : destination,
		.sender = options->raw ? ":0.1" : NULL,
		.text_size = options->size,
	};
	char *text = NULL;

	if (options->size > 0) {
		spec.text = text = malloc(options->size);
		if (!text)
			err(1, "malloc");
		memset(text, 'x', options->size);
	}
	client_outbox_init(&load->clients[0], &spec, options->batch);
	free(text);
}

static void build_reply(struct load *load)
{
	struct message_spec spec = {
		.type = MESSAGE_RETURN,
		.flags = MESSAGE_NO_REPLY,
		.reply_serial = 1,
		.destination = load->clients[0].name,
		.sender = load->options.raw ? ":0.1" : NULL,
	};

	client_outbox_init(&load->clients[1], &spec, load->options.window);
}

static void open_clients(struct load *load)
{
	const struct options *options = &load->options;

	load->count = 1 + (options->to ? 0 : options->receivers) + (options->rules > 0);
	load->clients = calloc(load->count, sizeof(*load->clients));
	load->samples_ns = calloc(SAMPLES_MAX, sizeof(*load->samples_ns));
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!load->clients || !load->samples_ns || load->epoll < 0)
		err(1, "setting up");

	for (unsigned i = 0; i < load->count; i++) {
		client_connect(&load->clients[i], options->address);
		if (!options->raw) {
			client_login(&load->clients[i]);
		} else {
			strcpy(load->clients[i].name, ":0.1");
			if (i > 0)
				client_greet(&load->clients[i], &load->clients[0]);
		}
		watch(load, i, EPOLL_CTL_ADD, false);
	}
	for (unsigned i = 1; options->kind == KIND_SIGNAL && i <= options->receivers; i++) {
		if (!options->raw)
			client_call_bus(&load->clients[i], "AddMatch",
					"type='signal',interface='" BENCH_INTERFACE
					"',member='Message'");
	}
	add_rules(&load->clients[load->count - 1], options);
	build_request(load);
	if (options->kind == KIND_CALL_REPLY && !options->to)
		build_reply(load);
}

/* ---- running ---- */

static void on_message(struct load *load, unsigned index, const struct message_view *view)
{
	static const uint8_t wanted[] = {
		[KIND_CALL] = MESSAGE_CALL,
		[KIND_CALL_REPLY] = MESSAGE_CALL,
		[KIND_SIGNAL] = MESSAGE_SIGNAL,
	};
	enum kind kind = load->options.kind;

	if (view->type == MESSAGE_ERROR)
		errx(1, "the bus answered an error: %s", message_text(view));

	if (index == 0 && kind == KIND_CALL_REPLY && view->type == MESSAGE_RETURN) {
		load->received++;
		return;
	}
	if (index == 0 || index > load->options.receivers || view->type != wanted[kind])
		errx(1, "client %u got a message of type %u, which nobody sent", index, view->type);
	if (kind == KIND_CALL_REPLY)
		client_outbox_push(&load->clients[1], ++load->clients[1].serial, view->serial);
	else
		load->received++;
}

static void on_event(struct load *load, const struct epoll_event *event)
{
	unsigned index = event->data.u32;
	struct client *client = &load->clients[index];
	bool was_waiting = client->outbox.pending > 0;
	struct message_view view;
	bool more;

	stream_ack(client->stream);
	do {
		more = client_fill(client);
		while (client_next(client, &view))
			on_message(load, index, &view);
	} while (more);
	if (client->outbox.pending > 0)
		flush(load, index, was_waiting);
}

static void wait_and_read(struct load *load)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(load->epoll, events, EVENTS_MAX, CLIENT_DEADLINE_MS);

	if (n < 0 && errno != EINTR)
		err(1, "epoll_wait");
	if (n == 0)
		errx(1, "%llu of %llu messages did not arrive",
		     (unsigned long long)(load->sent - load->received),
		     (unsigned long long)load->sent);
	for (int i = 0; i < n; i++)
		on_event(load, &events[i]);
}

static void send_batch(struct load *load)
{
	struct client *sender = &load->clients[0];

	for (unsigned i = 0; i < load->options.batch; i++) {
		if (++load->serial == 0)
			load->serial = 1;
		client_outbox_push(sender, load->serial, 0);
	}
	load->sent += (uint64_t)load->options.batch * load->options.receivers;
	flush(load, 0, false);
}

static bool may_send(const struct load *load)
{
	const struct options *options = &load->options;
	uint64_t in_flight = load->sent - load->received;

	return load->clients[0].outbox.pending == 0 &&
	       in_flight + (uint64_t)options->batch * options->receivers <=
		       (uint64_t)options->window * options->receivers;
}

static void take_sample(struct load *load, uint64_t now)
{
	uint64_t ns = now - load->sent_ns;

	if (load->samples < SAMPLES_MAX)
		load->samples_ns[load->samples++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

/* Sends until count messages are sent or, if count is 0, until the time is up; then
 * waits for the last one to arrive. */
static void run(struct load *load, uint64_t count, uint64_t duration_ns)
{
	uint64_t now = now_ns(), end_ns = now + duration_ns;
	bool is_done = false;

	load->sent = load->received = 0;
	load->samples = 0;
	while (!is_done || load->received < load->sent) {
		while (!is_done && may_send(load)) {
			load->sent_ns = now;
			send_batch(load);
			is_done = count > 0 && load->sent >= count * load->options.receivers;
		}
		wait_and_read(load);
		now = now_ns();
		if (load->lock_step && load->received == load->sent)
			take_sample(load, now);
		if (count == 0)
			is_done = now >= end_ns;
	}
}

static int compare_samples(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static void print_result(struct load *load, uint64_t wall_ns, uint64_t cpu_ns)
{
	/* A call that is answered is two messages for the broker. */
	uint64_t forwarded = load->received * (load->options.kind == KIND_CALL_REPLY ? 2 : 1);
	uint32_t p50 = 0, p99 = 0;

	if (load->samples > 0) {
		qsort(load->samples_ns, load->samples, sizeof(uint32_t), compare_samples);
		p50 = load->samples_ns[load->samples / 2];
		p99 = load->samples_ns[load->samples - 1 - load->samples / 100];
	}
	printf("{\"forwarded\": %llu, \"wall_ns\": %llu, \"cpu_ns\": %llu, \"p50_ns\": %u, "
	       "\"p99_ns\": %u}\n",
	       (unsigned long long)forwarded, (unsigned long long)wall_ns,
	       (unsigned long long)cpu_ns, p50, p99);
}

int main(int argc, char **argv)
{
	struct load load = { 0 };
	uint64_t cpu_ns, start_ns, duration_ns;

	options_parse(&load.options, argc, argv);
	if (load.options.serve)
		serve(&load.options);
	load.lock_step = load.options.window == load.options.batch;
	duration_ns = (uint64_t)(load.options.seconds * 1e9);
	open_clients(&load);

	if (load.options.warm_up > 0)
		run(&load, load.options.warm_up, 0);
	cpu_ns = usage_cpu_ns(load.options.pid);
	start_ns = now_ns();
	run(&load, load.options.count, duration_ns);
	start_ns = now_ns() - start_ns;
	print_result(&load, start_ns, usage_cpu_ns(load.options.pid) - cpu_ns);

	for (unsigned i = 0; i < load.count; i++)
		client_close(&load.clients[i]);
	free(load.clients);
	free(load.samples_ns);
	return 0;
}
