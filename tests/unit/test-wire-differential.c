/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parser's verdict beside that of dbus_message_demarshal.
 *
 * Good messages come from libdbus's own marshaller, from the generator in random.h (both byte
 * orders) and from below; each is then damaged in every place and at random. Where the two
 * parsers differ, a rule in the table says why; a difference without a rule is a failure. What
 * both accept must have the same fields, and what message_stamp makes of it must please libdbus.
 *
 *	test-wire-differential --write-seeds DIRECTORY
 *
 * writes the good messages to files, as a corpus for the fuzzer.
 */
#include <dbus/dbus.h>
#include <stdio.h>
#include <stdlib.h>

#include "random.h"
#include "seeds.h"
#include "test.h"
#include "wire/message.h"
#include "wire/syntax.h"

enum { RANDOM_CASES = 200000 };

static struct raw raw;
static struct random rng;
static unsigned cases, both_accept, both_refuse;

/* ---- one case ---- */

struct verdicts {
	const uint8_t *bytes;
	uint32_t size;
	int ours; /* enum message_verdict */
	struct message message;
	DBusMessage *theirs; /* NULL: refused */
};

static void judge(struct verdicts *v, uint8_t *bytes, uint32_t size)
{
	*v = (struct verdicts){ .bytes = bytes, .size = size };
	v->ours = message_parse(&v->message, bytes, size);
	v->theirs = dbus_message_demarshal((const char *)bytes, (int)size, NULL);
}

static void release(struct verdicts *v)
{
	if (v->theirs)
		dbus_message_unref(v->theirs);
}

static bool agree(const struct verdicts *v)
{
	return (v->ours == MESSAGE_VALID) == (v->theirs != NULL);
}

/* ---- what is known to differ ---- */

static bool has_lone_element(const char *name)
{
	return name && name[0] == ':' && !syntax_is_unique_name(name, strlen(name));
}

static bool is_short_unique_name(const struct verdicts *v)
{
	return v->ours == MESSAGE_BAD_BUS_NAME &&
	       (has_lone_element(dbus_message_get_destination(v->theirs)) ||
		has_lone_element(dbus_message_get_sender(v->theirs)));
}

static bool is_long_header(const struct verdicts *v)
{
	return v->ours == MESSAGE_HEADER_TOO_LONG &&
	       v->size > MESSAGE_HEADER_MAX - MESSAGE_STAMP_MAX;
}

static bool is_deep_signature(const struct verdicts *v)
{
	unsigned arrays = 0, structs = 0, entries = 0;

	/* In the seeds that have so many, each is within the one before. */
	for (const char *at = dbus_message_get_signature(v->theirs); *at; at++) {
		arrays += *at == 'a';
		structs += *at == '(';
		entries += *at == '{';
	}
	return v->ours == MESSAGE_BAD_SIGNATURE &&
	       (arrays > SYNTAX_DEPTH_MAX || structs + entries > SYNTAX_DEPTH_MAX);
}

/* The same message without what the rule is about; the verdicts must then agree. */
static bool agree_with_patch(const struct verdicts *v, uint32_t offset, const void *patch,
			     uint32_t size)
{
	uint8_t *bytes = malloc(v->size);
	struct verdicts patched;
	bool result;

	CHECK(bytes && offset + size <= v->size);
	memcpy(bytes, v->bytes, v->size);
	memcpy(bytes + offset, patch, size);
	judge(&patched, bytes, v->size);
	result = agree(&patched);
	release(&patched);
	free(bytes);
	return result;
}

/* Offset of the field with that code, 0 if there is none. The message is one that we accept; so
 * a field's beginning is found by trying every multiple of 8. */
static uint32_t find_field(const struct verdicts *v, const char *head, uint32_t from)
{
	for (uint32_t at = from; at + 4 <= v->message.fields_end; at += 8)
		if (!memcmp(v->bytes + at, head, strlen(head)))
			return at;
	return 0;
}

static bool has_file_descriptors(const struct verdicts *v)
{
	uint32_t at = 16;

	if (v->ours != MESSAGE_VALID || !v->message.unix_fds)
		return false;
	while ((at = find_field(v, "\11\1u", at))) {
		if (agree_with_patch(v, at + 4, "\0\0\0\0", 4))
			return true;
		at += 8;
	}
	return false;
}

static bool has_container_instance(const struct verdicts *v)
{
	uint32_t at = 16;

	while (v->ours == MESSAGE_VALID && (at = find_field(v, "\12", at))) {
		if (agree_with_patch(v, at, "\13", 1))
			return true;
		at += 8;
	}
	return false;
}

static struct {
	bool is_ours; /* who accepts */
	const char *reason;
	bool (*applies)(const struct verdicts *v);
	unsigned count;
} rules[] = {
	{ false,
	  "libdbus takes \":\" and \":1\" for unique names; the specification wants two elements",
	  is_short_unique_name, 0 },
	{ false, "our headers have at most 64 KiB (nobody needs more, and somebody must pay)",
	  is_long_header, 0 },
	{ false,
	  "libdbus counts arrays anew in each struct and entries apart from structs; the"
	  " specification's limits of 32 are for the whole nesting",
	  is_deep_signature, 0 },
	{ true,
	  "the number of file descriptors is for the link to check, which has them;"
	  " dbus_message_demarshal never has any",
	  has_file_descriptors, 0 },
	{ true,
	  "libdbus knows field 10 (container instance), which is not in the specification;"
	  " to us it is unknown and never passed on",
	  has_container_instance, 0 },
};

static void explain(const struct verdicts *v)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].is_ours == (v->ours == MESSAGE_VALID) && rules[i].applies(v)) {
			rules[i].count++;
			return;
		}
	}
	printf("# ours: %s; libdbus: %s; %u bytes:\n#", message_verdict_text(v->ours),
	       v->theirs ? "valid" : "refused", v->size);
	for (uint32_t i = 0; i < v->size && i < 512; i++)
		printf("%s%02x", i % 32 ? " " : "\n# ", v->bytes[i]);
	printf("\n");
	CHECK(!"a difference without an explanation");
}

/* ---- what both accept ---- */

static bool same_text(struct text ours, const char *theirs)
{
	return theirs ? text_is(ours, theirs) : !ours.bytes;
}

static bool same_fields(const struct message *m, DBusMessage *theirs)
{
	struct text signature = m->signature.bytes ? m->signature : text_of("");

	return m->type == dbus_message_get_type(theirs) &&
	       m->serial == dbus_message_get_serial(theirs) &&
	       m->reply_serial == dbus_message_get_reply_serial(theirs) &&
	       same_text(m->path, dbus_message_get_path(theirs)) &&
	       same_text(m->interface, dbus_message_get_interface(theirs)) &&
	       same_text(m->member, dbus_message_get_member(theirs)) &&
	       same_text(m->error_name, dbus_message_get_error_name(theirs)) &&
	       same_text(m->destination, dbus_message_get_destination(theirs)) &&
	       same_text(m->sender, dbus_message_get_sender(theirs)) &&
	       same_text(signature, dbus_message_get_signature(theirs)) &&
	       !!(m->flags & MESSAGE_NO_REPLY_EXPECTED) == dbus_message_get_no_reply(theirs) &&
	       !!(m->flags & MESSAGE_NO_AUTO_START) != dbus_message_get_auto_start(theirs);
}

/* Ours, with the sender, is read by libdbus and differs in nothing else. */
static void check_stamped(struct message *message)
{
	static uint8_t joined[MESSAGE_HEADER_MAX * 2];
	static struct message_stamp stamp;
	static uint8_t *scratch;
	static uint32_t scratch_size;
	struct message expected = *message;
	struct iovec parts[3];
	uint32_t size = 0;
	struct verdicts v;
	int64_t total;

	message_stamp_init(&stamp, ":77.7777");
	total = message_stamp(message, &stamp, &scratch, &scratch_size, parts);
	CHECK(total > 0 && total <= (int64_t)sizeof(joined));
	for (int i = 0; i < 3; i++) {
		memcpy(joined + size, parts[i].iov_base, parts[i].iov_len);
		size += (uint32_t)parts[i].iov_len;
	}
	judge(&v, joined, size);
	CHECK(v.ours == MESSAGE_VALID && v.theirs);
	expected.sender = text_of(":77.7777");
	CHECK(same_fields(&expected, v.theirs) && same_fields(&v.message, v.theirs));
	release(&v);
}

static void compare(const uint8_t *given, uint32_t size)
{
	uint32_t measured = 0;
	struct verdicts v;
	uint8_t *bytes;
	int needed;

	if (size < MESSAGE_FIXED_SIZE)
		return;
	cases++;
	/* Both are to judge one message. If its length leaves the end of another behind, cut. */
	needed = dbus_message_demarshal_bytes_needed((const char *)given, (int)size);
	if (needed > 0 && (uint32_t)needed < size)
		size = (uint32_t)needed;
	if (message_measure(given, MESSAGE_SIZE_MAX, &measured) == MESSAGE_VALID && needed > 0)
		CHECK(measured == (uint32_t)needed);

	bytes = malloc(size); /* so that the sanitizer sees a byte too many */
	CHECK(bytes);
	memcpy(bytes, given, size);
	judge(&v, bytes, size);
	if (v.ours == MESSAGE_VALID)
		v.ours = message_measure(bytes, MESSAGE_SIZE_MAX, &measured);
	if (!agree(&v)) {
		explain(&v);
	} else if (v.ours) {
		both_refuse++;
	} else {
		both_accept++;
		CHECK(same_fields(&v.message, v.theirs));
		check_stamped(&v.message);
	}
	release(&v);
	free(bytes);
}

/* ---- tests ---- */

static void seeds_are_judged_alike(void)
{
	collect_seeds(&rng, &raw);
	for (unsigned i = 0; i < seed_count; i++)
		compare(seeds[i].bytes, seeds[i].size);
	CHECK(both_accept > seed_count / 2);
}

/* Each byte, with values that are next to it or are limits. */
static void every_byte_damaged(void)
{
	static const uint8_t values[] = { 0,   1,   7,   8,   10,   'a',  'v',
					  '(', '{', '.', '/', 0x7f, 0x80, 0xff };
	uint8_t bytes[SEED_MAX];

	for (unsigned i = 0; i < seed_count; i++) {
		if (seeds[i].size > 400)
			continue;
		memcpy(bytes, seeds[i].bytes, seeds[i].size);
		for (uint32_t at = 0; at < seeds[i].size; at++) {
			for (size_t k = 0; k < sizeof(values) + 2; k++) {
				bytes[at] = k < sizeof(values)    ? values[k]
					    : k == sizeof(values) ? (uint8_t)(bytes[at] + 1)
								  : (uint8_t)(bytes[at] - 1);
				compare(bytes, seeds[i].size);
				bytes[at] = seeds[i].bytes[at];
			}
		}
	}
}

/* A piece taken out or put in, with the length of the body or of the fields made to fit. */
static uint32_t resize(struct raw *message, uint32_t at, int32_t change)
{
	uint32_t field = random_below(&rng, 2) ? 4 : 12;
	uint32_t old, moved = message->size - at;

	if (change < 0 && (uint32_t)-change > moved)
		return message->size;
	if (change < 0) {
		memmove(message->bytes + at, message->bytes + at - change,
			moved + (uint32_t)change);
	} else {
		memmove(message->bytes + at + change, message->bytes + at, moved);
		for (int32_t i = 0; i < change; i++)
			message->bytes[at + (uint32_t)i] = (uint8_t)random_below(&rng, 4);
	}
	memcpy(&old, message->bytes + field, 4);
	message->is_big = message->bytes[0] == 'B';
	if (message->is_big == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__))
		old = __builtin_bswap32(old);
	raw_put32(message, field, old + (uint32_t)change);
	return message->size + (uint32_t)change;
}

static void damage(struct raw *message)
{
	static const uint8_t marks[] = "\0\0\0\1\7\10\20\100\177\200\377aabs(){}vogy.:/-_";
	uint32_t at = random_below(&rng, message->size), other;

	switch (random_below(&rng, 6)) {
	case 0:
		message->bytes[at] = (uint8_t)random_next(&rng);
		break;
	case 1:
		message->bytes[at] ^= (uint8_t)(1 << random_below(&rng, 8));
		break;
	case 2:
		message->bytes[at] = marks[random_below(&rng, sizeof(marks) - 1)];
		break;
	case 3:
		raw_put32(message, at & ~3u, random_below(&rng, 64));
		break;
	case 4:
		other = random_below(&rng, message->size);
		message->bytes[at] = message->bytes[other];
		break;
	default:
		message->size = resize(message, at & ~7u, 8 * (random_below(&rng, 2) ? 1 : -1));
		break;
	}
}

static void damaged_at_random(void)
{
	const struct seed *seed;

	for (int i = 0; i < RANDOM_CASES; i++) {
		seed = &seeds[random_below(&rng, seed_count)];
		raw.size = 0;
		raw_bytes(&raw, seed->bytes, seed->size);
		raw.is_big = raw.bytes[0] == 'B';
		for (uint32_t n = 1 + random_below(&rng, 3); n && raw.size >= 24; n--)
			damage(&raw);
		compare(raw.bytes, raw.size);
	}
}

static void good_messages_are_accepted(void)
{
	unsigned before = both_accept;

	for (int i = 0; i < 20000; i++) {
		random_message(&rng, &raw);
		compare(raw.bytes, raw.size);
	}
	CHECK(both_accept == before + 20000);
}

/* Signatures around the limits of nesting: units of arrays, structs and entries. */
static void deep_signatures(void)
{
	static const char *const units[][2] = {
		{ "a", "" }, { "(", ")" }, { "a(", ")" }, { "a{s", "}" }, { "a(a{s", "})" }
	};
	char signature[600];

	for (size_t unit = 0; unit < sizeof(units) / sizeof(units[0]); unit++) {
		for (unsigned levels = 1; levels < 70; levels++) {
			signature[0] = '\0';
			for (unsigned i = 0; i < levels; i++)
				strcat(signature, units[unit][0]);
			strcat(signature, "y");
			for (unsigned i = 0; i < levels; i++)
				strcat(signature, units[unit][1]);
			if (strlen(signature) > 255)
				break;
			seed_begin_call(&raw, levels % 2);
			raw_text_field(&raw, 8, "g", signature);
			raw_end_fields(&raw);
			if (units[unit][0][0] == 'a')
				raw_array_end(&raw, raw_array(&raw, unit ? 8 : 4), unit ? 8 : 4);
			else
				raw_byte(&raw, 0);
			raw_end(&raw);
			compare(raw.bytes, raw.size);
		}
	}
}

static void long_headers(void)
{
	static char path[2 * MESSAGE_HEADER_MAX];

	for (uint32_t size = MESSAGE_HEADER_MAX - 200; size < MESSAGE_HEADER_MAX + 200; size += 8) {
		memset(path, 'a', size);
		path[0] = '/';
		path[size] = '\0';
		raw_begin(&raw, false, MESSAGE_METHOD_CALL, 1);
		raw_text_field(&raw, 3, "s", "M");
		raw_text_field(&raw, 1, "o", path);
		raw_end_fields(&raw);
		raw_end(&raw);
		compare(raw.bytes, raw.size);
	}
}

/* What is reserved for libdbus, and what only begins like it. */
static void reserved_names(void)
{
	static const char *const ends[] = { "Loca", "Local", "Locals", "Local.x", "Local/x" };
	char text[64];

	for (int i = 0; i < 20; i++) {
		bool is_path = i % 2;

		raw_begin(&raw, i / 2 % 2, MESSAGE_SIGNAL, 1);
		snprintf(text, sizeof(text), "/org/freedesktop/DBus/%s", ends[i / 4]);
		raw_text_field(&raw, 1, "o", is_path ? text : "/");
		snprintf(text, sizeof(text), "org.freedesktop.DBus.%s", ends[i / 4]);
		raw_text_field(&raw, 2, "s", is_path ? "a.b" : text);
		raw_text_field(&raw, 3, "s", "M");
		raw_end_fields(&raw);
		raw_end(&raw);
		compare(raw.bytes, raw.size);
	}
}

static void every_rule_is_needed(void)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		printf("# %u x %s accepts: %s\n", rules[i].count,
		       rules[i].is_ours ? "ours" : "libdbus", rules[i].reason);
		CHECK(rules[i].count);
	}
	printf("# %u messages compared: both accept %u, both refuse %u\n", cases, both_accept,
	       both_refuse);
	CHECK(cases >= 100000 && both_accept >= 20000 && both_refuse >= 20000);
}

static int write_seeds(const char *directory)
{
	char path[4096];
	FILE *file;

	test_state.name = "seeds";
	if (setjmp(test_state.end))
		return 1;
	collect_seeds(&rng, &raw);
	for (unsigned i = 0; i < seed_count; i++) {
		snprintf(path, sizeof(path), "%s/%03u", directory, i);
		file = fopen(path, "wb");
		if (!file || fwrite(seeds[i].bytes, seeds[i].size, 1, file) != 1 || fclose(file))
			return perror(path), 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--write-seeds"))
		return write_seeds(argv[2]);
	RUN(seeds_are_judged_alike);
	RUN(every_byte_damaged);
	RUN(damaged_at_random);
	RUN(good_messages_are_accepted);
	RUN(deep_signatures);
	RUN(long_headers);
	RUN(reserved_names);
	RUN(every_rule_is_needed);
	return test_finish();
}
