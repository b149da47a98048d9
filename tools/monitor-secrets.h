/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What services do not want to be shown: org.xen.xcp.Secret in their introspection data (docs/idl).
 * Each is asked once about an interface, but never for long: what may be secret and is not known
 * is secret. */
#pragma once

#include "tools/monitor-watch.h"

struct secrets;

/* The timeout is that of asking, of 1 ms or more. */
struct secrets *secrets_new(int timeout_ms);
struct secrets *secrets_free(struct secrets *secrets);

#define SECRETS_ALL UINT64_MAX

/* A bit for each value in the message, the first is 1. bus is who asks; NULL: nobody can be
 * asked, and nothing is secret. */
uint64_t secrets_of(struct secrets *secrets, struct xcpbus *bus, const struct seen *seen);
