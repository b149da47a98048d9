/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is told what of whom. */
#include "core/driver.h"

#include "test.h"

#include "fake-bus.h"

static struct fake_peer *const a = &fakes[0], *const b = &fakes[1];
static struct fake_peer *const guest = &fakes[2], *const other = &fakes[3];

static void setup(void)
{
	fake_start();
	fake_enter(a, 0);
	fake_enter(b, 0);
	fake_enter(guest, 1);
	fake_enter(other, 2);
}

/* Reads a{sv} and prints it, sorted as it comes: "key=value;". Strings, numbers, arrays of
 * numbers. */
static const char *credentials(void)
{
	static char text[1024];
	struct body_reader reader = { 0 };
	uint32_t end = 0, number;
	struct text key, value;
	size_t used = 0;

	CHECK(text_is(got.signature, "a{sv}"));
	end = got.body_size;
	reader = (struct body_reader){ .body = got.bytes + got.body_offset,
				       .offset = 8,
				       .size = end };
	while (reader.offset < end) {
		reader.offset = (reader.offset + 7) & ~7u;
		reader.signature = "sg";
		reader.signature_left = 2;
		CHECK(body_read_string(&reader, &key) && body_read_string(&reader, &value));
		reader.signature = value.bytes;
		reader.signature_left = value.size;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s=", key.bytes);
		if (body_read_string(&reader, &value))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s;",
						 value.bytes);
		else if (body_read_uint32(&reader, &number))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%u;", number);
		else if (body_skip(&reader))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "...;");
	}
	return text;
}

static void who_is_who_in_dom0(void)
{
	setup();
	CHECK(fake_ask(b, "GetConnectionUnixUser", "s", a->peer.name) == 0);
	CHECK(took_reply(b) && got_uint32() == 1000);
	CHECK(fake_ask(b, "GetConnectionUnixProcessID", "s", a->peer.name) == 0);
	CHECK(took_reply(b) && got_uint32() == 77);
	CHECK(fake_ask(b, "GetConnectionUnixUser", "s", DRIVER_NAME) == 0);
	CHECK(took_reply(b) && got_uint32() == 42);
	CHECK(fake_ask(b, "GetConnectionUnixProcessID", "s", DRIVER_NAME) == 0);
	CHECK(took_reply(b) && got_uint32() == 4242);
	CHECK(fake_ask(a, "GetConnectionUnixUser", "s", "x.y") == 0);
	CHECK(took_error(a, "NameHasNoOwner"));
	CHECK(fake_ask(a, "GetConnectionCredentials", "s", "x.y") == 0);
	CHECK(took_error(a, "NameHasNoOwner"));
	fake_stop();
}

static void a_guest_has_no_uid_here(void)
{
	setup();
	CHECK(fake_ask(a, "GetConnectionUnixUser", "s", guest->peer.name) == 0);
	CHECK(took_error(a, "Failed"));
	CHECK(fake_ask(a, "GetConnectionUnixProcessID", "s", guest->peer.name) == 0);
	CHECK(took_error(a, "UnixProcessIdUnknown"));
	fake_stop();
}

static void a_guest_is_told_of_no_user_of_dom0(void)
{
	const char *const names[] = { a->peer.name, DRIVER_NAME };
	int i;

	setup();
	for (i = 0; i < 2; i++) {
		CHECK(fake_ask(guest, "GetConnectionUnixUser", "s", names[i]) == 0);
		CHECK(took_error(guest, "Failed"));
		CHECK(fake_ask(guest, "GetConnectionUnixProcessID", "s", names[i]) == 0);
		CHECK(took_error(guest, "UnixProcessIdUnknown"));
		CHECK(fake_ask(guest, "GetConnectionCredentials", "s", names[i]) == 0);
		CHECK(took_reply(guest) && !strcmp(credentials(), "org.xen.xcp.DomainID=0;"));
	}
	CHECK(fake_send(guest, (struct build_head){ .type = MESSAGE_METHOD_CALL,
						    .path = DRIVER_PATH,
						    .interface = "org.freedesktop.DBus.Peer",
						    .member = "GetMachineId",
						    .destination = DRIVER_NAME }) == 0);
	CHECK(took_error(guest, "AccessDenied"));
	fake_stop();
}

static void credentials_of_a_program_of_dom0(void)
{
	setup();
	CHECK(fake_ask(b, "GetConnectionCredentials", "s", a->peer.name) == 0);
	CHECK(took_reply(b));
	CHECK(!strcmp(credentials(), "org.xen.xcp.DomainID=0;UnixUserID=1000;ProcessID=77;"));
	a->identity.gids[0] = 5;
	a->identity.gid_count = 1;
	CHECK(fake_ask(b, "GetConnectionCredentials", "s", a->peer.name) == 0);
	CHECK(took_reply(b));
	CHECK(!strcmp(credentials(),
		      "org.xen.xcp.DomainID=0;UnixUserID=1000;ProcessID=77;UnixGroupIDs=...;"));
	CHECK(fake_ask(b, "GetConnectionCredentials", "s", DRIVER_NAME) == 0);
	CHECK(took_reply(b));
	CHECK(!strcmp(credentials(), "org.xen.xcp.DomainID=0;UnixUserID=42;ProcessID=4242;"));
	fake_stop();
}

static void credentials_of_a_guest(void)
{
	int i;

	setup();
	for (i = 0; i < 16; i++)
		guest->identity.uuid[i] = (uint8_t)(i * 17);
	CHECK(fake_ask(a, "GetConnectionCredentials", "s", guest->peer.name) == 0);
	CHECK(took_reply(a));
	CHECK(!strcmp(credentials(), "org.xen.xcp.DomainID=1;"
				     "org.xen.xcp.DomainUUID=00112233-4455-6677-8899-aabbccddeeff;"
				     "org.xen.xcp.DomainName=guest1;"));
	fake_stop();
}

static void a_guest_knows_another_by_number_unless_it_serves_it(void)
{
	setup();
	CHECK(fake_ask(guest, "GetConnectionCredentials", "s", other->peer.name) == 0);
	CHECK(took_reply(guest) && !strcmp(credentials(), "org.xen.xcp.DomainID=2;"));
	CHECK(fake_ask(guest, "GetConnectionCredentials", "s", guest->peer.name) == 0);
	CHECK(took_reply(guest) && strstr(credentials(), "DomainName=guest1;"));
	CHECK(strstr(credentials(), "MessageSizeMax=1048576;"));
	fake_owns(guest, "org.xen.xcp.storage");
	CHECK(fake_ask(guest, "GetConnectionCredentials", "s", other->peer.name) == 0);
	CHECK(took_reply(guest) && strstr(credentials(), "DomainName=guest2;"));
	fake_stop();
}

int main(void)
{
	RUN(who_is_who_in_dom0);
	RUN(a_guest_has_no_uid_here);
	RUN(a_guest_is_told_of_no_user_of_dom0);
	RUN(credentials_of_a_program_of_dom0);
	RUN(credentials_of_a_guest);
	RUN(a_guest_knows_another_by_number_unless_it_serves_it);
	return test_finish();
}
