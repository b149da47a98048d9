/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A service for org.example.torture1 in C; CASES.md says what it has to do. */
#include <err.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "torture1.h"

struct server {
	struct xcpbus *bus;
	struct event_base *base;
	uint32_t count;
	struct torture1_colour favourite;
	LIST_HEAD(, wait) waits;
};

struct wait { /* a call of Wait that is not answered yet */
	LIST_ENTRY(wait) link; /* server::waits */
	struct xcpbus_invocation *call;
	struct event *timer; /* NULL: for ever */
};

static int on_echo_everything(struct xcpbus_invocation *call,
			      const struct torture1_echo_everything_in *in, void *data)
{
	(void)data;
	return torture1_echo_everything_reply(call, &in->everything);
}

static int on_echo_basic(struct xcpbus_invocation *call, const struct torture1_echo_basic_in *in,
			 void *data)
{
	(void)data;
	return torture1_echo_basic_reply(call, in->a_byte, in->a_boolean, in->an_int16,
					 in->a_uint16, in->an_int32, in->a_uint32, in->an_int64,
					 in->a_uint64, in->a_double, in->a_string, in->a_path,
					 in->a_signature);
}

static int on_echo_containers(struct xcpbus_invocation *call,
			      const struct torture1_echo_containers_in *in, void *data)
{
	(void)data;
	return torture1_echo_containers_reply(call, in->maybe, &in->bytes, &in->records, &in->tree,
					      in->anything);
}

static int refuse_segment(struct xcpbus_invocation *call, const struct torture1_shape *shape)
{
	struct torture1_error_bad_shape payload = {
		.shape = *shape,
		.limits = { shape->segment->second, shape->segment->first },
	};

	return torture1_throw_bad_shape(call, &payload, NULL);
}

static int on_draw(struct xcpbus_invocation *call, const struct torture1_draw_in *in, void *data)
{
	const struct torture1_shape *shape = &in->shape;

	(void)data;
	if (shape->kind == TORTURE1_SHAPE_SEGMENT && shape->segment->second < shape->segment->first)
		return refuse_segment(call, shape);
	if (shape->kind == TORTURE1_SHAPE_CIRCLE && shape->circle < 0)
		return torture1_throw_internal_error(
			call, &(struct torture1_error_internal_error){ "radius" }, NULL);
	if (shape->kind == TORTURE1_SHAPE_CIRCLE && shape->circle <= 0)
		return torture1_throw_nothing(call, NULL);
	return torture1_draw_reply(call, shape, in->colour);
}

static int on_poke(struct xcpbus_invocation *call, const struct torture1_poke_in *in, void *data)
{
	struct server *server = data;
	struct torture1_label label;
	int r;

	(void)call;
	server->count++;
	torture1_count_changed(server->bus, NULL);
	torture1_label_init(&label);
	label.text = "poked";
	r = torture1_poked_emit(server->bus, NULL, in->end, &label);
	return r < 0 ? r : 0;
}

static int get_count(uint32_t *value, void *data)
{
	*value = ((struct server *)data)->count;
	return 0;
}

static int get_favourite(struct torture1_colour *value, void *data)
{
	*value = ((struct server *)data)->favourite;
	return 0;
}

static int set_favourite(struct torture1_colour value, struct xcpbus_error *error, void *data)
{
	struct server *server = data;

	(void)error;
	torture1_colour_free(&server->favourite);
	return torture1_colour_copy(&server->favourite, &value);
}

static int get_version(const char **value, void *data)
{
	(void)data;
	*value = "1.1";
	return 0;
}

/* Answers, or, when the connection is gone, only ends the call. */
static void wait_end(struct wait *wait)
{
	torture1_extra_wait_reply(wait->call);
	LIST_REMOVE(wait, link);
	if (wait->timer)
		event_free(wait->timer);
	free(wait);
}

static void on_time(evutil_socket_t fd, short events, void *data)
{
	(void)fd;
	(void)events;
	wait_end(data);
}

static int on_wait(struct xcpbus_invocation *call, const struct torture1_extra_wait_in *in,
		   void *data)
{
	struct server *server = data;
	struct timeval delay = { .tv_sec = (time_t)in->delay };
	struct wait *wait = calloc(1, sizeof(*wait));

	if (!wait)
		return -ENOMEM;
	wait->call = call;
	xcpbus_keep(call);
	LIST_INSERT_HEAD(&server->waits, wait, link);
	if (in->delay < 0)
		return 0;
	delay.tv_usec = (suseconds_t)((in->delay - (double)delay.tv_sec) * 1e6);
	wait->timer = evtimer_new(server->base, on_time, wait);
	if (!wait->timer || evtimer_add(wait->timer, &delay) < 0)
		err(EXIT_FAILURE, "timer");
	return 0;
}

static int on_forget(struct xcpbus_invocation *call, void *data)
{
	(void)call;
	(void)data;
	return 0;
}

static const struct torture1_handlers handlers = {
	.echo_everything = on_echo_everything,
	.echo_basic = on_echo_basic,
	.draw = on_draw,
	.echo_containers = on_echo_containers,
	.poke = on_poke,
	.count_get = get_count,
	.favourite_get = get_favourite,
	.favourite_set = set_favourite,
	.version_get = get_version,
};

static const struct torture1_extra_handlers extra_handlers = {
	.wait = on_wait,
	.forget = on_forget,
};

static void on_end(struct xcpbus *bus, int failure, void *data)
{
	struct server *server = data;

	(void)bus;
	(void)failure;
	event_base_loopbreak(server->base);
}

static void on_signal(evutil_socket_t fd, short events, void *data)
{
	(void)fd;
	(void)events;
	event_base_loopbreak(data);
}

int main(void)
{
	struct server server = { .favourite = { .value = TORTURE1_COLOUR_RED } };
	struct event *term;
	struct xcpbus_error error;

	server.base = event_base_new();
	term = evsignal_new(server.base, SIGTERM, on_signal, server.base);
	if (!server.base || !term || event_add(term, NULL) < 0)
		errx(EXIT_FAILURE, "no memory");
	if (xcpbus_connect(NULL, 0, &server.bus, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	if (xcpbus_attach_event_base(server.bus, server.base) < 0 ||
	    xcpbus_on_disconnect(server.bus, on_end, &server, NULL) < 0 ||
	    torture1_export(server.bus, NULL, &handlers, &server, NULL) < 0 ||
	    torture1_extra_export(server.bus, NULL, &extra_handlers, &server, NULL) < 0)
		errx(EXIT_FAILURE, "no memory");
	if (xcpbus_request_name(server.bus, TORTURE1_SERVICE, 0, &error) < 0)
		errx(EXIT_FAILURE, "%s", error.message);
	puts("ready");
	fflush(stdout);
	event_base_dispatch(server.base);
	event_free(term);
	xcpbus_free(server.bus);
	while (!LIST_EMPTY(&server.waits))
		wait_end(LIST_FIRST(&server.waits));
	torture1_colour_free(&server.favourite);
	event_base_free(server.base);
}
