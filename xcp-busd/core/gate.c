/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/gate.h"

#include <errno.h>
#include <stdlib.h>

#include "core/answer.h"
#include "core/eavesdrop.h"
#include "core/monitor.h"

int gate_set_policy(struct bus *bus, struct policy *policy)
{
	struct policy_profile **profiles;
	struct peer *peer;
	size_t count = 0, i;

	list_for_each(peer, &bus->peers, bus_link)
		count++;
	profiles = calloc(count + 1, sizeof(struct policy_profile *));
	if (!profiles)
		return -ENOMEM;
	i = 0;
	list_for_each(peer, &bus->peers, bus_link)
		if ((profiles[i] = policy_profile_get(policy, peer->identity)))
			i++;
	/* All of them, or none. */
	if (i < count) {
		while (i--)
			policy_profile_put(profiles[i]);
		free(profiles);
		return -ENOMEM;
	}
	i = 0;
	list_for_each(peer, &bus->peers, bus_link) {
		policy_profile_put(peer->profile);
		peer->profile = profiles[i++];
		eavesdrop_update(peer);
	}
	free(profiles);
	policy_free(bus->policy);
	bus->policy = policy;
	return 0;
}

static struct policy_query query_of(const struct bus *bus, const struct peer *from,
				    const struct peer *to, const struct message *message,
				    bool is_requested_reply)
{
	return (struct policy_query){
		.names = &bus->names,
		.from = from,
		.to = to,
		.message = message,
		.is_requested_reply = is_requested_reply,
	};
}

static void report(struct bus *bus, const struct policy_query *query, enum policy_verdict verdict)
{
	const struct peer *whose = query->from ? query->from : query->to;
	char text[POLICY_WHY_MAX];

	/* Broadcasts are withheld in silence: nobody meant this receiver. */
	if (verdict != POLICY_ALLOWED_TO_LOG && query->message->type == MESSAGE_SIGNAL &&
	    !query->message->destination.bytes)
		return;
	if (verdict != POLICY_ALLOWED_TO_LOG)
		bus_count_refusal(bus, whose->quota, REFUSAL_DENIED);
	if (bus->ops->report)
		bus->ops->report(whose, policy_explain(query, verdict, NULL, text));
}

/* What nobody is told, monitors see: that a broadcast, or a message of the bus, was withheld. */
static void show_refusal(struct bus *bus, const struct policy_query *query,
			 enum policy_verdict verdict)
{
	const struct message *message = query->message;
	char text[POLICY_WHY_MAX];

	if (!query->from || (message->type == MESSAGE_SIGNAL && !message->destination.bytes))
		monitor_show_error(bus, query->from, message->serial,
				   "org.freedesktop.DBus.Error.AccessDenied",
				   policy_explain(query, verdict, NULL, text));
}

bool gate_lets_pass(struct bus *bus, const struct peer *from, const struct peer *to,
		    const struct message *message, bool is_requested_reply)
{
	struct policy_query query = query_of(bus, from, to, message, is_requested_reply);
	enum policy_verdict verdict = policy_check(&query);

	if (verdict == POLICY_ALLOWED)
		return true;
	report(bus, &query, verdict);
	if (verdict != POLICY_ALLOWED_TO_LOG && !list_is_empty(&bus->monitors))
		show_refusal(bus, &query, verdict);
	return verdict == POLICY_ALLOWED_TO_LOG;
}

bool gate_lets_eavesdrop(struct bus *bus, const struct peer *from, const struct peer *by,
			 const struct message *message, bool is_requested_reply)
{
	struct policy_query query = query_of(bus, from, by, message, is_requested_reply);
	enum policy_verdict verdict;

	query.is_eavesdropping = true;
	verdict = policy_check(&query);
	return verdict == POLICY_ALLOWED || verdict == POLICY_ALLOWED_TO_LOG;
}

bool gate_lets_own_pass(struct bus *bus, const struct peer *to, const uint8_t *bytes, uint32_t size)
{
	struct message message;

	/* Who has not said Hello gets its answer whatever the policy. */
	if (to->profile->receives_all || !to->is_registered)
		return true;
	if (message_parse(&message, (uint8_t *)(uintptr_t)bytes, size) != MESSAGE_VALID)
		return true;
	return gate_lets_pass(bus, NULL, to, &message, true);
}

int gate_refuse(struct bus *bus, struct peer *from, const struct peer *to,
		const struct message *message)
{
	struct policy_query query = query_of(bus, from, to, message, false);
	char text[POLICY_WHY_MAX];

	policy_explain(&query, policy_check(&query), from, text);
	/* Nobody waits for the answer to a signal, but whoever looks at the bus sees why nobody got
	 * it. */
	if (message->type == MESSAGE_SIGNAL)
		return answer_error_serial(bus, from, message->serial,
					   "org.freedesktop.DBus.Error.AccessDenied", text);
	return answer_error(bus, from, message, "org.freedesktop.DBus.Error.AccessDenied", text);
}
