/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/advert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

void advert_mark_path(char path[ADVERT_PATH_MAX], uint32_t domid)
{
	snprintf(path, ADVERT_PATH_MAX, "/local/domain/%" PRIu32 "/xcp-bus/is-bus", domid);
}

void advert_run_path(char path[ADVERT_PATH_MAX], uint32_t domid)
{
	snprintf(path, ADVERT_PATH_MAX, "/local/domain/%" PRIu32 "/data/xcp-busd", domid);
}

static int read_domid(struct store *store, uint32_t *domid)
{
	CLEANUP(cleanup_free) char *text = NULL;
	unsigned long number;
	char *end;
	int r = store_read(store, ADVERT_DOMID_PATH, &text, NULL);

	/* What is not there, guests of xenstored may not see either. */
	if (r == -EACCES)
		return -ENOENT;
	if (r < 0)
		return r;
	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || end == text || *end || number > INT16_MAX)
		return -EPROTO;
	*domid = (uint32_t)number;
	return 0;
}

/* Guests cannot write there, so that it is there is enough. */
static int read_mark(struct store *store, uint32_t domid, bool *is_marked)
{
	CLEANUP(cleanup_free) char *text = NULL;
	char path[ADVERT_PATH_MAX];
	int r;

	advert_mark_path(path, domid);
	r = store_read(store, path, &text, NULL);
	*is_marked = r == 0;
	return r == -ENOENT || r == -EACCES ? 0 : r;
}

/* -ENOENT, or the text. */
static int read_run(struct store *store, uint32_t domid, char run[ADVERT_RUN_MAX + 1])
{
	CLEANUP(cleanup_free) char *text = NULL;
	char path[ADVERT_PATH_MAX], *at;
	int r;

	advert_run_path(path, domid);
	r = store_read(store, path, &text, NULL);
	if (r < 0)
		return r == -EACCES ? -ENOENT : r;
	snprintf(run, ADVERT_RUN_MAX + 1, "%s", text);
	for (at = run; *at; at++)
		if (*at <= ' ' || *at > '~')
			*at = '?';
	return *run ? 0 : -ENOENT;
}

int advert_read(struct store *store, struct advert *advert)
{
	struct advert read = { 0 };
	int r = read_domid(store, &read.domid);

	if (r < 0)
		return r;
	r = read_mark(store, read.domid, &read.is_marked);
	if (r == 0)
		r = read_run(store, read.domid, read.run);
	if (r < 0 && r != -ENOENT)
		return r;
	*advert = read;
	return 0;
}

/* Readable by all, written by the owner. */
static int write_public(struct store *store, const char *path, uint32_t owner, const char *value)
{
	struct store_access access = { .domid = owner, .reads = true };
	CLEANUP(cleanup_free) char *old = NULL;
	int r = 0;

	/* Who watches is not to hear of what is as it was (see bus-finder.c). */
	if (store_read(store, path, &old, NULL) < 0 || strcmp(old, value) != 0)
		r = store_write(store, path, value);
	if (r < 0 || store_has_access(store, path, &access, 1))
		return r;
	return store_set_access(store, path, &access, 1);
}

static int check_is_there(struct store *store, uint32_t domid)
{
	CLEANUP(cleanup_free) char *text = NULL;
	char path[ADVERT_PATH_MAX];

	/* A xenstored that was started anew may know nothing of it. */
	if (domid == 0)
		return 0;
	snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/domid", domid);
	return store_read(store, path, &text, NULL);
}

/* In a domain that is just being destroyed nothing may be made that would stay. */
static int mark_domain(struct store *store, uint32_t domid)
{
	char path[ADVERT_PATH_MAX];
	int r, failure;

	advert_mark_path(path, domid);
	do {
		r = store_begin(store);
		if (r < 0)
			return r;
		failure = check_is_there(store, domid);
		if (failure == 0)
			failure = write_public(store, path, 0, "1");
		r = store_end(store, failure == 0);
	} while (r == -EAGAIN);
	return failure < 0 ? failure : r;
}

int advert_name_domain(struct store *store, uint32_t domid)
{
	char text[16];
	int r = mark_domain(store, domid);

	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "%" PRIu32, domid);
	return write_public(store, ADVERT_DOMID_PATH, 0, text);
}

void advert_unname_domain(struct store *store, uint32_t domid)
{
	char path[ADVERT_PATH_MAX];
	uint32_t named;

	advert_mark_path(path, domid);
	store_remove(store, path);
	if (read_domid(store, &named) == 0 && named == domid)
		store_remove(store, ADVERT_DOMID_PATH);
}

int advert_publish(struct store *store, uint32_t own_domid, const char *run)
{
	char path[ADVERT_PATH_MAX];

	advert_run_path(path, own_domid);
	return write_public(store, path, own_domid, run);
}

void advert_withdraw(struct store *store, uint32_t own_domid, const char *run)
{
	char path[ADVERT_PATH_MAX], found[ADVERT_RUN_MAX + 1];

	if (read_run(store, own_domid, found) < 0 || strcmp(found, run) != 0)
		return;
	advert_run_path(path, own_domid);
	store_remove(store, path);
	if (own_domid == 0)
		advert_unname_domain(store, own_domid);
}
