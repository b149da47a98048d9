/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What rules are about, which of them decides, and what is remembered of it. */
#include "core/policy.h"

#include "test.h"

#include "policy-fixture.h"

static void what_no_rule_allows_is_denied(void)
{
	struct message message = call_to(":0.2");

	begin();
	put_in_force();
	CHECK(!may_own(a, "x.y"));
	CHECK(verdict(a, b, &message) == POLICY_SEND_DENIED);
	CHECK(verdict(guest, b, &message) == POLICY_SEND_DENIED);
	CHECK(passes(guest, guest, &message)); /* guests have their own default */
	fake_stop();
}

static void the_last_rule_that_fits_decides(void)
{
	begin();
	add_all(&everybody, POLICY_OWN, true);
	new_rule(POLICY_OWN, false)->name = "x.y";
	add(&everybody);
	new_rule(POLICY_OWN, false)->name = "x.z";
	rule.is_prefix = true;
	add(&everybody);
	new_rule(POLICY_OWN, true)->name = "x.z.one";
	add(&everybody);
	put_in_force();
	CHECK(may_own(a, "a.b") && !may_own(a, "x.y") && may_own(a, "x.y.z"));
	CHECK(!may_own(a, "x.z") && !may_own(a, "x.z.two") && may_own(a, "x.zz"));
	CHECK(may_own(a, "x.z.one") && !may_own(a, "x.z.one.two"));
	fake_stop();
}

static void a_destination_is_whoever_owns_it(void)
{
	struct message message = call_to("x.y");

	begin();
	add_all(&everybody, POLICY_RECEIVE, true);
	new_rule(POLICY_SEND, true)->name = "x.y";
	add(&everybody);
	new_rule(POLICY_SEND, true)->name = "p";
	rule.is_prefix = true;
	add(&everybody);
	put_in_force();
	CHECK(!passes(a, b, &message));
	own(b, "x.y");
	CHECK(passes(a, b, &message) && !passes(a, c, &message));
	own(c, "x.y"); /* waits for it: that is enough */
	CHECK(passes(a, c, &message));
	disown(b, "x.y");
	CHECK(!passes(a, b, &message) && passes(a, c, &message));
	disown(c, "x.y");
	CHECK(!passes(a, c, &message));
	own(c, "p.q");
	CHECK(passes(a, c, &message));
	disown(c, "p.q");
	own(c, "pp.q");
	CHECK(!passes(a, c, &message));
	/* Nobody there yet: the name is all there is to go by. */
	CHECK(passes(a, NULL, &message));
	message = call_to("x.z");
	CHECK(!passes(a, NULL, &message));
	fake_stop();
}

static void parts_of_a_message_that_rules_name(void)
{
	struct message message = call_to(":0.2");

	begin();
	add_all(&everybody, POLICY_RECEIVE, true);
	add_all(&everybody, POLICY_SEND, true);
	new_rule(POLICY_SEND, false)->interface = "x.I";
	rule.member = "Bad";
	add(&everybody);
	new_rule(POLICY_SEND, false)->path = "/bad";
	add(&everybody);
	new_rule(POLICY_RECEIVE, false)->type = MESSAGE_SIGNAL;
	add(&everybody);
	new_rule(POLICY_RECEIVE, false)->error = "x.Bad";
	rule.type = MESSAGE_ERROR;
	rule.requested_reply = true;
	add(&everybody);
	put_in_force();
	CHECK(passes(a, b, &message));
	message.member = text_of("Bad");
	CHECK(verdict(a, b, &message) == POLICY_SEND_DENIED);
	message.interface = text_of("x.J");
	CHECK(passes(a, b, &message));
	message.interface = text_of(NULL); /* may be any: denied */
	CHECK(!passes(a, b, &message));
	message = call_to(":0.2");
	message.path = text_of("/bad");
	CHECK(!passes(a, b, &message));
	message = (struct message){ .type = MESSAGE_SIGNAL,
				    .path = text_of("/p"),
				    .interface = text_of("x.J") };
	CHECK(verdict(a, b, &message) == POLICY_RECEIVE_DENIED);
	message = (struct message){ .type = MESSAGE_ERROR,
				    .reply_serial = 7,
				    .destination = text_of(":0.2"),
				    .error_name = text_of("x.Good") };
	CHECK(passes(a, b, &message));
	message.error_name = text_of("x.Bad");
	CHECK(!passes(a, b, &message));
	fake_stop();
}

static void a_rule_to_allow_an_interface_wants_to_see_it(void)
{
	struct message message = call_to(":0.2");

	begin();
	add_all(&everybody, POLICY_RECEIVE, true);
	new_rule(POLICY_SEND, true)->interface = "x.I";
	add(&everybody);
	put_in_force();
	CHECK(passes(a, b, &message));
	message.interface = text_of(NULL);
	CHECK(!passes(a, b, &message));
	fake_stop();
}

static void replies_that_were_asked_for(void)
{
	struct message reply = { .type = MESSAGE_METHOD_RETURN,
				 .reply_serial = 7,
				 .destination = text_of(":0.2") };
	struct policy_query query;

	begin();
	add_all(&everybody, POLICY_RECEIVE, true);
	new_rule(POLICY_SEND, true)->type = MESSAGE_METHOD_RETURN;
	add(&everybody);
	new_rule(POLICY_SEND, false)->type = MESSAGE_METHOD_RETURN; /* not asked for */
	add(&everybody);
	put_in_force();
	CHECK(passes(a, b, &reply));
	query = (struct policy_query){
		.names = &bus.names, .from = &a->peer, .to = &b->peer, .message = &reply
	};
	CHECK(policy_check(&query) == POLICY_SEND_DENIED);
	fake_stop();
}

static void broadcasts_and_descriptors(void)
{
	struct message message = { .type = MESSAGE_SIGNAL };

	begin();
	add_all(&everybody, POLICY_RECEIVE, true);
	add_all(&everybody, POLICY_SEND, true);
	new_rule(POLICY_SEND, false)->broadcast = 1;
	add(&everybody);
	new_rule(POLICY_SEND, false)->min_fds = 2;
	add(&everybody);
	put_in_force();
	CHECK(!passes(a, b, &message));
	message.destination = text_of(":0.2");
	CHECK(passes(a, b, &message));
	message.unix_fds = 1;
	CHECK(passes(a, b, &message));
	message.unix_fds = 2;
	CHECK(!passes(a, b, &message));
	fake_stop();
}

static void eavesdroppers(void)
{
	struct message message = call_to(":0.2");
	struct policy_query query;

	begin();
	add_all(&everybody, POLICY_SEND, true);
	add_all(&everybody, POLICY_RECEIVE, true);
	put_in_force();
	query = (struct policy_query){ .names = &bus.names,
				       .from = &a->peer,
				       .to = &c->peer,
				       .message = &message,
				       .is_eavesdropping = true };
	CHECK(policy_check(&query) == POLICY_RECEIVE_DENIED);
	begin();
	add_all(&everybody, POLICY_SEND, true);
	new_rule(POLICY_RECEIVE, true)->eavesdrop = true;
	add(&everybody);
	CHECK(gate_set_policy(&bus, policy) == 0);
	CHECK(policy_check(&query) == POLICY_ALLOWED);
	CHECK(passes(a, b, &message));
	fake_stop();
}

static void a_rule_that_names_nothing_begins_anew(void)
{
	struct message reply = { .type = MESSAGE_METHOD_RETURN,
				 .reply_serial = 7,
				 .destination = text_of(":0.2") };

	begin();
	add_all(&everybody, POLICY_RECEIVE, true);
	add_all(&everybody, POLICY_SEND, true);
	add_all(&everybody, POLICY_SEND, false);
	put_in_force();
	CHECK(!passes(a, b, &reply));
	fake_stop();
}

static void what_is_allowed_and_logged(void)
{
	struct message message = call_to(":0.2");

	begin();
	add_all(&everybody, POLICY_RECEIVE, true);
	new_rule(POLICY_SEND, true)->to_log = true;
	add(&everybody);
	put_in_force();
	CHECK(verdict(a, b, &message) == POLICY_ALLOWED_TO_LOG);
	fake_stop();
}

static void the_bus_as_an_end(void)
{
	struct message message = call_to("org.freedesktop.DBus");

	begin();
	new_rule(POLICY_SEND, true)->name = "org.freedesktop.DBus";
	add(&everybody);
	new_rule(POLICY_RECEIVE, true)->name = "org.freedesktop.DBus";
	add(&everybody);
	put_in_force();
	CHECK(passes(a, NULL, &message));
	message.destination = text_of(NULL);
	CHECK(passes(a, NULL, &message));
	message = (struct message){ .type = MESSAGE_SIGNAL, .destination = text_of(":0.1") };
	CHECK(passes(NULL, a, &message));
	CHECK(!passes(b, a, &message));
	fake_stop();
}

static void a_new_policy_holds_at_once(void)
{
	struct message message = call_to(":0.2");

	begin();
	add_all(&everybody, POLICY_RECEIVE, true);
	new_rule(POLICY_SEND, true)->interface = "x.I";
	add(&everybody);
	put_in_force();
	CHECK(passes(a, b, &message));
	begin();
	add_all(&everybody, POLICY_RECEIVE, true);
	new_rule(POLICY_SEND, true)->interface = "x.J";
	add(&everybody);
	CHECK(gate_set_policy(&bus, policy) == 0);
	CHECK(!passes(a, b, &message));
	fake_stop();
}

static void a_denial_in_words(void)
{
	struct message message = call_to("x.y");
	struct policy_query query = { .names = &bus.names, .message = &message };
	char out[POLICY_WHY_MAX];

	begin();
	new_rule(POLICY_SEND, false)->interface = "x.I";
	add(&everybody);
	put_in_force();
	query.from = &a->peer;
	query.to = &guest->peer;
	policy_explain(&query, policy_check(&query), NULL, out);
	CHECK(!strcmp(out, "Rejected send message, 1 matched rules; type=\"method_call\", "
			   "sender=\":0.1\" (uid=1000 pid=77) interface=\"x.I\" member=\"M\" "
			   "error name=\"(unset)\" requested_reply=\"0\" destination=\"x.y\" "
			   "(domain=1 name=\"guest1\")"));
	query.from = &guest->peer;
	query.to = &a->peer;
	policy_explain(&query, POLICY_SEND_DENIED, NULL, out);
	CHECK(strstr(out, "(uid=1000 pid=77); xcp-busd.conf(5), POLICY, says what guests may do"));
	policy_explain(&query, POLICY_SEND_DENIED, &guest->peer, out);
	CHECK(strstr(out, "(domain=1 name=\"guest1\")") &&
	      strstr(out, "(domain=0); xcp-busd.conf"));
	fake_stop();
}

static void texts_that_the_memory_has_no_room_for(void)
{
	struct message message = call_to(":0.2");
	char path[512];

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	begin();
	add_all(&everybody, POLICY_RECEIVE, true);
	new_rule(POLICY_SEND, true)->path = path;
	add(&everybody);
	put_in_force();
	CHECK(!passes(a, b, &message));
	message.path = text_of(path);
	CHECK(passes(a, b, &message));
	path[5] = 'b';
	CHECK(!passes(a, b, &message));
	fake_stop();
}

int main(void)
{
	RUN(what_no_rule_allows_is_denied);
	RUN(the_last_rule_that_fits_decides);
	RUN(a_destination_is_whoever_owns_it);
	RUN(parts_of_a_message_that_rules_name);
	RUN(a_rule_to_allow_an_interface_wants_to_see_it);
	RUN(replies_that_were_asked_for);
	RUN(broadcasts_and_descriptors);
	RUN(eavesdroppers);
	RUN(a_rule_that_names_nothing_begins_anew);
	RUN(what_is_allowed_and_logged);
	RUN(the_bus_as_an_end);
	RUN(a_new_policy_holds_at_once);
	RUN(a_denial_in_words);
	RUN(texts_that_the_memory_has_no_room_for);
	return test_finish();
}
