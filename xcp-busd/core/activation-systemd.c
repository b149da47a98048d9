/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Services that systemd starts: it is asked by a signal, as dbus-daemon asks it, and answers with
 * one if it fails. */
#include "core/activation.h"

#include "core/answer.h"
#include "core/driver.h"
#include "core/gate.h"
#include "core/monitor.h"
#include "wire/syntax.h"

#define ACTIVATOR "org.freedesktop.systemd1.Activator"

/* Anybody can own a name, if the policy lets him, and send a signal; only systemd is asked, told
 * and believed (CVE-2015-0245). */
struct peer *activation_find_systemd(const struct bus *bus)
{
	struct peer *owner = bus_find_peer(bus, text_of(ACTIVATION_SYSTEMD));

	return owner && peer_is_privileged(owner) ? owner : NULL;
}

bool activation_ask_systemd(struct bus *bus, const char *unit, bool is_first)
{
	struct peer *systemd = activation_find_systemd(bus);
	struct build build;
	uint8_t *bytes;
	uint32_t size;

	build_init(&build);
	build_header(&build, &(struct build_head){
				     .type = MESSAGE_SIGNAL,
				     .flags = MESSAGE_NO_REPLY_EXPECTED,
				     .serial = driver_serial(bus),
				     .path = DRIVER_PATH,
				     .interface = ACTIVATOR,
				     .member = "ActivationRequest",
				     .destination = ACTIVATION_SYSTEMD,
				     .sender = DRIVER_NAME,
				     .signature = "s",
			     });
	build_string(&build, unit);
	/* Without memory the deadline ends it. */
	if (build_finish(&build, &bytes, &size) == 0) {
		if (is_first && !list_is_empty(&bus->monitors))
			monitor_show_own(bus, systemd, bytes, size);
		if (systemd && gate_lets_own_pass(bus, systemd, bytes, size))
			answer_queue(bus, systemd, bytes, size);
	}
	build_deinit(&build);
	return systemd != NULL;
}

void activation_take_signal(struct bus *bus, struct peer *from, const struct message *message)
{
	struct text unit, error, text;
	struct body_reader reader;

	if (!bus->settings.systemd_activation || !text_is(message->interface, ACTIVATOR) ||
	    !text_is(message->member, "ActivationFailure") || activation_find_systemd(bus) != from)
		return;
	body_reader_init(&reader, message);
	if (!body_read_string(&reader, &unit) || !body_read_string(&reader, &error) ||
	    !body_read_string(&reader, &text))
		return;
	if (!syntax_is_error_name(error.bytes, error.size))
		error = text_of("org.freedesktop.DBus.Error.Failed");
	activation_failed_unit(bus, unit.bytes, error.bytes, text.bytes);
}
