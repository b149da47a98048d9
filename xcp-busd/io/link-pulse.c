/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/link-pulse.h"

#include "common/stream-vchan.h"
#include "io/journal-link.h"
#include "io/server.h"

enum { AT_ONCE = 64 /* each costs a system call */ };

static void set_due(struct link *link)
{
	struct server *server = link->server;

	link->pulse_us = server->now_us + server->bus.settings.silent_us;
	list_push_back(&server->rings, &link->pulse_link);
}

void link_pulse_begin(struct link *link)
{
	set_due(link);
	server_look_after(link->server, link->pulse_us);
}

void link_pulse_end(struct link *link)
{
	list_remove(&link->pulse_link);
}

void link_pulse_revive(struct link *link)
{
	link->is_silent = false;
	journal_link_pulse(link);
}

static void check(struct link *link)
{
	bool reacts = stream_vchan_poke(link->stream);

	if (reacts) {
		link_pulse_heard(link);
	} else if (!link->is_silent) {
		link->is_silent = true;
		journal_link_pulse(link);
	}
}

uint64_t link_pulse_check(struct server *server)
{
	struct link *link = NULL;
	unsigned i;

	for (i = 0; i < AT_ONCE; i++) {
		link = list_first(&server->rings, struct link, pulse_link);
		if (!link || link->pulse_us > server->now_us)
			break;
		list_remove(&link->pulse_link);
		check(link);
		set_due(link);
	}
	link = list_first(&server->rings, struct link, pulse_link);
	return link ? link->pulse_us : UINT64_MAX;
}
