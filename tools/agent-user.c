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

/* Root, and who runs the agent, need not ask. */
static bool is_ordinary(const struct user *user)
{
	return user->uid != 0 && user->uid != geteuid();
}

static unsigned count_ordinary(const struct agent *agent)
{
	const struct user *user;
	unsigned count = 0;

	list_for_each(user, &agent->users, link)
		if (is_ordinary(user))
			count += user->clients;
	return count;
}

/* Whether he may have as many clients as he has now. One user leaves places to the others, and all
 * of them together the last quarter (of a few places, the last) to root. */
static bool has_place(struct agent *agent, const struct user *user)
{
	unsigned share = agent->clients_max / 4, places = agent->clients_max, rings, kept, count;

	if (!is_ordinary(user))
		return true;
	rings = agent->bus.kind == ADDRESS_VCHAN ? count_rings(agent) : UINT_MAX;
	if (share > rings / 2)
		share = rings / 2;
	if (agent->clients_per_user)
		share = agent->clients_per_user;
	if (user->clients > (share ? share : 1)) {
		agent_complain(agent,
			       "user %u has %u clients, the most that one may have "
			       "(--max-clients-per-user): more are turned away",
			       (unsigned)user->uid, user->clients - 1);
		return false;
	}
	if (places > rings)
		places = rings;
	kept = places < 4 ? 1 : places / 4;
	count = count_ordinary(agent);
	if (count > 1 && count + kept > places) {
		agent_complain(agent,
			       "users other than root have %u clients, the most that they may have "
			       "together (--max-clients, or the rings of this domain): more are "
			       "turned away",
			       count - 1);
		return false;
	}
	return true;
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
	user->clients++;
	if (has_place(agent, user))
		return user;
	user_leave(user);
	return NULL;
}

void user_leave(struct user *user)
{
	if (--user->clients)
		return;
	list_remove(&user->link);
	free(user);
}
