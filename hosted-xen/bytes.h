/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A queue of bytes. */
#pragma once

#include <stddef.h>

struct bytes {
	char *data;
	size_t start, end, room;
};

int bytes_append(struct bytes *bytes, const void *data, size_t size); /* 0 or -ENOMEM */
void bytes_drop(struct bytes *bytes, size_t size);
void bytes_deinit(struct bytes *bytes);

static inline size_t bytes_size(const struct bytes *bytes)
{
	return bytes->end - bytes->start;
}

static inline const char *bytes_first(const struct bytes *bytes)
{
	return bytes->data + bytes->start;
}
