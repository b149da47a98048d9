/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What links have done and hold, added up for whoever asks: for one domain, one user, or all. It
 * walks over the links, once, and takes no memory.
 */
#pragma once

#include "core/bus.h"

struct survey {
	uint32_t links, incomplete_links;
	uint64_t match_rules;
	uint64_t queued_bytes; /* that wait for them in the daemon */
	uint64_t heard_us; /* when their last message came */
	uint64_t oldest_owed_us; /* when the oldest call that they have not answered came, or
				  * UINT64_MAX */
	struct past past; /* of links that are gone, too */
};

void survey_quota(const struct quota *quota, struct survey *survey); /* a domain, or a user */
void survey_local(const struct bus *bus, struct survey *survey); /* all users of dom0 */
void survey_bus(const struct bus *bus, struct survey *survey);

/* Guests that have a link now. */
uint32_t survey_count_domains(const struct bus *bus);

/* When the oldest call came that the peer has not answered, or UINT64_MAX. */
uint64_t survey_oldest_owed_us(const struct peer *peer);
