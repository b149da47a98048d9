/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "tools/monitor-watch-private.h"

const char *const seen_words[] = {
	[SEEN_CALL] = "call",     [SEEN_ANSWER] = "answer", [SEEN_ERROR] = "error",
	[SEEN_SIGNAL] = "signal", [SEEN_LOST] = "lost",
};

static bool is_of_bus(DBusMessage *message)
{
	return dbus_message_has_sender(message, BUS_NAME);
}

static bool is_owner_change(DBusMessage *message)
{
	return is_of_bus(message) && dbus_message_is_signal(message, BUS_NAME, "NameOwnerChanged");
}

/* ---- What we have caused ourselves ---- */

static bool is_own_name(const struct watch *watch, const char *name)
{
	unsigned i;

	for (i = 0; name && i < 2; i++)
		if (watch->own[i] && !strcmp(name, watch->own[i]))
			return true;
	return false;
}

static bool is_own(struct watch *watch, DBusMessage *message)
{
	const char *name;

	if (is_own_name(watch, dbus_message_get_sender(message))) {
		watch->is_marked |= dbus_message_has_member(message, WATCH_MARKER);
		return true;
	}
	return is_own_name(watch, dbus_message_get_destination(message)) ||
	       (is_owner_change(message) && xcpbus_read(message, "s", &name) >= 0 &&
		is_own_name(watch, name));
}

/* ---- Answers and their calls ---- */

/* Anybody may send what looks like an answer: the bus does not pass it on, but shows it. */
static bool is_answered_by(struct watch *watch, const struct call *call, DBusMessage *answer)
{
	const char *sender = dbus_message_get_sender(answer);

	if (is_of_bus(answer))
		return true;
	if (*call->callee)
		return sender && !strcmp(call->callee, sender);
	return sender && (!watch->asker || names_is_owner(watch->names, sender, call->destination));
}

static struct call *take_call(struct watch *watch, DBusMessage *answer)
{
	const char *caller = dbus_message_get_destination(answer);
	uint32_t serial = dbus_message_get_reply_serial(answer);
	const struct call *call = caller ? calls_find(watch->calls, caller, serial) : NULL;

	if (!call || !is_answered_by(watch, call, answer))
		return NULL;
	if (!watch->asker && !is_of_bus(answer))
		names_infer(watch->names, call->destination, dbus_message_get_sender(answer));
	return calls_take(watch->calls, caller, serial);
}

static void see_call(struct watch *watch, struct seen *seen, uint64_t clock_us)
{
	seen->path = dbus_message_get_path(seen->message);
	seen->interface = dbus_message_get_interface(seen->message);
	seen->member = dbus_message_get_member(seen->message);
	if (seen->kind == SEEN_CALL && !dbus_message_get_no_reply(seen->message) &&
	    dbus_message_get_sender(seen->message))
		seen->call = calls_add(watch->calls, seen->message, seen->to.unique, clock_us);
}

static void see_answer(struct watch *watch, struct seen *seen, uint64_t clock_us)
{
	struct call *call = take_call(watch, seen->message);

	seen->call = call;
	if (!call)
		return;
	seen->path = *call->path ? call->path : NULL;
	seen->interface = *call->interface ? call->interface : NULL;
	seen->member = *call->member ? call->member : NULL;
	seen->took_us = clock_us > call->begin_us ? clock_us - call->begin_us : 0;
	/* By the name that it was called. */
	if (*call->destination != ':' && seen->from.unique &&
	    names_is_owner(watch->names, seen->from.unique, call->destination))
		seen->from.name = call->destination;
}

/* ---- What is chosen ---- */

static bool takes_rules(const struct watch *watch, const struct seen *seen)
{
	unsigned i;

	if (!watch->options->rule_count)
		return true;
	if (seen->call && seen->kind != SEEN_CALL && seen->call->is_chosen)
		return true;
	for (i = 0; i < watch->options->rule_count; i++)
		if (match_rule_takes(watch->rules[i], seen->message, watch->names))
			return true;
	return false;
}

static bool is_party(const struct watch *watch, const struct party *party)
{
	const char *service = watch->options->service, *domain = watch->options->domain;

	if (service && !(party->unique && names_is_owner(watch->names, party->unique, service)) &&
	    !(party->name && !strcmp(party->name, service)))
		return false;
	return !domain || domain_is_called(domain, party->domid, party->domain);
}

/* Of an error that the bus has answered, who was called is an end, too. */
static bool takes_parties(struct watch *watch, const struct seen *seen)
{
	struct party called;

	if ((!watch->options->service && !watch->options->domain) || is_party(watch, &seen->from) ||
	    is_party(watch, &seen->to))
		return true;
	if (!seen->call)
		return false;
	names_describe(watch->names, seen->call->destination, &called);
	return is_party(watch, &called);
}

static bool is_chosen(struct watch *watch, const struct seen *seen)
{
	const struct watch_options *options = watch->options;
	bool is_answer = seen->kind == SEEN_ANSWER || seen->kind == SEEN_ERROR;

	if (options->is_errors && seen->kind != SEEN_ERROR)
		return false;
	if (options->is_slow && !(is_answer && seen->call && seen->took_us >= options->slower_us))
		return false;
	return true;
}

bool seen_is_of(const struct seen *seen, const char *what)
{
	const char *interface = seen->interface, *member = seen->member;
	size_t size = interface ? strlen(interface) : 0;

	if (!strcmp(what, member) || dbus_message_has_destination(seen->message, what))
		return true;
	if (interface && !strncmp(what, interface, size) &&
	    (!what[size] || (what[size] == '.' && !strcmp(what + size + 1, member))))
		return true;
	return (seen->to.name && !strcmp(what, seen->to.name)) ||
	       (seen->to.unique && !strcmp(what, seen->to.unique));
}

/* ---- One message ---- */

static void show(struct watch *watch, struct seen *seen)
{
	struct watch_summary *summary = &watch->summary;
	char *bytes;
	int size;

	if (!dbus_message_marshal(seen->message, &bytes, &size))
		need(NULL);
	seen->bytes = bytes;
	seen->size = (size_t)size;
	summary->kinds[seen->kind]++;
	summary->lost += seen->lost;
	summary->bytes += seen->size;
	watch->shown += seen->kind != SEEN_LOST;
	if (!watch->fn(watch, seen, watch->data) ||
	    (watch->options->count_max && watch->shown >= watch->options->count_max))
		watch->is_over = true;
	dbus_free(bytes);
}

static enum seen_kind kind_of(struct watch *watch, DBusMessage *message, uint64_t *lost)
{
	switch (dbus_message_get_type(message)) {
	case DBUS_MESSAGE_TYPE_METHOD_CALL:
		return SEEN_CALL;
	case DBUS_MESSAGE_TYPE_METHOD_RETURN:
		return SEEN_ANSWER;
	case DBUS_MESSAGE_TYPE_ERROR:
		return SEEN_ERROR;
	}
	if (!is_of_bus(message) ||
	    !dbus_message_is_signal(message, "org.xen.xcp.Bus1", "MessagesLost") ||
	    xcpbus_read(message, "t", lost) < 0)
		return SEEN_SIGNAL;
	watch->is_stale = true;
	return SEEN_LOST;
}

static void see(struct watch *watch, struct seen *seen, uint64_t clock_us)
{
	bool is_answer = seen->kind == SEEN_ANSWER || seen->kind == SEEN_ERROR, is_ruled;

	names_describe(watch->names, dbus_message_get_sender(seen->message), &seen->from);
	names_describe(watch->names, dbus_message_get_destination(seen->message), &seen->to);
	if (is_answer)
		see_answer(watch, seen, clock_us);
	else
		see_call(watch, seen, clock_us);
	is_ruled = takes_rules(watch, seen) && takes_parties(watch, seen);
	if (seen->kind == SEEN_CALL && seen->call)
		seen->call->is_chosen = is_ruled;
	if (!watch->is_learning &&
	    (seen->kind == SEEN_LOST || (is_ruled && is_chosen(watch, seen))))
		show(watch, seen);
	if (is_answer)
		call_free(seen->call);
}

void watch_see(struct watch *watch, DBusMessage *message, uint64_t time_us, uint64_t clock_us)
{
	struct seen seen = { .message = message, .time_us = time_us };

	watch->now_us = clock_us;
	/* Types that D-Bus does not know yet are to be ignored: nobody says what is in them. */
	if (watch->is_over || dbus_message_get_type(message) > DBUS_MESSAGE_TYPE_SIGNAL)
		return;
	if (!is_own(watch, message)) {
		seen.kind = kind_of(watch, message, &seen.lost);
		see(watch, &seen, clock_us);
	}
	if (is_owner_change(message) && !(watch->is_learning && names_is_end(message)))
		names_observe(watch->names, message);
}
