/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers in and out of a message. Its bytes may lie anywhere in memory: alignment is counted
 * from its beginning, so everything goes through memcpy. */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t bytes_get32(const uint8_t *bytes, bool is_swapped)
{
	uint32_t value;

	memcpy(&value, bytes, 4);
	return is_swapped ? __builtin_bswap32(value) : value;
}

static inline uint64_t bytes_get64(const uint8_t *bytes, bool is_swapped)
{
	uint64_t value;

	memcpy(&value, bytes, 8);
	return is_swapped ? __builtin_bswap64(value) : value;
}

static inline void bytes_put32(uint8_t *bytes, uint32_t value, bool is_swapped)
{
	if (is_swapped)
		value = __builtin_bswap32(value);
	memcpy(bytes, &value, 4);
}

/* alignment is a power of two. Offsets stay far below 4 GiB. */
static inline uint32_t bytes_align(uint32_t offset, uint32_t alignment)
{
	return (offset + alignment - 1) & ~(alignment - 1);
}

/* Whether the bytes from begin to end are 0: at least one and at most eight of them. end >= 8 */
static inline bool bytes_are_zero(const uint8_t *bytes, uint32_t begin, uint32_t end)
{
	uint64_t word;

	memcpy(&word, bytes + end - 8, 8);
	return !(le64toh(word) >> 8 * (8 - (end - begin)));
}
