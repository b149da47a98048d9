/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.freedesktop.DBus as its callers see it. */
#include "core/driver.h"

#include "test.h"

#include "fake-bus.h"

static struct fake_peer *const a = &fakes[0], *const b = &fakes[1], *const guest = &fakes[2];

static void setup(void)
{
	fake_start();
	fake_enter(a, 0);
	fake_enter(b, 0);
	fake_enter(guest, 1);
}

static void listens(struct fake_peer *fake)
{
	CHECK(fake_ask(fake, "AddMatch", "s",
		       "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'") ==
	      0);
	CHECK(took_reply(fake));
}

static bool took_change(struct fake_peer *fake, const char *name, const char *from, const char *to)
{
	return took_signal(fake, "NameOwnerChanged", name) && text_is(got.sender, DRIVER_NAME) &&
	       text_is(got.path, DRIVER_PATH) && text_is(got.interface, DRIVER_NAME) &&
	       !got.destination.bytes && text_is(got_text(1), from) && text_is(got_text(2), to);
}

static bool took_error_text(struct fake_peer *fake, const char *error, const char *text)
{
	if (!took_error(fake, error))
		return false;
	if (text_is(got_text(0), text))
		return true;
	printf("\"%s\"\n", got_text(0).bytes);
	return false;
}

static struct build_head driver_call(const char *path, const char *interface, const char *member,
				     const char *signature)
{
	return (struct build_head){ .type = MESSAGE_METHOD_CALL,
				    .path = path,
				    .interface = interface,
				    .member = member,
				    .destination = DRIVER_NAME,
				    .signature = signature };
}

/* Whether the array of strings that got begins with has it. */
static bool got_has(const char *wanted)
{
	struct body_reader reader;
	struct text text;
	uint32_t end;

	body_reader_init(&reader, &got);
	CHECK(body_enter_array(&reader, 's', &end));
	while (body_read_array_string(&reader, end, &text))
		if (text_is(text, wanted))
			return true;
	return false;
}

static void hello_gives_a_name_once(void)
{
	setup();
	CHECK(!strncmp(a->peer.name, ":0.", 3) && !strncmp(guest->peer.name, ":1.", 3));
	CHECK(fake_ask(a, "Hello", NULL) == 0);
	CHECK(took_error_text(a, "Failed", "Already handled an Hello message"));
	fake_stop();
}

static void nothing_else_is_answered_before_hello(void)
{
	fake_start();
	CHECK(fake_join(a, 0) == PEER_READY);
	CHECK(fake_ask(a, "GetId", NULL) == 0 && took_error(a, "AccessDenied"));
	CHECK(!got.destination.bytes && !a->why);
	fake_hello(a);
	CHECK(fake_ask(a, "GetId", NULL) == 0 && took_reply(a));
	CHECK(text_is(got_text(0), settings.guid) && text_is(got.destination, a->peer.name));
	fake_stop();
}

static void coming_and_going_is_announced(void)
{
	char name[PEER_NAME_MAX];

	setup();
	listens(a);
	fake_enter(&fakes[3], 2);
	strcpy(name, fakes[3].peer.name);
	CHECK(took_change(a, name, "", name));
	fake_leave(&fakes[3]);
	CHECK(took_change(a, name, name, "") && !fake_take(a));
	/* One that never said Hello was never there. */
	CHECK(fake_join(&fakes[3], 2) == PEER_READY);
	fake_leave(&fakes[3]);
	CHECK(!fake_take(a));
	fake_stop();
}

static void names_move_and_everybody_is_told(void)
{
	setup();
	listens(a);
	CHECK(fake_ask(b, "RequestName", "su", "x.y", NAME_ALLOW_REPLACEMENT) == 0);
	CHECK(took_signal(b, "NameAcquired", "x.y") && text_is(got.destination, b->peer.name));
	CHECK(took_reply(b) && got_uint32() == NAME_PRIMARY_OWNER);
	CHECK(took_change(a, "x.y", "", b->peer.name));

	CHECK(fake_ask(guest, "RequestName", "su", "x.y", NAME_REPLACE_EXISTING) == 0);
	CHECK(took_signal(guest, "NameAcquired", "x.y") && took_reply(guest));
	CHECK(took_signal(b, "NameLost", "x.y"));
	CHECK(took_change(a, "x.y", b->peer.name, guest->peer.name));

	CHECK(fake_ask(guest, "ReleaseName", "s", "x.y") == 0);
	CHECK(took_signal(guest, "NameLost", "x.y"));
	CHECK(took_reply(guest) && got_uint32() == NAME_RELEASED);
	CHECK(took_signal(b, "NameAcquired", "x.y"));
	CHECK(took_change(a, "x.y", guest->peer.name, b->peer.name));

	CHECK(fake_ask(guest, "ReleaseName", "s", "x.y") == 0 && took_reply(guest));
	CHECK(got_uint32() == NAME_NOT_OWNER);
	CHECK(fake_ask(guest, "ReleaseName", "s", "x.z") == 0 && took_reply(guest));
	CHECK(got_uint32() == NAME_NON_EXISTENT && !fake_take(a) && !fake_take(b));
	fake_stop();
}

static void names_of_a_leaving_peer_go_before_it(void)
{
	char name[PEER_NAME_MAX];

	setup();
	listens(a);
	CHECK(fake_ask(b, "RequestName", "su", "x.y", 0) == 0);
	CHECK(fake_ask(guest, "RequestName", "su", "x.y", 0) == 0);
	strcpy(name, b->peer.name);
	CHECK(took_change(a, "x.y", "", name));
	fake_drain(guest);
	fake_leave(b);
	CHECK(took_change(a, "x.y", name, guest->peer.name));
	CHECK(took_change(a, name, name, ""));
	CHECK(took_signal(guest, "NameAcquired", "x.y"));
	fake_stop();
}

static void names_that_cannot_be_owned(void)
{
	setup();
	CHECK(fake_ask(a, "RequestName", "su", "x", 0) == 0);
	CHECK(took_error_text(a, "InvalidArgs", "Requested bus name \"x\" is not valid"));
	CHECK(fake_ask(a, "RequestName", "su", "", 0) == 0 && took_error(a, "InvalidArgs"));
	CHECK(fake_ask(a, "RequestName", "su", a->peer.name, 0) == 0);
	CHECK(took_error(a, "InvalidArgs"));
	CHECK(fake_ask(a, "RequestName", "su", DRIVER_NAME, 0) == 0);
	CHECK(took_error(a, "InvalidArgs"));
	CHECK(fake_ask(a, "ReleaseName", "s", DRIVER_NAME) == 0 && took_error(a, "InvalidArgs"));
	CHECK(fake_ask(a, "ReleaseName", "s", b->peer.name) == 0 && took_error(a, "InvalidArgs"));
	guest->identity.own = NULL;
	CHECK(fake_ask(guest, "RequestName", "su", "x.y", 0) == 0);
	CHECK(took_error(guest, "AccessDenied"));
	fake_stop();
}

static void names_over_the_limit_are_refused(void)
{
	fake_settings();
	settings.guest.max[QUOTA_NAMES] = 1;
	fake_start_with_settings();
	fake_enter(guest, 1);
	CHECK(fake_ask(guest, "RequestName", "su", "x.y", 0) == 0 && fake_drain(guest) == 2);
	CHECK(fake_ask(guest, "RequestName", "su", "x.z", 0) == 0);
	CHECK(took_error(guest, "LimitsExceeded"));
	fake_stop();
}

static void names_of_a_guest_change_hands_only_so_often(void)
{
	unsigned good = 0, i;

	setup();
	for (i = 0; i < 600; i++) {
		if (i == 300)
			now_us += 500000;
		CHECK(fake_ask(guest, "RequestName", "su", "x.y", 0) == 0);
		CHECK(fake_ask(guest, "ReleaseName", "s", "x.y") == 0);
		while (fake_take(guest))
			good += got.type == MESSAGE_SIGNAL && text_is(got.member, "NameAcquired");
	}
	CHECK(good >= 256 + 60 && good <= 257 + 65 && !guest->why);
	for (i = 0; i < 600; i++) {
		CHECK(fake_ask(a, "RequestName", "su", "x.y", 0) == 0);
		CHECK(fake_ask(a, "ReleaseName", "s", "x.y") == 0);
		CHECK(fake_drain(a) == 4);
	}
	fake_stop();
}

static void owners_can_be_looked_up(void)
{
	setup();
	CHECK(fake_ask(b, "RequestName", "su", "x.y", 0) == 0 && fake_drain(b) == 2);
	CHECK(fake_ask(a, "GetNameOwner", "s", "x.y") == 0 && took_reply(a));
	CHECK(text_is(got_text(0), b->peer.name));
	CHECK(fake_ask(a, "GetNameOwner", "s", guest->peer.name) == 0 && took_reply(a));
	CHECK(text_is(got_text(0), guest->peer.name));
	CHECK(fake_ask(a, "GetNameOwner", "s", DRIVER_NAME) == 0 && took_reply(a));
	CHECK(text_is(got_text(0), DRIVER_NAME));
	CHECK(fake_ask(a, "GetNameOwner", "s", "x.z") == 0);
	CHECK(took_error_text(a, "NameHasNoOwner",
			      "Could not get owner of name 'x.z': no such name"));

	CHECK(fake_ask(a, "NameHasOwner", "s", "x.y") == 0 && took_reply(a) && got_uint32() == 1);
	CHECK(fake_ask(a, "NameHasOwner", "s", "x.z") == 0 && took_reply(a) && got_uint32() == 0);
	CHECK(fake_ask(a, "NameHasOwner", "s", "not a name") == 0 && took_reply(a));
	CHECK(got_uint32() == 0);
	CHECK(fake_ask(a, "NameHasOwner", "s", DRIVER_NAME) == 0 && took_reply(a));
	CHECK(got_uint32() == 1);
	CHECK(fake_ask(a, "StartServiceByName", "su", "x.y", 0) == 0 && took_reply(a));
	CHECK(got_uint32() == 2);
	CHECK(fake_ask(a, "StartServiceByName", "su", "x.z", 0) == 0);
	CHECK(took_error(a, "ServiceUnknown"));
	fake_stop();
}

static void all_names_are_listed(void)
{
	setup();
	CHECK(fake_join(&fakes[3], 0) == PEER_READY); /* no Hello, no name */
	CHECK(fake_ask(b, "RequestName", "su", "x.y", 0) == 0);
	CHECK(fake_ask(a, "RequestName", "su", "x.y", 0) == 0 && fake_drain(a) == 1);
	CHECK(fake_ask(a, "ListNames", NULL) == 0 && took_reply(a));
	CHECK(got_has(DRIVER_NAME) && got_has("x.y") && got_has(a->peer.name));
	CHECK(got_has(guest->peer.name) && !got_has(fakes[3].peer.name) && !got_has("x.z"));
	CHECK(fake_ask(a, "ListActivatableNames", NULL) == 0 && took_reply(a));
	CHECK(got_has(DRIVER_NAME) && !got_has("x.y"));
	CHECK(fake_ask(a, "ListQueuedOwners", "s", "x.y") == 0 && took_reply(a));
	CHECK(got_has(a->peer.name) && got_has(b->peer.name) && !got_has(guest->peer.name));
	CHECK(fake_ask(a, "ListQueuedOwners", "s", b->peer.name) == 0 && took_reply(a));
	CHECK(got_has(b->peer.name));
	CHECK(fake_ask(a, "ListQueuedOwners", "s", DRIVER_NAME) == 0 && took_reply(a));
	CHECK(got_has(DRIVER_NAME));
	CHECK(fake_ask(a, "ListQueuedOwners", "s", "x.z") == 0);
	CHECK(took_error_text(a, "NameHasNoOwner",
			      "Could not get owners of name 'x.z': no such name"));
	fake_stop();
}

static void matches_are_counted(void)
{
	setup();
	CHECK(fake_ask(a, "AddMatch", "s", "member='S'") == 0 && took_reply(a));
	CHECK(fake_ask(a, "AddMatch", "s", "member=S") == 0 && took_reply(a));
	CHECK(fake_quotas[0]->used[QUOTA_MATCHES] == 2);
	CHECK(fake_ask(a, "RemoveMatch", "s", " member='S'") == 0 && took_reply(a));
	CHECK(fake_signal(b, "S") == 0 && took_signal(a, "S", NULL) && !fake_take(a));
	CHECK(fake_ask(b, "RemoveMatch", "s", "member='S'") == 0);
	CHECK(took_error_text(b, "MatchRuleNotFound",
			      "The given match rule wasn't found and can't be removed"));
	CHECK(fake_ask(a, "RemoveMatch", "s", "member='S'") == 0 && took_reply(a));
	CHECK(fake_quotas[0]->used[QUOTA_MATCHES] == 0);
	CHECK(fake_signal(b, "S") == 0 && !fake_take(a));
	CHECK(fake_ask(a, "RemoveMatch", "s", "member='S'") == 0);
	CHECK(took_error(a, "MatchRuleNotFound"));
	CHECK(fake_ask(a, "AddMatch", "s", "nonsense") == 0 && took_error(a, "MatchRuleInvalid"));
	CHECK(fake_ask(a, "RemoveMatch", "s", "nonsense") == 0);
	CHECK(took_error(a, "MatchRuleInvalid"));
	fake_stop();
}

static void matches_over_the_limit_are_refused(void)
{
	fake_settings();
	settings.guest.max[QUOTA_MATCHES] = 2;
	fake_start_with_settings();
	fake_enter(guest, 1);
	CHECK(fake_ask(guest, "AddMatch", "s", "") == 0 && took_reply(guest));
	CHECK(fake_ask(guest, "AddMatch", "s", "") == 0 && took_reply(guest));
	CHECK(fake_ask(guest, "AddMatch", "s", "") == 0 && took_error(guest, "LimitsExceeded"));
	CHECK(fake_ask(guest, "RemoveMatch", "s", "") == 0 && took_reply(guest));
	CHECK(fake_ask(guest, "AddMatch", "s", "member=S") == 0 && took_reply(guest));
	fake_stop();
}

static void calls_that_are_not_understood(void)
{
	setup();
	CHECK(fake_send(a, driver_call("/", DRIVER_NAME, "Nothing", NULL)) == 0);
	CHECK(took_error(a, "UnknownMethod"));
	CHECK(fake_send(a, driver_call("/", "test.Nothing", "Hello", NULL)) == 0);
	CHECK(took_error(a, "UnknownInterface"));
	CHECK(fake_send(a, driver_call("/", NULL, "Nothing", NULL)) == 0);
	CHECK(took_error(a, "UnknownMethod"));
	CHECK(fake_ask(a, "GetNameOwner", "u", 5) == 0);
	CHECK(took_error_text(a, "InvalidArgs",
			      "Call to GetNameOwner has wrong args (u, expected s)"));
	CHECK(fake_ask(a, "GetNameOwner", NULL) == 0 && took_error(a, "InvalidArgs"));
	CHECK(fake_ask(a, "GetId", "s", "x") == 0 && took_error(a, "InvalidArgs"));
	fake_stop();
}

static void interface_and_destination_may_be_left_out(void)
{
	struct build_head head = driver_call("/", NULL, "GetId", NULL);

	setup();
	CHECK(fake_send(a, head) == 0 && took_reply(a));
	head.destination = NULL;
	CHECK(fake_send(a, head) == 0 && took_reply(a));
	fake_stop();
}

static void who_wants_no_reply_gets_none(void)
{
	struct build_head head = driver_call("/", NULL, "GetId", NULL);
	uint32_t serial;

	setup();
	head.flags = MESSAGE_NO_REPLY_EXPECTED;
	serial = bus.serial;
	CHECK(fake_send(a, head) == 0 && !fake_take(a));
	CHECK(bus.serial == serial); /* nor is one made and thrown away */
	head.member = "Nothing";
	CHECK(fake_send(a, head) == 0 && !fake_take(a));
	head.type = MESSAGE_SIGNAL;
	head.interface = DRIVER_NAME;
	CHECK(fake_send(a, head) == 0 && !fake_take(a) && !a->why);
	fake_stop();
}

static void the_standard_interfaces(void)
{
	static const char properties[] = "org.freedesktop.DBus.Properties";
	static const char peer[] = "org.freedesktop.DBus.Peer";

	setup();
	CHECK(fake_send(a, driver_call("/x", peer, "Ping", NULL)) == 0 && took_reply(a));
	CHECK(fake_send(a, driver_call("/x", peer, "GetMachineId", NULL)) == 0 && took_reply(a));
	CHECK(text_is(got_text(0), settings.machine_id));
	CHECK(fake_send(a, driver_call(DRIVER_PATH, properties, "Get", "ss"), DRIVER_NAME,
			"Features") == 0);
	CHECK(took_reply(a) && text_is(got.signature, "v"));
	CHECK(fake_send(a, driver_call(DRIVER_PATH, properties, "GetAll", "s"), "") == 0);
	CHECK(took_reply(a) && text_is(got.signature, "a{sv}"));
	CHECK(fake_send(a, driver_call(DRIVER_PATH, properties, "Get", "ss"), DRIVER_NAME, "No") ==
	      0);
	CHECK(took_error(a, "UnknownProperty"));
	CHECK(fake_send(a, driver_call(DRIVER_PATH, properties, "GetAll", "s"), "a.b") == 0);
	CHECK(took_error(a, "UnknownInterface"));
	CHECK(fake_send(a, driver_call(DRIVER_PATH, properties, "Set", "ssv"), DRIVER_NAME,
			"Features", "x") == 0);
	CHECK(took_error(a, "PropertyReadOnly"));
	fake_stop();
}

static void introspection_follows_the_table(void)
{
	static const char introspectable[] = "org.freedesktop.DBus.Introspectable";
	const struct driver_method *method;
	char wanted[128];

	setup();
	CHECK(fake_send(a, driver_call(DRIVER_PATH, introspectable, "Introspect", NULL)) == 0);
	CHECK(took_reply(a));
	for (method = driver_methods; method->interface; method++) {
		snprintf(wanted, sizeof(wanted), "<method name=\"%s\">", method->member);
		CHECK(strstr(got_text(0).bytes, wanted));
	}
	CHECK(strstr(got_text(0).bytes, "<signal name=\"NameOwnerChanged\">"));
	CHECK(fake_send(a, driver_call("/org", introspectable, "Introspect", NULL)) == 0);
	CHECK(took_reply(a) && strstr(got_text(0).bytes, "<node name=\"freedesktop\"/>"));
	CHECK(!strstr(got_text(0).bytes, "RequestName"));
	fake_stop();
}

/* Error texts quote what was asked for. Wherever they are cut, they must be text. */
static void what_is_quoted_is_still_text(void)
{
	char text[1500];
	size_t euros, shift;

	setup();
	for (euros = 60, shift = 0; euros < 300; euros++, shift = (shift + 1) % 3) {
		memset(text, 'x', shift);
		for (size_t i = 0; i < euros; i++)
			memcpy(text + shift + 3 * i, "\342\202\254", 4);
		CHECK(fake_ask(a, "RequestName", "su", text, 0) == 0);
		CHECK(took_error(a, "InvalidArgs")); /* fake_take parses it */
		CHECK(fake_ask(a, "AddMatch", "s", text) == 0 && took_error(a, "MatchRuleInvalid"));
		CHECK(fake_ask(a, "GetNameOwner", "s", text) == 0);
		CHECK(took_error(a, "NameHasNoOwner"));
	}
	fake_stop();
}

int main(void)
{
	RUN(hello_gives_a_name_once);
	RUN(nothing_else_is_answered_before_hello);
	RUN(coming_and_going_is_announced);
	RUN(names_move_and_everybody_is_told);
	RUN(names_of_a_leaving_peer_go_before_it);
	RUN(names_that_cannot_be_owned);
	RUN(names_over_the_limit_are_refused);
	RUN(names_of_a_guest_change_hands_only_so_often);
	RUN(owners_can_be_looked_up);
	RUN(all_names_are_listed);
	RUN(matches_are_counted);
	RUN(matches_over_the_limit_are_refused);
	RUN(calls_that_are_not_understood);
	RUN(interface_and_destination_may_be_left_out);
	RUN(who_wants_no_reply_gets_none);
	RUN(the_standard_interfaces);
	RUN(introspection_follows_the_table);
	RUN(what_is_quoted_is_still_text);
	return test_finish();
}
