/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Services that systemd starts: it is asked by a signal, as dbus-daemon asks it, and answers with one
 * if it fails. */
#include "core/activation.h"

#include "core/answer.h"
#include "core/driver.h"
#include "core/gate.h"
#include "core/monitor.h"
#include "wire/syntax.h"

#define ACTIVATOR "org.freedesktop.systemd1.Activator"

bool activation_ask_systemd(struct bus *bus, const char *unit, bool is_first)
{
	struct peer *systemd = bus_find_peer(bus, text_of(ACTIVATION_SYSTEMD));
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

/* Anybody can send such a signal; only systemd is believed (CVE-2015-0245). */
static bool is_systemd(const struct bus *bus, const struct peer *from)
{
	const struct identity *identity = from->identity;

	return !identity->is_guest && (identity->uid == 0 || identity->uid == bus->settings.uid) &&
	       bus_find_peer(bus, text_of(ACTIVATION_SYSTEMD)) == from;
}

void activation_take_signal(struct bus *bus, struct peer *from, const struct message *message)
{
	struct text unit, error, text;
	struct body_reader reader;

	if (!bus->settings.systemd_activation || !text_is(message->interface, ACTIVATOR) ||
	    !text_is(message->member, "ActivationFailure") || !is_systemd(bus, from))
		return;
	body_reader_init(&reader, message);
	if (!body_read_string(&reader, &unit) || !body_read_string(&reader, &error) ||
	    !body_read_string(&reader, &text))
		return;
	if (!syntax_is_error_name(error.bytes, error.size))
		error = text_of("org.freedesktop.DBus.Error.Failed");
	activation_failed_unit(bus, unit.bytes, error.bytes, text.bytes);
}
