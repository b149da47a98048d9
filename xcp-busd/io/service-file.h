/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One .service file (D-Bus specification, "Message Bus Starting Services"): sections in brackets,
 * keys with values, comments with #. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/list.h"

enum { SERVICE_WHY_MAX = 512, SERVICE_FILE_MAX = 64 * 1024 };

struct service {
	struct list link; /* services::services */
	char *path; /* of its file */
	char *name, *exec, *user, *unit; /* all but name may be NULL */
};

/* 0, or -1 and a sentence with file and line in why. */
int service_read(const char *path, struct service **service, char why[SERVICE_WHY_MAX]);
/* The same of text in memory, which is changed. */
int service_parse(const char *path, char *text, struct service **service,
		  char why[SERVICE_WHY_MAX]);
void service_free(struct service *service); /* NULL is fine */
