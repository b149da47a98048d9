/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files about guests share.
 *
 *	guests.c        who is there: the list, and what keeps it true
 *	guests-look.c   what they offer, and whose turn it is
 */
#pragma once

#include "io/guests.h"

enum { GUEST_LOOKS_PER_SECOND = 20 }; /* for nothing */

struct guest *guest_find(const struct guests *guests, uint32_t domid);

/* 1: it is who it was, and may be talked to; 0: not, and it may be gone now; a negative errno:
 * nobody can say. */
int guest_is_home(struct guests *guests, const struct guest *guest);
