/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/hash.h"

#include <string.h>

#include "test.h"

static const struct hash_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

/* SipHash-1-3 of the bytes 0, 1, 2, ... below that key: the published vectors of the algorithm's
 * reference implementation, for 0 to 15 bytes. */
static const uint64_t vectors[] = {
	0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
	0xcf75576088d38328, 0xdef9d52f49533b67, 0xc50d2b50c59f22a7, 0xd3927d989bb11140,
	0x369095118d299a8e, 0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
	0x78a384b157b4d9a2, 0x306f760c1229ffa7, 0x605aa111c0f95d34, 0xd320d86d2a519956,
};

static void known_answers(void)
{
	uint8_t bytes[16];
	size_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		CHECK(hash_bytes(&key, bytes, i) == vectors[i]);
}

static void the_key_counts(void)
{
	struct hash_key other = key;

	other.k0 ^= 1;
	CHECK(hash_bytes(&key, "name", 4) != hash_bytes(&other, "name", 4));
	other = key;
	other.k1 ^= 1;
	CHECK(hash_bytes(&key, "name", 4) != hash_bytes(&other, "name", 4));
}

static void every_byte_and_the_size_count(void)
{
	uint8_t bytes[33] = { 0 };
	uint64_t before;
	size_t i;

	for (i = 0; i < 32; i++) {
		before = hash_bytes(&key, bytes, 32);
		bytes[i] = 1;
		CHECK(hash_bytes(&key, bytes, 32) != before);
		bytes[i] = 0;
		CHECK(hash_bytes(&key, bytes, i) != hash_bytes(&key, bytes, i + 1));
	}
}

static void place_in_memory_does_not_count(void)
{
	uint8_t bytes[40];
	size_t i;

	for (i = 0; i < 8; i++) {
		memcpy(bytes + i, "org.freedesktop.DBus", 20);
		CHECK(hash_bytes(&key, bytes + i, 20) ==
		      hash_bytes(&key, "org.freedesktop.DBus", 20));
	}
}

int main(void)
{
	RUN(known_answers);
	RUN(the_key_counts);
	RUN(every_byte_and_the_size_count);
	RUN(place_in_memory_does_not_count);
	return test_finish();
}
