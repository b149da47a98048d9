/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hosted-xen/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int bytes_append(struct bytes *bytes, const void *data, size_t size)
{
	if (bytes->start) {
		memmove(bytes->data, bytes->data + bytes->start, bytes_size(bytes));
		bytes->end -= bytes->start;
		bytes->start = 0;
	}
	if (size > bytes->room - bytes->end) {
		size_t room = 2 * bytes->room + size;
		char *grown = realloc(bytes->data, room);

		if (!grown)
			return -ENOMEM;
		bytes->data = grown;
		bytes->room = room;
	}
	if (size) /* or data may be NULL */
		memcpy(bytes->data + bytes->end, data, size);
	bytes->end += size;
	return 0;
}

void bytes_drop(struct bytes *bytes, size_t size)
{
	bytes->start += size;
	if (bytes->start == bytes->end)
		bytes_deinit(bytes); /* an idle queue keeps no memory */
}

void bytes_deinit(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){ 0 };
}
