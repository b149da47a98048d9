/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rings on which guests come. The dialer connects them; here they become links, and the links
 * of a domain that is gone end. */
#pragma once

#include "io/link.h"
#include "io/server.h"

struct listen_vchan;

/* 0, or -1 and a sentence. */
int listen_vchan_new(struct server *server, struct listen_vchan **out, char *why, size_t why_size);
/* Tells the bus's health how it is with guests, and its counts how many were refused. */
void listen_vchan_look(struct listen_vchan *listener);

struct listen_vchan *listen_vchan_free(struct listen_vchan *listener); /* all links are gone */
/* The server's configuration has other limits now. */
void listen_vchan_limits_changed(struct listen_vchan *listener);

/* Said by the link of a guest. */
void listen_vchan_authenticated(struct listen_vchan *listener, const struct link_party *party);
void listen_vchan_closed(struct listen_vchan *listener, const struct link_party *party,
			 bool was_authenticated);
