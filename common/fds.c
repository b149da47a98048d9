/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/fds.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fds *fds_new(const int *fd, unsigned count)
{
	struct fds *fds = malloc(sizeof(*fds) + count * sizeof(*fd));

	if (!fds)
		return NULL;
	*fds = (struct fds){ .refs = 1, .count = count };
	memcpy(fds->fd, fd, count * sizeof(*fd));
	return fds;
}

struct fds *fds_ref(struct fds *fds)
{
	fds->refs++;
	return fds;
}

struct fds *fds_unref(struct fds *fds)
{
	unsigned i;

	if (!fds || --fds->refs)
		return NULL;
	for (i = 0; i < fds->count; i++)
		close(fds->fd[i]);
	free(fds);
	return NULL;
}
