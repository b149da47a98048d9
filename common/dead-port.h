/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Event channels of a domain that was saved and restored, or migrated.
 *
 * All of them are dead then, without a word. And Linux, whose /dev/xen/evtchn still knows their
 * numbers, does one of two things when a handle of before is closed, be it by exit: it dies of a
 * BUG in that process ("kernel BUG at drivers/xen/evtchn.c"), or, if the number belongs to somebody
 * again, closes his channel.
 */
#pragma once

#include <stdint.h>
#include <xenevtchn.h>

enum dead_port {
	DEAD_PORT_RELEASED, /* the handle does not know it any more: closing it is harmless */
	DEAD_PORT_KEPT, /* it is nobody's, and the handle must not be closed */
	DEAD_PORT_TAKEN, /* it is somebody's: of a new channel, or it never was dead */
};

/* One program in the domain at a time opens or closes channels, until it unlocks: what Linux does
 * to a dead port goes by its number. Who opens one waits for xenstored meanwhile, and a program can
 * be stopped, so after a second the others go on without. NULL: no memory, or no descriptor. */
xenevtchn_handle *dead_port_lock(void);
void dead_port_unlock(xenevtchn_handle *lock); /* NULL is fine */

/* Tries to make the handle, which has this port and no other, forget it. Under the lock. */
enum dead_port dead_port_release(xenevtchn_handle *event, evtchn_port_t port);

/* Frees the handle and leaves its descriptor open for as long as we live: the kernel's
 * /proc/interrupts goes on to show the name that it belongs to. */
void dead_port_abandon(xenevtchn_handle *event);
