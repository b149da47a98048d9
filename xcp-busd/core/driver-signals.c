/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bus says without being asked. */
#include <errno.h>

#include "core/answer.h"
#include "core/driver.h"

static struct build *signal_begin(struct build *build, struct bus *bus, const char *member,
				  const char *signature, const struct peer *to)
{
	return driver_build(build, bus,
			    (struct build_head){
				    .type = MESSAGE_SIGNAL,
				    .path = DRIVER_PATH,
				    .interface = DRIVER_NAME,
				    .member = member,
				    .destination = to ? to->name : NULL,
				    .signature = signature,
			    });
}

static int send_name_signal(struct bus *bus, struct peer *peer, const char *member,
			    const char *name)
{
	struct build build;
	uint8_t *bytes;
	uint32_t size;
	int r;

	if (!peer || peer->is_dropped)
		return 0;
	build_string(signal_begin(&build, bus, member, "s", peer), name);
	r = build_finish(&build, &bytes, &size);
	if (r == 0)
		answer_send(bus, peer, bytes, size);
	build_deinit(&build);
	return r;
}

int driver_broadcast(struct bus *bus, struct build *build)
{
	struct message message;
	uint8_t *bytes;
	uint32_t size;
	int r = build_finish(build, &bytes, &size);

	if (r == 0)
		r = message_parse(&message, bytes, size) == MESSAGE_VALID ? 0 : -EINVAL;
	if (r == 0)
		r = bus_broadcast(bus, NULL, &message, &(struct cargo){ 0 });
	build_deinit(build);
	return r;
}

static int broadcast_change(struct bus *bus, const char *name, const struct name_change *change)
{
	struct build build;

	signal_begin(&build, bus, "NameOwnerChanged", "sss", NULL);
	build_string(&build, name);
	build_string(&build, change->from ? change->from->name : "");
	build_string(&build, change->to ? change->to->name : "");
	return driver_broadcast(bus, &build);
}

/* A peer that missed a change would believe what is not so, and only memory can be the reason:
 * those who subscribed to anything are cut off rather than deceived. */
static void drop_subscribers(struct bus *bus)
{
	struct peer *peer;

	list_for_each(peer, &bus->peers, bus_link)
		if (peer->matches_count)
			bus_drop(peer, "no memory to tell it of a change of names",
				 reason_of(REASON_MEMORY));
}

void driver_announce_activatable(struct bus *bus)
{
	struct build build;

	signal_begin(&build, bus, "ActivatableServicesChanged", NULL, NULL);
	if (driver_broadcast(bus, &build) < 0)
		drop_subscribers(bus);
}

void driver_announce(struct bus *bus, const char *name, const struct name_change *change)
{
	if (send_name_signal(bus, change->from, "NameLost", name) < 0)
		bus_drop(change->from, "no memory to tell it that it lost a name",
			 reason_of(REASON_MEMORY));
	if (broadcast_change(bus, name, change) < 0)
		drop_subscribers(bus);
	if (send_name_signal(bus, change->to, "NameAcquired", name) < 0)
		bus_drop(change->to, "no memory to tell it that it owns a name",
			 reason_of(REASON_MEMORY));
	if (change->to)
		activation_appeared(bus, text_of(name), change->to);
}
