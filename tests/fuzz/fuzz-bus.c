/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes as the doings of four peers, two programs of dom0 and two guests: they come, call, answer,
 * signal, ask the bus, read a little, and leave; time passes. Limits are low, so that they are met.
 *
 * What must hold: every message that comes out is valid and says who sent it; what is charged is
 * what is there, after every step; nobody waits for a queue that is empty; nothing is left at the
 * end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(expression)                                                                          \
	do {                                                                                       \
		if (!(expression))                                                                 \
			abort();                                                                   \
	} while (0)

#include "tests/unit/fake-bus.h"
#include "wire/syntax.h"

enum { PEERS = 4, STEPS_MAX = 400 };

/* What is left of the input; zeros when it is used up. */
static struct {
	const uint8_t *at, *end;
} input;

static struct stream { /* what a peer has read and not looked at */
	uint8_t bytes[256 * 1024];
	size_t size;
} streams[PEERS];

static const uint32_t domids[PEERS] = { 0, 0, 1, 2 };

static const char *const names[] = { "x.y",       "x.z",        "x.y.z", "x.start", "x.unit",
				     DRIVER_NAME, "not a name", ":0.1",  "" };

static const char *const rules[] = {
	"",
	"type='signal'",
	"type='signal',member='NameOwnerChanged'",
	"sender='x.y'",
	"sender='org.freedesktop.DBus',arg0='x.y'",
	"path_namespace='/p',interface='test.Fake'",
	"path='/p',member='M'",
	"arg0namespace='x'",
	"arg0path='/p/',arg1='x.y'",
	"arg2='x'",
	"destination='x.y'",
	"eavesdrop='true'",
	"nonsense",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned take(unsigned limit)
{
	return input.at < input.end ? *input.at++ % limit : 0;
}

#define PICK(array) ((array)[take(sizeof(array) / sizeof((array)[0]))])

static const char *pick_name(void)
{
	unsigned which = take(PEERS + sizeof(names) / sizeof(names[0]));

	if (which < PEERS)
		return fakes[which].is_in ? fakes[which].peer.name : ":5.5";
	return names[which - PEERS];
}

/* Some bytes of the input as a string, if they can be one. */
static const char *pick_text(void)
{
	static char texts[4][300]; /* no message has more of them */
	static unsigned turn;
	char *text = texts[turn++ % 4];
	size_t size = take(256);

	if (size > (size_t)(input.end - input.at))
		size = (size_t)(input.end - input.at);
	memcpy(text, input.at, size);
	input.at += size;
	text[size] = '\0';
	return syntax_is_utf8(text, strlen(text)) ? text : "?";
}

static const char *pick_string(void)
{
	switch (take(4)) {
	case 0:
		return pick_name();
	case 1:
		return PICK(rules);
	case 2:
		return DRIVER_NAME;
	default:
		return pick_text();
	}
}

/* ---- what is checked ---- */

static void check_quotas(void)
{
	uint64_t used[QUOTA_KIND_COUNT] = { 0 }, there[QUOTA_KIND_COUNT] = { 0 };
	const struct name_claim *claim;
	unsigned i, kind;

	for (i = 0; i < FAKE_DOMAINS; i++)
		for (kind = 0; kind < QUOTA_KIND_COUNT; kind++)
			used[kind] += fake_quotas[i]->used[kind];
	for (i = 0; i < PEERS; i++) {
		if (!fakes[i].is_in)
			continue;
		there[QUOTA_PEERS]++;
		there[QUOTA_BYTES] += fakes[i].peer.outbox.size;
		there[QUOTA_MATCHES] += fakes[i].peer.matches_count;
		list_for_each(claim, &fakes[i].peer.owned, peer_link)
			there[QUOTA_NAMES]++;
	}
	there[QUOTA_REPLIES] = bus.replies.slot_count;
	/* What waits for a service is not in a queue. */
	CHECK(used[QUOTA_BYTES] >= there[QUOTA_BYTES]);
	if (bus.activations.waiting_count)
		there[QUOTA_BYTES] = used[QUOTA_BYTES];
	CHECK(!memcmp(used, there, sizeof(used)));
}

static void check_pauses(void)
{
	unsigned i, full = 0;

	for (i = 0; i < PEERS; i++)
		full += fakes[i].is_in && fakes[i].peer.outbox.size;
	for (i = 0; i < PEERS; i++)
		CHECK(full || !fakes[i].is_in || !peer_is_paused(&fakes[i].peer));
}

static void check_message(struct stream *stream, size_t at, uint32_t size)
{
	struct message message;
	uint8_t *copy = malloc(size);

	CHECK(copy);
	memcpy(copy, stream->bytes + at, size);
	CHECK(message_parse(&message, copy, size) == MESSAGE_VALID);
	CHECK(text_is(message.sender, DRIVER_NAME) ||
	      (message.sender.size && message.sender.bytes[0] == ':'));
	CHECK(message.type <= MESSAGE_SIGNAL);
	free(copy);
}

/* ---- what peers do ---- */

/* Up to so many bytes. */
static void peer_reads(unsigned i, size_t wanted)
{
	struct stream *stream = &streams[i];
	struct iovec parts[16];
	struct fds *fds;
	uint32_t size = 0, whole;
	size_t at = 0;
	int count = outbox_peek(&fakes[i].peer.outbox, parts, 16, &fds);

	while (count)
		size += (uint32_t)parts[--count].iov_len;
	if (size > wanted)
		size = (uint32_t)wanted;
	if (size > sizeof(stream->bytes) - stream->size)
		size = (uint32_t)(sizeof(stream->bytes) - stream->size);
	fake_read(&fakes[i], stream->bytes + stream->size, size);
	peer_sent(&fakes[i].peer, size);
	stream->size += size;
	while (stream->size - at >= MESSAGE_FIXED_SIZE) {
		CHECK(message_measure(stream->bytes + at, MESSAGE_SIZE_MAX, &whole) ==
		      MESSAGE_VALID);
		if (whole > stream->size - at)
			break;
		check_message(stream, at, whole);
		at += whole;
	}
	memmove(stream->bytes, stream->bytes + at, stream->size - at);
	stream->size -= at;
}

static void peer_comes(unsigned i)
{
	if (fakes[i].is_in) {
		fake_ask(&fakes[i], "Hello", NULL);
		return;
	}
	streams[i].size = 0;
	if (fake_join(&fakes[i], domids[i]) != PEER_READY)
		return;
	if (i == 0)
		fakes[i].identity.uid = settings.uid; /* it may become a monitor */
	if (take(8))
		fake_ask(&fakes[i], "Hello", NULL);
}

static void peer_asks(struct fake_peer *fake)
{
	unsigned which, count = 0;
	struct build_head head = { .type = MESSAGE_METHOD_CALL,
				   .path = take(4) ? DRIVER_PATH : "/",
				   .destination = take(8) ? DRIVER_NAME : NULL,
				   .flags = (uint8_t)(take(8) ? 0 : MESSAGE_NO_REPLY_EXPECTED) };
	const char *text;

	while (driver_methods[count].interface)
		count++;
	which = take(count);
	head.interface = take(8) ? driver_methods[which].interface : NULL;
	head.member = driver_methods[which].member;
	head.signature = driver_methods[which].in;
	if (!strcmp(head.member, "AddMatch") || !strcmp(head.member, "RemoveMatch"))
		text = take(4) ? PICK(rules) : pick_text();
	else
		text = pick_string();
	if (!strcmp(head.signature, "s"))
		fake_send(fake, head, text);
	else if (!strcmp(head.signature, "su"))
		fake_send(fake, head, text, take(8));
	else if (!strcmp(head.signature, "ss"))
		fake_send(fake, head, text, pick_text());
	else if (!strcmp(head.signature, "ssv"))
		fake_send(fake, head, text, pick_text(), "v");
	else if (!strcmp(head.signature, "asu"))
		fake_send(fake, head, take(2) ? PICK(rules) : NULL, take(8) ? 0 : 1);
	else if (!*head.signature)
		fake_send(fake, head);
}

static void peer_calls(struct fake_peer *fake)
{
	struct build_head head = fake_call_head(pick_name(), "M");

	head.flags = (uint8_t)take(4);
	head.serial = take(2) ? 0 : 1 + take(4);
	head.signature = "s";
	if (!syntax_is_bus_name(head.destination, strlen(head.destination)))
		head.destination = "x.y";
	fake_send(fake, head, pick_string());
}

static void peer_answers(struct fake_peer *fake)
{
	struct build_head head = { .type = (uint8_t)(take(2) ? MESSAGE_ERROR
							     : MESSAGE_METHOD_RETURN),
				   .error_name = "test.Error",
				   .destination = fakes[take(PEERS)].peer.name,
				   .reply_serial = 1 + take(16) };

	if (head.type == MESSAGE_METHOD_RETURN)
		head.error_name = NULL;
	if (!*head.destination)
		head.destination = NULL;
	fake_send(fake, head);
}

static void peer_signals(struct fake_peer *fake)
{
	struct build_head head = { .type = MESSAGE_SIGNAL,
				   .path = take(2) ? "/p" : "/p/q",
				   .interface = "test.Fake",
				   .member = take(2) ? "M" : "N",
				   .destination = take(8) ? NULL : "x.y",
				   .signature = take(2) ? "ss" : "o" };

	if (head.signature[1])
		fake_send(fake, head, pick_string(), pick_string());
	else
		fake_send(fake, head, "/p/q");
}

/* The next bytes themselves, if they happen to be a message. */
static void peer_sends_bytes(struct fake_peer *fake)
{
	size_t left = (size_t)(input.end - input.at);
	struct message message;
	uint32_t size;
	uint8_t *copy;

	if (left < MESSAGE_FIXED_SIZE || message_measure(input.at, 65536, &size) != MESSAGE_VALID ||
	    size > left)
		return;
	copy = malloc(size);
	CHECK(copy);
	memcpy(copy, input.at, size);
	input.at += size;
	if (message_parse(&message, copy, size) == MESSAGE_VALID)
		fake_receive(fake, copy, size);
	free(copy);
}

/* What the outside does: services are named, and fail. */
static void outside_acts(void)
{
	const char *name = take(2) ? "x.start" : "x.unit";

	switch (take(4)) {
	case 0:
		fake_outside.fails = !fake_outside.fails;
		break;
	case 1:
		activatable_remove(&bus.activations.names, name);
		break;
	case 2:
		CHECK(activatable_add(&bus.activations.names, name, take(2) ? "u.service" : NULL,
				      NULL) == 0);
		break;
	default:
		activation_failed(&bus, name, "Spawn.ChildExited", pick_text());
	}
}

static void time_passes(uint64_t us)
{
	now_us += us;
	if (bus_next_tick(&bus) <= now_us)
		bus_tick(&bus, now_us);
}

static void step(void)
{
	static const uint64_t waits[] = { 1, 1000, 500000, 2000000, 400000000 };
	unsigned what = take(16), i = take(PEERS);
	struct fake_peer *fake = &fakes[i];

	if (what == 0) {
		if (take(4))
			time_passes(PICK(waits));
		else
			outside_acts();
		return;
	}
	if (what <= 2 || !fake->is_in) {
		peer_comes(i);
		return;
	}
	if (what <= 4)
		peer_reads(i, take(4) ? SIZE_MAX : take(200));
	else if (fake->why || peer_is_paused(&fake->peer))
		return; /* it is not read from */
	else if (what <= 7)
		peer_asks(fake);
	else if (what <= 9)
		peer_calls(fake);
	else if (what <= 11)
		peer_answers(fake);
	else if (what <= 13)
		peer_signals(fake);
	else if (what == 14)
		take(8) ? peer_sends_bytes(fake) : fake_leave(fake);
	else
		fake_send_big(fake, take(2) ? NULL : "x.y", take(256) * 100);
}

static void set_limits(void)
{
	static const struct quota_limits low = { .max = { [QUOTA_PEERS] = 2,
							  [QUOTA_NAMES] = 3,
							  [QUOTA_MATCHES] = 5,
							  [QUOTA_REPLIES] = 4,
							  [QUOTA_BYTES] = 60000 } };

	fake_settings();
	settings.local = settings.guest = low;
	settings.local_queue_max = 80000;
	settings.guest_queue_max = 40000;
	settings.unread_max = 10000;
	settings.systemd_activation = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned i;

	input.at = data;
	input.end = data + size;
	set_limits();
	fake_start_with_settings();
	CHECK(activatable_add(&bus.activations.names, "x.start", NULL, NULL) == 0);
	CHECK(activatable_add(&bus.activations.names, "x.unit", "u.service", NULL) == 0);
	for (i = 0; i < PEERS; i++)
		peer_comes(i);
	for (i = 0; i < STEPS_MAX && input.at < input.end; i++) {
		step();
		check_quotas();
		fake_reap();
		check_quotas();
		check_pauses();
	}
	for (i = 0; i < PEERS; i++)
		while (fakes[i].is_in && fakes[i].peer.outbox.size)
			peer_reads(i, SIZE_MAX);
	check_pauses();
	fake_stop();
	return 0;
}
