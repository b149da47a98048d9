/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting services: what clients ask for and set. */
#include <errno.h>

#include "core/driver.h"
#include "core/policy.h"

int driver_list_activatable_names(struct driver_call *call)
{
	const struct activation_table *table = &call->bus->activations;
	uint32_t mark = build_array(&call->reply, 4);
	const struct activatable *next = NULL;

	build_string(&call->reply, DRIVER_NAME);
	while ((next = activatable_next(&table->names, next)))
		if (policy_may_start(call->peer->profile, text_of(next->name)))
			build_string(&call->reply, next->name);
	build_array_end(&call->reply, mark);
	return DRIVER_DONE;
}

int driver_start_service_by_name(struct driver_call *call)
{
	enum { ALREADY_RUNNING = 2 };
	struct activation_refusal refusal;
	struct text name;
	bool is_driver;
	struct peer *peer = driver_take_peer(call, &is_driver, &name);
	int r;

	if (peer || is_driver) {
		build_uint32(&call->reply, ALREADY_RUNNING);
		return DRIVER_DONE;
	}
	r = activation_request(call->bus, call->peer, name, call->message, NULL, &refusal);
	if (r < 0)
		return r;
	if (r == ACTIVATION_REFUSED) {
		call->reason = refusal.reason;
		return driver_fail(call, refusal.error, "%s", refusal.text);
	}
	return DRIVER_LATER;
}

int driver_update_activation_environment(struct driver_call *call)
{
	struct activation_table *table = &call->bus->activations;
	struct body_reader again = call->args;
	struct text key, value;
	uint32_t end;
	int r;

	if (!driver_is_privileged(call))
		return driver_fail(
			call, "AccessDenied",
			"Only root and the owner of the bus, in its domain, may change the "
			"environment of the services it starts");
	if (!body_enter_array(&call->args, '{', &end))
		return driver_fail(call, "InvalidArgs", "The variables are not a dictionary");
	while (body_read_array_pair(&call->args, end, &key, &value)) {
		if (!key.size || memchr(key.bytes, '=', key.size))
			return driver_fail(call, "InvalidArgs",
					   "\"%.200s\" is not a name for a variable", key.bytes);
		r = activation_set_environment(table, key, value);
		if (r < 0)
			return r;
		if (r == ACTIVATION_ENVIRONMENT_FULL)
			return driver_limit(call, reason_of(REASON_ENVIRONMENT),
					    "The variables have more than %d bytes",
					    ACTIVATION_ENVIRONMENT_MAX);
	}
	return activation_pass_variables(call->bus, &again);
}
