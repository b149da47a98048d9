/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verdicts that are remembered beside verdicts that are thought anew: random policies, messages and
 * names that come and go. */
#include "core/policy-private.h"

#include "test.h"

#include "policy-fixture.h"
#include "random.h"

enum { POLICIES = 50, QUERIES = 1000, RULES = 12 };

/* Few of each, and some too long to be remembered. */
#define LONG "x.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
static const char *const bus_names[] = { "x.a", "x.a.b", "x.c" };
static const char *const interfaces[] = { NULL, "x.I", "x.J", LONG "." LONG "." LONG };
static const char *const members[] = { "M", "N" };
static const char *const paths[] = { "/p", "/q" };
static const char *const errors[] = { "x.E", "x.F" };
static const char *const destinations[] = { NULL, "x.a", "x.c", ":0.1", DRIVER_NAME };

static struct random random_state = { 1 };

#define PICK(table) RANDOM_PICK(&random_state, table)

static unsigned below(unsigned limit)
{
	return random_below(&random_state, limit);
}

static void add_random_rule(void)
{
	static const struct policy_scope *const scopes[] = { &everybody, &domains, &mandatory };
	bool is_send = below(2);

	new_rule(is_send ? POLICY_SEND : POLICY_RECEIVE, below(2));
	rule.name = below(3) ? NULL : PICK(bus_names);
	rule.is_prefix = below(2);
	rule.interface = below(3) ? NULL : PICK(interfaces);
	rule.member = below(3) ? NULL : PICK(members);
	rule.path = below(3) ? NULL : PICK(paths);
	rule.error = below(5) ? NULL : PICK(errors);
	rule.type = (uint8_t)(below(3) ? 0 : 1 + below(4));
	rule.broadcast = (int8_t)(is_send ? below(3) - 1 : 0);
	rule.domains = (uint8_t)(below(3) ? POLICY_ANY_DOMAIN : below(3));
	rule.domid = below(3);
	rule.eavesdrop = !below(4);
	rule.requested_reply = below(2);
	rule.to_log = is_send && !below(4);
	rule.max_fds = below(4) ? POLICY_FDS_MAX : below(3);
	add(PICK(scopes));
}

static struct message message_to_judge(void)
{
	struct message message = { .type = (uint8_t)(1 + below(4)), .unix_fds = below(3) };
	const char *destination = PICK(destinations), *interface = PICK(interfaces);

	message.destination = destination ? text_of(destination) : message.destination;
	message.interface = interface ? text_of(interface) : message.interface;
	if (message.type == MESSAGE_METHOD_CALL || message.type == MESSAGE_SIGNAL) {
		message.path = text_of(PICK(paths));
		message.member = text_of(PICK(members));
		message.reply_serial = !below(6);
	} else {
		message.reply_serial = 1;
		if (message.type == MESSAGE_ERROR)
			message.error_name = text_of(PICK(errors));
	}
	return message;
}

static void change_names(void)
{
	struct fake_peer *fake = &fakes[below(5)];
	const char *name = PICK(bus_names);
	struct name_change change;

	if (below(2))
		CHECK(name_request(&bus.names, &fake->peer, text_of(name), 0, &change) > 0);
	else
		CHECK(name_release(&bus.names, &fake->peer, text_of(name), &change) > 0);
}

static void ask(void)
{
	struct message message = message_to_judge();
	unsigned from = below(6), to = below(6);
	struct policy_query query = {
		.names = &bus.names,
		.message = &message,
		.from = from < 5 ? &fakes[from].peer : NULL,
		.to = to < 5 || from == 5 ? &fakes[to % 5].peer : NULL,
		.is_requested_reply = below(2),
		.is_eavesdropping = below(2),
	};
	enum policy_verdict remembered = policy_look_up(&query), anew;
	struct verdict *cache = policy->cache;

	policy->cache = NULL;
	anew = policy_look_up(&query);
	free(policy->cache);
	policy->cache = cache;
	CHECK(remembered == anew);
	CHECK(policy_check(&query) == anew);
}

static void what_is_remembered_is_what_would_be_thought(void)
{
	unsigned round, i;

	for (round = 0; round < POLICIES; round++) {
		begin();
		for (i = 0; i < RULES; i++)
			add_random_rule();
		put_in_force();
		for (i = 0; i < QUERIES; i++) {
			if (!below(20))
				change_names();
			ask();
		}
		fake_stop();
	}
}

int main(void)
{
	RUN(what_is_remembered_is_what_would_be_thought);
	return test_finish();
}
