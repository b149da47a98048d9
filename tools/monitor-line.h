/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was seen, as a line for people or for programs. */
#pragma once

#include "tools/monitor-watch.h"

enum { PATH_SHOWN = 120, ERROR_SHOWN = 400, BODY_SHOWN = 16 * 1024 };

/* "12:00:00.123456". Returns out. */
const char *clock_text(char out[SHORT_TEXT], uint64_t time_us);
/* hidden: NULL: without the body; otherwise a bit for each value of it that is not shown. */
void put_seen(const struct tool *tool, FILE *out, const struct seen *seen, const uint64_t *hidden);
void json_seen(FILE *out, const struct seen *seen, const uint64_t *hidden);
/* "org.xen.xcp.storage1.VDI.Attach3", without what is not known. */
void put_member(FILE *out, const char *interface, const char *member);
