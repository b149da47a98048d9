/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-secrets.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tools/monitor-introspect.h"

enum {
	KNOWN_MAX = 256, /* interfaces of services; of more, those asked first are forgotten */
	AGAIN_US = 10 * 1000 * 1000, /* who has not answered is asked again */
	WAITED_MAX = 2, /* times the timeout are waited, and then a fifth of the time */
	WAITED_SHARE = 5,
	WEIGHT_MAX = 32 * 1024 * 1024, /* of all that is known */
};

struct known {
	char *service, *interface;
	char *path; /* the object that was asked; of a long one its beginning, which is no other */
	struct node *node; /* NULL: it says nothing of itself */
	bool is_silent; /* it has not answered */
	uint64_t asked_us;
	size_t weight; /* of the node */
};

struct secrets {
	struct known known[KNOWN_MAX];
	unsigned count, next;
	unsigned victim; /* whose node is given up next if all together are too much */
	size_t weight;
	int timeout_ms; /* of asking */
	uint64_t waited_us, counted_us; /* how long we have waited, as of when */
};

struct secrets *secrets_new(int timeout_ms)
{
	struct secrets *secrets = need(calloc(1, sizeof(*secrets)));

	secrets->timeout_ms = timeout_ms;
	return secrets;
}

/* It will be asked again. */
static void forget(struct secrets *secrets, struct known *known)
{
	known->node = node_free(known->node);
	known->is_silent = true;
	known->asked_us = 0;
	secrets->weight -= known->weight;
	known->weight = 0;
}

static void known_clear(struct secrets *secrets, struct known *known)
{
	forget(secrets, known);
	free(known->service);
	free(known->interface);
	free(known->path);
	*known = (struct known){ 0 };
}

struct secrets *secrets_free(struct secrets *secrets)
{
	unsigned i;

	for (i = 0; secrets && i < secrets->count; i++)
		known_clear(secrets, &secrets->known[i]);
	free(secrets);
	return NULL;
}

/* ---- Asking ---- */

static bool may_wait(struct secrets *secrets)
{
	uint64_t now = clock_us(), paid = (now - secrets->counted_us) / WAITED_SHARE;

	secrets->waited_us = secrets->waited_us > paid ? secrets->waited_us - paid : 0;
	secrets->counted_us = now;
	return secrets->waited_us < WAITED_MAX * (uint64_t)secrets->timeout_ms * 1000;
}

/* A service that does not describe itself says so. All else is no word about secrets: it has not
 * answered or has gone, the object has, too much waits for it, what it says is cut off. */
static bool is_silence(const struct xcpbus_error *error)
{
	return !xcpbus_error_is(error, DBUS_ERROR_UNKNOWN_METHOD) &&
	       !xcpbus_error_is(error, DBUS_ERROR_UNKNOWN_INTERFACE) &&
	       !xcpbus_error_is(error, DBUS_ERROR_NOT_SUPPORTED);
}

/* Guests may say much of themselves, over and over: a known that is too much by itself is not kept,
 * and others make room for one that is not. */
static void weigh(struct secrets *secrets, struct known *known)
{
	known->weight = known->node ? node_weight(known->node) : 0;
	secrets->weight += known->weight;
	if (known->weight > WEIGHT_MAX / 4) {
		forget(secrets, known);
		known->asked_us = clock_us();
	}
	for (; secrets->weight > WEIGHT_MAX; secrets->victim++)
		if (&secrets->known[secrets->victim % secrets->count] != known)
			forget(secrets, &secrets->known[secrets->victim % secrets->count]);
}

static void ask(struct secrets *secrets, struct xcpbus *bus, struct known *known, const char *path)
{
	const struct xcpbus_target target = { known->service, path, NULL, secrets->timeout_ms };
	struct xcpbus_error error;

	forget(secrets, known);
	known->asked_us = clock_us();
	free(known->path);
	known->path = need(strndup(path, CALL_TEXT_MAX));
	known->is_silent =
		introspect(bus, &target, false, &known->node, &error) < 0 && is_silence(&error);
	secrets->waited_us += clock_us() - known->asked_us;
	weigh(secrets, known);
}

static struct known *find(struct secrets *secrets, const char *service, const char *interface)
{
	unsigned i;

	for (i = 0; i < secrets->count; i++)
		if (!strcmp(secrets->known[i].service, service) &&
		    !strcmp(secrets->known[i].interface, interface))
			return &secrets->known[i];
	return NULL;
}

static bool is_described(const struct known *known)
{
	return known->node && *known->interface && node_find(known->node, known->interface);
}

/* What one object says of an interface that it has is so for all. That it has none is said of that
 * object: strangers may call any, so that it is the first to be asked. */
static bool is_about(const struct known *known, const char *path)
{
	return is_described(known) || !strcmp(known->path, path);
}

/* Who describes itself, and not this, has not said that it has no secrets. */
static bool is_known(const struct known *known)
{
	return !known->is_silent && (!known->node || !*known->interface || is_described(known));
}

/* NULL: it cannot be known now. */
static const struct known *get(struct secrets *secrets, struct xcpbus *bus, const char *service,
			       const char *interface, const char *path)
{
	struct known *known = find(secrets, service, interface);

	if (known && is_about(known, path) &&
	    (is_known(known) || clock_us() < known->asked_us + AGAIN_US))
		return is_known(known) ? known : NULL;
	if (!may_wait(secrets))
		return NULL;
	if (!known) {
		known = &secrets->known[secrets->next];
		secrets->next = (secrets->next + 1) % KNOWN_MAX;
		if (secrets->count < KNOWN_MAX)
			secrets->count++;
		known_clear(secrets, known);
		known->service = copy_text(service);
		known->interface = copy_text(interface);
	}
	ask(secrets, bus, known, path);
	return is_known(known) ? known : NULL;
}

/* ---- Answers ---- */

/* In the order in which they are in a message. */
static uint64_t hidden_arguments(const struct member *member, bool is_out)
{
	uint64_t hidden = 0;
	unsigned i, number = 0;

	for (i = 0; i < member->count; i++) {
		if (member->kind == MEMBER_METHOD && member->arguments[i].is_out != is_out)
			continue;
		if (member_hides(member, i))
			hidden |= UINT64_C(1) << (number < 64 ? number : 63);
		number++;
	}
	return hidden;
}

/* Of a call that names no interface, all that have such a method are meant. */
static uint64_t hidden_by(const struct node *node, const struct seen *seen, bool is_out)
{
	enum member_kind kind = seen->kind == SEEN_SIGNAL ? MEMBER_SIGNAL : MEMBER_METHOD;
	uint64_t hidden = 0;
	unsigned i, j;

	for (i = 0; node && i < node->interface_count; i++) {
		const struct interface *interface = &node->interfaces[i];

		if (seen->interface && strcmp(seen->interface, interface->name) != 0)
			continue;
		for (j = 0; j < interface->count; j++)
			if (interface->members[j].kind == kind &&
			    !strcmp(interface->members[j].name, seen->member))
				hidden |= hidden_arguments(&interface->members[j], is_out);
	}
	return hidden;
}

/* Whether the property is secret; NULL: any of the interface. */
static bool hides_property(const struct node *node, const char *name, const char *property)
{
	const struct interface *interface = node ? node_find(node, name) : NULL;
	unsigned i;

	for (i = 0; interface && i < interface->count; i++)
		if (interface->members[i].kind == MEMBER_PROPERTY &&
		    (!property || !strcmp(property, interface->members[i].name)) &&
		    member_hides(&interface->members[i], 0))
			return true;
	return false;
}

/* Set(ssv), the answers of Get and GetAll, PropertiesChanged(sa{sv}as): one value each. */
static uint64_t hidden_properties(struct secrets *secrets, struct xcpbus *bus,
				  const struct seen *seen, const char *service)
{
	const char *interface = NULL, *property = NULL;
	const struct known *known;
	uint64_t value = seen->kind == SEEN_CALL ? 4 : seen->kind == SEEN_SIGNAL ? 2 : 1;

	if (seen->kind == SEEN_ANSWER) {
		interface = seen->call->about;
		property = *seen->call->name ? seen->call->name : NULL;
	} else if (xcpbus_read(seen->message, "s", &interface) < 0) {
		return 0;
	} else if (seen->kind == SEEN_CALL) { /* not of PropertiesChanged, where many are */
		xcpbus_read(seen->message, "ss", &interface, &property);
	}
	known = *interface ? get(secrets, bus, service, interface, seen->path) : NULL;
	return !known || hides_property(known->node, interface, property) ? value : 0;
}

/* A call that names no interface may be for that of properties as well. */
static bool may_be_property(const struct seen *seen)
{
	return !strcmp(seen->member, "Get") || !strcmp(seen->member, "GetAll") ||
	       !strcmp(seen->member, "Set") || !strcmp(seen->member, "GetManagedObjects");
}

uint64_t secrets_of(struct secrets *secrets, struct xcpbus *bus, const struct seen *seen)
{
	bool is_answer = seen->kind == SEEN_ANSWER;
	const char *service = seen->kind == SEEN_CALL ? seen->to.unique : seen->from.unique;
	const struct known *known;

	/* Errors have no secrets, and neither has the bus. */
	if (!bus || seen->kind == SEEN_ERROR || !*dbus_message_get_signature(seen->message) ||
	    (service && !strcmp(service, BUS_NAME)))
		return 0;
	/* Of a call no more than so much of its path is kept. */
	if (!service || !seen->member || !seen->path || (is_answer && !seen->call) ||
	    (is_answer && strlen(seen->path) >= CALL_TEXT_MAX))
		return SECRETS_ALL;
	if (!seen->interface && may_be_property(seen))
		return SECRETS_ALL;
	if (seen->interface && !strcmp(seen->interface, DBUS_INTERFACE_PROPERTIES))
		return hidden_properties(secrets, bus, seen, service);
	if (seen->interface && (!strcmp(seen->interface, DBUS_INTERFACE_PEER) ||
				!strcmp(seen->interface, DBUS_INTERFACE_INTROSPECTABLE)))
		return 0;
	/* Properties of many objects at once. */
	if (seen->interface && !strcmp(seen->interface, "org.freedesktop.DBus.ObjectManager"))
		return seen->kind == SEEN_CALL ? 0 : SECRETS_ALL;
	known = get(secrets, bus, service, seen->interface ? seen->interface : "", seen->path);
	return known ? hidden_by(known->node, seen, is_answer) : SECRETS_ALL;
}
