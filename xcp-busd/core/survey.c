/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/survey.h"

uint64_t survey_oldest_owed_us(const struct peer *peer)
{
	const struct reply_slot *slot =
		list_first(&peer->replies.owed, struct reply_slot, owed_link);

	return slot ? slot->asked_us : UINT64_MAX;
}

static void add_peer(struct survey *survey, const struct peer *peer)
{
	uint64_t owed_us = survey_oldest_owed_us(peer);

	survey->links++;
	survey->incomplete_links += !peer->is_registered && !peer->is_monitor;
	survey->match_rules += peer->matches_count;
	survey->queued_bytes += peer->outbox.size;
	if (peer->heard_us > survey->heard_us)
		survey->heard_us = peer->heard_us;
	if (owed_us < survey->oldest_owed_us)
		survey->oldest_owed_us = owed_us;
	traffic_add(&survey->past.traffic, &peer->traffic);
	answer_times_add(&survey->past.answer_times, &peer->replies.answer_times);
}

void survey_quota(const struct quota *quota, struct survey *survey)
{
	const struct peer *peer;

	*survey = (struct survey){ .heard_us = quota->heard_us,
				   .oldest_owed_us = UINT64_MAX,
				   .past = quota->gone };
	list_for_each(peer, &quota->peers, quota_link)
		add_peer(survey, peer);
}

void survey_local(const struct bus *bus, struct survey *survey)
{
	const struct quota *quota;
	const struct peer *peer;

	*survey = (struct survey){ .heard_us = bus->begun_us,
				   .oldest_owed_us = UINT64_MAX,
				   .past = bus->count.local_gone };
	list_for_each(quota, &bus->quotas, quotas_link) {
		if (quota->owner.is_guest)
			break;
		list_for_each(peer, &quota->peers, quota_link)
			add_peer(survey, peer);
	}
}

void survey_bus(const struct bus *bus, struct survey *survey)
{
	const struct peer *peer;

	*survey = (struct survey){ .heard_us = bus->begun_us,
				   .oldest_owed_us = UINT64_MAX,
				   .past = bus->count.gone };
	list_for_each(peer, &bus->peers, bus_link)
		add_peer(survey, peer);
}

uint32_t survey_count_domains(const struct bus *bus)
{
	const struct quota *quota;
	uint32_t count = 0;

	list_for_each(quota, &bus->quotas, quotas_link)
		count += quota->owner.is_guest && !list_is_empty(&quota->peers);
	return count;
}
