/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bus on paper: peers without links, whose queues are read by the test. The includer has CHECK.
 *
 *	fake_start();
 *	fake_join_local(a);
 *	fake_hello(a);
 *	CHECK(fake_ask(a, "NameHasOwner", "s", "x.y") == 0);
 *	CHECK(fake_take(a) && got.type == MESSAGE_METHOD_RETURN);
 *	fake_stop();
 *
 * fake_stop checks that every quota is back at zero. A test that makes allocations fail defines
 * FAKE_BEGIN and FAKE_END, which stand around what is done by the core.
 */
#pragma once

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bus.h"
#include "core/driver.h"
#include "core/gate.h"
#include "core/policy.h"
#include "wire/build.h"
#include "wire/bytes.h"

#ifndef FAKE_BEGIN
#define FAKE_BEGIN()
#define FAKE_END()
#endif

enum { FAKE_PEERS = 8, FAKE_DOMAINS = 4 };

struct fake_peer {
	struct peer peer;
	struct identity identity;
	bool is_in;
	const char *why; /* it was dropped; NULL: it was not */
	struct reason reason; /* for that, or for the last thing that was not done for it */
	unsigned wakes;
	uint32_t serial; /* of the last message it sent */
};

static struct bus bus;
static struct bus_settings settings;
static uint64_t now_us;
static struct fake_peer fakes[FAKE_PEERS];
static struct quota *fake_quotas[FAKE_DOMAINS]; /* by domid */
static struct message got; /* the last one taken out of a queue */
static uint8_t *got_bytes;

static inline void fake_wake(struct peer *peer)
{
	container_of(peer, struct fake_peer, peer)->wakes++;
}

static inline void fake_drop(struct peer *peer, const char *why, const struct reason *reason)
{
	struct fake_peer *fake = container_of(peer, struct fake_peer, peer);

	CHECK(!fake->why && why && reason->kind);
	fake->why = why;
	fake->reason = *reason;
}

static inline void fake_limited(const struct peer *peer, const char *text,
				const struct reason *reason)
{
	CHECK(*text && reason->kind);
	container_of(peer, struct fake_peer, peer)->reason = *reason;
}

/* What bus_ops.start and its neighbours were asked for and told, and what start shall do. */
static struct {
	unsigned started, given_up, failed;
	const struct quota *failed_by;
	const char *name;
	void *handle;
	bool fails; /* at once */
} fake_outside;

static inline int fake_outside_start(struct bus *on, const char *name, void *handle,
				     const struct peer *by)
{
	CHECK(by);
	fake_outside.started++;
	fake_outside.name = name;
	fake_outside.handle = handle;
	if (!fake_outside.fails)
		return 4711;
	activation_failed(on, name, "Spawn.ExecFailed", "it could not be run");
	return 0;
}

static inline void fake_outside_give_up(struct bus *on, const char *name)
{
	CHECK(on && name);
	fake_outside.given_up++;
}

static inline void fake_outside_start_failed(struct bus *on, const char *name, struct quota *by,
					     const char *why)
{
	CHECK(on && name && by && why);
	fake_outside.failed++;
	fake_outside.failed_by = by;
}

/* Before fake_start, for a test that wants other limits. */
static inline void fake_settings(void)
{
	bus_settings_init(&settings);
	settings.hash_key = (struct hash_key){ 11, 12 };
	strcpy(settings.guid, "0123456789abcdef0123456789abcdef");
	strcpy(settings.machine_id, "fedcba9876543210fedcba9876543210");
	settings.uid = 42;
	settings.pid = 4242;
}

/* Everybody may do everything: what a policy denies is tested elsewhere. */
static inline void fake_open_gate(void)
{
	static const struct policy_scope guests = { .kind = POLICY_ALL_DOMAINS };
	static const enum policy_rule_kind kinds[] = { POLICY_OWN, POLICY_SEND, POLICY_RECEIVE };
	struct policy *policy = policy_new_default();
	struct policy_rule rule;
	unsigned i;

	CHECK(policy);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		policy_rule_init(&rule, kinds[i], true);
		CHECK(policy_add(policy, &guests, &rule) == 0);
	}
	CHECK(gate_set_policy(&bus, policy) == 0);
}

/* With settings as they are; the quotas have the limits of settings.local and .guest. */
static inline void fake_start_with_settings(void)
{
	static const struct bus_ops ops = { .wake = fake_wake,
					    .drop = fake_drop,
					    .limited = fake_limited,
					    .start = fake_outside_start,
					    .give_up = fake_outside_give_up,
					    .start_failed = fake_outside_start_failed };
	unsigned i;

	now_us = 1000000;
	memset(fakes, 0, sizeof(fakes));
	memset(&fake_outside, 0, sizeof(fake_outside));
	CHECK(bus_init(&bus, &ops, &settings) == 0);
	fake_open_gate();
	for (i = 0; i < FAKE_DOMAINS; i++) {
		fake_quotas[i] = bus_quota_new(&bus, &(struct quota_owner){
							     .is_guest = i != 0,
							     .id = i ? i : 1000,
							     .generation = i,
						     });
		CHECK(fake_quotas[i]);
	}
}

static inline void fake_start(void)
{
	fake_settings();
	fake_start_with_settings();
}

/* domid 0 is a local peer. What peer_init said. */
static inline int fake_join(struct fake_peer *fake, uint32_t domid)
{
	int r;

	memset(fake, 0, sizeof(*fake));
	fake->identity.domid = domid;
	fake->identity.is_guest = domid != 0;
	fake->identity.uid = 1000;
	fake->identity.pid = 77;
	fake->identity.own = (char *)(uintptr_t) "*";
	snprintf(fake->identity.domain_name, sizeof(fake->identity.domain_name), "guest%u", domid);
	FAKE_BEGIN();
	r = peer_init(&fake->peer, &bus, &fake->identity, fake_quotas[domid]);
	FAKE_END();
	fake->is_in = r == PEER_READY;
	return r;
}

static inline void fake_leave(struct fake_peer *fake)
{
	if (!fake->is_in)
		return;
	fake->is_in = false;
	FAKE_BEGIN();
	peer_deinit(&fake->peer, now_us);
	FAKE_END();
}

/* What the loop does at the end of a round. */
static inline void fake_reap(void)
{
	unsigned i;

	for (i = 0; i < FAKE_PEERS; i++) {
		if (!fakes[i].is_in || !fakes[i].why)
			continue;
		fake_leave(&fakes[i]);
		i = (unsigned)-1; /* that may have cost others their connection */
	}
}

static inline void fake_stop(void)
{
	unsigned i, kind;

	for (i = 0; i < FAKE_PEERS; i++)
		fake_leave(&fakes[i]);
	CHECK(list_is_empty(&bus.peers) && list_is_empty(&bus.busy) && !bus.by_id);
	bus_deinit(&bus);
	for (i = 0; i < FAKE_DOMAINS; i++) {
		for (kind = 0; kind < QUOTA_KIND_COUNT; kind++)
			CHECK(fake_quotas[i]->used[kind] == 0);
		CHECK(fake_quotas[i]->refs == 1);
		fake_quotas[i] = quota_unref(fake_quotas[i]);
	}
	free(got_bytes);
	got_bytes = NULL;
}

static inline void fake_put_strings(struct build *build, const char *only)
{
	uint32_t mark = build_array(build, 4);

	if (only)
		build_string(build, only);
	build_array_end(build, mark);
}

/* s and o take a string; u and t a number; v a string that goes into a variant; as a string that is
 * the only element of the array, or NULL for none. */
static inline void fake_put(struct build *build, const char *signature, va_list args)
{
	for (; signature && *signature; signature++) {
		if (*signature == 'u') {
			build_uint32(build, va_arg(args, uint32_t));
		} else if (*signature == 't') {
			build_uint64(build, va_arg(args, uint64_t));
		} else if (*signature == 'a') {
			CHECK(*++signature == 's');
			fake_put_strings(build, va_arg(args, const char *));
		} else {
			CHECK(strchr("sov", *signature));
			if (*signature == 'v')
				build_variant(build, "s");
			build_string(build, va_arg(args, const char *));
		}
	}
}

/* As the link does: in memory that ends with the message; a failure costs the connection. */
static inline int fake_receive(struct fake_peer *from, const uint8_t *bytes, uint32_t size)
{
	struct blob *blob = blob_new(size);
	struct cargo cargo = { .body = blob };
	struct message message;
	int r;

	CHECK(blob);
	memcpy(blob->bytes, bytes, size);
	blob->size = size;
	CHECK(message_parse(&message, blob->bytes, size) == MESSAGE_VALID);
	FAKE_BEGIN();
	r = bus_receive(&bus, &from->peer, &message, &cargo, now_us);
	FAKE_END();
	blob_unref(blob);
	if (r < 0)
		bus_drop(&from->peer, "no memory", reason_of(REASON_MEMORY));
	return r;
}

static inline int fake_send_args(struct fake_peer *from, struct build_head head, va_list args)
{
	struct build build;
	uint8_t *bytes;
	uint32_t size;
	int r;

	if (!head.serial)
		head.serial = ++from->serial;
	build_init(&build);
	build_header(&build, &head);
	fake_put(&build, head.signature, args);
	CHECK(build_finish(&build, &bytes, &size) == 0);
	r = fake_receive(from, bytes, size);
	build_deinit(&build);
	return r;
}

/* Any message; the serial is the peer's next one if it is 0. */
static inline int fake_send(struct fake_peer *from, struct build_head head, ...)
{
	va_list args;
	int r;

	va_start(args, head);
	r = fake_send_args(from, head, args);
	va_end(args);
	return r;
}

/* A call to the bus itself. */
static inline int fake_ask(struct fake_peer *from, const char *member, const char *signature, ...)
{
	struct build_head head = { .type = MESSAGE_METHOD_CALL,
				   .path = DRIVER_PATH,
				   .interface = DRIVER_NAME,
				   .member = member,
				   .destination = DRIVER_NAME,
				   .signature = signature };
	va_list args;
	int r;

	va_start(args, signature);
	r = fake_send_args(from, head, args);
	va_end(args);
	return r;
}

static inline struct build_head fake_call_head(const char *destination, const char *member)
{
	return (struct build_head){ .type = MESSAGE_METHOD_CALL,
				    .path = "/p",
				    .interface = "test.Fake",
				    .member = member,
				    .destination = destination };
}

static inline int fake_call(struct fake_peer *from, const char *destination, const char *member)
{
	return fake_send(from, fake_call_head(destination, member));
}

static inline int fake_signal(struct fake_peer *from, const char *member)
{
	return fake_send(from, (struct build_head){ .type = MESSAGE_SIGNAL,
						    .path = "/p",
						    .interface = "test.Fake",
						    .member = member });
}

static inline int fake_reply(struct fake_peer *from, const char *destination, uint32_t serial)
{
	return fake_send(from, (struct build_head){ .type = MESSAGE_METHOD_RETURN,
						    .destination = destination,
						    .reply_serial = serial });
}

/* A signal or a call (if destination) with a body of about size bytes. */
static inline int fake_send_big(struct fake_peer *from, const char *destination, uint32_t size)
{
	struct build_head head = fake_call_head(destination, "Big");
	char *text = malloc(size + 1);
	int r;

	CHECK(text);
	memset(text, 'x', size);
	text[size] = '\0';
	head.type = destination ? MESSAGE_METHOD_CALL : MESSAGE_SIGNAL;
	head.flags = MESSAGE_NO_REPLY_EXPECTED;
	head.signature = "s";
	r = fake_send(from, head, text);
	free(text);
	return r;
}

static inline void fake_read(struct fake_peer *fake, uint8_t *bytes, uint32_t size)
{
	struct iovec parts[64];
	struct fds *fds;
	uint32_t done = 0;
	int count = outbox_peek(&fake->peer.outbox, parts, 64, &fds), i;

	for (i = 0; i < count && done < size; i++) {
		uint32_t part = (uint32_t)parts[i].iov_len;

		part = part < size - done ? part : size - done;
		memcpy(bytes + done, parts[i].iov_base, part);
		done += part;
	}
	CHECK(done == size);
}

/* The next message out of the peer's queue, in got; false if there is none. Whatever comes out must
 * be valid. */
static inline bool fake_take(struct fake_peer *fake)
{
	uint8_t fixed[MESSAGE_FIXED_SIZE];
	uint32_t size = 0;

	if (!fake->peer.outbox.size)
		return false;
	fake_read(fake, fixed, sizeof(fixed));
	CHECK(message_measure(fixed, MESSAGE_SIZE_MAX, &size) == MESSAGE_VALID);
	free(got_bytes);
	got_bytes = malloc(size);
	CHECK(got_bytes);
	fake_read(fake, got_bytes, size);
	CHECK(message_parse(&got, got_bytes, size) == MESSAGE_VALID);
	peer_sent(&fake->peer, size);
	return true;
}

static inline unsigned fake_drain(struct fake_peer *fake)
{
	unsigned count = 0;

	while (fake_take(fake))
		count++;
	return count;
}

/* The string argument of got with that number. */
static inline struct text got_text(unsigned index)
{
	struct body_args args;

	body_read_args(&got, index + 1, &args);
	return index < args.count ? args.value[index] : (struct text){ 0 };
}

/* A boolean counts as one. */
static inline uint32_t got_uint32(void)
{
	struct body_reader reader;
	uint32_t value = 0;

	if (text_is(got.signature, "b"))
		return bytes_get32(got.bytes + got.body_offset, got.is_swapped);
	body_reader_init(&reader, &got);
	CHECK(body_read_uint32(&reader, &value));
	return value;
}

static inline bool took_reply(struct fake_peer *fake)
{
	return fake_take(fake) && got.type == MESSAGE_METHOD_RETURN &&
	       got.reply_serial == fake->serial;
}

/* error without "org.freedesktop.DBus.Error." */
static inline bool took_error(struct fake_peer *fake, const char *error)
{
	char name[128];

	snprintf(name, sizeof(name), "org.freedesktop.DBus.Error.%s", error);
	return fake_take(fake) && got.type == MESSAGE_ERROR && got.reply_serial == fake->serial &&
	       text_is(got.error_name, name) && text_is(got.sender, DRIVER_NAME);
}

static inline bool took_signal(struct fake_peer *fake, const char *member, const char *arg0)
{
	return fake_take(fake) && got.type == MESSAGE_SIGNAL && text_is(got.member, member) &&
	       (!arg0 || text_is(got_text(0), arg0));
}

static inline void fake_hello(struct fake_peer *fake)
{
	CHECK(fake_ask(fake, "Hello", NULL) == 0);
	CHECK(took_reply(fake) && text_is(got_text(0), fake->peer.name));
	CHECK(took_signal(fake, "NameAcquired", fake->peer.name));
}

static inline void fake_enter(struct fake_peer *fake, uint32_t domid)
{
	CHECK(fake_join(fake, domid) == PEER_READY);
	fake_hello(fake);
}

static inline void fake_owns(struct fake_peer *fake, const char *name)
{
	CHECK(fake_ask(fake, "RequestName", "su", name, 0) == 0);
	CHECK(took_signal(fake, "NameAcquired", name));
	CHECK(took_reply(fake) && got_uint32() == NAME_PRIMARY_OWNER);
}

static inline void fake_wants(struct fake_peer *fake, const char *rule)
{
	CHECK(fake_ask(fake, "AddMatch", "s", rule) == 0 && took_reply(fake));
}
