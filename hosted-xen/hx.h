/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hx, the toolstack of hosted Xen: what its parts know of each other. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hosted-xen/protocol.h"

enum { HX_PATH_MAX = 512 };

struct xs_handle;

struct hx {
	char dir[HX_PATH_MAX]; /* of the instance */
	char home[HX_PATH_MAX]; /* where hx, hxd and lib/ lie */
};

/* hx.c */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2))); /* returns 1 */
/* The result of the operation; -1 with errno. The fd that came along, or -1, goes to fd. */
int ask(const struct hx *hx, const struct hx_request *request, struct hx_reply *reply, int *fd);
/* The same for an operation on a domain; complains itself, and returns -1. */
int ask_domain(const struct hx *hx, const char *domain, uint32_t op, uint32_t argument,
	       struct hx_reply *reply);
int find_domain(const struct hx *hx, const char *domain); /* domid; complains and returns -1 */
bool store_answers(const struct hx *hx);

/* hx-instance.c */
int command_start(const struct hx *hx, int argc, char **argv);
int command_stop(const struct hx *hx, int argc, char **argv);
int prepare_store(const struct hx *hx); /* of a xenstored that was started again */

/* hx-domain.c */
int command_create(const struct hx *hx, int argc, char **argv);
int command_destroy(const struct hx *hx, int argc, char **argv);
int command_shutdown(const struct hx *hx, int argc, char **argv);
int command_pause(const struct hx *hx, int argc, char **argv);
int command_suspend(const struct hx *hx, int argc, char **argv);
int command_run(const struct hx *hx, int argc, char **argv);

/* hx-store.c: what a toolstack writes to xenstore. All return 0, or complain and return -1. */
struct store_entry {
	const char *key, *value;
};
struct store_domain {
	uint32_t domid, port;
	const char *name;
	char uuid[37];
	const struct store_entry
		*entries; /* more below /local/domain/N, not for the guest to write */
	unsigned entry_count;
};
struct xs_handle *store_open(const struct hx *hx); /* NULL with errno; dom0's connection */
int store_add_domain(const struct hx *hx, const struct store_domain *domain);
int store_remove_domain(const struct hx *hx, uint32_t domid, const char *uuid);
int store_resume_domain(const struct hx *hx, uint32_t domid);
void store_print_counts(const struct hx *hx); /* as the value of a JSON member */
