/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A keyed hash: whoever chooses the names on the bus must not be able to choose collisions.
 *
 * SipHash-1-3 (Aumasson and Bernstein) under a key that is drawn once at start. The key is
 * passed in, so that the core reads no random device and a test can fix it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k0, k1;
};

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t size);
