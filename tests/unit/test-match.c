/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index beside a matcher that looks at every rule, key by key, as the specification has it. */
#include "core/match.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/name.h"
#include "core/peer.h"
#include "match-model.h"
#include "test.h"
#include "wire/build.h"

enum { RULES_MAX = 3000 };

static const struct hash_key key = { 1, 2 };
static struct match_index matches;
static struct name_registry names;
static struct quota *quota;
static struct peer peers[SENDERS];
static struct spec specs[RULES_MAX];

static void own(unsigned peer, const char *name)
{
	struct name_change change;

	CHECK(name_request(&names, &peers[peer], text_of(name), 0, &change) > 0);
}

/* The first owns two names, the second one, and waits for one of the first's. */
static void setup(void)
{
	static const struct quota_limits limits = { .max = { [QUOTA_NAMES] = 100 } };
	unsigned i;

	match_index_init(&matches, &key);
	name_registry_init(&names, &key);
	quota = quota_new(&limits);
	CHECK(quota);
	for (i = 0; i < SENDERS; i++) {
		peers[i] = (struct peer){ .quota = quota };
		list_init(&peers[i].owned);
		strcpy(peers[i].name, senders[i]);
		peers[i].name_hash = hash_bytes(&key, peers[i].name, strlen(peers[i].name));
	}
	own(0, "own.a");
	own(0, "own.b");
	own(1, "own.c");
	own(1, "own.a");
	memset(specs, 0, sizeof(specs));
}

static void teardown(void)
{
	char text[256];
	struct name_change change;
	unsigned i;

	for (i = 0; i < SENDERS; i++)
		while (name_take_claim(&names, &peers[i], text, &change))
			;
	name_registry_deinit(&names);
	quota = quota_unref(quota);
	match_index_deinit(&matches);
	CHECK(matches.args_needed == 0);
}

static void add(struct spec *spec)
{
	char text[1024];
	const char *why = "";

	spec_text(spec, text, sizeof(text));
	CHECK(rule_parse(text_of(text), &spec->rule, &why) == RULE_PARSED);
	spec->rule->peer = (struct peer *)spec; /* so that on_found knows whose it is */
	CHECK(match_add(&matches, spec->rule) == 0);
}

static void drop(struct spec *spec)
{
	if (!spec->rule)
		return;
	match_remove(&matches, spec->rule);
	spec->rule = rule_free(spec->rule);
}

static void drop_all(void)
{
	unsigned i;

	for (i = 0; i < RULES_MAX; i++)
		drop(&specs[i]);
}

static void on_found(struct rule *rule, void *context)
{
	struct spec *spec = (struct spec *)rule->peer;

	CHECK(spec->rule == rule);
	spec->found++;
	++*(unsigned *)context;
}

static void build_sample(struct build *build, const struct sample *sample)
{
	char signature[ARGS_MAX + 2] = "";
	unsigned i;

	for (i = 0; i < sample->args_count; i++)
		signature[i] = sample->args[i].type;
	build_init(build);
	build_header(build, &(struct build_head){ .type = MESSAGE_SIGNAL,
						  .serial = 1,
						  .path = sample->path,
						  .interface = sample->interface,
						  .member = sample->member,
						  .signature = signature });
	for (i = 0; i < sample->args_count; i++) {
		if (sample->args[i].type == 'u')
			build_uint32(build, 7);
		else if (sample->args[i].type == 'g')
			build_signature(build, sample->args[i].value);
		else
			build_string(build, sample->args[i].value);
	}
}

/* How many rules the index finds; each of them is counted in its spec. */
static unsigned find(const struct sample *sample)
{
	struct build build;
	struct message message;
	uint8_t *bytes;
	uint32_t size;
	unsigned count = 0;
	struct match_sender sender = { .unique = text_of(peers[sample->sender].name),
				       .unique_hash = peers[sample->sender].name_hash,
				       .owned = &peers[sample->sender].owned };

	build_sample(&build, sample);
	CHECK(build_finish(&build, &bytes, &size) == 0);
	CHECK(message_parse(&message, bytes, size) == MESSAGE_VALID);
	match_find(&matches, &message, &sender, on_found, &count);
	build_deinit(&build);
	return count;
}

static void compare(const struct sample *sample)
{
	unsigned i, wanted = 0;

	for (i = 0; i < RULES_MAX; i++)
		specs[i].found = 0;
	find(sample);
	for (i = 0; i < RULES_MAX; i++) {
		char text[1024];

		if (!specs[i].rule)
			continue;
		wanted = naive(&specs[i], sample);
		if (specs[i].found == wanted)
			continue;
		spec_text(&specs[i], text, sizeof(text));
		printf("%u instead of %u times: %s\n", specs[i].found, wanted, text);
		CHECK(specs[i].found == wanted);
	}
}

/* Rules come and go between the messages, so that every size of the index is tried. */
static void the_index_agrees_with_looking_at_every_rule(void)
{
	struct random random = { 20240607 };
	struct sample sample;
	unsigned step, i, count;

	setup();
	for (step = 0; step < 3000; step++) {
		bool grows = step % 1000 < 600;

		for (count = 0; count < 12; count++) {
			i = random_below(&random, RULES_MAX);
			if (specs[i].rule)
				drop(&specs[i]);
			if (!grows)
				continue;
			random_spec(&random, &specs[i]);
			add(&specs[i]);
		}
		random_sample(&random, &sample);
		compare(&sample);
	}
	drop_all();
	teardown();
}

/* Among the rules of its own peer alone. */
static void an_equal_rule_is_found_among_ones_own(void)
{
	struct random random = { 8 };
	struct rule *rule, *wanted, *found;
	unsigned step, p;
	const char *why;
	char text[1024];

	setup();
	for (p = 0; p < SENDERS; p++)
		list_init(&peers[p].matches);
	for (step = 0; step < 4000; step++) {
		p = random_below(&random, 2);
		random_spec(&random, &specs[0]);
		if (random_below(&random, 2))
			specs[0] = (struct spec){ .member = RANDOM_PICK(&random, members),
						  .destination = random_below(&random, 2) ? ":0.1"
											  : NULL };
		spec_text(&specs[0], text, sizeof(text));
		CHECK(rule_parse(text_of(text), &wanted, &why) == RULE_PARSED);
		found = match_find_equal(&matches, wanted, &peers[p]);
		list_for_each(rule, &peers[p].matches, peer_link)
			if (rule_equals(rule, wanted))
				break;
		CHECK(found ? found == rule : &rule->peer_link == &peers[p].matches);
		if (found) {
			rule_free(wanted);
			if (random_below(&random, 2))
				continue;
			match_remove(&matches, found);
			list_remove(&found->peer_link);
			rule_free(found);
			continue;
		}
		wanted->peer = &peers[p];
		CHECK(match_add(&matches, wanted) == 0);
		list_push_back(&peers[p].matches, &wanted->peer_link);
	}
	for (p = 0; p < SENDERS; p++) {
		while ((rule = list_first(&peers[p].matches, struct rule, peer_link))) {
			match_remove(&matches, rule);
			list_remove(&rule->peer_link);
			rule_free(rule);
		}
	}
	teardown();
}

static unsigned meets(struct spec spec, struct sample sample)
{
	unsigned count;

	specs[0] = spec;
	add(&specs[0]);
	count = find(&sample);
	drop(&specs[0]);
	return count;
}

static const struct sample plain = { .interface = "a.b",
				     .member = "M",
				     .path = "/a/b",
				     .args = { { 's', "a.b" }, { 's', "x" } },
				     .args_count = 2 };

static void a_rule_without_keys_meets_every_signal(void)
{
	setup();
	CHECK(meets((struct spec){ 0 }, plain) == 1);
	teardown();
}

static void one_that_names_a_destination_meets_no_broadcast(void)
{
	setup();
	CHECK(meets((struct spec){ .destination = ":0.1" }, plain) == 0);
	teardown();
}

static void a_sender_is_known_by_every_name_it_owns(void)
{
	struct sample from_second = plain;

	from_second.sender = 1;
	setup();
	CHECK(meets((struct spec){ .sender = ":0.1" }, plain) == 1);
	CHECK(meets((struct spec){ .sender = "own.a" }, plain) == 1);
	CHECK(meets((struct spec){ .sender = "own.b" }, plain) == 1);
	CHECK(meets((struct spec){ .sender = "own.c" }, plain) == 0);
	CHECK(meets((struct spec){ .sender = "own.c" }, from_second) == 1);
	/* It only waits for this one. */
	CHECK(meets((struct spec){ .sender = "own.a" }, from_second) == 0);
	teardown();
}

static void namespaces_end_where_elements_end(void)
{
	setup();
	CHECK(meets((struct spec){ .path_namespace = "/" }, plain) == 1);
	CHECK(meets((struct spec){ .path_namespace = "/a" }, plain) == 1);
	CHECK(meets((struct spec){ .path_namespace = "/a/b" }, plain) == 1);
	CHECK(meets((struct spec){ .path_namespace = "/a/bb" }, plain) == 0);
	CHECK(meets((struct spec){ .path_namespace = "/a/b/c" }, plain) == 0);
	CHECK(meets((struct spec){ .arg0_namespace = "a" }, plain) == 1);
	CHECK(meets((struct spec){ .arg0_namespace = "a.b" }, plain) == 1);
	CHECK(meets((struct spec){ .arg0_namespace = "a.bb" }, plain) == 0);
	teardown();
}

static void rules_that_agree_are_found_together(void)
{
	unsigned i;

	setup();
	for (i = 0; i < 10; i++) {
		specs[i].member = i % 2 ? "M" : "N";
		add(&specs[i]);
	}
	CHECK(find(&plain) == 5);
	for (i = 0; i < 10; i += 3)
		drop(&specs[i]);
	CHECK(find(&plain) == 3);
	drop_all();
	teardown();
}

static void the_index_reads_no_more_arguments_than_rules_want(void)
{
	setup();
	specs[0].args[0].index = 40;
	specs[0].args[0].value = "x";
	specs[0].args_count = 1;
	specs[1].args[0].index = 2;
	specs[1].args[0].value = "x";
	specs[1].args_count = 1;
	specs[2].arg0_namespace = "a";
	add(&specs[0]);
	add(&specs[1]);
	add(&specs[2]);
	CHECK(matches.args_needed == 41);
	drop(&specs[0]);
	CHECK(matches.args_needed == 3);
	drop(&specs[1]);
	CHECK(matches.args_needed == 1);
	drop(&specs[2]);
	CHECK(matches.args_needed == 0);
	teardown();
}

int main(void)
{
	RUN(a_rule_without_keys_meets_every_signal);
	RUN(one_that_names_a_destination_meets_no_broadcast);
	RUN(a_sender_is_known_by_every_name_it_owns);
	RUN(namespaces_end_where_elements_end);
	RUN(rules_that_agree_are_found_together);
	RUN(the_index_reads_no_more_arguments_than_rules_want);
	RUN(an_equal_rule_is_found_among_ones_own);
	RUN(the_index_agrees_with_looking_at_every_rule);
	return test_finish();
}
