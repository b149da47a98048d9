/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/name.h"

#include <stdio.h>

#include "core/peer.h"
#include "random.h"
#include "test.h"
#include "wire/syntax.h"

enum {
	ALLOW = NAME_ALLOW_REPLACEMENT,
	REPLACE = NAME_REPLACE_EXISTING,
	NO_QUEUE = NAME_DO_NOT_QUEUE,
	PEERS = 4
};

static const struct hash_key key = { 5, 6 };
static struct name_registry registry;
static struct quota_limits limits;
static struct quota *quota;
static struct peer peers[PEERS];
static struct peer *const a = &peers[0], *const b = &peers[1], *const c = &peers[2];
static struct name_change change;

static void setup(uint64_t names_max)
{
	int i;

	limits.max[QUOTA_NAMES] = names_max;
	quota = quota_new(&limits);
	CHECK(quota);
	name_registry_init(&registry, &key);
	for (i = 0; i < PEERS; i++) {
		peers[i] = (struct peer){ .quota = quota };
		list_init(&peers[i].owned);
	}
}

static void leave(struct peer *peer)
{
	char text[SYNTAX_NAME_MAX + 1];

	while (name_take_claim(&registry, peer, text, &change))
		;
}

static void teardown(void)
{
	int i;

	for (i = 0; i < PEERS; i++)
		leave(&peers[i]);
	CHECK(quota->used[QUOTA_NAMES] == 0);
	name_registry_deinit(&registry);
	quota = quota_unref(quota);
}

static int request(struct peer *peer, const char *name, uint32_t flags)
{
	return name_request(&registry, peer, text_of(name), flags, &change);
}

static int release(struct peer *peer, const char *name)
{
	return name_release(&registry, peer, text_of(name), &change);
}

static struct peer *owner(const char *name)
{
	return name_owner(name_find(&registry, text_of(name)));
}

static bool changed(struct peer *from, struct peer *to)
{
	return change.happened && change.from == from && change.to == to;
}

/* "ab": a owns it, b waits. */
static bool queue_is(const char *name, const char *wanted)
{
	const struct name *found = name_find(&registry, text_of(name));
	const struct name_claim *claim;

	if (!found)
		return !*wanted;
	list_for_each(claim, &found->claims, name_link)
		if (!*wanted || claim->peer != &peers[*wanted++ - 'a'])
			return false;
	return !*wanted;
}

static void the_first_to_ask_owns_the_name(void)
{
	setup(10);
	CHECK(!owner("x.y"));
	CHECK(request(a, "x.y", 0) == NAME_PRIMARY_OWNER && changed(NULL, a));
	CHECK(owner("x.y") == a);
	CHECK(request(a, "x.y", 0) == NAME_ALREADY_OWNER && !change.happened);
	CHECK(quota->used[QUOTA_NAMES] == 1);
	teardown();
}

static void those_who_come_later_wait_in_line(void)
{
	setup(10);
	CHECK(request(a, "x.y", 0) == NAME_PRIMARY_OWNER);
	CHECK(request(b, "x.y", 0) == NAME_IN_QUEUE && !change.happened);
	CHECK(request(c, "x.y", 0) == NAME_IN_QUEUE && !change.happened);
	CHECK(request(b, "x.y", 0) == NAME_IN_QUEUE && !change.happened);
	CHECK(queue_is("x.y", "abc") && quota->used[QUOTA_NAMES] == 3);
	CHECK(release(a, "x.y") == NAME_RELEASED && changed(a, b));
	CHECK(release(b, "x.y") == NAME_RELEASED && changed(b, c));
	CHECK(release(c, "x.y") == NAME_RELEASED && changed(c, NULL));
	CHECK(!name_find(&registry, text_of("x.y")));
	teardown();
}

static void who_waits_may_give_up(void)
{
	setup(10);
	CHECK(request(a, "x.y", 0) == NAME_PRIMARY_OWNER);
	CHECK(request(b, "x.y", 0) == NAME_IN_QUEUE);
	CHECK(request(c, "x.y", 0) == NAME_IN_QUEUE);
	CHECK(release(b, "x.y") == NAME_RELEASED && !change.happened);
	CHECK(queue_is("x.y", "ac"));
	/* Asking again, but not to wait, is giving up too. */
	CHECK(request(c, "x.y", NO_QUEUE) == NAME_EXISTS && !change.happened);
	CHECK(queue_is("x.y", "a") && quota->used[QUOTA_NAMES] == 1);
	teardown();
}

static void only_owners_and_waiters_can_release(void)
{
	setup(10);
	CHECK(release(a, "x.y") == NAME_NON_EXISTENT && !change.happened);
	CHECK(request(a, "x.y", 0) == NAME_PRIMARY_OWNER);
	CHECK(release(b, "x.y") == NAME_NOT_OWNER && !change.happened);
	CHECK(owner("x.y") == a);
	teardown();
}

/* All 8 x 8 combinations of the owner's flags and the second one's. */
static void every_combination_of_flags(void)
{
	uint32_t mine, theirs;

	for (mine = 0; mine < 8; mine++) {
		for (theirs = 0; theirs < 8; theirs++) {
			bool takes_over = (mine & ALLOW) && (theirs & REPLACE);
			int wanted = takes_over            ? NAME_PRIMARY_OWNER
				     : (theirs & NO_QUEUE) ? NAME_EXISTS
							   : NAME_IN_QUEUE;

			setup(10);
			CHECK(request(a, "x.y", mine) == NAME_PRIMARY_OWNER);
			CHECK(request(b, "x.y", theirs) == wanted);
			if (takes_over)
				CHECK(changed(a, b) &&
				      queue_is("x.y", (mine & NO_QUEUE) ? "b" : "ba"));
			else
				CHECK(!change.happened &&
				      queue_is("x.y", (theirs & NO_QUEUE) ? "a" : "ab"));
			teardown();
		}
	}
}

static void one_in_the_queue_may_ask_again_with_other_flags(void)
{
	setup(10);
	CHECK(request(a, "x.y", ALLOW) == NAME_PRIMARY_OWNER);
	CHECK(request(b, "x.y", 0) == NAME_IN_QUEUE);
	CHECK(request(c, "x.y", 0) == NAME_IN_QUEUE);
	CHECK(request(c, "x.y", REPLACE) == NAME_PRIMARY_OWNER && changed(a, c));
	CHECK(queue_is("x.y", "cab") && quota->used[QUOTA_NAMES] == 3);
	/* The new owner did not allow it to be replaced in turn; it may change its mind. */
	CHECK(request(a, "x.y", REPLACE) == NAME_IN_QUEUE && !change.happened);
	CHECK(request(c, "x.y", ALLOW) == NAME_ALREADY_OWNER && !change.happened);
	CHECK(request(a, "x.y", REPLACE) == NAME_PRIMARY_OWNER && changed(c, a));
	CHECK(queue_is("x.y", "acb"));
	teardown();
}

static void an_owner_that_will_not_wait_leaves_when_replaced(void)
{
	setup(10);
	CHECK(request(a, "x.y", ALLOW) == NAME_PRIMARY_OWNER);
	CHECK(request(a, "x.y", ALLOW | NO_QUEUE) == NAME_ALREADY_OWNER); /* the last word counts */
	CHECK(request(b, "x.y", REPLACE | NO_QUEUE) == NAME_PRIMARY_OWNER && changed(a, b));
	CHECK(queue_is("x.y", "b") && quota->used[QUOTA_NAMES] == 1);
	CHECK(release(a, "x.y") == NAME_NOT_OWNER);
	teardown();
}

static void unknown_flags_are_ignored(void)
{
	setup(10);
	CHECK(request(a, "x.y", 0xfffffff8) == NAME_PRIMARY_OWNER);
	CHECK(request(b, "x.y", 0xfffffff8) == NAME_IN_QUEUE);
	teardown();
}

static void names_are_limited_and_waiting_counts(void)
{
	setup(2);
	CHECK(request(a, "x.y", ALLOW) == NAME_PRIMARY_OWNER);
	CHECK(request(b, "x.y", 0) == NAME_IN_QUEUE);
	CHECK(request(b, "x.z", 0) == NAME_OVER_QUOTA && !change.happened);
	CHECK(!name_find(&registry, text_of("x.z")));
	CHECK(request(c, "x.y", REPLACE) == NAME_OVER_QUOTA && !change.happened);
	CHECK(queue_is("x.y", "ab"));
	/* What is there already costs nothing again. */
	CHECK(request(b, "x.y", REPLACE) == NAME_PRIMARY_OWNER && queue_is("x.y", "ba"));
	CHECK(release(b, "x.y") == NAME_RELEASED);
	CHECK(request(b, "x.z", 0) == NAME_PRIMARY_OWNER);
	teardown();
}

static void a_leaving_peer_hands_over_all_it_has(void)
{
	char text[SYNTAX_NAME_MAX + 1];

	setup(10);
	CHECK(request(a, "x.one", 0) == NAME_PRIMARY_OWNER);
	CHECK(request(b, "x.two", 0) == NAME_PRIMARY_OWNER);
	CHECK(request(a, "x.two", 0) == NAME_IN_QUEUE);
	CHECK(request(a, "x.three", 0) == NAME_PRIMARY_OWNER);
	CHECK(request(b, "x.three", 0) == NAME_IN_QUEUE);

	CHECK(name_take_claim(&registry, a, text, &change));
	CHECK(!strcmp(text, "x.one") && changed(a, NULL));
	CHECK(name_take_claim(&registry, a, text, &change));
	CHECK(!strcmp(text, "x.two") && !change.happened);
	CHECK(name_take_claim(&registry, a, text, &change));
	CHECK(!strcmp(text, "x.three") && changed(a, b));
	CHECK(!name_take_claim(&registry, a, text, &change));
	CHECK(!owner("x.one") && owner("x.two") == b && owner("x.three") == b);
	teardown();
}

static void names_that_begin_alike_are_different(void)
{
	char longest[SYNTAX_NAME_MAX + 1], text[SYNTAX_NAME_MAX + 1];

	setup(10);
	memset(longest, 'n', SYNTAX_NAME_MAX);
	longest[1] = '.';
	longest[SYNTAX_NAME_MAX] = '\0';
	CHECK(request(a, "n.n", 0) == NAME_PRIMARY_OWNER);
	CHECK(request(b, "n.nn", 0) == NAME_PRIMARY_OWNER);
	CHECK(request(c, longest, 0) == NAME_PRIMARY_OWNER);
	CHECK(owner("n.n") == a && owner("n.nn") == b && owner(longest) == c);
	CHECK(name_take_claim(&registry, c, text, &change) && !strcmp(text, longest));
	teardown();
}

/* Names as RequestName is written down in the specification, one array for each. */
struct model {
	unsigned queue[PEERS], flags[PEERS], count;
};

static unsigned model_find(const struct model *model, unsigned peer)
{
	unsigned i;

	for (i = 0; i < model->count && model->queue[i] != peer; i++)
		;
	return i;
}

static void model_insert(struct model *model, unsigned at, unsigned peer)
{
	unsigned i;

	for (i = model->count++; i > at; i--)
		model->queue[i] = model->queue[i - 1];
	model->queue[at] = peer;
}

static void model_remove(struct model *model, unsigned at)
{
	for (model->count--; at < model->count; at++)
		model->queue[at] = model->queue[at + 1];
}

static int model_request(struct model *model, unsigned peer, unsigned flags)
{
	unsigned at = model_find(model, peer);
	bool is_there = at < model->count;

	model->flags[peer] = flags;
	if (!model->count) {
		model_insert(model, 0, peer);
		return NAME_PRIMARY_OWNER;
	}
	if (at == 0)
		return NAME_ALREADY_OWNER;
	if ((flags & REPLACE) && (model->flags[model->queue[0]] & ALLOW)) {
		if (is_there)
			model_remove(model, at);
		if (model->flags[model->queue[0]] & NO_QUEUE)
			model_remove(model, 0);
		model_insert(model, 0, peer);
		return NAME_PRIMARY_OWNER;
	}
	if (flags & NO_QUEUE) {
		if (is_there)
			model_remove(model, at);
		return NAME_EXISTS;
	}
	if (!is_there)
		model_insert(model, model->count, peer);
	return NAME_IN_QUEUE;
}

static void the_registry_agrees_with_a_plain_model(void)
{
	static const char *const names[] = { "m.a", "m.b", "m.c" };
	struct model models[3] = { 0 };
	struct random random = { 99 };
	unsigned step, i;

	setup(1000);
	for (step = 0; step < 50000; step++) {
		unsigned n = random_below(&random, 3), p = random_below(&random, PEERS);
		unsigned before = models[n].count ? models[n].queue[0] : PEERS, after, at;
		uint32_t flags = random_below(&random, 8);

		if (random_below(&random, 3)) {
			CHECK(request(&peers[p], names[n], flags) ==
			      model_request(&models[n], p, flags));
		} else {
			at = model_find(&models[n], p);
			CHECK(release(&peers[p], names[n]) == (!models[n].count ? NAME_NON_EXISTENT
							       : at == models[n].count
								       ? NAME_NOT_OWNER
								       : NAME_RELEASED));
			if (at < models[n].count)
				model_remove(&models[n], at);
		}
		after = models[n].count ? models[n].queue[0] : PEERS;
		CHECK(change.happened == (before != after));
		if (change.happened)
			CHECK(changed(before < PEERS ? &peers[before] : NULL,
				      after < PEERS ? &peers[after] : NULL));
		for (i = 0; i < 3; i++) {
			char wanted[PEERS + 1] = "";

			for (at = 0; at < models[i].count; at++)
				wanted[at] = (char)('a' + (int)models[i].queue[at]);
			CHECK(queue_is(names[i], wanted));
		}
	}
	CHECK(quota->used[QUOTA_NAMES] == models[0].count + models[1].count + models[2].count);
	teardown();
}

int main(void)
{
	RUN(the_first_to_ask_owns_the_name);
	RUN(those_who_come_later_wait_in_line);
	RUN(who_waits_may_give_up);
	RUN(only_owners_and_waiters_can_release);
	RUN(every_combination_of_flags);
	RUN(one_in_the_queue_may_ask_again_with_other_flags);
	RUN(an_owner_that_will_not_wait_leaves_when_replaced);
	RUN(unknown_flags_are_ignored);
	RUN(names_are_limited_and_waiting_counts);
	RUN(a_leaving_peer_hands_over_all_it_has);
	RUN(names_that_begin_alike_are_different);
	RUN(the_registry_agrees_with_a_plain_model);
	return test_finish();
}
