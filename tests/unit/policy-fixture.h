/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A policy that a test puts together, and five peers under it. The includer has CHECK. */
#pragma once

#include "core/policy.h"

#include "fake-bus.h"

static struct fake_peer *const a = &fakes[0], *const b = &fakes[1], *const c = &fakes[2];
static struct fake_peer *const guest = &fakes[3], *const stranger = &fakes[4];

static struct policy *policy;
static struct policy_rule rule;

static const struct policy_scope everybody = { .kind = POLICY_DEFAULT };
static const struct policy_scope mandatory = { .kind = POLICY_MANDATORY };
static const struct policy_scope domains = { .kind = POLICY_ALL_DOMAINS };

static inline void begin(void)
{
	policy = policy_new();
	CHECK(policy);
}

/* Begins a rule; what it is about is set afterwards, and add puts it in. */
static inline struct policy_rule *new_rule(enum policy_rule_kind kind, bool allow)
{
	policy_rule_init(&rule, kind, allow);
	return &rule;
}

static inline void add(const struct policy_scope *scope)
{
	CHECK(policy_add(policy, scope, &rule) == 0);
}

static inline void add_all(const struct policy_scope *scope, enum policy_rule_kind kind, bool allow)
{
	new_rule(kind, allow);
	add(scope);
}

/* Puts what was built into force, with five peers, none of whom has said Hello. */
static inline void put_in_force(void)
{
	fake_start();
	CHECK(gate_set_policy(&bus, policy) == 0);
	CHECK(fake_join(a, 0) == 0 && fake_join(b, 0) == 0 && fake_join(c, 0) == 0);
	CHECK(fake_join(guest, 1) == 0 && fake_join(stranger, 2) == 0);
}

static inline void own(struct fake_peer *fake, const char *name)
{
	struct name_change change;

	CHECK(name_request(&bus.names, &fake->peer, text_of(name), 0, &change) > 0);
}

static inline void disown(struct fake_peer *fake, const char *name)
{
	struct name_change change;

	CHECK(name_release(&bus.names, &fake->peer, text_of(name), &change) == NAME_RELEASED);
}

static inline struct message call_to(const char *destination)
{
	return (struct message){ .type = MESSAGE_METHOD_CALL,
				 .path = text_of("/p"),
				 .interface = text_of("x.I"),
				 .member = text_of("M"),
				 .destination = text_of(destination) };
}

static inline struct message signal_to(const char *destination)
{
	return (struct message){ .type = MESSAGE_SIGNAL,
				 .path = text_of("/p"),
				 .interface = text_of("x.I"),
				 .member = text_of("S"),
				 .destination = text_of(destination) };
}

static inline enum policy_verdict verdict(const struct fake_peer *from, const struct fake_peer *to,
					  const struct message *message)
{
	struct policy_query query = { .names = &bus.names,
				      .from = from ? &from->peer : NULL,
				      .to = to ? &to->peer : NULL,
				      .message = message,
				      .is_requested_reply = message->reply_serial != 0 };
	enum policy_verdict first = policy_check(&query);

	CHECK(policy_check(&query) == first); /* remembered */
	return first;
}

static inline bool passes(const struct fake_peer *from, const struct fake_peer *to,
			  const struct message *message)
{
	return verdict(from, to, message) == POLICY_ALLOWED;
}

static inline bool may_own(const struct fake_peer *fake, const char *name)
{
	return policy_may_own(fake->peer.profile, &fake->identity, text_of(name));
}
