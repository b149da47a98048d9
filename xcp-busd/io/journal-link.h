/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the log says about links: why they ended, what was denied to them, what was started for
 * them. */
#pragma once

struct identity;
struct link;
struct quota;
struct reason;
struct server;

/* It was not taken on: failure is a negative errno, -EDQUOT if there are too many. */
void journal_link_refused(struct server *server, const struct identity *who, int failure);

/* It is about to be taken apart. */
void journal_link_ended(const struct link *link);

/* A limit was in the way: as of bus_ops. */
void journal_link_limited(const struct link *link, const char *text, const struct reason *reason);

/* Something of its was denied, or is to be logged by a rule of the policy. */
void journal_link_denied(const struct link *link, const char *text);

/* Nobody reacts at its other end, or somebody does again: link::is_silent. */
void journal_link_pulse(const struct link *link);

/* A service is being started for it; or did not come, for one of somebody's links, which may have
 * ended meanwhile. */
void journal_link_starting(const struct link *link, const char *service);
void journal_link_start_failed(struct server *server, const char *service, struct quota *by,
			       const char *why);
