/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/policy.h"

#include "test.h"

#include "fake-bus.h"

static struct fake_peer *const a = &fakes[0], *const b = &fakes[1], *const c = &fakes[2];
static struct fake_peer *const guest = &fakes[3], *const stranger = &fakes[4];

static struct policy *policy;
static struct policy_rule rule;

static const struct policy_scope everybody = { .kind = POLICY_DEFAULT };
static const struct policy_scope mandatory = { .kind = POLICY_MANDATORY };
static const struct policy_scope domains = { .kind = POLICY_ALL_DOMAINS };

static void begin(void)
{
	policy = policy_new();
	CHECK(policy);
}

/* Begins a rule; what it is about is set afterwards, and add puts it in. */
static struct policy_rule *new_rule(enum policy_rule_kind kind, bool allow)
{
	policy_rule_init(&rule, kind, allow);
	return &rule;
}

static void add(const struct policy_scope *scope)
{
	CHECK(policy_add(policy, scope, &rule) == 0);
}

static void add_all(const struct policy_scope *scope, enum policy_rule_kind kind, bool allow)
{
	new_rule(kind, allow);
	add(scope);
}

/* Puts what was built into force, with five peers who know it; they are registered. */
static void put_in_force(void)
{
	fake_start();
	CHECK(bus_set_policy(&bus, policy) == 0);
	CHECK(fake_join(a, 0) == 0 && fake_join(b, 0) == 0 && fake_join(c, 0) == 0);
	CHECK(fake_join(guest, 1) == 0 && fake_join(stranger, 2) == 0);
}

static void own(struct fake_peer *fake, const char *name)
{
	struct name_change change;

	CHECK(name_request(&bus.names, &fake->peer, text_of(name), 0, &change) > 0);
}

static void disown(struct fake_peer *fake, const char *name)
{
	struct name_change change;

	CHECK(name_release(&bus.names, &fake->peer, text_of(name), &change) == NAME_RELEASED);
}

static struct message call_to(const char *destination)
{
	return (struct message){ .type = MESSAGE_METHOD_CALL,
				 .path = text_of("/p"),
				 .interface = text_of("x.I"),
				 .member = text_of("M"),
				 .destination = text_of(destination) };
}

static enum policy_verdict verdict(const struct fake_peer *from, const struct fake_peer *to,
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

static bool passes(const struct fake_peer *from, const struct fake_peer *to,
		   const struct message *message)
{
	return verdict(from, to, message) == POLICY_ALLOWED;
}

static bool may_own(const struct fake_peer *fake, const char *name)
{
	return policy_may_own(fake->peer.profile, &fake->identity, text_of(name));
}

/* --- what the toolstack grants --- */

static bool guest_may(const char *grants, const char *name)
{
	struct identity identity = { .domid = 5,
				     .is_guest = true,
				     .own = (char *)(uintptr_t)grants };
	struct policy_profile *profile;
	bool result;

	policy = policy_new_default();
	CHECK(policy);
	profile = policy_profile_get(policy, &identity);
	CHECK(profile);
	result = policy_may_own(profile, &identity, text_of(name));
	policy_profile_put(profile);
	policy_free(policy);
	return result;
}

static void programs_of_dom0_own_any_name(void)
{
	fake_start();
	CHECK(fake_join(a, 0) == 0);
	CHECK(may_own(a, "org.xen.xcp.squeezed"));
	fake_stop();
}

static void a_guest_owns_nothing_unless_told(void)
{
	CHECK(!guest_may(NULL, "org.xen.xcp.storage"));
	CHECK(!guest_may("", "org.xen.xcp.storage"));
	CHECK(!guest_may("   ", "org.xen.xcp.storage"));
	CHECK(!guest_may("org.xen.xcp.squeezed", "org.xen.xcp.storage"));
}

static void a_name_in_the_list_is_granted_in_full(void)
{
	const char *grants = "  org.xen.a\torg.xen.b\n\norg.xen.c ";

	CHECK(guest_may(grants, "org.xen.a"));
	CHECK(guest_may(grants, "org.xen.b"));
	CHECK(guest_may(grants, "org.xen.c"));
	CHECK(!guest_may(grants, "org.xen.ab"));
	CHECK(!guest_may(grants, "org.xen."));
	CHECK(!guest_may(grants, "org.xen"));
	CHECK(!guest_may(grants, "xen.a"));
	CHECK(!guest_may(grants, "org.xen.A"));
}

static void a_prefix_grants_what_is_below_it(void)
{
	CHECK(guest_may("org.xen.storage.*", "org.xen.storage.nfs"));
	CHECK(guest_may("org.xen.storage.*", "org.xen.storage.nfs.one"));
	CHECK(!guest_may("org.xen.storage.*", "org.xen.storage"));
	CHECK(!guest_may("org.xen.storage.*", "org.xen.storage."));
	CHECK(!guest_may("org.xen.storage.*", "org.xen.storagex"));
	CHECK(!guest_may("org.xen.storage.*", "org.xen.storagex.nfs"));
}

static void a_lonely_star_grants_everything(void)
{
	CHECK(guest_may("*", "org.xen.xcp.squeezed"));
	CHECK(guest_may("org.xen.a *", "org.xen.xcp.squeezed"));
}

static void a_star_elsewhere_grants_nothing(void)
{
	CHECK(!guest_may("org.xen*", "org.xenial.a"));
	CHECK(!guest_may("org.*.a", "org.xen.a"));
	CHECK(!guest_may("*.a", "org.xen.a"));
	CHECK(!guest_may("**", "org.xen.a"));
	CHECK(!guest_may(".*", "org.xen.a"));
}

/* --- rules --- */

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

static void contexts_come_in_their_order(void)
{
	const struct policy_scope user = { .kind = POLICY_USER, .id = 1000 };
	const struct policy_scope other = { .kind = POLICY_USER, .id = 1001 };
	const struct policy_scope group = { .kind = POLICY_GROUP, .id = 50 };

	begin();
	new_rule(POLICY_OWN, false)->name = "x.mandatory";
	add(&mandatory);
	add_all(&user, POLICY_OWN, true);
	new_rule(POLICY_OWN, false)->name = "x.other";
	add(&other);
	new_rule(POLICY_OWN, false)->name = "x.group";
	add(&group);
	new_rule(POLICY_OWN, false)->name = "x.default";
	add(&everybody);
	put_in_force();
	CHECK(may_own(a, "x.default") && may_own(a, "x.group") && may_own(a, "x.other"));
	CHECK(!may_own(a, "x.mandatory"));
	CHECK(a->peer.profile == b->peer.profile && a->peer.profile != guest->peer.profile);
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
	CHECK(bus_set_policy(&bus, policy) == 0);
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

static void domains_have_rules_of_their_own(void)
{
	const struct policy_scope one = { .kind = POLICY_DOMAIN_ID, .id = 1 };
	struct message message = call_to("x.y");

	begin();
	add_all(&everybody, POLICY_SEND, true);
	add_all(&everybody, POLICY_RECEIVE, true);
	add_all(&domains, POLICY_SEND, false);
	new_rule(POLICY_SEND, true)->domains = POLICY_SAME_DOMAIN;
	add(&domains);
	new_rule(POLICY_SEND, true)->domains = POLICY_ONE_DOMAIN;
	add(&one);
	new_rule(POLICY_OWN, false)->name = "x.no";
	add(&mandatory);
	add_all(&mandatory, POLICY_SEND, true);
	put_in_force();
	CHECK(passes(guest, guest, &message) && !passes(guest, stranger, &message));
	CHECK(passes(guest, a, &message) && !passes(stranger, a, &message));
	CHECK(may_own(guest, "x.y") && !may_own(guest, "x.no"));
	fake_stop();
}

static void who_may_connect(void)
{
	struct identity identity = { .uid = 5, .gids = { 7, 9 }, .gid_count = 2 };

	begin();
	CHECK(!policy_may_connect(policy, &identity, 42));
	CHECK(policy_may_connect(policy, &identity, 5));
	new_rule(POLICY_CONNECT_GROUP, true)->id = 9;
	add(&everybody);
	CHECK(policy_may_connect(policy, &identity, 42));
	new_rule(POLICY_CONNECT_USER, false)->id = 5;
	add(&mandatory);
	CHECK(!policy_may_connect(policy, &identity, 5));
	new_rule(POLICY_CONNECT_USER, true)->any_id = true;
	add(&mandatory);
	CHECK(policy_may_connect(policy, &identity, 42));
	policy_free(policy);
}

static void by_default_root_and_the_owner_connect(void)
{
	struct identity identity = { .uid = 5 };

	policy = policy_new_default();
	CHECK(policy && !policy_may_connect(policy, &identity, 42));
	CHECK(policy_may_connect(policy, &identity, 5));
	identity.uid = 0;
	CHECK(policy_may_connect(policy, &identity, 5));
	policy_free(policy);
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
	CHECK(bus_set_policy(&bus, policy) == 0);
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
	policy_explain(&query, policy_check(&query), out);
	CHECK(!strcmp(out, "Rejected send message, 1 matched rules; type=\"method_call\", "
			   "sender=\":0.1\" (uid=1000 pid=77) interface=\"x.I\" member=\"M\" "
			   "error name=\"(unset)\" requested_reply=\"0\" destination=\"x.y\" "
			   "(domain=1 name=\"guest1\")"));
	query.from = &guest->peer;
	query.to = &a->peer;
	policy_explain(&query, POLICY_SEND_DENIED, out);
	CHECK(strstr(out, "(uid=1000 pid=77); xcp-busd.conf(5), POLICY, says what guests may do"));
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

static struct message signal_to(const char *destination)
{
	return (struct message){ .type = MESSAGE_SIGNAL,
				 .path = text_of("/p"),
				 .interface = text_of("x.I"),
				 .member = text_of("S"),
				 .destination = text_of(destination) };
}

static void guests_by_default(void)
{
	struct message call = call_to(":2.5"), signal = signal_to(NULL);
	struct message to_bus = call_to("org.freedesktop.DBus");
	struct message reply = { .type = MESSAGE_METHOD_RETURN,
				 .reply_serial = 7,
				 .destination = text_of(":2.5") };

	policy = policy_new_default();
	CHECK(policy);
	put_in_force();
	CHECK(passes(guest, NULL, &to_bus));
	CHECK(!passes(guest, stranger, &call) && !passes(guest, a, &call));
	CHECK(passes(a, guest, &call) && passes(a, guest, &signal));
	CHECK(passes(guest, guest, &call) && passes(guest, guest, &signal));
	CHECK(passes(guest, stranger, &reply) && passes(guest, a, &reply));
	CHECK(passes(guest, a, &signal));
	CHECK(verdict(guest, stranger, &signal) == POLICY_RECEIVE_DENIED);
	own(stranger, "org.xen.xcp.storage.nfs");
	own(a, "org.xen.xcp.xenopsd");
	CHECK(passes(guest, stranger, &call) && passes(guest, a, &call));
	CHECK(!passes(guest, b, &call) && !passes(guest, stranger, &signal));
	CHECK(passes(stranger, guest, &signal)); /* of a service */
	call = call_to("org.xen.xcp.later");
	CHECK(passes(guest, NULL, &call)); /* may be started */
	call = call_to("org.other");
	CHECK(!passes(guest, NULL, &call));
	fake_stop();
}

int main(void)
{
	RUN(programs_of_dom0_own_any_name);
	RUN(a_guest_owns_nothing_unless_told);
	RUN(a_name_in_the_list_is_granted_in_full);
	RUN(a_prefix_grants_what_is_below_it);
	RUN(a_lonely_star_grants_everything);
	RUN(a_star_elsewhere_grants_nothing);
	RUN(what_no_rule_allows_is_denied);
	RUN(the_last_rule_that_fits_decides);
	RUN(contexts_come_in_their_order);
	RUN(a_destination_is_whoever_owns_it);
	RUN(parts_of_a_message_that_rules_name);
	RUN(a_rule_to_allow_an_interface_wants_to_see_it);
	RUN(replies_that_were_asked_for);
	RUN(broadcasts_and_descriptors);
	RUN(eavesdroppers);
	RUN(a_rule_that_names_nothing_begins_anew);
	RUN(what_is_allowed_and_logged);
	RUN(the_bus_as_an_end);
	RUN(domains_have_rules_of_their_own);
	RUN(guests_by_default);
	RUN(who_may_connect);
	RUN(by_default_root_and_the_owner_connect);
	RUN(a_new_policy_holds_at_once);
	RUN(a_denial_in_words);
	RUN(texts_that_the_memory_has_no_room_for);
	return test_finish();
}
