/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bus knows the domain only, so it is for the agent to see that one of its users does not keep
 * the others from the bus. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/stream-vchan.h"
#include "tools/agent.h"

void agent_complain(struct agent *agent, const char *format, ...)
{
	char text[512];
	unsigned lost;
	va_list args;

	if (!rate_take(&agent->complaints, clock_us(), &lost))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (lost)
		log_warning("%u lines were left out before the next one", lost);
	log_error("%s", text);
}

enum { PAGES_DEFAULT = 1024 }; /* of xen-gntalloc, if it is not loaded yet */

/* How many rings the kernel lets all programs of this domain have together; it may be told another
 * number at any moment. */
static unsigned count_rings(const struct agent *agent)
{
	size_t size = agent->bus.ring_size ? agent->bus.ring_size : STREAM_VCHAN_RING_DEFAULT;
	FILE *file = fopen("/sys/module/xen_gntalloc/parameters/limit", "re");
	unsigned pages;

	if (!file || fscanf(file, "%u", &pages) != 1)
		pages = PAGES_DEFAULT;
	if (file)
		fclose(file);
	return pages / stream_vchan_pages_for(size, size);
}

/* How many clients he may have. Root, and who runs the agent, need not ask. */
static unsigned share_of(const struct agent *agent, uid_t uid)
{
	unsigned share = agent->clients_max / 4, rings;

	if (uid == 0 || uid == geteuid())
		return UINT_MAX;
	if (agent->clients_per_user)
		return agent->clients_per_user;
	rings = agent->bus.kind == ADDRESS_VCHAN ? count_rings(agent) : UINT_MAX;
	if (share > rings / 2)
		share = rings / 2;
	return share ? share : 1;
}

static struct user *find(struct agent *agent, uid_t uid)
{
	struct user *user;

	list_for_each(user, &agent->users, link)
		if (user->uid == uid)
			return user;
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->uid = uid;
	list_push_back(&agent->users, &user->link);
	return user;
}

struct user *user_enter(struct agent *agent, int fd)
{
	struct ucred who;
	socklen_t size = sizeof(who);
	struct user *user = NULL;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0)
		user = find(agent, who.uid);
	if (!user) {
		agent_complain(agent, "a client is turned away: out of memory");
		return NULL;
	}
	if (user->clients >= share_of(agent, user->uid)) {
		agent_complain(agent,
			       "user %u has %u clients, the most that one may have "
			       "(--max-clients-per-user): more are turned away",
			       (unsigned)user->uid, user->clients);
		return NULL;
	}
	user->clients++;
	return user;
}

void user_leave(struct user *user)
{
	if (--user->clients)
		return;
	list_remove(&user->link);
	free(user);
}
