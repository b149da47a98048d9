/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parser's verdict beside that of dbus_message_demarshal.
 *
 * Good messages come from libdbus's own marshaller, from the generator in random.h (both byte
 * orders) and from below; each is then damaged in every place and at random. Where the two
 * parsers differ, a rule in judge.h says why; a difference without a rule is a failure. What
 * both accept must have the same fields, and what message_stamp makes of it must please libdbus.
 *
 *	test-wire-differential --write-seeds DIRECTORY
 *
 * writes the good messages to files, as a corpus for the fuzzer.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "random.h"
#include "seeds.h"
#include "test.h"

#include "judge.h"

enum { RANDOM_CASES = 200000 };

static struct raw raw;
static struct random rng;
static unsigned cases, both_accept, both_refuse;

static void explain(const struct verdicts *v)
{
	if (is_explained(v))
		return;
	printf("# ours: %s; libdbus: %s; %u bytes:\n#", message_verdict_text(v->ours),
	       v->theirs ? "valid" : "refused", v->size);
	for (uint32_t i = 0; i < v->size && i < 512; i++)
		printf("%s%02x", i % 32 ? " " : "\n# ", v->bytes[i]);
	printf("\n");
	CHECK(!"a difference without an explanation");
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

/* What the fuzzer has found worth keeping. Run from the top directory. */
static void corpus_of_the_fuzzer(void)
{
	static const char directory[] = "tests/fuzz/corpus/message";
	char path[sizeof(directory) + 256];
	DIR *dir = opendir(directory);
	unsigned files = 0;
	struct dirent *entry;
	FILE *file;

	CHECK(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		file = fopen(path, "rb");
		CHECK(file);
		raw.size = (uint32_t)fread(raw.bytes, 1, sizeof(raw.bytes), file);
		fclose(file);
		compare(raw.bytes, raw.size);
		files++;
	}
	closedir(dir);
	CHECK(files >= 100);
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
	RUN(corpus_of_the_fuzzer);
	RUN(every_rule_is_needed);
	return test_finish();
}
