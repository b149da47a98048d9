/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The environment of what the bus starts. */
#pragma once

#include "common/cleanup.h"

struct server;

struct spawn_environment {
	char **values; /* NAME=VALUE; ends with NULL */
	unsigned count;
};

/* A session's bus hands on what it has itself; any other only what every program needs. Beside that
 * the values of UpdateActivationEnvironment, and where the bus is. NULL without memory. */
struct spawn_environment *spawn_environment_new(const struct server *server, const char *address);
void spawn_environment_free(struct spawn_environment *environment); /* NULL is fine */
DEFINE_FREEP(struct spawn_environment, spawn_environment_free)
