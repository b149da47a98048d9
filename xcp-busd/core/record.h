/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The records of org.xen.xcp.Bus1 (idl/org.xen.xcp.Bus1.xml), each an a{sv}.
 *
 * Lists of names have no end that would be known beforehand: they are put down until the message
 * has size_max bytes, and the record says false if that were not all.
 */
#pragma once

#include "core/bus.h"
#include "core/survey.h"
#include "wire/build.h"

bool record_link(struct build *build, const struct peer *peer, uint32_t size_max);
bool record_domain(struct build *build, const struct bus *bus, const struct quota *quota,
		   uint32_t size_max);
bool record_local_domain(struct build *build, const struct bus *bus, uint32_t size_max);
void record_user(struct build *build, const struct bus *bus, const struct quota *quota);
void record_pending_call(struct build *build, const struct bus *bus, const struct reply_slot *slot);
void record_counters(struct build *build, const struct bus *bus);
