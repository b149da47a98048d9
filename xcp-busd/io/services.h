/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be started: the .service files in the configured directories, which are watched; and
 * what has been started. */
#pragma once

struct bus;
struct peer;
struct server;
struct services;

/* Reads the directories of the configuration and tells the bus. NULL without memory. address is
 * where services find the bus; copied. */
struct services *services_new(struct server *server, const char *address);
struct services *services_free(struct services *services); /* NULL is fine; returns NULL */

/* Other directories, perhaps: reads the configuration and them again. */
void services_reload(struct services *services);

/* bus_ops of the same names. */
int services_start(struct bus *bus, const char *name, void *handle, const struct peer *by);
void services_give_up(struct bus *bus, const char *name);
