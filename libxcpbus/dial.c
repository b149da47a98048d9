/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From one address to a stream on which messages can be sent, without waiting. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/bus-finder.h"
#include "common/cleanup.h"
#include "common/ring-offer.h"
#include "common/stream-unix.h"
#include "libxcpbus/private.h"

enum { BACKLOG_RETRY_MS = 10 };

struct dial {
	const struct address *address; /* borrowed */
	struct bus_finder **finder; /* borrowed */
	struct ring_offer *offer;
	struct stream *stream;
	struct auth *auth;
};

struct dial *dial_new(const struct address *address, struct bus_finder **finder)
{
	struct dial *dial = calloc(1, sizeof(*dial));

	if (dial)
		*dial = (struct dial){ .address = address, .finder = finder };
	return dial;
}

void dial_explain(struct xcpbus_error *reasons, const struct address *address,
		  const struct xcpbus_error *error)
{
	size_t size = sizeof(reasons->message), used = strlen(reasons->message), length;
	char text[ADDRESS_TEXT_MAX];
	int needed;

	length = strlen(address_format(address, text));
	needed = snprintf(reasons->message + used, size - used, "%s%s%s %s", used ? "; " : "", text,
			  length && text[length - 1] == ':' ? "" : ":", error->message);
	if (needed >= 0 && (size_t)needed >= size - used)
		strcpy(reasons->message + size - sizeof("..."), "...");
	memcpy(reasons->name, error->name, sizeof(reasons->name));
}

struct dial *dial_free(struct dial *dial)
{
	if (!dial)
		return NULL;
	ring_offer_cancel(dial->offer);
	stream_close(dial->stream);
	auth_free(dial->auth);
	free(dial);
	return NULL;
}

/* 1: there is a stream. */
static int connect_unix(struct dial *dial, struct xcpbus_error *error)
{
	int r = stream_unix_connect(dial->address->path, dial->address->is_abstract, &dial->stream);

	if (r == -EAGAIN) /* a full backlog is the one thing that poll cannot wait for */
		return 0;
	return r < 0 ? error_fail(error, r, "%s", strerror(-r)) : 1;
}

/* 1: this is the domain. */
static int find_domain(struct dial *dial, uint32_t *domid, struct xcpbus_error *error)
{
	struct bus_place place;
	int r;

	/* Also to be told when this domain goes on elsewhere. */
	if (!*dial->finder) {
		r = bus_finder_start(dial->finder);
		if (r < 0)
			return error_fail(error, r, "xenstore cannot be asked: %s", strerror(-r));
	}
	*domid = dial->address->domid;
	if (dial->address->has_domid)
		return 1;
	bus_finder_look(*dial->finder, &place);
	*domid = place.advert.domid;
	if (place.found == BUS_FOUND_NOT_YET)
		return 0;
	return place.found == BUS_FOUND ? 1 : error_fail(error, -ENOENT, "%s", place.why);
}

static int connect_vchan(struct dial *dial, struct xcpbus_error *error)
{
	char why[RING_OFFER_WHY_MAX];
	uint32_t domid = dial->address->domid;
	int r;

	if (!dial->offer) {
		r = find_domain(dial, &domid, error);
		if (r <= 0)
			return r;
		r = ring_offer_start(domid, dial->address->ring_size, &dial->offer);
		if (r < 0)
			return error_fail(error, r, "a ring cannot be offered: %s", strerror(-r));
	}
	r = ring_offer_take(dial->offer, &dial->stream, why);
	if (r == -EAGAIN)
		return 0;
	dial->offer = NULL;
	return r < 0 ? error_fail(error, r, "%s", why) : 1;
}

static int get_stream(struct dial *dial, struct xcpbus_error *error)
{
	bool is_unix = dial->address->kind == ADDRESS_UNIX;
	int r = is_unix ? connect_unix(dial, error) : connect_vchan(dial, error);

	if (r <= 0)
		return r;
	dial->auth = auth_new(is_unix);
	return dial->auth ? 1 : error_fail(error, -ENOMEM, "out of memory");
}

int dial_run(struct dial *dial, struct xcpbus_error *error)
{
	int r;

	if (!dial->stream) {
		r = get_stream(dial, error);
		if (r <= 0)
			return r;
	} else {
		stream_ack(dial->stream);
	}
	r = auth_run(dial->auth, dial->stream, error);
	if (r > 0 && auth_has_fds(dial->auth))
		stream_unix_accept_fds(dial->stream);
	return r;
}

struct stream *dial_take(struct dial *dial, bool *has_fds)
{
	*has_fds = auth_has_fds(dial->auth);
	return TAKE(dial->stream);
}

int dial_timed_out(const struct dial *dial, struct xcpbus_error *error)
{
	const char *what = "the bus did not finish authentication in time";

	if (!dial->stream)
		what = dial->address->kind == ADDRESS_UNIX ? "too many want to connect"
							   : "xenstore does not answer";
	return error_fail(error, -ETIMEDOUT, "%s", what);
}

/* Xenstore has been asked, and has not answered. */
static bool is_finding(const struct dial *dial)
{
	return dial->address->kind == ADDRESS_VCHAN && !dial->address->has_domid && *dial->finder;
}

int dial_fd(const struct dial *dial)
{
	if (dial->stream)
		return stream_fd(dial->stream);
	if (dial->offer)
		return ring_offer_fd(dial->offer);
	return is_finding(dial) ? bus_finder_fd(*dial->finder) : -ENOTCONN;
}

short dial_events(const struct dial *dial)
{
	if (dial->stream)
		return stream_events(dial->stream, auth_has_output(dial->auth));
	return dial->offer || is_finding(dial) ? POLLIN : 0;
}

int dial_timeout_ms(const struct dial *dial)
{
	return dial->stream || dial->offer || is_finding(dial) ? -1 : BACKLOG_RETRY_MS;
}
